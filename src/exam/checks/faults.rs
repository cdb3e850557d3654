//! The checks of the group `faults`: what fails for a while is tried again, in a way that does no harm.

mod outage;
mod retries;
mod silence;
mod writes;

pub(in crate::exam) use self::outage::{bounded_retries, growing_waits};
pub(in crate::exam) use self::retries::{
    retries_5xx, retries_dropped, retries_foreign_5xx, retries_truncated, token_request_retried,
};
pub(in crate::exam) use self::silence::has_timeout;
pub(in crate::exam) use self::writes::{no_second_zone, safe_retries, same_key};

use crate::exam::{Examination, Exchange, Run};

/// What a command prints that reports a failure.
const REPORTS: [&str; 12] = [
    "503",
    "502",
    "unavailable",
    "fail",
    "error",
    "could not",
    "cannot",
    "not created",
    "gave up",
    "giving up",
    "exception",
    "warn",
];

/// Whether a fault took the place of the answer, or spoiled it. A delay and a variation leave it as good as it was.
fn is_disturbed(exchange: &Exchange) -> bool {
    exchange.fault().is_some_and(|fault| !matches!(fault.kind.as_str(), "delay" | "variation"))
}

/// Whether a command says that it failed: by its exit code, or by its output, unless it always prints that.
fn reports_failure(examination: &Examination, run: &Run) -> bool {
    let usual = examination.baseline().map(|run| run.output.to_lowercase()).unwrap_or_default();
    let output = run.output.to_lowercase();
    !run.ended.is_success() || REPORTS.iter().any(|word| output.contains(word) && !usual.contains(word))
}
