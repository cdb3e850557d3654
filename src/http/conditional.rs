//! Conditional requests (RFC 9110 section 13): the preconditions of a request, and an answer with an entity tag.
//!
//! What a precondition means is in [`crate::precondition`]; here are only its fields.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::body::JSON;
use crate::http::error::{Problem, ProblemKind};
use crate::precondition::{Condition, EntityTag, Read, Tags};

/// `Cache-Control` of an answer that only the owner of the token may see. A client may store it, but asks for it again
/// each time: so the gate counts each read, and a 304 answers it.
pub(super) const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The preconditions of a request.
pub(super) fn condition(request: &HttpRequest) -> Condition {
    let tags = |name: &HeaderName| {
        let values: Vec<&[u8]> = request.headers().get_all(name).map(HeaderValue::as_bytes).collect();
        (!values.is_empty()).then(|| Tags::parse(&values))
    };
    Condition { if_match: tags(&IF_MATCH), if_none_match: tags(&IF_NONE_MATCH) }
}

/// The answer to a read: 200 with `body`, 304 or 412.
pub(super) fn read(request: &HttpRequest, etag: EntityTag, body: Bytes) -> Result<HttpResponse, Problem> {
    match condition(request).read(&etag) {
        Read::Send => Ok(with_body(StatusCode::OK, etag, body)),
        // RFC 9110 section 15.4.5: a 304 has the same fields as the 200.
        Read::NotModified => Ok(with_etag(HttpResponse::new(StatusCode::NOT_MODIFIED), etag)),
        Read::PreconditionFailed => Err(Problem::new(
            ProblemKind::PreconditionFailed,
            "The resource is not in the state that the request names.",
        )),
    }
}

/// An answer of JSON with its tag.
pub(super) fn with_body(status: StatusCode, etag: EntityTag, body: Bytes) -> HttpResponse {
    let mut response = HttpResponse::with_body(status, body);
    response.headers_mut().append(CONTENT_TYPE, JSON);
    with_etag(response.map_into_boxed_body(), etag)
}

fn with_etag(mut response: HttpResponse, etag: EntityTag) -> HttpResponse {
    response.headers_mut().append(CACHE_CONTROL, PRIVATE);
    // A tag is visible ASCII, so this does not fail.
    if let Ok(value) = HeaderValue::from_maybe_shared(etag.into_bytes()) {
        response.headers_mut().append(ETAG, value);
    }
    response
}
