//! `POST /oauth2/introspect` (RFC 7662): whether a token is good, and what it says.
//!
//! A client sees its own tokens, a resource server those of its audiences, an administrator all: see
//! [`Admission::introspect`]. To anybody else a token is not active, and nothing more is said (section 2.2).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::administration::Administration;
use crate::admission::Admission;
use crate::client_credentials::ClientCredentials;
use crate::http::body;
use crate::http::error::OauthError;
use crate::http::request_context::note_caller;
use crate::http::response::Site;
use crate::http::token::{Inspection, Purpose, SourceLimit, read_inspection};

/// What the token says, or `{"active": false}`.
pub async fn introspect(
    request: HttpRequest,
    payload: Payload,
    client_credentials: Data<ClientCredentials>,
    admission: Data<Admission>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
    site: Data<Site>,
) -> Result<HttpResponse, OauthError> {
    let Inspection { client, token } =
        read_inspection(&request, payload, Purpose::Introspect, &client_credentials, &administration, &limit).await?;
    note_caller(&client.client_id);
    let answer = match admission.introspect(&token, &client) {
        None => json!({ "active": false }),
        Some(admitted) => json!({
            "active": true,
            "token_type": "Bearer",
            "scope": admitted.token.scope.iter().filter(|scope_token| admitted.may(scope_token)).collect::<Vec<_>>().join(" "),
            "client_id": admitted.token.client_id,
            "sub": admitted.token.client_id,
            "aud": admitted.token.audience,
            "iss": site.issuer,
            "iat": admitted.token.issued_at.get(),
            "exp": admitted.token.expires_at.get(),
            "jti": admitted.token.jti,
        }),
    };
    Ok(body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &answer))
}
