//! Waivers: checks that may fail for a while, because somebody answers for it.

use crate::api::exam::{CheckResult, CheckVerdict, ReportWaiver, WaiverStatus};
use crate::time::Day;

use super::super::profile::Waiver;

/// Marks the failures that a waiver covers, and says what became of each waiver.
pub(super) fn apply(waivers: &[Waiver], checks: &mut [CheckResult], today: Day) -> Vec<ReportWaiver> {
    waivers.iter().map(|waiver| apply_one(waiver, checks, today)).collect()
}

fn apply_one(waiver: &Waiver, checks: &mut [CheckResult], today: Day) -> ReportWaiver {
    let check = checks.iter_mut().find(|check| check.id == waiver.check);
    let status = match check {
        // What is outdated covers nothing, whatever the check found: somebody must look at it.
        _ if today > waiver.until => WaiverStatus::Outdated,
        Some(check) if check.verdict == CheckVerdict::Fail => {
            check.waived = true;
            WaiverStatus::Used
        }
        Some(check) if check.verdict == CheckVerdict::Pass => WaiverStatus::Unused,
        Some(_) | None => WaiverStatus::NotExercised,
    };
    ReportWaiver {
        check: waiver.check.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        until: waiver.until.to_string(),
        status,
    }
}
