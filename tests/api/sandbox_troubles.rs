//! `/sandbox/troubles`: each trouble is seen by its client, and is gone once the troubles are cleared.

use std::time::Duration;

use boomgate::api::sandbox::trouble::TroubleName;
use boomgate::counts::Label as _;
use boomgate::time::UnixSeconds;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, AUDIENCE, Answer, JSON, LIMITED, READER, TestServer, WRITER, ZONES, answer, claims};
use crate::harness::{basic, jwt_part, secret};
use crate::zones::zone;

const TROUBLES: &str = "/sandbox/troubles";

async fn ask(server: &TestServer, name: &str, body: &Value) -> Answer {
    server.control(Method::POST, &format!("{TROUBLES}/{name}"), Some(body)).await
}

/// Makes a trouble happen to a client.
async fn start(server: &TestServer, name: &str, client: &str) -> Value {
    let answer = ask(server, name, &json!({ "client": client })).await;
    assert_eq!(answer.status, 200, "{name}: {answer:?}");
    let happened = answer.json();
    assert_eq!((&happened["name"], &happened["client"]), (&json!(name), &json!(client)));
    happened
}

/// Undoes the troubles, and returns the names of those that were on.
async fn clear(server: &TestServer) -> Vec<String> {
    let answer = server.control(Method::DELETE, TROUBLES, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let name = |trouble: &Value| trouble["name"].as_str().unwrap().to_owned();
    answer.json()["data"].as_array().unwrap().iter().map(name).collect()
}

/// The names of the troubles that are on.
async fn on(server: &TestServer) -> Vec<String> {
    let list = server.control(Method::GET, TROUBLES, None).await.json();
    let troubles = list["data"].as_array().unwrap();
    let on = troubles.iter().filter(|trouble| trouble["on"] == true);
    on.map(|trouble| trouble["name"].as_str().unwrap().to_owned()).collect()
}

/// The status of a token request with this secret, and its error.
async fn token_request(server: &TestServer, client: &str, secret: &str, scope: Option<&str>) -> (u16, String) {
    let mut body = json!({ "grant_type": "client_credentials", "client_id": client, "client_secret": secret,
        "audience": AUDIENCE });
    if let Some(scope) = scope {
        body["scope"] = json!(scope);
    }
    let answer = server.token_request(JSON, body.to_string()).await;
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

async fn now(server: &TestServer) -> UnixSeconds {
    let clock = server.control(Method::GET, "/sandbox/clock", None).await.json();
    UnixSeconds::parse(clock["now"].as_str().unwrap()).unwrap()
}

async fn status_and_problem(server: &TestServer, token: &str) -> (u16, String) {
    let answer = server.get(ZONES, token).await;
    let problem = if answer.status == 200 { String::new() } else { answer.problem() };
    (answer.status, problem)
}

fn refused(status: u16, problem: &str) -> (u16, String) {
    (status, problem.to_owned())
}

fn passed() -> (u16, String) {
    (200, String::new())
}

#[tokio::test]
async fn token_expires_moves_the_clock_to_the_end_of_the_newest_token_and_no_further() {
    let server = TestServer::start().await;
    let older = server.token(READER).await;
    server.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": "10m" }))).await;
    let token = server.token(READER).await;
    assert_eq!(status_and_problem(&server, &token).await, passed());
    let happened = start(&server, "token-expires", READER).await;
    let end = UnixSeconds::new(claims(&token)["exp"].as_u64().unwrap());
    assert_eq!(happened["now"], json!(end));
    for token in [&older, &token] {
        assert_eq!(status_and_problem(&server, token).await, refused(401, "token-expired"));
    }
    start(&server, "token-expires", READER).await;
    assert_eq!(now(&server).await, end, "all tokens have expired already");
    assert_eq!((on(&server).await, clear(&server).await), (vec![], vec![]));
    assert_eq!(now(&server).await, end, "the clock does not go back");
    assert_eq!(status_and_problem(&server, &server.token(READER).await).await, passed());
}

#[tokio::test]
async fn token_revoked_ends_the_tokens_of_one_client_and_a_new_one_passes() {
    let server = TestServer::start().await;
    let (token, other) = (server.token(READER).await, server.token(WRITER).await);
    start(&server, "token-revoked", READER).await;
    assert_eq!(status_and_problem(&server, &token).await, refused(401, "token-revoked"));
    assert_eq!(status_and_problem(&server, &other).await, passed());
    assert_eq!(status_and_problem(&server, &server.token(READER).await).await, passed());
    assert_eq!(clear(&server).await, Vec::<String>::new());
    assert_eq!(status_and_problem(&server, &token).await, refused(401, "token-revoked"), "it stays revoked");
}

#[tokio::test]
async fn a_rotated_secret_works_beside_the_old_one_until_its_overlap_ends() {
    let server = TestServer::start().await;
    let old = secret(WRITER);
    let happened = start(&server, "secret-rotated", WRITER).await;
    let new = happened["client_secret"].as_str().unwrap();
    for secret in [new, &old] {
        assert_eq!(token_request(&server, WRITER, secret, None).await.0, 200);
    }
    let again = start(&server, "secret-rotated", WRITER).await;
    assert_eq!(again["client_secret"], new, "a second time is harmless");
    assert_eq!(on(&server).await, ["secret-rotated"]);

    server.control(Method::POST, "/sandbox/clock/set", Some(&json!({ "to": happened["previous_expires_at"] }))).await;
    assert_eq!(token_request(&server, WRITER, &old, None).await, refused(401, "invalid_client"));
    assert_eq!(token_request(&server, WRITER, new, None).await.0, 200);

    assert_eq!(clear(&server).await, ["secret-rotated"]);
    assert_eq!(token_request(&server, WRITER, &old, None).await.0, 200);
    assert_eq!(token_request(&server, WRITER, new, None).await, refused(401, "invalid_client"));
    let client = server.get(&format!("/admin/clients/{WRITER}"), &server.admin_token().await).await.json();
    assert_eq!(client["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(client["secrets"][0]["expires_at"], Value::Null, "it has no end, as before");
}

#[tokio::test]
async fn a_revoked_secret_ends_at_once_whether_or_not_it_was_rotated() {
    let server = TestServer::start().await;
    let old = secret(WRITER);
    for rotated_before in [false, true] {
        let mut ended = vec![old.clone()];
        if rotated_before {
            let rotated = start(&server, "secret-rotated", WRITER).await;
            ended.push(rotated["client_secret"].as_str().unwrap().to_owned());
        }
        let happened = start(&server, "secret-revoked", WRITER).await;
        let new = happened["client_secret"].as_str().unwrap();
        for secret in &ended {
            assert_eq!(token_request(&server, WRITER, secret, None).await, refused(401, "invalid_client"));
        }
        assert_eq!(token_request(&server, WRITER, new, None).await.0, 200);
        assert_eq!(clear(&server).await[0], "secret-revoked");
        assert_eq!(on(&server).await, Vec::<String>::new());
        ended.push(new.to_owned());
        let statuses = ended.iter().map(|secret| (secret, if *secret == old { 200 } else { 401 }));
        for (secret, status) in statuses {
            assert_eq!(token_request(&server, WRITER, secret, None).await.0, status);
        }
    }
}

#[tokio::test]
async fn key_rotated_lets_another_key_sign_and_the_old_one_verify() {
    let server = TestServer::start().await;
    let old = server.token(READER).await;
    let happened = start(&server, "key-rotated", READER).await;
    let new = server.token(READER).await;
    assert_eq!(jwt_part(&new, 0)["kid"], happened["kid"]);
    assert_ne!(jwt_part(&old, 0)["kid"], happened["kid"]);
    for token in [&old, &new] {
        assert_eq!(status_and_problem(&server, token).await, passed());
    }
    assert_eq!(clear(&server).await, Vec::<String>::new());
    assert_eq!(status_and_problem(&server, &new).await, passed());
}

#[tokio::test]
async fn a_suspended_client_is_refused_everywhere_until_the_trouble_is_cleared() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for _ in 0..2 {
        start(&server, "client-suspended", READER).await;
        assert_eq!(status_and_problem(&server, &token).await, refused(401, "token-invalid"));
        let refused_token = token_request(&server, READER, &secret(READER), None).await;
        assert_eq!(refused_token, refused(400, "unauthorized_client"));
    }
    assert_eq!(clear(&server).await, ["client-suspended"]);
    assert_eq!(status_and_problem(&server, &token).await, passed());
}

#[tokio::test]
async fn troubles_of_before_a_restart_are_on_after_it_until_they_are_cleared_or_the_sandbox_is_reset() {
    let server = TestServer::start().await;
    start(&server, "secret-revoked", WRITER).await;
    start(&server, "client-suspended", READER).await;
    start(&server, "scope-narrowed", READER).await;
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    assert_eq!(on(&server).await, ["secret-revoked", "client-suspended", "scope-narrowed"]);
    assert_eq!(token_request(&server, WRITER, &secret(WRITER), None).await, refused(401, "invalid_client"));
    assert_eq!(clear(&server).await, ["scope-narrowed", "client-suspended", "secret-revoked"]);
    for client in [READER, WRITER] {
        assert_eq!(status_and_problem(&server, &server.token(client).await).await, passed(), "{client}");
    }

    // Neither what is cleared nor what a reset took back is on again.
    server.stop().await;
    let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    assert_eq!(clear(&server).await, Vec::<String>::new());
    start(&server, "client-suspended", READER).await;
    assert_eq!(server.control(Method::POST, "/sandbox/reset", None).await.status, 200);
    let admin = server.admin_token().await;
    let suspended = json!({ "status": "suspended" });
    let path = format!("/admin/clients/{READER}");
    let patched = answer(server.request(Method::PATCH, &path).bearer_auth(admin).json(&suspended)).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    server.stop().await;
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(clear(&server).await, Vec::<String>::new(), "what an operator has suspended stays suspended");
}

#[tokio::test]
async fn a_narrowed_scope_is_refused_with_old_tokens_and_in_token_requests() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let create = async |number: &str| server.post_json(ZONES, &token, &zone(number)).await.status;
    for _ in 0..2 {
        let happened = start(&server, "scope-narrowed", WRITER).await;
        assert_eq!(happened["scope"], "read:zones", "a second time takes no more");
    }
    assert_eq!(create("71").await, 403);
    assert_eq!(status_and_problem(&server, &token).await, passed(), "it may still read");
    let refused_token = token_request(&server, WRITER, &secret(WRITER), Some("write:zones")).await;
    assert_eq!(refused_token, refused(400, "invalid_scope"));
    assert_eq!(clear(&server).await, ["scope-narrowed"]);
    assert_eq!(create("71").await, 201);

    // A client has at least one scope token.
    let reader = server.token(READER).await;
    start(&server, "scope-narrowed", READER).await;
    assert_eq!(status_and_problem(&server, &reader).await, refused(403, "insufficient-scope"));
    clear(&server).await;
    assert_eq!(status_and_problem(&server, &reader).await, passed());
}

#[tokio::test]
async fn an_exhausted_quota_comes_back_with_clear_and_with_midnight() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    let remaining = async || {
        let usage = server.get("/oauth2/usage", &server.token(LIMITED).await).await.json();
        usage["day"]["remaining"].as_u64().unwrap_or_else(|| panic!("{usage}"))
    };
    assert_eq!(status_and_problem(&server, &token).await, passed());
    assert_eq!(remaining().await, 19);
    for _ in 0..2 {
        start(&server, "quota-exhausted", LIMITED).await;
        assert_eq!(remaining().await, 0);
    }
    let over = server.get(ZONES, &token).await;
    assert_eq!((over.status, over.header("retry-after")), (429, "43200"), "until midnight: {over:?}");
    assert!(over.json()["detail"].as_str().unwrap().contains("daily quota"));
    assert_eq!(clear(&server).await, ["quota-exhausted"]);
    assert_eq!(remaining().await, 19);
    // The client may call twice a second.
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(status_and_problem(&server, &token).await, passed());
    assert_eq!(remaining().await, 18, "units that came back are spent as any others");

    start(&server, "quota-exhausted", LIMITED).await;
    let midnight = ask(&server, "midnight", &json!({})).await.json();
    assert!(midnight["now"].as_str().unwrap().ends_with("T00:00:00Z"), "{midnight}");
    assert_eq!(remaining().await, 20, "a new day has a whole quota");
    assert_eq!((on(&server).await, clear(&server).await), (vec![], vec![]), "the day is over");
    assert_eq!(remaining().await, 20);
    let later = ask(&server, "midnight", &json!({})).await.json();
    assert_ne!(later["now"], midnight["now"], "the next day");
}

#[tokio::test]
async fn a_quota_of_millions_is_used_up_in_one_step_and_an_endless_one_cannot_be() {
    let server = TestServer::start().await;
    let (large, large_secret) = server.register(json!({ "daily_quota": 100_000_000 })).await;
    let token = server.token_with(&large, &large_secret, AUDIENCE, None).await;
    start(&server, "quota-exhausted", &large).await;
    assert_eq!(server.get(ZONES, &token).await.status, 429);
    clear(&server).await;
    assert_eq!(server.get(ZONES, &token).await.status, 200);

    for members in [json!({ "daily_quota": null }), json!({ "daily_quota": 5, "enforce": false })] {
        let (client, _) = server.register(members).await;
        let answer = ask(&server, "quota-exhausted", &json!({ "client": client })).await;
        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/client")), "{answer:?}");
    }
}

#[tokio::test]
async fn throttled_ends_for_a_client_that_waits_as_retry_after_says() {
    let server = TestServer::start().await;
    let (token, other) = (server.token(READER).await, server.token(WRITER).await);
    let happened = start(&server, "throttled", READER).await;
    assert_eq!(happened["ends_in"], "5s");
    let answer = server.get(ZONES, &token).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "5"), "{answer:?}");
    assert_eq!(answer.header("boomgate-fault"), format!("throttled-{READER}"));
    assert_eq!(answer.json()["violated-policies"], json!(["second"]));
    assert_eq!(status_and_problem(&server, &other).await, passed());
    assert_eq!(token_request(&server, READER, &secret(READER), None).await.0, 200, "the throttle is of the API");
    assert_eq!(on(&server).await, ["throttled"]);
    server.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": "5s" }))).await;
    assert_eq!(status_and_problem(&server, &token).await, passed());
    assert_eq!((on(&server).await, clear(&server).await), (vec![], vec![]));
}

