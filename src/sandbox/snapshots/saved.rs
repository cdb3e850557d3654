//! What one snapshot holds.

use serde::{Deserialize, Serialize};

use super::name::SnapshotName;
use crate::admission::LimitLevels;
use crate::api::sandbox::snapshot::Snapshot;
use crate::client_credentials::TokenRequestLevels;
use crate::failures::FailureState;
use crate::oauth::credentials::ClientId;
use crate::sandbox::active_troubles::SavedTroubles;
use crate::sandbox::faults::SavedFaults;
use crate::store::Entries;
use crate::time::{ClockState, UnixSeconds};

/// Everything that a sandbox goes back to.
#[derive(Clone)]
pub(crate) struct Saved {
    pub(crate) facts: Facts,
    pub(crate) memory: Memory,
    /// All of the store.
    pub(crate) entries: Entries,
}

/// What a list says of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) saved_at: UnixSeconds,
    pub(crate) real_saved_at: UnixSeconds,
    pub(crate) clients: usize,
    pub(crate) zones: usize,
    pub(crate) bytes: usize,
}

/// What only memory has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// `None` is the real time.
    pub(super) clock: Option<ClockState>,
    pub(super) limits: LimitLevels,
    pub(super) token_requests: TokenRequestLevels,
    pub(super) failures: FailureState,
    pub(super) faults: SavedFaults,
    pub(super) troubles: SavedTroubles,
    /// When each client's exposed secret last made an audit entry.
    pub(super) exposures: Vec<(ClientId, UnixSeconds)>,
}

impl Facts {
    pub(crate) fn shown(&self, name: &SnapshotName) -> Snapshot {
        let Self { saved_at, real_saved_at, clients, zones, bytes } = *self;
        Snapshot { name: name.to_string(), saved_at, real_saved_at, clients, zones, bytes }
    }
}
