//! The clock of a sandbox: a real clock, which the user of the sandbox shifts and may freeze.
//!
//! It goes forward only; a snapshot alone takes it back. Frozen, its wall time stands and its monotonic time runs on, so
//! that a throttle refills and a client that obeys `Retry-After` is not stuck. Reading it takes no lock.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Clock, MAX_SECONDS, SECONDS_PER_DAY, SharedClock, UnixSeconds};

/// The furthest that one call moves the clock: some ten years.
const MAX_JUMP: Duration = Duration::from_secs(3_653 * SECONDS_PER_DAY);

/// How far one move of the clock moves its monotonic side: longer than any rule for faults lasts.
const MAX_SKIP: Duration = Duration::from_secs(31 * SECONDS_PER_DAY);

/// How far all moves together move its monotonic side, in milliseconds: 400 years. A limiter counts nanoseconds, which
/// end after 584 years.
const MAX_SKIPPED_MS: u64 = 400 * 365 * SECONDS_PER_DAY * 1_000;

/// In place of the moment at which a clock is frozen.
const RUNNING: u64 = u64::MAX;

/// See the module.
pub struct SandboxClock {
    real: SharedClock,
    /// What is added to real wall time, in milliseconds. Below 0 after a return to a snapshot.
    shift_ms: AtomicI64,
    /// The wall time that stands, in milliseconds since the epoch; [`RUNNING`] if it runs.
    frozen_at_ms: AtomicU64,
    /// What is added to real monotonic time, in milliseconds. It only grows, up to [`MAX_SKIPPED_MS`].
    skipped_ms: AtomicU64,
    /// One change at a time.
    changing: Mutex<()>,
}

/// Where a clock stood, to return to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    wall_ms: u64,
    frozen: bool,
}

/// What the next process needs to go on with the same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClockRecord {
    /// It runs.
    Running {
        /// How far it is ahead of the real clock, in milliseconds.
        shifted_by_ms: i64,
    },
    /// It stands.
    Frozen {
        /// Its time, in milliseconds since the epoch.
        frozen_at_ms: u64,
    },
}

impl Default for ClockRecord {
    /// The real time.
    fn default() -> Self {
        Self::Running { shifted_by_ms: 0 }
    }
}

/// Why the clock does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// It would go back.
    #[error("must not be before {0}, the time of this clock: it goes forward only, and a snapshot goes back")]
    Backwards(UnixSeconds),
    /// More than [`MAX_JUMP`] at once.
    #[error("must not move the clock by more than 3653 days at once")]
    TooFar,
    /// After the year 9999, which no date has a form for.
    #[error("must not move the clock past the year 9999")]
    PastTheEnd,
}

impl SandboxClock {
    /// A clock that goes on from what was [recorded](Self::record), over `real`.
    #[must_use]
    pub fn over(real: SharedClock, record: ClockRecord) -> Self {
        let (shift_ms, frozen_at_ms) = match record {
            ClockRecord::Running { shifted_by_ms } => (shifted_by_ms, RUNNING),
            ClockRecord::Frozen { frozen_at_ms } => (0, frozen_at_ms),
        };
        Self {
            real,
            shift_ms: AtomicI64::new(shift_ms),
            frozen_at_ms: AtomicU64::new(frozen_at_ms),
            skipped_ms: AtomicU64::new(0),
            changing: Mutex::new(()),
        }
    }

    /// Says whether [`advance`](Self::advance) would move it so far.
    pub fn check_advance(&self, by: Duration) -> Result<(), ClockFault> {
        if by > MAX_JUMP {
            return Err(ClockFault::TooFar);
        }
        let is_writable = (self.since_epoch() + by).as_secs() <= MAX_SECONDS;
        if is_writable { Ok(()) } else { Err(ClockFault::PastTheEnd) }
    }

    /// How far it is from here to the start of that second; 0 in that second.
    pub fn until(&self, to: UnixSeconds) -> Result<Duration, ClockFault> {
        let now = self.since_epoch();
        if to.get() < now.as_secs() {
            return Err(ClockFault::Backwards(UnixSeconds::new(now.as_secs())));
        }
        Ok(Duration::from_secs(to.get()).saturating_sub(now))
    }

    /// Moves wall and monotonic time forward, the latter by [`MAX_SKIP`] at most. A frozen clock stands at a later moment
    /// then.
    pub fn advance(&self, by: Duration) -> Result<(), ClockFault> {
        let changing = self.change();
        self.move_by(by, &changing)
    }

    /// [Advances](Self::advance) wall time to the start of this second. Does nothing in that second.
    pub fn set(&self, to: UnixSeconds) -> Result<(), ClockFault> {
        let changing = self.change();
        self.move_by(self.until(to)?, &changing)
    }

