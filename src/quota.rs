//! How many requests a client may make in a UTC day: exact, and without the disk on a request's way.
//!
//! Owns the keys under `quota/`: one record for each client and day, with the units that were leased. A process spends
//! only units that the store has durably recorded as leased before. So no crash lets a unit be spent twice: a crash
//! loses at most two blocks, a clean stop returns them, and one record makes the quota hold for many nodes.
//!
//! A block is 1 % of the quota, from 1 to 1,000 units. From 100,000 units a day on it is 1 % of what was used, at most
//! 100,000 units: each lease is a commit that wakes a dozen threads, and the busiest clients would cause the most of
//! them. When half of a block is spent, the next lease starts in the background; a request waits only when no unit is
//! left. A node learns what others have leased from its own next lease, so after a quota was lowered it may still spend
//! the units that it has.

mod counter;
mod history;
mod lease;
mod record;

use std::sync::Arc;

use foldhash::fast::RandomState;
use futures_util::{StreamExt as _, stream};
use papaya::HashMap;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinHandle;

use self::counter::{Count, DayCounter, Step, Today, max_units};
pub use self::counter::{Units, Unspent};
pub use self::history::DayUsed;
pub(crate) use self::history::{DAYS_KEPT, delete_days};
use self::history::{day_key, leased_by_day};
pub use self::lease::LeaseCounts;
use self::lease::Leasing;
use self::record::{LEASES, lease_id};
use crate::limits::Limits;
use crate::oauth::credentials::ClientId;
use crate::store::{Store, StoreError};
use crate::time::{Day, SharedClock, UnixSeconds};

/// How many counters a clean stop settles at a time: they share the store's syncs.
const SETTLED_AT_ONCE: usize = 128;

/// The counters of all clients that have called today.
#[derive(Clone)]
pub struct Quota {
    clock: SharedClock,
    counters: Arc<HashMap<ClientId, Arc<DayCounter>, RandomState>>,
    leasing: Arc<Leasing>,
    /// Runs the leases: a caller that goes away must not take a leased block with it.
    runtime: Handle,
    /// Read-locked by each task that leases or returns units: see [`settle`](Self::settle).
    under_way: Arc<RwLock<()>>,
}

/// What a client has used of a day, all leased units apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    client_id: ClientId,
    /// Midnight of the day.
    since: UnixSeconds,
    units: u64,
}

impl Quota {
    /// Starts without counters: each is read from the store when its client calls. Must be called on the runtime that
    /// lives as long as the server: leases run there.
    #[must_use]
    pub fn open(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        let leasing = Arc::new(Leasing { store, counts: LeaseCounts::default() });
        Self { clock, counters: Arc::default(), leasing, runtime: Handle::current(), under_way: Arc::default() }
    }

    /// Spends one unit of the client's day, if one is left. Waits for the store only if this process has no unit
    /// available: at the first request of a day, or when requests are faster than the leases.
    pub async fn spend(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        loop {
            if let Some(units) = self.spend_available(client_id, limits, self.clock.now()) {
                return Ok(units);
            }
            let (today, counter) = (self.clock.now().day(), self.counter(client_id));
            let leased = self.spawn_lease(client_id, counter, today, limits).await;
            leased.map_err(|stopped| StoreError::Unavailable(stopped.to_string().into()))??;
        }
    }

    /// The same without waiting: `None` if a block must be leased first.
    #[must_use]
    pub(crate) fn spend_available(&self, client_id: &ClientId, limits: Limits, now: UnixSeconds) -> Option<Units> {
        let counters = self.counters.pin();
        let counter = counters.get(client_id)?;
        let (step, unspent) = counter.lock().spend(now.day(), limits);
        if let Some(unspent) = unspent {
            let (leasing, client_id, under_way) = (self.leasing.clone(), client_id.clone(), self.begin());
            self.runtime.spawn(async move {
                let _until_it_ends = under_way;
                if let Err(error) = leasing.return_unspent(&client_id, unspent).await {
                    let Unspent { day, units } = unspent;
                    tracing::warn!(%client_id, %day, units, %error, "unspent units of a past day still count as used");
                }
            });
        }
        match step {
            Step::Spent { count, then_lease } => {
                if then_lease {
                    drop(self.spawn_lease(client_id, counter.clone(), now.day(), limits));
                }
                Some(count.units(true, limits, now))
            }
            Step::Exhausted(count) => Some(count.units(false, limits, now)),
            Step::Empty => None,
        }
    }

