//! `/admin/clients`: registration (with the names of RFC 7591), list, show, change and delete.

use std::sync::Arc;

use actix_web::http::header::{ETAG, HeaderValue, LOCATION};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{change_answer, in_alphabetical_order, read_answer, read_members, read_patch};
use crate::administration::{Administration, ChangeError, answer_tag};
use crate::api::cursor::Cursor;
use crate::api::page::Page;
use crate::api::policy::RegistrationPolicy;
use crate::clients::registration::{ClientPatch, MAX_NAME_CHARS, RegistrationRequest};
use crate::clients::{Client, Clients};
use crate::http::authorized::{Authorized, ReadAdmin, WriteAdmin};
use crate::http::conditional::{self, condition};
use crate::http::error::{Problem, ProblemKind};
use crate::http::idempotency_key::{IDEMPOTENT_REPLAYED, idempotency_key};
use crate::idempotency::Attempt;
use crate::json;
use crate::oauth::credentials::ClientId;
use crate::precondition::EntityTag;
use crate::text::precis::folded;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;

pub(in crate::http) async fn register(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    policy: Data<RegistrationPolicy>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(&request)?;
    let members = read_members(&request, payload).await?;
    let registration = RegistrationRequest::parse(&members, &policy).map_err(Problem::invalid_fields)?;
    let attempt = key.map(|key| Attempt::new(caller.client_id(), key));
    let registered = administration.register_once(&registration, attempt.as_ref(), &caller.actor(&request)).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, registered.location));
    if registered.replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(with_tag(response, registered.etag, &in_alphabetical_order(&registered.body)))
}

/// What clients may be registered with.
pub(in crate::http) async fn policy(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    policy: Data<RegistrationPolicy>,
) -> Result<HttpResponse, Problem> {
    read_answer(&request, &**policy)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    q: Option<String>,
}

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let Page { data, next_cursor } = find(&request, &clients, MAX_LIMIT)?;
    let data = data.iter().map(|client| clients.client_response(client)).collect();
    read_answer(&request, &Page { data, next_cursor })
}

/// The page of clients that the query of a request asks for, of at most `max_limit`.
pub(super) fn find(request: &HttpRequest, clients: &Clients, max_limit: usize) -> Result<Page<Arc<Client>>, Problem> {
    let malformed = |detail: String| Problem::new(ProblemKind::MalformedQuery, detail);
    let query = Query::<ListQuery>::from_query(request.query_string())
        .map_err(|_| malformed(format!("The list takes limit (1 to {max_limit}), cursor and q.")))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=max_limit).contains(&limit) {
        return Err(malformed(format!("limit is a whole number from 1 to {max_limit}.")));
    }
    let wanted = folded(query.q.as_deref().unwrap_or_default());
    if wanted.chars().count() > MAX_NAME_CHARS {
        return Err(malformed(format!("q is a part of a name or client_id, of at most {MAX_NAME_CHARS} characters.")));
    }
    let searched = format!("clients?q={wanted}");
    let after = query.cursor.as_deref().map(|cursor| Cursor::place::<String>(cursor, &searched)).transpose();
    let after = after.map_err(|_| {
        Problem::new(ProblemKind::InvalidCursor, "Send next_cursor as you received it, with the same q.")
    })?;
    let matches = |client: &Client| {
        wanted.is_empty()
            || folded(&client.client_name).contains(&wanted)
            || client.client_id.as_str().to_lowercase().contains(&wanted)
    };
    let found = clients.list(after.as_deref(), limit, matches);
    let next_cursor = found.more_after.map(|last| Cursor::new(&searched, &last).into());
    Ok(Page { data: found.clients, next_cursor })
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    let answer = clients.client_response(&client);
    conditional::read(&request, answer_tag(&client, &answer), json::line(&answer).into())
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
    let client_id = parse_id(&client_id)?;
    let mut members = read_patch(&request, payload).await?;
    if let Some(current) = clients.get(client_id.as_str()) {
        leave_out_unchanged(&mut members, &in_alphabetical_order(&clients.client_response(&current)));
    }
    let patch = ClientPatch::parse(&members, &policy).map_err(Problem::invalid_fields)?;
    let client =
        administration.change(&client_id, &patch, &condition(&request).of_state(), &caller.actor(&request)).await?;
    Ok(with_client(&client, &clients))
}

pub(in crate::http) async fn delete(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let client_id = parse_id(&client_id)?;
    administration.delete(&client_id, &condition(&request).of_state(), &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes from a patch the members that the client has already. So a caller can send back an answer, with the members
/// that the server sets.
fn leave_out_unchanged(patch: &mut Map<String, Value>, current: &Value) {
    patch.retain(|member, value| match current.get(member) {
        Some(now) if member == "secrets" => without_uses(value) != without_uses(now),
        Some(now) => value != now,
        None => true,
    });
}

/// Secrets without their last uses, which change while the client does not.
fn without_uses(secrets: &Value) -> Value {
    let mut secrets = secrets.clone();
    for secret in secrets.as_array_mut().into_iter().flatten() {
        if let Some(members) = secret.as_object_mut() {
            members.remove("last_used_at");
        }
    }
    secrets
}

/// The identifier in a path. No client has a text of another form.
pub(super) fn parse_id(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).map_err(|_| ChangeError::ClientUnknown.into())
}

/// The answer to a change of a client.
pub(super) fn with_client(client: &Client, clients: &Clients) -> HttpResponse {
    let answer = clients.client_response(client);
    with_tag(HttpResponse::Ok(), answer_tag(client, &answer), &answer)
}

/// An answer with the tag that `If-Match` takes.
pub(super) fn with_tag(mut response: HttpResponseBuilder, etag: EntityTag, answer: &impl Serialize) -> HttpResponse {
    if let Ok(tag) = HeaderValue::from_maybe_shared(etag.into_bytes()) {
        response.insert_header((ETAG, tag));
    }
    change_answer(&mut response, answer)
}
