//! `/admin/clients/{client_id}/secrets`, `…/revoke-tokens` and `/admin/secrets/check`: what a client proves itself
//! with.

use std::ops::RangeInclusive;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::clients::{known_id, told, warnings, with_client};
use super::{changed, invalid, read_members, read_members_if_any, unknown};
use crate::administration::{Administration, ChangeError, Rotated};
use crate::clients::{Clients, SecretStanding};
use crate::http::authorized::{Authorized, WriteAdmin};
use crate::http::error::Problem;
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::fault::FieldFault;
use crate::oauth::registration::read_client_secret;
use crate::time::SECONDS_PER_DAY;

/// How long the previous secret may stay good beside a new one, in seconds.
const OVERLAP_S: RangeInclusive<u64> = 0..=30 * SECONDS_PER_DAY;

/// The most secrets that one request asks after.
const MAX_CHECKED: usize = 100;

pub(in crate::http) async fn rotate(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    payload: Payload,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let client_id = known_id(&client_id)?;
    let Rotation { overlap_s, client_secret } =
        Rotation::parse(&read_members_if_any(&request, payload).await?, &client_id).map_err(invalid)?;
    let warnings = warnings(client_secret.as_ref());
    let rotated = administration.rotate_secret(&client_id, client_secret, overlap_s, &caller.actor(&request)).await?;
    let Rotated { client, secret_id, secret } = rotated;
    let mut answer = told(&client, &clients);
    if let Some(members) = answer.as_object_mut() {
        members.insert("secret_id".to_owned(), secret_id.to_string().into());
        if let Some(secret) = secret {
            members.insert("client_secret".to_owned(), secret.expose().into());
        }
        members.extend(warnings.map(|warnings| ("warnings".to_owned(), warnings)));
    }
    Ok(with_client(HttpResponse::Created(), &client, &answer))
}

/// What secrets are to clients: current, former, or unknown. For whoever may change them: others could test guesses.
/// Reads the store, so that it says the same as a refusal that came just before, whose reason memory may not have yet.
pub(in crate::http) async fn check(
    _caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    administration: Data<Administration>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload).await?;
    let mut data = Vec::new();
    for (client_id, secret) in asked_after(&members).map_err(invalid)? {
        let fingerprint = clients.digest_key().fingerprint(&secret);
        let standing = match ClientId::parse(client_id) {
            Ok(client_id) => administration.standing_of(&client_id, fingerprint).await?,
            Err(_) => SecretStanding::Unknown,
        };
        data.push(json!({ "client_id": client_id, "standing": standing }));
    }
    Ok(changed(&mut HttpResponse::Ok(), &json!({ "data": data })))
}

fn asked_after(members: &Map<String, Value>) -> Result<Vec<(&str, ClientSecret)>, Vec<FieldFault>> {
    let mut faults = unknown(members, &["secrets"], "is not known; known is secrets");
    let asked = members.get("secrets").and_then(Value::as_array).filter(|asked| asked.len() <= MAX_CHECKED);
    let asked = asked.and_then(|asked| asked.iter().map(one_asked_after).collect::<Option<Vec<_>>>());
    if asked.is_none() {
        let detail = format!("must be an array of at most {MAX_CHECKED} objects of client_id and client_secret");
        faults.push(FieldFault::of_member("secrets", detail));
    }
    asked.filter(|_| faults.is_empty()).ok_or(faults)
}

fn one_asked_after(asked: &Value) -> Option<(&str, ClientSecret)> {
    let text = |name| asked.get(name).and_then(Value::as_str);
    Some((text("client_id")?, ClientSecret::new(text("client_secret")?.to_owned().into())))
}

/// What a rotation may say.
struct Rotation {
    /// `previous_expires_in`, in seconds; a day if it is not said.
    overlap_s: u64,
    client_secret: Option<ClientSecret>,
}

impl Rotation {
    fn parse(members: &Map<String, Value>, client_id: &ClientId) -> Result<Self, Vec<FieldFault>> {
        let known = ["previous_expires_in", "client_secret"];
        let mut faults = unknown(members, &known, "is not known; known are previous_expires_in, client_secret");
        let overlap_s = match members.get("previous_expires_in") {
            None => Some(SECONDS_PER_DAY),
            Some(given) => given.as_u64().filter(|seconds| OVERLAP_S.contains(seconds)),
        };
        if overlap_s.is_none() {
            let detail = format!("must be a whole number of seconds from {} to {}", OVERLAP_S.start(), OVERLAP_S.end());
            faults.push(FieldFault::of_member("previous_expires_in", detail));
        }
        match (overlap_s, read_client_secret(members, Some(client_id))) {
            (Some(overlap_s), Ok(client_secret)) if faults.is_empty() => Ok(Self { overlap_s, client_secret }),
            (_, client_secret) => {
                faults.extend(client_secret.err());
                Err(faults)
            }
        }
    }
}

pub(in crate::http) async fn delete(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    path: Path<(String, String)>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let (client_id, secret_id) = &*path;
    let client_id = known_id(client_id)?;
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
    let client = administration.revoke_tokens(&known_id(&client_id)?, &caller.actor(&request)).await?;
    Ok(with_client(HttpResponse::Ok(), &client, &told(&client, &clients)))
}
