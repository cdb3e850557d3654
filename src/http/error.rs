//! The one mapping from what failed to what is answered: status, headers, body.
//!
//! Protected resources answer with RFC 9457 problems; the OAuth endpoints with RFC 6749 section 5.2
//! errors, because that is what their clients parse. Texts are constant, or name what the caller sent by
//! its kind: the cause of a fault of ours is logged, once, here.

mod kind;

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

pub use self::kind::ProblemKind;
use crate::admission::Denial;
use crate::client_credentials::TokenError;
use crate::keys::KeyError;
use crate::oauth::bearer::BearerFault;
use crate::oauth::credentials::AuthenticationFault;
use crate::oauth::error::ErrorCode;
use crate::oauth::fault::FieldFault;
use crate::oauth::object::Object;
use crate::oauth::parameters::ParameterFault;
use crate::oauth::resource::{METADATA_PATH, Resource};
use crate::oauth::token_request::RequestFault;
use crate::store::StoreError;
use crate::tokens::TokenFault;

/// The type that IANA registers for both limits (draft-ietf-httpapi-ratelimit-headers).
const QUOTA_EXCEEDED_TYPE: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The bytes of a problem's body beside its detail, which is there twice, and the address of its page: mostly fewer, and
/// more only where members are wrong, or a request's id needs escapes.
const BESIDE_DETAIL: usize = 400;

/// What is wrong with a body whose end cannot be found.
pub(super) const MALFORMED_FRAMING: &str = "The body was cut off, or its chunks are malformed.";

/// An RFC 9457 problem. Answered without a body of its own: `http::response` writes it, for only that knows
/// the request's id and the issuer that its type's address starts with.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldFault>,
    /// The scope token that the request needs, for the challenge.
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

    /// Of a request that needs this scope token: its challenge names it, so that a client asks for no more.
    #[must_use]
    pub fn needing(mut self, scope_token: Option<&'static str>) -> Self {
        self.scope_token = scope_token;
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
        let mut body = Object::with_capacity(BESIDE_DETAIL + 2 * (detail.len() + page.len()))
            .text("type", if violated_policy.is_some() { QUOTA_EXCEEDED_TYPE } else { &page })
            .text("title", kind.title())
            .number("status", kind.status().as_u16().into())
            .text("detail", detail)
            // Where the type is IANA's, this alone leads to our page.
            .text("documentation", &page);
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
        .line()
    }

    /// `WWW-Authenticate` of a 401, 400 or 403 about a bearer token (RFC 6750 section 3, RFC 9728 section
    /// 5.1): no error code when no token was presented. It names the metadata of the resource that has `path`.
    #[must_use]
    pub fn challenge(&self, issuer: &str, path: &str) -> Option<String> {
        let resource = Resource::of_path(path).path;
        let metadata = [issuer, METADATA_PATH, resource].concat();
        let mut challenge = ["Bearer realm=\"", issuer, "\", resource_metadata=\"", &metadata, "\""].concat();
        // The details of these kinds are constant, and without the characters that RFC 6750 excludes.
        let mut parameter = |name, value| challenge.extend([", ", name, "=\"", value, "\""]);
        if self.kind != ProblemKind::TokenMissing {
            parameter("error", self.kind.error_code()?);
            parameter("error_description", &self.detail);
        }
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
        bodiless(self.kind.status(), &self.headers, self.clone())
    }
}

