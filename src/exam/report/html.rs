//! `report.html`: one file that loads nothing and runs nothing, and is read in a browser, in a mail or on paper.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::plain;
use super::prose::{Piece, pieces};
use super::sections::Sections;
use super::words;
use crate::api::exam::{
    CheckResult, CheckVerdict, ComparedRequest, Comparison, ComparisonRow, LevelCounts, Readiness, Report,
    ReportWaiver, RunSummary,
};
use crate::counts::Label as _;
use crate::time::UnixMillis;

const STYLE: &str = include_str!("../../../static/exam-report.css");

/// The most characters of one text, and of what a command printed.
const MAX_CHARS: usize = 2_000;
const MAX_OUTPUT_CHARS: usize = 8_000;
/// The most names of a list.
const MAX_NAMES: usize = 50;
/// The most rows of a comparison, and how many of them come before the first difference.
const MAX_ROWS: usize = 40;
const ROWS_BEFORE: usize = 6;

/// The report as a page.
pub fn html(report: &Report) -> Result<String, askama::Error> {
    let Sections { failed, waived, not_exercised, passed } = Sections::new(report);
    let detailed =
        [Group::new("failed", "Failed", "", failed.clone()), Group::new("waived", "Failed, with a waiver", "", waived)];
    let brief = [
        Group::new("not-exercised", "Not exercised", "Checks that nothing in the exam shows", not_exercised),
        Group::new("passed", "Passed", "Checks that the client passed", passed),
    ];
    let page = Page {
        policy: policy(),
        style: STYLE,
        readiness: words::readiness(report.verdict),
        class: match report.verdict {
            Readiness::Ready => "ready",
            Readiness::NotReady => "not-ready",
            Readiness::Undecided => "undecided",
        },
        reasons: words::reasons(report),
        subject: words::subject(report.method),
        method: words::method(report.method),
        counts: [("required", report.counts.required), ("advised", report.counts.advised)],
        failed,
        detailed: detailed.into_iter().flatten().collect(),
        brief: brief.into_iter().flatten().collect(),
        sides: report.comparisons.iter().map(|comparison| Side::new(comparison, report)).collect(),
        report,
    };
    page.render()
}

/// What the page may load: its own style, and nothing else.
#[must_use]
pub(crate) fn policy() -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

#[derive(Template)]
#[template(path = "exam_report.html")]
struct Page<'r> {
    policy: String,
    style: &'static str,
    readiness: &'static str,
    class: &'static str,
    reasons: &'r str,
    subject: &'static str,
    method: &'static str,
    counts: [(&'static str, LevelCounts); 2],
    failed: Vec<&'r CheckResult>,
    /// The checks that are shown with all that there is to know.
    detailed: Vec<Group<'r>>,
    /// Those with a row each.
    brief: Vec<Group<'r>>,
    sides: Vec<Side<'r>>,
    report: &'r Report,
}

/// Checks under one heading.
struct Group<'r> {
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    checks: Vec<&'r CheckResult>,
}

impl<'r> Group<'r> {
    /// `None` without checks.
    fn new(id: &'static str, title: &'static str, caption: &'static str, checks: Vec<&'r CheckResult>) -> Option<Self> {
        (!checks.is_empty()).then_some(Self { id, title, caption, checks })
    }
}

/// A comparison as it is shown.
struct Side<'r> {
    scenario: &'r str,
    title: Option<&'r str>,
    has_difference: bool,
    left_out_before: usize,
    left_out_after: usize,
    parts: Vec<Part<'r>>,
}

/// The rows before the first difference, or those from it on.
struct Part<'r> {
    is_first_difference: bool,
    rows: Vec<Row<'r>>,
}

struct Row<'r> {
    number: usize,
    requests: [Option<&'r ComparedRequest>; 2],
}

impl<'r> Side<'r> {
    fn new(comparison: &'r Comparison, report: &'r Report) -> Self {
        let first = comparison.first_difference.filter(|first| *first < comparison.rows.len());
        let start = first.unwrap_or_default().saturating_sub(ROWS_BEFORE);
        let shown: Vec<_> = comparison.rows.iter().enumerate().skip(start).take(MAX_ROWS).collect();
        let (before, from): (Vec<_>, Vec<_>) =
            shown.iter().partition(|(index, _)| first.is_none_or(|first| *index < first));
        let part = |is_first_difference, rows: Vec<(usize, &'r ComparisonRow)>| Part {
            is_first_difference,
            rows: rows
                .into_iter()
                .map(|(index, row)| Row {
                    number: index + 1,
                    requests: [row.baseline.as_ref(), row.disturbed.as_ref()],
                })
                .collect(),
        };
        let parts = [part(false, before), part(true, from)];
        Self {
            scenario: &comparison.scenario,
            title: report.runs.iter().find(|run| run.scenario == comparison.scenario).map(|run| &*run.title),
            has_difference: first.is_some(),
            left_out_before: start,
            left_out_after: comparison.rows.len() - start - shown.len(),
            parts: parts.into_iter().filter(|part| !part.rows.is_empty()).collect(),
        }
    }
}

