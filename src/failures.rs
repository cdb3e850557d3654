//! Failed client authentications: how often an address may fail, and what the audit log records of it.
//!
//! Only failures count, for each pair of client and address: so a client with the right secret is never refused because
//! another client at its address failed. It makes no difference whether the client exists. Memory is bounded: the pairs
//! whose last failure is oldest are forgotten first.

mod failure_log;

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use self::failure_log::{FailureLog, Unlogged};
pub use self::failure_log::{FailureSummary, Pair};
use crate::limits::{FullAt, Mode, full_in};
use crate::oauth::credentials::ClientId;
use crate::time::{Monotonic, SharedClock};

/// The most pairs of client and address, and the most addresses, that are counted at a time.
const MAX_KEYS: usize = 16_384;
/// How many clients' failures one address may have.
const CLIENTS_OF_AN_ADDRESS: u32 = 10;

type Limiter = RateLimiter<Mode, FullAt, Monotonic, NoOpMiddleware<Duration>>;

/// The failures of all addresses.
pub struct Failures {
    clock: SharedClock,
    of_pairs: Limiters<(Box<str>, IpAddr)>,
    of_addresses: Limiters<IpAddr>,
    log: FailureLog,
}

/// How much of the limits on failures was used, and what the audit log has not recorded yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FailureState {
    /// The time until all failures are allowed again, for each pair and address.
    of_pairs: Vec<((Box<str>, IpAddr), Duration)>,
    of_addresses: Vec<(IpAddr, Duration)>,
    unlogged: Unlogged,
}

impl Failures {
    /// Allows `burst` failures at once and `per_minute` after that for a client and an address, both at
    /// least 1, and [`CLIENTS_OF_AN_ADDRESS`] times as many for an address whatever client it names.
    #[must_use]
    pub fn new(clock: SharedClock, per_minute: u32, burst: u32) -> Self {
        Self {
            of_pairs: Limiters::new(clock.clone(), per_minute, burst, 1),
            of_addresses: Limiters::new(clock.clone(), per_minute, burst, CLIENTS_OF_AN_ADDRESS),
            log: FailureLog::default(),
            clock,
        }
    }

    /// Counts a failure to authenticate as `client_id`; `registered` is that client, if it exists. `Err` is the time
    /// until the next failure is allowed.
    pub fn count(&self, client_id: &str, registered: Option<&ClientId>, source: IpAddr) -> Result<(), Duration> {
        let address = network(source);
        self.log.add(Pair { client_id: registered.cloned(), source: Some(address) }, self.clock.now());
        // The address first: one that names ever new clients must not push the pairs of others out of memory.
        self.of_addresses.count(&address)?;
        self.of_pairs.count(&(client_id.into(), address))
    }

    /// What the audit log should record now. A summary is due until it is [logged](Self::mark_logged).
    #[must_use]
    pub fn due(&self) -> Vec<FailureSummary> {
        self.log.due(self.clock.now())
    }

    /// Everything that the audit log has not recorded yet, for a stop.
    #[must_use]
    pub fn remaining(&self) -> Vec<FailureSummary> {
        self.log.remaining()
    }

    pub(crate) fn capture(&self) -> FailureState {
        let Self { of_pairs, of_addresses, log, .. } = self;
        FailureState { of_pairs: of_pairs.capture(), of_addresses: of_addresses.capture(), unlogged: log.capture() }
    }

    /// Goes back to what was captured.
    pub(crate) fn restore(&self, state: &FailureState) {
        self.of_pairs.restore(&state.of_pairs);
        self.of_addresses.restore(&state.of_addresses);
        self.log.restore(&state.unlogged);
    }

    /// Says that the audit log has recorded a summary.
    pub(crate) fn mark_logged(&self, summary: &FailureSummary) {
        self.log.mark_logged(summary, self.clock.now());
    }
}

/// A limiter for each key that has failed.
struct Limiters<K> {
    clock: SharedClock,
    rate: governor::Quota,
    burst: NonZeroU32,
    by_key: Cache<K, Arc<Limiter>>,
}

impl<K: Clone + Eq + Hash> Limiters<K> {
    /// Allows `times` as many failures as `per_minute` and `burst`.
    fn new(clock: SharedClock, per_minute: u32, burst: u32, times: u32) -> Self {
        let limit = |limit: u32| NonZeroU32::new(limit.saturating_mul(times)).unwrap_or(NonZeroU32::MIN);
        let burst = limit(burst);
        let rate = governor::Quota::per_minute(limit(per_minute)).allow_burst(burst);
        Self { clock, rate, burst, by_key: Cache::new(MAX_KEYS) }
    }

    fn count(&self, key: &K) -> Result<(), Duration> {
        let limiter = self.by_key.get(key).unwrap_or_else(|| {
            let limiter = self.limiter(Duration::ZERO);
            self.by_key.insert(key.clone(), limiter.clone());
            limiter
        });
        limiter.check_key(&Mode::Use).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
    }

    fn limiter(&self, full_in: Duration) -> Arc<Limiter> {
        Arc::new(Limiter::new(self.rate, FullAt::after(full_in), Monotonic(self.clock.clone())))
    }

    fn capture(&self) -> Vec<(K, Duration)> {
        self.by_key.iter().filter_map(|(key, limiter)| Some((key, full_in(&limiter, self.burst)?))).collect()
    }

    fn restore(&self, levels: &[(K, Duration)]) {
        self.by_key.clear();
        for (key, full_in) in levels {
            self.by_key.insert(key.clone(), self.limiter(*full_in));
        }
    }
}

/// The network of one subscriber, which the limits by address count as one: an IPv4 address, or an IPv6 /64.
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
    fn failures_are_counted_by_client_and_address_and_expire() {
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
        assert_eq!(failures.of_pairs.by_key.len(), 20);
        assert_eq!(failures.count("20", None, "192.0.2.2".parse().unwrap()), Ok(()), "another address");
    }

    #[test]
    fn failures_go_back_to_what_was_captured() {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(0)));
        let failures = Failures::new(clock.clone(), 6, 2);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        let client = ClientId::parse("a").ok();
        assert_eq!(failures.count("a", client.as_ref(), source), Ok(()));
        let state = failures.capture();
        let unlogged = failures.remaining();
        assert_eq!(failures.count("a", client.as_ref(), source), Ok(()));
        assert!(failures.count("a", client.as_ref(), source).is_err());
        assert_eq!(failures.count("b", None, source), Ok(()));
        failures.mark_logged(&failures.remaining()[0]);
        // As a file has it.
        let state: FailureState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        failures.restore(&state);
        assert_eq!(failures.remaining(), unlogged);
        assert_eq!(failures.of_pairs.by_key.len(), 1);
        assert_eq!(failures.count("a", client.as_ref(), source), Ok(()));
        assert_eq!(failures.count("a", client.as_ref(), source), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_subscriber_has_one_ipv4_address_or_one_ipv6_network() {
        let network = |text: &str| super::network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
