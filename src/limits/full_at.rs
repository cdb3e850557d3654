//! The state of one limit by the generic cell rate algorithm: when it is full again. It can be looked at, and carried over
//! to another limiter.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::RateLimitingMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{NotUntil, RateLimiter};

/// The limiter's "key". The limiter has one cell, and the key says what to do with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Use,
    Peek,
}

/// The cell: when the whole burst is restored, in nanoseconds since the limiter was made; 0 before the first use.
pub(crate) struct FullAt(AtomicU64);

impl FullAt {
    /// The cell of a limiter that is made now, and whose burst is restored after this time.
    pub(crate) fn after(full_in: Duration) -> Self {
        Self(AtomicU64::new(u64::try_from(full_in.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl StateStore for FullAt {
    type Key = Mode;

    fn measure_and_replace<T, F, E>(&self, mode: &Mode, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let (result, next) = measure((seen != 0).then(|| seen.into()))?;
            if *mode == Mode::Peek {
                return Ok(result);
            }
            match self.0.compare_exchange_weak(seen, next.into(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(result),
                Err(changed) => seen = changed,
            }
        }
    }
}

/// The time until the whole `burst` of the limiter is restored; `None` if it is.
pub(crate) fn full_in<C, M>(limiter: &RateLimiter<Mode, FullAt, C, M>, burst: NonZeroU32) -> Option<Duration>
where
    C: Clock,
    M: RateLimitingMiddleware<C::Instant, NegativeOutcome = NotUntil<C::Instant>>,
{
    // As many requests as the burst pass at once when it is restored, and no earlier.
    let whole_burst = limiter.check_key_n(&Mode::Peek, burst).ok()?;
    whole_burst.err().map(|not_until| not_until.wait_time_from(limiter.clock().now()))
}
