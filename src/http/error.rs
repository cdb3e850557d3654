//! The one mapping from what failed to what is answered: status, headers, body.
//!
//! Protected resources answer with RFC 9457 problems; the OAuth endpoints with RFC 6749 section 5.2
//! errors, because that is what their clients parse. Texts are constant, or name what the caller sent by
//! its kind: the cause of a fault of ours is logged, once, here.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::admission::Denial;
use crate::client_credentials::TokenError;
use crate::keys::KeyError;
use crate::oauth::bearer::BearerFault;
use crate::oauth::credentials::{AuthenticationFault, Method};
use crate::oauth::error::ErrorCode;
use crate::oauth::fault::FieldFault;
use crate::oauth::object::Object;
use crate::oauth::parameters::ParameterFault;
use crate::oauth::token_request::RequestFault;
use crate::store::StoreError;
use crate::tokens::TokenFault;

/// The type that IANA registers for both limits (draft-ietf-httpapi-ratelimit-headers).
const QUOTA_EXCEEDED_TYPE: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The bytes of a problem's body beside its detail, which is there twice, and the address of its page: mostly fewer, and
/// more only where members are wrong, or a request's id needs escapes.
const BESIDE_DETAIL: usize = 400;

/// What went wrong, as a kind that has a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No bearer token (RFC 6750 section 3.1).
    TokenMissing,
    /// A bearer token that is no good: malformed, forged, for another API, or its client is gone.
    TokenInvalid,
    /// A bearer token whose time is over.
    TokenExpired,
    /// A bearer token that was revoked.
    TokenRevoked,
    /// A bearer token in the query string, or more than one.
    TokenMisplaced,
    /// A token without the scope token that is needed.
    InsufficientScope,
    /// Over the requests per second.
    Throttled,
    /// Over the daily quota.
    QuotaExceeded,
    /// Plain HTTP.
    HttpsRequired,
    /// Nothing is there.
    NotFound,
    /// Something is there, but not for this method.
    MethodNotAllowed,
    /// The body cannot be read.
    MalformedBody,
    /// The query string cannot be read.
    MalformedQuery,
    /// The cursor is of another list, or of none.
    InvalidCursor,
    /// The body can be read, but members of it are wrong.
    InvalidFields,
    /// What is there already stands in the way.
    Conflict,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// An `Idempotency-Key` that came before with another request.
    IdempotencyKeyReused,
    /// An `Idempotency-Key` that cannot be read.
    IdempotencyKeyInvalid,
    /// The body is too large.
    PayloadTooLarge,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body's media type is not known here.
    UnsupportedMediaType,
    /// The store did not answer.
    Unavailable,
}

