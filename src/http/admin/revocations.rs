//! `POST /admin/revocations`: one token of any client is dead from the next request on.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{changed, invalid, read_members, unknown};
use crate::administration::Administration;
use crate::admission::Admission;
use crate::http::authorized::{Authorized, WriteAdmin};
use crate::http::error::Problem;
use crate::oauth::fault::FieldFault;
use crate::oauth::registration::RegistrationPolicy;
use crate::time::{SharedClock, UnixSeconds};

/// Which token, and when it ends by itself.
struct Named {
    jti: Uuid,
    expires_at: UnixSeconds,
}

pub(in crate::http) async fn revoke(
    caller: Authorized<WriteAdmin>,
    request: HttpRequest,
    payload: Payload,
    clock: Data<SharedClock>,
    policy: Data<RegistrationPolicy>,
    admission: Data<Admission>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload).await?;
    // No token that this server issues outlives this.
    let latest = clock.now().plus(*policy.token_ttl_s.end());
    let named = match members.get("token") {
        Some(token) => by_token(&members, token, &admission),
        None => by_name(&members, clock.now(), latest),
    };
    let Named { jti, expires_at } = named.map_err(invalid)?;
    administration.revoke_jti(&jti, expires_at, &caller.actor(&request)).await?;
    let answer = json!({ "jti": jti, "expires_at": expires_at });
    Ok(changed(&mut HttpResponse::Ok(), &answer))
}

fn by_token(members: &Map<String, Value>, token: &Value, admission: &Admission) -> Result<Named, Vec<FieldFault>> {
    let mut faults = unknown(members, &["token"], "beside token there is nothing to say");
    match token.as_str().map(|token| admission.verify_signature_and_expiry(token)) {
        Some(Ok(token)) if faults.is_empty() => {
            return Ok(Named { jti: token.jti, expires_at: token.expires_at });
        }
        Some(Ok(_)) => {}
        Some(Err(fault)) => faults.push(FieldFault::of_member("token", format!("is refused already: {fault}"))),
        None => faults.push(FieldFault::of_member("token", "must be a string: the whole access token")),
    }
    Err(faults)
}

fn by_name(members: &Map<String, Value>, now: UnixSeconds, latest: UnixSeconds) -> Result<Named, Vec<FieldFault>> {
    let mut faults = unknown(members, &["jti", "exp"], "known are token, or jti and exp");
    let jti = members.get("jti").and_then(Value::as_str).and_then(|jti| Uuid::parse_str(jti).ok());
    if jti.is_none() {
        faults.push(FieldFault::of_member("jti", "must be the token's jti, a UUID; or send the whole token as token"));
    }
    let exp = members.get("exp").and_then(Value::as_u64);
    let exp = exp.filter(|exp| (now.get() + 1..=latest.get()).contains(exp));
    if exp.is_none() {
        let detail = format!(
            "must be the token's exp, whole seconds since 1970 from now, {}, to the longest that a token lives, {}",
            now.get() + 1,
            latest.get()
        );
        faults.push(FieldFault::of_member("exp", detail));
    }
    match (jti, exp) {
        (Some(jti), Some(exp)) if faults.is_empty() => Ok(Named { jti, expires_at: UnixSeconds::new(exp) }),
        _ => Err(faults),
    }
}
