//! The sandbox's clock is moved, and everything goes by it at once: nothing here waits.

use boomgate::time::{Clock as _, UnixSeconds};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, LIMITED, READER, TestServer, WRITER, ZONES, answer, claims, jwt_part};

const DAY_S: u64 = 86_400;

async fn advance(server: &TestServer, by: &str) -> Value {
    let answer = server.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": by }))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn set(server: &TestServer, to: UnixSeconds) -> Answer {
    server.control(Method::POST, "/sandbox/clock/set", Some(&json!({ "to": to }))).await
}

async fn show(server: &TestServer) -> Value {
    server.control(Method::GET, "/sandbox/clock", None).await.json()
}

async fn now(server: &TestServer) -> UnixSeconds {
    UnixSeconds::parse(show(server).await["now"].as_str().unwrap()).unwrap()
}

async fn list_zones(server: &TestServer, token: &str) -> Answer {
    server.get("/parking/zones?limit=1", token).await
}

/// A token request with a secret that need not be valid.
async fn ask_for_token(server: &TestServer, client_id: &str, secret: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("audience", AUDIENCE),
    ];
    answer(server.request(Method::POST, "/shared/access-tokens").form(&form)).await
}

#[tokio::test]
async fn a_shifted_clock_keeps_running_and_its_answer_says_how_far_it_is_ahead() {
    let server = TestServer::start().await;
    let start = server.clock.now();
    let moved = advance(&server, "1h30m").await;
    let expected = json!({ "now": start.plus(5_400), "real_now": start, "shifted_by_s": 5_400, "frozen": false });
    assert_eq!(moved, expected);
    server.clock.advance(std::time::Duration::from_secs(7));
    assert_eq!(now(&server).await, start.plus(5_407));
    assert_eq!(set(&server, start.plus(DAY_S)).await.json()["shifted_by_s"], DAY_S - 7);
}

#[tokio::test]
async fn a_token_expires_when_the_clock_passes_its_end() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let expires_at = UnixSeconds::new(claims(&token)["exp"].as_u64().unwrap());
    assert_eq!(set(&server, UnixSeconds::new(expires_at.get() - 1)).await.status, 200);
    assert_eq!(list_zones(&server, &token).await.status, 200);
    assert_eq!(set(&server, expires_at).await.status, 200);
    let refused = list_zones(&server, &token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token-expired"));
    let renewed = server.token(READER).await;
    assert_eq!(claims(&renewed)["iat"], expires_at.get());
    assert_eq!(list_zones(&server, &renewed).await.status, 200);
}

#[tokio::test]
async fn the_throttle_refills_when_the_clock_moves() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for _ in 0..3 {
        assert_eq!(list_zones(&server, &token).await.status, 200);
        assert_eq!(list_zones(&server, &token).await.status, 200);
        let refused = list_zones(&server, &token).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
        advance(&server, "1s").await;
    }
}

#[tokio::test]
async fn limits_that_were_used_before_jumps_of_600_years_hold_after_them() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    while list_zones(&server, &token).await.status == 200 {}
    let fail = async || {
        for failures in 0..100 {
            match ask_for_token(&server, LIMITED, "wrong").await.status {
                401 => {}
                status => return (failures, status),
            }
        }
        (100, 401)
    };
    let failed = fail().await;
    assert_eq!(failed.1, 429);
    let start = server.clock.now();
    for _ in 0..60 {
        advance(&server, "3653d").await;
    }
    assert_eq!(now(&server).await, start.plus(60 * 3_653 * DAY_S));
    assert_eq!(list_zones(&server, &token).await.status, 401);
    // Each is full again, and has an end as before.
    let token = server.token(LIMITED).await;
    for _ in 0..2 {
        assert_eq!(list_zones(&server, &token).await.status, 200);
        assert_eq!(list_zones(&server, &token).await.status, 200);
        let refused = list_zones(&server, &token).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
        advance(&server, "1s").await;
    }
    assert_eq!(fail().await, failed);
}