impl ProblemKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 23] = [
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::TokenMisplaced,
        Self::InsufficientScope,
        Self::Throttled,
        Self::QuotaExceeded,
        Self::HttpsRequired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::MalformedBody,
        Self::MalformedQuery,
        Self::InvalidCursor,
        Self::InvalidFields,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::IdempotencyKeyReused,
        Self::IdempotencyKeyInvalid,
        Self::PayloadTooLarge,
        Self::RequestTimeout,
        Self::UnsupportedMediaType,
        Self::Unavailable,
    ];

    /// The last segment of its page's path.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.facts().0
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().1
    }

    /// What happened, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.facts().3
    }

    /// `error`, where OAuth has a code for it (RFC 6750 section 3.1).
    #[must_use]
    pub fn error_code(self) -> Option<&'static str> {
        let invalid_token = [Self::TokenInvalid, Self::TokenExpired, Self::TokenRevoked].contains(&self);
        let invalid_request = (self == Self::TokenMisplaced).then_some("invalid_request");
        let insufficient_scope = (self == Self::InsufficientScope).then_some("insufficient_scope");
        invalid_token.then_some("invalid_token").or(invalid_request).or(insufficient_scope)
    }

    #[allow(clippy::too_many_lines, reason = "a table: one row for each kind")]
    const fn facts(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Self::TokenMissing => (
                "token-missing",
                StatusCode::UNAUTHORIZED,
                "An access token is required",
                "Fetch an access token from the token endpoint with your client_id and client_secret, and send it in \
                 the header Authorization: Bearer. The address of the token endpoint is in \
                 /.well-known/oauth-authorization-server.",
            ),
            Self::TokenInvalid => (
                "token-invalid",
                StatusCode::UNAUTHORIZED,
                "The access token is not valid here",
                "The detail says why. Check that the whole token was sent, that it came from this server, and that it \
                 was requested for this API's audience. Then fetch a new one. If the client is suspended, only the \
                 operator can help.",
            ),
            Self::TokenExpired => (
                "token-expired",
                StatusCode::UNAUTHORIZED,
                "The access token has expired",
                "Fetch a new access token and send the request again. The token endpoint's answer says in expires_in \
                 how many seconds a token lives: keep it until shortly before, then fetch the next.",
            ),
            Self::TokenRevoked => (
                "token-revoked",
                StatusCode::UNAUTHORIZED,
                "The access token was revoked",
                "Fetch a new access token. A token is revoked at its client's wish, by the operator, or because it was \
                 sent over plain HTTP.",
            ),
            Self::TokenMisplaced => (
                "token-misplaced",
                StatusCode::BAD_REQUEST,
                "The access token is in the wrong place",
                "Send exactly one access token, in the Authorization header. Never put it in a URL: it would be kept \
                 in logs and histories. A token that was in a URL should be revoked.",
            ),
            Self::InsufficientScope => (
                "insufficient-scope",
                StatusCode::FORBIDDEN,
                "The access token does not carry the needed scope",
                "The WWW-Authenticate header names the scope that is needed. Scopes are assigned when a client is \
                 registered: if the client has this one, request a token without narrowing its scope; if not, ask the \
                 operator. Sending the request again changes nothing.",
            ),
            Self::Throttled => (
                "throttled",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests per second",
                "Wait for the seconds that Retry-After names, then send the request again. The RateLimit header of \
                 every answer says how many requests are left.",
            ),
            Self::QuotaExceeded => (
                "quota-exceeded",
                StatusCode::TOO_MANY_REQUESTS,
                "The daily quota is used up",
                "The quota starts anew at midnight UTC; Retry-After says in how many seconds. The RateLimit header of \
                 every answer says how many requests are left today. For a larger quota, ask the operator.",
            ),
            Self::HttpsRequired => (
                "https-required",
                StatusCode::FORBIDDEN,
                "Only HTTPS is answered",
                "Use the https:// address. A credential that was sent in the clear may have been read on its way: an \
                 access token sent so has been revoked, and a client secret sent so should be rotated.",
            ),
            Self::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "Check the path and the identifier in it.",
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
                "The Allow header names the methods that are.",
            ),
            Self::MalformedBody => (
                "malformed-body",
                StatusCode::BAD_REQUEST,
                "The body cannot be read",
                "The detail says where. The body is one JSON document in UTF-8.",
            ),
            Self::MalformedQuery => (
                "malformed-query",
                StatusCode::BAD_REQUEST,
                "The query string cannot be read",
                "The detail names the parameter and what it takes.",
            ),
            Self::InvalidCursor => (
                "invalid-cursor",
                StatusCode::BAD_REQUEST,
                "The cursor is not one of this list",
                "Use next_cursor as it was answered, with the same filters; to start anew, leave it out.",
            ),
            Self::InvalidFields => (
                "invalid-fields",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Some members of the body are not right",
                "Each entry of errors names one member, as a JSON pointer, and what would be right.",
            ),
            Self::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "What is there already stands in the way",
                "The detail says what it is, and what to do first or instead.",
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "It has changed since you read it",
                "Read it again, apply your change to what you read, and send that with its ETag in If-Match.",
            ),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key came with another request",
                "Use a new key for each new request, and the same key only to send the very same request again.",
            ),
            Self::IdempotencyKeyInvalid => (
                "idempotency-key-invalid",
                StatusCode::BAD_REQUEST,
                "The Idempotency-Key cannot be used",
                "Send one Idempotency-Key of 1 to 255 visible ASCII characters; a UUID is a good one.",
            ),
            Self::PayloadTooLarge => (
                "payload-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "The detail says how large it may be.",
            ),
            Self::RequestTimeout => (
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time",
                "Send the request again, whole.",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body's media type is not known here",
                "Send JSON, with Content-Type: application/json.",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot do this right now",
                "Nothing was changed that was not confirmed. Wait for the seconds that Retry-After names, then send the \
                 request again; a POST with the same Idempotency-Key.",
            ),
        }
    }
}

