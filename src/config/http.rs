//! `[http]`: what one connection and one request may take.

use std::time::Duration;

use super::raw::Raw;
use crate::http::hsts;

/// `[http]`: what one connection and one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// `max_connections`: open connections for each worker; by default 4,000, which the usual limit of open files
    /// allows on a hundred workers. Further connections wait in the system's queue.
    pub max_connections: usize,
    /// `request_timeout_s`: how long the head of a request may take; for the first request of a connection, from the
    /// handshake on. By default 10 s.
    pub request_timeout: Duration,
    /// `keep_alive_s`: how long a connection may be idle between requests; by default 75 s, more than the 60 s after
    /// which usual load balancers drop theirs.
    pub keep_alive: Duration,
    /// `handshake_timeout_s`: from the connection to the end of the TLS handshake; by default 5 s.
    pub handshake_timeout: Duration,
    /// `shutdown_timeout_s`: how long open requests may take after SIGTERM; by default 30 s.
    pub shutdown_timeout: Duration,
    /// `hsts_max_age_s`: how long browsers remember to use only HTTPS for the issuer's host, in seconds; by default a
    /// year, and 0 sends no header. Never sent for loopback names, names of one label and IP addresses.
    pub hsts_max_age_s: u64,
}

impl Http {
    pub(super) fn read(raw: &mut Raw) -> Self {
        Self {
            max_connections: raw.number("http.max_connections", 1..=1_000_000, 4_000),
            request_timeout: raw.seconds("http.request_timeout_s", 1..=600, 10),
            keep_alive: raw.seconds("http.keep_alive_s", 1..=3_600, 75),
            handshake_timeout: raw.seconds("http.handshake_timeout_s", 1..=600, 5),
            shutdown_timeout: raw.seconds("http.shutdown_timeout_s", 0..=3_600, 30),
            hsts_max_age_s: raw.number("http.hsts_max_age_s", 0..=315_360_000, hsts::DEFAULT_MAX_AGE_S),
        }
    }
}
