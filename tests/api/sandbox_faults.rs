//! The rules for faults, as whoever controls a sandbox sets them: docs/sandbox.md.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, Answer, TestServer, WRITER, ZONES, answer, secret};

const FAULTS: &str = "/sandbox/faults";

async fn add(server: &TestServer, body: &Value) -> Answer {
    server.control(Method::POST, FAULTS, Some(body)).await
}

/// The names of the rules, in their order.
async fn names(server: &TestServer) -> Vec<String> {
    let list = server.control(Method::GET, FAULTS, None).await.json();
    list["data"].as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

/// The pointers of the problem that a refused body has.
fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-fields"), "{answer:?}");
    let errors = answer.json()["errors"].clone();
    errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_rule_is_added_shown_changed_and_removed() {
    let server = TestServer::start().await;
    let rule = json!({
        "name": "flaky-writes",
        "match": { "client": "demo-writer", "phase": "resource", "method": "POST", "path": "/parking/zones",
            "requests": "3..5" },
        "probability": 0.2, "seed": 42, "times": 3, "for": "10m",
        "effect": { "problem": "unavailable", "retry_after": 2 },
    });
    let added = add(&server, &rule).await;
    assert_eq!((added.status, added.header("location")), (201, "/sandbox/faults/flaky-writes"), "{added:?}");
    assert_eq!(added.header("cache-control"), "no-store");
    let mut shown = rule.clone();
    let numbers = json!({ "active": true, "matched": 0, "fired": 0, "ends_in": "10m" });
    shown.as_object_mut().unwrap().extend(numbers.as_object().unwrap().clone());
    assert_eq!(added.json(), shown);

    let location = "/sandbox/faults/flaky-writes";
    assert_eq!(server.control(Method::GET, location, None).await.json(), shown);
    let change = json!({ "probability": null, "seed": null, "times": 5, "match": { "client": null } });
    let changed = server.control(Method::PATCH, location, Some(&change)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let changed = changed.json();
    assert_eq!(
        (&changed["times"], &changed["match"]["client"], &changed["probability"]),
        (&json!(5), &Value::Null, &Value::Null)
    );
    assert_eq!(changed["effect"], rule["effect"]);

    assert_eq!(server.control(Method::DELETE, location, None).await.status, 204);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({}));
        assert_eq!(server.control(method, location, body.as_ref()).await.problem(), "not-found");
    }
}

#[tokio::test]
async fn several_rules_are_added_in_their_order_and_all_are_removed_at_once() {
    let server = TestServer::start().await;
    let one = json!({ "effect": { "close": "goaway" } });
    let added = add(&server, &json!([one, { "name": "b", "effect": { "variation": "no-scope" } }])).await;
    assert_eq!(added.status, 201, "{added:?}");
    let added = added.json();
    assert_eq!(
        added["data"][0]["notes"][0],
        "goaway needs HTTP/2: over HTTP/1.1 the connection is closed before the headers"
    );
    assert_eq!(added["data"][1]["match"]["phase"], "token", "the one phase in which it can be seen");
    add(&server, &json!({ "name": "a", "effect": { "status": 502 } })).await;
    assert_eq!(names(&server).await, ["fault-1", "b", "a"]);
    assert_eq!(server.control(Method::DELETE, FAULTS, None).await.status, 204);
    assert_eq!(names(&server).await, [] as [String; 0]);
}

#[tokio::test]
async fn a_body_with_a_fault_in_it_names_the_member_and_adds_nothing() {
    let server = TestServer::start().await;
    let good = json!({ "name": "good", "effect": { "problem": "unavailable" } });
    let with = |member: &str, value: Value| {
        let mut rule = json!({ "effect": { "problem": "unavailable" } });
        rule[member] = value;
        rule
    };
    for (rule, pointer) in [
        (json!({ "effect": { "explode": true } }), "/1/effect/explode"),
        (json!({ "effect": { "problem": "token-revokd" } }), "/1/effect/problem"),
        (json!({ "effect": { "problem": "https-required" } }), "/1/effect/problem"),
        (json!({ "effect": { "delay": "365d" } }), "/1/effect/delay"),
        (json!({ "effect": { "close": "softly" } }), "/1/effect/close"),
        (json!({ "effect": "goaway" }), "/1/effect"),
        (with("probability", json!(2)), "/1/probability"),
        (with("match", json!({ "requests": "5..3" })), "/1/match/requests"),
        (with("match", json!({ "client": "nobody" })), "/1/match/client"),
        (with("match", json!({ "path": "/sandbox/clock" })), "/1/match/path"),
        (with("nmae", json!("x")), "/1/nmae"),
        (with("name", json!("good")), "/1/name"),
        (with("name", json!("prefer")), "/1/name"),
        (json!("drop"), "/1"),
    ] {
        let refused = add(&server, &json!([good, rule])).await;
        assert_eq!(pointers(&refused), [pointer], "{rule}");
    }
    for (body, pointer) in [(json!([]), ""), (json!("drop"), ""), (json!({}), "/effect")] {
        assert_eq!(pointers(&add(&server, &body).await), [pointer], "{body}");
    }
    assert_eq!(names(&server).await, [] as [String; 0]);

    assert_eq!(add(&server, &good).await.status, 201);
    assert_eq!(pointers(&add(&server, &good).await), ["/name"], "the name is taken");
    let location = "/sandbox/faults/good";
    let change = async |body: Value| pointers(&server.control(Method::PATCH, location, Some(&body)).await);
    assert_eq!(change(json!({ "probability": 2 })).await, ["/probability"]);
    assert_eq!(change(json!({ "probabilty": null })).await, ["/probabilty"]);
    assert_eq!(change(json!({ "name": "other" })).await, ["/name"]);
    assert_eq!(change(json!([])).await, [""]);
    let shown = server.control(Method::GET, location, None).await.json();
    assert_eq!((&shown["probability"], &shown["effect"]), (&Value::Null, &good["effect"]));
}

