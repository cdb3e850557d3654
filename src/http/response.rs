//! What every answer carries, whatever the handler said.
//!
//! The request's id (the caller's own if it may be kept), the caller's trace id, HSTS, the `RateLimit`
//! fields of an authenticated caller; and the body of a [`Problem`], which needs both the request's id and
//! this server's address. Here too each request is timed for [`Durations`] and written to the log, and one for
//! a malformed [`host`] is refused.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::http::durations::{Durations, Timer, known};
use crate::http::error::{OauthError, Problem, ProblemKind};
use crate::http::host;
use crate::http::hsts::Hsts;
use crate::http::rate_limit_fields;
use crate::http::request_context::{ACCESS, RequestContext, X_REQUEST_ID, accepted_request_id, is_logged};
use crate::oauth::credentials::SECRET_PREFIX;
use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{Error, web};
use futures_util::future::Either;
use percent_encoding::percent_decode_str;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

const CLIENT_TRACE_ID: HeaderName = HeaderName::from_static("passport-labs-client-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where this server is.
#[derive(Clone, Debug)]
pub struct Site {
    /// The issuer identifier (RFC 8414 section 2): the address that its own pages start with.
    pub issuer: String,
    /// What browsers are to remember of this host; `None` over plain HTTP, and where they must not.
    pub hsts: Option<Hsts>,
}

/// The trace that a request belongs to (W3C Trace Context section 3.2): `00-` and 32 hexadecimal digits.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let traceparent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let trace_id = traceparent.strip_prefix("00-")?.get(..32)?;
    let hexadecimal = trace_id.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    (hexadecimal && trace_id.bytes().any(|byte| byte != b'0')).then_some(trace_id)
}

/// Wraps the whole application; see the module.
#[derive(Clone, Debug)]
pub struct ResponseHeaders {
    site: web::Data<Site>,
    durations: Arc<Durations>,
    url_scheme: &'static str,
    checks_host: bool,
}

impl ResponseHeaders {
    /// For the application of a site that is reached by this scheme; its requests are timed in `durations`.
    #[must_use]
    pub fn new(site: &web::Data<Site>, durations: &Arc<Durations>, url_scheme: &'static str) -> Self {
        Self { site: site.clone(), durations: Arc::clone(durations), url_scheme, checks_host: true }
    }

    /// Lets the application itself look at the host.
    #[must_use]
    pub fn with_any_host(self) -> Self {
        Self { checks_host: false, ..self }
    }
}

/// [`ResponseHeaders`] around one worker's application.
#[derive(Debug)]
pub struct Completing<S> {
    application: S,
    worker: Rc<Worker>,
}

/// What the requests of one worker share.
#[derive(Debug)]
struct Worker {
    site: web::Data<Site>,
    timer: Timer,
    checks_host: bool,
}

impl Worker {
    /// Why a request does not reach the application.
    fn refusal(&self, request: &ServiceRequest) -> Option<Problem> {
        let fault = self.checks_host.then(|| host::check(request.head()).err()).flatten()?;
        Some(Problem::new(ProblemKind::MalformedRequest, fault.to_string()))
    }
}

impl<S> Transform<S, ServiceRequest> for ResponseHeaders
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Completing<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, application: S) -> Self::Future {
        let timer = Timer::new(&self.durations, self.url_scheme);
        let worker = Worker { site: self.site.clone(), timer, checks_host: self.checks_host };
        ready(Ok(Completing { application, worker: Rc::new(worker) }))
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
        let start = self.worker.timer.start();
        let context = RequestContext::begin(request.headers());
        let worker = Rc::clone(&self.worker);
        let answering = match self.worker.refusal(&request) {
            None => Either::Left(self.application.call(request)),
            Some(problem) => Either::Right(ready(Ok(request.error_response(problem)))),
        };
        Completion { answering: context.with(answering), worker, start }
    }
}

pin_project! {
    /// An answer that is being made. A type of its own, and not a boxed future: every request passes here.
    #[derive(Debug)]
    pub struct Completion<F> {
        #[pin]
        answering: TaskLocalFuture<RequestContext, Either<F, Ready<Result<ServiceResponse, Error>>>>,
        worker: Rc<Worker>,
        start: Duration,
    }
}

impl<F: Future<Output = Result<ServiceResponse, Error>>> Future for Completion<F> {
    type Output = Result<ServiceResponse, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut response = ready!(this.answering.as_mut().poll(context))?;
        // It is there: nobody took it before.
        let context = this.answering.take_value();
        let context = &context.unwrap_or_else(|| RequestContext::begin(response.request().headers()));
        let site = &this.worker.site;
        complete(&mut response, context, site);
        if response.status() >= StatusCode::BAD_REQUEST {
            response = with_error_body(response, site, context);
        }
        let took = this.worker.timer.stop(*this.start, response.request(), response.status());
        log(&response, context, took);
        Poll::Ready(Ok(response))
    }
}

