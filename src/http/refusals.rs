//! `GET /oauth2/refusals/{request_id}`: why a request of the caller was refused. The request costs nothing of any limit.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::admission::Admission;
use crate::http::authorized::identify;
use crate::http::body;
use crate::http::error::{Problem, ProblemKind};
use crate::http::request_context::note_standing;
use crate::refusals::Refusals;

/// For any token that the partner API accepts, whatever its scope. A request of another client, one that was never sent and
/// one that was not refused get the same answer.
pub(super) async fn own(
    request: HttpRequest,
    request_id: Path<String>,
    admission: Data<Admission>,
    refusals: Data<Refusals>,
) -> Result<HttpResponse, Problem> {
    let admitted = identify(&request, &admission)?;
    // The answer is no worse without what is left of the limits.
    if let Ok(standing) = admission.standing(&admitted.client).await {
        note_standing(&request, standing);
    }
    let found = refusals.own(&admitted.client.client_id, &request_id).ok_or_else(unknown)?;
    Ok(body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &found.for_client()))
}

/// No refusal that the caller may read has this id.
pub(super) fn unknown() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "No refused request has this id. Only the last refusals are stored, and only while the server runs.",
    )
}
