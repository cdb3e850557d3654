//! The token endpoint (RFC 6749, section 3.2): `POST /shared/access-tokens`, and `POST /oauth2/token`.
//!
//! Both are the same walk. The first answers as the platform documents it, with `expires_at`; the second answers exactly
//! as RFC 6749 says, because some clients read `expires_at` as a number.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::token::{TokenResponse, TokenType};
use crate::http::body::JSON;
use crate::http::error::OauthError;
use crate::http::oauth_endpoint::OauthEndpoint;
use crate::json;
use crate::time::UnixSeconds;
use crate::tokens::Issued;

pub(super) async fn documented(
    endpoint: OauthEndpoint,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OauthError> {
    let issued = endpoint.grant(&request, payload).await?;
    let expires_at = issued.expires_at;
    Ok(answer(issued, Some(expires_at)))
}

pub(super) async fn strict(
    endpoint: OauthEndpoint,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OauthError> {
    let issued = endpoint.grant(&request, payload).await?;
    Ok(answer(issued, None))
}

/// The answer of RFC 6749 section 5.1.
fn answer(issued: Issued, expires_at: Option<UnixSeconds>) -> HttpResponse {
    let Issued { access_token, expires_in, scope, .. } = issued;
    // Without `expires_in`, Go's client would use a token for ever.
    let answer = TokenResponse { access_token, token_type: TokenType::Bearer, expires_in, expires_at, scope };
    HttpResponse::Ok()
        .append_header((CONTENT_TYPE, JSON))
        // RFC 6749 section 5.1 asks for both.
        .append_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .append_header((PRAGMA, HeaderValue::from_static("no-cache")))
        .body(json::line(&answer))
}
