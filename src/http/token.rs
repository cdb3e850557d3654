//! The token endpoint (RFC 6749, section 3.2): `POST /shared/access-tokens`, and `POST /oauth2/token` in
//! strict dress.
//!
//! Both are the same walk. The first answers as the platform documents it, with `expires_at`; the second
//! as RFC 6749 has it, because some clients read `expires_at` as a number.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_governor::governor::NotUntil;
use actix_governor::governor::clock::{Clock as _, DefaultClock, QuantaInstant};
use actix_governor::governor::middleware::NoOpMiddleware;
use actix_governor::{Governor, GovernorConfig, GovernorConfigBuilder, KeyExtractor};
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use actix_web::middleware::Condition;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use zeroize::Zeroizing;

use crate::administration::Administration;
use crate::client_credentials::{ClientCredentials, TokenError};
use crate::clients::Client;
use crate::counts::Counter;
use crate::http::authorized::{actor, authorization};
use crate::http::body::{self, MAX_OAUTH_BYTES};
use crate::http::error::OauthError;
use crate::http::request_context::note_caller;
use crate::oauth::credentials::ClientAuthentication;
use crate::oauth::error::ErrorCode;
use crate::oauth::object::Object;
use crate::oauth::parameters::Parameters;
use crate::oauth::token_request::{InspectionRequest, RequestFault, TokenRequest};
use crate::time::UnixSeconds;
use crate::tokens::Issued;

/// The bytes of an answer, beside its token and its scope.
const BESIDE_TEXTS: usize = 128;

