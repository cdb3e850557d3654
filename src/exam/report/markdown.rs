//! `report.md`, which is the summary of a step on GitHub too.

use std::fmt::Write as _;

use super::plain;
use super::prose::{Piece, pieces};
use super::sections::Sections;
use super::words::{
    after, duration, level, method, minute, readiness, reasons, sentence, stopped, time_of_day, waiver_status,
};
use crate::api::exam::{CheckResult, ComparedRequest, Comparison, LevelCounts, Report};

/// The most that GitHub takes as the summary of a step, in bytes: 1 MiB, less some room for its own.
pub(super) const MAX_SUMMARY_BYTES: usize = 1_000_000;
/// The most characters of one text.
const MAX_CHARS: usize = 2_000;
/// The most characters of what a command printed.
const MAX_OUTPUT_CHARS: usize = 2_000;
/// The most rows of a comparison, and how many of them come before the first difference.
const MAX_ROWS: usize = 30;
const ROWS_BEFORE: usize = 5;
/// Ends a report that was cut.
const IS_CUT: &str = "\n\nThis is not all: the rest is in the report.\n";

/// The report as Markdown, as GitHub and GitLab read it.
#[must_use]
pub fn markdown(report: &Report) -> String {
    markdown_within(report, MAX_SUMMARY_BYTES)
}

/// The same, of at most so many bytes. It is cut between two lines.
pub(super) fn markdown_within(report: &Report, max: usize) -> String {
    let Page(mut text) = whole(report);
    if text.len() <= max {
        return text;
    }
    let room = max.saturating_sub(IS_CUT.len());
    let end = text.bytes().take(room + 1).rposition(|byte| byte == b'\n').unwrap_or_default();
    text.truncate(end);
    if end > 0 {
        text.push_str(IS_CUT);
    }
    text
}

fn whole(report: &Report) -> Page {
    let sections = Sections::new(report);
    let mut page = Page(String::new());
    page.heading(1, &format!("{}: {}", readiness(report.verdict), code(&report.client.client_id)));
    page.paragraph(&prose(&sentence(reasons(report))));
    let counts = |name: &str, counts: &LevelCounts| {
        let numbers = [counts.passed, counts.failed, counts.waived, counts.not_exercised];
        std::iter::once(name.to_owned()).chain(numbers.map(|number| number.to_string())).collect()
    };
    page.table(
        &["checks", "passed", "failed", "waived", "not exercised"],
        vec![counts("required", &report.counts.required), counts("advised", &report.counts.advised)],
    );
    page.list("What would hurt the API", &report.hurts_api, "Nothing was found.");
    page.list("What would hurt the partner", &report.hurts_partner, "Nothing was found.");
    scopes(&mut page, report);
    waivers(&mut page, report);
    exam(&mut page, report);
    page.list("What this report does not prove", &report.limits, "");

    page.checks("Failed", &sections.failed);
    page.checks("Failed, with a waiver", &sections.waived);
    page.checks("Not exercised", &sections.not_exercised);
    let passed = sections.passed.iter().map(|check| vec![code(&check.id), prose(&check.title), prose(&check.got)]);
    page.titled_table("Passed", &["check", "what", "got"], passed.collect());
    for comparison in &report.comparisons {
        page.comparison(comparison);
    }
    runs(&mut page, report);
    page
}

fn scopes(page: &mut Page, report: &Report) {
    let coverage = &report.coverage;
    page.heading(2, "Scopes and operations");
    page.item(&format!("Scopes held but never used: {}", codes(&coverage.unused_scopes)));
    page.item(&format!("Operations used: {}", codes(&coverage.operations)));
    page.item(&format!("Operations never used: {}", codes(&coverage.unused_operations)));
}

fn waivers(page: &mut Page, report: &Report) {
    let rows = report.waivers.iter().map(|waiver| {
        vec![
            code(&waiver.check),
            prose(&waiver.reason),
            prose(&waiver.owner),
            prose(&waiver.until),
            waiver_status(waiver.status).to_owned(),
        ]
    });
    page.titled_table("Waivers", &["check", "reason", "owner", "until", "status"], rows.collect());
}

