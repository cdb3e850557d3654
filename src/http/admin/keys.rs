//! `/admin/keys`: the signing keys, rotated, imported and revoked.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::{changed, invalid, read_members, read_members_if_any, shown, unknown};
use crate::administration::Administration;
use crate::api::key::Key;
use crate::http::authorized::{Authorized, ReadAdmin, WriteAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::keys::{Keys, Schedule, Start};
use crate::oauth::fault::FieldFault;
use crate::time::SharedClock;

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    keys: Data<Keys>,
    schedule: Data<Schedule>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    let now = clock.now();
    let answer = json!({ "data": keys.list(now), "rotates_at": keys.replaced_at(&schedule, now) });
    shown(&request, &answer)
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    kid: Path<String>,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    shown(&request, &told(&keys, &kid, &clock)?)
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
    let mut faults = unknown(&members, &["immediately"], "is not known; known is immediately");
    let start = start(&members, &mut faults);
    refuse(faults)?;
    let kid = administration.rotate_keys(schedule.algorithm, start, &caller.actor(&request)).await?;
    Ok(changed(&mut HttpResponse::Ok(), &told(&keys, &kid, &clock)?))
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
    let known = ["private_key", "immediately"];
    let mut faults = unknown(&members, &known, "is not known; known are private_key and immediately");
    let start = start(&members, &mut faults);
    let pem = members.get("private_key").and_then(Value::as_str).unwrap_or_else(|| {
        faults.push(FieldFault::of_member("private_key", "must be a string: an RSA private key in PEM"));
        ""
    });
    refuse(faults)?;
    let kid = administration.import_key(pem, start, &caller.actor(&request)).await?;
    let key = told(&keys, &kid, &clock)?;
    let mut response = HttpResponse::Created();
    Ok(changed(response.insert_header((LOCATION, format!("/admin/keys/{}", key.kid))), &key))
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

fn told(keys: &Keys, kid: &str, clock: &SharedClock) -> Result<Key, Problem> {
    let key = keys.list(clock.now()).into_iter().find(|key| key.kid == kid);
    key.ok_or_else(|| Problem::new(ProblemKind::NotFound, "No signing key has this kid."))
}

fn start(members: &Map<String, Value>, faults: &mut Vec<FieldFault>) -> Start {
    match members.get("immediately") {
        Some(Value::Bool(true)) => return Start::Immediately,
        None | Some(Value::Bool(false)) => {}
        Some(_) => faults.push(FieldFault::of_member("immediately", "must be true or false")),
    }
    Start::WhenPublished
}

fn refuse(faults: Vec<FieldFault>) -> Result<(), Problem> {
    if faults.is_empty() { Ok(()) } else { Err(invalid(faults)) }
}