#[allow(clippy::unused_self, reason = "the template calls methods of the page")]
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the template hands references over")]
impl Page<'_> {
    fn line(&self, text: &str) -> String {
        plain::line(text, MAX_CHARS)
    }

    /// A sentence as HTML: what stands between backticks is code.
    fn prose(&self, text: &str) -> String {
        let text = plain::line(text, MAX_CHARS);
        let pieces = pieces(&text).map(|piece| match piece {
            Piece::Words(words) => escaped(words),
            Piece::Code(code) => format!("<code>{}</code>", escaped(code)),
        });
        pieces.collect()
    }

    /// What a check is about, with a capital letter.
    fn title(&self, check: &CheckResult) -> String {
        self.prose(&words::capitalized(&check.title))
    }

    /// Prose with a capital letter and a full stop.
    fn stopped(&self, text: &str) -> String {
        self.prose(&words::sentence(text))
    }

    fn codes(&self, names: &[String]) -> String {
        if names.is_empty() {
            return "<span class=\"none\">none</span>".to_owned();
        }
        let shown = names.iter().take(MAX_NAMES).map(|name| format!("<code>{}</code>", escaped(&self.line(name))));
        let more = names.len().saturating_sub(MAX_NAMES);
        let more = (more > 0).then(|| format!("{more} more"));
        shown.chain(more).collect::<Vec<_>>().join(", ")
    }

    fn anchor(&self, what: &str, name: &str) -> String {
        let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        format!("{what}-{}", self.line(name).chars().map(safe).collect::<String>())
    }

    fn level(&self, check: &CheckResult) -> &'static str {
        words::level(check)
    }

    fn is_open(&self, check: &CheckResult) -> bool {
        check.verdict == CheckVerdict::NotExercised
    }

    fn waiver_status(&self, waiver: &ReportWaiver) -> &'static str {
        words::waiver_status(waiver.status)
    }

    fn minute(&self, at: &UnixMillis) -> String {
        words::minute(*at)
    }

    fn time_of_day(&self, at: &UnixMillis) -> String {
        words::time_of_day(*at)
    }

    fn duration(&self, ms: &u64) -> String {
        words::duration(*ms)
    }

    fn after(&self, ms: &u64) -> String {
        words::after(*ms)
    }

    fn has_run(&self, scenario: &str) -> bool {
        self.report.runs.iter().any(|run| run.scenario == scenario)
    }

    /// The scenarios that a check's evidence is from and that are shown beside the baseline.
    fn compared<'c>(&self, check: &'c CheckResult) -> Vec<&'c str> {
        let mut scenarios: Vec<&str> = check.evidence.iter().map(|found| &*found.scenario).collect();
        scenarios.dedup();
        scenarios.retain(|scenario| self.report.comparisons.iter().any(|shown| shown.scenario == *scenario));
        scenarios
    }

    /// Whether a failed check rests on this run, so that what its command printed is shown.
    fn is_of_interest(&self, run: &RunSummary) -> bool {
        !run.output.is_empty() && self.report.comparisons.iter().any(|shown| shown.scenario == run.scenario)
    }

    fn output(&self, run: &RunSummary) -> String {
        plain::last_lines(&run.output, MAX_OUTPUT_CHARS)
    }

    /// Where a text such as `RFC 6749 section 5.1` is to be read.
    fn rfc_link(&self, text: &str) -> Option<String> {
        let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let is_plain = |text: &str| text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
        let (number, section) = text.strip_prefix("RFC ")?.split_once(" section ")?;
        let is_right = is_number(number) && is_plain(number) && is_number(section) && is_plain(section);
        is_right.then(|| format!("https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"))
    }
}

/// Text as HTML, in an element or in an attribute between quotation marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::specimen;
    use super::*;

    /// A page has these tags of its own, and a text from outside none.
    #[test]
    fn a_hostile_text_stays_text() {
        let tags = |page: &str| page.matches('<').count();
        let report = specimen::report();
        let plain = html(&report).unwrap();
        let hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>`<b>`\u{1b}[2J\u{202e}&lt;";
        let replaced = specimen::with_every_text(&report, &|text| format!("{text}{hostile}"));
        let page = html(&replaced).unwrap();
        for bad in ["<script", "<img", "<b>", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"));
        assert!(tags(&page) < tags(&plain) * 2, "{} tags, and {} before", tags(&page), tags(&plain));
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        let page = html(&specimen::report()).unwrap();
        for outside in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains(&escaped(&policy())) || page.contains(&policy()), "its policy");
    }

    #[test]
    fn each_link_in_the_page_leads_to_one_place() {
        let page = html(&specimen::report()).unwrap();
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{id}");
        }
        let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(links.contains(&"check-token-reused"), "{links:?}");
        for link in links {
            assert!(ids.contains(&link), "{link}");
        }
    }

    #[test]
    fn failed_checks_come_before_the_others() {
        let page = html(&specimen::report()).unwrap();
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
        let order = ["id=\"what-failed\"", "id=\"exam\"", "id=\"failed\"", "id=\"passed\"", "id=\"runs\""];
        assert!(order.map(place).is_sorted());
    }

    #[test]
    fn an_rfc_s_section_is_a_link() {
        let page = html(&specimen::report()).unwrap();
        assert!(page.contains("href=\"https://www.rfc-editor.org/rfc/rfc6749#section-5.1\""));
    }
}
