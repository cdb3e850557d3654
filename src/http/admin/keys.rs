//! `/admin/keys`: the signing keys, rotated, imported and revoked.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::administration::Administration;
use crate::http::authorized::{AnyAdmin, Authorized, ReadAdmin, WriteAdmin};
use crate::http::body;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::keys::{KeyStatus, Keys, Schedule, Start};
use crate::oauth::document::{Document, echo};
use crate::oauth::fault::FieldFault;
use crate::time::SharedClock;

/// The routes under `/admin`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/keys")
                .name("/keys")
                .route(web::get().to(list))
                .route(web::head().to(list))
                .default_service(web::to(|caller| not_allowed(caller, "GET, HEAD"))),
        )
        .service(
            web::resource("/keys/rotate")
                .name("/keys/rotate")
                .route(web::post().to(rotate))
                .default_service(web::to(|caller| not_allowed(caller, "POST"))),
        )
        .service(
            web::resource("/keys/import")
                .name("/keys/import")
                .route(web::post().to(import))
                .default_service(web::to(|caller| not_allowed(caller, "POST"))),
        )
        .service(
            web::resource("/keys/{kid}")
                .name("/keys/{kid}")
                .route(web::get().to(show))
                .route(web::head().to(show))
                .route(web::delete().to(revoke))
                .default_service(web::to(|caller| not_allowed(caller, "GET, HEAD, DELETE"))),
        );
}

#[allow(clippy::unused_async, reason = "actix asks for async handlers, whether they wait or not")]
async fn not_allowed(_caller: Authorized<AnyAdmin>, allow: &'static str) -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed(allow))
}

async fn list(
    _caller: Authorized<ReadAdmin>,
    keys: Data<Keys>,
    schedule: Data<Schedule>,
    clock: Data<SharedClock>,
) -> HttpResponse {
    let now = clock.now();
    let answer = json!({ "data": keys.list(now), "rotates_at": keys.replaced_at(&schedule, now) });
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer)
}

async fn show(
    _caller: Authorized<ReadAdmin>,
    kid: Path<String>,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    let key = told(&keys, &kid, &clock)?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(key))
}

/// The body may be empty.
async fn rotate(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    schedule: Data<Schedule>,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
    changes: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let body = body::read_uncoded(&request, payload).await?;
    let members = if body.trim_ascii().is_empty() { Map::new() } else { members(&body)? };
    let mut faults = unknown(&members, &["immediately"]);
    let start = start(&members, &mut faults);
    refuse(faults)?;
    let kid = changes.rotate_keys(schedule.algorithm, start, &caller.actor(&request)).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(told(&keys, &kid, &clock)?))
}

async fn import(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    keys: Data<Keys>,
    clock: Data<SharedClock>,
    changes: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let members = members(&body::read_json(&request, payload).await?)?;
    let mut faults = unknown(&members, &["private_key", "immediately"]);
    let start = start(&members, &mut faults);
    let pem = members.get("private_key").and_then(Value::as_str).unwrap_or_else(|| {
        faults.push(fault("private_key", "must be a string: an RSA private key in PEM"));
        ""
    });
    refuse(faults)?;
    let kid = changes.import_key(pem, start, &caller.actor(&request)).await?;
    let key = told(&keys, &kid, &clock)?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/admin/keys/{}", key.kid)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(key))
}

async fn revoke(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    kid: Path<String>,
    changes: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    changes.revoke_key(&kid, &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn told(keys: &Keys, kid: &str, clock: &SharedClock) -> Result<KeyStatus, Problem> {
    let key = keys.list(clock.now()).into_iter().find(|key| key.kid == kid);
    key.ok_or_else(|| Problem::new(ProblemKind::NotFound, "No signing key has this kid."))
}

fn members(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let document = Document::parse(body).map_err(|fault| Problem::new(ProblemKind::MalformedBody, sentence(&fault)))?;
    let members = document.members().cloned();
    members.ok_or_else(|| Problem::new(ProblemKind::MalformedBody, "The body is not a JSON object."))
}

fn unknown(members: &Map<String, Value>, known: &[&str]) -> Vec<FieldFault> {
    let unknown = members.keys().filter(|name| !known.contains(&name.as_str())).take(20);
    unknown.map(|name| fault(&echo(name), format!("is not known; known are {}", known.join(", ")))).collect()
}

fn fault(member: &str, detail: impl Into<String>) -> FieldFault {
    // RFC 6901 section 3: `~` and `/` inside a name are escaped.
    FieldFault::new(format!("/{}", member.replace('~', "~0").replace('/', "~1")), detail)
}

fn start(members: &Map<String, Value>, faults: &mut Vec<FieldFault>) -> Start {
    match members.get("immediately") {
        Some(Value::Bool(true)) => return Start::Immediately,
        None | Some(Value::Bool(false)) => {}
        Some(_) => faults.push(fault("immediately", "must be true or false")),
    }
    Start::WhenPublished
}

fn refuse(faults: Vec<FieldFault>) -> Result<(), Problem> {
    if faults.is_empty() {
        return Ok(());
    }
    let detail = format!("{} of the members are not right; nothing was changed.", faults.len());
    Err(Problem::new(ProblemKind::InvalidFields, detail).with_errors(faults))
}
