//! How much a client may call in a UTC day, exactly, without the disk on a request's way.
//!
//! Owns the keys under `quota/`: for each client and day, the units that are spent or held. A request
//! spends a unit that this process holds in memory; the process holds only what the store had recorded
//! as leased, durably, before. So whatever dies, no unit is ever spent twice: a crash loses at most the
//! two blocks that were held, a clean stop returns them, and the same record makes one quota hold for
//! many nodes.
//!
//! A block is 1 % of the quota, at least 1 and at most 1,000 units. From 100,000 units a day on it is 1 % of
//! what was used, at most 100,000: each lease is a commit that wakes a dozen threads, and who calls the most would ask for
//! the most of them. When half of one is gone the next is leased in the background; a request waits only when none is
//! left. A node knows what others have leased from its own last lease, so it may spend what it holds of a quota that was
//! lowered meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use futures_util::{StreamExt as _, stream};
use papaya::HashMap;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::counts;
use crate::oauth::credentials::ClientId;
use crate::oauth::limits::Limits;
use crate::store::{Keyspace, Outcome, Store, StoreError, Txn};
use crate::time::{Day, SharedClock, UnixSeconds};

/// The largest block, in units, of a client that has used no hundred of such blocks today.
const MAX_FIRST_BLOCK: u64 = 1_000;
/// The largest block, in units.
const MAX_BLOCK: u64 = 100_000;
/// How often a lost race for a record is run again before the store counts as not answering.
const MAX_RACES: usize = 64;
/// Days of usage that are kept, today's included.
pub const DAYS_KEPT: u64 = 90;
/// How many outdated days one lease deletes.
const OUTDATED_BATCH: usize = 16;
/// How many days are forgotten with their client: all that are kept, and some that are overdue.
const FORGOTTEN_AT_ONCE: usize = 100;
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
    counters: Arc<HashMap<ClientId, Arc<Counter>, RandomState>>,
    /// Where leases are taken: a caller that goes away must not take a leased block with it.
    leasing: Handle,
    leases: Arc<Leases>,
}

/// What was leased so far.
#[derive(Debug, Default)]
pub struct Leases {
    /// Blocks that the store has recorded.
    pub blocks: counts::Counter,
    /// Units in them.
    pub units: counts::Counter,
    /// Units of them that were not spent and went back.
    pub returned: counts::Counter,
    /// Blocks that could not be leased, because the store did not answer.
    pub failed: counts::Counter,
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

/// What a client used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsed {
    /// The UTC day.
    pub day: Day,
    /// Units spent on it.
    pub used: u64,
}

/// The write that forgets all days of a client that is deleted.
pub async fn forget(store: &dyn Store, client_id: &ClientId) -> Result<Txn, StoreError> {
    let days = store.scan(&of_client(client_id), None, FORGOTTEN_AT_ONCE).await?;
    Ok(days.into_iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key)))
}

impl Quota {
    /// Counters that are read from the store as clients call. Must be called on the runtime that lives
    /// as long as the server: leases run there.
    #[must_use]
    pub fn open(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        Self { store, clock, counters: Arc::default(), leasing: Handle::current(), leases: Arc::default() }
    }

    /// Spends one unit of the client's day, if one is left. Waits for the store only when this process
    /// holds none: at the first request of a day, or when requests outrun the leases.
    pub async fn spend(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        loop {
            if let Some(units) = self.spend_held(client_id, limits, self.clock.now()) {
                return Ok(units);
            }
            let (today, counter) = (self.clock.now().day(), self.counter(client_id));
            let leased = self.lease(client_id, counter, today, limits).await;
            leased.map_err(|stopped| StoreError::Unavailable(stopped.to_string().into()))??;
        }
    }

    /// The same at `now`, without a wait: `None` when a block has to be leased first.
    #[must_use]
    pub fn spend_held(&self, client_id: &ClientId, limits: Limits, now: UnixSeconds) -> Option<Units> {
        let counters = self.counters.pin();
        let counter = counters.get(client_id)?;
        let (step, outdated) = counter.lock().spend(now.day(), limits);
        if let Some(outdated) = outdated {
            self.leasing.spawn(settle_logged(self.store.clone(), client_id.clone(), outdated, self.leases.clone()));
        }
        match step {
            Step::Spent { count, then_lease } => {
                if then_lease {
                    drop(self.lease(client_id, counter.clone(), now.day(), limits));
                }
                Some(count.units(true, limits, now))
            }
            Step::Exhausted(count) => Some(count.units(false, limits, now)),
            Step::Empty => None,
        }
    }

