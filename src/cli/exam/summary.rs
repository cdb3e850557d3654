//! What an exam prints at its end: the verdict, what failed and what to do, where the report is, and the line that repeats it.

use std::path::Path;

use crate::api::exam::{CheckResult, CheckVerdict, Level, LevelCounts, Readiness, Report};
use crate::cli::output::{printable, wrapped};

/// The most failed checks that are shown; the report has all.
const MAX_CHECKS: usize = 12;
/// What a line starts with that goes on with the one before.
const INDENT: &str = "    ";
/// Colours of a terminal.
const BOLD: &str = "\u{1b}[1m";
pub(super) const RED: &str = "\u{1b}[31m";
pub(super) const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// How the text is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) has_color: bool,
    /// How long a line may be, if sentences are to be broken.
    pub(super) columns: Option<usize>,
}

impl Look {
    fn painted(self, color: &str, text: &str) -> String {
        painted(self.has_color, color, text)
    }

    fn sentence(self, text: &str) -> String {
        let text = printable(text);
        self.columns.map_or(text.clone(), |columns| wrapped(&text, columns, INDENT))
    }
}

/// `text` in this colour, or as it is.
pub(super) fn painted(has_color: bool, color: &str, text: &str) -> String {
    if has_color { format!("{color}{text}{PLAIN}") } else { text.to_owned() }
}

/// The text.
pub(super) fn text(report: &Report, folder: &Path, look: Look) -> String {
    let color = match report.verdict {
        Readiness::Ready => GREEN,
        Readiness::NotReady => RED,
        Readiness::Undecided => YELLOW,
    };
    let mut lines = vec![format!("{}\n", look.painted(&format!("{BOLD}{color}"), &look.sentence(&report.summary)))];
    let is_failure = |check: &&CheckResult| check.verdict == CheckVerdict::Fail && check.level != Level::Off;
    let mut failed: Vec<&CheckResult> = report.checks.iter().filter(is_failure).collect();
    failed.sort_by_key(|check| (check.level != Level::Required, check.waived));
    lines.extend(failed.iter().take(MAX_CHECKS).map(|check| failure(check, look)));
    let more = failed.len().saturating_sub(MAX_CHECKS);
    if more > 0 {
        lines.push(format!("  and {more} more, in the report\n"));
    }
    let mut rows = vec![
        ("required", counted(&report.counts.required)),
        ("advised", counted(&report.counts.advised)),
        ("runs", format!("{} in {} s", report.runs.len(), report.duration_ms.div_ceil(1_000))),
        ("report", folder.join("report.html").display().to_string()),
    ];
    rows.extend(report.repeat.clone().map(|line| ("repeat", line)));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.extend(rows.iter().map(|(name, value)| format!("  {name:width$}  {}", printable(value))));
    lines.join("\n")
}

/// A failed check: what the client did, and what to do about it.
fn failure(check: &CheckResult, look: Look) -> String {
    let (color, mark) = match (check.level, check.waived) {
        (Level::Required, false) => (RED, "✗"),
        (_, true) => (YELLOW, "w"),
        (Level::Advised | Level::Off, false) => (YELLOW, "!"),
    };
    let head = format!("  {mark} {}", check.id);
    let got = look.sentence(&format!("{head}: {}", check.got));
    let got = got.replacen(&head, &look.painted(color, &head), 1);
    format!("{got}\n{}\n", look.sentence(&format!("{INDENT}{}", check.remedy)))
}

fn counted(counts: &LevelCounts) -> String {
    let LevelCounts { passed, failed, waived, not_exercised } = counts;
    let parts = [(*passed, "passed"), (*failed, "failed"), (*waived, "waived"), (*not_exercised, "not exercised")];
    let shown = parts.iter().filter(|(count, word)| *count > 0 || *word == "passed");
    shown.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
