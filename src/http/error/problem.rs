//! The error of a protected resource: an RFC 9457 problem.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

use super::{Cause, ProblemKind, page, replace_header, retry_after, sentence, without_body};
use crate::api;
use crate::api::problem::{FieldFault, LimitPolicy};
use crate::json;
use crate::oauth::resource::{METADATA_PATH, Resource};
use crate::oauth::scope::ScopeToken;

/// The type that IANA registers for both limits (draft-ietf-httpapi-ratelimit-headers).
const QUOTA_EXCEEDED_TYPE: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// What failed, in the words of this occurrence.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldFault>,
    /// The scope token that the request needs, for the challenge.
    scope_token: Option<ScopeToken>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Cause>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened in this case and what to do.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail, errors: Vec::new(), scope_token: None, headers: Vec::new(), cause: None }
    }

    /// No resource has the path of the request.
    pub(crate) fn not_found() -> Self {
        Self::new(ProblemKind::NotFound, "No resource has this path.")
    }

    /// The resource has only these methods, as `Allow` lists them.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        // Names of methods are visible ASCII: there is no other case.
        let methods = HeaderValue::from_str(allow).unwrap_or(HeaderValue::from_static(""));
        Self::new(ProblemKind::MethodNotAllowed, format!("The methods of this resource are: {allow}."))
            .with_header(ALLOW, methods)
    }

    /// The request would control the sandbox, without its control token.
    pub(in crate::http) fn control_token_required(detail: &str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"boomgate sandbox\"");
        Self::new(ProblemKind::ControlTokenRequired, detail).with_header(WWW_AUTHENTICATE, challenge)
    }

    /// These fields of the body are not valid. The detail has the first of them in words.
    pub(crate) fn invalid_fields(faults: Vec<FieldFault>) -> Self {
        let mut detail = match faults.first() {
            Some(FieldFault { pointer, detail }) if pointer.is_empty() => sentence(&format!("the body {detail}")),
            Some(FieldFault { pointer, detail }) => sentence(&format!("{pointer} {detail}")),
            None => String::new(),
        };
        if faults.len() > 1 {
            detail = format!("{detail} And {} more: see errors.", faults.len() - 1);
        }
        Self { errors: faults, ..Self::new(ProblemKind::InvalidFields, detail) }
    }

    /// The server cannot do this right now, and its `cause` belongs in the log.
    pub(in crate::http) fn caused_by(cause: impl Into<Cause>, detail: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..Self::unavailable(detail) }
    }

    /// The server cannot do this right now: the caller tries again in a second.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unavailable, detail).retry_after(Duration::from_secs(1))
    }

    /// The request needs this scope token. The challenge names it, so that a client requests no more.
    pub(crate) fn needing(mut self, scope_token: Option<ScopeToken>) -> Self {
        self.scope_token = scope_token;
        self
    }

    /// With one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With this value of a header, in place of any other.
    pub(super) fn replacing_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        replace_header(&mut self.headers, name, value);
        self
    }

    pub(super) fn retry_after(self, wait: Duration) -> Self {
        self.with_header(RETRY_AFTER, retry_after(wait))
    }

    /// What kind it is.
    #[must_use]
    pub(crate) fn kind(&self) -> ProblemKind {
        self.kind
    }

    pub(super) fn cause(&self) -> Option<&dyn Error> {
        self.cause.as_deref()
    }

    /// The body, for a server whose own pages start with `issuer`: RFC 9457 section 3, with the members that OAuth
    /// clients look for. `explanation` is the address of the page that explains this very answer.
    #[must_use]
    pub fn body(&self, issuer: &str, request_id: &str, explanation: Option<&str>) -> Vec<u8> {
        let Self { kind, detail, errors, .. } = self;
        // draft-ietf-httpapi-ratelimit-headers, section on problem types.
        let throttled = (*kind == ProblemKind::Throttled).then_some(LimitPolicy::Second);
        let used_up = (*kind == ProblemKind::QuotaExceeded).then_some(LimitPolicy::Day);
        let violated_policies: Vec<LimitPolicy> = throttled.or(used_up).into_iter().collect();
        let page = page(issuer, *kind);
        json::line(&api::problem::Problem {
            kind: if violated_policies.is_empty() { &page } else { QUOTA_EXCEEDED_TYPE }.into(),
            title: kind.title().into(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            // Where the type is IANA's, only this leads to our page.
            documentation: (&page).into(),
            explanation: explanation.map(Into::into),
            errors: errors.clone(),
            violated_policies,
            error: match kind.bearer_code() {
                Some(code) => code.as_str().into(),
                None => kind.slug().replace('-', "_").into(),
            },
            error_description: detail.into(),
            request_id: request_id.into(),
        })
    }

    /// `WWW-Authenticate` of a 401, 400 or 403 about a bearer token (RFC 6750 section 3, RFC 9728 section 5.1): no error
    /// code when the request has no token. It names the metadata of the resource with this `path`.
    pub(super) fn challenge(&self, issuer: &str, path: &str) -> Option<String> {
        let resource = Resource::of_path(path).path;
        let metadata = [issuer, METADATA_PATH, resource].concat();
        let mut challenge = ["Bearer realm=\"", issuer, "\", resource_metadata=\"", &metadata, "\""].concat();
        // The details of these kinds are constant, and without the characters that RFC 6750 excludes.
        let mut parameter = |name, value| challenge.extend([", ", name, "=\"", value, "\""]);
        if self.kind != ProblemKind::TokenMissing {
            parameter("error", self.kind.bearer_code()?.as_str());
            parameter("error_description", &self.detail);
        }
        if let Some(scope_token) = &self.scope_token {
            parameter("scope", scope_token);
        }
        Some(challenge)
    }
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
        without_body(self.status_code(), &self.headers)
    }
}
