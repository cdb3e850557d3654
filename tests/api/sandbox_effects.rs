//! What each fault looks like to a client, over HTTP/1.1 and HTTP/2.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, READER, TestServer, WRITER, ZONES, answer, basic, secret};
use crate::raw::{End, Http1, http2};

/// A sandbox, a client for each protocol, and a token that no limit stops.
pub(crate) struct Site {
    pub(crate) server: TestServer,
    pub(crate) clients: [Client; 2],
    pub(crate) token: String,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let server = TestServer::start().await;
        let clients = [false, true].map(|http2| server.another_client(http2));
        let token = server.token_with_room().await;
        Self { server, clients, token }
    }

    /// Puts a fault with this effect in the place of all others, for the requests of the phase.
    pub(crate) async fn fault(&self, phase: &str, effect: Value) {
        self.clear().await;
        let rule = json!({ "name": "on-purpose", "match": { "phase": phase }, "effect": effect });
        let added = self.server.control(Method::POST, "/sandbox/faults", Some(&rule)).await;
        assert_eq!(added.status, 201, "{added:?}");
    }

    pub(crate) async fn clear(&self) {
        self.server.control(Method::DELETE, "/sandbox/faults", None).await;
    }

    pub(crate) async fn zones(&self, client: &Client) -> Answer {
        answer(client.get(format!("{}{ZONES}?limit=2", self.server.base)).bearer_auth(&self.token)).await
    }

    async fn token_request(&self, client: &Client, scope: Option<&str>) -> Answer {
        let mut form = vec![("grant_type", "client_credentials"), ("audience", AUDIENCE)];
        form.extend(scope.map(|scope| ("scope", scope)));
        let (name, value) = basic(WRITER, &secret(WRITER));
        answer(client.post(format!("{}/shared/access-tokens", self.server.base)).header(name, value).form(&form)).await
    }

    pub(crate) async fn metric(&self, name: &str) -> String {
        let metrics = self.server.get("/metrics", &self.server.admin_token().await).await;
        let text = String::from_utf8(metrics.body).unwrap();
        text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
    }
}

/// The names of the fields of an answer, without those that only an injected one has.
fn field_names(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<_> = headers.keys().map(ToString::to_string).filter(|name| name != "boomgate-fault").collect();
    names.sort();
    names
}

/// The body of a problem without the id of its request.
fn without_id(answer: &Answer) -> Value {
    let mut body = answer.json();
    // Both name this one request.
    for member in ["request_id", "explanation"] {
        assert!(body.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    body
}

#[tokio::test]
async fn an_injected_problem_is_the_answer_of_the_gate() {
    let site = Site::start().await;
    let zones = format!("{}{ZONES}", site.server.base);
    let limits = json!({ "requests_per_second": 1, "burst": 1, "daily_quota": 10_000 });
    let (client_id, client_secret) = site.server.register(limits).await;
    let throttled = site.server.token_with(&client_id, &client_secret, AUDIENCE, None).await;
    for client in &site.clients {
        // Without a fault: no token, and more requests than the limit allows.
        let request = || client.get(&zones).bearer_auth(&throttled);
        site.clear().await;
        site.server.clock.advance(Duration::from_secs(60));
        let real_missing = answer(client.get(&zones)).await;
        assert_eq!(answer(request()).await.status, 200);
        let real_throttled = answer(request()).await;
        for (problem, real, request) in
            [("token-missing", &real_missing, client.get(&zones)), ("throttled", &real_throttled, request())]
        {
            site.fault("resource", json!({ "problem": problem })).await;
            let injected = answer(request).await;
            assert_eq!((injected.status, without_id(&injected)), (real.status, without_id(real)), "{problem}");
            assert_eq!(injected.problem(), real.problem());
            assert_eq!(field_names(&injected.headers), field_names(&real.headers), "{problem}");
            for name in ["www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "cache-control"] {
                assert_eq!(injected.header(name), real.header(name), "{problem}: {name}");
            }
            assert_eq!(injected.header("boomgate-fault"), "on-purpose");
        }
        site.clear().await;
        site.server.clock.advance(Duration::from_secs(60));
        site.fault("resource", json!({ "problem": "unavailable" })).await;
        assert_eq!(answer(request()).await.status, 503);
        site.clear().await;
        assert_eq!(answer(request()).await.status, 200, "an injected refusal spends nothing");
    }
}

#[tokio::test]
async fn each_phase_fails_on_its_own_terms() {
    let site = Site::start().await;
    for client in &site.clients {
        site.fault("token", json!({ "problem": "unavailable", "retry_after": 7 })).await;
        let refused = site.token_request(client, None).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "7"));
        assert_eq!(refused.json()["error"], "temporarily_unavailable");
        assert_eq!(refused.header("content-type"), "application/json");
        assert_eq!(site.zones(client).await.status, 200, "another phase");

        site.fault("token", json!({ "problem": "invalid-client" })).await;
        let refused = site.token_request(client, None).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
        assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");

        site.fault("resource", json!({ "problem": "token-expired" })).await;
        let refused = site.zones(client).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-expired"));
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""), "{refused:?}");
        assert_eq!(site.token_request(client, None).await.status, 200);
    }
}

