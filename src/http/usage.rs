//! `GET /oauth2/usage`: what the caller has used of both its limits. Costs nothing of either.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::admission::{Admission, Api, Standing};
use crate::http::authorized::authorization;
use crate::http::body;
use crate::http::error::Problem;
use crate::http::request_context::{note_caller, note_standing};
use crate::oauth::limits::Limits;

/// For any token that the partner API would take, whatever its scope.
pub(super) async fn usage(request: HttpRequest, admission: Data<Admission>) -> Result<HttpResponse, Problem> {
    let admitted = admission.identify(authorization(&request), request.query_string(), Api::Public)?;
    note_caller(&request, &admitted.client.client_id);
    let standing = admission.standing(&admitted.client).await?;
    note_standing(&request, standing);
    let mut answer = told(&standing, &admitted.client.limits);
    if let Some(members) = answer.as_object_mut() {
        members.insert("client_id".to_owned(), json!(admitted.client.client_id));
    }
    Ok(body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &answer))
}

fn told(standing: &Standing, limits: &Limits) -> Value {
    let permits = &standing.permits;
    let day = standing.units.map(|units| {
        json!({
            "quota": units.daily_quota,
            "used": units.used,
            "remaining": units.remaining,
            "resets_at": units.resets_at,
        })
    });
    json!({
        "second": {
            "requests_per_second": limits.requests_per_second,
            "burst": permits.burst,
            "remaining": permits.remaining,
        },
        "day": day,
        "enforce": limits.enforce,
    })
}
