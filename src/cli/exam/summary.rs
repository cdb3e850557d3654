//! What an exam prints at its end: the verdict, what failed and what to do, where the report is, and the line that repeats it.

use std::path::Path;

use crate::api::exam::{CheckResult, CheckVerdict, Level, LevelCounts, Readiness, Report};
use crate::cli::output::printable;

/// The most failed checks that are shown; the report has all.
const MAX_CHECKS: usize = 12;
/// Colours of a terminal.
const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// The text, with colours or without.
pub(super) fn text(report: &Report, folder: &Path, has_color: bool) -> String {
    let paint = |color: &str, text: &str| {
        if has_color { format!("{color}{text}{PLAIN}") } else { text.to_owned() }
    };
    let color = match report.verdict {
        Readiness::Ready => GREEN,
        Readiness::NotReady => RED,
        Readiness::Undecided => YELLOW,
    };
    let mut lines = vec![format!("{}\n", paint(&format!("{BOLD}{color}"), &printable(&report.summary)))];
    let is_failure = |check: &&CheckResult| check.verdict == CheckVerdict::Fail && check.level != Level::Off;
    let mut failed: Vec<&CheckResult> = report.checks.iter().filter(is_failure).collect();
    failed.sort_by_key(|check| (check.level != Level::Required, check.waived));
    for check in failed.iter().take(MAX_CHECKS) {
        let (color, mark) = match (check.level, check.waived) {
            (Level::Required, false) => (RED, "✗"),
            (_, true) => (YELLOW, "w"),
            (Level::Advised | Level::Off, false) => (YELLOW, "!"),
        };
        let head = paint(color, &format!("{mark} {}", check.id));
        lines.push(format!("  {head}: {}\n    {}\n", printable(&check.got), check.remedy));
    }
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

fn counted(counts: &LevelCounts) -> String {
    let LevelCounts { passed, failed, waived, not_exercised } = counts;
    let parts = [(*passed, "passed"), (*failed, "failed"), (*waived, "waived"), (*not_exercised, "not exercised")];
    let shown = parts.iter().filter(|(count, word)| *count > 0 || *word == "passed");
    shown.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
