//! Everything of the gate that has a state: it is captured for a snapshot, and goes back.
//!
//! The store comes first: its readers are waited for. What only memory has follows, and each owner knows what that
//! is. Metrics do not go back: a counter only grows. Nor does the limit on token requests by address, which has a clock of
//! its own.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use tokio::sync::RwLockWriteGuard;

use super::SnapshotError;
use super::saved::{Facts, Memory, Saved};
use crate::activity::Activity;
use crate::administration::Administration;
use crate::admission::Admission;
use crate::audit::Audit;
use crate::client_credentials::ClientCredentials;
use crate::clients::Clients;
use crate::failures::Failures;
use crate::keys::Keys;
use crate::parking::Parking;
use crate::refusals::Refusals;
use crate::revocation::Revocation;
use crate::sandbox::active_troubles::Troubles;
use crate::sandbox::clock_record::{read_clock, record_clock};
use crate::sandbox::faults::Faults;
use crate::store::{Contents, Entries, Store, StoreError};
use crate::time::{Clock as _, SandboxClock};

/// Makes what an empty store gets at its first start, with the signing keys that this process started with.
pub(crate) type MakeSeed = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Entries, StoreError>> + Send + Sync>;

/// Proof that no handler runs.
pub(crate) type Quiet<'s> = RwLockWriteGuard<'s, ()>;

/// The owners of the state.
pub(crate) struct GateState {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<SandboxClock>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) revocation: Arc<Revocation>,
    pub(crate) parking: Arc<Parking>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) client_credentials: Arc<ClientCredentials>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) administration: Arc<Administration>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) troubles: Arc<Troubles>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) make_seed: MakeSeed,
}

impl GateState {
    /// Everything, as it is at this moment.
    pub(crate) async fn capture(&self, _quiet: &Quiet<'_>) -> Result<Saved, SnapshotError> {
        let contents = self.contents()?;
        let limits = self.admission.capture().await?;
        self.clients.write_back_uses().await?;
        let memory = Memory {
            clock: self.clock.is_shifted().then(|| self.clock.state()),
            limits,
            token_requests: self.client_credentials.capture(),
            failures: self.failures.capture(),
            faults: self.faults.save(),
            troubles: self.troubles.save().await,
            exposures: self.administration.exposures(),
        };
        let entries = contents.entries().await?;
        let facts = Facts {
            saved_at: self.clock.now(),
            real_saved_at: self.clock.real_now(),
            clients: self.clients.count(),
            zones: self.parking.count(),
            bytes: entries.bytes(),
        };
        Ok(Saved { facts, memory, entries })
    }

    /// Goes back to what was captured. After an `Err` nothing has changed, unless the store did not answer.
    pub(crate) async fn restore(&self, saved: &Saved, quiet: &Quiet<'_>) -> Result<(), SnapshotError> {
        if !self.clients.can_verify_secrets_of(&saved.entries) {
            return Err(SnapshotError::Foreign);
        }
        self.go_to(&saved.entries, &saved.memory, quiet).await
    }

    /// What [`reset`](Self::reset) goes to. It may be made while requests are served.
    pub(crate) async fn make_seed(&self) -> Result<Entries, SnapshotError> {
        Ok((self.make_seed)().await?)
    }

    /// Goes to the seed, as if this process had just started with an empty store.
    pub(crate) async fn reset(&self, seed: &Entries, quiet: &Quiet<'_>) -> Result<(), SnapshotError> {
        self.go_to(seed, &Memory::default(), quiet).await?;
        self.refusals.clear();
        Ok(())
    }

    async fn go_to(&self, entries: &Entries, memory: &Memory, _quiet: &Quiet<'_>) -> Result<(), SnapshotError> {
        let contents = self.contents()?;
        // A lease that is recorded later would be of the time before.
        self.admission.settle().await;
        let replaced = contents.replace(entries).await?;
        match memory.clock {
            Some(state) => self.clock.return_to(state),
            None => self.clock.reset(),
        }
        self.record_clock().await;
        tokio::join!(
            self.clients.start_anew(replaced),
            self.keys.wait_for(replaced),
            self.revocation.wait_for(replaced),
            self.parking.start_anew(replaced),
            self.audit.start_anew(),
        );
        self.admission.restore(&memory.limits);
        self.activity.clear(self.clock.now());
        self.client_credentials.restore(&memory.token_requests);
        self.failures.restore(&memory.failures);
        self.faults.restore(&memory.faults);
        self.troubles.restore(&memory.troubles).await;
        self.administration.restore_exposures(&memory.exposures);
        Ok(())
    }

    /// The store has what was recorded when the clock last moved, and real time has gone on.
    async fn record_clock(&self) {
        let recorded = match read_clock(&*self.store).await {
            Ok(record) if record == self.clock.record() => Ok(()),
            _ => record_clock(&*self.store, &self.clock).await,
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "the clock is not in the store: a restart may change it");
        }
    }

    fn contents(&self) -> Result<&dyn Contents, SnapshotError> {
        self.store.contents().ok_or(SnapshotError::SharedStore)
    }
}
