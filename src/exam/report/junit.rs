//! `junit.xml`: a test case for each check.
//!
//! GitLab shows neither `message` nor the suite, so all that there is to know about a failure is in the text of its element.
//! A check that a client should pass, and one with a waiver, are skipped test cases when they fail: a pipeline must not fail
//! where the exam passes.

use std::collections::BTreeSet;
use std::time::Duration;

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::plain;
use super::words::{evidence, level, minute, readiness, stopped};
use crate::api::exam::{CheckResult, CheckVerdict, Level, Report, ReportWaiver, WaiverStatus};

/// The most characters of one text in an element.
const MAX_CHARS: usize = 2_000;

/// The report as `JUnit`'s XML.
pub fn junit(report: &Report) -> Result<String, SerializeError> {
    let client = class_part(&report.client.client_id);
    let mut names = BTreeSet::new();
    let mut suite = TestSuite::new(format!("boomgate exam of {client}"));
    suite.set_time(Duration::from_millis(report.duration_ms));
    let facts = [
        ("verdict", readiness(report.verdict).to_owned()),
        ("summary", report.summary.clone()),
        ("date", minute(report.at)),
        ("profile", report.profile.name.clone()),
        ("seed", report.seed.to_string()),
    ];
    for (name, value) in facts {
        suite.add_property((name, plain::line(&value, MAX_CHARS).as_str()));
    }
    for check in &report.checks {
        let mut case = TestCase::new(unique(&check.id, &mut names), status(check, report));
        case.set_classname(format!("boomgate.{client}.{}", class_part(&check.group)));
        suite.add_test_case(case);
    }
    for waiver in &report.waivers {
        if let Some(why) = fault_of(waiver) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("waiver").set_message(why).set_description(of_waiver(waiver, why));
            let mut case = TestCase::new(unique(&format!("waiver of {}", waiver.check), &mut names), status);
            case.set_classname(format!("boomgate.{client}.profile"));
            suite.add_test_case(case);
        }
    }
    let mut whole = quick_junit::Report::new("boomgate exam");
    whole.set_time(Duration::from_millis(report.duration_ms));
    whole.add_test_suite(suite);
    Ok(without_skipped_of_all(&whole.to_string()?))
}

/// The schema of Jenkins has `skipped` on a suite, and not on the whole.
fn without_skipped_of_all(xml: &str) -> String {
    let attribute = |from: usize| {
        let start = from + xml.get(from..)?.find(" skipped=\"")?;
        let value = start + " skipped=\"".len();
        Some((start, value + xml.get(value..)?.find('"')? + 1))
    };
    let found = xml.find("<testsuites").and_then(attribute);
    match found.and_then(|(start, end)| Some((xml.get(..start)?, xml.get(end..)?))) {
        Some((before, after)) => format!("{before}{after}"),
        None => xml.to_owned(),
    }
}

fn status(check: &CheckResult, report: &Report) -> TestCaseStatus {
    let skipped = |why: &str| {
        let mut status = TestCaseStatus::skipped();
        status.set_description(text(check, why));
        status
    };
    match (check.verdict, check.level) {
        (_, Level::Off) => skipped("The profile has this check off."),
        (CheckVerdict::Pass, _) => TestCaseStatus::success(),
        (CheckVerdict::NotExercised, _) => skipped("Not exercised."),
        (CheckVerdict::Fail, _) if check.waived => {
            let waiver = report.waivers.iter().find(|waiver| waiver.check == check.id);
            skipped(&waiver.map_or_else(|| "Failed, with a waiver.".to_owned(), waived))
        }
        (CheckVerdict::Fail, Level::Advised) => skipped("Failed; the profile advises it and does not require it."),
        (CheckVerdict::Fail, Level::Required) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(level(check))
                .set_message(plain::line(&check.title, MAX_CHARS))
                .set_description(text(check, ""));
            status
        }
    }
}

fn waived(waiver: &ReportWaiver) -> String {
    format!("Failed, with a waiver until {} by {}: {}", waiver.until, waiver.owner, stopped(&waiver.reason))
}

/// All that there is to know about a check that did not pass.
fn text(check: &CheckResult, why: &str) -> String {
    let mut text: Vec<String> = vec![format!("{} ({})", check.title, level(check))];
    if !why.is_empty() {
        text.push(why.to_owned());
    }
    text.push(format!("Expected: {}", stopped(&check.expected)));
    text.push(format!("Got: {}", stopped(&check.got)));
    if !check.evidence.is_empty() {
        text.push("Request ids:".to_owned());
        text.extend(check.evidence.iter().map(|found| format!("  {}", evidence(found))));
    }
    text.push(format!("Do: {}", stopped(&check.remedy)));
    if !check.rfc.is_empty() {
        text.push(format!("See: {}", check.rfc));
    }
    let lines = text.iter().map(|line| {
        let indent = if line.starts_with("  ") { "  " } else { "" };
        format!("{indent}{}", plain::line(line, MAX_CHARS))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn fault_of(waiver: &ReportWaiver) -> Option<&'static str> {
    match waiver.status {
        WaiverStatus::Outdated => Some("The waiver is outdated."),
        WaiverStatus::Unused => Some("The waiver is not needed: its check did not fail."),
        WaiverStatus::Used | WaiverStatus::NotExercised => None,
    }
}

fn of_waiver(waiver: &ReportWaiver, why: &str) -> String {
    let text = format!(
        "{why} Check: {}. Reason: {} Owner: {}. Until: {}. Do: remove it from the profile, or agree on another date.",
        waiver.check,
        stopped(&waiver.reason),
        waiver.owner,
        waiver.until
    );
    plain::line(&text, MAX_CHARS)
}

/// A part of a class name: a dot would start another part.
fn class_part(text: &str) -> String {
    plain::line(text, 100).replace('.', "_")
}

/// A name that no other test case has: tools merge those that have the same.
fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let name = plain::line(name, 100);
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    let unique = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap_or(name);
    names.insert(unique.clone());
    unique
}

#[cfg(test)]
mod tests {
    use super::super::specimen;
    use super::*;

    #[test]
    fn each_check_is_one_test_case_and_only_what_ends_the_exam_fails() {
        let report = specimen::report();
        let xml = junit(&report).unwrap();
        assert_eq!(xml.matches("<testcase ").count(), report.checks.len() + 1, "{xml}");
        assert_eq!(xml.matches("<failure ").count(), 3, "two required checks and a waiver: {xml}");
        assert!(xml.contains("<testcase name=\"token-reused\" classname=\"boomgate.demo-writer.token\">"), "{xml}");
        for part in ["Expected: ", "Got: ", "Request ids:", "Do: Keep the token", "See: RFC 6749 section 5.1"] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
    }

    #[test]
    fn a_hostile_text_stays_text() {
        let mut report = specimen::report();
        for check in &mut report.checks {
            check.got = "</failure>]]>\u{0}\u{1b}[31m<x a='\"'>\u{FFFE}&".to_owned();
            check.id = "same".into();
        }
        report.client.client_id = "a.b<".to_owned();
        let xml = junit(&report).unwrap();
        assert!(!xml.contains(['\u{0}', '\u{1b}', '\u{FFFE}']) && !xml.contains("<x"), "{xml}");
        assert!(xml.contains("boomgate.a_b&lt;.token") && xml.contains("\"same (2)\""), "{xml}");
    }
}