/// An RFC 9457 problem. Answered without a body of its own: `http::answer` writes it, for only that knows
/// the request's id and the issuer that its type's address starts with.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldFault>,
    /// The scope token that is missing, for the challenge.
    scope_token: Option<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` tells this occurrence and what to do.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), scope_token: None, headers: Vec::new() }
    }

    /// With the members of the body that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldFault>) -> Self {
        self.errors = errors;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Nothing is at this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(ProblemKind::NotFound, "Nothing is at this path.")
    }

    /// Only these methods are allowed, as `Allow` lists them.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(ProblemKind::MethodNotAllowed, format!("Here {allow} are allowed."))
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The body, for a server whose own pages start with `issuer`: RFC 9457 section 3, with the members that OAuth
    /// clients look for.
    #[must_use]
    pub fn body(&self, issuer: &str, request_id: &str) -> String {
        let Self { kind, detail, errors, .. } = self;
        // draft-ietf-httpapi-ratelimit-headers, section on problem types.
        let throttled = (*kind == ProblemKind::Throttled).then_some("second");
        let violated_policy = throttled.or((*kind == ProblemKind::QuotaExceeded).then_some("day"));
        let page = page(issuer, *kind);
        let mut body = Object::with_capacity(BESIDE_DETAIL + 2 * detail.len() + page.len())
            .text("type", if violated_policy.is_some() { QUOTA_EXCEEDED_TYPE } else { &page })
            .text("title", kind.title())
            .number("status", kind.status().as_u16().into())
            .text("detail", detail);
        if !errors.is_empty() {
            body = body.value("errors", errors);
        }
        if let Some(policy) = violated_policy {
            body = body.value("violated-policies", &[policy]);
        }
        match kind.error_code() {
            Some(code) => body.text("error", code),
            None => body.text("error", &kind.slug().replace('-', "_")),
        }
        .text("error_description", detail)
        .text("request_id", request_id)
        .end()
    }

    /// `WWW-Authenticate` of a 401, 400 or 403 about a bearer token (RFC 6750 section 3, RFC 9728 section
    /// 5.1): no error code when no token was presented.
    #[must_use]
    pub fn challenge(&self, issuer: &str) -> Option<String> {
        let metadata = "/.well-known/oauth-protected-resource";
        let mut challenge = ["Bearer realm=\"", issuer, "\", resource_metadata=\"", issuer, metadata, "\""].concat();
        if self.kind == ProblemKind::TokenMissing {
            return Some(challenge);
        }
        // The details of these kinds are constant, and without the characters that RFC 6750 excludes.
        let mut parameter = |name, value| challenge.extend([", ", name, "=\"", value, "\""]);
        parameter("error", self.kind.error_code()?);
        parameter("error_description", &self.detail);
        if let Some(scope_token) = self.scope_token {
            parameter("scope", scope_token);
        }
        Some(challenge)
    }
}

/// The page that tells of a kind of problem.
#[must_use]
pub fn page(issuer: &str, kind: ProblemKind) -> String {
    [issuer, "/problems/", kind.slug()].concat()
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.title())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.kind.status());
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        use ProblemKind as Kind;
        match denial {
            Denial::TokenMissing => Self::new(Kind::TokenMissing, "No access token was sent."),
            Denial::TokenMisplaced(BearerFault::InQuery) => {
                Self::new(Kind::TokenMisplaced, "The access token is in the query string: send it in the header alone.")
            }
            Denial::TokenMisplaced(_) => {
                Self::new(Kind::TokenMisplaced, "There is more than one Authorization header: send one.")
            }
            Denial::Token(fault) => Self::new(
                if fault == TokenFault::Expired { Kind::TokenExpired } else { Kind::TokenInvalid },
                sentence(&fault),
            ),
            Denial::WrongAudience => {
                Self::new(Kind::TokenInvalid, "The access token was issued for another audience than this API's.")
            }
            Denial::AudienceWithdrawn => {
                Self::new(Kind::TokenInvalid, "The client may no longer call this API: ask the operator.")
            }
            Denial::Revoked => Self::new(Kind::TokenRevoked, "The access token was revoked: fetch a new one."),
            Denial::ClientSuspended => {
                Self::new(Kind::TokenInvalid, "The client is suspended: ask the operator of this API.")
            }
            Denial::ClientUnknown => Self::new(Kind::TokenInvalid, "The client is no longer registered here."),
            Denial::Throttled(wait) => {
                Self::new(Kind::Throttled, "More requests per second than this client may send.")
                    .retry_after(whole_seconds(wait))
            }
            Denial::QuotaExceeded(units) => Self::new(
                Kind::QuotaExceeded,
                format!("All requests of this client's day are used; new ones come at {}.", units.resets_at),
            )
            .retry_after(units.resets_in_s),
            Denial::InsufficientScope(scope_token) => {
                let detail = format!("This needs the scope {scope_token}, which the access token does not carry.");
                Self { scope_token: Some(scope_token), ..Self::new(Kind::InsufficientScope, detail) }
            }
            Denial::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request was not served");
        Self::new(ProblemKind::Unavailable, "The server's store did not answer: nothing was done.").retry_after(1)
    }
}

impl From<crate::administration::ChangeError> for Problem {
    fn from(error: crate::administration::ChangeError) -> Self {
        use crate::administration::ChangeError;
        match error {
            ChangeError::AlreadyRegistered
            | ChangeError::LastAdministrator
            | ChangeError::TooManySecrets { .. }
            | ChangeError::SecretKnown
            | ChangeError::LastSecret => Self::new(ProblemKind::Conflict, sentence(&error)),
            ChangeError::ClientUnknown | ChangeError::SecretUnknown => {
                Self::new(ProblemKind::NotFound, sentence(&error))
            }
            ChangeError::PreconditionFailed => Self::new(ProblemKind::PreconditionFailed, sentence(&error)),
            ChangeError::Contended => Self::new(ProblemKind::Unavailable, sentence(&error)).retry_after(1),
            ChangeError::Store(error) => error.into(),
            ChangeError::Key(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Crypto => {
                tracing::error!(%error, "a request was not served");
                Self::new(ProblemKind::Unavailable, "No key could be made.").retry_after(1)
            }
            KeyError::Unusable(why) => Self::new(ProblemKind::InvalidFields, "The key cannot be imported.")
                .with_errors(vec![FieldFault::new("/private_key", why)]),
            KeyError::Unknown => Self::new(ProblemKind::NotFound, sentence(&error)),
            KeyError::AlreadyHere(_) | KeyError::AnotherWaits(_) | KeyError::NoSuccessor => {
                Self::new(ProblemKind::Conflict, sentence(&error))
            }
            KeyError::Busy => Self::new(ProblemKind::Unavailable, sentence(&error)).retry_after(1),
        }
    }
}

/// A fault's text as a sentence of its own.
pub(super) fn sentence(fault: &impl fmt::Display) -> String {
    let text = fault.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_ascii_uppercase(), letters.as_str())).unwrap_or_default()
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// An answer of an OAuth endpoint that says no (RFC 6749 section 5.2).
#[derive(Debug)]
pub struct OauthError {
    status: StatusCode,
    code: ErrorCode,
    description: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl OauthError {
    /// An answer of 400 with this code; `description` says what to do.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description: description.into(), headers: Vec::new() }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// `error` of the answer.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The endpoint takes POST alone.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(ErrorCode::InvalidRequest, "Use POST.")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_header(header::ALLOW, HeaderValue::from_static("POST"))
    }

    /// The body is over `limit` bytes.
    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        Self::new(ErrorCode::InvalidRequest, format!("The body is over {limit} bytes."))
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The body is compressed: nothing here inflates one (RFC 9110 section 12.5.3).
    #[must_use]
    pub fn unsupported_coding() -> Self {
        Self::new(ErrorCode::InvalidRequest, "Send the body without a Content-Encoding.")
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// The body did not arrive in time, or not whole.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(ErrorCode::InvalidRequest, "The body did not arrive in time: send the request again.")
            .with_status(StatusCode::REQUEST_TIMEOUT)
    }

    /// Too many requests; good again after `seconds`.
    #[must_use]
    pub fn too_many_requests(description: &str, seconds: u64) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, description)
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// A fault of ours.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "The server cannot do this right now: try again in a second.")
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .with_header(header::RETRY_AFTER, HeaderValue::from(1))
    }
}

impl fmt::Display for OauthError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code.as_str())
    }
}

impl ResponseError for OauthError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.json(json!({ "error": self.code.as_str(), "error_description": self.description }))
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Request(fault) => fault.into(),
            TokenError::NotAuthenticated(method) => invalid_client(
                "The client is not known, or the secret is not its own: check client_id and client_secret.",
                method == Method::Basic,
            ),
            TokenError::TooManyFailures(wait) => Self::too_many_requests(
                "Client authentication failed too often from this address: check client_id and client_secret.",
                whole_seconds(wait),
            ),
            TokenError::Suspended => {
                Self::new(ErrorCode::UnauthorizedClient, "The client is suspended: ask the operator of this API.")
            }
            TokenError::AudienceMissing => Self::new(
                ErrorCode::InvalidRequest,
                "audience is missing: name the API set that the token is for, such as public.api.passportinc.com.",
            ),
            TokenError::AudienceNotGranted => Self::new(
                ErrorCode::InvalidTarget,
                "The client was not granted this audience: check it, or ask the operator.",
            ),
            TokenError::ScopeNotAssigned { assigned } => Self::new(
                ErrorCode::InvalidScope,
                format!("The client was assigned the scope: {assigned}. A request may only narrow it."),
            ),
            TokenError::Signing(error) => {
                tracing::error!(%error, "no token could be issued");
                Self::unavailable()
            }
        }
    }
}

impl From<RequestFault> for OauthError {
    fn from(fault: RequestFault) -> Self {
        use ErrorCode::{InvalidRequest, InvalidScope, InvalidTarget, UnsupportedGrantType};
        match fault {
            RequestFault::Parameters(fault) => fault.into(),
            RequestFault::Authentication(AuthenticationFault::Missing) => {
                invalid_client("Client authentication is missing: send client_id and client_secret.", false)
            }
            RequestFault::Authentication(AuthenticationFault::Malformed) => invalid_client(
                "Client authentication cannot be read: send client_id and client_secret in the body, or in \
                 Authorization: Basic.",
                true,
            ),
            RequestFault::Authentication(AuthenticationFault::Repeated) => {
                Self::new(InvalidRequest, "Client authentication is there more than once: use one way.")
            }
            RequestFault::GrantTypeMissing => {
                Self::new(InvalidRequest, "grant_type is missing: use client_credentials.")
            }
            RequestFault::GrantTypeUnsupported => {
                Self::new(UnsupportedGrantType, "Only the grant type client_credentials is supported.")
            }
            RequestFault::TwoTargets => {
                Self::new(InvalidTarget, "audience and resource name different API sets: a token is for one.")
            }
            RequestFault::Scope => {
                Self::new(InvalidScope, "scope is not a list of scope tokens with one space between them.")
            }
            RequestFault::TokenMissing => Self::new(InvalidRequest, "token is missing."),
        }
    }
}

impl From<ParameterFault> for OauthError {
    fn from(fault: ParameterFault) -> Self {
        let status = match fault {
            ParameterFault::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ParameterFault::Syntax(_) | ParameterFault::NotText(_) | ParameterFault::Repeated(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        let description = match fault {
            // serde's own text may quote what was sent: only the place is told.
            ParameterFault::Syntax(_) => "The body is not one JSON object of strings.".to_owned(),
            ParameterFault::MediaType => sentence(&fault),
            // A parameter's name has no capital letter at the start of a sentence either.
            ParameterFault::NotText(_) | ParameterFault::Repeated(_) => format!("{fault}."),
        };
        Self::new(ErrorCode::InvalidRequest, description).with_status(status)
    }
}

impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request was not served");
        Self::unavailable()
    }
}

impl From<crate::administration::ChangeError> for OauthError {
    fn from(error: crate::administration::ChangeError) -> Self {
        tracing::error!(%error, "a request was not served");
        Self::unavailable()
    }
}

/// 401, with the challenge that RFC 6749 section 5.2 asks for when the client used the header.
fn invalid_client(description: &str, with_basic: bool) -> OauthError {
    let error = OauthError::new(ErrorCode::InvalidClient, description).with_status(StatusCode::UNAUTHORIZED);
    if !with_basic {
        return error;
    }
    let challenge = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");
    error.with_header(header::WWW_AUTHENTICATE, challenge)
}