    /// Where the client stands; spends nothing. Reads the store if the client has not called today.
    pub async fn peek(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        if let Some(units) = self.peek_in_memory(client_id, limits) {
            return Ok(units);
        }
        let counter = self.counter(client_id);
        // One reader at a time, and the others use what it has read.
        let _one_at_a_time = counter.lease_lock.lock().await;
        let now = self.clock.now();
        let read_before = counter.lock().count_on(now.day());
        let count = if let Some(count) = read_before {
            count
        } else {
            let stored = LEASES.get(&*self.leasing.store, lease_id(client_id, now.day())).await?;
            let leased = stored.map_or(0, |(record, _)| record.units);
            let _no_block_to_return = counter.lock().credit(now.day(), leased, 0);
            Count { leased, available: 0 }
        };
        Ok(count.peek(limits, now))
    }

    /// The same from memory: `None` if the client has not called today.
    #[must_use]
    pub(crate) fn peek_in_memory(&self, client_id: &ClientId, limits: Limits) -> Option<Units> {
        let now = self.clock.now();
        let count = self.counters.pin().get(client_id)?.lock().count_on(now.day())?;
        Some(count.peek(limits, now))
    }

    /// The same, without a counter for a client that has not called: for lists of many clients.
    pub(crate) async fn look_up(&self, client_id: &ClientId, limits: Limits) -> Result<Units, StoreError> {
        if let Some(units) = self.peek_in_memory(client_id, limits) {
            return Ok(units);
        }
        let now = self.clock.now();
        let stored = LEASES.get(&*self.leasing.store, lease_id(client_id, now.day())).await?;
        let leased = stored.map_or(0, |(record, _)| record.units);
        Ok(Count { leased, available: 0 }.peek(limits, now))
    }

    /// How many requests of the client this process has counted, and on which day: it starts again at midnight.
    pub(crate) fn requests(&self, client_id: &ClientId) -> Option<(Day, u64)> {
        self.counters.pin().get(client_id).map(|counter| counter.lock().requests())
    }

    /// The same of every client that has called.
    pub(crate) fn for_each_requests(&self, mut each: impl FnMut(&ClientId, (Day, u64))) {
        self.counters.pin().iter().for_each(|(client_id, counter)| each(client_id, counter.lock().requests()));
    }

    /// What the client used on each of the `days` before today, the last first. Reads the store.
    pub async fn days_before(&self, client_id: &ClientId, days: u64) -> Result<Vec<DayUsed>, StoreError> {
        let today = self.clock.now().day();
        let days = days.min(DAYS_KEPT - 1);
        let leased = leased_by_day(&*self.leasing.store, client_id, today, days).await?;
        let counter = self.counters.pin().get(client_id).cloned();
        let used = |day: Day| {
            // The counter may still be at a past day whose unspent units the store counts as leased.
            let in_memory = counter.as_ref().and_then(|counter| counter.lock().count_on(day));
            let stored = leased.get(&day_key(client_id, day)).copied();
            in_memory.map(Count::used).or(stored).unwrap_or_default()
        };
        let days = (1..=days).map(|back| today.before(back));
        Ok(days.map(|day| DayUsed { day, used: used(day) }).collect())
    }

    /// Counts all that is left of the client's day as spent, for the sandbox. The result can be [given
    /// back](Self::give_back); `None` if no quota limits the client.
    pub(crate) async fn use_up(&self, client_id: &ClientId, limits: Limits) -> Result<Option<Unspent>, StoreError> {
        if max_units(limits) == u64::MAX {
            return Ok(None);
        }
        let counter = self.counter(client_id);
        let _one_at_a_time = counter.lease_lock.lock().await;
        let day = self.clock.now().day();
        let of_past_day = counter.lock().begin_if_new(day);
        if let Some(unspent) = of_past_day {
            self.leasing.return_unspent(client_id, unspent).await?;
        }
        self.leasing.lease_rest(client_id, &counter, day, limits).await?;
        let units = counter.lock().use_available(day);
        Ok(Some(Unspent { day, units }))
    }

    /// No longer counts units as spent that were [used up](Self::use_up).
    pub(crate) async fn give_back(&self, client_id: &ClientId, unspent: Unspent) -> Result<(), StoreError> {
        let counter = self.counter(client_id);
        let _one_at_a_time = counter.lease_lock.lock().await;
        self.leasing.return_unspent(client_id, unspent).await?;
        counter.lock().uncount(unspent);
        Ok(())
    }

