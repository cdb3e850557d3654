//! The documents from which clients configure themselves: RFC 8414, OpenID Connect Discovery, RFC 7517 and RFC 9728.
//!
//! The documents have every member that a strict reader requires, and only true ones. Pages of any origin may read them
//! (CORS), and `/openapi.json`. Who may read other answers, [`cors`](super::cors) says.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::api::metadata::{AuthorizationServer, ProtectedResource};
use crate::api::policy::RegistrationPolicy;
use crate::http::body;
use crate::http::error::{Problem, ProblemKind};
use crate::http::response::Site;
use crate::keys::{Algorithm, JWK_SET_MAX_AGE_S, Keys};
use crate::oauth::resource::{Api, METADATA_PATH, Resource};

/// For how long a client may cache a document, in seconds.
pub(super) const MAX_AGE: &str = "public, max-age=300";
/// For how long a browser may cache the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_S: u64 = 86_400;

/// The methods of these documents, as `Allow` lists them.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 section 2).
pub(super) async fn authorization_server(site: Data<Site>, policy: Data<RegistrationPolicy>) -> HttpResponse {
    let scopes_supported = Some(policy.scopes.clone());
    document(MAX_AGE, &AuthorizationServer { scopes_supported, ..of_both_documents(&site.issuer) })
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3), for resource servers and gateways
/// that look for `jwks_uri` only here.
///
/// This server has no users who sign in. So the document leaves out the scopes, because Discovery requires `openid` among
/// them. What Discovery requires about ID tokens describes the access tokens here: `sub` is the same for every audience, and
/// the algorithms are those of the keys in the JWK Set (RS256 if a key is imported). Verifiers accept no other algorithm.
pub(super) async fn openid_provider(site: Data<Site>) -> HttpResponse {
    let metadata = AuthorizationServer {
        subject_types_supported: texts(["public"]),
        id_token_signing_alg_values_supported: vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
        request_uri_parameter_supported: Some(false),
        ..of_both_documents(&site.issuer)
    };
    document(MAX_AGE, &metadata)
}

/// The members of both documents.
fn of_both_documents(issuer: &str) -> AuthorizationServer {
    let methods = texts(["client_secret_basic", "client_secret_post"]);
    AuthorizationServer {
        issuer: issuer.to_owned(),
        authorization_endpoint: format!("{issuer}/oauth2/authorize"),
        token_endpoint: format!("{issuer}/oauth2/token"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        revocation_endpoint: format!("{issuer}/oauth2/revoke"),
        introspection_endpoint: format!("{issuer}/oauth2/introspect"),
        grant_types_supported: texts(["client_credentials"]),
        response_types_supported: texts(["none"]),
        token_endpoint_auth_methods_supported: methods.clone(),
        revocation_endpoint_auth_methods_supported: methods.clone(),
        introspection_endpoint_auth_methods_supported: methods,
        protected_resources: Resource::ALL.iter().map(|resource| format!("{issuer}{}", resource.path)).collect(),
        ..AuthorizationServer::default()
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
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
    let mut response = document(&format!("public, max-age={JWK_SET_MAX_AGE_S}"), &keys.jwk_set());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    response
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
    let metadata = ProtectedResource {
        authorization_servers: vec![issuer.clone()],
        bearer_methods_supported: texts(["header"]),
        resource: format!("{issuer}{}", resource.path),
        resource_name: match resource.api {
            Api::Partner => "Partner API".to_owned(),
            Api::Admin => "Administration".to_owned(),
        },
        scopes_supported: policy.scopes.iter().filter(|scope_token| resource.has_scope(scope_token)).cloned().collect(),
    };
    Ok(document(MAX_AGE, &metadata))
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

fn document(cache_control: &str, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, cache_control)).insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    body::json(&mut response, body)
}