#[tokio::test]
async fn a_frozen_clock_stands_and_its_throttle_refills_with_real_time() {
    let server = TestServer::start().await;
    let (token, start) = (server.token(LIMITED).await, server.clock.now());
    let frozen = server.control(Method::POST, "/sandbox/clock/freeze", None).await.json();
    assert_eq!(frozen["frozen"], true);
    assert!(frozen["note"].as_str().unwrap().contains("throttle refills"), "{frozen}");
    while list_zones(&server, &token).await.status == 200 {}
    server.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(list_zones(&server, &token).await.status, 200, "a client that obeys Retry-After is not stuck");
    assert_eq!(now(&server).await, start);

    // It moves while it stands, and runs on from there.
    assert_eq!(advance(&server, "10m").await["now"], json!(start.plus(600)));
    server.clock.advance(std::time::Duration::from_secs(100));
    let resumed = server.control(Method::POST, "/sandbox/clock/resume", None).await.json();
    assert_eq!(
        (&resumed["now"], &resumed["frozen"], &resumed["note"]),
        (&json!(start.plus(600)), &json!(false), &Value::Null)
    );
    server.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(now(&server).await, start.plus(605));
}

#[tokio::test]
async fn a_new_quota_day_has_begun_when_the_answer_arrives() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    let today = server.clock.now().day();
    // One more unit than the 20 of a day: a block is one unit here, so that none is left over.
    let mut last = list_zones(&server, &token).await;
    for _ in 0..20 {
        advance(&server, "1s").await;
        last = list_zones(&server, &token).await;
    }
    assert_eq!((last.status, last.json()["violated-policies"].clone()), (429, json!(["day"])));

    // A client with a block of ten units, of which it spends one.
    let (spender, secret) = server.register(json!({ "daily_quota": 1_000 })).await;
    let spent = server.token_with(&spender, &secret, AUDIENCE, None).await;
    assert_eq!(list_zones(&server, &spent).await.status, 200);

    assert_eq!(set(&server, today.end()).await.status, 200);
    let token = server.token(LIMITED).await;
    let first = list_zones(&server, &token).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert!(first.header("ratelimit").contains("\"day\";r=19"), "{}", first.header("ratelimit"));

    // What it did not spend of its block is back in the store, without a request of its own.
    let folder = server.stop().await.unwrap();
    let store = boomgate::store::SledStore::open(&folder.path().join("data/db")).unwrap();
    let key = boomgate::store::Key::new(format!("quota/{spender}/{today}").as_bytes());
    let record = boomgate::store::Store::get(&store, &key).await.unwrap().unwrap();
    let record: Value = serde_json::from_slice(record.as_bytes()).unwrap();
    assert_eq!(record["record"]["units"], 1, "{record}");
}

#[tokio::test]
async fn a_secret_that_was_rotated_out_dies_when_its_time_is_over() {
    let server = TestServer::start().await;
    let (client_id, old) = server.register(json!({})).await;
    let path = format!("/admin/clients/{client_id}/secrets");
    let rotated = server.post_json(&path, &server.admin_token().await, &json!({ "previous_expires_in": 3_600 })).await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    advance(&server, "59m59s").await;
    assert_eq!(ask_for_token(&server, &client_id, &old).await.status, 200);
    advance(&server, "1s").await;
    let refused = ask_for_token(&server, &client_id, &old).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    let new = rotated.json()["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(ask_for_token(&server, &client_id, &new).await.status, 200);
}

async fn kids(server: &TestServer) -> Vec<String> {
    let set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    set["keys"].as_array().unwrap().iter().map(kid).collect()
}

#[tokio::test]
async fn signing_keys_have_rotated_when_the_answer_arrives() {
    let server = TestServer::start().await;
    let first = kids(&server).await;
    advance(&server, "29d1h").await;
    let published = kids(&server).await;
    assert_eq!(published.len(), 2, "the next key is published a day before it signs");
    let kid_of = |token: &str| jwt_part(token, 0)["kid"].as_str().unwrap().to_owned();
    assert_eq!(kid_of(&server.token(READER).await), first[0]);
    advance(&server, "1d").await;
    let token = server.token(READER).await;
    assert_ne!(kid_of(&token), first[0]);
    assert_eq!(list_zones(&server, &token).await.status, 200);
    advance(&server, "2d").await;
    assert!(!kids(&server).await.contains(&first[0]), "its last token has expired");

    // Many rotations in one jump: a key signs that was published in time, and no other is left behind.
    advance(&server, "400d").await;
    let left = kids(&server).await;
    assert!(left.len() <= 2, "{left:?}");
    assert_eq!(list_zones(&server, &server.token(READER).await).await.status, 200);
}

#[tokio::test]
async fn a_revocation_is_forgotten_a_day_after_its_token_expired() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    assert_eq!(server.about_token("/oauth2/revoke", READER, &token).await.status, 200);
    assert_eq!(list_zones(&server, &token).await.problem(), "token-revoked");
    let revocations = async || {
        let metrics = server.get("/metrics", &server.admin_token().await).await;
        let text = String::from_utf8(metrics.body).unwrap();
        text.lines().find_map(|line| line.strip_prefix("boomgate_revocations ")).unwrap().to_owned()
    };
    assert_eq!(revocations().await, "1");
    let expires_at = UnixSeconds::new(claims(&token)["exp"].as_u64().unwrap());
    assert_eq!(set(&server, expires_at.plus(DAY_S)).await.status, 200);
    assert_eq!(revocations().await, "0");
}

