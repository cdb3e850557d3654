//! `POST /oauth2/introspect` (RFC 7662): whether a token is active, and what it contains.
//!
//! A client sees its own tokens, a resource server the tokens for its audiences, an administrator all tokens: see
//! [`Admission::introspect`]. To any other caller a token is not active, and the answer says no more (section 2.2).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::admission::Admission;
use crate::http::body;
use crate::http::error::OauthError;
use crate::http::oauth_endpoint::{Inspection, OauthEndpoint, Purpose};
use crate::http::response::Site;

/// What the token contains, or `{"active": false}`.
pub(super) async fn introspect(
    endpoint: OauthEndpoint,
    request: HttpRequest,
    payload: Payload,
    admission: Data<Admission>,
    site: Data<Site>,
) -> Result<HttpResponse, OauthError> {
    let Inspection { client, token } = endpoint.inspection(&request, payload, Purpose::Introspect).await?;
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
