//! What every answer carries, whatever the handler said.
//!
//! The request's id (the caller's own if it may be kept), the caller's trace id, HSTS, the `RateLimit`
//! fields of an authenticated caller; and the body of a [`Problem`], which needs both the request's id and
//! this server's address.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use actix_web::{Error, HttpMessage as _, web};
use pin_project_lite::pin_project;
use uuid::Uuid;

use crate::admission::Standing;
use crate::http::error::Problem;
use crate::http::rate_limit_fields;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLIENT_TRACE_ID: HeaderName = HeaderName::from_static("passport-labs-client-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id of a caller's that is kept, in characters.
const MAX_ID_CHARS: usize = 128;

/// Where this server is.
#[derive(Clone, Debug)]
pub struct Site {
    /// The issuer identifier (RFC 8414 section 2): the address that its own pages start with.
    pub issuer: String,
    /// Whether this side of the server is reached over TLS.
    pub secure: bool,
}

/// The id of a request: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        kept(headers, &X_REQUEST_ID).map_or_else(Self::random, Self)
    }

    fn random() -> Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// A caller's own id, if it is there once and may be kept.
fn kept(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    (visible && (1..=MAX_ID_CHARS).contains(&value.len())).then(|| value.clone())
}

/// The trace that a request belongs to (W3C Trace Context section 3.2): `00-` and 32 hexadecimal digits.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let traceparent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let trace_id = traceparent.strip_prefix("00-")?.get(..32)?;
    let hexadecimal = trace_id.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    (hexadecimal && trace_id.bytes().any(|byte| byte != b'0')).then_some(trace_id)
}

/// Wraps the whole application; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Complete;

/// [`Complete`] around one worker's application.
#[derive(Debug)]
pub struct Completing<S> {
    application: S,
}

impl<S> Transform<S, ServiceRequest> for Complete
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Completing<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, application: S) -> Self::Future {
        ready(Ok(Completing { application }))
    }
}

impl<S> Service<ServiceRequest> for Completing<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Completion<S::Future>;

    forward_ready!(application);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let request_id = RequestId::of(request.headers());
        request.extensions_mut().insert(request_id.clone());
        Completion { answering: self.application.call(request), request_id: Some(request_id) }
    }
}

pin_project! {
    /// An answer that is being made. A type of its own, and not a boxed future: every request passes here.
    #[derive(Debug)]
    pub struct Completion<F> {
        #[pin]
        answering: F,
        request_id: Option<RequestId>,
    }
}

impl<F: Future<Output = Result<ServiceResponse, Error>>> Future for Completion<F> {
    type Output = Result<ServiceResponse, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answering.poll(context))?;
        let request_id = this.request_id.take().unwrap_or_else(RequestId::random);
        Poll::Ready(Ok(complete(response, &request_id)))
    }
}

fn complete(mut response: ServiceResponse, request_id: &RequestId) -> ServiceResponse {
    let request = response.request();
    let site = request.app_data::<web::Data<Site>>().cloned();
    let standing = request.extensions().get::<Standing>().copied();
    let client_trace_id = kept(request.headers(), &CLIENT_TRACE_ID);
    let problem = response.response_mut().extensions_mut().remove::<Problem>();

    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id.0.clone());
    if let Some(client_trace_id) = client_trace_id {
        headers.insert(CLIENT_TRACE_ID, client_trace_id);
    }
    if let Some(standing) = standing {
        rate_limit_fields::insert(headers, &standing);
    }
    if let Some(site) = &site {
        if site.secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if let Some(problem) = problem {
            response = with_body(response, &problem, site, request_id);
        }
    }
    log(&response, request_id);
    response
}

fn with_body(mut response: ServiceResponse, problem: &Problem, site: &Site, request_id: &RequestId) -> ServiceResponse {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = problem.challenge(&site.issuer)
        && let Ok(challenge) = HeaderValue::try_from(challenge)
    {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    let body = problem.body(&site.issuer, &request_id.to_string());
    response.map_body(|_, _| BoxBody::new(body))
}

/// One line for a request, at `debug`: the path without its query, which may hold a secret.
fn log(response: &ServiceResponse, request_id: &RequestId) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let request = response.request();
    tracing::debug!(
        method = %request.method(),
        path = ?request.path(),
        status = response.status().as_u16(),
        %request_id,
        trace_id = trace_id(request.headers()),
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[(&HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append((*name).clone(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_callers_id_is_kept_only_if_it_is_harmless() {
        let id = |value: &str| RequestId::of(&headers(&[(&X_REQUEST_ID, value)])).to_string();
        assert_eq!(id("order-17/\"retry\""), "order-17/\"retry\"");
        assert_eq!(id(&"a".repeat(128)), "a".repeat(128));
        for refused in ["", "two words", &"a".repeat(129), "\u{e9}"] {
            assert!(Uuid::parse_str(&id(refused)).is_ok(), "{refused}");
        }
        let twice = RequestId::of(&headers(&[(&X_REQUEST_ID, "a"), (&X_REQUEST_ID, "b")]));
        assert!(Uuid::parse_str(&twice.to_string()).is_ok());
    }

    #[test]
    fn a_trace_id_is_32_hexadecimal_digits_that_are_not_all_zero() {
        let trace = |value: &str| trace_id(&headers(&[(&TRACEPARENT, value)])).map(str::to_owned);
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(good).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in ["", "00-", &good.to_uppercase(), &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32))]
        {
            assert_eq!(trace(bad), None, "{bad}");
        }
    }
}
