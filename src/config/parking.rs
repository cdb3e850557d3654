//! `[parking]`: how much one client may store in the sample API.

use super::raw::Raw;
use crate::idempotency::DEFAULT_MAX_KEYS;
use crate::parking::DEFAULT_MAX_ZONES;
use crate::store::MAX_SLOTS;

/// `[parking]`: how much one client may store in the sample API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parking {
    /// `max_zones_per_client`: zones that the client created and that still exist; by default 10,000.
    pub max_zones_per_client: u32,
    /// `max_idempotency_keys_per_client`: `Idempotency-Key`s of the last 24 hours; by default 10,000.
    pub max_idempotency_keys_per_client: u32,
}

impl Parking {
    pub(super) fn read(raw: &mut Raw) -> Self {
        let keys = "parking.max_idempotency_keys_per_client";
        Self {
            max_zones_per_client: raw.number("parking.max_zones_per_client", 1..=MAX_SLOTS, DEFAULT_MAX_ZONES),
            max_idempotency_keys_per_client: raw.number(keys, 1..=MAX_SLOTS, DEFAULT_MAX_KEYS),
        }
    }
}
