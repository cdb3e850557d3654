//! How much a client may call: what registration assigns, and the throttle and the quota hold it to.

use serde::{Deserialize, Serialize};

/// How much a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Permits that come back in a second.
    pub requests_per_second: u32,
    /// Permits that may be used at once after a rest.
    pub burst: u32,
    /// Requests in a UTC day; `None` is unlimited.
    pub daily_quota: Option<u64>,
    /// Whether what is over a limit is refused, or only counted and reported.
    pub enforce: bool,
}