#[tokio::test]
async fn an_idempotency_key_is_forgotten_after_a_day() {
    let server = TestServer::start().await;
    let create = |number: &str, token: &str| -> RequestBuilder {
        let zone = json!({ "number": number, "name": "Quay", "operator_id": "harbour-parking", "session_type": "vehicle",
            "location": { "latitude": 34.7, "longitude": -76.6 } });
        server.request(Method::POST, ZONES).bearer_auth(token).header("idempotency-key", "once").json(&zone)
    };
    let token = server.token(WRITER).await;
    let first = answer(create("9001", &token)).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.json()["created_at"], json!(server.clock.now()));
    assert_eq!(answer(create("9001", &token)).await.json(), first.json());
    assert_eq!(answer(create("9002", &token)).await.problem(), "idempotency-key-reused");
    advance(&server, "24h").await;
    let second = answer(create("9002", &server.token(WRITER).await)).await;
    assert_eq!(second.status, 201, "{second:?}");
    assert_eq!(second.json()["created_at"], json!(server.clock.now().plus(DAY_S)));
}

#[tokio::test]
async fn the_audit_log_has_the_time_of_the_clock() {
    let server = TestServer::start().await;
    let later = server.clock.now().plus(3 * DAY_S);
    assert_eq!(set(&server, later).await.status, 200);
    server.register(json!({})).await;
    let entries = server.get("/admin/audit?limit=1", &server.admin_token().await).await.json();
    assert_eq!(entries["data"][0]["at"], json!(later), "{entries}");
}

#[tokio::test]
async fn answers_are_dated_by_the_clock_while_it_is_shifted() {
    let server = TestServer::start().await;
    let date = |answer: &Answer| answer.header("date").to_owned();
    for http2 in [false, true] {
        let client = server.another_client(http2);
        let get = |path: &str| answer(client.get(format!("{}{path}", server.base)));
        let machine = date(&get("/livez").await);
        assert!(!machine.is_empty(), "the machine's own");
        advance(&server, "400d").await;
        let expected = httpdate(now(&server).await);
        for path in ["/livez", "/parking/zones", "/nowhere", "/sandbox/clock"] {
            assert_eq!(date(&get(path).await), expected, "{path}, HTTP/2: {http2}");
        }
    }
}

fn httpdate(moment: UnixSeconds) -> String {
    let since_epoch = std::time::Duration::from_secs(moment.get());
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + since_epoch)
}

#[tokio::test]
async fn tls_stays_on_the_machine_s_clock() {
    let server = TestServer::start().await;
    let leaf = std::fs::read(server.data_dir().join("tls/leaf.pem")).unwrap();
    advance(&server, "730d").await;
    // A new handshake, by a client that judges the certificate by the machine's clock.
    for http2 in [false, true] {
        assert_eq!(answer(server.another_client(http2).get(format!("{}/livez", server.base))).await.status, 200);
    }
    assert_eq!(std::fs::read(server.data_dir().join("tls/leaf.pem")).unwrap(), leaf);
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    let restarted = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(answer(restarted.request(Method::GET, "/livez")).await.status, 200);
    assert_eq!(std::fs::read(restarted.data_dir().join("tls/leaf.pem")).unwrap(), leaf, "it is not renewed early");
}

#[tokio::test]
async fn a_restart_does_not_take_the_clock_back() {
    let server = TestServer::start().await;
    let start = server.clock.now();
    advance(&server, "45d").await;
    let token = server.token(READER).await;
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    clock.advance(std::time::Duration::from_secs(60));
    let restarted = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(now(&restarted).await, start.plus(45 * DAY_S + 60));
    assert_eq!(list_zones(&restarted, &restarted.token(READER).await).await.status, 200);
    // Its issuer has another port.
    assert_eq!(list_zones(&restarted, &token).await.status, 401);
}

