//! Leases: the store records a block of units as leased before this process spends any of it.

use std::sync::Arc;

use super::counter::{DayCounter, Unspent, block_size, max_units};
use super::history;
use super::record::{LEASES, Leased, lease_id};
use crate::counts::Counter;
use crate::limits::Limits;
use crate::oauth::credentials::ClientId;
use crate::store::{Outcome, Store, StoreError, Txn};
use crate::time::Day;

/// How often a write is tried again after another node changed the record first.
const MAX_RACES: usize = 64;

/// What was leased so far.
#[derive(Debug, Default)]
pub struct LeaseCounts {
    /// Blocks that the store has recorded.
    pub blocks: Counter,
    /// Units in them.
    pub units: Counter,
    /// Units that went back unspent.
    pub returned: Counter,
    /// Leases that failed because the store did not answer.
    pub failed: Counter,
}

/// Leases blocks, and returns the units that were not spent.
pub(super) struct Leasing {
    pub(super) store: Arc<dyn Store>,
    pub(super) counts: LeaseCounts,
}

impl Leasing {
    /// Leases a block, if the client needs one once it is its turn, and credits it to the counter.
    pub(super) async fn lease(
        &self,
        client_id: &ClientId,
        counter: &DayCounter,
        day: Day,
        limits: Limits,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = counter.lease_lock.lock().await;
        // The lease before this one may have been enough.
        let needs_block = counter.lock().needs_block(day, limits);
        let leased = match needs_block {
            None => Err(StoreError::Unavailable("the server is stopping".into())),
            Some(false) => Ok(()),
            Some(true) => self.lease_block(client_id, counter, day, limits, |leased| block_size(limits, leased)).await,
        };
        counter.lock().lease_is_under_way = false;
        if let Err(error) = &leased {
            self.counts.failed.add_one();
            tracing::error!(%client_id, %error, "no quota block could be leased");
        }
        leased
    }

    /// Leases all that is left of the quota. The caller holds the counter's lock for leases.
    pub(super) async fn lease_rest(
        &self,
        client_id: &ClientId,
        counter: &DayCounter,
        day: Day,
        limits: Limits,
    ) -> Result<(), StoreError> {
        self.lease_block(client_id, counter, day, limits, |_| u64::MAX).await
    }

    /// Records one more block of the day, or the rest of the quota, as leased. The record alone decides the size of the
    /// block: after a client was deleted and registered again, the first block is small again.
    async fn lease_block(
        &self,
        client_id: &ClientId,
        counter: &DayCounter,
        day: Day,
        limits: Limits,
        size: impl Fn(u64) -> u64,
    ) -> Result<(), StoreError> {
        let (store, id) = (&*self.store, lease_id(client_id, day));
        for _ in 0..MAX_RACES {
            let stored = LEASES.get(store, &id).await?;
            let leased = stored.as_ref().map_or(0, |(record, _)| record.units);
            let granted = size(leased).min(max_units(limits).saturating_sub(leased));
            if granted == 0 {
                let _no_block_to_return = counter.lock().credit(day, leased, 0);
                return Ok(());
            }
            let key = LEASES.key(&id);
            let txn = match stored {
                Some((_, value)) => Txn::new().equals(key.clone(), value),
                None => history::delete_expired(store, client_id, day).await?.absent(key.clone()),
            };
            let record = Leased { units: leased.saturating_add(granted) };
            if let Outcome::Committed(_) = store.commit(txn.put(key, LEASES.encode(&record)?)).await? {
                self.counts.blocks.add_one();
                self.counts.units.add(granted);
                let unspent = counter.lock().credit(day, record.units, granted);
                return match unspent {
                    Some(unspent) => self.return_unspent(client_id, unspent).await,
                    None => Ok(()),
                };
            }
        }
        Err(lost_races())
    }

    /// Gives unspent units back to the record of their day.
    pub(super) async fn return_unspent(&self, client_id: &ClientId, unspent: Unspent) -> Result<(), StoreError> {
        if unspent.units == 0 {
            return Ok(());
        }
        let (store, id) = (&*self.store, lease_id(client_id, unspent.day));
        for _ in 0..MAX_RACES {
            let Some((record, value)) = LEASES.get(store, &id).await? else { return Ok(()) };
            let reduced = Leased { units: record.units.saturating_sub(unspent.units) };
            let key = LEASES.key(&id);
            let txn = Txn::new().equals(key.clone(), value).put(key, LEASES.encode(&reduced)?);
            if let Outcome::Committed(_) = store.commit(txn).await? {
                self.counts.returned.add(unspent.units.min(record.units));
                return Ok(());
            }
        }
        Err(lost_races())
    }
}

fn lost_races() -> StoreError {
    StoreError::Unavailable("the quota record changed under every attempt".into())
}