fn exam(page: &mut Page, report: &Report) {
    page.heading(2, "The exam");
    page.item(&format!("Client: {}", code(&report.client.client_id)));
    page.item(&format!("Program: {}", codes(&report.client.user_agents)));
    if let Some(commit) = &report.commit {
        page.item(&format!("Commit: {}", code(commit)));
    }
    page.item(&format!("Date: {}, for {}", minute(report.at), duration(report.duration_ms)));
    page.item(&format!("Method: {}", method(report.method)));
    let digest = report.profile.digest.as_ref().map(|digest| format!(", SHA-256 {}", code(digest))).unwrap_or_default();
    page.item(&format!("Profile: {}{digest}", prose(&report.profile.name)));
    page.item(&format!("Seed: {}", report.seed));
    page.item(&format!("Boomgate: {}", prose(&report.boomgate_version)));
    if let Some(repeat) = &report.repeat {
        page.paragraph("This repeats it:");
        page.block(&plain::line(repeat, MAX_CHARS));
    }
}

fn runs(page: &mut Page, report: &Report) {
    let rows = report.runs.iter().map(|run| {
        vec![
            code(&run.scenario),
            if run.plan.is_empty() { "nothing".to_owned() } else { code(&run.plan) },
            prose(&run.ended),
            duration(run.duration_ms),
            run.requests.to_string(),
        ]
    });
    page.titled_table("Runs", &["scenario", "armed", "ended", "time", "requests"], rows.collect());
    for run in report.runs.iter().filter(|run| is_of_interest(report, &run.scenario) && !run.output.is_empty()) {
        page.heading(3, &format!("What the command printed in {}", code(&run.scenario)));
        page.block(&plain::last_lines(&run.output, MAX_OUTPUT_CHARS));
    }
}

/// Whether a failed check rests on this run.
fn is_of_interest(report: &Report, scenario: &str) -> bool {
    report.comparisons.iter().any(|comparison| comparison.scenario == scenario)
}

/// Text of Markdown.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    fn heading(&mut self, depth: usize, text: &str) {
        self.gap();
        self.line(&format!("{} {text}", "#".repeat(depth)));
        self.gap();
    }

    fn paragraph(&mut self, text: &str) {
        self.gap();
        self.line(text);
        self.gap();
    }

    fn item(&mut self, text: &str) {
        self.line(&format!("- {text}"));
    }

    /// A block of code. It is indented: no text can end it.
    fn block(&mut self, text: &str) {
        self.gap();
        for line in text.lines() {
            self.line(&format!("    {line}"));
        }
        self.gap();
    }

    fn list(&mut self, title: &str, items: &[impl AsRef<str>], none: &str) {
        self.heading(2, title);
        for item in items {
            self.item(&prose(&sentence(item.as_ref())));
        }
        if items.is_empty() {
            self.line(none);
        }
    }

    fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        self.gap();
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(head.len())));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
        self.gap();
    }

    fn titled_table(&mut self, title: &str, head: &[&str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.heading(2, title);
            self.table(head, rows);
        }
    }

    fn checks(&mut self, title: &str, checks: &[&CheckResult]) {
        if checks.is_empty() {
            return;
        }
        self.heading(2, title);
        for check in checks {
            self.heading(3, &format!("{}: {}", code(&check.id), prose(&check.title)));
            let rfc = if check.rfc.is_empty() { String::new() } else { format!(", {}", prose(&check.rfc)) };
            self.item(&format!("{}, {}{rfc}", level(check), prose(&check.group)));
            self.item(&format!("Expected: {}", prose(&stopped(&check.expected))));
            self.item(&format!("Got: {}", prose(&stopped(&check.got))));
            for found in &check.evidence {
                let at = found.at.map(|at| format!(" at {}", time_of_day(at))).unwrap_or_default();
                let id = found.request_id.as_deref().map_or_else(|| "no request".to_owned(), code);
                self.line(&format!("  - {id}{at} in {}: {}", code(&found.scenario), prose(&found.note)));
            }
            self.item(&format!("Do: {}", prose(&stopped(&check.remedy))));
        }
    }

    fn comparison(&mut self, comparison: &Comparison) {
        self.heading(2, &format!("Undisturbed, and in {}", code(&comparison.scenario)));
        let start = comparison.first_difference.unwrap_or_default().saturating_sub(ROWS_BEFORE);
        let rows = comparison.rows.iter().enumerate().skip(start).take(MAX_ROWS).map(|(index, row)| {
            let mark = if comparison.first_difference == Some(index) { "**first difference**" } else { "" };
            vec![mark.to_owned(), compared(row.baseline.as_ref()), compared(row.disturbed.as_ref())]
        });
        self.table(&["", "undisturbed", "disturbed"], rows.collect());
    }
}

