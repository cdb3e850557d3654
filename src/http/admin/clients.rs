//! `/admin/clients`: registration (RFC 7591 has the names it has), list and show.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::administration::Administration;
use crate::clients::{Client, Clients, Secret};
use crate::http::authorized::{AnyAdmin, Authorized, ReadAdmin, WriteAdmin};
use crate::http::body;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::oauth::credentials::ClientId;
use crate::oauth::document::Document;
use crate::oauth::fault::FieldFault;
use crate::oauth::registration::{Registration, Terms};
use crate::time::SharedClock;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;

/// The routes under `/admin`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/clients")
                .route(web::get().to(list))
                .route(web::head().to(list))
                .route(web::post().to(register))
                .default_service(web::to(|caller| not_allowed(caller, "GET, HEAD, POST"))),
        )
        .service(
            web::resource("/clients/{client_id}")
                .route(web::get().to(show))
                .route(web::head().to(show))
                .default_service(web::to(|caller| not_allowed(caller, "GET, HEAD"))),
        );
}

#[allow(clippy::unused_async, reason = "actix asks for async handlers, whether they wait or not")]
async fn not_allowed(_caller: Authorized<AnyAdmin>, allow: &'static str) -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed(allow))
}

async fn register(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    terms: Data<Terms>,
    clock: Data<SharedClock>,
    changes: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let body = body::read_json(&request, payload).await?;
    let document =
        Document::parse(&body).map_err(|fault| Problem::new(ProblemKind::MalformedBody, sentence(&fault)))?;
    let members =
        document.members().ok_or_else(|| Problem::new(ProblemKind::MalformedBody, "The body is not a JSON object."))?;
    let registration = Registration::parse(members, &terms).map_err(invalid)?;
    let (secret, kept) = Secret::generate(&SystemRandom::new(), clock.now())
        .map_err(|_| Problem::new(ProblemKind::Unavailable, "No secret could be made."))?;
    let client_id = ClientId::parse(&Uuid::new_v4().to_string())
        .map_err(|_| Problem::new(ProblemKind::Unavailable, "No client_id could be made."))?;
    let client = changes.register(client_id, registration, kept, &caller.actor(&request)).await?;
    let mut answer = told(&client);
    if let Some(members) = answer.as_object_mut() {
        members.insert("client_secret".to_owned(), secret.expose().into());
        // RFC 7591 section 3.2.1 has these two as numbers, and 0 for never.
        members.insert("client_id_issued_at".to_owned(), client.created_at.get().into());
        members.insert("client_secret_expires_at".to_owned(), 0.into());
    }
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/admin/clients/{}", client.client_id)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let page = Query::<Page>::from_query(request.query_string())
        .map_err(|_| Problem::new(ProblemKind::MalformedQuery, "The list takes limit (1 to 100) and cursor."))?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(ProblemKind::MalformedQuery, "limit is a whole number from 1 to 100."));
    }
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    // One more than is shown tells whether there is a next page.
    let mut page = clients.list(after.as_ref().map(ClientId::as_str), limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(last.client_id.as_str()));
    let data: Vec<Value> = page.iter().map(|client| told(client)).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "data": data, "next_cursor": next_cursor })))
}

async fn show(
    _caller: Authorized<ReadAdmin>,
    client_id: Path<String>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = clients
        .get(&client_id)
        .ok_or_else(|| Problem::new(ProblemKind::NotFound, "No client of this client_id is registered."))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(told(&client)))
}

/// A client as operators see it: everything but its secrets.
fn told(client: &Client) -> Value {
    let secrets: Vec<Value> = client
        .secrets
        .iter()
        .map(|secret| {
            json!({
                "secret_id": secret.secret_id,
                "created_at": secret.created_at,
                "expires_at": secret.expires_at,
            })
        })
        .collect();
    json!({
        "client_id": client.client_id,
        "client_name": client.client_name,
        "scope": client.scope,
        "audience": client.audience,
        "token_ttl": client.token_ttl,
        "requests_per_second": client.limits.requests_per_second,
        "burst": client.limits.burst,
        "daily_quota": client.limits.daily_quota,
        "enforce": client.limits.enforce,
        "status": client.status,
        "secrets": secrets,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    })
}

fn read_cursor(cursor: &str) -> Result<ClientId, Problem> {
    let last = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.and_then(|last| ClientId::parse(&last).ok())
        .ok_or_else(|| Problem::new(ProblemKind::InvalidCursor, "Use next_cursor as it was answered."))
}

fn invalid(faults: Vec<FieldFault>) -> Problem {
    let detail = format!("{} of the registration's members are not right; nothing was changed.", faults.len());
    Problem::new(ProblemKind::InvalidFields, detail).with_errors(faults)
}
