//! The document of the administration.

use actix_web::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::Required;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat};

use super::oauth::{PASSPORT, REFUSAL, REPORT};
use super::operation::{Documented, TAGGED, integer, json, string};
use crate::api::activity::{ActivityPage, ClientRequests};
use crate::api::audit::{Action, EntriesAfter, NewestEntries};
use crate::api::client::{Client, ClientPatch, NewClient, RegisteredClient, RotatedClient};
use crate::api::health::Health;
use crate::api::key::{Key, KeyImport, KeyList, KeyRotation};
use crate::api::passport::{PassportToPresent, ReportStanding, ReportToSign, SignedReport};
use crate::api::policy::RegistrationPolicy;
use crate::api::refusal::{ExplainedRefusal, Refusal};
use crate::api::revocation::{RevokedToken, TokenRevocation};
use crate::api::secret::{CheckedSecrets, SecretRotation, SecretsToCheck};
use crate::api::usage::ClientUsage;
use crate::http::admin::refusals::reasons;
use crate::http::error::ProblemKind as Kind;
use crate::quota::DAYS_KEPT;

const JSON: [&str; 1] = ["application/json"];
const PATCHES: [&str; 2] = ["application/merge-patch+json", "application/json"];
const NO_STORE: [&str; 1] = ["Cache-Control"];
const REGISTERED: [&str; 4] = ["ETag", "Cache-Control", "Location", "Idempotent-Replayed"];
const IMPORTED: [&str; 2] = ["Cache-Control", "Location"];

macro_rules! client {
    ($more:literal) => {
        concat!(
            r#"{ "audience": ["public.api.passportinc.com"], "burst": 40, "client_id": "curbside", "client_name": "Curbside",
            "created_at": "2026-01-25T15:13:21Z", "daily_quota": 10000, "declared": false, "enforce": true,
            "report_required": false, "requests_per_second": 20, "retired_secrets": [], "scope": "read:zones", "secrets": [{
                "created_at": "2026-01-25T15:13:21Z", "expires_at": null, "fingerprint": "6f1d0b3c2a495e78",
                "last_used_at": null, "secret_id": "5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54"
            }], "status": "active", "token_ttl": 3600, "tokens_valid_from": "2026-01-25T15:13:21Z",
            "updated_at": "2026-01-25T15:13:21Z""#,
            $more,
            "}"
        )
    };
}

macro_rules! key {
    () => {
        r#"{
            "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "algorithm": "ES256", "state": "signing",
            "imported": false, "created_at": "2026-01-25T15:13:21Z", "signs_from": "2026-01-25T15:13:21Z",
            "signs_until": null, "verifies_until": null
        }"#
    };
}

