//! The body of a request, as bytes: its media type, its coding, its size and its time are bounded here and nowhere else.
//! And the JSON body of an answer.

use std::pin::pin;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{FutureExt as _, StreamExt as _};
use serde::Serialize;

use crate::http::error::{BodyFault, OauthError, Problem, ProblemKind};
use crate::json;
use crate::oauth::parameters::{Format, ParameterFault, Parameters};
use crate::text;

/// The largest body of an OAuth request, in bytes.
const MAX_OAUTH_BYTES: usize = 16 * 1_024;
/// The largest body of any other request, in bytes.
const MAX_BYTES: usize = 64 * 1_024;
/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(30);

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// The media type of JSON.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Which media types a body of JSON may have, beside those that stand for JSON everywhere.
#[derive(Clone, Copy, PartialEq)]
enum MediaType {
    /// Any `application/…+json`.
    Json,
    /// No other: a JSON Patch, for example, is JSON too, but means something else.
    MergePatch,
}

/// The body of a request that must have JSON.
pub(super) async fn read_json(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let body = read_uncoded(request, payload, MAX_BYTES).await?;
    MediaType::Json.check(request)?;
    Ok(body)
}

/// The body of a request that must have a merge patch (RFC 7396).
pub(super) async fn read_merge_patch(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let body = read_uncoded(request, payload, MAX_BYTES).await?;
    MediaType::MergePatch.check(request)?;
    Ok(body)
}

/// The body of a request that may have JSON; `None` where it is blank. A blank body may have any media type, because
/// tools name one by themselves.
pub(super) async fn read_json_if_any(request: &HttpRequest, payload: Payload) -> Result<Option<Bytes>, Problem> {
    let body = read_uncoded(request, payload, MAX_BYTES).await?;
    if text::without_mark(&body).trim_ascii().is_empty() {
        return Ok(None);
    }
    MediaType::Json.check(request)?;
    Ok(Some(body))
}

/// The parameters of an OAuth request's body.
pub(super) async fn read_parameters(request: &HttpRequest, payload: Payload) -> Result<Parameters, OauthError> {
    let body = read_uncoded(request, payload, MAX_OAUTH_BYTES).await?;
    // With two media types, no two readers agree on which of them counts.
    let content_type = content_type(request).map_err(|TwoTypes| ParameterFault::MediaType)?;
    Ok(Parameters::parse(Format::of(content_type, &body)?, &body)?)
}

async fn read_uncoded(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, BodyFault> {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !request.headers().get_all(CONTENT_ENCODING).all(is_plain) {
        return Err(BodyFault::Coded);
    }
    read(request, payload, limit).await
}

/// Reads a body of at most `limit` bytes, whatever it is.
pub(super) async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, BodyFault> {
    // Before any of it is read: the server must not invite a client that expects `100 Continue` to send a body that it
    // refuses (RFC 9110 section 10.1.1).
    if declared_length(request).is_some_and(|length| length > limit as u64) {
        return Err(BodyFault::TooLarge(limit));
    }
    let mut whole = pin!(async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk?;
            if body.len() + chunk.len() > limit {
                return Err(BodyFault::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    });
    // Most bodies come in one packet with their headers, and need no timer.
    if let Some(body) = whole.as_mut().now_or_never() {
        return body;
    }
    tokio::time::timeout(MAX_TIME, whole).await.unwrap_or(Err(BodyFault::Late))
}

fn declared_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

struct TwoTypes;

fn content_type(request: &HttpRequest) -> Result<Option<&[u8]>, TwoTypes> {
    let mut content_types = request.headers().get_all(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let content_type = content_types.next();
    if content_types.next().is_some() { Err(TwoTypes) } else { Ok(content_type) }
}

impl MediaType {
    fn check(self, request: &HttpRequest) -> Result<(), Problem> {
        let is_accepted = content_type(request).is_ok_and(|content_type| self.accepts(content_type));
        if is_accepted { Ok(()) } else { Err(self.unsupported()) }
    }

    fn accepts(self, content_type: Option<&[u8]>) -> bool {
        let Some(content_type) = content_type else { return true };
        let media_type = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        match media_type.to_ascii_lowercase().as_slice() {
            // curl sends the last by itself. If the body is no JSON, its reader says where.
            b"" | b"application/json" | b"application/merge-patch+json" | b"application/x-www-form-urlencoded" => true,
            other => self == Self::Json && other.starts_with(b"application/") && other.ends_with(b"+json"),
        }
    }

    fn unsupported(self) -> Problem {
        let problem = |detail| Problem::new(ProblemKind::UnsupportedMediaType, detail);
        match self {
            // RFC 9110 section 15.5.16.
            Self::Json => problem("Send the body as application/json.").with_header(ACCEPT, JSON),
            // RFC 5789 section 2.2.
            Self::MergePatch => problem("Send the change as application/merge-patch+json (RFC 7396).")
                .with_header(ACCEPT_PATCH, HeaderValue::from_static("application/merge-patch+json, application/json")),
        }
    }
}

/// The answer whose body is `value` as JSON: one line, so that a shell's prompt starts a line of its own.
pub(super) fn json(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, JSON)).body(json::line(value))
}