#[tokio::test]
async fn rules_are_bounded_in_number_and_in_size() {
    let server = TestServer::start().await;
    let rule = json!({ "effect": { "status": 502 } });
    assert_eq!(add(&server, &json!(vec![rule.clone(); 99])).await.status, 201);
    assert_eq!(pointers(&add(&server, &json!([rule, rule])).await), ["/1"]);
    assert_eq!(names(&server).await.len(), 99);
    assert_eq!(pointers(&add(&server, &json!(vec![rule; 101])).await), [""]);

    let post = || {
        server
            .request(Method::POST, FAULTS)
            .bearer_auth(server.control_token())
            .header(CONTENT_TYPE, "application/json")
    };
    let large = answer(post().body(" ".repeat(10_000_000))).await;
    assert_eq!((large.status, large.problem().as_str()), (413, "payload-too-large"));
    assert_eq!(large.json()["detail"], "The body is over 65536 bytes.");
    let malformed = answer(post().body("{\"effect\": ")).await;
    assert_eq!((malformed.status, malformed.problem().as_str()), (400, "malformed-body"));
    assert_eq!(names(&server).await.len(), 99);
}

#[tokio::test]
async fn rules_are_for_whoever_has_the_control_token_alone() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let refused = server.post_json(FAULTS, &admin, &json!({ "effect": { "status": 502 } })).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "control-token-required"));
    assert_eq!(names(&server).await, [] as [String; 0]);
}

#[tokio::test]
async fn the_same_requests_fail_in_two_runs_with_one_seed() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let rule = json!({ "name": "chance", "probability": 0.2, "seed": 42, "effect": { "problem": "unavailable" } });
        assert_eq!(add(&server, &rule).await.status, 201);
        let mut failed = Vec::new();
        for number in 1..=200 {
            // A second for the throttle.
            server.clock.advance(std::time::Duration::from_secs(1));
            if server.get(ZONES, &token).await.status == 503 {
                failed.push(number);
            }
        }
        assert_eq!(server.control(Method::DELETE, "/sandbox/faults/chance", None).await.status, 204);
        runs.push(failed);
    }
    assert_eq!(runs[0], runs[1]);
    assert!((25..=55).contains(&runs[0].len()), "{} of 200", runs[0].len());
}

#[tokio::test]
async fn what_is_injected_is_counted_as_such_and_not_as_a_real_refusal() {
    let server = TestServer::start().await;
    let (token, admin) = (server.token(WRITER).await, server.admin_token().await);
    let sample = async |name: &str| -> u64 {
        let text = String::from_utf8(server.get("/metrics", &admin).await.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    };
    let injected = |effect: &str| format!("boomgate_faults_injected_total{{effect=\"{effect}\"}}");
    for effect in ["problem", "status", "delay", "dribble", "bandwidth", "truncate_after", "body", "close", "timeout"] {
        assert_eq!(sample(&injected(effect)).await, 0, "{effect}");
    }
    let denied = "boomgate_requests_denied_total{reason=\"token_revoked\"}";
    add(&server, &json!({ "times": 2, "effect": { "problem": "token-revoked" } })).await;
    for status in [401, 401, 200] {
        assert_eq!(server.get(ZONES, &token).await.status, status);
    }
    let preferring = server.request(Method::GET, ZONES).bearer_auth(&token).header("Prefer", "code=502");
    assert_eq!(answer(preferring).await.status, 502);
    let moved = (sample(&injected("problem")).await, sample(&injected("status")).await, sample(denied).await);
    assert_eq!(moved, (2, 1, 0));
}

#[tokio::test]
async fn an_outage_leaves_the_administration_its_tokens_and_they_use_up_no_rule() {
    let server = TestServer::start().await;
    let writer = server.token(WRITER).await;
    add(&server, &json!({ "name": "one", "times": 1, "effect": { "problem": "unavailable" } })).await;
    let admin = server.token_for(ADMIN, ADMIN_AUDIENCE, None).await;
    assert_eq!(server.get("/admin/clients", &admin).await.status, 200);
    let resource = format!("{}/admin", server.base);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "client_credentials"),
            ("client_id", ADMIN),
            ("client_secret", &secret(ADMIN)),
            ("resource", &resource),
        ])
        .finish();
    let answered = server.token_request("application/x-www-form-urlencoded", form).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let rule = server.control(Method::GET, "/sandbox/faults/one", None).await.json();
    assert_eq!((&rule["matched"], &rule["fired"]), (&json!(0), &json!(0)));
    assert_eq!(server.get(ZONES, &writer).await.status, 503, "the rule was kept for a partner");
}
