//! What every answer has, whatever its handler does.
//!
//! The id of the request, the caller's trace id, HSTS and the `RateLimit` fields; and the body of an error, because only
//! here both the id and the address of this server are at hand. The cause of an error of ours is logged here, once. Each
//! request is timed for [`Durations`] and logged, and refused if its [`host`] is malformed.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Extensions, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{Error, HttpResponse, web};
use futures_util::future::Either;
use pin_project_lite::pin_project;

use crate::http::access_log;
use crate::http::cors::{Cors, CorsPolicy};
use crate::http::durations::{Durations, Timer, method_name};
use crate::http::error::{Failure, Problem, ProblemKind, explanation_page};
use crate::http::host;
use crate::http::hsts::Hsts;
use crate::http::rate_limit_fields;
use crate::http::request_context::{Contexts, RequestContext, X_REQUEST_ID, accepted_id};
use crate::refusals::{Refusal, Refusals};

const CLIENT_TRACE_ID: HeaderName = HeaderName::from_static("passport-labs-client-trace-id");

/// Where this server is.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The issuer identifier (RFC 8414 section 2), with which the addresses of its own pages start.
    pub(crate) issuer: String,
    /// `None` over plain HTTP, and where browsers must not remember this host.
    pub(crate) hsts: Option<Hsts>,
}

/// The middleware around the whole application; see the module.
#[derive(Clone, Debug)]
pub(crate) struct ResponseHeaders {
    site: web::Data<Site>,
    durations: Arc<Durations>,
    refusals: Option<Arc<Refusals>>,
    cors: Option<Arc<CorsPolicy>>,
    url_scheme: &'static str,
    checks_host: bool,
}

impl ResponseHeaders {
    /// For an application that is reached by this scheme; `durations` times its requests.
    pub(crate) fn new(site: &web::Data<Site>, durations: &Arc<Durations>, url_scheme: &'static str) -> Self {
        let (site, durations) = (site.clone(), Arc::clone(durations));
        Self { site, durations, refusals: None, cors: None, url_scheme, checks_host: true }
    }

    /// Records the requests that a walk refuses.
    pub(crate) fn recording(self, refusals: &web::Data<Refusals>) -> Self {
        Self { refusals: Some(refusals.clone().into_inner()), ..self }
    }

    /// Lets pages of other origins call the partner API, if there is a policy.
    pub(crate) fn with_cors(self, cors: Option<Arc<CorsPolicy>>) -> Self {
        Self { cors, ..self }
    }

    /// Leaves the check of the host to the application.
    pub(crate) fn with_any_host(self) -> Self {
        Self { checks_host: false, ..self }
    }
}

/// [`ResponseHeaders`] around the application of one worker.
#[derive(Debug)]
pub(crate) struct ResponseHeadersService<S> {
    application: S,
    worker: Rc<Worker>,
}

/// What the requests of one worker share.
#[derive(Debug)]
struct Worker {
    site: web::Data<Site>,
    timer: Timer,
    contexts: Contexts,
    refusals: Option<Arc<Refusals>>,
    cors: Option<Cors>,
    checks_host: bool,
}

impl Worker {
    /// The answer to a request that does not reach the application.
    fn early_answer(&self, request: &ServiceRequest) -> Option<Result<HttpResponse, Problem>> {
        if let Some(fault) = self.checks_host.then(|| host::check(request.head()).err()).flatten() {
            return Some(Err(Problem::new(ProblemKind::MalformedRequest, fault.to_string())));
        }
        self.cors.as_ref().and_then(|cors| cors.preflight(request.head())).map(Ok)
    }
}

impl<S> Transform<S, ServiceRequest> for ResponseHeaders
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = ResponseHeadersService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, application: S) -> Self::Future {
        let timer = Timer::new(&self.durations, self.url_scheme);
        let Self { site, refusals, checks_host, .. } = self.clone();
        let cors = self.cors.as_deref().map(Cors::new);
        let worker = Rc::new(Worker { site, timer, contexts: Contexts::default(), refusals, cors, checks_host });
        ready(Ok(ResponseHeadersService { application, worker }))
    }
}

impl<S> Service<ServiceRequest> for ResponseHeadersService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(application);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let start = self.worker.timer.start();
        let worker = Rc::clone(&self.worker);
        let context = Some(worker.contexts.attach(&mut request));
        let response = match worker.early_answer(&request) {
            None => Either::Left(self.application.call(request)),
            Some(Ok(answer)) => Either::Right(ready(Ok(request.into_response(answer)))),
            Some(Err(problem)) => Either::Right(ready(Ok(request.error_response(problem)))),
        };
        ResponseFuture { response, context, worker, start }
    }
}

