//! What a sandbox has beside a production server: clients whose credentials are published, and the rooms that the user of
//! the sandbox controls: its clock, its faults, its journal and its snapshots.
//!
//! All rules of the gate are the same. Only under `boomgate sandbox`, and only on loopback. Nothing here knows HTTP:
//! [`http::sandbox`](crate::http) has the handlers, and the two layers around the application.

pub(crate) mod active_troubles;
pub(crate) mod claims;
mod clock_record;
mod control_token;
pub mod demo;
pub mod faults;
pub(crate) mod forge;
pub(crate) mod journal;
mod own_hosts;
pub(crate) mod peer_user;
mod snapshots;
pub(crate) mod troubles;
pub(crate) mod unknown_client;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;
use uuid::Uuid;

use self::active_troubles::Troubles;
pub use self::clock_record::{read_clock, record_clock};
pub use self::control_token::{CONTROL_TOKEN_FILE, CONTROL_TOKEN_PREFIX, ControlToken};
pub use self::faults::Faults;
pub use self::journal::Journal;
pub(crate) use self::journal::connections::Connections;
pub use self::own_hosts::OwnHosts;
pub use self::snapshots::Snapshots;
pub(crate) use self::snapshots::{GateState, InvalidName, SnapshotError, SnapshotName};
pub use self::upkeep::{JumpFault, Upkeep};
use crate::time::SandboxClock;

/// How long a change of the sandbox waits for the requests that are under way.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The rooms of a sandbox, one field each.
#[derive(Debug)]
pub struct Sandbox {
    /// The clock of the whole gate.
    pub clock: Arc<SandboxClock>,
    /// What controls the sandbox.
    pub token: ControlToken,
    /// The names by which control requests may call this server.
    pub hosts: OwnHosts,
    /// The rules for faults.
    pub faults: Arc<Faults>,
    /// What was requested and answered.
    pub journal: Journal,
    /// The states to go back to.
    pub snapshots: Snapshots,
    /// The troubles that are on.
    pub(crate) troubles: Arc<Troubles>,
    /// Held while a client is made, suspended or deleted for [wrong tokens](forge).
    pub(crate) helpers: Mutex<()>,
    /// Each request to the API holds it for reading while its handler runs. See [`Sandbox::quiet`].
    in_flight: RwLock<()>,
}

/// Requests are still under way after [`MAX_WAIT`], so that the sandbox did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests are under way that do not end: nothing was changed")]
pub struct NotQuiet;

impl Sandbox {
    /// A sandbox with nothing in its rooms.
    #[must_use]
    pub fn new(
        clock: Arc<SandboxClock>,
        token: ControlToken,
        hosts: OwnHosts,
        journal: Journal,
        snapshots: Snapshots,
    ) -> Self {
        Self {
            faults: Arc::new(Faults::new(clock.clone(), Uuid::new_v4().as_u64_pair().0)),
            clock,
            token,
            hosts,
            journal,
            snapshots,
            troubles: Arc::default(),
            helpers: Mutex::default(),
            in_flight: RwLock::new(()),
        }
    }

    /// Waits until no handler runs, and holds the next ones back. So no request is half in one time, or state, and half in
    /// another. Its holder must not wait for a request to this server.
    pub async fn quiet(&self) -> Result<RwLockWriteGuard<'_, ()>, NotQuiet> {
        // A body may take half a minute to arrive, and a waiting writer holds all other requests back.
        timeout(MAX_WAIT, self.in_flight.write()).await.map_err(|_| NotQuiet)
    }

    /// What a request holds while its handler runs.
    pub async fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.in_flight.read().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::time::{ClockRecord, SystemClock};

    #[tokio::test]
    async fn a_sandbox_is_quiet_once_no_handler_runs_and_then_none_starts() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SandboxClock::over(Arc::new(SystemClock::new()), ClockRecord::default()));
        let sandbox = Sandbox::new(
            clock,
            ControlToken::open(folder.path()).unwrap(),
            OwnHosts::default(),
            Journal::new(10),
            Snapshots::in_memory(),
        );
        let (one, other) = (sandbox.enter().await, sandbox.enter().await);
        assert!(sandbox.quiet().now_or_never().is_none());
        drop(one);
        assert!(sandbox.quiet().now_or_never().is_none());
        drop(other);
        let quiet = sandbox.quiet().await.unwrap();
        assert!(sandbox.enter().now_or_never().is_none());
        drop(quiet);
        assert!(sandbox.enter().now_or_never().is_some());
    }
}
