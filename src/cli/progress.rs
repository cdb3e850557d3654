//! How far a command is that takes longer than a moment, on standard error.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::config::Environment;
use crate::declared::grouped;
use crate::time::{Clock as _, SystemClock};

/// How often a line on a terminal changes.
const ON_TERMINAL: Duration = Duration::from_millis(100);
/// How often a line is added to a log.
const IN_LOG: Duration = Duration::from_secs(5);

/// Counts steps: one line that changes on a terminal, a line now and then anywhere else, and nothing at all
/// when everything is done before the first is due.
pub(super) struct Progress {
    clock: SystemClock,
    terminal: bool,
    total: usize,
    done: usize,
    due: Duration,
    is_shown: bool,
}

impl Progress {
    /// Nothing of `total` is done.
    pub(super) fn new(total: usize, environment: &Environment) -> Self {
        let terminal = environment.is_terminal();
        let due = if terminal { Duration::from_secs(1) } else { IN_LOG };
        Self { clock: SystemClock::new(), terminal, total, done: 0, due, is_shown: false }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        let now = self.clock.monotonic();
        if now < self.due {
            return;
        }
        let line = format!("{} of {} done", grouped(self.done), grouped(self.total));
        let (start, end) = if self.terminal { ("\r", "") } else { ("", "\n") };
        let mut err = io::stderr().lock();
        // Nobody listens: there is nobody to tell.
        let _deaf = write!(err, "{start}{line}{end}").and_then(|()| err.flush());
        self.is_shown = self.terminal;
        self.due = now + if self.terminal { ON_TERMINAL } else { IN_LOG };
    }

    /// How many are done.
    pub(super) fn done(&self) -> usize {
        self.done
    }
}

/// What is said next starts a line of its own.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            // As above. The escape sequence erases the line.
            let _deaf = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}
