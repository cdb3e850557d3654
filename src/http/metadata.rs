//! What a client can find out by itself: RFC 8414, RFC 7517 and RFC 9728.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde_json::json;

use crate::http::answer::Site;
use crate::keys::{JWK_SET_MAX_AGE_S, Keys};
use crate::oauth::registration::Terms;
use crate::oauth::scope::{READ_ADMIN, WRITE_ADMIN};

/// For how long a client may keep a document, in seconds.
const MAX_AGE: &str = "public, max-age=300";

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 section 2).
pub async fn authorization_server(site: Data<Site>, terms: Data<Terms>) -> HttpResponse {
    let issuer = &site.issuer;
    let methods = ["client_secret_basic", "client_secret_post"];
    HttpResponse::Ok().insert_header((CACHE_CONTROL, MAX_AGE)).json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "grant_types_supported": ["client_credentials"],
        // There is no authorization endpoint, so there is no response type.
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "scopes_supported": terms.scopes,
        "protected_resources": [issuer],
    }))
}

/// `GET /.well-known/jwks.json` (RFC 7517 section 5). May be kept for less time than a new key is in it
/// before it signs.
pub async fn jwk_set(keys: Data<Keys>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/jwk-set+json")
        .insert_header((CACHE_CONTROL, format!("public, max-age={JWK_SET_MAX_AGE_S}")))
        .json(keys.jwk_set())
}

/// `GET /.well-known/oauth-protected-resource` (RFC 9728 section 2).
pub async fn protected_resource(site: Data<Site>, terms: Data<Terms>) -> HttpResponse {
    let issuer = &site.issuer;
    let partner_scopes: Vec<_> =
        terms.scopes.iter().filter(|scope| ![READ_ADMIN, WRITE_ADMIN].contains(&scope.as_str())).collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, MAX_AGE)).json(json!({
        "resource": issuer,
        "authorization_servers": [issuer],
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": partner_scopes,
        "bearer_methods_supported": ["header"],
    }))
}
