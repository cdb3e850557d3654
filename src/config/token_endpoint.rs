//! `[token_endpoint]` and `[failed_authentications]`: how often one address, and one client, may ask for tokens.

use super::edition::Edition;
use super::raw::Raw;

/// `[token_endpoint]`: how often one source address may send token requests without right credentials, and how often
/// one client may send them with right ones. Clients use a token for an hour, so a healthy client is far below both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// `requests_per_second`: how many requests without right credentials one address may send in a second; by
    /// default 10, and 0 is no limit. In the sandbox 0 by default: all its clients are at one address, and this limit has
    /// a clock of its own, which no jump of the sandbox's clock moves.
    pub requests_per_second: u32,
    /// `burst`: how many of these at once after a pause; by default 20.
    pub burst: u32,
    /// `client_requests_per_second`: how many token requests one client may send in a second, from all its addresses
    /// together, and as many revocations; by default 100, and 0 is no limit.
    pub client_requests_per_second: u32,
    /// `client_burst`: how many of these at once after a pause; by default 1,000.
    pub client_burst: u32,
}

impl TokenEndpoint {
    pub(super) fn read(edition: Edition, raw: &mut Raw) -> Self {
        let per_address = if edition == Edition::Sandbox { 0 } else { 10 };
        Self {
            requests_per_second: raw.number("token_endpoint.requests_per_second", 0..=1_000_000, per_address),
            burst: raw.number("token_endpoint.burst", 1..=1_000_000, 20),
            client_requests_per_second: raw.number("token_endpoint.client_requests_per_second", 0..=1_000_000, 100),
            client_burst: raw.number("token_endpoint.client_burst", 1..=1_000_000, 1_000),
        }
    }
}

/// `[failed_authentications]`: how often one source address may fail to authenticate as one client. This limit never
/// refuses a right secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedAuthentications {
    /// `per_minute`: how many failures in a minute; by default 10.
    pub per_minute: u32,
    /// `burst`: how many at once after a pause; by default 10.
    pub burst: u32,
}

impl FailedAuthentications {
    pub(super) fn read(raw: &mut Raw) -> Self {
        Self {
            per_minute: raw.number("failed_authentications.per_minute", 1..=1_000_000, 10),
            burst: raw.number("failed_authentications.burst", 1..=1_000_000, 10),
        }
    }
}
