//! `audiences`, `default_audience`, `scopes` and `[client_defaults]`: what clients may be registered with.

use std::collections::BTreeSet;

use super::edition::Edition;
use super::raw::Raw;
use crate::admission::ADMIN_AUDIENCE;
use crate::limits::{Rate, UnprovenLimits};
use crate::oauth::scope::{INTROSPECT, READ_ADMIN, READ_ZONES, ScopeToken, WRITE_ADMIN, WRITE_ZONES};

/// The API set of the partner API, unless `audiences` says otherwise.
pub(crate) const PUBLIC_AUDIENCE: &str = "public.api.passportinc.com";

const AUDIENCE: &str = "1 to 200 visible ASCII characters";

/// `[client_defaults]`: what a client gets that is registered without limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientDefaults {
    /// `token_ttl`: how long its access tokens live, in seconds; by default 3,600.
    pub token_ttl_s: u64,
    /// `requests_per_second`: by default 10; 0.5 is one request in 2 s.
    pub requests_per_second: Rate,
    /// `burst`: how many requests at once after a pause; by default 20.
    pub burst: u32,
    /// `daily_quota`: requests in a UTC day; by default 10,000. `None`, written `"unlimited"`, is no quota.
    pub daily_quota: Option<u64>,
    /// `[client_defaults.unproven]`: the most that a client may call without the report that is required of it; by default
    /// one request a second, 5 at once, and 500 in a UTC day.
    pub unproven: UnprovenLimits,
}

fn read_unproven(raw: &mut Raw) -> UnprovenLimits {
    let default = UnprovenLimits::default();
    let quota = "client_defaults.unproven.daily_quota";
    UnprovenLimits {
        requests_per_second: raw.rate("client_defaults.unproven.requests_per_second", default.requests_per_second),
        burst: raw.number("client_defaults.unproven.burst", 1..=1_000_000, default.burst),
        daily_quota: raw.number_or_unlimited(quota, 1..=100_000_000_000, default.daily_quota),
    }
}

impl ClientDefaults {
    pub(super) fn read(edition: Edition, raw: &mut Raw) -> Self {
        Self {
            token_ttl_s: raw.number("client_defaults.token_ttl", edition.token_ttl_s(), 3_600),
            requests_per_second: raw.rate("client_defaults.requests_per_second", 10.into()),
            burst: raw.number("client_defaults.burst", 1..=1_000_000, 20),
            daily_quota: raw.number_or_unlimited("client_defaults.daily_quota", 1..=100_000_000_000, Some(10_000)),
            unproven: read_unproven(raw),
        }
    }
}

/// `audiences`, with [`ADMIN_AUDIENCE`] at its end, and `default_audience`.
pub(super) fn read_audiences(raw: &mut Raw) -> (Vec<String>, Option<String>) {
    let given = raw.list("audiences", AUDIENCE, parse_audience);
    let mut audiences = given.unwrap_or_else(|| vec![PUBLIC_AUDIENCE.to_owned()]);
    let mut seen = BTreeSet::new();
    if let Some(repeated) = audiences.iter().find(|audience| !seen.insert(audience.as_str())).cloned() {
        raw.fault("audiences", format!("names {repeated} twice"));
    }
    audiences.retain(|audience| audience != ADMIN_AUDIENCE);
    if audiences.is_empty() {
        raw.fault("audiences", format!("must name an API set beside {ADMIN_AUDIENCE}"));
    }
    audiences.push(ADMIN_AUDIENCE.to_owned());
    raw.set_effective("audiences", audiences.as_slice());
    let default_audience = raw.text("default_audience", AUDIENCE, parse_audience);
    if default_audience.as_ref().is_some_and(|default| !audiences.contains(default)) {
        raw.fault("default_audience", format!("must be one of: {}", audiences.join(", ")));
    }
    (audiences, default_audience)
}

/// `scopes`, with the scope tokens that every server has.
pub(super) fn read_scopes(raw: &mut Raw) -> BTreeSet<String> {
    let one_token = |text: &str| ScopeToken::parse(text).ok();
    let given = raw.list("scopes", "one scope token such as read:zones (RFC 6749 section 3.3)", one_token);
    let given = given.unwrap_or_else(|| vec![READ_ZONES, WRITE_ZONES]);
    let all = given.into_iter().chain([INTROSPECT, READ_ADMIN, WRITE_ADMIN]);
    let scopes: BTreeSet<String> = all.map(|scope_token| scope_token.to_string()).collect();
    raw.set_effective("scopes", scopes.iter().cloned().collect::<Vec<_>>());
    scopes
}

fn parse_audience(text: &str) -> Option<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
}