/// The answer to `failure`, which is with it, for its body to be written from.
fn bodiless<F: 'static>(status: StatusCode, headers: &[(HeaderName, HeaderValue)], failure: F) -> HttpResponse {
    let mut response = HttpResponse::new(status);
    for (name, value) in headers {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response.extensions_mut().insert(failure);
    response
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
                Self::new(Kind::InsufficientScope, detail).needing(Some(scope_token))
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
        let detail = sentence(&error);
        match error {
            ChangeError::AlreadyRegistered
            | ChangeError::LastAdministrator
            | ChangeError::TooManySecrets { .. }
            | ChangeError::SecretKnown
            | ChangeError::LastSecret
            | ChangeError::RegisteredGone
            | ChangeError::RegisteredSecretGone => Self::new(ProblemKind::Conflict, detail),
            ChangeError::ClientUnknown | ChangeError::SecretUnknown => Self::new(ProblemKind::NotFound, detail),
            ChangeError::PreconditionFailed => Self::new(ProblemKind::PreconditionFailed, detail),
            ChangeError::KeyReused => Self::new(ProblemKind::IdempotencyKeyReused, detail),
            ChangeError::KeyTooShort => Self::new(ProblemKind::IdempotencyKeyInvalid, detail),
            ChangeError::TooManyKeys(_) => Self::new(ProblemKind::TooManyIdempotencyKeys, detail),
            ChangeError::Contended | ChangeError::NoRandomness => {
                Self::new(ProblemKind::Unavailable, detail).retry_after(1)
            }
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

/// An answer of an OAuth endpoint that says no (RFC 6749 section 5.2). As a [`Problem`], it gets its body in
/// `http::response`.
#[derive(Clone, Debug)]
pub struct OauthError {
    status: StatusCode,
    code: ErrorCode,
    /// What `error_uri` tells more of.
    kind: ProblemKind,
    description: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the request came with a client's right credentials.
    proves_client: bool,
}

impl OauthError {
    /// An answer of 400 with this code; `description` says what to do.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        let kind = ProblemKind::of_code(code);
        let (status, description) = (StatusCode::BAD_REQUEST, description.into());
        Self { status, code, kind, description, headers: Vec::new(), proves_client: false }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// As a kind of problem that any endpoint may have, with its status.
    fn with_kind(mut self, kind: ProblemKind) -> Self {
        self.kind = kind;
        self.with_status(kind.status())
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same for a request that came with a client's right credentials: it counts against no address.
    #[must_use]
    pub fn of_client(mut self) -> Self {
        self.proves_client = true;
        self
    }

    /// Whether it is the request's own fault, and nothing proves whose request it was.
    #[must_use]
    pub fn is_anonymous_fault(&self) -> bool {
        !self.proves_client && self.status.is_client_error() && self.status != StatusCode::TOO_MANY_REQUESTS
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
            .with_kind(ProblemKind::MethodNotAllowed)
            .with_header(header::ALLOW, HeaderValue::from_static("POST"))
    }

    /// The body is over `limit` bytes.
    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        Self::new(ErrorCode::InvalidRequest, format!("The body is over {limit} bytes."))
            .with_kind(ProblemKind::PayloadTooLarge)
    }

    /// The body is compressed: nothing here inflates one (RFC 9110 section 12.5.3).
    #[must_use]
    pub fn unsupported_coding() -> Self {
        Self::new(ErrorCode::InvalidRequest, "Send the body without a Content-Encoding.")
            .with_kind(ProblemKind::UnsupportedMediaType)
            .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// The body is not framed as HTTP asks for, or was cut off.
    #[must_use]
    pub fn malformed_framing() -> Self {
        Self::new(ErrorCode::InvalidRequest, MALFORMED_FRAMING).with_kind(ProblemKind::MalformedRequest)
    }

    /// The body did not arrive in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(ErrorCode::InvalidRequest, "The body did not arrive in time: send the request again.")
            .with_kind(ProblemKind::RequestTimeout)
    }

    /// Too many requests; good again after `seconds`.
    #[must_use]
    pub fn too_many_requests(description: &str, seconds: u64) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, description)
            .with_kind(ProblemKind::TooManyTokenRequests)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// A fault of ours.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "The server cannot do this right now: try again in a second.")
            .with_kind(ProblemKind::Unavailable)
            .with_header(header::RETRY_AFTER, HeaderValue::from(1))
    }
}

