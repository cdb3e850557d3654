//! `/sandbox/requests`: what the newest requests were, what was answered, and why.

use std::borrow::Cow;

use actix_web::http::header::{ACCEPT, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::control::Control;
use super::{answer, request_events};
use crate::api::cursor::Cursor;
use crate::api::problem::FieldFault;
use crate::api::sandbox::request::{ExplainedRequest, FoundRequests, RequestCount, RequestPage, ShownRequest};
use crate::http::body::read_json_if_any;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::json::Document;
use crate::sandbox::Sandbox;
use crate::sandbox::journal::filter::{Filter, Search};
use crate::sandbox::journal::{Found, view};

const TAKES: &str = "The journal takes limit (1 to 100), cursor, client, phase, method, path, unless_header, status, injected, \
     since and before, each once.";

const EXAMPLE: &str = "Send a search as one JSON object, such as {\"client\": \"demo-writer\", \"status\": \"4xx\"}.";

/// Lists requests, the newest first; or sends each one as it is recorded, to a caller that accepts events.
pub(in crate::http) async fn list(
    _: Control,
    request: HttpRequest,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let (cursor, Search { filter, before: upper, limit }) = read_query(request.query_string())?;
    if wants_events(&request) {
        return request_events::follow(&request, sandbox, filter);
    }
    let name = list_name(&filter);
    let before = cursor.map(|cursor| Cursor::place(&cursor, &name)).transpose().map_err(|_| {
        Problem::new(ProblemKind::InvalidCursor, "Send next_cursor as you received it, with the same filters.")
    })?;
    let before = [before, upper].into_iter().flatten().min();
    let filter = filter.in_journal(sandbox.journal.last());
    let page = sandbox.journal.newest(before, limit, |number, request| filter.wants(number, request));
    let page = RequestPage {
        data: page.requests.iter().map(|(number, request)| view::line(*number, request)).collect(),
        next_cursor: page.more_before.map(|before| Cursor::new(&name, &before).into()),
        last: sandbox.journal.last(),
    };
    Ok(answer(&mut HttpResponse::Ok(), &page))
}

/// Shows all that there is of a request.
pub(in crate::http) async fn show(
    _: Control,
    request: HttpRequest,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let Found { number, request, others } = find_one(&request, &sandbox)?;
    let shown = ShownRequest { request: view::whole(number, &request), others };
    Ok(answer(&mut HttpResponse::Ok(), &shown))
}

/// Shows each check of a request, and what would have let it through.
pub(in crate::http) async fn why(
    _: Control,
    request: HttpRequest,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let Found { number, request, others } = find_one(&request, &sandbox)?;
    let explanation = view::explanation(&request);
    let explained = ExplainedRequest { line: view::line(number, &request), others, explanation };
    Ok(answer(&mut HttpResponse::Ok(), &explained))
}

/// Finds requests, the newest first, with all that there is of each.
pub(in crate::http) async fn find(
    _: Control,
    request: HttpRequest,
    payload: web::Payload,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let Search { filter, before, limit } = read_search(&request, payload).await?;
    let filter = filter.in_journal(sandbox.journal.last());
    let page = sandbox.journal.newest(before, limit, |number, request| filter.wants(number, request));
    let found = FoundRequests {
        data: page.requests.iter().map(|(number, request)| view::whole(*number, request)).collect(),
        has_more: page.more_before.is_some(),
        last: sandbox.journal.last(),
    };
    Ok(answer(&mut HttpResponse::Ok(), &found))
}

/// Counts requests.
pub(in crate::http) async fn count(
    _: Control,
    request: HttpRequest,
    payload: web::Payload,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let Search { filter, before, .. } = read_search(&request, payload).await?;
    let last = sandbox.journal.last();
    let filter = filter.in_journal(last);
    let is_before = |number: u64| before.is_none_or(|before| number < before);
    let count = sandbox.journal.count(|number, request| is_before(number) && filter.wants(number, request));
    Ok(answer(&mut HttpResponse::Ok(), &RequestCount { count, last }))
}

/// Forgets every request.
pub(in crate::http) async fn clear(_: Control, sandbox: Data<Sandbox>) -> Result<HttpResponse, Problem> {
    sandbox.journal.clear();
    Ok(HttpResponse::NoContent().finish())
}

/// The name of a list, which its cursors belong to.
fn list_name(filter: &Filter) -> String {
    format!("requests?{filter:?}")
}

/// The request that the path names.
fn find_one(request: &HttpRequest, sandbox: &Sandbox) -> Result<Found, Problem> {
    let found = ids(request).find_map(|id| sandbox.journal.find(&id));
    found.ok_or_else(|| {
        let detail =
            "The journal has no request with this id: it may have made room for newer ones, or control the sandbox.";
        Problem::new(ProblemKind::NotFound, detail)
    })
}

/// What the id at the end of a path may be, as it was sent and decoded. A caller may choose an id, with any visible character
/// in it, also one that is the name of a search: the method tells them apart.
pub(in crate::http) fn ids(request: &HttpRequest) -> impl Iterator<Item = Cow<'_, str>> {
    let path = request.match_info();
    let id = path.get("request_id").or_else(|| path.as_str().rsplit('/').next()).unwrap_or_default();
    [Cow::Borrowed(id), percent_decode_str(id).decode_utf8_lossy()].into_iter()
}

/// The cursor of a query, and the search that its other parameters are.
fn read_query(query: &str) -> Result<(Option<String>, Search), Problem> {
    let malformed = |detail: &str| Problem::new(ProblemKind::MalformedQuery, detail);
    let (mut cursor, mut members) = (None, Map::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        let before = match &*name {
            "cursor" => cursor.replace(value).map(Value::String),
            "limit" | "before" => {
                members.insert(name.into_owned(), value.parse::<u64>().map_or(Value::String(value), Value::from))
            }
            "injected" => {
                members.insert(name.into_owned(), value.parse::<bool>().map_or(Value::String(value), Value::Bool))
            }
            _ => members.insert(name.into_owned(), Value::String(value)),
        };
        if before.is_some() {
            return Err(malformed(TAKES));
        }
    }
    let search = Search::read(&members).map_err(|faults| match faults.first() {
        Some(fault) => {
            let name = fault.pointer.trim_start_matches('/');
            let stop = if fault.detail.ends_with('?') { "" } else { "." };
            malformed(&format!("{name} {}{stop}", fault.detail))
        }
        None => malformed(TAKES),
    })?;
    Ok((cursor, search))
}

/// The search that a body asks for; without one, every request.
async fn read_search(request: &HttpRequest, payload: web::Payload) -> Result<Search, Problem> {
    let members = match read_json_if_any(request, payload).await? {
        None => Map::new(),
        Some(body) => {
            let document = Document::parse(&body)
                .map_err(|fault| Problem::new(ProblemKind::MalformedBody, format!("{} {EXAMPLE}", sentence(&fault))))?;
            document.into_members().ok_or_else(|| {
                Problem::invalid_fields(vec![FieldFault::new("", "must be an object, such as {\"status\": \"4xx\"}")])
            })?
        }
    };
    Search::read(&members).map_err(Problem::invalid_fields)
}

/// Whether the caller accepts server-sent events and does not say that it prefers JSON.
fn wants_events(request: &HttpRequest) -> bool {
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("text/event-stream"));
    request.headers().get_all(ACCEPT).any(accepts)
}
