//! The seed of a sandbox, which a reset goes back to: what a first start makes in an empty folder.
//!
//! It is made anew for each reset, by the code of a first start over a store in memory. So its clients are registered anew,
//! and no token of the time before is theirs. The signing keys are those that this process started with: a client that
//! remembers the JWK Set of the start still verifies tokens.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_web::web::Data;

use super::declared;
use super::error::StartError;
use super::first_start::{EDITION, fill_store};
use super::host_metrics::HostMetrics;
use super::parts::{Parts, assemble};
use crate::clients::digest_key;
use crate::config::Config;
use crate::declared::Declared;
use crate::keys::Keys;
use crate::sandbox::{GateState, Sandbox};
use crate::store::{Contents as _, Entries, MAX_SCAN, MemoryStore, Store, StoreError, TimedStore};
use crate::time::SharedClock;

/// What a seed is made of.
#[derive(Clone)]
pub(super) struct Seed {
    config: Config,
    issuer: String,
    declared: Option<Arc<[Declared]>>,
    /// The real clock.
    clock: SharedClock,
    host: HostMetrics,
    /// The records that stay as they were at the start: the keys, and the edition of the folder.
    stays: Entries,
}

impl Seed {
    /// To be called once the start has filled the store.
    pub(super) async fn new(
        config: &Config,
        issuer: &str,
        declared: Option<Vec<Declared>>,
        clock: SharedClock,
        host: HostMetrics,
        store: &dyn Store,
    ) -> Result<Self, StoreError> {
        let mut stays = Vec::new();
        for prefix in [Keys::prefix(), digest_key::prefix(), EDITION.prefix()] {
            stays.extend(store.scan(&prefix, None, MAX_SCAN).await?);
        }
        let (config, issuer, declared) = (config.clone(), issuer.to_owned(), declared.map(Into::into));
        Ok(Self { config, issuer, declared, clock, host, stays: stays.into_iter().collect() })
    }

    /// What goes back to it.
    pub(super) fn gate_state(self, parts: &Parts, sandbox: &Sandbox, store: Arc<dyn Store>) -> Data<GateState> {
        let make_seed = move || {
            let seed = self.clone();
            let made =
                async move { seed.make().await.map_err(|cause| StoreError::Unavailable(cause.to_string().into())) };
            Box::pin(made) as _
        };
        Data::new(GateState {
            store,
            clock: sandbox.clock.clone(),
            clients: parts.clients.clone().into_inner(),
            keys: parts.keys.clone().into_inner(),
            revocation: parts.revocation.clone(),
            parking: parts.parking.clone().into_inner(),
            audit: parts.audit.clone().into_inner(),
            admission: parts.admission.clone().into_inner(),
            client_credentials: parts.client_credentials.clone().into_inner(),
            failures: parts.failures.clone(),
            administration: parts.administration.clone().into_inner(),
            faults: sandbox.faults.clone(),
            troubles: sandbox.troubles.clone(),
            refusals: parts.refusals.clone().into_inner(),
            activity: parts.activity.activity(),
            make_seed: Box::new(make_seed),
        })
    }

    async fn make(&self) -> Result<Entries, StartError> {
        let Self { config, issuer, declared, clock, host, stays } = self;
        let store = Arc::new(MemoryStore::new());
        store.replace(stays).await?;
        let timed = Arc::new(TimedStore::new(store.clone()));
        let stopping = Arc::<AtomicBool>::default();
        let parts = assemble(config, issuer, timed, clock.clone(), host.clone(), stopping).await?;
        fill_store(&parts, config).await?;
        if let Some(declared) = declared {
            declared::register(&parts, issuer, declared).await?;
        }
        Ok(store.entries().await?)
    }
}
