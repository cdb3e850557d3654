//! The shift of the clock in the store, so that a restart does not take it back: what the store holds has times of the
//! shifted clock.

use serde::{Deserialize, Serialize};

use crate::store::{Keyspace, Store, StoreError, Txn};
use crate::time::SandboxClock;

const CLOCK: Keyspace<ClockRecord> = Keyspace::new("sandbox-clock");

/// Owns its one key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ClockRecord {
    shifted_by_ms: i64,
}

/// How far the clock of this store's sandbox was ahead of the real one, in milliseconds; 0 if it never moved.
pub async fn read_shift(store: &dyn Store) -> Result<i64, StoreError> {
    Ok(CLOCK.get(store, "").await?.map_or(0, |(record, _)| record.shifted_by_ms))
}

/// Records how far it is ahead now.
pub async fn record_shift(store: &dyn Store, clock: &SandboxClock) -> Result<(), StoreError> {
    let record = CLOCK.encode(&ClockRecord { shifted_by_ms: clock.shifted_by_ms() })?;
    let _unconditional = store.commit(Txn::new().put(CLOCK.key(""), record)).await?;
    Ok(())
}
