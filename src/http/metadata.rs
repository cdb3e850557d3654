//! What a client can find out by itself: RFC 8414, OpenID Connect Discovery, RFC 7517 and RFC 9728.
//!
//! The documents have every member that a strict reader requires, and only true ones. Pages of any origin may read them
//! (CORS), and no other answer of this server.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_TYPE,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use crate::http::body;
use crate::http::error::{Problem, ProblemKind};
use crate::http::response::Site;
use crate::keys::{Algorithm, JWK_SET_MAX_AGE_S, Keys};
use crate::oauth::registration::RegistrationPolicy;
use crate::oauth::resource::{Api, METADATA_PATH, Resource};

/// For how long a client may cache a document, in seconds.
const MAX_AGE: &str = "public, max-age=300";
/// For how long a browser may cache the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_S: u64 = 86_400;

/// The methods of these documents, as `Allow` lists them.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 section 2).
pub(super) async fn authorization_server(site: Data<Site>, policy: Data<RegistrationPolicy>) -> HttpResponse {
    server_document(&site.issuer, json!({ "scopes_supported": policy.scopes }))
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3), for resource servers and gateways
/// that look for `jwks_uri` only here.
///
/// This server has no users who sign in. So the document leaves out the scopes, because Discovery requires `openid` among
/// them. What Discovery requires about ID tokens describes the access tokens here: `sub` is the same for every audience, and
/// the algorithms are those of the keys in the JWK Set (RS256 if a key is imported). Verifiers accept no other algorithm.
pub(super) async fn openid_provider(site: Data<Site>) -> HttpResponse {
    let own = json!({
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
        // Without it the default would be true.
        "request_uri_parameter_supported": false,
    });
    server_document(&site.issuer, own)
}

/// The members of both documents, and the `own` ones of one.
fn server_document(issuer: &str, own: Value) -> HttpResponse {
    let methods = ["client_secret_basic", "client_secret_post"];
    let resources: Vec<String> = Resource::ALL.iter().map(|resource| format!("{issuer}{}", resource.path)).collect();
    let mut members = json!({
        "issuer": issuer,
        // Some clients require it. It answers that there is no sign-in.
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "grant_types_supported": ["client_credentials"],
        // RFC 8414 requires the member and forbids an empty list (section 3.2). This registered value says that no
        // authorization response carries a code or a token.
        "response_types_supported": ["none"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "protected_resources": resources,
    });
    if let (Some(members), Value::Object(own)) = (members.as_object_mut(), own) {
        members.extend(own);
    }
    document(MAX_AGE).body(body::json_line(&members))
}

/// `GET /oauth2/authorize`: where other servers let users sign in (RFC 6749 section 3.1). No client has a redirect URI, so
/// the server answers the error itself (section 4.1.2.1).
pub(super) async fn no_sign_in() -> Result<HttpResponse, Problem> {
    let detail = "This server has no sign-in: send a token request with the grant type client_credentials.";
    Err(Problem::new(ProblemKind::UnsupportedResponseType, detail))
}

/// `GET /.well-known/jwks.json` (RFC 7517 section 5). A client may cache it for less time than a new key is in it before it
/// signs.
pub(super) async fn jwk_set(keys: Data<Keys>) -> HttpResponse {
    document(&format!("public, max-age={JWK_SET_MAX_AGE_S}"))
        .insert_header((CONTENT_TYPE, "application/jwk-set+json"))
        .body(body::json_line(&keys.jwk_set()))
}

/// `GET /.well-known/oauth-protected-resource…` (RFC 9728 section 2): the metadata of the resource whose path is
/// at the end of the request's path.
pub(super) async fn protected_resource(
    request: HttpRequest,
    site: Data<Site>,
    policy: Data<RegistrationPolicy>,
) -> Result<HttpResponse, Problem> {
    let path = request.match_info().as_str().strip_prefix(METADATA_PATH);
    let resource = path.and_then(|path| Resource::ALL.into_iter().find(|resource| resource.path == path));
    let resource = resource.ok_or_else(Problem::not_found)?;
    let issuer = &site.issuer;
    let scopes: Vec<_> = policy.scopes.iter().filter(|scope_token| resource.has_scope(scope_token)).collect();
    let name = match resource.api {
        Api::Public => "Partner API",
        Api::Admin => "Administration",
    };
    Ok(document(MAX_AGE).body(body::json_line(&json!({
        "resource": format!("{issuer}{}", resource.path),
        "resource_name": name,
        "authorization_servers": [issuer],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
    }))))
}

/// `OPTIONS` of a document: a browser asks whether a page of another origin may read it (Fetch, section 3.2).
pub(super) async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ALLOW, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S))
        .finish()
}

fn document(cache_control: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, cache_control))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    response
}