    fn move_by(&self, by: Duration, _one_at_a_time: &MutexGuard<'_, ()>) -> Result<(), ClockFault> {
        self.check_advance(by)?;
        // Within those bounds no addition overflows.
        let by_ms = u64::try_from(by.as_millis()).unwrap_or_default();
        match self.frozen_at_ms.load(Ordering::SeqCst) {
            RUNNING => {
                self.shift_ms.fetch_add(i64::try_from(by_ms).unwrap_or(i64::MAX), Ordering::SeqCst);
            }
            at => self.frozen_at_ms.store(at.saturating_add(by_ms), Ordering::SeqCst),
        }
        let skip_ms = u64::try_from(by.min(MAX_SKIP).as_millis()).unwrap_or_default();
        let skipped_ms = self.skipped_ms.load(Ordering::SeqCst).saturating_add(skip_ms);
        self.skipped_ms.store(skipped_ms.min(MAX_SKIPPED_MS), Ordering::SeqCst);
        Ok(())
    }

    /// Stops wall time at this moment. Monotonic time runs on.
    pub fn freeze(&self) {
        let _one_at_a_time = self.change();
        self.frozen_at_ms.store(self.wall_ms(), Ordering::SeqCst);
    }

    /// Lets wall time run on from where it stands.
    pub fn resume(&self) {
        let changing = self.change();
        self.run_from(self.wall_ms(), &changing);
    }

    fn run_from(&self, wall_ms: u64, _one_at_a_time: &MutexGuard<'_, ()>) {
        // Both are below 2^53.
        let shift_ms = i128::from(wall_ms) - i128::from(self.real_ms());
        self.shift_ms.store(i64::try_from(shift_ms).unwrap_or_default(), Ordering::SeqCst);
        self.frozen_at_ms.store(RUNNING, Ordering::SeqCst);
    }

    /// Whether wall time stands.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen_at_ms.load(Ordering::SeqCst) != RUNNING
    }

    /// Whether it shows another time than the real clock.
    #[must_use]
    pub fn is_shifted(&self) -> bool {
        self.is_frozen() || self.shift_ms.load(Ordering::SeqCst) != 0
    }

    /// How far it is ahead of the real clock, in milliseconds.
    #[must_use]
    pub fn shifted_by_ms(&self) -> i64 {
        match self.frozen_at_ms.load(Ordering::SeqCst) {
            RUNNING => self.shift_ms.load(Ordering::SeqCst),
            at => i64::try_from(i128::from(at) - i128::from(self.real_ms())).unwrap_or_default(),
        }
    }

    /// What the next process needs to go on with the same clock.
    #[must_use]
    pub fn record(&self) -> ClockRecord {
        let _one_at_a_time = self.change();
        match self.frozen_at_ms.load(Ordering::SeqCst) {
            RUNNING => ClockRecord::Running { shifted_by_ms: self.shift_ms.load(Ordering::SeqCst) },
            frozen_at_ms => ClockRecord::Frozen { frozen_at_ms },
        }
    }

    /// The real wall time.
    #[must_use]
    pub fn real_now(&self) -> UnixSeconds {
        self.real.now()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ClockState {
        let _one_at_a_time = self.change();
        ClockState { wall_ms: self.wall_ms(), frozen: self.is_frozen() }
    }

    /// Goes to where it stood, which may be back. Monotonic time does not move: it never goes back.
    pub fn return_to(&self, state: ClockState) {
        let changing = self.change();
        self.run_from(state.wall_ms, &changing);
        if state.frozen {
            self.frozen_at_ms.store(state.wall_ms, Ordering::SeqCst);
        }
    }

    /// Shows what the real clock shows, as at the start.
    pub fn reset(&self) {
        let _one_at_a_time = self.change();
        self.shift_ms.store(0, Ordering::SeqCst);
        self.frozen_at_ms.store(RUNNING, Ordering::SeqCst);
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wall_ms(&self) -> u64 {
        // `resume` stores the shift first, so that no reader sees the new state with the old shift.
        match self.frozen_at_ms.load(Ordering::SeqCst) {
            RUNNING => self.real_ms().saturating_add_signed(self.shift_ms.load(Ordering::SeqCst)),
            at => at,
        }
    }

    fn real_ms(&self) -> u64 {
        u64::try_from(self.real.since_epoch().as_millis()).unwrap_or(MAX_SECONDS * 1_000)
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.wall_ms() / 1_000)
    }

    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.wall_ms())
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic() + Duration::from_millis(self.skipped_ms.load(Ordering::SeqCst))
    }
}

