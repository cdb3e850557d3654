//! How much a client may call in a UTC day, exactly, without the disk on a request's way.
//!
//! Owns the keys under `quota/`: for each client and day, the units that are spent or held. A request
//! spends a unit that this process holds in memory; the process holds only what the store had recorded
//! as leased, durably, before. So whatever dies, no unit is ever spent twice: a crash loses at most the
//! two blocks that were held, a clean stop returns them, and the same record makes one quota hold for
//! many nodes.
//!
//! A block is 1 % of the quota, at least 1 and at most 1,000 units. When half of one is gone the next is
//! leased in the background; a request waits only when none is left.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use papaya::HashMap;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::oauth::credentials::ClientId;
use crate::oauth::limits::Limits;
use crate::store::{Keyspace, Outcome, Store, StoreError, Txn};
use crate::time::{Day, SharedClock, UnixSeconds};

/// The largest block, in units: what a crash can cost an unlimited client's count, twice.
const MAX_BLOCK: u64 = 1_000;
/// How often a lost race for a record is run again before the store counts as not answering.
const MAX_RACES: usize = 64;
/// Days of usage that are kept, today's included.
pub const DAYS_KEPT: u64 = 90;
/// How many outdated days one lease deletes.
const OUTDATED_BATCH: usize = 16;
/// How many counters are settled at a time on a clean stop: they share the store's syncs.
const SETTLED_AT_ONCE: usize = 128;

const LEASES: Keyspace<Leased> = Keyspace::new("quota");

/// What the store knows of one client's day.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Leased {
    /// Units that are spent, or held by a process that may spend them.
    units: u64,
}

/// The counters of all clients that have called today.
#[derive(Clone)]
pub struct Quota {
    store: Arc<dyn Store>,
    clock: SharedClock,
    counters: Arc<HashMap<ClientId, Arc<Counter>>>,
    /// Where leases are taken: a caller that goes away must not take a leased block with it.
    leasing: Handle,
}

/// Where a client stands today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Whether this request was within the quota; of a peek, whether the next one is.
    pub admitted: bool,
    /// Units in a day; `None` is unlimited.
    pub daily_quota: Option<u64>,
    /// Units spent today. Units that other nodes hold count as spent.
    pub used: u64,
    /// Units left today.
    pub remaining: Option<u64>,
    /// When the day ends and all units are there again.
    pub resets_at: UnixSeconds,
    /// Seconds until then.
    pub resets_in_s: u64,
}

impl Quota {
    /// Counters that are read from the store as clients call. Must be called on the runtime that lives
    /// as long as the server: leases run there.
    #[must_use]
    pub fn open(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        Self { store, clock, counters: Arc::new(HashMap::new()), leasing: Handle::current() }
    }

    /// Spends one unit of the client's day, if one is left. Waits for the store only when this process
    /// holds none: at the first request of a day, or when requests outrun the leases.
    pub async fn spend(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        let counter = self.counter(client_id, self.clock.now().day());
        loop {
            // Read anew each time: a wait for a lease may have crossed midnight.
            let now = self.clock.now();
            let (step, outdated) = counter.lock().spend(now.day(), limits);
            if let Some(outdated) = outdated {
                self.leasing.spawn(settle_logged(self.store.clone(), client_id.clone(), outdated));
            }
            match step {
                Step::Spent { count, then_lease } => {
                    if then_lease {
                        drop(self.lease(client_id, &counter, now.day(), limits));
                    }
                    return Ok(count.units(true, limits, now));
                }
                Step::Exhausted(count) => return Ok(count.units(false, limits, now)),
                Step::Empty => {
                    let leased = self.lease(client_id, &counter, now.day(), limits).await;
                    leased.map_err(|stopped| StoreError::Unavailable(stopped.to_string().into()))??;
                }
            }
        }
    }

    /// Where the client stands; spends nothing. Reads the store if the client has not called today.
    pub async fn peek(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        if let Some(units) = self.known(client_id, limits) {
            return Ok(units);
        }
        let now = self.clock.now();
        let stored = LEASES.get(&*self.store, lease_id(client_id, now.day())).await?;
        let count = Count { leased: stored.map_or(0, |(record, _)| record.units), held: 0 };
        Ok(count.units(count.used() < limit(limits), limits, now))
    }

    /// The same, from memory alone: `None` if the client has not called today.
    #[must_use]
    pub fn known(&self, client_id: &ClientId, limits: Limits) -> Option<Units> {
        let now = self.clock.now();
        let count = self.counters.pin().get(client_id)?.lock().count_of(now.day())?;
        Some(count.units(count.used() < limit(limits), limits, now))
    }