pin_project! {
    /// An answer that is being made. A type of its own, and not a boxed future: every request passes here.
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        response: Either<F, Ready<Result<ServiceResponse, Error>>>,
        context: Option<Rc<Extensions>>,
        worker: Rc<Worker>,
        start: Duration,
    }
}

impl<F: Future<Output = Result<ServiceResponse, Error>>> Future for ResponseFuture<F> {
    type Output = Result<ServiceResponse, Error>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.response.poll(task))?;
        let Some(container) = this.context.take() else { return Poll::Ready(Ok(response)) };
        if let Some(context) = container.get::<RequestContext>() {
            let site = &this.worker.site;
            add_headers(&mut response, context, site);
            if let Some(cors) = &this.worker.cors {
                let request = response.request().clone();
                cors.allow(request.head(), response.headers_mut());
            }
            let mut is_real = true;
            if response.status().as_u16() >= 400 {
                is_real = !context.is_injected();
                let refusals = this.worker.refusals.as_deref().filter(|_| is_real);
                response = with_error_body(response, context, site, refusals);
            }
            let took = if is_real {
                this.worker.timer.stop(*this.start, response.request(), response.status())
            } else {
                this.worker.timer.since(*this.start)
            };
            access_log::write(&response, context, context.caller(), took);
        }
        this.worker.contexts.release(container);
        Poll::Ready(Ok(response))
    }
}

/// No handler sets these headers, so each is appended: to look for one to replace would cost more.
fn add_headers(response: &mut ServiceResponse, context: &RequestContext, site: &Site) {
    let client_trace_id = accepted_id(response.request().headers(), &CLIENT_TRACE_ID);
    let hsts = site.hsts.as_ref().and_then(|hsts| hsts.value_for(response.request().head()));
    let headers = response.headers_mut();
    headers.append(X_REQUEST_ID, context.id());
    if let Some(client_trace_id) = client_trace_id {
        headers.append(CLIENT_TRACE_ID, client_trace_id);
    }
    if let Some(standing) = context.standing() {
        rate_limit_fields::append(headers, &standing);
    }
    // No browser may guess that a body is a page or a script.
    headers.append(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(hsts) = hsts {
        headers.append(STRICT_TRANSPORT_SECURITY, hsts);
    }
}

/// Writes the body of an error, which the answer has with it, and logs its cause. Records it if a walk refused the request.
fn with_error_body(
    mut response: ServiceResponse,
    request_id: &RequestContext,
    site: &Site,
    refusals: Option<&Refusals>,
) -> ServiceResponse {
    let from_middleware = response.response_mut().extensions_mut().remove::<Error>();
    let error = response.response().error().or(from_middleware.as_ref());
    let Some(failure) = error.and_then(Failure::of) else { return response };
    if let Some(error) = failure.cause() {
        tracing::error!(%error, %request_id, "a request was not served");
    }
    if let (Some(refusals), Some(refusal)) = (refusals, refusal(&response, &failure, request_id)) {
        refusals.record(refusal);
    }
    let explanation = request_id.is_explained().then(|| explanation_page(&site.issuer, &request_id.to_string()));
    let body = failure.body(&site.issuer, &request_id.to_string(), explanation.as_deref());
    let media_type = HeaderValue::from_static(failure.media_type());
    let challenge = failure.challenge(&site.issuer, response.request().match_info().as_str());
    let headers = response.headers_mut();
    if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.map_body(|_, _| BoxBody::new(body))
}

/// What is recorded of a request that its walk refused.
fn refusal(response: &ServiceResponse, failure: &Failure<'_>, context: &RequestContext) -> Option<Refusal> {
    let request = response.request();
    let facts = context.facts()?;
    Some(Refusal {
        // In a sandbox there are facts of requests that passed, and an error after them is none of the walk's.
        reason: match failure {
            Failure::Problem(_) => facts.reason()?,
            Failure::Oauth(error) => facts.is_refused().then_some(error.code().as_str())?,
        },
        facts: facts.clone(),
        method: method_name(request.method()),
        path: Refusal::short_path(&access_log::without_secrets(request.path())),
        request_id: context.to_string().into(),
        source: request.peer_addr().map(|address| address.ip()),
        status: response.status().as_u16(),
    })
}
