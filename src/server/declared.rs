//! `clients_file`: a start registers and changes clients until they are as declared, before the first request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::error::StartError;
use super::parts::{Parts, policy};
use crate::administration::{Actor, ChangeError};
use crate::clients::SecretStanding;
use crate::clients::registration::ClientPatch;
use crate::config::{Config, Environment};
use crate::declared::{
    self, Declared, Plan, Prune, ReadContext, Registered, SECRETS_FOLDER, SecretError, SecretToSend, Step,
};
use crate::oauth::credentials::ClientId;
use crate::precondition::Condition;
use crate::time::SECONDS_PER_DAY;

/// How often a long first start logs its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The clients that `clients_file` declares; `None` when it is not set.
pub(super) fn read(config: &Config) -> Result<Option<Vec<Declared>>, StartError> {
    let Some(path) = &config.clients_file else { return Ok(None) };
    let environment = Environment::of_process();
    let variable = |name: &str| environment.get(name).map(|value| Zeroizing::new(value.to_owned()));
    let secrets_dir = config.data_dir.join(SECRETS_FOLDER);
    let context = ReadContext { secrets_dir: Some(&secrets_dir), policy: &policy(config), variable: &variable };
    Ok(Some(declared::read(path, &context)?))
}

/// Registers and changes clients until they are as declared; deletes none. Where the server refuses one client, such as
/// for a secret that is easy to guess, that is logged, and the start goes on with the next.
pub(super) async fn register(parts: &Parts, issuer: &str, declared: &[Declared]) -> Result<(), StartError> {
    Registrar { parts, issuer }.register(declared).await
}

struct Registrar<'s> {
    parts: &'s Parts,
    issuer: &'s str,
}

impl Registrar<'_> {
    async fn register(&self, declared: &[Declared]) -> Result<(), StartError> {
        let mut registered = BTreeMap::new();
        let key = self.parts.clients.digest_key();
        for declared in declared {
            let Some(client) = self.parts.clients.get(declared.client_id.as_str()) else { continue };
            let standing = declared.secret.loaded().map(|secret| client.standing_of(key.fingerprint(secret)));
            registered.insert(client.client_id.clone(), Registered::new(&client, standing.unwrap_or_default()));
        }
        let plan = Plan::new(declared, &registered, Prune::Nothing, &BTreeSet::new());
        for note in plan.all_notes() {
            tracing::warn!(note, "a declared secret has to be changed");
        }
        let (mut due, total) = (self.parts.clock.monotonic() + PROGRESS_INTERVAL, plan.steps.len());
        let mut refused = 0_usize;
        for (done, step) in plan.steps.iter().enumerate() {
            if self.parts.clock.monotonic() >= due {
                tracing::info!(done, total, "declared clients are being registered");
                due += PROGRESS_INTERVAL;
            }
            match self.carry_out(step).await {
                Ok(()) => {}
                Err(error) if is_about_one_client(&error) => {
                    refused += 1;
                    tracing::warn!(client_id = %step.client_id(), %error, "a declared client is not as declared");
                }
                Err(error) => return Err(error),
            }
        }
        let declared::Counts { add, change, unchanged, .. } = plan.counts;
        tracing::info!(registered = add, changed = change, unchanged, refused, "clients are as declared");
        Ok(())
    }

    async fn carry_out(&self, step: &Step<'_>) -> Result<(), StartError> {
        let (administration, actor) = (&self.parts.administration, Actor::default());
        match step {
            Step::Register(client) => {
                let sent = self.secret_of(client)?;
                let (client_id, registration) = (client.client_id.clone(), client.registration.clone());
                let registered = administration.register_as(client_id, registration, &sent.secret, true, &actor).await;
                self.settle(client, &sent, registered.err()).await?;
            }
            Step::Change(client_id, changed) => self.patch(client_id, Step::patch(changed)).await?,
            Step::RotateSecret(client) => {
                let sent = self.secret_of(client)?;
                let secret = Some(sent.secret.clone());
                let rotated = administration.rotate_secret(&client.client_id, secret, SECONDS_PER_DAY, &actor).await;
                self.settle(client, &sent, rotated.err()).await?;
            }
            Step::Suspend(client_id) => self.set_status(client_id, "suspended").await?,
            Step::Resume(client_id) => self.set_status(client_id, "active").await?,
            Step::Remove(client_id, _) => administration.delete(client_id, &Condition::default(), &actor).await?,
        }
        Ok(())
    }

    /// The secret of a client, which is on disk for its operator when this returns.
    fn secret_of(&self, client: &Declared) -> Result<SecretToSend, StartError> {
        let sent = client.secret.load_or_generate(&client.client_id, self.issuer)?;
        if let Some(warning) = sent.secret.spelling_warning() {
            tracing::warn!(client_id = %client.client_id, warning, "a declared secret is easy to send in a wrong way");
        }
        Ok(sent)
    }

    /// Returns the refusal and removes a file that was written for the new secret; unless the client has that secret
    /// in spite of the error.
    async fn settle(
        &self,
        client: &Declared,
        sent: &SecretToSend,
        refused: Option<ChangeError>,
    ) -> Result<(), StartError> {
        let Some(refused) = refused else { return Ok(()) };
        let refused = StartError::from(refused);
        if !is_about_one_client(&refused) {
            return Err(refused);
        }
        let fingerprint = self.parts.clients.digest_key().fingerprint(&sent.secret);
        if self.parts.administration.standing_of(&client.client_id, fingerprint).await? == SecretStanding::Current {
            return Ok(());
        }
        if let Err(error) = client.secret.remove_unused(&client.client_id, sent) {
            tracing::warn!(client_id = %client.client_id, %error, "the file of a refused secret was not removed");
        }
        Err(refused)
    }

    async fn set_status(&self, client_id: &ClientId, status: &str) -> Result<(), StartError> {
        self.patch(client_id, Map::from_iter([("status".to_owned(), status.into())])).await
    }

    async fn patch(&self, client_id: &ClientId, members: Map<String, Value>) -> Result<(), StartError> {
        let unfit = |_| StartError::Setting(format!("{client_id} cannot be changed as declared"));
        let patch = ClientPatch::parse(&members, &self.parts.policy).map_err(unfit)?;
        self.parts.administration.change(client_id, &patch, &Condition::default(), &Actor::default()).await?;
        Ok(())
    }
}

/// Whether the error concerns only this client, so that the next one may be registered.
fn is_about_one_client(error: &StartError) -> bool {
    let StartError::First(error) = error else {
        return matches!(error, StartError::Secret(SecretError::Weak(_)));
    };
    match error {
        ChangeError::AlreadyRegistered
        | ChangeError::ClientUnknown
        | ChangeError::PreconditionFailed
        | ChangeError::LastAdministrator
        | ChangeError::TooManySecrets { .. }
        | ChangeError::SecretKnown
        | ChangeError::SecretUnknown
        | ChangeError::LastSecret
        | ChangeError::KeyReused
        | ChangeError::KeyTooShort
        | ChangeError::RegisteredGone
        | ChangeError::RegisteredSecretGone
        | ChangeError::TooManyKeys(_)
        | ChangeError::ReportUnknown
        | ChangeError::PassportWithdrawn(_)
        | ChangeError::Contended => true,
        ChangeError::NoRandomness | ChangeError::Store(_) | ChangeError::Key(_) => false,
    }
}