/// The most addresses that are counted at a time, beside those that were heard of a moment ago.
const MAX_ADDRESSES: usize = 16_384;
/// How many requests are counted until the number of addresses is looked at.
const LOOKED_AT_EVERY: u64 = 1_024;
/// The methods by which nothing is served here: a request by one of them proves no client.
const ASKED_FIRST: [Method; 6] =
    [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The limit on requests from one source address that prove no client: without credentials or with wrong ones, with a
/// body that cannot be read, by a wrong method. Shared by all OAuth endpoints and workers.
///
/// A request is counted once it has failed, so that right credentials pass whatever their neighbours at the address do;
/// to check them takes less than an answer does. What fails beyond the limit is answered 429. Only for the methods that
/// nothing answers, the limit is asked first.
#[derive(Clone)]
pub struct SourceLimit {
    enabled: bool,
    config: GovernorConfig<SourceAddress, NoOpMiddleware>,
    refused: Arc<Counter>,
    /// Requests that may have been the first of their address.
    counted: Arc<AtomicU64>,
}

impl SourceLimit {
    /// `requests_per_second` after a `burst`; 0 requests per second is no limit.
    #[must_use]
    pub fn new(requests_per_second: u32, burst: u32) -> Option<Self> {
        let refused = Arc::<Counter>::default();
        let mut config = GovernorConfigBuilder::default().key_extractor(SourceAddress { refused: refused.clone() });
        config.requests_per_second(requests_per_second.max(1).into()).burst_size(burst.max(1));
        config.methods(ASKED_FIRST.to_vec());
        let (enabled, counted) = (requests_per_second > 0, Arc::default());
        Some(Self { enabled, config: config.finish()?, refused, counted })
    }

    /// How many requests it refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// Forgets addresses that have been quiet: without it the memory of a flood would stay.
    pub fn forget_quiet(&self) {
        self.config.limiter().retain_recent();
        self.config.limiter().shrink_to_fit();
    }

    /// Asks the limit before anything is read of a request by a method that nothing answers.
    pub(crate) fn before_reading(&self) -> Condition<Governor<SourceAddress, NoOpMiddleware>> {
        Condition::new(self.enabled, Governor::new(&self.config))
    }

    /// The answer to a refused request: the refusal, or 429 where its address had too many of them.
    fn judge(&self, request: &HttpRequest, refusal: OauthError) -> OauthError {
        if !self.enabled || !refusal.is_anonymous_fault() {
            return refusal;
        }
        self.bound_addresses();
        if ASKED_FIRST.contains(request.method()) {
            return refusal;
        }
        let limiter = self.config.limiter();
        let Err(not_until) = limiter.check_key(&crate::failures::network(source(request))) else { return refusal };
        self.refused.add_one();
        too_many(&not_until)
    }

    /// Called for each request that may be the first of its address. Looks at the number of addresses now and then,
    /// for that takes a lock on each part of the map.
    fn bound_addresses(&self) {
        let limiter = self.config.limiter();
        let is_due = self.counted.fetch_add(1, Ordering::Relaxed) % LOOKED_AT_EVERY == LOOKED_AT_EVERY - 1;
        if is_due && limiter.len() > MAX_ADDRESSES {
            limiter.retain_recent();
        }
    }
}

fn too_many(not_until: &NotUntil<QuantaInstant>) -> OauthError {
    let wait = not_until.wait_time_from(DefaultClock::default().now());
    OauthError::too_many_requests(
        "Too many requests from this address that prove no client: check client_id, client_secret and the body. Right \
         ones are let through at any time.",
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
    )
}

/// The routes of both dresses.
pub fn routes(config: &mut ServiceConfig, limit: &SourceLimit) {
    config
        .service(
            web::resource("/shared/access-tokens")
                .name("/shared/access-tokens")
                .wrap(limit.before_reading())
                .route(web::post().to(documented))
                .default_service(web::to(wrong_method)),
        )
        .service(
            web::resource("/oauth2/token")
                .name("/oauth2/token")
                .wrap(limit.before_reading())
                .route(web::post().to(strict))
                .default_service(web::to(wrong_method)),
        );
}

async fn documented(
    request: HttpRequest,
    payload: Payload,
    client_credentials: Data<ClientCredentials>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
) -> Result<HttpResponse, OauthError> {
    let issued = grant(&request, payload, &client_credentials, &administration, &limit).await?;
    Ok(answer(&issued, Some(issued.expires_at)))
}

async fn strict(
    request: HttpRequest,
    payload: Payload,
    client_credentials: Data<ClientCredentials>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
) -> Result<HttpResponse, OauthError> {
    let issued = grant(&request, payload, &client_credentials, &administration, &limit).await?;
    Ok(answer(&issued, None))
}

/// Any method but POST.
pub async fn wrong_method(
    request: HttpRequest,
    client_credentials: Data<ClientCredentials>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
) -> Result<HttpResponse, OauthError> {
    let in_query = refuse_secret_in_query(&request, &client_credentials, &administration).await;
    let refusal = in_query.err().unwrap_or_else(OauthError::method_not_allowed);
    Err(limit.judge(&request, refusal))
}

/// One token request: a token, or a refusal that is counted.
async fn grant(
    request: &HttpRequest,
    payload: Payload,
    client_credentials: &ClientCredentials,
    administration: &Administration,
    limit: &SourceLimit,
) -> Result<Issued, OauthError> {
    let granted = try_grant(request, payload, client_credentials, administration)
        .await
        .map_err(|refusal| limit.judge(request, refusal));
    granted.inspect_err(|refusal| client_credentials.answers().refused.add_one(refusal.code()))
}

async fn try_grant(
    request: &HttpRequest,
    payload: Payload,
    client_credentials: &ClientCredentials,
    administration: &Administration,
) -> Result<Issued, OauthError> {
    refuse_secret_in_query(request, client_credentials, administration).await?;
    let parameters = read(request, payload).await?;
    let token_request = TokenRequest::parse(authorization(request), parameters)
        .map_err(|unfit| client_credentials.refuse(unfit, source(request)))?;
    let (client, issued) = client_credentials.grant(token_request, source(request))?;
    note_caller(&client.client_id);
    tracing::debug!(client_id = %client.client_id, jti = %issued.jti, scope = %issued.scope, "a token was issued");
    Ok(issued)
}

/// The answer of RFC 6749 section 5.1.
fn answer(issued: &Issued, expires_at: Option<UnixSeconds>) -> HttpResponse {
    let Issued { access_token, expires_in, scope, .. } = issued;
    let json = Object::with_capacity(BESIDE_TEXTS + access_token.len() + scope.as_str().len())
        .text("access_token", access_token)
        .text("token_type", "Bearer")
        // Seconds. Without it Go's client would use a token for ever.
        .number("expires_in", *expires_in);
    // The platform's own member: the same, as a moment.
    let json = match expires_at {
        Some(moment) => json.text("expires_at", &moment.to_string()),
        None => json,
    };
    // Exactly what was granted.
    let json = json.text("scope", scope.as_str()).line();
    HttpResponse::Ok()
        .append_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        // RFC 6749 section 5.1 asks for both.
        .append_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .append_header((PRAGMA, HeaderValue::from_static("no-cache")))
        .body(json)
}

/// The parameters of an OAuth request's body.
async fn read(request: &HttpRequest, payload: Payload) -> Result<Parameters, OauthError> {
    if body::is_coded(request) {
        return Err(OauthError::unsupported_coding());
    }
    let body = body::read(request, payload, MAX_OAUTH_BYTES).await?;
    let format = body::format(request, &body)?;
    Ok(Parameters::parse(format, &body)?)
}

/// A request to revoke or introspect a token, by a client that proved who it is.
pub(super) struct Inspection {
    pub(super) client: Arc<Client>,
    pub(super) token: Zeroizing<String>,
}

/// Which of a client's own limits a request counts against.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// None: it touches memory only.
    Introspect,
    /// That on revocations.
    Revoke,
}

