//! Why a request was refused: for each check of both walks a request that fails there, its explanation, and the change that
//! the explanation names, made for real: then the request passes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boomgate::api::explanation::{CheckOutcome, Explanation};
use boomgate::api::refusal::ExplainedRefusal;
use reqwest::{Method, RequestBuilder};
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::harness::{
    ADMIN_AUDIENCE, AUDIENCE, LIMITED, READER, TestServer, WRITER, ZONES, answer, basic, claims, secret,
    with_altered_signature,
};

const PKCS8: &str = include_str!("../keys/rsa-2048-pkcs8.pem");
const ID: &str = "the-request";

/// Sends a request that is refused with this status, and returns what the operator reads about it: the check that failed,
/// what it got, and what would have passed.
async fn why(server: &TestServer, request: RequestBuilder, status: u16) -> (String, String, Vec<String>) {
    let refused = answer(request.header("x-request-id", ID)).await;
    assert_eq!((refused.status, refused.header("x-request-id")), (status, ID), "{refused:?}");
    let shown = server.get(&format!("/admin/refusals/{ID}"), &server.admin_token().await).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let ExplainedRefusal { refusal, explanation, .. } = shown.read();
    assert_eq!((refusal.status, refusal.at), (status, now(server)));
    assert_walk(&explanation);
    let failed = explanation.failed().unwrap();
    assert_eq!(failed.check, refusal.check);
    let nearest = explanation.nearest.iter().map(|nearest| {
        assert_eq!(nearest.fails_next, None, "{nearest:?}");
        nearest.change.clone()
    });
    (failed.check.name().to_owned(), failed.got.clone().unwrap(), nearest.collect())
}

/// Checks that were passed, one that failed, and those that were not reached.
fn assert_walk(explanation: &Explanation) {
    let outcomes: Vec<_> = explanation.checks.iter().map(|check| check.outcome).collect();
    let failed = outcomes.iter().position(|outcome| *outcome == CheckOutcome::Failed).unwrap();
    assert!(outcomes[..failed].iter().all(|outcome| *outcome == CheckOutcome::Passed), "{explanation:#?}");
    assert!(outcomes[failed + 1..].iter().all(|outcome| *outcome == CheckOutcome::NotReached), "{explanation:#?}");
    assert!(!explanation.passed && explanation.checks.iter().all(|check| !check.expected.is_empty()));
}

fn now(server: &TestServer) -> boomgate::time::UnixSeconds {
    use boomgate::time::Clock as _;
    server.clock.now()
}

fn told(check: &str, got: &str, nearest: &[&str]) -> (String, String, Vec<String>) {
    (check.to_owned(), got.to_owned(), nearest.iter().map(|change| (*change).to_owned()).collect())
}

fn read(server: &TestServer, token: &str) -> RequestBuilder {
    server.request(Method::GET, ZONES).bearer_auth(token)
}

async fn passes(request: RequestBuilder) {
    let passed = answer(request).await;
    assert!(passed.status < 300, "{passed:?}");
}

/// Changes some members of a client.
async fn patch(server: &TestServer, client_id: &str, members: &Value) {
    let path = format!("/admin/clients/{client_id}");
    passes(server.request(Method::PATCH, &path).bearer_auth(server.admin_token().await).json(members)).await;
}

/// A client without limits, of both APIs; its id and secret.
async fn partner(server: &TestServer) -> (String, String) {
    let members = json!({ "audience": [AUDIENCE, ADMIN_AUDIENCE], "requests_per_second": 1_000, "burst": 1_000,
        "daily_quota": null });
    server.register(members).await
}

#[tokio::test]
async fn a_request_without_a_token_of_this_server_passes_with_one() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let forged = with_altered_signature(&token);
    let own = ["with a token of this server"];
    let missing = server.request(Method::GET, ZONES);
    assert_eq!(why(&server, missing, 401).await, told("bearer_token", "no access token", &own));
    let got = "a token whose signature does not match";
    assert_eq!(why(&server, read(&server, &forged), 401).await, told("signature", got, &own));
    let got = "a text that is not an access token";
    assert_eq!(why(&server, read(&server, "opaque"), 401).await, told("signature", got, &own));
    let in_query = server.request(Method::GET, &format!("{ZONES}?access_token={token}"));
    let nearest = ["with the token in the field Authorization alone"];
    let got = "an access token in the query string";
    assert_eq!(why(&server, in_query, 400).await, told("bearer_token", got, &nearest));
    passes(read(&server, &token)).await;
}

