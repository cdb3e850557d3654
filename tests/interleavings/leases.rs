//! The quota's leases: in no order of events is a unit spent twice.

use std::sync::Arc;
use std::time::Duration;

use boomgate::limits::Limits;
use boomgate::oauth::credentials::ClientId;
use boomgate::quota::Quota;
use boomgate::time::{ManualClock, UnixSeconds};
use proptest::prelude::*;

use crate::schedule::{Run, Scenario, SteppedStore, every_order, one_order};

/// More orders than any scene here has, and few enough for every `cargo test`.
const MOST_ORDERS: usize = 20_000;

const NOON: UnixSeconds = UnixSeconds::new(1_767_268_800); // 2026-01-01T12:00:00Z

fn partner() -> ClientId {
    ClientId::parse("partner").unwrap()
}

fn limits(daily_quota: u64) -> Limits {
    Limits { requests_per_second: 1.into(), burst: 1, daily_quota: Some(daily_quota), enforce: true }
}

/// Asks so many times, one after the other, and returns how often it was admitted. Ends when the quota is closed.
async fn spend(store: Arc<SteppedStore>, quota: Quota, daily_quota: u64, times: u64) -> u64 {
    let mut admitted = 0;
    for _ in 0..times {
        store.step().await;
        let Ok(units) = quota.spend(&partner(), limits(daily_quota)).await else { break };
        admitted += u64::from(units.admitted);
    }
    admitted
}

/// Some nodes with some callers each, and the events that happen to them.
#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is something that may happen")]
struct Scene {
    daily_quota: u64,
    nodes: usize,
    callers: usize,
    /// How often each caller asks.
    times: u64,
    /// Whether all callers give up at some moment.
    given_up: bool,
    /// Whether the first node is closed at some moment.
    closes: bool,
    /// Whether the clock goes over midnight at some moment.
    midnight: bool,
    /// Whether it comes back at a later one.
    back: bool,
    clock: Option<Arc<ManualClock>>,
    quotas: Vec<Quota>,
    admitted: u64,
}

impl Scenario for Scene {
    fn begin(&mut self, run: &mut Run) {
        let clock = Arc::new(ManualClock::new(NOON));
        for _ in 0..self.nodes {
            let quota = Quota::open(run.store.clone(), clock.clone());
            for _ in 0..self.callers {
                run.task(spend(run.store.clone(), quota.clone(), self.daily_quota, self.times));
            }
            self.quotas.push(quota);
        }
        if self.given_up {
            run.event(tokio::task::JoinSet::abort_all);
        }
        if self.closes {
            let quota = self.quotas.first().unwrap().clone();
            run.event(move |tasks| {
                tasks.spawn(async move {
                    quota.close().await.unwrap();
                    0
                });
            });
        }
        if self.midnight {
            let (forward, back) = (clock.clone(), clock.clone());
            run.event(move |_| forward.set_wall(NOON.plus(86_400)));
            if self.back {
                run.event(move |_| back.set_wall(NOON));
            }
        }
        self.clock = Some(clock);
    }

    /// All unspent units go back, and a new process spends what is left.
    fn end(&mut self, run: &mut Run, given: u64) {
        self.admitted = given;
        let (quotas, clock) = (std::mem::take(&mut self.quotas), self.clock.clone().unwrap());
        let (store, daily_quota) = (run.store.clone(), self.daily_quota);
        run.task(async move {
            for quota in quotas {
                quota.close().await.unwrap();
            }
            clock.advance(Duration::from_secs(1));
            spend(store.clone(), Quota::open(store, clock.clone()), daily_quota, daily_quota + 1).await
        });
    }

    fn check(&mut self, left: u64) {
        let asked = self.times * (self.nodes * self.callers) as u64;
        let of_all_days = self.daily_quota * if self.midnight { 2 } else { 1 };
        assert!(self.admitted <= of_all_days, "{} of {of_all_days}", self.admitted);
        if self.midnight {
            // The rest of the current day is spent in the end.
            assert!(self.admitted + left <= of_all_days, "{} and {left} of {of_all_days}", self.admitted);
            return;
        }
        // A caller that gave up may have spent one unit for each time that it asked, without counting it.
        let uncounted = if self.given_up { asked } else { 0 };
        let all = self.admitted + left;
        assert!(all <= self.daily_quota, "{} and {left} of {}", self.admitted, self.daily_quota);
        assert!(
            all + uncounted >= self.daily_quota,
            "{} and {left} of {}: units are lost",
            self.admitted,
            self.daily_quota
        );
        let everybody_stays = !self.given_up && !self.closes && self.nodes == 1;
        assert!(!everybody_stays || self.admitted == asked.min(self.daily_quota), "{} of {asked}", self.admitted);
    }
}

#[test]
fn in_every_order_exactly_the_quota_is_given() {
    let scene =
        |daily_quota, callers, times| move || Scene { daily_quota, nodes: 1, callers, times, ..Scene::default() };
    let of_three = every_order(MOST_ORDERS, scene(2, 3, 1));
    let of_two = every_order(MOST_ORDERS, scene(3, 2, 2));
    println!("interleavings: 3 callers of one node: {of_three} orders; 2 callers that ask twice: {of_two}");
}

#[test]
fn in_every_order_two_nodes_share_one_quota() {
    let scene = || Scene { daily_quota: 1, nodes: 2, callers: 1, times: 1, ..Scene::default() };
    println!("interleavings: 2 nodes: {} orders", every_order(MOST_ORDERS, scene));
}

#[test]
fn in_every_order_a_stop_returns_what_was_not_given() {
    let scene = || Scene { daily_quota: 2, nodes: 1, callers: 2, times: 1, closes: true, ..Scene::default() };
    println!("interleavings: a stop meanwhile: {} orders", every_order(MOST_ORDERS, scene));
}

#[test]
fn in_every_order_callers_that_give_up_take_no_block_with_them() {
    let scene = || Scene { daily_quota: 2, nodes: 1, callers: 2, times: 1, given_up: true, ..Scene::default() };
    println!("interleavings: callers that give up: {} orders", every_order(MOST_ORDERS, scene));
}

#[test]
fn in_every_order_midnight_gives_nothing_twice() {
    let scene = || Scene { daily_quota: 1, nodes: 1, callers: 1, times: 2, midnight: true, ..Scene::default() };
    println!("interleavings: midnight meanwhile: {} orders", every_order(MOST_ORDERS, scene));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// More nodes, callers and events, in random orders.
    #[test]
    fn in_any_order_no_unit_is_given_twice(
        daily_quota in 1_u64..260,
        nodes in 1_usize..4,
        callers in 1_usize..5,
        times in 1_u64..12,
        given_up: bool,
        closes: bool,
        midnight: bool,
        back: bool,
        order in proptest::collection::vec(any::<u8>(), 1..200),
    ) {
        let scene = Scene { daily_quota, nodes, callers, times, given_up, closes, midnight, back, ..Scene::default() };
        one_order(scene, &order);
    }
}