    /// Returns every unit that is held and not spent. For a clean stop: after it, nothing may be spent.
    pub async fn close(&self) -> Result<(), StoreError> {
        let counters: Vec<_> =
            self.counters.pin().iter().map(|(client_id, counter)| (client_id.clone(), counter.clone())).collect();
        let settled = stream::iter(counters).map(|(client_id, counter)| async move {
            // Waits for a lease under way: its units are held from then on.
            let _turn = counter.turn.lock().await;
            let outdated = counter.lock().take();
            settle(&*self.store, &client_id, outdated).await
        });
        let outcomes: Vec<_> = settled.buffer_unordered(SETTLED_AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    /// Forgets clients that `keep` does not know any more.
    pub fn retain(&self, keep: impl Fn(&ClientId) -> bool) {
        self.counters.pin().retain(|client_id, _| keep(client_id));
    }

    fn counter(&self, client_id: &ClientId, today: Day) -> Arc<Counter> {
        let counters = self.counters.pin();
        match counters.get(client_id) {
            Some(counter) => counter.clone(),
            None => counters.get_or_insert_with(client_id.clone(), || Arc::new(Counter::new(today))).clone(),
        }
    }

    fn lease(
        &self,
        client_id: &ClientId,
        counter: &Arc<Counter>,
        day: Day,
        limits: Limits,
    ) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let (store, client_id, counter) = (self.store.clone(), client_id.clone(), counter.clone());
        self.leasing.spawn(async move {
            let _turn = counter.turn.lock().await;
            // Whoever had the turn before may have leased enough.
            let wanted = counter.lock().wanted(day, limits);
            let leased = match wanted {
                0 => Ok(()),
                block => lease_block(&*store, &client_id, &counter, day, limits, block).await,
            };
            counter.lock().leasing = false;
            if let Err(error) = &leased {
                tracing::error!(%client_id, %error, "no quota block could be leased");
            }
            leased
        })
    }
}

/// Records up to `block` more units of the day as leased, then holds them.
async fn lease_block(
    store: &dyn Store,
    client_id: &ClientId,
    counter: &Counter,
    day: Day,
    limits: Limits,
    block: u64,
) -> Result<(), StoreError> {
    for _ in 0..MAX_RACES {
        let id = lease_id(client_id, day);
        let stored = LEASES.get(store, &id).await?;
        let leased = stored.as_ref().map_or(0, |(record, _)| record.units);
        let granted = block.min(limit(limits).saturating_sub(leased));
        if granted == 0 {
            // Nothing to settle: nothing was granted.
            let _none = counter.lock().hold(day, leased, 0);
            return Ok(());
        }
        let key = LEASES.key(&id);
        let txn = match stored {
            Some((_, value)) => Txn::new().equals(key.clone(), value),
            None => forget_outdated(store, client_id, day).await?.absent(key.clone()),
        };
        let record = Leased { units: leased.saturating_add(granted) };
        if let Outcome::Committed(_) = store.commit(txn.put(key, LEASES.encode(&record)?)).await? {
            let outdated = counter.lock().hold(day, record.units, granted);
            return match outdated {
                Some(outdated) => settle(store, client_id, outdated).await,
                None => Ok(()),
            };
        }
    }
    Err(lost_races())
}

/// The write that deletes this client's days that are no longer kept.
async fn forget_outdated(store: &dyn Store, client_id: &ClientId, today: Day) -> Result<Txn, StoreError> {
    let oldest_kept = LEASES.key(lease_id(client_id, today.before(DAYS_KEPT - 1)));
    let of_client = LEASES.key(format!("{client_id}/"));
    let days = store.scan(of_client.as_bytes(), None, OUTDATED_BATCH).await?;
    let outdated = days.into_iter().map(|(key, _)| key).filter(|key| *key < oldest_kept);
    Ok(outdated.fold(Txn::new(), Txn::delete))
}

/// Records that the units still held of a day were not spent.
async fn settle(store: &dyn Store, client_id: &ClientId, outdated: Outdated) -> Result<(), StoreError> {
    if outdated.held == 0 {
        return Ok(());
    }
    let id = lease_id(client_id, outdated.day);
    for _ in 0..MAX_RACES {
        let Some((record, value)) = LEASES.get(store, &id).await? else { return Ok(()) };
        let returned = Leased { units: record.units.saturating_sub(outdated.held) };
        let key = LEASES.key(&id);
        let txn = Txn::new().equals(key.clone(), value).put(key, LEASES.encode(&returned)?);
        if let Outcome::Committed(_) = store.commit(txn).await? {
            return Ok(());
        }
    }
    Err(lost_races())
}

async fn settle_logged(store: Arc<dyn Store>, client_id: ClientId, outdated: Outdated) {
    if let Err(error) = settle(&*store, &client_id, outdated).await {
        tracing::warn!(%client_id, day = %outdated.day, units = outdated.held, %error, "a past day's unspent units stay counted as used");
    }
}

fn lost_races() -> StoreError {
    StoreError::Unavailable("the quota record changed under every attempt".into())
}

fn lease_id(client_id: &ClientId, day: Day) -> String {
    format!("{client_id}/{day}")
}

fn limit(limits: Limits) -> u64 {
    limits.daily_quota.filter(|_| limits.enforce).unwrap_or(u64::MAX)
}

fn block(limits: Limits) -> u64 {
    limits.daily_quota.map_or(MAX_BLOCK, |quota| (quota / 100).clamp(1, MAX_BLOCK))
}

/// One client's units. The lock is held for a few instructions, and only this client's requests take it.
struct Counter {
    today: Mutex<Today>,
    /// Held while a block is leased: one lease at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Counter {
    fn new(day: Day) -> Self {
        let today = Today { day, count: Count { leased: 0, held: 0 }, known: false, leasing: false };
        Self { today: Mutex::new(today), turn: tokio::sync::Mutex::new(()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Today> {
        // Nothing panics while it is held; were it so, the numbers would still be whole.
        self.today.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Today {
    day: Day,
    count: Count,
    /// Whether `count` has been read from the store.
    known: bool,
    /// Whether the next block is being leased in the background.
    leasing: bool,
}

#[derive(Clone, Copy)]
struct Count {
    /// Units that the store had recorded when this process last looked.
    leased: u64,
    /// Those of them that this process may still spend.
    held: u64,
}

/// Units of a day that this process held when it was done with that day.
#[derive(Clone, Copy)]
struct Outdated {
    day: Day,
    held: u64,
}

enum Step {
    Spent { count: Count, then_lease: bool },
    Exhausted(Count),
    Empty,
}

impl Today {
    fn spend(&mut self, day: Day, limits: Limits) -> (Step, Option<Outdated>) {
        let outdated = (self.day != day).then(|| self.start(day)).filter(|outdated| outdated.held > 0);
        (self.step(limits), outdated)
    }

    fn step(&mut self, limits: Limits) -> Step {
        if self.known && self.count.used() >= limit(limits) {
            return Step::Exhausted(self.count);
        }
        if self.count.held == 0 {
            let exhausted = self.known && self.count.leased >= limit(limits);
            return if exhausted { Step::Exhausted(self.count) } else { Step::Empty };
        }
        self.count.held -= 1;
        let then_lease = !self.leasing && self.wanted(self.day, limits) > 0;
        self.leasing |= then_lease;
        Step::Spent { count: self.count, then_lease }
    }

    /// The units to lease now: a block when half of one is gone, else none.
    fn wanted(&self, day: Day, limits: Limits) -> u64 {
        let block = block(limits);
        let plenty = self.count.held > block / 2;
        let exhausted = self.known && self.count.leased >= limit(limits);
        if self.day != day || plenty || exhausted { 0 } else { block }
    }

    /// Takes in what the store said; returns what was granted for a day that is over.
    #[must_use]
    fn hold(&mut self, day: Day, leased: u64, granted: u64) -> Option<Outdated> {
        if self.day != day {
            return Some(Outdated { day, held: granted });
        }
        self.count = Count { leased, held: self.count.held + granted };
        self.known = true;
        None
    }

    fn count_of(&self, day: Day) -> Option<Count> {
        (self.known && self.day == day).then_some(self.count)
    }

    fn start(&mut self, day: Day) -> Outdated {
        let outdated = self.take();
        (self.day, self.count, self.known) = (day, Count { leased: 0, held: 0 }, false);
        outdated
    }

    fn take(&mut self) -> Outdated {
        let held = std::mem::take(&mut self.count.held);
        self.count.leased = self.count.leased.saturating_sub(held);
        Outdated { day: self.day, held }
    }
}

impl Count {
    fn used(self) -> u64 {
        self.leased.saturating_sub(self.held)
    }

    fn units(self, admitted: bool, limits: Limits, now: UnixSeconds) -> Units {
        let resets_at = now.day().end();
        Units {
            admitted,
            daily_quota: limits.daily_quota,
            used: self.used(),
            remaining: limits.daily_quota.map(|quota| quota.saturating_sub(self.used())),
            resets_at,
            resets_in_s: resets_at.since(now),
        }
    }
}
