//! How often an address has failed to authenticate as a client, and what the audit log is told of it.
//!
//! Counts failures only, for each pair of client and address, so a right secret is never turned away
//! because somebody else used a wrong one. Memory is bounded: the pairs that have been quiet longest are
//! forgotten first. Whether the client exists makes no difference.

mod failure_log;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use self::failure_log::FailureLog;
pub use self::failure_log::{FailureSummary, Pair};
use crate::oauth::credentials::ClientId;
use crate::time::{Monotonic, SharedClock};

/// The most pairs of client and address that are counted at a time.
const MAX_PAIRS: usize = 16_384;

/// The most addresses that are counted at a time.
const MAX_ADDRESSES: usize = 16_384;
/// How many clients' failures one address may have.
const CLIENTS_OF_AN_ADDRESS: u32 = 10;

type Limiter = RateLimiter<NotKeyed, InMemoryState, Monotonic, NoOpMiddleware<Duration>>;

/// The failures of all addresses.
pub struct Failures {
    clock: SharedClock,
    quota: Quota,
    pairs: Cache<(Box<str>, IpAddr), Arc<Limiter>>,
    address_quota: Quota,
    addresses: Cache<IpAddr, Arc<Limiter>>,
    log: FailureLog,
}

impl Failures {
    /// Allows `burst` failures at once and `per_minute` after that for a client and an address, both at
    /// least 1, and [`CLIENTS_OF_AN_ADDRESS`] times as many for an address whatever client it names.
    #[must_use]
    pub fn new(clock: SharedClock, per_minute: u32, burst: u32) -> Self {
        let at_least_one = |limit| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        let quota = |times| {
            let limit = |limit: u32| at_least_one(limit.saturating_mul(times));
            Quota::per_minute(limit(per_minute)).allow_burst(limit(burst))
        };
        Self {
            clock,
            quota: quota(1),
            pairs: Cache::new(MAX_PAIRS),
            address_quota: quota(CLIENTS_OF_AN_ADDRESS),
            addresses: Cache::new(MAX_ADDRESSES),
            log: FailureLog::default(),
        }
    }

    /// Counts one failure to be `client_id`, which is `registered` if any client is; `Err` is the time until
    /// the next one is allowed.
    pub fn count(&self, client_id: &str, registered: Option<&ClientId>, source: IpAddr) -> Result<(), Duration> {
        let address = network(source);
        self.log.add(Pair { client_id: registered.cloned(), source: Some(address) }, self.clock.now());
        let of_address = self.addresses.get(&address).unwrap_or_else(|| {
            let limiter = self.limiter(self.address_quota);
            self.addresses.insert(address, limiter.clone());
            limiter
        });
        // First, so that an address which names ever new clients does not push other pairs out of memory.
        count(&of_address)?;
        let pair = (client_id.into(), address);
        let of_pair = self.pairs.get(&pair).unwrap_or_else(|| {
            let limiter = self.limiter(self.quota);
            self.pairs.insert(pair, limiter.clone());
            limiter
        });
        count(&of_pair)
    }

    /// What the audit log is to be told now; it stays until it is [`told`](Self::told).
    #[must_use]
    pub fn due(&self) -> Vec<FailureSummary> {
        self.log.due(self.clock.now())
    }

    /// All that the audit log was not told yet, for a stop.
    #[must_use]
    pub fn remaining(&self) -> Vec<FailureSummary> {
        self.log.remaining()
    }

    /// A sum is in the audit log.
    pub fn told(&self, sum: &FailureSummary) {
        self.log.told(sum, self.clock.now());
    }

    fn limiter(&self, quota: Quota) -> Arc<Limiter> {
        Arc::new(Limiter::new(quota, InMemoryState::default(), Monotonic(self.clock.clone())))
    }
}

fn count(limiter: &Limiter) -> Result<(), Duration> {
    limiter.check().map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
}

/// What one subscriber holds, as limits by address count it: an IPv4 address, or an IPv6 /64.
#[must_use]
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ManualClock, UnixSeconds};

    #[test]
    fn failures_are_counted_by_client_and_address_and_time_forgives_them() {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(0)));
        let failures = Failures::new(clock.clone(), 6, 2);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(failures.count("a", None, source), Ok(()));
        assert_eq!(failures.count("a", None, source), Ok(()));
        assert_eq!(failures.count("a", None, source), Err(Duration::from_secs(10)));
        assert_eq!(failures.count("b", None, source), Ok(()), "another client");
        assert_eq!(failures.count("a", None, "192.0.2.2".parse().unwrap()), Ok(()), "another address");
        clock.advance(Duration::from_secs(10));
        assert_eq!(failures.count("a", None, source), Ok(()));
    }

    #[test]
    fn an_address_that_names_ever_new_clients_is_counted_as_a_whole() {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(0)));
        let failures = Failures::new(clock, 6, 2);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        for client in 0..20 {
            assert_eq!(failures.count(&client.to_string(), None, source), Ok(()), "{client}");
        }
        assert_eq!(failures.count("20", None, source), Err(Duration::from_secs(1)));
        assert_eq!(failures.pairs.len(), 20);
        assert_eq!(failures.count("20", None, "192.0.2.2".parse().unwrap()), Ok(()), "another address");
    }

    #[test]
    fn a_subscriber_has_one_ipv4_address_or_one_ipv6_network() {
        let network = |text: &str| super::network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