#[tokio::test]
async fn a_token_that_expired_11_seconds_ago_is_12_seconds_too_old() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    server.clock.advance(Duration::from_secs(3_611));
    let (check, got, nearest) = why(&server, read(&server, &token), 401).await;
    assert_eq!(
        (check.as_str(), nearest),
        ("expiry", vec!["if the token were 12 s younger".into(), "with a new token".into()])
    );
    assert!(got.starts_with("expired at ") && got.ends_with(", 11 s ago"), "{got}");
    passes(read(&server, &server.token(READER).await)).await;
    let younger = server.token(READER).await;
    server.clock.advance(Duration::from_secs(3_611 - 12));
    passes(read(&server, &younger)).await;
}

#[tokio::test]
async fn a_token_for_another_audience_or_before_its_time_passes_with_the_audience_and_in_time() {
    let server = TestServer::start().await;
    let (client_id, secret) = partner(&server).await;
    let token = async |audience| server.token_with(&client_id, &secret, audience, None).await;
    let nearest = format!("with a token for the audience {AUDIENCE}");
    let refused = why(&server, read(&server, &token(ADMIN_AUDIENCE).await), 401).await;
    assert_eq!(refused, told("audience", &format!("for {ADMIN_AUDIENCE}"), &[&nearest]));
    passes(read(&server, &token(AUDIENCE).await)).await;

    // This server writes no nbf. The owner of an imported key may have signed a token with it elsewhere.
    let import = json!({ "private_key": PKCS8, "immediately": true });
    assert_eq!(server.post_json("/admin/keys/import", &server.admin_token().await, &import).await.status, 201);
    let der = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(PKCS8.as_bytes()).unwrap();
    let key = ring::signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let genuine = token(AUDIENCE).await;
    let mut claims = claims(&genuine);
    claims["nbf"] = json!(now(&server).get() + 90);
    let signed = format!("{}.{}", genuine.split_once('.').unwrap().0, URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    let later = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let (check, got, nearest) = why(&server, read(&server, &later), 401).await;
    assert_eq!((check.as_str(), nearest), ("not_before", vec!["1 min 30 s later".into(), "with a new token".into()]));
    assert!(got.ends_with(", 1 min 30 s later"), "{got}");
    server.clock.advance(Duration::from_secs(90));
    passes(read(&server, &later)).await;
}

#[tokio::test]
async fn what_was_revoked_withdrawn_or_suspended_passes_once_that_is_undone() {
    let server = TestServer::start().await;
    let (client_id, secret) = partner(&server).await;
    let token = async || server.token_with(&client_id, &secret, AUDIENCE, None).await;

    let revoked = token().await;
    let (name, value) = basic(&client_id, &secret);
    passes(server.request(Method::POST, "/oauth2/revoke").header(name, value).form(&[("token", &revoked)])).await;
    let jti = claims(&revoked)["jti"].as_str().unwrap().to_owned();
    let refused = why(&server, read(&server, &revoked), 401).await;
    assert_eq!(refused, told("revocation", &format!("a revoked token, jti {jti}"), &["with a new token"]));
    passes(read(&server, &token().await)).await;

    let old = token().await;
    let path = format!("/admin/clients/{client_id}/revoke-tokens");
    passes(server.request(Method::POST, &path).bearer_auth(server.admin_token().await)).await;
    let got = format!("issued at {}", now(&server));
    assert_eq!(why(&server, read(&server, &old), 401).await, told("client_tokens", &got, &["with a new token"]));
    let new = token().await;
    passes(read(&server, &new)).await;

    patch(&server, &client_id, &json!({ "audience": [ADMIN_AUDIENCE] })).await;
    let nearest = format!("if the operator granted the client the audience {AUDIENCE}");
    let refused = why(&server, read(&server, &new), 401).await;
    assert_eq!(refused, told("granted_audience", &format!("may call {ADMIN_AUDIENCE}"), &[&nearest]));
    patch(&server, &client_id, &json!({ "audience": [ADMIN_AUDIENCE, AUDIENCE] })).await;
    passes(read(&server, &new)).await;

    patch(&server, &client_id, &json!({ "status": "suspended" })).await;
    let refused = why(&server, read(&server, &new), 401).await;
    assert_eq!(refused, told("status", "suspended", &["if the operator resumed the client"]));
    patch(&server, &client_id, &json!({ "status": "active" })).await;
    passes(read(&server, &new)).await;

    let path = format!("/admin/clients/{client_id}");
    passes(server.request(Method::DELETE, &path).bearer_auth(server.admin_token().await)).await;
    let nearest = format!("if the client {client_id} were still registered");
    let refused = why(&server, read(&server, &new), 401).await;
    assert_eq!(refused, told("client", &format!("{client_id}, which is not registered"), &[&nearest]));
}

#[tokio::test]
async fn a_request_over_a_limit_passes_when_the_explanation_says_so_and_not_a_moment_before() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_second": 0.4, "burst": 1, "daily_quota": 2 });
    let (client_id, secret) = server.register(limits).await;
    let token = async || server.token_with(&client_id, &secret, AUDIENCE, None).await;
    let first = token().await;
    passes(read(&server, &first)).await;
    server.clock.advance(Duration::from_millis(100));
    let got = "one more; the next may come in 2.4 s";
    assert_eq!(why(&server, read(&server, &first), 429).await, told("throttle", got, &["2.4 s later"]));
    server.clock.advance(Duration::from_millis(2_399));
    assert_eq!(why(&server, read(&server, &first), 429).await.2, ["0.1 s later"]);
    server.clock.advance(Duration::from_millis(1));
    passes(read(&server, &first)).await;

    server.clock.advance(Duration::from_millis(2_500));
    let (check, got, changes) = why(&server, read(&server, &first), 429).await;
    assert_eq!((check.as_str(), got.as_str()), ("quota", "2 used, and one more"));
    assert_eq!(changes, ["after 00:00Z, in 12 h, and with a new token"]);
    server.clock.advance(Duration::from_secs(12 * 3_600));
    assert_eq!(answer(read(&server, &first)).await.problem(), "token-expired");
    passes(read(&server, &token().await)).await;
}

