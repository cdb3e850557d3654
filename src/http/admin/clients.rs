//! `/admin/clients`: registration (RFC 7591 has the names it has), list, show, change and delete.

use actix_web::http::header::{ETAG, HeaderValue, LOCATION};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{changed, invalid, read_cursor, read_members, read_patch, shown, write_cursor};
use crate::administration::{self, Administration, ChangeError, entity_tag};
use crate::clients::{Client, Clients};
use crate::http::authorized::{Authorized, ReadAdmin, WriteAdmin};
use crate::http::body;
use crate::http::conditional::{self, condition};
use crate::http::error::{Problem, ProblemKind};
use crate::http::idempotency_key::{IDEMPOTENT_REPLAYED, idempotency_key};
use crate::idempotency::Attempt;
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::precis::folded;
use crate::oauth::precondition::EntityTag;
use crate::oauth::registration::{MAX_NAME_CHARS, Patch, RegistrationPolicy, RegistrationRequest};

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;

pub(in crate::http) async fn register(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    policy: Data<RegistrationPolicy>,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(&request)?;
    let members = read_members(&request, payload).await?;
    let asked = RegistrationRequest::parse(&members, &policy).map_err(invalid)?;
    let warnings = warnings(asked.client_secret.as_ref());
    let attempt = key.map(|key| Attempt::new(caller.client_id(), key));
    let answer = |client: &Client| {
        let mut answer = told(client, &clients);
        let etag = tag(client, &answer);
        if let Some(members) = answer.as_object_mut() {
            members.extend(warnings.clone().map(|warnings| ("warnings".to_owned(), warnings)));
            // RFC 7591 section 3.2.1 has these two as numbers, and 0 for never.
            members.insert("client_id_issued_at".to_owned(), client.created_at.get().into());
            members.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        (answer, etag)
    };
    let asked = administration::Request { asked, attempt, answer: &answer };
    let registered = administration.register_once(asked, &caller.actor(&request)).await?;
    let mut body = registered.body;
    if let (Some(members), Some(secret)) = (body.as_object_mut(), &registered.secret) {
        members.insert("client_secret".to_owned(), secret.expose().into());
    }
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, registered.location));
    if registered.replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(with_tag(response, registered.etag, &body))
}

/// What the caller should know of the secret that it chose; `None` where there is nothing to know.
pub(super) fn warnings(chosen: Option<&ClientSecret>) -> Option<Value> {
    chosen.and_then(ClientSecret::spelling_warning).map(|warning| json!([warning]))
}

/// What clients may be registered with, and what they get who ask for nothing.
pub(in crate::http) async fn policy(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    policy: Data<RegistrationPolicy>,
) -> Result<HttpResponse, Problem> {
    shown(&request, &**policy)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
    q: Option<String>,
}

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let page = Query::<Page>::from_query(request.query_string())
        .map_err(|_| Problem::new(ProblemKind::MalformedQuery, "The list takes limit (1 to 100), cursor and q."))?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(ProblemKind::MalformedQuery, "limit is a whole number from 1 to 100."));
    }
    let wanted = folded(page.q.as_deref().unwrap_or_default());
    if wanted.chars().count() > MAX_NAME_CHARS {
        let detail = format!("q is a part of a name or client_id, of at most {MAX_NAME_CHARS} characters.");
        return Err(Problem::new(ProblemKind::MalformedQuery, detail));
    }
    let searched = format!("clients?q={wanted}");
    let after = page.cursor.as_deref().map(|cursor| {
        let last = read_cursor(cursor, &searched).and_then(|last| ClientId::parse(&last).ok());
        last.ok_or_else(|| {
            Problem::new(ProblemKind::InvalidCursor, "Use next_cursor as it was answered, with the same q.")
        })
    });
    let after = after.transpose()?;
    let matches = |client: &Client| {
        wanted.is_empty()
            || folded(&client.client_name).contains(&wanted)
            || client.client_id.as_str().to_lowercase().contains(&wanted)
    };
    let found = clients.list(after.as_ref().map(ClientId::as_str), limit, matches);
    let next_cursor = found.more_after.map(|last| write_cursor(last.as_str(), &searched));
    let data: Vec<Value> = found.clients.iter().map(|client| told(client, &clients)).collect();
    shown(&request, &json!({ "data": data, "next_cursor": next_cursor }))
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    let answer = told(&client, &clients);
    conditional::read(&request, tag(&client, &answer), body::json_line(&answer).into())
}

pub(in crate::http) async fn change(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    payload: Payload,
    policy: Data<RegistrationPolicy>,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client_id = known_id(&client_id)?;
    let mut members = read_patch(&request, payload).await?;
    if let Some(current) = clients.get(client_id.as_str()) {
        leave_out_unchanged(&mut members, &told(&current, &clients));
    }
    let patch = Patch::parse(&members, &policy).map_err(invalid)?;
    let client =
        administration.change(&client_id, &patch, &condition(&request).of_state(), &caller.actor(&request)).await?;
    Ok(with_client(HttpResponse::Ok(), &client, &told(&client, &clients)))
}

pub(in crate::http) async fn delete(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let client_id = known_id(&client_id)?;
    administration.delete(&client_id, &condition(&request).of_state(), &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Leaves out of a patch what is as the client is now: so what was shown can be sent back, with what the server sets.
fn leave_out_unchanged(patch: &mut Map<String, Value>, current: &Value) {
    patch.retain(|member, value| match current.get(member) {
        Some(now) if member == "secrets" => without_uses(value) != without_uses(now),
        Some(now) => value != now,
        None => true,
    });
}

/// Secrets without when they were last used, which changes while nobody changes the client.
fn without_uses(secrets: &Value) -> Value {
    let mut secrets = secrets.clone();
    for secret in secrets.as_array_mut().into_iter().flatten() {
        if let Some(members) = secret.as_object_mut() {
            members.remove("last_used_at");
        }
    }
    secrets
}

/// The identifier in a path; what cannot be one is nobody's.
pub(super) fn known_id(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).map_err(|_| ChangeError::ClientUnknown.into())
}

/// The answer to a change of a client, with the tag that `If-Match` takes.
pub(super) fn with_client(response: HttpResponseBuilder, client: &Client, answer: &Value) -> HttpResponse {
    with_tag(response, tag(client, answer), answer)
}

fn with_tag(mut response: HttpResponseBuilder, etag: EntityTag, answer: &Value) -> HttpResponse {
    if let Ok(tag) = HeaderValue::from_maybe_shared(etag.into_bytes()) {
        response.insert_header((ETAG, tag));
    }
    changed(&mut response, answer)
}

/// The tag of a client as `answer` shows it: of its record, which `If-Match` asks for, and of when its secrets were last
/// used, which changes while nobody edits the client.
fn tag(client: &Client, answer: &Value) -> EntityTag {
    entity_tag(client).with_part(answer.get("secrets").map(Value::to_string).unwrap_or_default().as_bytes())
}

/// A client as operators see it: everything but its secrets.
pub(super) fn told(client: &Client, clients: &Clients) -> Value {
    let secrets: Vec<Value> = client
        .secrets
        .iter()
        .map(|secret| {
            json!({
                "secret_id": secret.secret_id,
                "fingerprint": secret.fingerprint,
                "created_at": secret.created_at,
                "expires_at": secret.expires_at,
                "last_used_at": clients.last_used(secret),
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
        "declared": client.declared,
        "secrets": secrets,
        "retired_secrets": client.retired_secrets,
        "tokens_valid_from": client.tokens_valid_from,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    })
}
