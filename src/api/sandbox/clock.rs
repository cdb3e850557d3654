//! The clock of a sandbox.

use serde::{Deserialize, Serialize};

use crate::time::UnixSeconds;

/// The answer to every request to `/sandbox/clock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAnswer {
    /// The time by which the whole gate goes.
    pub now: UnixSeconds,
    /// The time of the machine, by which TLS goes.
    pub real_now: UnixSeconds,
    /// How many seconds the clock is ahead of the machine's; below 0 after a return to a snapshot.
    pub shifted_by_s: i64,
    /// Whether the clock stands.
    pub frozen: bool,
    /// What to know about a clock that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The body of `POST /sandbox/clock/advance`.
#[derive(Clone, Debug, Serialize)]
pub struct ClockAdvance<'b> {
    /// How far, such as `90m` or `2d`.
    pub by: &'b str,
}

/// The body of `POST /sandbox/clock/set`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClockSetting {
    /// The time to go to.
    pub to: UnixSeconds,
}
