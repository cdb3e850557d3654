//! `/admin/keys`: list, show, rotate, import and revoke signing keys.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::{change_answer, in_alphabetical_order, read_answer, read_members, read_members_if_any};
use crate::administration::Administration;
use crate::api::key::{Key, KeyList};
use crate::http::authorized::{Authorized, ReadAdmin, WriteAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::json::{Reader, flag};
use crate::keys::{Keys, Schedule, Start};
use crate::time::SharedClock;

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    keys: Data<Keys>,
    schedule: Data<Schedule>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    let now = clock.now();
    let answer = KeyList { data: keys.list(now), rotates_at: keys.replaced_at(&schedule, now) };
    read_answer(&request, &in_alphabetical_order(&answer))
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    kid: Path<String>,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    read_answer(&request, &find(&keys, &kid, &clock)?)
}

/// The body may be empty.
pub(in crate::http) async fn rotate(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    schedule: Data<Schedule>,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let members = read_members_if_any(&request, payload).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["immediately"]);
    let start = Some(read_start(&mut reader));
    let start = reader.finish(start).map_err(Problem::invalid_fields)?;
    let kid = administration.rotate_keys(schedule.algorithm, start, &caller.actor(&request)).await?;
    Ok(change_answer(&mut HttpResponse::Ok(), &find(&keys, &kid, &clock)?))
}

pub(in crate::http) async fn import(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["private_key", "immediately"]);
    let start = read_start(&mut reader);
    let detail = "must be a string: an RSA private key in PEM";
    let pem = reader.expected("private_key", detail, Value::as_str);
    let pem = reader.finish(pem).map_err(Problem::invalid_fields)?;
    let kid = administration.import_key(pem, start, &caller.actor(&request)).await?;
    let key = find(&keys, &kid, &clock)?;
    let mut response = HttpResponse::Created();
    Ok(change_answer(response.insert_header((LOCATION, format!("/admin/keys/{}", key.kid))), &key))
}

pub(in crate::http) async fn revoke(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    kid: Path<String>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    administration.revoke_key(&kid, &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn find(keys: &Keys, kid: &str, clock: &SharedClock) -> Result<Key, Problem> {
    let key = keys.list(clock.now()).into_iter().find(|key| key.kid == kid);
    key.ok_or_else(|| Problem::new(ProblemKind::NotFound, "No signing key has this kid."))
}

fn read_start(reader: &mut Reader<'_>) -> Start {
    let immediately = reader.optional("immediately", flag).unwrap_or(false);
    if immediately { Start::Immediately } else { Start::WhenPublished }
}
