//! `/sandbox/…`: the requests that control a sandbox, and the two layers that only a sandbox's application has.
//!
//! The first argument of each handler is [`Control`](control::Control); only [`control_token`] checks its caller in another
//! way. Control requests pass no gate and neither layer: they are never throttled, counted, faulted or recorded. The same
//! holds for pages and the files that they load.

mod capture;
pub(super) mod clock;
pub(super) mod control;
pub(super) mod control_token;
mod disturbance;
mod effects;
pub(super) mod faults;
mod injection;
mod inner;
mod named_client;
mod outer;
mod prefer;
pub(super) mod report;
mod request_events;
pub(super) mod requests;
pub(super) mod snapshots;
pub(super) mod tokens;
pub(super) mod troubles;
mod vocabulary;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use self::capture::RecordedBody;
pub(crate) use self::inner::InnerLayer;
pub(crate) use self::outer::OuterLayer;
pub(crate) use self::report::ScopedOperations;
use crate::http::body;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::json::Document;
use crate::oauth::scope::ScopeToken;
use crate::sandbox::NotQuiet;

/// Says which scope token the route of a request needs: the table of routes does, which names the handlers here.
pub(crate) type NeededScope = fn(&Method, &str) -> Option<ScopeToken>;

/// Says whether a path is that of a page, or of a file that pages load: the table of routes does, too.
pub(crate) type IsPage = fn(&str) -> bool;

/// What the control of a sandbox is served under.
pub(crate) const SANDBOX: &str = "/sandbox";

/// Whether a request controls the sandbox. Its path is compared as the router sees it: `/%73andbox` is the same.
fn is_control(request: &ServiceRequest) -> bool {
    request.match_info().as_str().strip_prefix(SANDBOX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a request is none of the API: it controls the sandbox, or it is for a page. Nothing disturbs it, and the journal
/// does not have it.
fn is_beside_the_api(request: &ServiceRequest, is_page: IsPage) -> bool {
    is_control(request) || is_page(request.match_info().as_str())
}

/// The members of a body that is one JSON object, such as `example`.
async fn read_members(request: &HttpRequest, payload: Payload, example: &str) -> Result<Map<String, Value>, Problem> {
    parse_members(&body::read_json(request, payload).await?, example)
}

/// The same of a body that may be blank: then it has none.
async fn read_members_if_any(
    request: &HttpRequest,
    payload: Payload,
    example: &str,
) -> Result<Map<String, Value>, Problem> {
    let body = body::read_json_if_any(request, payload).await?;
    body.map_or_else(|| Ok(Map::new()), |body| parse_members(&body, example))
}

fn parse_members(body: &[u8], example: &str) -> Result<Map<String, Value>, Problem> {
    let malformed = |fault: &str| {
        Problem::new(ProblemKind::MalformedBody, format!("{fault} Send one JSON object, such as {example}."))
    };
    let document = Document::parse(body).map_err(|fault| malformed(&sentence(&fault)))?;
    document.into_members().ok_or_else(|| malformed("The body is JSON, but not an object."))
}

impl From<NotQuiet> for Problem {
    fn from(fault: NotQuiet) -> Self {
        Self::unavailable(sentence(&fault))
    }
}

/// An answer about the sandbox, which no cache may store.
fn answer(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    body::json(response.insert_header((CACHE_CONTROL, "no-store")), value)
}
