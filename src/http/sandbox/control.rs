//! Who controls the sandbox, as an argument: no request reaches a handler that takes [`Control`] without the token.

use std::future::{Ready, ready};
use std::iter::empty;

use actix_web::dev::{Payload, RequestHead};
use actix_web::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use actix_web::http::uri::Authority;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::http::authorized::authorization;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::oauth::bearer::{self, BearerFault};
use crate::sandbox::Sandbox;

/// From where a browser sends a request (W3C Fetch Metadata).
pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Proof that the request has the control token, and that no page of another site sent it. Must be the first argument of a
/// handler.
pub(in crate::http) struct Control(());

impl FromRequest for Control {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.app_data::<Data<Sandbox>>() {
            Some(sandbox) => check(sandbox, request),
            None => Err(Problem::not_found()),
        })
    }
}

fn check(sandbox: &Sandbox, request: &HttpRequest) -> Result<Control, Problem> {
    refuse_foreign(sandbox, request)?;
    let fault = match bearer::parse(authorization(request), request.query_string()) {
        Ok(presented) if sandbox.token.is(presented.as_bytes()) => return Ok(Control(())),
        Ok(_) | Err(BearerFault::Malformed) => "The request has another token than the control token of this sandbox.",
        Err(BearerFault::Missing) => "The request has no control token.",
        Err(BearerFault::InQuery) => "The token is in the query string: send it in the header alone.",
        Err(BearerFault::Repeated) => "The request has more than one Authorization header: send one.",
    };
    Err(Problem::control_token_required(fault))
}

/// Refuses a request for another host, and one that a page of another site sent.
pub(super) fn refuse_foreign(sandbox: &Sandbox, request: &HttpRequest) -> Result<(), Problem> {
    let fields = |name| request.headers().get_all(name).map(HeaderValue::as_bytes);
    let foreign = |fault| Problem::new(ProblemKind::ForeignRequest, sentence(&fault));
    sandbox.hosts.check(authority(request.head()), fields(ORIGIN), fields(SEC_FETCH_SITE)).map_err(foreign)
}

/// Whether a request is for this server by a name of its own, wherever the link to it was.
pub(in crate::http) fn is_for_own_host(sandbox: &Sandbox, request: &HttpRequest) -> bool {
    sandbox.hosts.check(authority(request.head()), empty(), empty()).is_ok()
}

/// The host, with its port if there is one, that a request is for.
fn authority(head: &RequestHead) -> Option<&str> {
    let target = head.uri.authority().map(Authority::as_str);
    target.or_else(|| head.headers.get(HOST)?.to_str().ok())
}
