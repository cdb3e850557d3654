//! How fast a client may call: the generic cell rate algorithm, one cell for each client.
//!
//! Only in memory: a restart gives every client its burst back. Uses monotonic time, so a change of the system's clock
//! neither delays nor frees any client.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use papaya::HashMap;
use serde::{Deserialize, Serialize};

use crate::limits::{FullAt, Limits, Mode, Rate, full_in};
use crate::oauth::credentials::ClientId;
use crate::time::{Monotonic, SharedClock};

/// The cells of all clients that have called.
pub struct Throttle {
    clock: SharedClock,
    cells: HashMap<ClientId, Arc<Cell>, RandomState>,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    /// The most requests at once.
    pub burst: u32,
    /// The seconds in which a whole burst is restored, rounded up.
    pub window_s: u64,
    /// How many requests are left now.
    pub remaining: u32,
    /// Seconds until the whole burst is restored, rounded up.
    pub full_in_s: u64,
    /// The time until the next request is within the rate; `None` if this one is.
    pub wait: Option<Duration>,
}

/// How much a client has used of its throttle, apart from when it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    client_id: ClientId,
    requests_per_second: Rate,
    burst: NonZeroU32,
    /// The time until the whole burst is restored.
    full_in: Duration,
}

impl Throttle {
    /// Starts without clients.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, cells: HashMap::default() }
    }

    /// Uses one permit of the client, if one is left. A changed limit starts with a whole burst.
    #[must_use]
    pub fn check(&self, client_id: &ClientId, limits: Limits) -> Permits {
        self.apply(client_id, limits, Mode::Use)
    }

    /// Where the client stands; uses nothing.
    #[must_use]
    pub fn peek(&self, client_id: &ClientId, limits: Limits) -> Permits {
        self.apply(client_id, limits, Mode::Peek)
    }

    /// The same, without a cell for a client that has not called: for lists of many clients.
    #[must_use]
    pub(crate) fn look_up(&self, client_id: &ClientId, limits: Limits) -> Permits {
        let cells = self.cells.pin();
        let cell = cells.get(client_id).filter(|cell| cell.is_of(limits));
        if let Some(cell) = cell {
            return cell.apply(Mode::Peek);
        }
        let (rate, burst) = (limits.requests_per_second, at_least_one(limits.burst).get());
        Permits { burst, window_s: rate.seconds_for(burst), remaining: burst, full_in_s: 0, wait: None }
    }

    /// Forgets the clients that `is_registered` does not find.
    pub fn retain(&self, is_registered: impl Fn(&ClientId) -> bool) {
        self.cells.pin().retain(|client_id, _| is_registered(client_id));
    }

    /// Forgets a client that was deleted.
    pub fn forget(&self, client_id: &ClientId) {
        self.cells.pin().remove(client_id);
    }

    /// Where all clients stand that do not have their whole burst.
    pub(crate) fn capture(&self) -> Vec<Level> {
        let level = |(client_id, cell): (&ClientId, &Arc<Cell>)| {
            let full_in = full_in(&cell.limiter, cell.burst)?;
            let (client_id, requests_per_second) = (client_id.clone(), cell.rate);
            Some(Level { client_id, requests_per_second, burst: cell.burst, full_in })
        };
        self.cells.pin().iter().filter_map(level).collect()
    }

    /// Lets all clients stand where they stood. What they have won back since then is lost.
    pub(crate) fn restore(&self, levels: &[Level]) {
        let cells = self.cells.pin();
        cells.clear();
        for Level { client_id, requests_per_second, burst, full_in } in levels {
            let cell = Cell::new(*requests_per_second, *burst, FullAt::after(*full_in), self.clock.clone());
            cells.insert(client_id.clone(), Arc::new(cell));
        }
    }

    fn apply(&self, client_id: &ClientId, limits: Limits, mode: Mode) -> Permits {
        let cells = self.cells.pin();
        if let Some(cell) = cells.get(client_id)
            && cell.is_of(limits)
        {
            return cell.apply(mode);
        }
        let full = FullAt::after(Duration::ZERO);
        let (rate, burst) = (limits.requests_per_second, at_least_one(limits.burst));
        let fresh = Arc::new(Cell::new(rate, burst, full, self.clock.clone()));
        // Another request may have inserted a cell in the meantime: then that cell counts.
        let current = |cell: &Arc<Cell>| if cell.is_of(limits) { cell.clone() } else { fresh.clone() };
        cells.update_or_insert(client_id.clone(), current, fresh.clone()).apply(mode)
    }
}

