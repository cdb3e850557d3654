//! States of a sandbox that were saved, and the return to one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::time::UnixSeconds;

/// A snapshot, without what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// The time of the sandbox when it was saved, which a restore goes back to.
    pub saved_at: UnixSeconds,
    /// The time of the machine when it was saved.
    pub real_saved_at: UnixSeconds,
    /// How many clients it holds.
    pub clients: usize,
    /// How many zones it holds.
    pub zones: usize,
    /// The bytes of what it holds.
    pub bytes: usize,
}

/// The answer to `GET /sandbox/snapshots`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotList {
    /// All that can be restored, in the order of their names.
    pub data: Vec<Snapshot>,
    /// The names of files in the folder of the snapshots that are none, or are damaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// The answer to a restore and to a reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The snapshot; none after a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The time of the sandbox from now on.
    pub now: UnixSeconds,
    /// How many clients there are.
    pub clients: usize,
    /// How many zones there are.
    pub zones: usize,
    /// The number of the newest request in the journal: `since` with this number finds the requests after it. A reset has
    /// emptied the journal.
    pub last: u64,
    /// What to know about it.
    pub note: Cow<'static, str>,
}
