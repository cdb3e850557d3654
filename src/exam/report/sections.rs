//! The checks of a report, in the order in which people read them.

use crate::api::exam::{CheckResult, CheckVerdict, Level, Report};

/// The checks by what became of them. A check that is off is in none.
#[derive(Debug, Default)]
pub(super) struct Sections<'r> {
    /// Failed, those that a client must pass first.
    pub(super) failed: Vec<&'r CheckResult>,
    /// Failed, with a waiver.
    pub(super) waived: Vec<&'r CheckResult>,
    pub(super) not_exercised: Vec<&'r CheckResult>,
    pub(super) passed: Vec<&'r CheckResult>,
}

impl<'r> Sections<'r> {
    pub(super) fn new(report: &'r Report) -> Self {
        let mut sections = Self::default();
        for check in report.checks.iter().filter(|check| check.level != Level::Off) {
            match check.verdict {
                CheckVerdict::Fail if check.waived => sections.waived.push(check),
                CheckVerdict::Fail => sections.failed.push(check),
                CheckVerdict::NotExercised => sections.not_exercised.push(check),
                CheckVerdict::Pass => sections.passed.push(check),
            }
        }
        sections.failed.sort_by_key(|check| check.level != Level::Required);
        sections
    }
}
