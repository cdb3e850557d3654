//! The document of what anybody may read.

use actix_web::http::StatusCode;
use serde_json::Value;

use super::operation::{Documented, json, string};
use crate::api::jwk::JwkSet;
use crate::api::metadata::{AuthorizationServer, ProtectedResource};
use crate::http::error::ProblemKind as Kind;
use utoipa::openapi::schema::ObjectBuilder;

const DOCUMENT: [&str; 2] = ["Access-Control-Allow-Origin", "Cache-Control"];
const SERVER: &str = r#"{
    "authorization_endpoint": "https://localhost:8443/oauth2/authorize",
    "grant_types_supported": ["client_credentials"],
    "introspection_endpoint": "https://localhost:8443/oauth2/introspect",
    "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "issuer": "https://localhost:8443", "jwks_uri": "https://localhost:8443/.well-known/jwks.json",
    "protected_resources": ["https://localhost:8443/parking/zones"], "response_types_supported": ["none"],
    "revocation_endpoint": "https://localhost:8443/oauth2/revoke",
    "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "scopes_supported": ["read:zones", "write:zones"], "token_endpoint": "https://localhost:8443/oauth2/token",
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]
}"#;
const KEYS: &str = r#"{ "keys": [{
    "alg": "ES256", "crv": "P-256", "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "kty": "EC", "use": "sig",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}] }"#;
const RESOURCE: &str = r#"{
    "authorization_servers": ["https://localhost:8443"], "bearer_methods_supported": ["header"],
    "resource": "https://localhost:8443/parking/zones", "resource_name": "Partner API",
    "scopes_supported": ["read:zones", "write:zones"]
}"#;

pub(super) fn operations() -> Vec<Documented> {
    let text = |documented: Documented, description: &str, headers: &[&str], media_type: &str, example: &str| {
        documented.content(StatusCode::OK, description, headers, media_type, string(), Value::from(example))
    };
    let no_store = &["Cache-Control"];
    vec![
        Documented::new("getServerMetadata", "").answers::<AuthorizationServer>(
            StatusCode::OK,
            "The metadata.",
            &DOCUMENT,
            SERVER,
        ),
        Documented::new(
            "getOpenIdConfiguration",
            "For resource servers and gateways that look for `jwks_uri` here alone.",
        )
        .answers::<AuthorizationServer>(StatusCode::OK, "The metadata.", &DOCUMENT, SERVER),
        key_set(),
        Documented::new("getResourceMetadata", "").answers::<ProtectedResource>(
            StatusCode::OK,
            "The metadata.",
            &DOCUMENT,
            RESOURCE,
        ),
        Documented::new("getOpenApi", "This document.")
            .header("If-None-Match")
            .header("If-Match")
            .fails(&[Kind::PreconditionFailed])
            .content(
                StatusCode::OK,
                "The document.",
                &["Access-Control-Allow-Origin", "Cache-Control", "ETag"],
                "application/json",
                ObjectBuilder::new(),
                json(r#"{ "openapi": "3.1.0" }"#),
            )
            .no_content(
                StatusCode::NOT_MODIFIED,
                "The caller has this document already.",
                &["Access-Control-Allow-Origin", "Cache-Control", "ETag"],
            ),
        Documented::new(
            "authorize",
            "Other servers sign people in here. Some clients read no metadata without its address.",
        )
        .fails(&[Kind::UnsupportedResponseType]),
        text(
            Documented::new("getProblemPage", PROBLEM_PAGE),
            "The page.",
            &["Cache-Control", "Content-Security-Policy", "Vary"],
            "text/html",
            "<!DOCTYPE html>…",
        )
        .or(StatusCode::OK, "text/plain", string(), "An access token is required\n…".into())
        .fails(&[Kind::NotFound]),
        text(
            Documented::new("getLiveness", "").query("verbose", VERBOSE, string()),
            "It is up.",
            no_store,
            "text/plain",
            "ok",
        ),
        text(
            Documented::new("getReadiness", "").query("verbose", VERBOSE, string()),
            "It can serve.",
            no_store,
            "text/plain",
            "ok",
        )
        .content(
            StatusCode::SERVICE_UNAVAILABLE,
            "A check fails.",
            no_store,
            "text/plain",
            string(),
            Value::from("[-]store failed\nreadyz check failed\n"),
        ),
    ]
}

const PROBLEM_PAGE: &str = "Problems and OAuth errors lead to these pages. A request whose `Accept` does not name `text/html` gets plain text.";
/// A line for each check.
const VERBOSE: &str = "Whether the answer has a line for each check, whatever the value.";

fn key_set() -> Documented {
    let mut documented = Documented::new("getJwkSet", "A new key is published here for a while before it signs.");
    let schema = documented.schemas.of::<JwkSet>();
    documented.content(StatusCode::OK, "The keys.", &DOCUMENT, "application/jwk-set+json", schema, json(KEYS))
}
