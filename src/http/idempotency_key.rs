//! The fields of a `POST` that a client may safely send again (draft-ietf-httpapi-idempotency-key-header).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use crate::http::error::{Problem, ProblemKind};
use crate::idempotency::IdempotencyKey;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that repeats an earlier one.
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = request.headers().get_all(&IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "The request has more than one Idempotency-Key: send one.";
        return Err(Problem::new(ProblemKind::IdempotencyKeyInvalid, detail));
    }
    Ok(Some(IdempotencyKey::parse(value.as_bytes())?))
}
