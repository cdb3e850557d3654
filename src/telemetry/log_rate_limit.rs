//! No line again and again: what fails for every request must not fill the disk that it may have failed for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::time::{Clock as _, SystemClock};

/// How many warnings and errors each place in the code may tell in a [`PERIOD`].
const LINES: u64 = 10;
const PERIOD: Duration = Duration::from_secs(10);

/// Lets each place in the code tell so many warnings and errors in a time, and says how many it left out. What
/// is told at lower levels is told because somebody asked for it, and is left alone.
///
/// Memory is bounded by the places that there are; nothing of an event is kept.
pub(super) struct Sparing {
    clock: SystemClock,
    places: Mutex<HashMap<Identifier, Place>>,
}

/// What one place has told in the period that ends at `until`.
#[derive(Default)]
struct Place {
    until: Duration,
    lines: u64,
}

/// Whether a line is told.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Told,
    /// It is told, and so many before it were not.
    ToldAfter(u64),
    /// It is the first of those that are not.
    FirstLeftOut,
    LeftOut,
}

impl Sparing {
    pub(super) fn new() -> Self {
        Self { clock: SystemClock::new(), places: Mutex::default() }
    }
}

impl<S: Subscriber> Layer<S> for Sparing {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let verdict = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.entry(event.metadata().callsite()).or_default().judge(self.clock.monotonic())
        };
        // These are events too, and come here: the lock is free again.
        match verdict {
            Verdict::ToldAfter(left_out) => tracing::warn!(left_out, "lines like the next one were left out"),
            Verdict::FirstLeftOut => {
                let period_s = PERIOD.as_secs();
                tracing::warn!(
                    period_s,
                    "lines like the one before are left out for up to this time: /metrics counts on"
                );
            }
            Verdict::Told | Verdict::LeftOut => {}
        }
        matches!(verdict, Verdict::Told | Verdict::ToldAfter(_))
    }
}

impl Place {
    fn judge(&mut self, now: Duration) -> Verdict {
        if now >= self.until {
            let left_out = self.lines.saturating_sub(LINES);
            *self = Self { until: now + PERIOD, lines: 1 };
            return if left_out == 0 { Verdict::Told } else { Verdict::ToldAfter(left_out) };
        }
        self.lines += 1;
        match self.lines {
            lines if lines <= LINES => Verdict::Told,
            lines if lines == LINES + 1 => Verdict::FirstLeftOut,
            _ => Verdict::LeftOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_so_many_lines_in_a_time_and_how_many_it_left_out() {
        let mut place = Place::default();
        let start = Duration::from_secs(1_000);
        for _ in 0..LINES {
            assert_eq!(place.judge(start), Verdict::Told);
        }
        assert_eq!(place.judge(start), Verdict::FirstLeftOut);
        for _ in 0..99 {
            assert_eq!(place.judge(start + PERIOD / 2), Verdict::LeftOut);
        }
        assert_eq!(place.judge(start + PERIOD), Verdict::ToldAfter(100));
        assert_eq!(place.judge(start + PERIOD), Verdict::Told);
        assert_eq!(place.judge(start + PERIOD * 5), Verdict::Told, "nothing was left out meanwhile");
    }
}
