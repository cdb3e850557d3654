//! `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 has them.
//!
//! The draft still changes: only this file has its syntax. `q` is the quota, `w` its window in seconds, `r` what remains,
//! `t` the seconds until the quota is full again. A client without a daily quota has no policy for the day.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::admission::Standing;
use crate::time::SECONDS_PER_DAY;

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds both fields to an answer that has neither.
pub(crate) fn append(headers: &mut HeaderMap, standing: &Standing) {
    let permits = &standing.permits;
    let day = standing.units.and_then(|units| Some((units.daily_quota?, units.remaining?, units.resets_in_s)));
    let limits = Limits { burst: permits.burst, window_s: permits.window_s, daily_quota: day.map(|(quota, ..)| quota) };
    if let Some(policy) = policy(limits) {
        headers.append(RATE_LIMIT_POLICY, policy);
    }
    let mut state = Text::new();
    state.push("\"second\";r=").number(permits.remaining).push(";t=").number(permits.full_in_s);
    if let Some((_, remaining, resets_in_s)) = day {
        state.push(", \"day\";r=").number(remaining).push(";t=").number(resets_in_s);
    }
    if let Some(state) = state.value() {
        headers.append(RATE_LIMIT, state);
    }
}

/// The numbers in a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Limits {
    burst: u32,
    window_s: u64,
    daily_quota: Option<u64>,
}

/// The policy of these limits. Most clients have the same limits, so the policy of the answer before, on the same thread,
/// is used again if it fits.
fn policy(limits: Limits) -> Option<HeaderValue> {
    thread_local! {
        static LAST: RefCell<Option<(Limits, HeaderValue)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((same, policy)) = last
            && *same == limits
        {
            return Some(policy.clone());
        }
        let mut text = Text::new();
        text.push("\"second\";q=").number(limits.burst).push(";w=").number(limits.window_s);
        if let Some(quota) = limits.daily_quota {
            text.push(", \"day\";q=").number(quota).push(";w=").number(SECONDS_PER_DAY);
        }
        let policy = text.value()?;
        *last = Some((limits, policy.clone()));
        Some(policy)
    })
}

/// The longest value: five numbers of at most 20 digits, and the text between them.
const MAX_TEXT_BYTES: usize = 160;

/// The text of a field, on the stack: every answer has one, and `format!` would be slower.
struct Text {
    bytes: [u8; MAX_TEXT_BYTES],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; MAX_TEXT_BYTES], len: 0 }
    }

    fn push(&mut self, text: &str) -> &mut Self {
        if let Some(free) = self.bytes.get_mut(self.len..self.len + text.len()) {
            free.copy_from_slice(text.as_bytes());
            self.len += text.len();
        }
        self
    }

    fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.push(itoa::Buffer::new().format(number))
    }

    /// The value. Every text that is pushed here is valid in one.
    fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.bytes.get(..self.len)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::quota::Units;
    use crate::throttle::Permits;
    use crate::time::UnixSeconds;

    #[test]
    fn the_longest_values_have_room() {
        let permits = Permits {
            burst: u32::MAX,
            window_s: u64::MAX,
            remaining: u32::MAX,
            full_in_s: u64::MAX,
            wait: Some(Duration::MAX),
        };
        let units = Units {
            admitted: true,
            daily_quota: Some(u64::MAX),
            used: 0,
            remaining: Some(u64::MAX),
            resets_at: UnixSeconds::new(0),
            resets_in_s: u64::MAX,
        };
        let mut headers = HeaderMap::new();
        append(&mut headers, &Standing { permits, units: Some(units) });
        let (burst, most) = (u32::MAX, u64::MAX);
        assert_eq!(
            headers.get(RATE_LIMIT_POLICY).unwrap(),
            &format!("\"second\";q={burst};w={most}, \"day\";q={most};w={SECONDS_PER_DAY}")
        );
        assert_eq!(
            headers.get(RATE_LIMIT).unwrap(),
            &format!("\"second\";r={burst};t={most}, \"day\";r={most};t={most}")
        );
    }
}
