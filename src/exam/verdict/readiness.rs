//! Whether a client is ready, in a word and in a sentence.

use crate::api::exam::{
    CheckResult, CheckVerdict, Counts, Level, LevelCounts, Method, Readiness, ReportWaiver, WaiverStatus,
};

use super::Facts;

/// The most names in the sentence.
const MAX_NAMES: usize = 8;

/// How many checks passed, by their level.
pub(super) fn count(checks: &[CheckResult]) -> Counts {
    let mut counts = Counts::default();
    for check in checks {
        let of_level = match check.level {
            Level::Required => &mut counts.required,
            Level::Advised => &mut counts.advised,
            Level::Off => continue,
        };
        let number = match check.verdict {
            CheckVerdict::Pass => &mut of_level.passed,
            CheckVerdict::Fail if check.waived => &mut of_level.waived,
            CheckVerdict::Fail => &mut of_level.failed,
            CheckVerdict::NotExercised => &mut of_level.not_exercised,
        };
        *number += 1;
    }
    counts
}

/// The verdict, and a sentence that says why.
pub(super) fn decide(
    checks: &[CheckResult],
    counts: &Counts,
    waivers: &[ReportWaiver],
    facts: &Facts,
) -> (Readiness, String) {
    let required = counts.required;
    let reasons: Vec<_> = failures(checks, required).into_iter().chain(bad_waivers(waivers)).collect();
    if !reasons.is_empty() {
        return (Readiness::NotReady, format!("Not ready: {}.", reasons.join("; ")));
    }
    let not_exercised = match required.not_exercised {
        0 => String::new(),
        1 => ", 1 was not exercised".to_owned(),
        many => format!(", {many} were not exercised"),
    };
    let waived = match required.waived {
        0 => String::new(),
        many => format!(", {many} failed with a waiver"),
    };
    if let Some(why) = undecided(facts, required) {
        let made = required.passed + required.waived;
        let of_required = format!("Of the required checks {made} were made and none failed{not_exercised}.");
        return (Readiness::Undecided, format!("Undecided: {why}. {of_required}"));
    }
    let passed = match required.passed {
        1 => "the one required check that was made passed".to_owned(),
        many => format!("all {many} required checks passed"),
    };
    (Readiness::Ready, format!("Ready: {passed}{not_exercised}{waived}."))
}

fn failures(checks: &[CheckResult], required: LevelCounts) -> Option<String> {
    let is_failure =
        |check: &&CheckResult| check.level == Level::Required && check.verdict == CheckVerdict::Fail && !check.waived;
    let names: Vec<_> = checks.iter().filter(is_failure).map(|check| check.id.as_ref()).collect();
    let all = required.passed + required.failed + required.waived + required.not_exercised;
    let more = names.len().saturating_sub(MAX_NAMES);
    let shown = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
    match (names.len(), more) {
        (0, _) => None,
        (failed, 0) => Some(format!("{failed} of {all} required checks failed: {shown}")),
        (failed, more) => Some(format!("{failed} of {all} required checks failed: {shown} and {more} more")),
    }
}

fn bad_waivers(waivers: &[ReportWaiver]) -> impl Iterator<Item = String> {
    waivers.iter().filter_map(|waiver| match waiver.status {
        WaiverStatus::Outdated => Some(format!("the waiver of {} ended on {}", waiver.check, waiver.until)),
        WaiverStatus::Unused => Some(format!("the waiver of {} is not needed any more: remove it", waiver.check)),
        WaiverStatus::Used | WaiverStatus::NotExercised => None,
    })
}

/// Why no failure is no success yet.
fn undecided(facts: &Facts, required: LevelCounts) -> Option<&'static str> {
    match facts.method {
        Method::Watched => Some("the requests were watched, and nothing disturbed them"),
        Method::Replay => Some("one plan was replayed, and the other scenarios were not run"),
        Method::Once if required.not_exercised > 0 => {
            Some("the command ran once, and one run does not show all that is required")
        }
        Method::Scenarios | Method::Once if !facts.is_whole => Some("not every scenario was run"),
        Method::Scenarios | Method::Once if required.passed + required.waived == 0 => {
            Some("the command does nothing that a required check could judge")
        }
        Method::Scenarios | Method::Once => None,
    }
}