impl OauthError {
    /// The body, for a server whose own pages start with `issuer`.
    #[must_use]
    pub fn body(&self, issuer: &str) -> String {
        let page = page(issuer, self.kind);
        Object::with_capacity(BESIDE_DETAIL + self.description.len() + page.len())
            .text("error", self.code.as_str())
            .text("error_description", &self.description)
            .text("error_uri", &page)
            .line()
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
        bodiless(self.status, &self.headers, self.clone())
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Request(fault) => fault.into(),
            TokenError::RequestOfClient(fault) => Self::from(fault).of_client(),
            TokenError::NotAuthenticated(_) => invalid_client(
                "The client is not known, or the secret is not its own: check client_id and client_secret.",
            ),
            TokenError::TooManyFailures(wait) => Self::too_many_requests(
                "Client authentication failed too often from this address: check client_id and client_secret.",
                whole_seconds(wait),
            ),
            TokenError::TooManyTokens(wait) => Self::too_many_requests(
                "The client asks for too many tokens: keep a token until it expires, as expires_in says.",
                whole_seconds(wait),
            ),
            TokenError::TooManyRevocations(wait) => Self::too_many_requests(
                "The client revokes too many tokens at once: the operator can revoke all that it has by one request.",
                whole_seconds(wait),
            ),
            TokenError::Suspended => {
                Self::new(ErrorCode::UnauthorizedClient, "The client is suspended: ask the operator of this API.")
                    .of_client()
            }
            TokenError::AudienceMissing => Self::new(
                ErrorCode::InvalidRequest,
                "audience is missing: name the API set that the token is for, such as public.api.passportinc.com.",
            )
            .of_client(),
            TokenError::AudienceNotGranted => Self::new(
                ErrorCode::InvalidTarget,
                "The client was not granted this audience, or none of these resources: check them, or ask the operator.",
            )
            .of_client(),
            TokenError::TwoTargets => Self::new(
                ErrorCode::InvalidTarget,
                "audience and resource name different API sets: a token is for one.",
            )
            .of_client(),
            TokenError::ScopeNotAssigned { assigned } => Self::new(
                ErrorCode::InvalidScope,
                format!("The client was assigned the scope: {assigned}. A request may only narrow it."),
            )
            .of_client(),
            TokenError::Signing(error) => {
                tracing::error!(%error, "no token could be issued");
                Self::unavailable()
            }
        }
    }
}

impl From<RequestFault> for OauthError {
    fn from(fault: RequestFault) -> Self {
        use ErrorCode::{InvalidRequest, InvalidScope, UnsupportedGrantType};
        match fault {
            RequestFault::Parameters(fault) => fault.into(),
            RequestFault::Authentication(AuthenticationFault::Missing) => {
                invalid_client("Client authentication is missing: send client_id and client_secret.")
            }
            RequestFault::Authentication(AuthenticationFault::Malformed) => invalid_client(
                "Client authentication cannot be read: send client_id and client_secret in the body, or in \
                 Authorization: Basic.",
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
            RequestFault::Scope => {
                Self::new(InvalidScope, "scope is not a list of scope tokens with one space between them.")
            }
            RequestFault::TokenMissing => Self::new(InvalidRequest, "token is missing."),
        }
    }
}

impl From<ParameterFault> for OauthError {
    fn from(fault: ParameterFault) -> Self {
        let description = match fault {
            ParameterFault::Syntax { .. } => {
                format!("{} Send an object such as {{\"grant_type\": \"client_credentials\"}}.", sentence(&fault))
            }
            ParameterFault::MediaType | ParameterFault::Utf16 => sentence(&fault),
            // A parameter's name has no capital letter at the start of a sentence either.
            ParameterFault::NotText(_) | ParameterFault::Repeated(_) => format!("{fault}."),
        };
        let error = Self::new(ErrorCode::InvalidRequest, description);
        if fault == ParameterFault::MediaType { error.with_kind(ProblemKind::UnsupportedMediaType) } else { error }
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

/// 401, with a challenge however the client authenticated itself (RFC 9110 section 15.5.2). Basic is the one scheme
/// of these endpoints.
fn invalid_client(description: &str) -> OauthError {
    let error = OauthError::new(ErrorCode::InvalidClient, description).with_kind(ProblemKind::InvalidClient);
    let challenge = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");
    error.with_header(header::WWW_AUTHENTICATE, challenge)
}