struct Cell {
    rate: Rate,
    burst: NonZeroU32,
    limiter: RateLimiter<Mode, FullAt, Monotonic, StateInformationMiddleware>,
}

impl Cell {
    fn new(rate: Rate, burst: NonZeroU32, state: FullAt, clock: SharedClock) -> Self {
        let period = Duration::from_nanos(rate.nanos_per_request());
        // The highest rate has a period of more than zero.
        let rate_limit = governor::Quota::with_period(period).unwrap_or(governor::Quota::per_second(NonZeroU32::MIN));
        let rate_limit = rate_limit.allow_burst(burst);
        let limiter = RateLimiter::new(rate_limit, state, Monotonic(clock));
        Self { rate, burst, limiter }
    }

    fn is_of(&self, limits: Limits) -> bool {
        self.burst == at_least_one(limits.burst) && self.rate == limits.requests_per_second
    }

    fn apply(&self, mode: Mode) -> Permits {
        let (remaining, wait) = match (self.limiter.check_key(&mode), mode) {
            (Ok(after), Mode::Use) => (after.remaining_burst_capacity(), None),
            // The limiter tells what a use would leave, and this is no use.
            (Ok(after), Mode::Peek) => (after.remaining_burst_capacity().saturating_add(1), None),
            (Err(not_until), _) => (0, Some(not_until.wait_time_from(self.limiter.clock().now()))),
        };
        let (burst, rate) = (self.burst.get(), self.rate);
        Permits {
            burst,
            window_s: rate.seconds_for(burst),
            remaining,
            full_in_s: rate.seconds_for(burst.saturating_sub(remaining)),
            wait,
        }
    }
}

