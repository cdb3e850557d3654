//! `/admin/reports/sign` and `/admin/clients/{client_id}/report`: signs the reports of exams, and shows those of clients.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::clients::parse_id;
use super::{change_answer, read_answer, read_members};
use crate::administration::{Administration, ChangeError};
use crate::api::passport::{ReportStanding, ReportToSign};
use crate::clients::{Client, Clients};
use crate::http::authorized::{Authorized, ReadAdmin, WriteAdmin};
use crate::http::error::Problem;
use crate::json::{Reader, string};
use crate::passports::Passports;

/// Signs what an administrator says of a report. The passport is answered only once the audit log has it.
pub(in crate::http) async fn sign(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    passports: Data<Passports>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload).await?;
    let report = ReportToSign::parse(&members).map_err(Problem::invalid_fields)?;
    let client_id = report.sub.clone();
    let signed = passports.sign(report)?;
    administration.report_signed(&client_id, &caller.actor(&request)).await?;
    Ok(change_answer(&mut HttpResponse::Created(), &signed))
}

pub(in crate::http) async fn present(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    payload: Payload,
    passports: Data<Passports>,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    let passport = read_passport(&read_members(&request, payload).await?)?;
    let report = passports.accept(&passport, &client.client_id).await?;
    let client = administration.present_report(&client.client_id, &report, &caller.actor(&request)).await?;
    Ok(change_answer(&mut HttpResponse::Ok(), &standing_of(&client)))
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    read_answer(&request, &standing_of(&client))
}

pub(in crate::http) async fn withdraw(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    administration.withdraw_report(&parse_id(&client_id)?, &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The passport in the members of a body. White space around it is not a part of it.
pub(in crate::http) fn read_passport(members: &Map<String, Value>) -> Result<String, Problem> {
    let mut reader = Reader::new(members);
    reader.refuse_unknown(&["passport"]);
    let passport = reader.required("passport", string).map(|passport| passport.trim_ascii().to_owned());
    reader.finish(passport).map_err(Problem::invalid_fields)
}

/// Whether a client has to show a report, and which one it has shown.
pub(in crate::http) fn standing_of(client: &Client) -> ReportStanding {
    ReportStanding {
        client_id: client.client_id.clone(),
        report: client.shown_report().cloned(),
        report_required: client.report_required(),
    }
}