#[tokio::test]
async fn a_request_beyond_its_scope_passes_with_the_scope() {
    let server = TestServer::start().await;
    let zones = server.get(ZONES, &server.token(WRITER).await).await.json();
    let path = format!("{ZONES}/{}", zones["data"][0]["id"].as_str().unwrap());
    let change = |token: &str| server.request(Method::PATCH, &path).bearer_auth(token).json(&json!({ "name": "Quay" }));
    let narrow = server.token_for(WRITER, AUDIENCE, Some("read:zones")).await;
    let refused = why(&server, change(&narrow), 403).await;
    assert_eq!(refused, told("scope", "the scope read:zones", &["with the scope `write:zones`"]));
    passes(change(&server.token(WRITER).await)).await;

    let reader = server.token(READER).await;
    let nearest = "if the operator assigned the scope `write:zones` to the client, and a new token had it";
    assert_eq!(why(&server, change(&reader), 403).await, told("scope", "the scope read:zones", &[nearest]));
    patch(&server, READER, &json!({ "scope": "read:zones write:zones" })).await;
    passes(change(&server.token(READER).await)).await;
}

#[tokio::test]
async fn a_refused_token_request_is_explained_and_passes_with_the_change() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.client_requests_per_second = 1;
        config.token_endpoint.client_burst = 4;
    })
    .await;
    let form = |changes: &[(&'static str, String)]| {
        let mut form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", WRITER.to_owned()),
            ("client_secret", secret(WRITER)),
            ("audience", AUDIENCE.to_owned()),
        ];
        form.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
        form.extend(changes.iter().filter(|(_, value)| !value.is_empty()).cloned());
        server.request(Method::POST, "/oauth2/token").form(&form)
    };
    let with = |name: &'static str, value: &str| form(&[(name, value.to_owned())]);
    let granted = format!("with audience={AUDIENCE}");
    let rows = [
        (
            with("client_secret", ""),
            401,
            told(
                "credentials",
                "no client authentication",
                &["with one client_id and its client_secret, in the body or in Authorization: Basic"],
            ),
        ),
        (
            with("client_secret", "wrong"),
            401,
            told("secret", "not a secret of demo-writer", &["with a current secret of demo-writer"]),
        ),
        (
            with("client_id", "nobody"),
            401,
            told(
                "secret",
                "nobody, which is no registered client",
                &["with the client_id and the client_secret of a registered client"],
            ),
        ),
        (
            with("grant_type", "password"),
            400,
            told("parameters", "another grant_type", &["with grant_type=client_credentials"]),
        ),
        (with("audience", "another.api"), 400, told("audience", "audience=another.api", &[&granted])),
        (
            with("scope", "read:zones read:admin"),
            400,
            told("scope", "scope=read:admin read:zones", &["with scope=read:zones"]),
        ),
    ];
    for (request, status, expected) in rows {
        assert_eq!(why(&server, request, status).await, expected);
        passes(form(&[])).await;
        server.clock.advance(Duration::from_secs(10));
    }
    passes(with("scope", "read:zones")).await;

    for _ in 0..3 {
        passes(form(&[])).await;
    }
    server.clock.advance(Duration::from_millis(250));
    let refused = why(&server, form(&[]), 429).await;
    assert_eq!(refused, told("throttle", "one more; the next may come in 0.8 s", &["0.8 s later"]));
    server.clock.advance(Duration::from_millis(750));
    passes(form(&[])).await;

    server.clock.advance(Duration::from_secs(10));
    patch(&server, WRITER, &json!({ "status": "suspended" })).await;
    let refused = why(&server, form(&[]), 400).await;
    assert_eq!(refused, told("status", "suspended", &["if the operator resumed the client"]));
    patch(&server, WRITER, &json!({ "status": "active" })).await;
    passes(form(&[])).await;
}

