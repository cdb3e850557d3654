//! `GET /oauth2/usage`: what the caller has used of both its limits. The request costs nothing of either.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::admission::Admission;
use crate::api::usage::{DailyUsage, OwnUsage, ThrottleUsage};
use crate::http::authorized::identify;
use crate::http::body;
use crate::http::error::Problem;
use crate::http::request_context::note_standing;

/// For any token that the partner API accepts, whatever its scope.
pub(super) async fn usage(request: HttpRequest, admission: Data<Admission>) -> Result<HttpResponse, Problem> {
    let admitted = identify(&request, &admission)?;
    let standing = admission.standing(&admitted.client).await?;
    note_standing(&request, standing);
    let limits = &admitted.client.limits;
    let answer = OwnUsage {
        client_id: admitted.client.client_id.clone(),
        day: standing.units.map(|units| DailyUsage {
            quota: units.daily_quota,
            remaining: units.remaining,
            resets_at: units.resets_at,
            used: units.used,
        }),
        enforce: limits.enforce,
        second: ThrottleUsage {
            burst: standing.permits.burst,
            remaining: standing.permits.remaining,
            requests_per_second: limits.requests_per_second,
        },
    };
    Ok(body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &answer))
}
