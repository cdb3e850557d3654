//! `/oauth2/report`: a client shows the report of its exam, and sees what it has shown.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::administration::Administration;
use crate::admission::Admission;
use crate::clients::Client;
use crate::http::admin::read_members;
use crate::http::admin::reports::{read_passport, standing_of};
use crate::http::authorized::{AnyPartner, Authorized, identify};
use crate::http::body;
use crate::http::error::Problem;
use crate::passports::Passports;

/// For any token that the partner API accepts, whatever its scope. It counts against both limits, so that a client cannot
/// fill the audit log with passports that replace each other.
pub(super) async fn present(
    caller: Authorized<AnyPartner>,
    request: HttpRequest,
    payload: Payload,
    passports: Data<Passports>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let passport = read_passport(&read_members(&request, payload).await?)?;
    let report = passports.accept(&passport, caller.client_id()).await?;
    let client = administration.present_report(caller.client_id(), &report, &caller.actor(&request)).await?;
    Ok(answer(&client))
}

/// For the same tokens; it costs nothing of either limit.
pub(super) async fn show(request: HttpRequest, admission: Data<Admission>) -> Result<HttpResponse, Problem> {
    Ok(answer(&identify(&request, &admission)?.client))
}

fn answer(client: &Client) -> HttpResponse {
    body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &standing_of(client))
}