/// Nothing below sets what is set here, so each field is appended: cheaper than to look for one to replace.
fn complete(response: &mut ServiceResponse, context: &RequestContext, site: &Site) {
    let client_trace_id = accepted_request_id(response.request().headers(), &CLIENT_TRACE_ID);
    let hsts = site.hsts.as_ref().and_then(|hsts| hsts.value_for(response.request().head()));
    let headers = response.headers_mut();
    headers.append(X_REQUEST_ID, context.id());
    if let Some(client_trace_id) = client_trace_id {
        headers.append(CLIENT_TRACE_ID, client_trace_id);
    }
    if let Some(standing) = context.standing() {
        rate_limit_fields::append(headers, &standing);
    }
    // No browser is to guess that a body is a page or a script, whatever is in it.
    headers.append(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(hsts) = hsts {
        headers.append(STRICT_TRANSPORT_SECURITY, hsts);
    }
}

/// Writes the body of what failed: a [`Problem`] or an [`OauthError`], which goes with its answer.
fn with_error_body(mut response: ServiceResponse, site: &Site, context: &RequestContext) -> ServiceResponse {
    let mut extensions = response.response_mut().extensions_mut();
    let (problem, oauth_error) = (extensions.remove::<Problem>(), extensions.remove::<OauthError>());
    drop(extensions);
    if let Some(problem) = problem {
        let path = response.request().match_info().as_str();
        if let Some(challenge) = problem.challenge(&site.issuer, path)
            && let Ok(challenge) = HeaderValue::try_from(challenge)
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        let body = problem.body(&site.issuer, &context.to_string());
        return with_body(response, "application/problem+json", body);
    }
    match oauth_error {
        Some(error) => with_body(response, "application/json", error.body(&site.issuer)),
        None => response,
    }
}

fn with_body(mut response: ServiceResponse, media_type: &'static str, body: String) -> ServiceResponse {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.map_body(|_, _| BoxBody::new(body))
}

/// How often a path is decoded again to look for them: a bound on the work that one request makes.
const MORE_DECODINGS: usize = 2;

/// How tokens (a JWT's header is a JSON object in base64) and client secrets start.
const SENSITIVE: [&str; 2] = ["eyJ", SECRET_PREFIX];

/// The path without what may be a token or a secret, put there by mistake, and all after it.
fn shown(path: &str) -> Cow<'_, str> {
    let mut decoded = percent_decode_str(path).decode_utf8_lossy();
    // Some encode what is encoded already.
    for _ in 0..MORE_DECODINGS {
        let Cow::Owned(again) = percent_decode_str(&decoded).decode_utf8_lossy() else { break };
        decoded = again.into();
    }
    match SENSITIVE.iter().filter_map(|opening| decoded.find(opening)).min() {
        Some(at) => format!("{}…", decoded.get(..at).unwrap_or_default()).into(),
        None => path.into(),
    }
}

/// One line for a request: for whoever asked for it, else at `debug`. The path without its query, which
/// may hold a secret.
fn log(response: &ServiceResponse, request_id: &RequestContext, took: Duration) {
    if !is_logged() {
        return;
    }
    let request = response.request();
    let method = known(request.method());
    let status = response.status().as_u16();
    let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let bytes = match response.response().body().size() {
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::None => Some(0),
        BodySize::Stream => None,
    };
    let source = request.peer_addr().map(|address| tracing::field::display(address.ip()));
    let client_id = request_id.caller().map(tracing::field::display);
    let trace_id = trace_id(request.headers());
    let path = shown(request.path());
    let path = path.escape_debug();
    if tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
        tracing::info!(
            target: ACCESS, method, %path, status, duration_us, bytes, client_id, source, %request_id, trace_id,
            "answered"
        );
    } else {
        tracing::debug!(
            method, %path, status, duration_us, bytes, client_id, source, %request_id, trace_id, "answered"
        );
    }
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
    fn a_path_is_shown_up_to_what_may_be_secret() {
        for (path, expected) in [
            ("/parking/zones/1", "/parking/zones/1"),
            ("/parking/zones/eyJhbGciOiJFUzI1NiJ9.e30.c2ln/x", "/parking/zones/…"),
            ("/bg_secret_demoReader", "/…"),
            ("/a/bg%5Fsecret%5FdemoReader", "/a/…"),
            ("/%65yJ0", "/…"),
            ("/a/bg%255Fsecret%255FdemoReader", "/a/…"),
            ("/%252565yJ0", "/…"),
            ("/100%25/%25zz/%", "/100%25/%25zz/%"),
            ("/%1b[2J", "/%1b[2J"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
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