#[tokio::test]
async fn a_foreign_answer_has_nothing_of_this_server() {
    let site = Site::start().await;
    for client in &site.clients {
        for phase in ["token", "resource"] {
            site.fault(phase, json!({ "status": 502, "retry_after": 3 })).await;
            let foreign =
                if phase == "token" { site.token_request(client, None).await } else { site.zones(client).await };
            assert_eq!((foreign.status, foreign.header("content-type")), (502, "text/html"));
            assert_eq!((foreign.header("server"), foreign.header("retry-after")), ("nginx", "3"));
            assert!(String::from_utf8_lossy(&foreign.body).contains("<h1>502 Bad Gateway</h1>"), "{foreign:?}");
            assert_eq!(
                field_names(&foreign.headers),
                ["content-length", "content-type", "date", "retry-after", "server"],
                "{phase}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_is_wrong_in_one_way() {
    let site = Site::start().await;
    for client in &site.clients {
        site.clear().await;
        let real = site.zones(client).await;
        for (body, content_type, expected) in [
            ("empty", "application/json", String::new()),
            ("html", "text/html", "<html>".to_owned()),
            ("not_json", "application/json", String::from_utf8(real.body[..real.body.len() / 2].to_vec()).unwrap()),
            ("wrong_content_type", "text/plain; charset=utf-8", String::from_utf8(real.body.clone()).unwrap()),
        ] {
            site.fault("resource", json!({ "body": body })).await;
            let changed = site.zones(client).await;
            assert_eq!((changed.status, changed.header("content-type")), (200, content_type), "{body}");
            let text = String::from_utf8(changed.body.clone()).unwrap();
            assert!(text == expected || (body == "html" && text.starts_with(&expected)), "{body}: {text}");
            let is_json = serde_json::from_str::<Value>(&text).is_ok();
            assert_eq!(is_json, body == "wrong_content_type", "{body}");
            assert_eq!(changed.header("content-length"), changed.body.len().to_string());
        }
    }
}

#[tokio::test]
async fn a_variation_says_the_same_in_another_lawful_way() {
    let site = Site::start().await;
    for client in &site.clients {
        let variation = |name: &str| json!({ "variation": name });
        site.fault("token", variation("unknown-members")).await;
        let varied = site.token_request(client, None).await.json();
        assert_eq!((varied["token_type"].as_str(), varied.as_object().unwrap().len()), (Some("Bearer"), 7), "{varied}");

        site.fault("token", variation("token-type-lowercase")).await;
        assert_eq!(site.token_request(client, None).await.json()["token_type"], "bearer");

        site.fault("token", variation("no-expires-in")).await;
        let varied = site.token_request(client, None).await.json();
        assert!(varied["access_token"].is_string() && varied["expires_in"].is_null(), "{varied}");

        site.fault("token", variation("no-scope")).await;
        for (asked, is_told) in [(Some("write:zones read:zones"), false), (Some("read:zones"), false), (None, true)] {
            let varied = site.token_request(client, asked).await.json();
            assert_eq!(varied["scope"].is_string(), is_told, "{asked:?}: {varied}");
        }

        site.clear().await;
        let usual = String::from_utf8(site.token_request(client, None).await.body).unwrap();
        assert!(usual.starts_with("{\"access_token\":"), "{usual}");
        site.fault("token", variation("reordered-members")).await;
        let varied = String::from_utf8(site.token_request(client, None).await.body).unwrap();
        assert!(varied.starts_with("{\"scope\":") && varied.contains(",\"access_token\":"), "{varied}");

        let dated = json!({ "problem": "throttled", "retry_after": 30, "variation": "retry-after-date" });
        site.fault("resource", dated).await;
        let varied = site.zones(client).await;
        let at = httpdate::parse_http_date(varied.headers[RETRY_AFTER].to_str().unwrap()).unwrap();
        let now = httpdate::parse_http_date(varied.header("date")).unwrap();
        assert!(varied.status == 429 && at > now.checked_sub(Duration::from_secs(86_400 * 2)).unwrap(), "{varied:?}");

        site.fault("resource", variation("chunked-body")).await;
        let varied = site.zones(client).await;
        assert_eq!((varied.status, varied.header("content-length")), (200, ""));
        assert!(varied.json()["data"].is_array(), "{varied:?}");
    }
}

#[tokio::test]
async fn field_names_and_the_end_of_the_connection_vary_too() {
    let site = Site::start().await;
    let variation = |name: &str| json!({ "variation": name });
    let mut connection = Http1::to(&site.server).await;
    let get = format!("GET {ZONES}?limit=1 HTTP/1.1\r\nAuthorization: Bearer {}", site.token);
    for (name, expected) in [
        ("lowercase-fields", "\r\ncontent-type: application/json\r\n"),
        ("title-case-fields", "\r\nContent-Type: application/json\r\n"),
    ] {
        site.fault("resource", variation(name)).await;
        connection.send(&get, "").await;
        let (head, _) = connection.answer().await;
        assert!(head.contains(expected), "{name}: {head}");
    }
    site.fault("resource", variation("connection-close")).await;
    connection.send(&get, "").await;
    let (answer, end) = connection.read_to_the_end().await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.contains("\"data\""), "{answer}");
    assert_eq!(end, End::Closed);

    let (mut requests, ended) = http2(&site.server).await;
    let (status, body) = ask(&mut requests, &site.token).await.unwrap();
    assert!(status == 200 && body.ends_with(b"}\n"), "{status}");
    ended.await.unwrap().unwrap();
}

/// Lists zones over HTTP/2.
pub(crate) async fn ask(
    requests: &mut h2::client::SendRequest<bytes::Bytes>,
    token: &str,
) -> Result<(u16, Vec<u8>), (Option<(u16, Vec<u8>)>, h2::Error)> {
    let request = http::Request::get(format!("https://localhost{ZONES}?limit=2"));
    let request = request.header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let mut ready = requests.clone().ready().await.map_err(|error| (None, error))?;
    let (response, _) = ready.send_request(request, true).map_err(|error| (None, error))?;
    let response = response.await.map_err(|error| (None, error))?;
    let status = response.status().as_u16();
    let (mut received, mut body) = (Vec::new(), response.into_body());
    while let Some(part) = body.data().await {
        match part {
            Ok(part) => received.extend_from_slice(&part),
            Err(error) => return Err((Some((status, received)), error)),
        }
    }
    Ok((status, received))
}

#[tokio::test]
async fn a_fault_acts_at_once_on_connections_that_are_open() {
    let site = Site::start().await;
    let mut connection = Http1::to(&site.server).await;
    let get = format!("GET {ZONES}?limit=1 HTTP/1.1\r\nAuthorization: Bearer {}", site.token);
    let (mut requests, _ended) = http2(&site.server).await;
    for (effect, status) in [(None, 200), (Some(json!({ "problem": "unavailable" })), 503), (None, 200)] {
        match effect {
            Some(effect) => site.fault("resource", effect).await,
            None => site.clear().await,
        }
        connection.send(&get, "").await;
        assert!(connection.answer().await.0.starts_with(&format!("HTTP/1.1 {status} ")));
        assert_eq!(ask(&mut requests, &site.token).await.unwrap().0, status);
    }
}

#[tokio::test]
async fn an_injected_refusal_counts_as_no_real_one() {
    let site = Site::start().await;
    let real = ["boomgate_requests_denied_total", "boomgate_tokens_refused_total"];
    let durations = "http_server_request_duration_seconds_count";
    let before = [site.metric(real[0]).await, site.metric(real[1]).await];
    for phase in ["token", "resource"] {
        site.fault(phase, json!({ "problem": "unavailable" })).await;
        let refused = match phase {
            "token" => site.token_request(&site.clients[0], None).await,
            _ => site.zones(&site.clients[1]).await,
        };
        assert_eq!(refused.status, 503);
    }
    site.clear().await;
    assert_eq!([site.metric(real[0]).await, site.metric(real[1]).await], before);
    let counted = site.metric(durations).await;
    assert!(!counted.contains("\"503\""), "{counted}");
    let injected = site.metric("boomgate_faults_injected_total{effect=\"problem\"}").await;
    assert!(injected.ends_with(" 2"), "{injected}");
}

#[tokio::test]
async fn a_rule_finds_the_client_of_a_request() {
    let site = Site::start().await;
    let rule = json!({ "match": { "client": WRITER }, "effect": { "problem": "unavailable" } });
    let expired = site.server.token(WRITER).await;
    site.server.clock.advance(Duration::from_secs(86_400));
    let added = site.server.control(Method::POST, "/sandbox/faults", Some(&rule)).await;
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(site.server.get(ZONES, &expired).await.status, 503, "by a token, even an expired one");
    assert_eq!(site.token_request(&site.clients[0], None).await.status, 503, "by HTTP Basic");
    for (client_id, status) in [(WRITER, 503), (READER, 200)] {
        let form = format!(
            "grant_type=client_credentials&audience={AUDIENCE}&client_id={client_id}&client_secret={}",
            secret(client_id)
        );
        let asked = site.server.token_request("application/x-www-form-urlencoded", form).await;
        assert_eq!(asked.status, status, "by a form");
        let body = crate::harness::token_request(client_id).to_string();
        assert_eq!(site.server.token_request("application/json", body).await.status, status, "by JSON");
    }
    // What is too long to be read ahead is refused as ever.
    let long = format!("grant_type={}", "a".repeat(20_000));
    assert_eq!(site.server.token_request("application/x-www-form-urlencoded", long).await.status, 413);
}

#[tokio::test]
async fn a_request_may_ask_for_a_fault_itself() {
    let site = Site::start().await;
    let zones = format!("{}{ZONES}", site.server.base);
    for client in &site.clients {
        let asked = |preference: &'static str| client.get(&zones).bearer_auth(&site.token).header("prefer", preference);
        for (preference, status) in [("code=429", 429), ("problem=token-revoked", 401), ("code=502", 502)] {
            let disturbed = answer(asked(preference)).await;
            assert_eq!((disturbed.status, disturbed.header("preference-applied")), (status, preference));
            assert_eq!(disturbed.header("boomgate-fault"), "prefer");
        }
        let usual = answer(asked("return=minimal")).await;
        assert_eq!((usual.status, usual.header("preference-applied")), (200, ""));
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_change_makes_two_zones_or_with_a_key_one() {
    let site = Site::start().await;
    for (number, client) in site.clients.iter().enumerate() {
        for (key, zones) in [(None, 2), (Some(format!("key-{number}")), 1)] {
            let name = format!("Lost {number} {zones}");
            // A client that numbers its zones itself takes another number for another request.
            let zone = |attempt: usize| {
                json!({
                    "number": format!("9{number}{zones}{attempt}"), "name": name, "operator_id": "op-1",
                    "session_type": "vehicle", "location": { "latitude": 46.9485, "longitude": 7.4474 }
                })
            };
            let post = |attempt: usize| {
                let zone = zone(if key.is_some() { 0 } else { attempt });
                let request = client.post(format!("{}{ZONES}", site.server.base)).bearer_auth(&site.token).json(&zone);
                match &key {
                    Some(key) => request.header("idempotency-key", key),
                    None => request,
                }
            };
            let rule = json!({
                "match": { "method": "POST" }, "times": 1,
                "effect": { "close": "before_headers", "after_commit": true }
            });
            site.clear().await;
            site.server.control(Method::POST, "/sandbox/faults", Some(&rule)).await;
            assert!(post(0).send().await.is_err(), "the answer is lost");
            let again = answer(post(1)).await;
            assert_eq!(again.status, 201, "{again:?}");
            let listed =
                answer(client.get(format!("{}{ZONES}?limit=100", site.server.base)).bearer_auth(&site.token)).await;
            let count =
                listed.json()["data"].as_array().unwrap().iter().filter(|zone| zone["name"] == name.as_str()).count();
            assert_eq!(count, zones, "{key:?}: {again:?}");
        }
    }
}

#[tokio::test]
async fn after_the_change_the_answer_may_be_another_one() {
    let site = Site::start().await;
    let zones = format!("{}{ZONES}", site.server.base);
    for (number, client) in site.clients.iter().enumerate() {
        for (effect, status) in [
            (json!({ "problem": "unavailable", "after_commit": true }), 503),
            (json!({ "status": 504, "after_commit": true }), 504),
            (json!({ "problem": "unavailable" }), 503),
        ] {
            site.fault("resource", effect.clone()).await;
            let name = format!("{number} {effect}");
            let zone = json!({
                "number": format!("{number}{status}{}", effect["after_commit"]), "name": name, "operator_id": "op-1", "session_type": "vehicle",
                "location": { "latitude": 46.9485, "longitude": 7.4474 }
            });
            let refused = answer(client.post(&zones).bearer_auth(&site.token).json(&zone)).await;
            assert_eq!(refused.status, status, "{effect}");
            site.clear().await;
            let listed = answer(client.get(format!("{zones}?limit=100")).bearer_auth(&site.token)).await;
            let is_there = listed.json()["data"].as_array().unwrap().iter().any(|zone| zone["name"] == name.as_str());
            assert_eq!(is_there, !effect["after_commit"].is_null(), "{effect}");
        }
    }
}
