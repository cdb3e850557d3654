//! `/admin/…`: what operators do, behind the same gate as everything else.

pub mod clients;
pub mod keys;
pub mod revocations;
pub mod secrets;
pub mod usage;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::Payload;
use serde_json::{Map, Value};

use crate::http::body;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::oauth::document::Document;
use crate::oauth::fault::FieldFault;

/// The members of a body that is one JSON object.
async fn read_members(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    parse_members(&body::read_json(request, payload).await?)
}

/// The same, where no body at all stands for no members.
async fn read_members_if_any(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    let body = body::read_json(request, payload).await?;
    if body.is_empty() { Ok(Map::new()) } else { parse_members(&body) }
}

/// The same of a merge patch, under its own media type too (RFC 7396, section 4).
async fn read_patch(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if media_type.eq_ignore_ascii_case(b"application/merge-patch+json") {
        return parse_members(&body::read_uncoded(request, payload).await?);
    }
    read_members(request, payload).await
}

fn parse_members(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let malformed = |detail| Problem::new(ProblemKind::MalformedBody, detail);
    let document = Document::parse(body).map_err(|fault| malformed(sentence(&fault)))?;
    document.members().cloned().ok_or_else(|| malformed("The body is not a JSON object.".to_owned()))
}

fn invalid(faults: Vec<FieldFault>) -> Problem {
    let detail = match faults.len() {
        1 => "One member of the body is not right; nothing was changed.".to_owned(),
        count => format!("{count} members of the body are not right; nothing was changed."),
    };
    Problem::new(ProblemKind::InvalidFields, detail).with_errors(faults)
}
