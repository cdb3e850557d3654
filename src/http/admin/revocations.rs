//! `POST /admin/revocations`: a token of any client is refused from the next request on.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::{change_answer, read_members};
use crate::administration::Administration;
use crate::admission::Admission;
use crate::api::policy::RegistrationPolicy;
use crate::api::revocation::RevokedToken;
use crate::http::authorized::{Authorized, WriteAdmin};
use crate::http::error::Problem;
use crate::json::{Reader, whole_number};
use crate::time::{SharedClock, UnixSeconds};

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
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["token", "jti", "exp"]);
    let named = if reader.has("token") {
        by_token(&mut reader, &admission)
    } else {
        let now = clock.now();
        // No token that this server issues lives longer.
        by_name(&mut reader, now, now.plus(policy.token_ttl.max))
    };
    let RevokedToken { expires_at, jti } = reader.finish(named).map_err(Problem::invalid_fields)?;
    administration.revoke_jti(&jti, expires_at, &caller.actor(&request)).await?;
    Ok(change_answer(&mut HttpResponse::Ok(), &RevokedToken { expires_at, jti }))
}

fn by_token(reader: &mut Reader<'_>, admission: &Admission) -> Option<RevokedToken> {
    for name in ["jti", "exp"] {
        reader.refuse(name, "is not needed beside token: leave it out");
    }
    let token = reader.optional("token", |value| {
        let token = value.as_str().ok_or("must be a string: the whole access token")?;
        admission.verify_signature_and_expiry(token).map_err(|fault| format!("is refused already: {fault}"))
    })?;
    Some(RevokedToken { expires_at: token.expires_at, jti: token.jti })
}

fn by_name(reader: &mut Reader<'_>, now: UnixSeconds, latest: UnixSeconds) -> Option<RevokedToken> {
    let detail = "must be the token's jti, a UUID; or send the whole token as token";
    let jti = reader.expected("jti", detail, |value| Uuid::parse_str(value.as_str()?).ok());
    let bounds = now.get() + 1..=latest.get();
    let detail = format!(
        "must be the token's exp, whole seconds since 1970 from now, {}, to the longest that a token lives, {}",
        bounds.start(),
        bounds.end()
    );
    let exp = reader.expected("exp", detail, |value| whole_number(value, &bounds).ok());
    Some(RevokedToken { expires_at: UnixSeconds::new(exp?), jti: jti? })
}
