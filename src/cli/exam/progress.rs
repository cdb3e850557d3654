//! What a person sees while an exam runs: on a terminal a line that moves, elsewhere a line for each run.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output;
use crate::config::Environment;

/// How often the time is redrawn.
const TICK: Duration = Duration::from_millis(250);
/// The most scenarios under way that are named.
const MAX_NAMES: usize = 4;

/// Progress on standard error.
pub(super) struct Progress {
    /// `None` if it is not shown while it moves.
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: usize,
    done: usize,
    passed: usize,
    failed: usize,
    under_way: Vec<String>,
}

/// What a run showed.
pub(super) struct Shown<'s> {
    pub(super) scenario: &'s str,
    pub(super) took: Duration,
    /// The checks that passed.
    pub(super) passed: usize,
    /// The names of those that failed.
    pub(super) failed: Vec<&'static str>,
}

impl Progress {
    pub(super) fn new(environment: &Environment) -> Self {
        let bar = environment.is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed:>4}  {msg}");
            let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, state: Mutex::default() }
    }

    /// So many runs are to be made.
    pub(super) fn begin(&self, total: usize) {
        self.change(|state| state.total = total);
    }

    pub(super) fn start(&self, scenario: &str) {
        self.change(|state| state.under_way.push(scenario.to_owned()));
    }

    pub(super) fn finish(&self, shown: &Shown<'_>) {
        let line = self.change(|state| {
            state.under_way.retain(|name| name != shown.scenario);
            state.done += 1;
            state.passed += shown.passed;
            state.failed += shown.failed.len();
            let (done, total, seconds) = (state.done, state.total, shown.took.as_secs_f64());
            let verdict = match (shown.failed.as_slice(), shown.passed) {
                ([], 0) => "done".to_owned(),
                ([], _) => "pass".to_owned(),
                (failed, _) => format!("FAIL {}", failed.join(", ")),
            };
            // How many runs there are is known after the first two.
            let of = if total == 0 { String::new() } else { format!("{done}/{total}") };
            format!("{of:>6}  {:<32} {seconds:>5.1} s  {verdict}", shown.scenario)
        });
        match &self.bar {
            // What passes is counted; what fails stays to be read.
            Some(bar) if !shown.failed.is_empty() => bar.suspend(|| output::message(&line)),
            Some(_) => {}
            None => output::message(&line),
        }
    }

    /// Something that a person should know now.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::message(text)),
            None => output::message(text),
        }
    }

    /// Removes the line that moves.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut state);
        if let Some(bar) = &self.bar {
            bar.set_message(state.to_line());
        }
        changed
    }
}

impl State {
    fn to_line(&self) -> String {
        let Self { total, done, passed, failed, under_way } = self;
        let names: Vec<_> = under_way.iter().take(MAX_NAMES).map(String::as_str).collect();
        let names = names.join(", ");
        if *total == 0 {
            return names;
        }
        format!("{done} of {total} runs, checks: {passed} passed, {failed} failed  {names}")
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_runs_and_how_it_stands() {
        let progress = Progress::new(&Environment::new([]));
        progress.begin(3);
        progress.start("baseline");
        progress.start("storm");
        progress.finish(&Shown {
            scenario: "baseline",
            took: Duration::from_millis(400),
            passed: 9,
            failed: vec!["user-agent"],
        });
        let line = progress.state.lock().unwrap().to_line();
        assert_eq!(line, "1 of 3 runs, checks: 9 passed, 1 failed  storm");
    }
}
