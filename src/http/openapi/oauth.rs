//! The document of the OAuth endpoints.

use actix_web::http::StatusCode;
use utoipa::openapi::Required;
use utoipa::openapi::schema::ObjectBuilder;

use super::operation::{Documented, string};
use crate::api::introspection::Introspection;
use crate::api::passport::{PassportToPresent, ReportStanding};
use crate::api::refusal::ExplainedRefusal;
use crate::api::token::TokenResponse;
use crate::api::usage::OwnUsage;
use crate::http::error::ProblemKind as Kind;

const MEDIA_TYPES: [&str; 2] = ["application/x-www-form-urlencoded", "application/json"];
/// What may be wrong with any request to these endpoints.
const COMMON: [Kind; 7] = [
    Kind::InvalidRequest,
    Kind::InvalidClient,
    Kind::PayloadTooLarge,
    Kind::RequestTimeout,
    Kind::UnsupportedMediaType,
    Kind::TooManyTokenRequests,
    Kind::Unavailable,
];
/// What may be wrong with a request for a token, too.
const OF_TOKEN: [Kind; 4] =
    [Kind::UnauthorizedClient, Kind::UnsupportedGrantType, Kind::InvalidScope, Kind::InvalidTarget];

const REQUEST: &str = r#"{
    "grant_type": "client_credentials", "client_id": "demo-reader", "client_secret": "bg_secret_…",
    "audience": "public.api.passportinc.com"
}"#;
const TOKEN_ONLY: &str = r#"{ "client_id": "demo-reader", "client_secret": "bg_secret_…", "token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln" }"#;
const TOKEN: &str = r#"{
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln", "token_type": "Bearer", "expires_in": 3600,
    "expires_at": "2026-01-25T16:13:21Z", "scope": "read:zones"
}"#;
const STANDARD_TOKEN: &str = r#"{
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln", "token_type": "Bearer", "expires_in": 3600,
    "scope": "read:zones"
}"#;
const INTROSPECTION: &str = r#"{
    "active": true, "aud": "public.api.passportinc.com", "client_id": "demo-reader", "exp": 1769357601,
    "iat": 1769354001, "iss": "https://localhost:8443", "jti": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c",
    "scope": "read:zones", "sub": "demo-reader", "token_type": "Bearer"
}"#;
pub(super) const REFUSAL: &str = r#"{
    "at": "2026-01-25T15:13:21Z", "check": "throttle", "client_id": "demo-reader", "method": "GET",
    "path": "/parking/zones", "reason": "throttled", "request_id": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", "status": 429,
    "others": 0,
    "explanation": {
        "checks": [
            { "check": "throttle", "expected": "at most 40 requests at once, and 20 more in a second",
              "got": "one more; the next may come in 0.1 s", "outcome": "failed" },
            { "check": "scope", "expected": "the scope read:zones", "got": null, "outcome": "not_reached" }
        ],
        "nearest": [{ "change": "0.1 s later", "fails_next": null, "kinds": ["later"], "wait_ms": 50 }],
        "passed": false
    }
}"#;
pub(super) const PASSPORT: &str = r#"{ "passport": "eyJ0eXAiOiJib29tZ2F0ZS1yZXBvcnQrand0In0.e30.c2ln" }"#;
pub(super) const REPORT: &str = r#"{
    "client_id": "curbside", "report": {
        "boomgate_version": "0.1.0", "commit": "d8a7b22", "exam_at": "2026-01-25T15:13:21Z",
        "expires_at": "2027-01-25T15:13:21Z", "issued_at": "2026-01-25T15:13:21Z", "issuer": "https://localhost:8443",
        "jti": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "presented_at": "2026-01-25T15:13:21Z", "profile": { "name": "default" },
        "report_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }, "report_required": true
}"#;
const USAGE: &str = r#"{
    "client_id": "demo-reader",
    "day": { "quota": 10000, "remaining": 9421, "resets_at": "2026-01-26T00:00:00Z", "used": 579 },
    "enforce": true, "second": { "burst": 40, "remaining": 39, "requests_per_second": 20 }
}"#;

pub(super) fn operations() -> Vec<Documented> {
    let no_store = &["Cache-Control"];
    let token = |id, description, example| {
        Documented::new(id, description)
            .body_of(token_request(), Required::True, &MEDIA_TYPES, &[REQUEST])
            .answers::<TokenResponse>(StatusCode::OK, "The access token.", &["Cache-Control", "Pragma"], example)
            .fails(&COMMON)
            .fails(&OF_TOKEN)
    };
    vec![
        token("issueToken", "The client credentials grant (RFC 6749 section 4.4).", TOKEN),
        token(
            "issueStandardToken",
            "The same without `expires_at`, which some clients read as a number.",
            STANDARD_TOKEN,
        ),
        Documented::new("revokeToken", "RFC 7009. It takes effect on the next request.")
            .body_of(inspection("The token to revoke."), Required::True, &MEDIA_TYPES, &[TOKEN_ONLY])
            .no_content(StatusCode::OK, "The token is not valid any more, or never was.", no_store)
            .fails(&COMMON)
            .fails(&[Kind::UnauthorizedClient]),
        Documented::new(
            "introspectToken",
            "RFC 7662. A client sees its own tokens, a resource server those for its audiences.",
        )
        .body_of(inspection("The token to look at."), Required::True, &MEDIA_TYPES, &[TOKEN_ONLY])
        .answers::<Introspection>(StatusCode::OK, "What the token says.", no_store, INTROSPECTION)
        .fails(&COMMON),
        Documented::new("getOwnUsage", "It costs nothing of either limit.")
            .answers::<OwnUsage>(StatusCode::OK, "What is used and left of both limits.", no_store, USAGE)
            .fails(&[Kind::Unavailable]),
        Documented::new("getOwnReport", "It costs nothing of either limit.").answers::<ReportStanding>(
            StatusCode::OK,
            "What it has shown.",
            no_store,
            REPORT,
        ),
        Documented::new(
            "presentOwnReport",
            "The passport must name the client, say that it is ready, be valid, and be signed by a key that the operator \
             lists. The request counts against both limits.",
        )
        .body::<PassportToPresent>(Required::True, &["application/json"], PASSPORT)
        .answers::<ReportStanding>(StatusCode::OK, "What it has shown.", no_store, REPORT)
        .fails(&[Kind::Throttled, Kind::QuotaExceeded]),
        Documented::new(
            "getOwnRefusal",
            "It costs nothing of either limit. A request of another client is not found, as one that was not refused.",
        )
        .answers::<ExplainedRefusal>(StatusCode::OK, "Each check, and what would have passed.", no_store, REFUSAL)
        .fails(&[Kind::NotFound]),
    ]
}

/// The parameters with which a client authenticates itself in the body.
fn credentials() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("client_id", string().description(Some("The client, unless it authenticates itself with Basic.")))
        .property("client_secret", string().description(Some("Its secret, unless it authenticates itself with Basic.")))
}

fn token_request() -> ObjectBuilder {
    let grant = string().enum_values(Some(["client_credentials"]));
    credentials()
        .property("grant_type", grant.description(Some("The grant.")))
        .required("grant_type")
        .property("audience", string().description(Some("The API set that the token is for.")))
        .property("resource", string().description(Some("The same, as the address of a resource (RFC 8707).")))
        .property("scope", string().description(Some("A part of the scope that the client was assigned.")))
}

fn inspection(description: &str) -> ObjectBuilder {
    let hint = "What kind of token it is; it changes nothing.";
    credentials()
        .property("token", string().description(Some(description)))
        .required("token")
        .property("token_type_hint", string().description(Some(hint)))
}
