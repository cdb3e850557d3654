//! A request's body, whole: bounded in size and in time; and the JSON body of an answer.

use std::io;
use std::pin::pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{FutureExt as _, StreamExt as _};
use serde::Serialize;

use crate::http::error::{MALFORMED_FRAMING, OauthError, Problem, ProblemKind};
use crate::oauth::parameters::{Format, ParameterFault};
use crate::text;

/// The largest body of an OAuth request, in bytes.
pub const MAX_OAUTH_BYTES: usize = 16 * 1_024;
/// The largest body of any other request, in bytes.
pub const MAX_BYTES: usize = 64 * 1_024;
/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is longer than this many bytes.
    TooLarge(usize),
    /// It did not arrive in time.
    Late,
    /// It was cut off, or is not framed as HTTP asks for (RFC 9112 section 7.1).
    Malformed,
}

/// Reads a body of at most `limit` bytes.
pub async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, BodyFault> {
    // Before any of it is read: a client that expects `100 Continue` must not be asked for what is refused (RFC 9110
    // section 10.1.1).
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
    // Most come in one packet with their headers, and need no timer.
    if let Some(body) = whole.as_mut().now_or_never() {
        return body;
    }
    tokio::time::timeout(MAX_TIME, whole).await.unwrap_or(Err(BodyFault::Late))
}

fn declared_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Reads the body of a request that may not be compressed: nothing here inflates one.
pub async fn read_uncoded(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    if is_coded(request) {
        // RFC 9110 section 12.5.3.
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, "Send the body without a Content-Encoding.")
            .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    Ok(read(request, payload, MAX_BYTES).await?)
}

/// The same, of a request whose body is JSON.
pub async fn read_json(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    as_json(request, read_uncoded(request, payload).await?)
}

/// The same, where a blank body is none; of any media type, for tools name one without being asked.
pub async fn read_json_if_any(request: &HttpRequest, payload: Payload) -> Result<Option<Bytes>, Problem> {
    let body = read_uncoded(request, payload).await?;
    if text::without_mark(&body).trim_ascii().is_empty() { Ok(None) } else { as_json(request, body).map(Some) }
}

/// A body under the media type of forms is read as JSON too, for curl names that type by itself: whoever forgot to
/// name another is told what is wrong with the JSON.
fn as_json(request: &HttpRequest, body: Bytes) -> Result<Bytes, Problem> {
    match format(request, &body) {
        Ok(Format::Json | Format::Form) => Ok(body),
        Err(_) => Err(Problem::new(ProblemKind::UnsupportedMediaType, "Send the body as application/json.")),
    }
}

/// The answer whose body is `value` as JSON: one line, so that a shell's prompt starts a line of its own.
pub fn json(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(json_line(value))
}

/// `value` as one line of JSON.
pub fn json_line(value: &impl Serialize) -> Vec<u8> {
    // The one way for this to fail is a map whose keys are not strings, and no answer has one.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Whether the body is compressed, or coded in any other way.
pub fn is_coded(request: &HttpRequest) -> bool {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    !request.headers().get_all(CONTENT_ENCODING).all(is_plain)
}

/// How the body is written. Two media types say nothing: no two readers agree on which of them counts.
pub fn format(request: &HttpRequest, body: &[u8]) -> Result<Format, ParameterFault> {
    let mut content_types = request.headers().get_all(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let content_type = content_types.next();
    if content_types.next().is_some() {
        return Err(ParameterFault::MediaType);
    }
    Format::of(content_type, body)
}

impl From<PayloadError> for BodyFault {
    fn from(error: PayloadError) -> Self {
        let is_late = matches!(error, PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut);
        if is_late { Self::Late } else { Self::Malformed }
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => {
                Self::new(ProblemKind::PayloadTooLarge, format!("The body is over {limit} bytes."))
            }
            BodyFault::Late => Self::new(ProblemKind::RequestTimeout, "The body did not arrive in time."),
            BodyFault::Malformed => Self::new(ProblemKind::MalformedRequest, MALFORMED_FRAMING),
        }
    }
}

impl From<BodyFault> for OauthError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => Self::payload_too_large(limit),
            BodyFault::Late => Self::request_timeout(),
            BodyFault::Malformed => Self::malformed_framing(),
        }
    }
}