#[tokio::test]
async fn a_clock_that_stands_does_so_after_a_restart_and_one_that_was_resumed_runs() {
    let server = TestServer::start().await;
    let start = server.clock.now();
    server.control(Method::POST, "/sandbox/clock/freeze", None).await;
    advance(&server, "1h").await;
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    clock.advance(std::time::Duration::from_secs(60));
    let restarted = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    let shown = show(&restarted).await;
    assert_eq!((&shown["now"], &shown["frozen"]), (&json!(start.plus(3_600)), &json!(true)));

    restarted.control(Method::POST, "/sandbox/clock/resume", None).await;
    restarted.stop().await;
    clock.advance(std::time::Duration::from_secs(60));
    let again = TestServer::start_in(folder.path(), clock, |_| ()).await;
    let shown = show(&again).await;
    assert_eq!((&shown["now"], &shown["frozen"]), (&json!(start.plus(3_660)), &json!(false)));
}

#[tokio::test]
async fn a_jump_that_the_clock_does_not_make_changes_nothing_and_names_the_member() {
    let server = TestServer::start().await;
    let before = show(&server).await;
    let start = server.clock.now();
    let by = "must be a span such as 700ms, 10s, 90m, 1h30m or 2d";
    let to = "must be an RFC 3339 time, such as 2030-01-31T00:00:00Z";
    let back =
        format!("must not be before {start}, the time of this clock: it goes forward only, and a snapshot goes back");
    let too_far = "must not move the clock by more than 3653 days at once";
    for (what, body, pointer, detail) in [
        ("advance", json!({}), "/by", "is required"),
        ("advance", json!({ "by": 90 }), "/by", by),
        ("advance", json!({ "by": "-1h" }), "/by", by),
        ("advance", json!({ "by": "90" }), "/by", by),
        ("advance", json!({ "by": "3654d" }), "/by", too_far),
        ("advance", json!({ "by": "1h", "too": 1 }), "/too", "is not a member: the only one is by"),
        ("set", json!({}), "/to", "is required"),
        ("set", json!({ "to": "tomorrow" }), "/to", to),
        ("set", json!({ "to": UnixSeconds::new(start.get() - 1) }), "/to", &back),
        ("set", json!({ "to": "2000-01-01T00:00:00Z" }), "/to", &back),
        ("set", json!({ "to": "9999-12-31T23:59:59Z" }), "/to", too_far),
    ] {
        let refused = server.control(Method::POST, &format!("/sandbox/clock/{what}"), Some(&body)).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{what} {body}");
        assert_eq!(refused.json()["errors"], json!([{ "pointer": pointer, "detail": detail }]), "{what} {body}");
    }
    for (body, problem) in [("{", "malformed-body"), ("[]", "malformed-body")] {
        let request = server.request(Method::POST, "/sandbox/clock/advance").bearer_auth(server.control_token());
        assert_eq!(answer(request.body(body)).await.problem(), problem, "{body}");
    }
    assert_eq!(show(&server).await, before);
}

#[tokio::test]
async fn control_requests_are_neither_throttled_nor_counted() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let admitted = async || {
        let metrics = String::from_utf8(server.get("/metrics", &token).await.body).unwrap();
        let count = metrics.lines().find_map(|line| line.strip_prefix("boomgate_requests_admitted_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    let before = admitted().await;
    for _ in 0..200 {
        let shown = server.control(Method::GET, "/sandbox/clock", None).await;
        assert_eq!((shown.status, shown.header("ratelimit")), (200, ""));
    }
    assert_eq!(admitted().await, before + 1, "the request for the metrics alone");
}

#[tokio::test]
async fn a_control_request_is_one_however_its_path_is_written() {
    let server = TestServer::start().await;
    let start = server.clock.now();
    // It would wait for itself as a request that is under way.
    let path = "/%73andbox/clock/%61dvance";
    let moved = server.request(Method::POST, path).bearer_auth(server.control_token()).json(&json!({ "by": "1h" }));
    let moved = answer(moved).await;
    assert_eq!((moved.status, &moved.json()["now"]), (200, &json!(start.plus(3_600))), "{moved:?}");
}
