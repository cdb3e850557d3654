//! `POST /sandbox/tokens`: tokens that are wrong on purpose, each refused for its own reason and no other.

use boomgate::admission::Reason;
use boomgate::api::sandbox::token::{ForgedKind, ForgedToken};
use boomgate::counts::Label as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, READER, TestServer, WRITER, ZONES, claims, jwt_part};

const TOKENS: &str = "/sandbox/tokens";

async fn forge(server: &TestServer, body: &Value) -> Answer {
    server.control(Method::POST, TOKENS, Some(body)).await
}

async fn forged(server: &TestServer, kind: &str, client_id: &str) -> ForgedToken {
    let answer = forge(server, &json!({ "kind": kind, "client_id": client_id })).await;
    assert_eq!(answer.status, 201, "{kind}: {answer:?}");
    answer.read()
}

/// How many requests were denied for each reason.
async fn denials(server: &TestServer, admin: &str) -> Vec<(&'static str, u64)> {
    let metrics = String::from_utf8(server.get("/metrics", admin).await.body).unwrap();
    let count = |reason: &Reason| {
        let line = format!("boomgate_requests_denied_total{{reason=\"{}\"}} ", reason.name());
        let count = metrics.lines().find_map(|metric| metric.strip_prefix(&line));
        (reason.name(), count.map_or(0, |count| count.parse().unwrap()))
    };
    Reason::ALL.iter().map(count).collect()
}

#[tokio::test]
async fn each_kind_is_refused_for_its_own_reason_and_no_other() {
    let server = TestServer::start_with(|config| config.workers = 1).await;
    let admin = server.admin_token().await;
    for (kind, status, problem, reason) in [
        ("expired", 401, "token-expired", "token_expired"),
        ("not-yet-valid", 401, "token-invalid", "token_not_yet_valid"),
        ("wrong-audience", 401, "token-invalid", "wrong_audience"),
        ("wrong-issuer", 401, "token-invalid", "wrong_issuer"),
        ("unknown-key", 401, "token-invalid", "unknown_key"),
        ("bad-signature", 401, "token-invalid", "bad_signature"),
        ("alg-none", 401, "token-invalid", "token_malformed"),
        ("hs256-with-public-key", 401, "token-invalid", "bad_signature"),
        ("missing-scope", 403, "insufficient-scope", "insufficient_scope"),
        ("revoked", 401, "token-revoked", "token_revoked"),
        ("suspended-client", 401, "token-invalid", "client_suspended"),
        ("deleted-client", 401, "token-invalid", "client_unknown"),
    ] {
        // Twice: a helper client is there, or is gone, from the first time.
        for _ in 0..2 {
            let token = forged(&server, kind, WRITER).await;
            let expected = (token.expected_status, &*token.expected_problem, &*token.expected_reason);
            assert_eq!(expected, (status, problem, reason), "{kind}");
            let before = denials(&server, &admin).await;
            for (method, path) in [(Method::GET, ZONES), (Method::POST, ZONES), (Method::GET, "/v3/shared/zones")] {
                let request = server.request(method.clone(), path).bearer_auth(&token.access_token).json(&json!({}));
                let refused = crate::harness::answer(request).await;
                assert_eq!((refused.status, refused.problem().as_str()), (status, problem), "{kind} {method} {path}");
            }
            let counted = denials(&server, &admin).await.into_iter().zip(before);
            for ((name, after), (_, before)) in counted {
                let expected = if name == reason { 3 } else { 0 };
                assert_eq!(after - before, expected, "{kind} is counted as {name}");
            }
        }
    }
    let kinds: Vec<_> = ForgedKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(kinds.len(), 12, "each has a row above");
    for client_id in [READER, WRITER] {
        let right = server.token(client_id).await;
        assert_eq!(server.get(ZONES, &right).await.status, 200, "the caller's own clients are as they were");
    }
}

