//! The clock in the store, so that a restart neither takes it back nor lets a frozen one run: what the store holds has times
//! of this clock.

use crate::store::{Keyspace, Store, StoreError, Txn};
use crate::time::{ClockRecord, SandboxClock};

/// Owns its one key.
const CLOCK: Keyspace<ClockRecord> = Keyspace::new("sandbox-clock");

/// What was last recorded of the clock of this store's sandbox; the real time if it never moved.
pub async fn read_clock(store: &dyn Store) -> Result<ClockRecord, StoreError> {
    Ok(CLOCK.get(store, "").await?.map_or_else(ClockRecord::default, |(record, _)| record))
}

/// Records the clock as it is now.
pub async fn record_clock(store: &dyn Store, clock: &SandboxClock) -> Result<(), StoreError> {
    let record = CLOCK.encode(&clock.record())?;
    let _unconditional = store.commit(Txn::new().put(CLOCK.key(""), record)).await?;
    Ok(())
}