fn compared(request: Option<&ComparedRequest>) -> String {
    request.map_or_else(
        || "nothing".to_owned(),
        |request| format!("{} {} {}", after(request.after_ms), code(&request.line), prose(&request.answer)),
    )
}

fn codes(texts: &[String]) -> String {
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
    }
}

/// A text with code between backticks.
fn prose(text: &str) -> String {
    let text = plain::line(text, MAX_CHARS);
    let pieces = pieces(&text).map(|piece| match piece {
        Piece::Words(words) => escaped(words),
        Piece::Code(text) => code(text),
    });
    pieces.collect()
}

/// Words without any meaning for Markdown: no links, no mentions, no HTML.
fn escaped(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for (at, letter) in words.char_indices() {
        let after = words.get(at + letter.len_utf8()..).unwrap_or_default();
        match letter {
            '&' if !starts_an_entity(after) => escaped.push('&'),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An empty comment ends a name that would be mentioned and an address that would become a link.
            '@' => escaped.push_str("@<!-- -->"),
            ':' if starts_a_link_or_a_picture(after) => escaped.push_str(":<!-- -->"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ => escaped.push(letter),
        }
    }
    escaped.replace("www.", "www<!-- -->.")
}

/// Whether an ampersand with this after it stands for another sign, as in `&lt;` and `&#60;`.
fn starts_an_entity(after: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '#';
    after.trim_start_matches(is_part).starts_with(';')
}

/// Whether a colon with this after it belongs to an address (`https://`, `mailto:`) or to a picture (`:tada:`).
fn starts_a_link_or_a_picture(after: &str) -> bool {
    let word = after.split(' ').next().unwrap_or_default();
    word.starts_with('/') || word.contains([':', '@'])
}

/// A span of code. Where a table or a backtick would break it, each sign in it is written as its number.
fn code(text: &str) -> String {
    let text = plain::line(text, MAX_CHARS);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    if !text.contains(['|', '`', '\\']) {
        return format!("`{text}`");
    }
    let mut code = String::from("<code>");
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            // Writing to a string does not fail.
            let _written = write!(code, "&#{};", u32::from(letter));
        } else {
            code.push(letter);
        }
    }
    code + "</code>"
}

#[cfg(test)]
mod tests {
    use super::super::specimen;
    use super::*;

    #[test]
    fn a_text_from_outside_is_no_markdown() {
        for (text, markdown) in [
            ("a *b* _c_", "a \\*b\\* \\_c\\_"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("&lt;", "&amp;lt;"),
            ("[a](https://evil.example)", "\\[a\\](https:<!-- -->//evil.example)"),
            ("www.evil.example @all: no", "www<!-- -->.evil.example @<!-- -->all: no"),
            ("mailto:a@evil.example", "mailto:<!-- -->a@<!-- -->evil.example"),
            (":tada: read:zones", ":<!-- -->tada: read:zones"),
            ("a&b &#60;", "a&b &amp;\\#60;"),
            ("a | b\nc", "a \\| b c"),
            ("the `code` and `c|d`", "the `code` and <code>c&#124;d</code>"),
            ("`<b>` it", "`<b>` it"),
        ] {
            assert_eq!(prose(text), markdown, "{text}");
        }
    }

    #[test]
    fn a_report_is_cut_between_two_lines_and_says_so() {
        let report = specimen::report();
        let whole = markdown(&report);
        let cut = markdown_within(&report, 2_000);
        assert!(cut.len() <= 2_000 && cut.ends_with(IS_CUT), "{cut}");
        assert!(whole.starts_with(cut.strip_suffix(IS_CUT).unwrap()));
        assert_eq!(markdown_within(&report, 10), "");
    }

    #[test]
    fn what_a_command_printed_cannot_end_its_block() {
        let mut report = specimen::report();
        let scenario = report.comparisons.first().unwrap().scenario.clone();
        let run = report.runs.iter_mut().find(|run| run.scenario == scenario).unwrap();
        run.output = "```\n</code></pre>\n# heading\n\u{1b}[2J".to_owned();
        let page = markdown(&report);
        assert!(page.contains("\n    ```\n    </code></pre>\n    # heading\n    \u{FFFD}[2J\n"), "{page}");
    }
}