    /// Where the client stands; spends nothing. Reads the store if the client has not called today.
    pub async fn peek(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        if let Some(units) = self.known(client_id, limits) {
            return Ok(units);
        }
        let counter = self.counter(client_id);
        // One reader at a time, and what it found is kept: whoever asks often reads the store once.
        let _turn = counter.turn.lock().await;
        let now = self.clock.now();
        let known = counter.lock().count_of(now.day());
        let count = if let Some(count) = known {
            count
        } else {
            let stored = LEASES.get(&*self.store, lease_id(client_id, now.day())).await?;
            let count = Count { leased: stored.map_or(0, |(record, _)| record.units), held: 0 };
            // Nothing was granted, so there is nothing to settle.
            let _none = counter.lock().hold(now.day(), count.leased, 0);
            count
        };
        Ok(count.units(count.used() < limit(limits), limits, now))
    }

    /// The same, from memory alone: `None` if the client has not called today.
    #[must_use]
    pub fn known(&self, client_id: &ClientId, limits: Limits) -> Option<Units> {
        let now = self.clock.now();
        let count = self.counters.pin().get(client_id)?.lock().count_of(now.day())?;
        Some(count.units(count.used() < limit(limits), limits, now))
    }

    /// What the client used on each of the `days` before today, the last first. Reads the store.
    pub async fn days_before(&self, client_id: &ClientId, days: u64) -> Result<Vec<DayUsed>, StoreError> {
        let today = self.clock.now().day();
        let days = days.min(DAYS_KEPT - 1);
        let before_all = LEASES.key(lease_id(client_id, today.before(days + 1)));
        let kept = usize::try_from(DAYS_KEPT).unwrap_or(usize::MAX);
        let stored = self.store.scan(&of_client(client_id), Some(&before_all), kept).await?;
        let mut used_on = BTreeMap::new();
        for (key, value) in stored {
            used_on.insert(key.clone(), LEASES.decode(&key, &value)?.units);
        }
        let counter = self.counters.pin().get(client_id).cloned();
        let used = |day: Day| {
            // A day that this process has not settled yet is known better here.
            let held_on = counter.as_ref().and_then(|counter| counter.lock().count_of(day));
            let stored = used_on.get(&LEASES.key(lease_id(client_id, day))).copied();
            held_on.map(Count::used).or(stored).unwrap_or_default()
        };
        let days = (1..=days).map(|back| today.before(back));
        Ok(days.map(|day| DayUsed { day, used: used(day) }).collect())
    }

