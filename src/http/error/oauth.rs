//! The error of an OAuth endpoint (RFC 6749 section 5.2).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

use super::{Cause, ProblemKind, page, replace_header, retry_after, without_body};
use crate::api;
use crate::json;
use crate::oauth::error::ErrorCode;

/// What failed, with its OAuth code and the kind of problem whose page `error_uri` names.
#[derive(Debug)]
pub struct OauthError {
    status: StatusCode,
    code: ErrorCode,
    kind: ProblemKind,
    description: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The request had valid credentials of a client.
    proves_client: bool,
    cause: Option<Cause>,
}

impl OauthError {
    /// An answer of 400 with this code; `description` says what to do.
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            kind: ProblemKind::of_code(code),
            description: description.into(),
            headers: Vec::new(),
            proves_client: false,
            cause: None,
        }
    }

    /// The endpoint has POST alone.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(ErrorCode::InvalidRequest, "Use POST.")
            .with_kind(ProblemKind::MethodNotAllowed)
            .with_header(ALLOW, HeaderValue::from_static("POST"))
    }

    /// Too many requests; the caller tries again after `wait`.
    pub(crate) fn too_many_requests(description: &str, wait: Duration) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, description)
            .with_kind(ProblemKind::TooManyTokenRequests)
            .with_header(RETRY_AFTER, retry_after(wait))
    }

    /// 401, with a challenge however the client authenticated itself (RFC 9110 section 15.5.2). Basic is the one scheme
    /// of these endpoints.
    pub(super) fn invalid_client(description: &str) -> Self {
        let challenge = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");
        Self::new(ErrorCode::InvalidClient, description)
            .with_kind(ProblemKind::InvalidClient)
            .with_header(WWW_AUTHENTICATE, challenge)
    }

    /// A fault of ours, whose `cause` belongs in the log.
    pub(super) fn caused_by(cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..Self::unavailable() }
    }

    /// The server cannot do this right now: the caller tries again in a second.
    pub(super) fn unavailable() -> Self {
        let description = "The server cannot do this right now: try again in a second.";
        Self::new(ErrorCode::TemporarilyUnavailable, description)
            .with_kind(ProblemKind::Unavailable)
            .with_header(RETRY_AFTER, HeaderValue::from(1))
    }

    /// The same for a request with valid credentials of a client: it does not count against its address.
    pub(crate) fn of_client(mut self) -> Self {
        self.proves_client = true;
        self
    }

    /// As a kind of problem that any endpoint may have, with its status.
    pub(in crate::http) fn with_kind(mut self, kind: ProblemKind) -> Self {
        self.kind = kind;
        self.status = kind.status();
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Whether the request itself is at fault, and no credentials prove which client sent it.
    pub(crate) fn is_anonymous_fault(&self) -> bool {
        !self.proves_client && self.status.is_client_error() && self.status != StatusCode::TOO_MANY_REQUESTS
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// With this value of a header, in place of any other.
    pub(super) fn replacing_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        replace_header(&mut self.headers, name, value);
        self
    }

    pub(super) fn cause(&self) -> Option<&dyn Error> {
        self.cause.as_deref()
    }

    pub(in crate::http) fn body(&self, issuer: &str, explanation: Option<&str>) -> Vec<u8> {
        json::line(&api::oauth_error::OauthError {
            error: self.code.as_str().into(),
            error_description: (&self.description).into(),
            error_uri: page(issuer, self.kind).into(),
            explanation: explanation.map(Into::into),
        })
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
        without_body(self.status, &self.headers)
    }
}
