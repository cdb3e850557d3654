//! The limit on requests from one source address that prove no client: without credentials or with wrong ones, with a
//! body that cannot be read, with a wrong method. All OAuth endpoints and workers share it.
//!
//! A request is counted after it failed, so a client with valid credentials passes whatever its neighbours at the address
//! do; to check credentials takes less time than to write an answer. A failure beyond the limit is answered 429. Only for
//! the methods that no endpoint has, the limit is asked before the request is read.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_governor::governor::NotUntil;
use actix_governor::governor::clock::{Clock as _, DefaultClock, QuantaInstant};
use actix_governor::governor::middleware::NoOpMiddleware;
use actix_governor::{Governor, GovernorConfig, GovernorConfigBuilder, KeyExtractor};
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::Condition;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _};

use crate::counts::Counter;
use crate::failures::network;
use crate::http::error::OauthError;
use crate::http::request_context::source;

/// The most addresses that are counted at a time, beside those that sent a request a moment ago.
const MAX_ADDRESSES: usize = 16_384;
/// After how many counted requests the number of addresses is checked.
const CHECKED_EVERY: u64 = 1_024;
/// The methods that no endpoint has: such a request proves no client.
const WRONG_METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// See the module. Cheap to clone: all clones share one count.
#[derive(Clone)]
pub(crate) struct SourceLimit {
    enabled: bool,
    config: GovernorConfig<SourceAddress, NoOpMiddleware>,
    refused: Arc<Counter>,
    /// Requests that may have been the first of their address.
    counted: Arc<AtomicU64>,
}

impl SourceLimit {
    /// `requests_per_second` after a `burst`; 0 requests per second is no limit.
    pub(crate) fn new(requests_per_second: u32, burst: u32) -> Option<Self> {
        let refused = Arc::<Counter>::default();
        let mut config = GovernorConfigBuilder::default().key_extractor(SourceAddress { refused: refused.clone() });
        config.requests_per_second(requests_per_second.max(1).into()).burst_size(burst.max(1));
        config.methods(WRONG_METHODS.to_vec());
        let (enabled, counted) = (requests_per_second > 0, Arc::default());
        Some(Self { enabled, config: config.finish()?, refused, counted })
    }

    /// How many requests it has refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// Forgets addresses that send nothing any more: without it the memory of a flood would stay.
    pub(crate) fn forget_quiet(&self) {
        self.config.limiter().retain_recent();
        self.config.limiter().shrink_to_fit();
    }

    /// Asks the limit about a request with a wrong method, before the request is read.
    pub(crate) fn before_reading(&self) -> Condition<Governor<SourceAddress, NoOpMiddleware>> {
        Condition::new(self.enabled, Governor::new(&self.config))
    }

    /// The answer to a refused request: the refusal itself, or 429 if its address has too many of them.
    pub(super) fn count(&self, request: &HttpRequest, refusal: OauthError) -> OauthError {
        if !self.enabled || !refusal.is_anonymous_fault() {
            return refusal;
        }
        self.bound_addresses();
        if WRONG_METHODS.contains(request.method()) {
            return refusal;
        }
        let Err(not_until) = self.config.limiter().check_key(&network(source(request))) else { return refusal };
        self.refused.add_one();
        too_many(&not_until)
    }

    /// Called for each request that may be the first of its address. Checks the number of addresses now and then only,
    /// because that takes a lock on each part of the map.
    fn bound_addresses(&self) {
        let limiter = self.config.limiter();
        let is_due = self.counted.fetch_add(1, Ordering::Relaxed) % CHECKED_EVERY == CHECKED_EVERY - 1;
        if is_due && limiter.len() > MAX_ADDRESSES {
            limiter.retain_recent();
        }
    }
}

fn too_many(not_until: &NotUntil<QuantaInstant>) -> OauthError {
    OauthError::too_many_requests(
        "Too many requests from this address without valid credentials: check client_id, client_secret and the body. \
         Requests with valid credentials are not limited.",
        not_until.wait_time_from(DefaultClock::default().now()),
    )
}

/// The key of the limit: an address, or an IPv6 network.
#[derive(Clone)]
pub(crate) struct SourceAddress {
    refused: Arc<Counter>,
}

impl KeyExtractor for SourceAddress {
    type Key = IpAddr;
    type KeyExtractionError = OauthError;

    fn extract(&self, request: &ServiceRequest) -> Result<IpAddr, OauthError> {
        Ok(network(source(request.request())))
    }

    fn exceed_rate_limit_response(&self, negative: &NotUntil<QuantaInstant>, _: HttpResponseBuilder) -> HttpResponse {
        self.refused.add_one();
        let error = too_many(negative);
        let mut response = error.error_response();
        // The middleware drops the error that a response has with it, but not the extensions.
        response.extensions_mut().insert(actix_web::Error::from(error));
        response
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use actix_web::test::TestRequest;

    use super::*;
    use crate::oauth::error::ErrorCode;

    #[test]
    fn a_flood_of_new_addresses_does_not_fill_memory_even_if_none_of_them_is_refused() {
        for method in [Method::POST, Method::GET] {
            // Each count is forgiven a microsecond later.
            let limit = SourceLimit::new(1_000_000, 1).unwrap();
            for number in 0..3 * MAX_ADDRESSES {
                let address = IpAddr::V6(Ipv6Addr::from_bits((number as u128) << 64));
                if method == Method::GET {
                    // As the middleware does.
                    let _passes = limit.config.limiter().check_key(&network(address));
                }
                let request = TestRequest::with_uri("/oauth2/token").method(method.clone());
                let request = request.peer_addr(SocketAddr::new(address, 4711)).to_http_request();
                let refusal = limit.count(&request, OauthError::new(ErrorCode::InvalidRequest, "a"));
                assert!(refusal.is_anonymous_fault(), "{method} {address}");
            }
            let (counted, most) = (limit.config.limiter().len(), MAX_ADDRESSES + 1_024);
            assert!(counted <= most, "{method}: {counted} of {most}");
            assert_eq!(limit.refused(), 0, "{method}");
        }
    }
}
