//! `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 has them.
//!
//! The draft still moves: this is the one place that knows its form. `q` is the quota, `w` its window in
//! seconds, `r` what remains, `t` the seconds until it is whole again. An unlimited client has no policy
//! for the day.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Bytes;

use crate::admission::Standing;
use crate::time::SECONDS_PER_DAY;

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds both fields.
pub fn insert(headers: &mut HeaderMap, standing: &Standing) {
    let permits = &standing.permits;
    let mut policy = String::with_capacity(64);
    let mut state = String::with_capacity(64);
    // To write to a String cannot fail.
    let _ = write!(policy, "\"second\";q={};w={}", permits.burst, permits.window_s);
    let _ = write!(state, "\"second\";r={};t={}", permits.remaining, permits.whole_in_s);
    if let Some(units) = &standing.units
        && let (Some(quota), Some(remaining)) = (units.daily_quota, units.remaining)
    {
        let _ = write!(policy, ", \"day\";q={quota};w={SECONDS_PER_DAY}");
        let _ = write!(state, ", \"day\";r={remaining};t={}", units.resets_in_s);
    }
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        // Takes the text as it is, without a copy.
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            headers.insert(name, value);
        }
    }
}