    /// Returns every unit that is held and not spent. For a clean stop: after it, nothing may be spent.
    pub async fn close(&self) -> Result<(), StoreError> {
        let counters: Vec<_> =
            self.counters.pin().iter().map(|(client_id, counter)| (client_id.clone(), counter.clone())).collect();
        let settled = stream::iter(counters).map(|(client_id, counter)| async move {
            // Waits for a lease under way: its units are held from then on.
            let _turn = counter.turn.lock().await;
            let outdated = counter.lock().close();
            settle(&*self.store, &client_id, outdated, &self.leases).await
        });
        let outcomes: Vec<_> = settled.buffer_unordered(SETTLED_AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    /// Forgets clients that `keep` does not know any more.
    pub fn retain(&self, keep: impl Fn(&ClientId) -> bool) {
        self.counters.pin().retain(|client_id, _| keep(client_id));
    }

    /// Forgets what is held of a client that was deleted, so that whoever is registered under its identifier
    /// again starts anew. What the store has of it is forgotten with [`forget`].
    pub fn forget_held(&self, client_id: &ClientId) {
        self.counters.pin().remove(client_id);
    }

    /// What was leased so far.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// How many clients' units are held here.
    #[must_use]
    pub fn held(&self) -> usize {
        self.counters.len()
    }

    fn counter(&self, client_id: &ClientId) -> Arc<Counter> {
        let today = self.clock.now().day();
        self.counters.pin().get_or_insert_with(client_id.clone(), || Arc::new(Counter::new(today))).clone()
    }

    fn lease(
        &self,
        client_id: &ClientId,
        counter: Arc<Counter>,
        day: Day,
        limits: Limits,
    ) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let (store, client_id, tally) = (self.store.clone(), client_id.clone(), self.leases.clone());
        self.leasing.spawn(async move {
            let _turn = counter.turn.lock().await;
            // Whoever had the turn before may have leased enough.
            let wanted = counter.lock().wanted(day, limits);
            let leased = match wanted {
                None => Err(StoreError::Unavailable("the server is stopping".into())),
                Some(false) => Ok(()),
                Some(true) => lease_block(&*store, &client_id, &counter, day, limits, &tally).await,
            };
            counter.lock().leasing = false;
            if let Err(error) = &leased {
                tally.failed.add_one();
                tracing::error!(%client_id, %error, "no quota block could be leased");
            }
            leased
        })
    }
}

/// Records a block more of the day's units as leased, or what is left, then holds them. How many are in it follows
/// from the record alone: that of a client that was deleted and registered again begins anew.
async fn lease_block(
    store: &dyn Store,
    client_id: &ClientId,
    counter: &Counter,
    day: Day,
    limits: Limits,
    tally: &Leases,
) -> Result<(), StoreError> {
    for _ in 0..MAX_RACES {
        let id = lease_id(client_id, day);
        let stored = LEASES.get(store, &id).await?;
        let leased = stored.as_ref().map_or(0, |(record, _)| record.units);
        let granted = block(limits, leased).min(limit(limits).saturating_sub(leased));
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
            tally.blocks.add_one();
            tally.units.add(granted);
            let outdated = counter.lock().hold(day, record.units, granted);
            return match outdated {
                Some(outdated) => settle(store, client_id, outdated, tally).await,
                None => Ok(()),
            };
        }
    }
    Err(lost_races())
}

/// The write that deletes this client's days that are no longer kept.
async fn forget_outdated(store: &dyn Store, client_id: &ClientId, today: Day) -> Result<Txn, StoreError> {
    let oldest_kept = LEASES.key(lease_id(client_id, today.before(DAYS_KEPT - 1)));
    let days = store.scan(&of_client(client_id), None, OUTDATED_BATCH).await?;
    let outdated = days.into_iter().map(|(key, _)| key).filter(|key| *key < oldest_kept);
    Ok(outdated.fold(Txn::new(), Txn::delete))
}

/// Records that the units still held of a day were not spent.
async fn settle(store: &dyn Store, client_id: &ClientId, outdated: Outdated, tally: &Leases) -> Result<(), StoreError> {
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
            tally.returned.add(outdated.held.min(record.units));
            return Ok(());
        }
    }
    Err(lost_races())
}

async fn settle_logged(store: Arc<dyn Store>, client_id: ClientId, outdated: Outdated, tally: Arc<Leases>) {
    if let Err(error) = settle(&*store, &client_id, outdated, &tally).await {
        tracing::warn!(%client_id, day = %outdated.day, units = outdated.held, %error, "a past day's unspent units stay counted as used");
    }
}

fn lost_races() -> StoreError {
    StoreError::Unavailable("the quota record changed under every attempt".into())
}

fn lease_id(client_id: &ClientId, day: Day) -> String {
    format!("{client_id}/{day}")
}

/// What the keys of all of a client's days start with.
fn of_client(client_id: &ClientId) -> Vec<u8> {
    LEASES.key(format!("{client_id}/")).as_bytes().to_vec()
}

fn limit(limits: Limits) -> u64 {
    limits.daily_quota.filter(|_| limits.enforce).unwrap_or(u64::MAX)
}

/// The units of the next block, of which a crash may cost two: 2 % of what the client may use, or two units; of
/// what is only counted 2 %, or 2,000 units.
fn block(limits: Limits, used: u64) -> u64 {
    let first = limits.daily_quota.map_or(MAX_FIRST_BLOCK, |quota| (quota / 100).clamp(1, MAX_FIRST_BLOCK));
    first.max((used / 100).min(MAX_BLOCK))
}