impl fmt::Debug for SandboxClock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SandboxClock").field("now", &self.now()).field("is_frozen", &self.is_frozen()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::time::ManualClock;

    const START: UnixSeconds = UnixSeconds::new(1_767_268_800); // 2026-01-01T12:00:00Z
    const HOUR: Duration = Duration::from_secs(3_600);

    fn clocks() -> (Arc<ManualClock>, SandboxClock) {
        let real = Arc::new(ManualClock::new(START));
        (real.clone(), SandboxClock::over(real, ClockRecord::default()))
    }

    #[test]
    fn a_shifted_clock_keeps_running_and_moves_both_sides() {
        let (real, clock) = clocks();
        assert!(!clock.is_shifted());
        clock.advance(HOUR).unwrap();
        real.advance(Duration::from_secs(5));
        assert_eq!((clock.now(), clock.monotonic()), (START.plus(3_605), HOUR + Duration::from_secs(5)));
        assert_eq!((clock.real_now(), clock.shifted_by_ms()), (START.plus(5), 3_600_000));
        clock.set(START.plus(7_200)).unwrap();
        assert_eq!((clock.now(), clock.monotonic()), (START.plus(7_200), 2 * HOUR));
    }

    #[test]
    fn parts_of_a_second_add_up() {
        let (real, clock) = clocks();
        clock.advance(Duration::from_millis(600)).unwrap();
        real.advance(Duration::from_millis(600));
        assert_eq!(clock.now(), START.plus(1));
        clock.set(START.plus(2)).unwrap();
        assert_eq!(clock.since_epoch(), Duration::from_secs(START.get() + 2));
    }

    #[test]
    fn a_frozen_clock_stands_and_its_monotonic_side_runs_on() {
        let (real, clock) = clocks();
        clock.advance(HOUR).unwrap();
        clock.freeze();
        real.advance(Duration::from_secs(10));
        assert_eq!((clock.now(), clock.monotonic()), (START.plus(3_600), HOUR + Duration::from_secs(10)));
        clock.advance(HOUR).unwrap();
        assert_eq!((clock.now(), clock.is_frozen()), (START.plus(7_200), true));
        clock.resume();
        real.advance(Duration::from_secs(1));
        assert_eq!((clock.now(), clock.is_frozen(), clock.shifted_by_ms()), (START.plus(7_201), false, 7_190_000));
    }

    #[test]
    fn the_next_process_goes_on_with_the_same_clock() {
        let (real, clock) = clocks();
        clock.advance(HOUR).unwrap();
        let reopened = |clock: &SandboxClock| SandboxClock::over(real.clone(), clock.record());
        let running = reopened(&clock);
        clock.freeze();
        let frozen = reopened(&clock);
        real.advance(Duration::from_secs(5));
        assert_eq!((running.now(), running.is_frozen()), (START.plus(3_605), false));
        assert_eq!((frozen.now(), frozen.is_frozen()), (START.plus(3_600), true));
        frozen.resume();
        real.advance(Duration::from_secs(5));
        assert_eq!(
            (frozen.now(), frozen.record()),
            (START.plus(3_605), ClockRecord::Running { shifted_by_ms: 3_595_000 })
        );
    }

    #[test]
    fn it_goes_forward_only_and_not_beyond_its_bounds() {
        let (_, clock) = clocks();
        clock.advance(HOUR).unwrap();
        assert_eq!(clock.set(START), Err(ClockFault::Backwards(START.plus(3_600))));
        clock.set(START.plus(3_600)).unwrap();
        assert_eq!(clock.advance(MAX_JUMP + Duration::from_millis(1)), Err(ClockFault::TooFar));
        assert_eq!(clock.set(UnixSeconds::new(u64::MAX)), Err(ClockFault::TooFar));
        assert_eq!(clock.advance(Duration::MAX), Err(ClockFault::TooFar));
        let jumps = (0..1_000).take_while(|_| clock.advance(MAX_JUMP).is_ok()).count();
        assert!(jumps > 700 && clock.advance(MAX_JUMP) == Err(ClockFault::PastTheEnd), "{jumps}");
        assert!(clock.now().to_string().starts_with("99"), "{}", clock.now());
    }

    #[test]
    fn its_monotonic_side_moves_by_a_month_at_most_and_never_past_what_a_limiter_counts() {
        let (real, clock) = clocks();
        clock.advance(MAX_JUMP).unwrap();
        assert_eq!((clock.now(), clock.monotonic()), (START.plus(MAX_JUMP.as_secs()), MAX_SKIP));
        let start = clock.state();
        for _ in 0..5_000 {
            clock.advance(MAX_SKIP).unwrap();
            clock.return_to(start);
        }
        assert_eq!(clock.monotonic(), Duration::from_millis(MAX_SKIPPED_MS));
        real.advance(HOUR);
        assert_eq!(clock.monotonic(), Duration::from_millis(MAX_SKIPPED_MS) + HOUR);
    }

    #[test]
    fn it_returns_to_where_it_stood_and_its_monotonic_side_does_not() {
        let (real, clock) = clocks();
        let (running, frozen) = (clock.state(), {
            clock.freeze();
            clock.state()
        });
        clock.advance(HOUR).unwrap();
        real.advance(Duration::from_secs(9));
        let monotonic = clock.monotonic();
        clock.return_to(frozen);
        assert_eq!((clock.now(), clock.is_frozen()), (START, true));
        clock.return_to(running);
        real.advance(Duration::from_secs(1));
        assert_eq!((clock.now(), clock.is_frozen(), clock.shifted_by_ms()), (START.plus(1), false, -9_000));
        assert!(clock.monotonic() > monotonic);
        clock.reset();
        assert_eq!((clock.now(), clock.is_shifted()), (START.plus(10), false));
    }
}