const CLIENT: &str = client!("");
const NEW_CLIENT: &str = r#"{ "client_name": "Curbside", "scope": "read:zones" }"#;
const REGISTERED_CLIENT: &str =
    client!(r#", "client_id_issued_at": 1769354001, "client_secret": "bg_secret_…", "client_secret_expires_at": 0"#);
const ROTATED_CLIENT: &str =
    client!(r#", "client_secret": "bg_secret_…", "secret_id": "5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54""#);
const USAGE: &str = r#"{
    "client_id": "curbside", "days_before": [{ "day": "2026-01-24", "used": 8123 }], "enforce": true,
    "today": { "day": "2026-01-25", "quota": 10000, "remaining": 9421, "resets_at": "2026-01-26T00:00:00Z", "used": 579 }
}"#;
const ACTIVITY: &str = r#"{
    "data": [{
        "client_id": "curbside", "enforce": true, "last_minute": { "admitted": 58, "refused": 2 },
        "last_seen": "2026-01-25T15:13:21Z", "throttle": { "burst": 40, "remaining": 38, "requests_per_second": 20 },
        "today": {
            "day": "2026-01-25", "quota": 10000, "remaining": 9421, "resets_at": "2026-01-26T00:00:00Z", "used": 579
        }
    }],
    "next_cursor": null, "now": "2026-01-25T15:13:23Z", "since": "2026-01-25T08:00:00Z"
}"#;
const REQUESTS: &str = r#"{
    "bucket_s": 5, "buckets": [{ "admitted": 0, "refused": 0 }, { "admitted": 5, "refused": 1 }], "client_id": "curbside",
    "current": { "admitted": 2, "refused": 0 }, "ended_at": "2026-01-25T15:13:20Z", "last_seen": "2026-01-25T15:13:21Z",
    "now": "2026-01-25T15:13:23Z", "since": "2026-01-25T08:00:00Z"
}"#;
const SECRETS: &str = r#"{ "secrets": [{ "client_id": "curbside", "client_secret": "bg_secret_…" }] }"#;
const CHECKED: &str = r#"{ "data": [{ "client_id": "curbside", "standing": "current" }] }"#;
const POLICY: &str = r#"{
    "scopes": ["read:zones", "write:zones"], "audiences": ["public.api.passportinc.com"],
    "token_ttl": { "min": 3600, "max": 86400 },
    "client_defaults": {
        "token_ttl": 3600, "requests_per_second": 20, "burst": 40, "daily_quota": 10000, "enforce": true,
        "unproven": { "requests_per_second": 1, "burst": 5, "daily_quota": 500 }
    }
}"#;
const TO_SIGN: &str = r#"{
    "sub": "curbside", "profile": { "name": "default" }, "verdict": "ready", "commit": "d8a7b22", "exam_at": 1769354001,
    "report_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "boomgate_version": "0.1.0"
}"#;
const SIGNED: &str = r#"{
    "expires_at": "2027-01-25T15:13:21Z", "jti": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c",
    "passport": "eyJ0eXAiOiJib29tZ2F0ZS1yZXBvcnQrand0In0.e30.c2ln"
}"#;
const REVOCATION: &str = r#"{ "jti": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", "exp": 1769357601 }"#;
const REVOKED: &str = r#"{ "expires_at": "2026-01-25T16:13:21Z", "jti": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c" }"#;
const KEY: &str = key!();
const KEYS: &str = concat!(r#"{ "data": ["#, key!(), r#"], "rotates_at": "2026-04-25T15:13:21Z" }"#);
const IMPORT: &str = r#"{ "private_key": "-----BEGIN PRIVATE KEY-----\n…", "immediately": false }"#;
const ENTRIES: &str = r#"{
    "data": [{
        "number": 7, "previous": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "at": "2026-01-25T15:13:21Z",
        "actor": "demo-admin", "action": "client_registered", "subject": "curbside", "source": "203.0.113.7",
        "request_id": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", "outcome": "done",
        "digest": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
    }],
    "head": { "number": 7, "digest": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg" },
    "next_cursor": null
}"#;
const REFUSED: &str = r#"{
    "at": "2026-01-25T15:13:21Z", "check": "expiry", "client_id": "curbside", "method": "GET", "path": "/parking/zones",
    "reason": "token_expired", "request_id": "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", "source": "203.0.113.7", "status": 401
}"#;
const HEALTH: &str = r#"{
    "certificate": { "names": ["gate.example.com"], "not_after": "2026-04-25T15:13:21Z", "renews_itself": false },
    "clients": 12, "edition": "serve",
    "findings": [{
        "check": "disk", "outcome": "warn", "detail": "612 MiB are free for the data folder", "mend": "free some space"
    }],
    "issuer": "https://gate.example.com", "now": "2026-01-25T15:13:21Z",
    "readiness": [{ "check": "store", "passes": true }], "started_at": "2026-01-24T08:00:00Z",
    "store": { "is_lasting": true, "read_ms": 0.042 }, "uptime_s": 112401, "version": "0.1.0"
}"#;
const METRICS: &str = "# TYPE boomgate_clients gauge\nboomgate_clients 4\n";

pub(super) fn operations() -> Vec<Documented> {
    [clients(), reports(), secrets(), keys(), others()].into_iter().flatten().collect()
}

