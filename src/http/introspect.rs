//! `POST /oauth2/introspect` (RFC 7662): whether a token is active, and what it contains.
//!
//! A client sees its own tokens, a resource server the tokens for its audiences, an administrator all tokens: see
//! [`Admission::introspect`]. To any other caller a token is not active, and the answer says no more (section 2.2).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::admission::Admission;
use crate::api::introspection::Introspection;
use crate::api::token::TokenType;
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
    let answer = admission.introspect(&token, &client).map_or_else(Introspection::default, |admitted| {
        let token = &admitted.token;
        let scope: Vec<&str> = token.scope.iter().filter(|scope_token| admitted.may(scope_token)).collect();
        Introspection {
            active: true,
            aud: Some(token.audience.clone()),
            client_id: Some(token.client_id.clone()),
            exp: Some(token.expires_at.get()),
            iat: Some(token.issued_at.get()),
            iss: Some(site.issuer.clone()),
            jti: Some(token.jti),
            scope: Some(scope.join(" ")),
            sub: Some(token.client_id.clone()),
            token_type: Some(TokenType::Bearer),
        }
    });
    Ok(body::json(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")), &answer))
}
