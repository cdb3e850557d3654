//! The words of a report that all forms share.

use std::time::Duration;

use crate::api::exam::{CheckResult, Evidence, Level, Method, Readiness, Report, WaiverStatus};
use crate::text::span::span;
use crate::time::UnixMillis;

/// The verdict in a word or two.
pub(super) fn readiness(verdict: Readiness) -> &'static str {
    match verdict {
        Readiness::Ready => "Ready",
        Readiness::NotReady => "Not ready",
        Readiness::Undecided => "Undecided",
    }
}

/// The sentence about the verdict, without the verdict before it.
pub(super) fn reasons(report: &Report) -> &str {
    let after = report.summary.strip_prefix(readiness(report.verdict));
    after.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&report.summary)
}

/// How the client was examined.
pub(super) fn method(method: Method) -> &'static str {
    match method {
        Method::Scenarios => "a run of the command for each scenario",
        Method::Once => "one run under a plan of many faults, which is weaker evidence than a run for each",
        Method::Replay => "one run under a given plan",
        Method::Watched => "the requests that a sandbox has recorded, undisturbed by an exam",
    }
}

/// What a report is of, before the name of the client.
pub(super) fn subject(method: Method) -> &'static str {
    match method {
        Method::Scenarios | Method::Once | Method::Replay => "Exam of",
        Method::Watched => "Requests of",
    }
}

/// What became of a waiver.
pub(super) fn waiver_status(status: WaiverStatus) -> &'static str {
    match status {
        WaiverStatus::Used => "in use",
        WaiverStatus::Unused => "unused: remove it",
        WaiverStatus::Outdated => "outdated",
        WaiverStatus::NotExercised => "its check was not made",
    }
}

/// How much a check counts.
pub(super) fn level(check: &CheckResult) -> &'static str {
    match check.level {
        Level::Required => "required",
        Level::Advised => "advised",
        Level::Off => "off",
    }
}

/// A moment to the minute, such as `2026-11-28 11:40 UTC`.
pub(super) fn minute(at: UnixMillis) -> String {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", time.get(..5).unwrap_or_default())
}

/// A moment of a day, such as `11:40:26.123`.
pub(super) fn time_of_day(at: UnixMillis) -> String {
    let text = at.to_string();
    text.split_once('T').map_or(text.as_str(), |(_, time)| time).trim_end_matches('Z').to_owned()
}

/// A span of time.
pub(super) fn duration(ms: u64) -> String {
    span(Duration::from_millis(ms))
}

/// When a request came in its run, such as `+1.204 s`.
pub(super) fn after(ms: u64) -> String {
    format!("+{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// `text` with a full stop, if it has no other end.
pub(super) fn stopped(text: &str) -> String {
    let text = text.trim_end();
    let is_ended = text.is_empty() || text.ends_with(['.', '!', '?', '…', ':']);
    format!("{text}{}", if is_ended { "" } else { "." })
}

/// `text` as a sentence: with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    capitalized(&stopped(text))
}

/// `text` with a capital letter.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A piece of evidence in a line, such as `01HX… at 11:40:26.123 in baseline: POST /oauth2/token 200`.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let id = evidence.request_id.as_deref().unwrap_or("no request");
    let at = evidence.at.map(|at| format!(" at {}", time_of_day(at))).unwrap_or_default();
    format!("{id}{at} in {}: {}", evidence.scenario, evidence.note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_well() {
        let at = UnixMillis::parse("2026-11-28T11:40:26.123Z").unwrap();
        assert_eq!(minute(at), "2026-11-28 11:40 UTC");
        assert_eq!(time_of_day(at), "11:40:26.123");
        assert_eq!(after(12_004), "+12.004 s");
    }

    #[test]
    fn a_sentence_starts_large() {
        assert_eq!([sentence("é a"), sentence("`a` is"), sentence("")], ["É a.", "`a` is.", ""]);
    }

    #[test]
    fn a_sentence_ends_once() {
        assert_eq!([stopped("a"), stopped("a. "), stopped("a?"), stopped("")], ["a.", "a.", "a?", ""]);
    }
}
