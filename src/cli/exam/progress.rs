//! What a person sees while an exam runs: on a terminal a line that moves, elsewhere a line for each run.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::summary::{GREEN, RED, painted};
use crate::cli::output::{self, columns};
use crate::config::Environment;

/// How often the time is redrawn.
const TICK: Duration = Duration::from_millis(250);
/// The line before it is known how many runs there are, and after that. What has no room on the terminal is cut.
const WAITING: &str = "{spinner} {elapsed:>4}  {wide_msg}";
const COUNTING: &str = "{spinner} {elapsed:>4}  {bar:20} {pos:>2}/{len}  {wide_msg}";
/// How many columns stand before the names of what runs.
const BEFORE_NAMES: usize = 52;

/// Progress on standard error.
pub(super) struct Progress {
    /// `None` if it is not shown while it moves.
    bar: Option<ProgressBar>,
    has_color: bool,
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
            let bar = ProgressBar::new(0).with_style(style(WAITING));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, has_color: environment.allows_color(), state: Mutex::default() }
    }

    /// So many runs are to be made.
    pub(super) fn begin(&self, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_style(style(COUNTING));
        }
        self.change(|state| state.total = total);
    }

    pub(super) fn start(&self, scenario: &str) {
        self.change(|state| state.under_way.push(scenario.to_owned()));
    }

    pub(super) fn finish(&self, shown: &Shown<'_>) {
        let (done, total) = self.change(|state| {
            state.under_way.retain(|name| name != shown.scenario);
            state.done += 1;
            state.passed += shown.passed;
            state.failed += shown.failed.len();
            (state.done, state.total)
        });
        let (name, seconds, failed) = (shown.scenario, shown.took.as_secs_f64(), shown.failed.join(", "));
        match &self.bar {
            // What passes is counted; what fails stays to be read.
            Some(bar) if !failed.is_empty() => {
                let mark = painted(self.has_color, RED, "✗");
                bar.suspend(|| output::message(&format!("{mark} {name:<20} {seconds:>5.1} s  {failed}")));
            }
            Some(_) => {}
            None => {
                let verdict = match (failed.as_str(), shown.passed) {
                    ("", 0) => "done".to_owned(),
                    ("", _) => "pass".to_owned(),
                    (failed, _) => format!("FAIL {failed}"),
                };
                // How many runs there are is known after the first two.
                let of = if total == 0 { String::new() } else { format!("{done}/{total}") };
                output::message(&format!("{of:>6}  {name:<32} {seconds:>5.1} s  {verdict}"));
            }
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
            bar.set_position(state.done as u64);
            bar.set_message(state.to_line(columns(io::stderr()), self.has_color));
        }
        changed
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}

impl State {
    /// The verdicts so far, and what runs: as many names as there is room for, the oldest first, and the number of the others.
    fn to_line(&self, columns: usize, has_color: bool) -> String {
        let names = self.names(columns.saturating_sub(BEFORE_NAMES));
        if self.total == 0 {
            return names;
        }
        let passed = painted(has_color, GREEN, &format!("✓ {}", self.passed));
        let failed = format!("✗ {}", self.failed);
        let failed = painted(has_color && self.failed > 0, RED, &failed);
        format!("{passed} {failed}  {names}")
    }

    fn names(&self, room: usize) -> String {
        let mut shown = String::new();
        for (place, name) in self.under_way.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            if place > 0 && shown.len() + comma.len() + name.len() > room {
                return format!("{shown} +{}", self.under_way.len() - place);
            }
            shown.extend([comma, name]);
        }
        shown
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
    fn a_line_says_how_it_stands_and_what_runs() {
        let progress = Progress::new(&Environment::new([]));
        progress.begin(3);
        progress.start("baseline");
        progress.start("storm");
        progress.start("retry-after-seconds");
        progress.finish(&Shown {
            scenario: "baseline",
            took: Duration::from_millis(400),
            passed: 9,
            failed: vec!["user-agent"],
        });
        let line = |columns, has_color| progress.state.lock().unwrap().to_line(columns, has_color);
        assert_eq!(line(80, false), "✓ 9 ✗ 1  storm, retry-after-seconds");
        assert_eq!(line(70, false), "✓ 9 ✗ 1  storm +1");
        assert_eq!(line(70, true), "\u{1b}[32m✓ 9\u{1b}[0m \u{1b}[31m✗ 1\u{1b}[0m  storm +1");
    }
}