#[tokio::test]
async fn all_but_one_thing_of_a_forged_token_is_right() {
    let server = TestServer::start().await;
    let right = server.token(WRITER).await;
    let (header, expected) = (jwt_part(&right, 0), claims(&right));
    for (kind, wrong) in [
        ("expired", ["iat", "exp"].as_slice()),
        ("not-yet-valid", &["nbf", "exp"]),
        ("wrong-audience", &["aud"]),
        ("wrong-issuer", &["iss"]),
        ("unknown-key", &["kid"]),
        ("bad-signature", &[]),
        ("alg-none", &["alg"]),
        ("hs256-with-public-key", &["alg"]),
        ("missing-scope", &["scope"]),
        ("revoked", &[]),
        ("suspended-client", &["client_id", "sub", "scope"]),
        ("deleted-client", &["client_id", "sub", "scope"]),
    ] {
        let token = forged(&server, kind, WRITER).await.access_token;
        let parts = [(jwt_part(&token, 0), &header), (claims(&token), &expected)];
        let names = ["alg", "kid", "typ", "aud", "client_id", "exp", "iat", "iss", "nbf", "scope", "sub"];
        let mut found: Vec<&str> = names
            .into_iter()
            .filter(|name| parts.iter().any(|(forged, right)| forged.get(name) != right.get(name)))
            .collect();
        let mut wrong = wrong.to_vec();
        found.sort_unstable();
        wrong.sort_unstable();
        assert_eq!(found, wrong, "{kind}");
    }
}

#[tokio::test]
async fn an_hs256_token_is_signed_with_the_public_key_in_pem() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let server = TestServer::start().await;
    let token = forged(&server, "hs256-with-public-key", READER).await.access_token;
    let jwks = crate::harness::answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
    // RFC 5480: the SubjectPublicKeyInfo of a key on P-256, whose start is the same for all of them.
    let mut info = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
    info.extend([coordinate("x"), coordinate("y")].concat());
    let encoded = STANDARD.encode(&info);
    let (first, second) = encoded.split_at(64);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, pem.as_bytes());
    ring::hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
}

#[tokio::test]
async fn a_forgery_that_cannot_be_made_names_the_member() {
    let server = TestServer::start().await;
    let faults = async |body: Value| {
        let refused = forge(&server, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{body}: {refused:?}");
        let errors = refused.json()["errors"].as_array().unwrap().clone();
        let text =
            |error: &Value| format!("{} {}", error["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap());
        errors.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(faults(json!({ "kind": "expierd" })).await, ["/kind is not a kind: did you mean expired?"]);
    assert_eq!(faults(json!({})).await, ["/kind is required"]);
    let unknown = faults(json!({ "kind": 7, "client_id": "demo-raeder", "cilent": 1 })).await;
    assert_eq!(
        unknown,
        [
            "/cilent is not a member: these are kind, client_id",
            "/kind must be a string",
            "/client_id is \"demo-raeder\", the client_id of no client: did you mean demo-reader?",
        ]
    );
    // The gate would refuse every token of such a client, so the scope would not be the reason.
    let admin = server.admin_token().await;
    let reader = format!("/admin/clients/{READER}");
    let suspend = server.request(Method::PATCH, &reader).bearer_auth(&admin).json(&json!({ "status": "suspended" }));
    assert_eq!(crate::harness::answer(suspend).await.status, 200);
    let refused = faults(json!({ "kind": "missing-scope" })).await;
    assert!(refused[0].starts_with("/client_id is suspended"), "{refused:?}");
    assert_eq!(forge(&server, &json!({ "kind": "expired" })).await.status, 201, "its time is looked at first");
}

#[tokio::test]
async fn a_helper_client_is_never_an_operator_s_own() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let own = json!({ "client_id": "sandbox-deleted", "client_name": "Mine", "scope": "read:zones" });
    assert_eq!(server.post_json("/admin/clients", &admin, &own).await.status, 201);
    let refused = forge(&server, &json!({ "kind": "deleted-client", "client_id": ADMIN })).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    assert_eq!(server.get("/admin/clients/sandbox-deleted", &admin).await.status, 200);
}
