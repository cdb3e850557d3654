//! `/admin/…`: the requests of operators, behind the same gate as all others.

pub(super) mod activity;
pub(super) mod audit;
pub(super) mod clients;
pub(crate) mod health;
pub(super) mod keys;
pub(super) mod refusals;
pub(super) mod reports;
pub(super) mod revocations;
pub(super) mod secrets;
pub(super) mod usage;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::error::{Problem, ProblemKind, sentence};
use crate::http::{body, conditional};
use crate::json::{self, Document};
use crate::precondition::EntityTag;

/// The members of a body that is one JSON object.
pub(super) async fn read_members(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    parse_members(&body::read_json(request, payload).await?)
}

/// The members of a body that may be blank: then it has none.
async fn read_members_if_any(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    match body::read_json_if_any(request, payload).await? {
        Some(body) => parse_members(&body),
        None => Ok(Map::new()),
    }
}

/// The members of a merge patch (RFC 7396).
async fn read_patch(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    parse_members(&body::read_merge_patch(request, payload).await?)
}

fn parse_members(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let malformed = |fault: &str| {
        let detail = format!("{fault} Send one JSON object, such as {{\"client_name\": \"Curbside\"}}.");
        Problem::new(ProblemKind::MalformedBody, detail)
    };
    let document = Document::parse(body).map_err(|fault| malformed(&sentence(&fault)))?;
    document.into_members().ok_or_else(|| malformed("The body is JSON, but not an object."))
}

/// The answer to a read: `value`, 304 or 412.
fn read_answer(request: &HttpRequest, value: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = json::line(value);
    conditional::read(request, EntityTag::of(&body), body.into())
}

/// The answer to a change, which no cache may store: some have a secret.
fn change_answer(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    body::json(response.insert_header((CACHE_CONTROL, "no-store")), value)
}

/// `value` with the members of every object in alphabetical order.
fn in_alphabetical_order(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
