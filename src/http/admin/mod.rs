//! `/admin/…`: what operators do, behind the same gate as everything else.

pub mod audit;
pub mod clients;
pub mod keys;
pub mod revocations;
pub mod secrets;
pub mod usage;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::error::{Problem, ProblemKind, sentence};
use crate::http::{body, conditional};
use crate::oauth::document::Document;
use crate::oauth::fault::FieldFault;
use crate::oauth::precondition::EntityTag;

/// How much of a cursor is the mark of its list, in bytes.
const MARK_BYTES: usize = 6;
/// How many unknown members are told of.
const MAX_UNKNOWN: usize = 20;

/// The members of a body that is one JSON object.
async fn read_members(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    parse_members(&body::read_json(request, payload).await?)
}

/// The same, where no body at all stands for no members.
async fn read_members_if_any(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    match body::read_json_if_any(request, payload).await? {
        Some(body) => parse_members(&body),
        None => Ok(Map::new()),
    }
}

/// The same of a merge patch, under its own media type too (RFC 7396, section 4).
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

/// The answer to a read: `value`, or 304 to whoever has it already.
fn shown(request: &HttpRequest, value: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = body::json_line(value);
    conditional::read(request, EntityTag::of(&body), body.into())
}

/// The answer to a change, which no cache may store: some carry a secret.
fn changed(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    body::json(response.insert_header((CACHE_CONTROL, "no-store")), value)
}

/// The faults of members that nobody asked for; `detail` says which are known.
fn unknown(members: &Map<String, Value>, known: &[&str], detail: &str) -> Vec<FieldFault> {
    let unknown = members.keys().filter(|member| !known.contains(&member.as_str())).take(MAX_UNKNOWN);
    unknown.map(|member| FieldFault::of_member(member, detail)).collect()
}

fn invalid(faults: Vec<FieldFault>) -> Problem {
    Problem::invalid_fields(faults)
}

/// Where a page ended, behind a mark of its list: a cursor is good for the list alone that it came with.
fn write_cursor(place: &str, list: &str) -> String {
    let mut cursor = mark(list).to_vec();
    cursor.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(cursor)
}

/// What [`write_cursor`] wrote for the same list.
fn read_cursor(cursor: &str, list: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes.strip_prefix(&mark(list))?.to_vec()).ok()
}

fn mark(list: &str) -> [u8; MARK_BYTES] {
    let digest = digest(&SHA256, list.as_bytes());
    let mut mark = [0; MARK_BYTES];
    mark.iter_mut().zip(digest.as_ref()).for_each(|(byte, from)| *byte = *from);
    mark
}
