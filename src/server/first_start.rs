//! What an empty data folder gets at its first start: a signing key, the first clients, their credentials in files.

use std::fs;
use std::path::Path;

use ring::rand::SystemRandom;
use serde::Serialize;

use super::error::StartError;
use super::parts::Parts;
use crate::administration::{Actor, OPERATOR_LIMITS};
use crate::admission::ADMIN_AUDIENCE;
use crate::api::credentials::{CredentialsFile, to_text};
use crate::clients::registration::Registration;
use crate::config::{Config, Edition};
use crate::files;
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::scope::{READ_ADMIN, Scope, WRITE_ADMIN};
use crate::sandbox::demo;
use crate::store::{Keyspace, Outcome, Store, Txn};

/// The file of the first client's credentials, in the data folder.
pub(super) const ADMIN_CREDENTIALS: &str = "admin-credentials.json";
/// The file of the demo clients' credentials, in the data folder.
pub(super) const DEMO_CREDENTIALS: &str = "demo-clients.json";

/// The edition that the folder belongs to.
pub(super) const EDITION: Keyspace<String> = Keyspace::new("edition");

/// Refuses a folder of the other edition, and claims a new one. A folder belongs to one edition for ever: the
/// credentials of a sandbox are public, so its clients must never get into production.
pub(super) async fn claim_for_edition(store: &dyn Store, config: &Config) -> Result<(), StartError> {
    let edition = config.edition.name().to_owned();
    let key = EDITION.key("");
    let first = Txn::new().absent(key.clone()).put(key, EDITION.encode(&edition)?);
    if let Outcome::Committed(_) = store.commit(first).await? {
        return Ok(());
    }
    match EDITION.get(store, "").await? {
        Some((found, _)) if found != edition => {
            Err(StartError::OtherEdition(config.data_dir.clone(), config.edition.other().name()))
        }
        _ => Ok(()),
    }
}

/// Creates what is missing, and writes the issuer into the files of credentials.
pub(super) async fn first_start(parts: &Parts, config: &Config, issuer: &str) -> Result<(), StartError> {
    match config.edition {
        Edition::Sandbox => write_credentials(&config.data_dir, DEMO_CREDENTIALS, &demo::credentials(issuer))?,
        Edition::Serve if parts.clients.count() == 0 => register_admin(parts, &config.data_dir, issuer).await?,
        Edition::Serve => update_issuer(&config.data_dir, issuer)?,
    }
    fill_store(parts, config).await
}

/// Creates what is missing in the store alone.
pub(super) async fn fill_store(parts: &Parts, config: &Config) -> Result<(), StartError> {
    parts.administration.ensure_signing_key(config.signing_algorithm).await?;
    if config.edition == Edition::Sandbox {
        register_demos(parts).await?;
    }
    if config.sample_zones {
        parts.parking.seed_samples_if_empty().await?;
    }
    Ok(())
}

/// The first client, which registers all others. Its credentials are on disk before it is registered: after a crash
/// in between, no client has a secret that was never written.
async fn register_admin(parts: &Parts, data_dir: &Path, issuer: &str) -> Result<(), StartError> {
    let unfit = |_| StartError::Setting("the admin client cannot be created".to_owned());
    let no_randomness = |_| StartError::Setting("the system's random source did not answer".to_owned());
    let secret = ClientSecret::generate(&SystemRandom::new()).map_err(no_randomness)?;
    let client_id = ClientId::parse("admin").map_err(|fault| StartError::Setting(fault.to_string()))?;
    let registration = Registration {
        client_name: "Administrator of this server".to_owned(),
        scope: Scope::parse(&format!("{READ_ADMIN} {WRITE_ADMIN}")).map_err(unfit)?,
        audience: vec![ADMIN_AUDIENCE.to_owned()].into(),
        token_ttl: parts.policy.client_defaults.token_ttl,
        report_required: false,
        limits: OPERATOR_LIMITS,
    };
    let credentials = CredentialsFile::new(client_id.as_str(), secret.expose(), Some(issuer));
    write_credentials(data_dir, ADMIN_CREDENTIALS, &credentials)?;
    parts.administration.register(client_id, registration, &secret, &Actor::default()).await?;
    Ok(())
}

/// The command line finds the server by the credentials file, so a changed address is written there too.
fn update_issuer(data_dir: &Path, issuer: &str) -> Result<(), StartError> {
    let Ok(text) = fs::read(data_dir.join(ADMIN_CREDENTIALS)) else { return Ok(()) };
    let Ok(mut credentials) = serde_json::from_slice::<CredentialsFile>(&text) else { return Ok(()) };
    if credentials.issuer.as_deref() == Some(issuer) {
        return Ok(());
    }
    credentials.issuer = Some(issuer.to_owned());
    write_credentials(data_dir, ADMIN_CREDENTIALS, &credentials)
}

async fn register_demos(parts: &Parts) -> Result<(), StartError> {
    for demo in demo::DEMOS {
        let client_id = demo.client_id().map_err(|fault| StartError::Setting(fault.to_string()))?;
        if parts.clients.get(client_id.as_str()).is_some() {
            continue;
        }
        let registration = demo.registration(&parts.policy).map_err(|fault| StartError::Setting(fault.to_string()))?;
        parts.administration.register(client_id, registration, &demo.secret(), &Actor::default()).await?;
    }
    Ok(())
}

fn write_credentials(data_dir: &Path, name: &str, credentials: &impl Serialize) -> Result<(), StartError> {
    let path = data_dir.join(name);
    let written = to_text(credentials).and_then(|text| files::write_private(&path, text.as_bytes()));
    written.map_err(|cause| StartError::Folder { path, cause })
}