#[tokio::test]
async fn an_outage_of_the_given_length_refuses_token_requests_too() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for (body, others) in [(json!({ "for": "10m" }), 503), (json!({ "client": READER, "for": "10m" }), 200)] {
        let happened = ask(&server, "outage", &body).await;
        assert_eq!((happened.status, &happened.json()["ends_in"]), (200, &json!("10m")));
        // Once more is harmless.
        assert_eq!(ask(&server, "outage", &body).await.status, 200);
        assert_eq!(status_and_problem(&server, &token).await, refused(503, "unavailable"));
        assert_eq!(token_request(&server, READER, &secret(READER), None).await.0, 503);
        assert_eq!(token_request(&server, WRITER, &secret(WRITER), None).await.0, others);
        assert_eq!(clear(&server).await, ["outage"]);
        assert_eq!(status_and_problem(&server, &token).await, passed());
        let faults = server.control(Method::GET, "/sandbox/faults", None).await.json();
        assert_eq!(faults["data"], json!([]), "no rule is left");
    }
}

#[tokio::test]
async fn a_slow_network_delays_answers_and_leaves_them_as_they_are() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    start(&server, "slow-network", READER).await;
    let late = server.get(ZONES, &token).await;
    assert_eq!((late.status, late.header("boomgate-fault")), (200, "slow-network-demo-reader"));
    assert_eq!(clear(&server).await, ["slow-network"]);
    let prompt = server.get(ZONES, &token).await;
    assert_eq!((prompt.status, prompt.header("boomgate-fault")), (200, ""));
    assert_eq!(prompt.body, late.body);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_change_behind_once() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let zones_of = async |operator: &str| {
        let found = server.get(&format!("{ZONES}?operator_id={operator}"), &token).await.json();
        found["data"].as_array().unwrap().len()
    };
    let post = |number: &str| {
        let mut body = zone(number);
        body["operator_id"] = json!("op-lost");
        server.another_client(false).post(format!("{}{ZONES}", server.base)).bearer_auth(&token).json(&body)
    };
    for _ in 0..2 {
        start(&server, "answer-lost", WRITER).await;
    }
    assert_eq!(on(&server).await, ["answer-lost"]);
    post("1").send().await.unwrap_err();
    assert_eq!(zones_of("op-lost").await, 1, "the change was made");
    assert_eq!(on(&server).await, Vec::<String>::new());
    assert_eq!(answer(post("2")).await.status, 201, "the next answer arrives");

    start(&server, "answer-lost", WRITER).await;
    assert_eq!(clear(&server).await, ["answer-lost"]);
    assert_eq!(answer(post("3")).await.status, 201);
}

