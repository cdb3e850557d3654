//! The quota's record in the store: one for each client and day.

use serde::{Deserialize, Serialize};

use crate::oauth::credentials::ClientId;
use crate::store::Keyspace;
use crate::time::Day;

pub(super) const LEASES: Keyspace<Leased> = Keyspace::new("quota");

/// What all nodes together have leased of one client's day.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Leased {
    /// Units that are spent, or that a process may still spend.
    pub(super) units: u64,
}

pub(super) fn lease_id(client_id: &ClientId, day: Day) -> String {
    format!("{client_id}/{day}")
}

/// The prefix of the keys of all of a client's days.
pub(super) fn prefix(client_id: &ClientId) -> Vec<u8> {
    LEASES.key(format!("{client_id}/")).as_bytes().to_vec()
}