/// One client's units. The lock is held for a few instructions, and only this client's requests take it.
struct Counter {
    today: Mutex<Today>,
    /// Held while a block is leased: one lease at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Counter {
    fn new(day: Day) -> Self {
        let today = Today { day, count: Count { leased: 0, held: 0 }, known: false, leasing: false, closed: false };
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
    /// Whether what was held has been returned for good: a lease after that would be lost.
    closed: bool,
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
        let then_lease = !self.leasing && self.wanted(self.day, limits) == Some(true);
        self.leasing |= then_lease;
        Step::Spent { count: self.count, then_lease }
    }

    /// Whether to lease a block now: when half of one is gone; `None` once all is settled.
    fn wanted(&self, day: Day, limits: Limits) -> Option<bool> {
        if self.closed {
            return None;
        }
        let plenty = self.count.held > block(limits, self.count.used()) / 2;
        let exhausted = self.known && self.count.leased >= limit(limits);
        Some(self.day == day && !plenty && !exhausted)
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

    fn close(&mut self) -> Outdated {
        self.closed = true;
        self.take()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::store::MemoryStore;
    use crate::time::{Clock as _, ManualClock};

    const NOON: UnixSeconds = UnixSeconds::new(1_767_268_800); // 2026-01-01T12:00:00Z

    struct Fixture {
        clock: Arc<ManualClock>,
        store: Arc<dyn Store>,
        quota: Quota,
    }

    fn fixture() -> Fixture {
        let clock = Arc::new(ManualClock::new(NOON));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        Fixture { quota: Quota::open(store.clone(), clock.clone()), clock, store }
    }

    fn limits(daily_quota: Option<u64>) -> Limits {
        Limits { requests_per_second: 1.into(), burst: 1, daily_quota, enforce: true }
    }

    fn partner() -> ClientId {
        ClientId::parse("partner").unwrap()
    }

    async fn spend(quota: &Quota, limits: Limits, times: u64) -> u64 {
        let mut admitted = 0;
        for _ in 0..times {
            admitted += u64::from(quota.spend(&partner(), limits).await.unwrap().admitted);
        }
        admitted
    }

    async fn stored(fixture: &Fixture, day: &str) -> Option<u64> {
        let record = LEASES.get(&*fixture.store, format!("partner/{day}")).await.unwrap();
        record.map(|(leased, _)| leased.units)
    }

    /// As if the client had used so much today.
    async fn record(fixture: &Fixture, units: u64) {
        let record = LEASES.encode(&Leased { units }).unwrap();
        let recorded = Txn::new().put(LEASES.key("partner/2026-01-01"), record);
        assert!(matches!(fixture.store.commit(recorded).await.unwrap(), Outcome::Committed(_)));
    }

    #[tokio::test]
    async fn exactly_n_of_n_are_admitted() {
        for daily_quota in [1, 2, 3, 99, 250, 1_050] {
            let Fixture { quota, .. } = fixture();
            assert_eq!(spend(&quota, limits(Some(daily_quota)), daily_quota + 5).await, daily_quota);
            let units = quota.peek(&partner(), limits(Some(daily_quota))).await.unwrap();
            assert_eq!((units.admitted, units.used, units.remaining), (false, daily_quota, Some(0)));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn exactly_n_of_n_are_admitted_under_concurrency() {
        for daily_quota in [10, 777] {
            let Fixture { quota, .. } = fixture();
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    let quota = quota.clone();
                    tokio::spawn(async move { spend(&quota, limits(Some(daily_quota)), 100).await })
                })
                .collect();
            let mut admitted = 0;
            for task in tasks {
                admitted += task.await.unwrap();
            }
            assert_eq!(admitted, daily_quota);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_quota_holds_for_many_nodes() {
        let Fixture { store, clock, .. } = fixture();
        let nodes: Vec<_> = (0..4)
            .map(|_| {
                let quota = Quota::open(store.clone(), clock.clone());
                tokio::spawn(async move { spend(&quota, limits(Some(500)), 500).await })
            })
            .collect();
        let mut admitted = 0;
        for node in nodes {
            admitted += node.await.unwrap();
        }
        // What one node holds when the others run dry is not lost: that node can still spend it.
        assert!((480..=500).contains(&admitted), "{admitted}");
    }

    #[tokio::test]
    async fn a_clean_stop_returns_what_was_not_spent() {
        let fixture = fixture();
        let limits = limits(Some(1_000));
        assert_eq!(spend(&fixture.quota, limits, 7).await, 7);
        assert!(stored(&fixture, "2026-01-01").await.unwrap() >= 10);
        fixture.quota.close().await.unwrap();
        assert_eq!(stored(&fixture, "2026-01-01").await, Some(7));
        let reopened = Quota::open(fixture.store.clone(), fixture.clock.clone());
        assert_eq!(reopened.peek(&partner(), limits).await.unwrap().used, 7);
        assert_eq!(spend(&reopened, limits, 1_000).await, 993);
    }

    #[tokio::test]
    async fn a_crash_loses_at_most_two_blocks_and_gains_nothing() {
        for spent in [1, 5, 6, 9, 10, 11, 500] {
            let fixture = fixture();
            let limits = limits(Some(1_000));
            assert_eq!(spend(&fixture.quota, limits, spent).await, spent);
            // No close: what the first process held is gone.
            let reopened = Quota::open(fixture.store.clone(), fixture.clock.clone());
            let left = spend(&reopened, limits, 1_000).await;
            assert!(spent + left <= 1_000 && spent + left >= 980, "spent {spent}, then {left}");
        }
    }

    #[tokio::test]
    async fn a_block_is_a_hundredth_of_the_quota_or_of_what_was_used() {
        for (daily_quota, used, block) in [
            (None, 0, 1_000),
            (None, 99_999, 1_000),
            (None, 150_000, 1_500),
            (None, 9_000_000, 90_000),
            (None, 100_000_000, 100_000),
            (Some(11_000_000), 10_000_000, 100_000),
            (Some(10_050_000), 10_000_000, 50_000),
            (Some(11_000_000), 0, 1_000),
            (Some(160_000), 150_000, 1_500),
            (Some(500), 0, 5),
        ] {
            let fixture = fixture();
            record(&fixture, used).await;
            assert_eq!(spend(&fixture.quota, limits(daily_quota), 1).await, 1);
            assert_eq!(stored(&fixture, "2026-01-01").await, Some(used + block), "{used} used of {daily_quota:?}");
        }
    }

    #[tokio::test]
    async fn a_block_that_is_leased_while_its_client_is_deleted_is_no_larger_than_the_first_of_another() {
        let fixture = fixture();
        record(&fixture, 1_000_000).await;
        spend(&fixture.quota, limits(None), 4_000).await;
        let forgotten = forget(&*fixture.store, &partner()).await.unwrap();
        assert!(matches!(fixture.store.commit(forgotten).await.unwrap(), Outcome::Committed(_)));
        // Half of the block is gone, and the next is asked for.
        spend(&fixture.quota, limits(None), 6_001).await;
        assert_eq!(stored(&fixture, "2026-01-01").await, Some(1_000));
    }

    #[tokio::test]
    async fn midnight_starts_anew_and_settles_the_day_before() {
        let fixture = fixture();
        let limits = limits(Some(1_000));
        spend(&fixture.quota, limits, 7).await;
        fixture.clock.advance(Duration::from_secs(12 * 3_600));
        let units = fixture.quota.spend(&partner(), limits).await.unwrap();
        assert_eq!((units.used, units.remaining, units.resets_in_s), (1, Some(999), 86_400));
        while stored(&fixture, "2026-01-01").await != Some(7) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_over_midnight_gives_nothing_away() {
        let fixture = fixture();
        let limits = limits(Some(10));
        assert_eq!(spend(&fixture.quota, limits, 20).await, 10);
        fixture.clock.set_wall(NOON.plus(86_400));
        assert_eq!(spend(&fixture.quota, limits, 20).await, 10);
        fixture.clock.set_wall(NOON);
        assert_eq!(spend(&fixture.quota, limits, 20).await, 0);
    }

    #[tokio::test]
    async fn a_changed_quota_applies_at_once() {
        let Fixture { quota, .. } = fixture();
        assert_eq!(spend(&quota, limits(Some(10)), 20).await, 10);
        assert_eq!(spend(&quota, limits(Some(15)), 20).await, 5);
        assert_eq!(spend(&quota, limits(Some(12)), 20).await, 0);
        assert_eq!(spend(&quota, limits(None), 20).await, 20);
        let counted = Limits { enforce: false, ..limits(Some(12)) };
        assert_eq!(spend(&quota, counted, 20).await, 20);
        assert_eq!(quota.peek(&partner(), counted).await.unwrap().used, 55);
    }

    #[tokio::test]
    async fn days_that_are_no_longer_kept_are_deleted() {
        let fixture = fixture();
        for _ in 0..3 {
            spend(&fixture.quota, limits(Some(10)), 1).await;
            fixture.clock.advance(Duration::from_secs(86_400));
        }
        fixture.clock.advance(Duration::from_secs(88 * 86_400));
        spend(&fixture.quota, limits(Some(10)), 1).await;
        let days = fixture.store.scan(b"quota/", None, 100).await.unwrap();
        let days: Vec<_> = days.iter().map(|(key, _)| LEASES.id(key).unwrap()).collect();
        assert_eq!(days, ["partner/2026-01-03", "partner/2026-04-02"]);
        assert_eq!(fixture.clock.now().day().to_string(), "2026-04-02");
    }

    proptest! {
        /// Requests, crashes, clean stops, days and changed quotas in any order: no day admits more than the
        /// largest quota it had, and a quota that never changed admits all but two blocks for each crash.
        #[test]
        fn no_day_ever_admits_more_than_its_quota(
            daily_quota in 1_u64..400,
            steps in proptest::collection::vec((0_u8..6, 1_u64..120), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let Fixture { store, clock, mut quota } = fixture();
                let limits = limits(Some(daily_quota));
                let (mut admitted, mut asked, mut crashes) = (0, 0, 0);
                for (step, size) in steps {
                    match step {
                        0 => quota = Quota::open(store.clone(), clock.clone()),
                        1 => {
                            quota.close().await.unwrap();
                            quota = Quota::open(store.clone(), clock.clone());
                        }
                        2 => {
                            clock.advance(Duration::from_secs(size * 600));
                            if clock.now().day() != NOON.day() {
                                clock.set_wall(NOON);
                            }
                        }
                        _ => {
                            asked += size;
                            admitted += spend(&quota, limits, size).await;
                        }
                    }
                    crashes += u64::from(step == 0);
                    assert!(admitted <= daily_quota, "{admitted} of {daily_quota}");
                    let lost = crashes * 2 * block(limits, daily_quota);
                    assert!(admitted >= asked.min(daily_quota).saturating_sub(lost), "{admitted} of {asked}, {crashes} crashes");
                }
            });
        }
    }

    #[tokio::test]
    async fn the_days_before_are_told_and_forgotten_with_their_client() {
        let fixture = fixture();
        for (spent, rest_days) in [(3, 2), (5, 1), (7, 0)] {
            spend(&fixture.quota, limits(Some(1_000)), spent).await;
            fixture.clock.advance(Duration::from_secs(rest_days * 86_400));
        }
        // The day before is not settled while nobody calls: it is told from memory all the same.
        fixture.clock.advance(Duration::from_secs(86_400));
        let days = fixture.quota.days_before(&partner(), 5).await.unwrap();
        let told: Vec<_> = days.iter().map(|day| (day.day.to_string(), day.used)).collect();
        let expected = [("01-04", 7), ("01-03", 5), ("01-02", 0), ("01-01", 3), ("2025-12-31", 0)];
        assert_eq!(told.len(), expected.len());
        for ((day, used), (expected, expected_used)) in told.iter().zip(expected) {
            assert!(day.ends_with(expected) && *used == expected_used, "{told:?}");
        }
        let forgotten = forget(&*fixture.store, &partner()).await.unwrap();
        assert!(matches!(fixture.store.commit(forgotten).await.unwrap(), Outcome::Committed(_)));
        assert!(fixture.store.scan(b"quota/", None, 100).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_admits_nobody() {
        let Fixture { quota, store, .. } = fixture();
        store.close().await.unwrap();
        assert!(quota.spend(&partner(), limits(Some(10))).await.is_err());
        assert!(quota.spend(&partner(), limits(None)).await.is_err());
    }
}