/// A request to revoke or introspect a token.
pub(super) async fn read_inspection(
    request: &HttpRequest,
    payload: Payload,
    purpose: Purpose,
    client_credentials: &ClientCredentials,
    administration: &Administration,
    limit: &SourceLimit,
) -> Result<Inspection, OauthError> {
    let read = async {
        refuse_secret_in_query(request, client_credentials, administration).await?;
        let parameters = read(request, payload).await?;
        let InspectionRequest { authentication, token } = InspectionRequest::parse(authorization(request), parameters)?;
        let client = match purpose {
            Purpose::Introspect => client_credentials.authenticate(&authentication, source(request))?,
            Purpose::Revoke => client_credentials.authenticate_to_revoke(&authentication, source(request))?,
        };
        let token = token.ok_or(TokenError::RequestOfClient(RequestFault::TokenMissing))?;
        Ok::<_, OauthError>(Inspection { client, token })
    };
    read.await.map_err(|refusal| limit.judge(request, refusal))
}

/// Where a request comes from. Every connection of this server has a peer.
pub(super) fn source(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}

/// A secret in the URL lands in logs and histories (RFC 6749 section 2.3.1: "MUST NOT be included in the
/// request URI"). If it is a client's right one, the audit log says that it was exposed.
async fn refuse_secret_in_query(
    request: &HttpRequest,
    client_credentials: &ClientCredentials,
    administration: &Administration,
) -> Result<(), OauthError> {
    let query = request.query_string();
    if query.is_empty() {
        return Ok(());
    }
    let parameter = |wanted: &str| {
        query.split('&').find_map(|pair| {
            let (_, value) = form_urlencoded::parse(pair.as_bytes()).find(|(name, _)| name == wanted)?;
            Some((Zeroizing::new(value.into_owned()), pair.split_once('=').map(|(_, value)| value.to_owned().into())))
        })
    };
    let Some((client_secret, as_it_stands)) = parameter("client_secret") else { return Ok(()) };
    let (client_id, _) = parameter("client_id").unwrap_or_default();
    let authentication = ClientAuthentication::from_body(&client_id, client_secret).or_as_it_stands(as_it_stands);
    if let Ok(client) = client_credentials.authenticate(&authentication, source(request)) {
        administration.secret_exposed(&client.client_id, &actor(Some(&client.client_id), request)).await?;
    }
    Err(OauthError::new(
        ErrorCode::InvalidRequest,
        "client_secret is in the query string, where logs keep it: send it in the body or in Authorization: Basic, \
         and have it rotated.",
    ))
}

/// The address, as the key of the limit.
#[derive(Clone)]
pub(crate) struct SourceAddress {
    refused: Arc<Counter>,
}

impl KeyExtractor for SourceAddress {
    type Key = IpAddr;
    type KeyExtractionError = OauthError;

    fn extract(&self, request: &ServiceRequest) -> Result<IpAddr, OauthError> {
        let address = request.peer_addr().ok_or_else(OauthError::unavailable)?;
        Ok(crate::failures::network(address.ip()))
    }

    fn exceed_rate_limit_response(&self, negative: &NotUntil<QuantaInstant>, _: HttpResponseBuilder) -> HttpResponse {
        self.refused.add_one();
        too_many(negative).error_response()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_flood_of_new_addresses_does_not_fill_memory_though_none_of_them_is_refused() {
        for method in [Method::POST, Method::GET] {
            // Whatever was counted is forgiven a microsecond later.
            let limit = SourceLimit::new(1_000_000, 1).unwrap();
            for network in 0..3 * MAX_ADDRESSES {
                let address = IpAddr::V6(Ipv6Addr::from_bits((network as u128) << 64));
                if method == Method::GET {
                    // As the middleware does.
                    let _passes = limit.config.limiter().check_key(&crate::failures::network(address));
                }
                let request = TestRequest::with_uri("/oauth2/token").method(method.clone());
                let request = request.peer_addr(SocketAddr::new(address, 4711)).to_http_request();
                let refusal = limit.judge(&request, OauthError::new(ErrorCode::InvalidRequest, "a"));
                assert!(refusal.is_anonymous_fault(), "{method} {address}");
            }
            let (counted, most) = (limit.config.limiter().len(), MAX_ADDRESSES + 1_024);
            assert!(counted <= most, "{method}: {counted} of {most}");
            assert_eq!(limit.refused(), 0, "{method}");
        }
    }
}