#[tokio::test]
async fn a_client_reads_its_own_refusals_and_nobody_elses() {
    let server = TestServer::start().await;
    let (reader, writer) = (server.token(READER).await, server.token(WRITER).await);
    let refuse = async |token: &str, id: &str, path: &str| {
        let refused = answer(read_at(&server, token, path).header("x-request-id", id)).await;
        assert!(refused.status >= 400, "{refused:?}");
    };
    let own = async |token: &str, id: &str| server.get(&format!("/oauth2/refusals/{id}"), token).await;
    refuse(&writer, "of-writer", "/admin/clients").await;
    refuse(&reader, "of-both", "/admin/clients").await;
    refuse(&writer, "of-both", "/admin/keys").await;
    refuse("forged", "of-nobody", ZONES).await;
    // A wrong secret, and a client that there is not: neither proves a client.
    for client_id in [READER, "nobody"] {
        let (name, value) = basic(client_id, "wrong");
        let form = server.request(Method::POST, "/oauth2/token").header(name, value);
        let refused =
            answer(form.header("x-request-id", "of-guess").form(&[("grant_type", "client_credentials")])).await;
        assert_eq!(refused.status, 401);
    }

    let shown = own(&writer, "of-writer").await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    let ExplainedRefusal { refusal, .. } = shown.read();
    assert_eq!(refusal.client_id.unwrap().as_str(), WRITER);
    assert_eq!((refusal.source, refusal.named_client_id, refusal.reason.as_str()), (None, None, "wrong_audience"));
    assert_eq!((refusal.path.as_str(), refusal.method.as_str()), ("/admin/clients", "GET"));
    // The newest of that client, also where another client chose the same id later.
    assert_eq!(own(&reader, "of-both").await.json()["path"], "/admin/clients");
    assert_eq!(own(&writer, "of-both").await.json()["path"], "/admin/keys");
    refuse(&writer, "of-both", "/admin/audit").await;
    let newest = own(&writer, "of-both").await.json();
    assert_eq!((&newest["path"], &newest["others"]), (&json!("/admin/audit"), &json!(1)), "a client counts its own");

    let mut unknown = Vec::new();
    for id in ["of-writer", "of-nobody", "of-guess", "never"] {
        let mut answer = own(&reader, id).await;
        answer.headers.remove("x-request-id");
        answer.headers.remove("date");
        let mut body = answer.json();
        body["request_id"].take();
        // Of the sandbox, and with that id.
        body["explanation"].take();
        unknown.push((answer.status, format!("{:?}", answer.headers), body));
    }
    assert_eq!(unknown[0].0, 404);
    assert!(unknown.iter().all(|answer| *answer == unknown[0]), "each looks like an id that never was: {unknown:#?}");

    // The operator reads all, and what they name.
    let admin = server.admin_token().await;
    let all = async |query: &str| {
        let list = server.get(&format!("/admin/refusals{query}"), &admin).await;
        assert_eq!(list.status, 200, "{list:?}");
        list.json()
    };
    let guess = server.get("/admin/refusals/of-guess", &admin).await.json();
    assert_eq!((&guess["others"], &all("/of-both").await["others"]), (&json!(1), &json!(2)));
    assert_eq!((&guess["client_id"], &guess["named_client_id"]), (&Value::Null, &json!("nobody")));
    assert_eq!((&guess["reason"], &guess["source"]), (&json!("invalid_client"), &json!("127.0.0.1")));
    let ids = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().unwrap().iter();
        data.map(|refusal| refusal["request_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&all(&format!("?client={READER}")).await), ["of-guess", "of-both"]);
    assert_eq!(ids(&all("?reason=token_malformed").await), ["of-nobody"]);
    let first = all("?limit=3&reason=wrong_audience").await;
    assert_eq!(ids(&first), ["of-both", "of-both", "of-both"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = all(&format!("?limit=3&reason=wrong_audience&cursor={cursor}")).await;
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["of-writer".to_owned()], &Value::Null));
    let since = format!("?since={}", now(&server).plus(1));
    assert!(ids(&all(&since).await).is_empty());
    let misspelt = server.get("/admin/refusals?reason=token_expird", &admin).await;
    assert_eq!(misspelt.problem(), "malformed-query");
    assert!(misspelt.json()["detail"].as_str().unwrap().ends_with("Did you mean token_expired?"), "{misspelt:?}");
    // No secret and no token is in any of it.
    let whole = all("?limit=100").await.to_string() + &guess.to_string();
    assert!(!whole.contains("bg_secret") && !whole.contains("eyJ"), "{whole}");
}

fn read_at(server: &TestServer, token: &str, path: &str) -> RequestBuilder {
    server.request(Method::GET, path).bearer_auth(token)
}

#[tokio::test]
async fn to_read_a_refusal_costs_nothing_and_any_token_will_do() {
    let server = TestServer::start().await;
    let (client_id, secret) = server
        .register(json!({ "scope": "introspect", "requests_per_second": 0.001, "burst": 1, "daily_quota": 1 }))
        .await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    let refused = answer(read(&server, &token).header("x-request-id", "order/17 \"retry\"".replace(' ', "-"))).await;
    assert_eq!(refused.status, 403);
    for _ in 0..3 {
        let shown = server.get("/v3/oauth2/refusals/order%2F17-%22retry%22", &token).await;
        assert_eq!((shown.status, shown.json()["check"].as_str()), (200, Some("scope")), "{shown:?}");
        assert!(shown.header("ratelimit").contains("\"second\";r=0"), "{shown:?}");
    }
    assert_eq!(server.get("/oauth2/usage", &token).await.json()["day"]["used"], 1);
}

#[tokio::test]
async fn a_flood_without_a_client_leaves_what_clients_want_to_read() {
    let server = TestServer::start_with(|config| config.refusals.entries = 40).await;
    let writer = server.token(WRITER).await;
    let limited = server.token(LIMITED).await;
    let refused = read_at(&server, &writer, "/admin/clients").header("x-request-id", "wanted");
    assert_eq!(answer(refused).await.status, 401);
    for number in 0..60 {
        let id = format!("flood-{number}");
        assert_eq!(answer(read(&server, "forged").header("x-request-id", &id)).await.status, 401);
        // One client in a loop takes no more than its part either.
        assert_eq!(answer(read_at(&server, &limited, "/admin/keys").header("x-request-id", &id)).await.status, 401);
    }
    assert_eq!(server.get("/oauth2/refusals/wanted", &writer).await.status, 200);
    let admin = server.admin_token().await;
    let list = server.get("/admin/refusals?limit=100", &admin).await.json();
    let of = |client: Value| list["data"].as_array().unwrap().iter().filter(|one| one["client_id"] == client).count();
    assert_eq!((of(Value::Null), of(json!(LIMITED)), of(json!(WRITER))), (10, 10, 1));
}

#[tokio::test]
async fn a_server_without_entries_records_nothing_and_a_deleted_client_leaves_none() {
    let server = TestServer::start_with(|config| config.refusals.entries = 0).await;
    let admin = server.admin_token().await;
    assert_eq!(answer(read(&server, "forged").header("x-request-id", ID)).await.status, 401);
    assert_eq!(server.get("/admin/refusals", &admin).await.json()["data"], json!([]));
    assert_eq!(server.get(&format!("/admin/refusals/{ID}"), &admin).await.problem(), "not-found");
    server.stop().await;

    let server = TestServer::start().await;
    let (client_id, secret) = server.register(json!({ "client_id": "curbside" })).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    assert_eq!(answer(read_at(&server, &token, "/admin/keys").header("x-request-id", ID)).await.status, 401);
    let admin = server.admin_token().await;
    passes(server.request(Method::DELETE, "/admin/clients/curbside").bearer_auth(&admin)).await;
    let (client_id, secret) = server.register(json!({ "client_id": "curbside" })).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    assert_eq!(server.get(&format!("/oauth2/refusals/{ID}"), &token).await.status, 404, "it was another client's");
}