fn at_least_one(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{ManualClock, UnixSeconds};

    fn limits(requests_per_second: u32, burst: u32) -> Limits {
        Limits { requests_per_second: requests_per_second.into(), burst, daily_quota: None, enforce: true }
    }

    fn client_id() -> ClientId {
        ClientId::parse("partner").unwrap()
    }

    fn throttle() -> (Arc<ManualClock>, Throttle) {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_000)));
        (clock.clone(), Throttle::new(clock))
    }

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let (clock, throttle) = throttle();
        let (id, limits) = (client_id(), limits(2, 3));
        for left in [2, 1, 0] {
            assert_eq!(throttle.check(&id, limits).remaining, left);
        }
        assert_eq!(throttle.check(&id, limits).wait, Some(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(499));
        assert!(throttle.check(&id, limits).wait.is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(throttle.check(&id, limits).wait, None);
        assert!(throttle.check(&id, limits).wait.is_some());
    }

    #[test]
    fn a_rate_below_one_gives_one_request_in_several_seconds() {
        let (clock, throttle) = throttle();
        let (id, limits) = (client_id(), Limits { requests_per_second: "0.4".parse().unwrap(), ..limits(1, 2) });
        let full = Permits { burst: 2, window_s: 5, remaining: 2, full_in_s: 0, wait: None };
        assert_eq!(throttle.check(&id, limits), Permits { remaining: 1, full_in_s: 3, ..full });
        assert_eq!(throttle.check(&id, limits), Permits { remaining: 0, full_in_s: 5, ..full });
        assert_eq!(throttle.check(&id, limits).wait, Some(Duration::from_millis(2_500)));
        clock.advance(Duration::from_millis(2_499));
        assert!(throttle.check(&id, limits).wait.is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(throttle.check(&id, limits).wait, None);
    }

    #[test]
    fn the_slowest_rate_and_the_largest_burst_do_not_overflow() {
        let (clock, throttle) = throttle();
        let (id, limits) =
            (client_id(), Limits { requests_per_second: "0.001".parse().unwrap(), ..limits(1, 1_000_000) });
        for left in (999_990..1_000_000).rev() {
            assert_eq!(throttle.check(&id, limits).remaining, left);
        }
        clock.advance(Duration::from_secs(5_000));
        assert_eq!((throttle.peek(&id, limits).remaining, throttle.peek(&id, limits).full_in_s), (999_995, 5_000));
    }

    #[test]
    fn a_peek_uses_nothing() {
        let (_, throttle) = throttle();
        let (id, limits) = (client_id(), limits(10, 20));
        let full = Permits { burst: 20, window_s: 2, remaining: 20, full_in_s: 0, wait: None };
        assert_eq!(throttle.peek(&id, limits), full);
        assert_eq!(throttle.peek(&id, limits), full);
        assert_eq!(throttle.check(&id, limits), Permits { remaining: 19, full_in_s: 1, ..full });
        assert_eq!(throttle.peek(&id, limits), Permits { remaining: 19, full_in_s: 1, ..full });
    }

    #[test]
    fn to_look_a_client_up_makes_no_cell_and_says_the_same() {
        let (_, throttle) = throttle();
        let (id, limits) = (client_id(), limits(10, 20));
        let looked_up = throttle.look_up(&id, limits);
        assert_eq!(throttle.cells.len(), 0);
        assert_eq!(looked_up, throttle.peek(&id, limits));
        let _ = throttle.check(&id, limits);
        assert_eq!(throttle.look_up(&id, limits), throttle.peek(&id, limits));
    }

    #[test]
    fn a_changed_limit_applies_at_once() {
        let (_, throttle) = throttle();
        let id = client_id();
        assert_eq!(throttle.check(&id, limits(1, 1)).wait, None);
        assert!(throttle.check(&id, limits(1, 1)).wait.is_some());
        assert_eq!(throttle.check(&id, limits(1, 2)).remaining, 1);
    }

    #[test]
    fn clients_do_not_share_permits_and_forgotten_ones_cost_nothing() {
        let (_, throttle) = throttle();
        let (one, other) = (client_id(), ClientId::parse("other").unwrap());
        assert_eq!(throttle.check(&one, limits(1, 1)).wait, None);
        assert_eq!(throttle.check(&other, limits(1, 1)).wait, None);
        throttle.retain(|id| *id == one);
        assert_eq!(throttle.cells.len(), 1);
    }

    proptest! {
        #[test]
        fn a_restored_throttle_goes_on_as_the_one_that_was_captured(
            rate in 1_u32..50,
            burst in 1_u32..50,
            uses in 0_u32..80,
            rests in proptest::collection::vec(0_u64..400, 0..30),
            moved_on in 0_u64..100_000,
        ) {
            let ((clock, throttle), (other_clock, other)) = (self::throttle(), self::throttle());
            let (id, limits) = (client_id(), limits(rate, burst));
            for _ in 0..uses {
                let _ = throttle.check(&id, limits);
            }
            let levels = throttle.capture();
            other_clock.advance(Duration::from_millis(moved_on));
            let _ = other.check(&ClientId::parse("other").unwrap(), limits);
            let _ = other.check(&id, self::limits(rate, burst + 1));
            other.restore(&levels);
            prop_assert_eq!(other.capture(), levels);
            for rest_ms in rests {
                prop_assert_eq!(throttle.check(&id, limits), other.check(&id, limits));
                clock.advance(Duration::from_millis(rest_ms));
                other_clock.advance(Duration::from_millis(rest_ms));
            }
        }

        /// The model is a bucket of `burst` permits that regains one every `1 / rate` seconds.
        #[test]
        fn it_admits_what_a_slow_model_admits(
            rate in 1_u32..50,
            burst in 1_u32..50,
            pauses in proptest::collection::vec(0_u64..400, 1..200),
        ) {
            let (clock, throttle) = throttle();
            let period = 1_000_000_000 / u64::from(rate);
            let (mut now, mut full_at) = (0_u64, 0_u64);
            for pause_ms in pauses {
                clock.advance(Duration::from_millis(pause_ms));
                now += pause_ms * 1_000_000;
                let missing = full_at.saturating_sub(now).div_ceil(period);
                let admitted = throttle.check(&client_id(), limits(rate, burst)).wait.is_none();
                prop_assert_eq!(admitted, missing < u64::from(burst));
                if admitted {
                    full_at = full_at.max(now) + period;
                }
            }
        }
    }
}
