//! `GET /admin/clients/{client_id}/usage`: what a client used of its quota, day by day.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::read_answer;
use crate::administration::ChangeError;
use crate::admission::Admission;
use crate::api::usage::{ClientUsage, UsedOnDay, UsedToday};
use crate::clients::Clients;
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::quota::DAYS_KEPT;
use crate::time::SharedClock;

const DEFAULT_DAYS: u64 = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    /// How many days, today included.
    days: Option<u64>,
}

pub(in crate::http) async fn usage(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    clock: Data<SharedClock>,
    clients: Data<Clients>,
    admission: Data<Admission>,
) -> Result<HttpResponse, Problem> {
    let span = Query::<Span>::from_query(request.query_string()).ok();
    let days = span.map(|span| span.days.unwrap_or(DEFAULT_DAYS)).filter(|days| (1..=DAYS_KEPT).contains(days));
    let days = days.ok_or_else(|| {
        Problem::new(ProblemKind::MalformedQuery, format!("Usage takes days, a whole number from 1 to {DAYS_KEPT}."))
    })?;
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    let today = clock.now().day();
    let standing = admission.standing(&client).await?;
    let before = admission.days_before(&client, days - 1).await?;
    let answer = ClientUsage {
        client_id: client.client_id.clone(),
        days_before: before.iter().map(|day| UsedOnDay { day: day.day.to_string(), used: day.used }).collect(),
        enforce: client.limits.enforce,
        today: standing.units.map(|units| UsedToday {
            day: today.to_string(),
            quota: units.daily_quota,
            remaining: units.remaining,
            resets_at: units.resets_at,
            used: units.used,
        }),
    };
    read_answer(&request, &answer)
}