    /// Returns the unspent units of past days to the store, as the next request of each client would.
    pub async fn settle_past_days(&self) -> Result<(), StoreError> {
        let today = self.clock.now().day();
        let unspent = |(client_id, counter): (&ClientId, &Arc<DayCounter>)| {
            let unspent = counter.lock().begin_if_new(today)?;
            Some((client_id.clone(), unspent))
        };
        let all: Vec<_> = self.counters.pin().iter().filter_map(unspent).collect();
        let returned = stream::iter(all)
            .map(|(client_id, unspent)| async move { self.leasing.return_unspent(&client_id, unspent).await });
        let outcomes: Vec<_> = returned.buffer_unordered(SETTLED_AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    /// Returns every unspent unit to the store. For a clean stop: after it, no request may spend a unit.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.return_all(Today::close).await
    }

    /// Waits for all leases, also for those whose request has ended. While no request spends units, the store's records
    /// do not change from now on.
    pub(crate) async fn settle(&self) {
        drop(self.under_way.write().await);
    }

    /// Returns every unspent unit to the store, so that its records are exact, and says what each client has used. While
    /// this runs, no request may spend a unit.
    pub(crate) async fn capture(&self) -> Result<Vec<Used>, StoreError> {
        self.settle().await;
        self.return_all(Today::take_unspent).await?;
        let counters = self.counters.pin();
        let used = counters.iter().filter_map(|(client_id, counter)| {
            let (day, count) = counter.lock().count_read()?;
            Some(Used { client_id: client_id.clone(), since: day.start(), units: count.used() })
        });
        Ok(used.collect())
    }

    /// Goes back to what was captured, after the store went back to its records of that time. [`settle`](Self::settle)
    /// must have been called before the store went back, and no request may have spent a unit since.
    pub(crate) fn restore(&self, used: &[Used]) {
        let counters = self.counters.pin();
        counters.clear();
        for Used { client_id, since, units } in used {
            let counter = DayCounter::new(since.day());
            let _no_block_to_return = counter.lock().credit(since.day(), *units, 0);
            counters.insert(client_id.clone(), Arc::new(counter));
        }
    }

    async fn return_all(&self, take: fn(&mut Today) -> Unspent) -> Result<(), StoreError> {
        let counters: Vec<_> =
            self.counters.pin().iter().map(|(client_id, counter)| (client_id.clone(), counter.clone())).collect();
        let settled = stream::iter(counters).map(|(client_id, counter)| async move {
            // Waits for a lease that is under way, whose units are unspent too.
            let _one_at_a_time = counter.lease_lock.lock().await;
            let unspent = take(&mut counter.lock());
            self.leasing.return_unspent(&client_id, unspent).await
        });
        let outcomes: Vec<_> = settled.buffer_unordered(SETTLED_AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    /// Forgets the clients that `is_registered` does not find.
    pub fn retain(&self, is_registered: impl Fn(&ClientId) -> bool) {
        self.counters.pin().retain(|client_id, _| is_registered(client_id));
    }

    /// Forgets the counter of a deleted client, so that a client which is later registered under the same identifier
    /// starts anew. [`delete_days`] deletes what the store has.
    pub fn forget(&self, client_id: &ClientId) {
        self.counters.pin().remove(client_id);
    }

    /// What was leased so far.
    #[must_use]
    pub(crate) fn lease_counts(&self) -> &LeaseCounts {
        &self.leasing.counts
    }

    /// How many clients have a counter in memory.
    #[must_use]
    pub fn counters(&self) -> usize {
        self.counters.len()
    }

    /// To be held until a task ends that changes the store's records. `None` while they settle, when no request runs that
    /// could begin one.
    fn begin(&self) -> Option<OwnedRwLockReadGuard<()>> {
        self.under_way.clone().try_read_owned().ok()
    }

    fn counter(&self, client_id: &ClientId) -> Arc<DayCounter> {
        let today = self.clock.now().day();
        self.counters.pin().get_or_insert_with(client_id.clone(), || Arc::new(DayCounter::new(today))).clone()
    }

    fn spawn_lease(
        &self,
        client_id: &ClientId,
        counter: Arc<DayCounter>,
        day: Day,
        limits: Limits,
    ) -> JoinHandle<Result<(), StoreError>> {
        let (leasing, client_id, under_way) = (self.leasing.clone(), client_id.clone(), self.begin());
        self.runtime.spawn(async move {
            let _until_it_ends = under_way;
            leasing.lease(&client_id, &counter, day, limits).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::counter::block_size;
    use super::record::Leased;
    use super::*;
    use crate::store::{MemoryStore, Outcome, Txn};
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

    /// Records that the client has used so many units today.
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
        // Units that one node has when the others run out are not lost: that node can still spend them.
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_was_captured_is_exact_again_after_the_store_went_back() {
        let Fixture { store, quota, clock } = fixture();
        let limits = limits(Some(1_000));
        assert_eq!(spend(&quota, limits, 123).await, 123);
        let used = quota.capture().await.unwrap();
        let before = store.contents().unwrap().entries().await.unwrap();
        assert_eq!(quota.peek(&partner(), limits).await.unwrap().used, 123, "nothing is lost by a capture");
        for spent in [0, 1, 500, 877] {
            assert_eq!(spend(&quota, limits, spent).await, spent);
            clock.advance(Duration::from_secs(86_400));
            assert_eq!(spend(&quota, limits, 17).await, 17, "another day");
            clock.set_wall(NOON);
            quota.settle().await;
            store.contents().unwrap().replace(&before).await.unwrap();
            quota.restore(&used);
            assert_eq!(quota.peek_in_memory(&partner(), limits).unwrap().used, 123);
        }
        assert_eq!(spend(&quota, limits, 1_000).await, 877);
    }

    #[tokio::test]
    async fn a_crash_loses_at_most_two_blocks_and_gains_nothing() {
        for spent in [1, 5, 6, 9, 10, 11, 500] {
            let fixture = fixture();
            let limits = limits(Some(1_000));
            assert_eq!(spend(&fixture.quota, limits, spent).await, spent);
            // No close: the units that the first process had are lost.
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
        let forgotten = delete_days(&*fixture.store, &partner()).await.unwrap();
        assert!(matches!(fixture.store.commit(forgotten).await.unwrap(), Outcome::Committed(_)));
        // Half of the block is spent, so the next is leased.
        spend(&fixture.quota, limits(None), 6_001).await;
        assert_eq!(stored(&fixture, "2026-01-01").await, Some(1_000));
    }

    #[tokio::test]
    async fn at_midnight_a_whole_quota_begins_and_the_unspent_units_go_back() {
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
    async fn a_clock_that_is_set_back_over_midnight_adds_no_units() {
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
    async fn days_older_than_90_are_deleted() {
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
        /// Requests, crashes, clean stops and days in any order: no day admits more than its quota, and each crash costs at
        /// most two blocks.
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
                    let lost = crashes * 2 * block_size(limits, daily_quota);
                    assert!(admitted >= asked.min(daily_quota).saturating_sub(lost), "{admitted} of {asked}, {crashes} crashes");
                }
            });
        }
    }

    #[tokio::test]
    async fn the_days_before_are_listed_and_deleted_with_their_client() {
        let fixture = fixture();
        for (spent, rest_days) in [(3, 2), (5, 1), (7, 0)] {
            spend(&fixture.quota, limits(Some(1_000)), spent).await;
            fixture.clock.advance(Duration::from_secs(rest_days * 86_400));
        }
        // The store has the day before with its unspent units until the client calls again: memory has the exact number.
        fixture.clock.advance(Duration::from_secs(86_400));
        let days = fixture.quota.days_before(&partner(), 5).await.unwrap();
        let listed: Vec<_> = days.iter().map(|day| (day.day.to_string(), day.used)).collect();
        let expected = [("01-04", 7), ("01-03", 5), ("01-02", 0), ("01-01", 3), ("2025-12-31", 0)];
        assert_eq!(listed.len(), expected.len());
        for ((day, used), (expected, expected_used)) in listed.iter().zip(expected) {
            assert!(day.ends_with(expected) && *used == expected_used, "{listed:?}");
        }
        let forgotten = delete_days(&*fixture.store, &partner()).await.unwrap();
        assert!(matches!(fixture.store.commit(forgotten).await.unwrap(), Outcome::Committed(_)));
        assert!(fixture.store.scan(b"quota/", None, 100).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_admits_no_request() {
        let Fixture { quota, store, .. } = fixture();
        store.close().await.unwrap();
        assert!(quota.spend(&partner(), limits(Some(10))).await.is_err());
        assert!(quota.spend(&partner(), limits(None)).await.is_err());
    }
}