fn clients() -> Vec<Documented> {
    vec![
        Documented::new("listClients", "In the order of their identifiers.")
            .query("q", "A part of a name or of a `client_id`, in any case.", string().max_length(Some(200)))
            .pages::<Client>("A page of clients.", &TAGGED, CLIENT)
            .conditional(),
        Documented::new("registerClient", "The answer shows the client's secret this once.")
            .header("Idempotency-Key")
            .body::<NewClient>(Required::True, &JSON, NEW_CLIENT)
            .answers::<RegisteredClient>(StatusCode::CREATED, "The client.", &REGISTERED, REGISTERED_CLIENT)
            .fails(&[Kind::Conflict, Kind::TooManyIdempotencyKeys])
            .fails(&[Kind::IdempotencyKeyInvalid, Kind::IdempotencyKeyReused]),
        Documented::new("getClient", "Everything but its secrets.")
            .read::<Client>("The client.", CLIENT)
            .fails(&[Kind::NotFound]),
        Documented::new(
            "updateClient",
            "What the body leaves out stays. A limit or a scope counts from the next request on.",
        )
        .header("If-Match")
        .header("If-None-Match")
        .body::<ClientPatch>(Required::True, &PATCHES, r#"{ "daily_quota": 20000 }"#)
        .answers::<Client>(StatusCode::OK, "The client.", &TAGGED, CLIENT)
        .fails(&[Kind::NotFound, Kind::Conflict, Kind::PreconditionFailed]),
        Documented::new("deleteClient", "What it stored is deleted, too.")
            .header("If-Match")
            .header("If-None-Match")
            .no_content(StatusCode::NO_CONTENT, "The client is deleted.", &[])
            .fails(&[Kind::Unavailable, Kind::NotFound, Kind::Conflict, Kind::PreconditionFailed]),
        Documented::new("revokeClientTokens", "Every token that was issued to it until now.")
            .answers::<Client>(StatusCode::OK, "The client.", &TAGGED, CLIENT)
            .fails(&[Kind::Unavailable, Kind::NotFound]),
        Documented::new("listActivity", "In the order of their identifiers, with the cursors of `listClients`.")
            .query("q", "A part of a name or of a `client_id`, in any case.", string().max_length(Some(200)))
            .query("limit", "The most clients on the page.", integer(1, 1_000).default(Some(25.into())))
            .query("cursor", "`next_cursor` of the page before, with the same filters.", string())
            .fails(&[Kind::MalformedQuery, Kind::InvalidCursor])
            .read::<ActivityPage>("A page of clients.", ACTIVITY),
        Documented::new("getClientActivity", "Counted every 5 seconds, in memory alone.")
            .read::<ClientRequests>("Its requests.", REQUESTS)
            .fails(&[Kind::NotFound]),
        Documented::new("getClientUsage", "")
            .query("days", "How many days, with today.", integer(1, DAYS_KEPT).default(Some(30.into())))
            .read::<ClientUsage>("Its requests, day by day.", USAGE)
            .fails(&[Kind::Unavailable, Kind::MalformedQuery, Kind::NotFound]),
    ]
}

fn reports() -> Vec<Documented> {
    vec![
        Documented::new("getReport", "").read::<ReportStanding>("What it has shown.", REPORT).fails(&[Kind::NotFound]),
        Documented::new(
            "presentReport",
            "The passport must name the client, say that it is ready, be valid, and be signed by a key that the operator \
             lists. The limits that the client was assigned count from the next request on.",
        )
        .body::<PassportToPresent>(Required::True, &JSON, PASSPORT)
        .answers::<ReportStanding>(StatusCode::OK, "What it has shown.", &NO_STORE, REPORT)
        .fails(&[Kind::NotFound]),
        Documented::new("withdrawReport", "Its passport does not count again, nor one that was signed before.")
            .no_content(StatusCode::NO_CONTENT, "The report is withdrawn.", &[])
            .fails(&[Kind::Unavailable, Kind::NotFound]),
        Documented::new("signReport", "The administrator who asks for it vouches for what the passport says.")
            .body::<ReportToSign>(Required::True, &JSON, TO_SIGN)
            .answers::<SignedReport>(StatusCode::CREATED, "The passport.", &NO_STORE, SIGNED),
    ]
}

fn secrets() -> Vec<Documented> {
    vec![
        Documented::new(
            "rotateSecret",
            "The answer shows the new secret this once. The old one still works for a while.",
        )
        .body::<SecretRotation>(Required::False, &JSON, r#"{ "previous_expires_in": 86400 }"#)
        .answers::<RotatedClient>(StatusCode::CREATED, "The client.", &TAGGED, ROTATED_CLIENT)
        .fails(&[Kind::NotFound, Kind::Conflict]),
        Documented::new("deleteSecret", "It stops working at once. The last one without an end cannot be deleted.")
            .no_content(StatusCode::NO_CONTENT, "The secret is deleted.", &[])
            .fails(&[Kind::Unavailable, Kind::NotFound, Kind::Conflict]),
        Documented::new("checkSecrets", "In the order of the request.")
            .body::<SecretsToCheck>(Required::True, &JSON, SECRETS)
            .answers::<CheckedSecrets>(StatusCode::OK, "What each secret is to its client.", &NO_STORE, CHECKED),
    ]
}

fn keys() -> Vec<Documented> {
    vec![
        Documented::new("listKeys", "").read::<KeyList>("The keys.", KEYS),
        Documented::new("rotateKeys", "It signs once every resource server has had the time to read it.")
            .body::<KeyRotation>(Required::False, &JSON, r#"{ "immediately": false }"#)
            .answers::<Key>(StatusCode::OK, "The next key.", &NO_STORE, KEY),
        Documented::new("importKey", "For resource servers that verify RS256 alone.")
            .body::<KeyImport>(Required::True, &JSON, IMPORT)
            .answers::<Key>(StatusCode::CREATED, "The key.", &IMPORTED, KEY)
            .fails(&[Kind::Conflict]),
        Documented::new("getKey", "").read::<Key>("The key.", KEY).fails(&[Kind::NotFound]),
        Documented::new("revokeKey", "Tokens that it signed are refused from the next request on.")
            .no_content(StatusCode::NO_CONTENT, "The key is revoked.", &[])
            .fails(&[Kind::Unavailable, Kind::NotFound, Kind::Conflict]),
    ]
}

fn others() -> Vec<Documented> {
    vec![
        Documented::new("getTerms", "").read::<RegistrationPolicy>("Bounds and defaults.", POLICY),
        Documented::new("revokeAnyToken", "By the token itself, or by its `jti` and `exp`.")
            .body::<TokenRevocation>(Required::True, &JSON, REVOCATION)
            .answers::<RevokedToken>(StatusCode::OK, "The token that is revoked.", &NO_STORE, REVOKED),
        Documented::new("getHealth", "As far as the running server can tell: `boomgate doctor` checks more.")
            .read::<Health>("How it is.", HEALTH),
        audit_entries(),
        refusals(),
        Documented::new("getRefusal", "The newest with this id: callers choose ids. Those of clients come first.")
            .read::<ExplainedRefusal>("Each check, and what would have passed.", REFUSAL)
            .fails(&[Kind::NotFound]),
        Documented::new("getMetrics", "On the port for operators they are served without a token.").content(
            StatusCode::OK,
            "The metrics.",
            &NO_STORE,
            "text/plain",
            string(),
            Value::from(METRICS),
        ),
    ]
}

fn refusals() -> Documented {
    let client_id = string().pattern(Some("^[A-Za-z0-9._~-]{1,64}$"));
    let reason = string().enum_values(Some(reasons()));
    Documented::new("listRefusals", "The newest first, of both walks: protected requests and token requests.")
        .query("client", "Requests of this client, and those that name it.", client_id)
        .query("reason", "Requests that were refused for this reason.", reason)
        .query("since", "Requests from this time on.", time())
        .pages::<Refusal>("A page of refused requests.", &TAGGED, REFUSED)
        .conditional()
}

fn time() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn audit_entries() -> Documented {
    let mut documented = Documented::new("listAuditEntries", "The newest first; with `after` the oldest first.");
    let action = documented.schemas.of::<Action>();
    let after = documented.schemas.of::<EntriesAfter>();
    let newest = documented.schemas.of::<NewestEntries>();
    documented
        .query("after", "Entries after this number, in place of `cursor`.", integer(0, u64::MAX))
        .query("action", "Entries with this action.", action)
        .query("actor", "Entries of this client's doing.", string().max_length(Some(128)))
        .query("subject", "Entries about this client, token or key.", string().max_length(Some(128)))
        .query("source", "Entries from this address.", string())
        .query("since", "Entries from this time on.", time())
        .query("until", "Entries before this time.", time())
        .paged()
        .conditional()
        .fails(&[Kind::Unavailable])
        .content(
            StatusCode::OK,
            "A page of entries.",
            &TAGGED,
            "application/json",
            OneOfBuilder::new().item(newest).item(after),
            json(ENTRIES),
        )
}
