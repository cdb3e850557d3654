//! A limit on repeated lines: a failure of every request must not fill the disk with its line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::time::{Clock as _, SystemClock};

/// How many warnings and errors each place in the code may log in a [`PERIOD`].
const LINES: u64 = 10;
const PERIOD: Duration = Duration::from_secs(10);

/// Lets each place in the code log 10 warnings and errors in 10 s, and logs how many more were left out. Lower levels
/// have no limit: an operator has asked for them.
///
/// The number of places limits its memory; it stores nothing of an event.
pub(super) struct LogRateLimit {
    clock: SystemClock,
    places: Mutex<HashMap<Identifier, Place>>,
}

/// The lines of one place in the period that ends at `until`.
#[derive(Default)]
struct Place {
    until: Duration,
    lines: u64,
}

/// Whether a line is logged.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Logged,
    /// It is logged, and this many before it were not.
    LoggedAfter(u64),
    /// It is the first line that is left out.
    FirstLeftOut,
    LeftOut,
}

impl LogRateLimit {
    pub(super) fn new() -> Self {
        Self { clock: SystemClock::new(), places: Mutex::default() }
    }
}

impl<S: Subscriber> Layer<S> for LogRateLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let verdict = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.entry(event.metadata().callsite()).or_default().judge(self.clock.monotonic())
        };
        // These are events too and come here, so the lock must be free.
        match verdict {
            Verdict::LoggedAfter(left_out) => tracing::warn!(left_out, "lines like the next one were left out"),
            Verdict::FirstLeftOut => {
                let period_s = PERIOD.as_secs();
                tracing::warn!(
                    period_s,
                    "lines like the one before are left out for up to this time: /metrics counts all of them"
                );
            }
            Verdict::Logged | Verdict::LeftOut => {}
        }
        matches!(verdict, Verdict::Logged | Verdict::LoggedAfter(_))
    }
}

impl Place {
    fn judge(&mut self, now: Duration) -> Verdict {
        if now >= self.until {
            let left_out = self.lines.saturating_sub(LINES);
            *self = Self { until: now + PERIOD, lines: 1 };
            return if left_out == 0 { Verdict::Logged } else { Verdict::LoggedAfter(left_out) };
        }
        self.lines += 1;
        match self.lines {
            lines if lines <= LINES => Verdict::Logged,
            lines if lines == LINES + 1 => Verdict::FirstLeftOut,
            _ => Verdict::LeftOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_logs_a_limited_number_of_lines_and_how_many_it_left_out() {
        let mut place = Place::default();
        let start = Duration::from_secs(1_000);
        for _ in 0..LINES {
            assert_eq!(place.judge(start), Verdict::Logged);
        }
        assert_eq!(place.judge(start), Verdict::FirstLeftOut);
        for _ in 0..99 {
            assert_eq!(place.judge(start + PERIOD / 2), Verdict::LeftOut);
        }
        assert_eq!(place.judge(start + PERIOD), Verdict::LoggedAfter(100));
        assert_eq!(place.judge(start + PERIOD), Verdict::Logged);
        assert_eq!(place.judge(start + PERIOD * 5), Verdict::Logged, "nothing was left out meanwhile");
    }
}