#[tokio::test]
async fn what_someone_else_has_undone_is_not_undone_once_more() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    start(&server, "client-suspended", READER).await;
    let patch = |body: Value| {
        let reader = format!("/admin/clients/{READER}");
        answer(server.request(Method::PATCH, &reader).bearer_auth(&admin).json(&body))
    };
    assert_eq!(patch(json!({ "status": "active" })).await.status, 200);
    assert_eq!(on(&server).await, Vec::<String>::new());
    // What an operator has suspended stays suspended.
    assert_eq!(patch(json!({ "status": "suspended" })).await.status, 200);
    start(&server, "client-suspended", READER).await;
    assert_eq!(clear(&server).await, Vec::<String>::new());
    assert_eq!(patch(json!({})).await.json()["status"], "suspended");
    // A client that was registered under the same identifier is another one.
    start(&server, "scope-narrowed", WRITER).await;
    let writer = format!("/admin/clients/{WRITER}");
    assert_eq!(answer(server.request(Method::DELETE, &writer).bearer_auth(&admin)).await.status, 204);
    assert_eq!(clear(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_snapshot_knows_which_troubles_were_on_and_a_reset_leaves_none() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for name in ["client-suspended", "quota-exhausted", "secret-rotated"] {
        start(&server, name, LIMITED).await;
    }
    let troubles = ["secret-rotated", "client-suspended", "quota-exhausted"];
    let snapshot = "/sandbox/snapshots/in-trouble";
    assert_eq!(server.control(Method::PUT, snapshot, None).await.status, 201);
    assert_eq!(clear(&server).await.len(), 3);
    assert_eq!(status_and_problem(&server, &token).await, passed());
    assert_eq!(server.control(Method::POST, &format!("{snapshot}/restore"), None).await.status, 200);
    assert_eq!(status_and_problem(&server, &token).await, refused(401, "token-invalid"));
    assert_eq!(on(&server).await, troubles);
    assert_eq!(start(&server, "secret-rotated", LIMITED).await.get("client_secret"), None, "no snapshot has its text");
    assert_eq!(clear(&server).await, ["secret-rotated", "quota-exhausted", "client-suspended"]);
    assert_eq!(status_and_problem(&server, &token).await, passed());

    start(&server, "client-suspended", READER).await;
    assert_eq!(server.control(Method::POST, "/sandbox/reset", None).await.status, 200);
    assert_eq!(on(&server).await, Vec::<String>::new());
    assert_eq!(clear(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_last_administrator_cannot_be_suspended_by_a_trouble_either() {
    let server = TestServer::start().await;
    let refused = ask(&server, "client-suspended", &json!({ "client": ADMIN })).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"), "{refused:?}");
    assert_eq!(on(&server).await, Vec::<String>::new());
    let (name, value) = basic(ADMIN, &secret(ADMIN));
    let form = [("grant_type", "client_credentials"), ("audience", AUDIENCE)];
    let token = server.request(Method::POST, "/oauth2/token").header(name, value).form(&form);
    assert_eq!(answer(token).await.status, 200);
}

#[tokio::test]
async fn the_list_has_a_sentence_on_each_trouble_and_how_it_is_undone() {
    let server = TestServer::start().await;
    let list = server.control(Method::GET, TROUBLES, None).await.json();
    let troubles = list["data"].as_array().unwrap();
    let names: Vec<_> = troubles.iter().map(|trouble| trouble["name"].as_str().unwrap()).collect();
    assert_eq!(names, TroubleName::ALL.iter().map(|trouble| trouble.name()).collect::<Vec<_>>());
    for trouble in troubles {
        let body = if trouble["needs_client"] == true { json!({ "client": WRITER }) } else { json!({}) };
        let name = trouble["name"].as_str().unwrap();
        let happened = ask(&server, name, &body).await.json();
        for member in ["description", "undone"] {
            assert!(trouble[member].as_str().unwrap().ends_with('.'), "{trouble}");
            assert_eq!(happened[member], trouble[member], "{name}");
        }
        // An outage would be for this test too.
        clear(&server).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named_and_nothing_happens() {
    let server = TestServer::start().await;
    let before = now(&server).await;
    for (name, body, expected) in [
        ("token-expires", json!({}), "/client is required, because this trouble happens to one client"),
        ("token-expires", json!({ "client": 7 }), "/client must be a string"),
        (
            "midnight",
            json!({ "client": "demo-raeder" }),
            "/client is \"demo-raeder\", the client_id of no client: did you mean demo-reader?",
        ),
        ("client-suspended", json!({ "client": "nobody" }), "/client is \"nobody\", the client_id of no client"),
        (
            "midnight",
            json!({ "for": "30s" }),
            "/for is not for this trouble, which does not depend on time: leave it out",
        ),
        ("outage", json!({ "for": "365d" }), "/for must be from 1s to 1d"),
        ("outage", json!({ "for": "0s" }), "/for must be from 1s to 1d"),
        ("outage", json!({ "for": 30 }), "/for must be a string"),
        ("outage", json!({ "fro": "30s" }), "/fro is not a member: did you mean for?"),
    ] {
        let refused = ask(&server, name, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{name} {body}");
        let error = refused.json()["errors"][0].clone();
        let text = format!("{} {}", error["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap());
        assert_eq!(text, expected);
    }
    for (name, words) in [("outtage", "did you mean outage?"), ("x", "GET /sandbox/troubles lists them")] {
        let unknown = ask(&server, name, &json!({})).await;
        assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
        assert!(unknown.json()["detail"].as_str().unwrap().contains(words), "{unknown:?}");
    }
    assert_eq!(ask(&server, "outage", &json!([])).await.problem(), "malformed-body");
    assert_eq!((on(&server).await, now(&server).await), (vec![], before));
    let blank = server.control(Method::POST, &format!("{TROUBLES}/key-rotated"), None).await;
    assert_eq!(blank.status, 200, "a trouble of all clients needs no body: {blank:?}");
}
