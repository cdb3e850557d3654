//! `/admin/clients/{client_id}/secrets`, `…/revoke-tokens` and `/admin/secrets/check`: the credentials of clients.

use std::ops::RangeInclusive;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use super::clients::{parse_id, with_client, with_tag};
use super::{change_answer, in_alphabetical_order, read_members, read_members_if_any};
use crate::administration::{Administration, ChangeError, Rotated, answer_tag};
use crate::api::client::RotatedClient;
use crate::api::secret::{CheckedSecret, CheckedSecrets};
use crate::clients::registration::read_client_secret;
use crate::clients::{Clients, SecretStanding};
use crate::http::authorized::{Authorized, WriteAdmin};
use crate::http::error::Problem;
use crate::json::{Reader, whole_number};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::time::SECONDS_PER_DAY;

/// How long the previous secret may stay valid beside a new one, in seconds.
const OVERLAP_S: RangeInclusive<u64> = 0..=30 * SECONDS_PER_DAY;

/// The most secrets in one request.
const MAX_CHECKED: usize = 100;

pub(in crate::http) async fn rotate(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    payload: Payload,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client_id = parse_id(&client_id)?;
    let members = read_members_if_any(&request, payload).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["previous_expires_in", "client_secret"]);
    let overlap_s = reader.optional("previous_expires_in", read_overlap).unwrap_or(SECONDS_PER_DAY);
    let client_secret = reader.optional("client_secret", |value| read_client_secret(value, Some(&client_id)));
    reader.finish(Some(())).map_err(Problem::invalid_fields)?;
    let warnings = client_secret.as_ref().and_then(ClientSecret::spelling_warning).into_iter().collect();
    let rotated = administration.rotate_secret(&client_id, client_secret, overlap_s, &caller.actor(&request)).await?;
    let Rotated { client, secret_id, secret } = rotated;
    let answer = clients.client_response(&client);
    let etag = answer_tag(&client, &answer);
    let client_secret = secret.map(|secret| secret.expose().to_owned());
    let answer = RotatedClient { client: answer, client_secret, secret_id, warnings };
    Ok(with_tag(HttpResponse::Created(), etag, &in_alphabetical_order(&answer)))
}

fn read_overlap(value: &Value) -> Result<u64, String> {
    whole_number(value, &OVERLAP_S)
        .map_err(|_| format!("must be a whole number of seconds from {} to {}", OVERLAP_S.start(), OVERLAP_S.end()))
}

/// Says whether secrets are current, former or unknown. Only a caller that may change secrets may ask, because
/// others could test guesses. Reads the store, so that it agrees with a refusal that came just before, whose reason may
/// not be in memory yet.
pub(in crate::http) async fn check(
    _caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["secrets"]);
    let detail = format!("must be an array of at most {MAX_CHECKED} objects of client_id and client_secret");
    let secrets = reader.expected("secrets", detail, read_secrets);
    let mut data = Vec::new();
    for (client_id, secret) in reader.finish(secrets).map_err(Problem::invalid_fields)? {
        let fingerprint = clients.digest_key().fingerprint(&secret);
        let standing = match ClientId::parse(client_id) {
            Ok(client_id) => administration.standing_of(&client_id, fingerprint).await?,
            Err(_) => SecretStanding::Unknown,
        };
        data.push(CheckedSecret { client_id: client_id.to_owned(), standing });
    }
    Ok(change_answer(&mut HttpResponse::Ok(), &CheckedSecrets { data }))
}

fn read_secrets(value: &Value) -> Option<Vec<(&str, ClientSecret)>> {
    let secrets = value.as_array().filter(|secrets| secrets.len() <= MAX_CHECKED)?;
    secrets.iter().map(read_secret).collect()
}

fn read_secret(value: &Value) -> Option<(&str, ClientSecret)> {
    let text = |name| value.get(name).and_then(Value::as_str);
    Some((text("client_id")?, ClientSecret::new(text("client_secret")?.to_owned().into())))
}

pub(in crate::http) async fn delete(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    path: Path<(String, String)>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let (client_id, secret_id) = &*path;
    let client_id = parse_id(client_id)?;
    let secret_id = Uuid::parse_str(secret_id).map_err(|_| ChangeError::SecretUnknown)?;
    administration.delete_secret(&client_id, &secret_id, &caller.actor(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(in crate::http) async fn revoke_tokens(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client = administration.revoke_tokens(&parse_id(&client_id)?, &caller.actor(&request)).await?;
    Ok(with_client(&client, &clients))
}
