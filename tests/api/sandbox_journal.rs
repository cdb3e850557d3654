//! The journal of a sandbox: what was requested, what was answered, and why; without tokens and secrets.

use std::time::Duration;

use boomgate::api::sandbox::request::{
    ExplainedRequest, Field, FoundRequests, Message, RecordedRequest, RequestCount, RequestLine, RequestPage,
    ShownRequest,
};
use boomgate::time::UnixSeconds;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, LIMITED, READER, TestServer, WRITER, ZONES, answer, basic, claims, secret};

const REQUESTS: &str = "/sandbox/requests";

/// The page of the journal for this query.
async fn page(server: &TestServer, query: &str) -> RequestPage {
    let answer = server.control(Method::GET, &format!("{REQUESTS}{query}"), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read()
}

async fn lines(server: &TestServer, query: &str) -> Vec<RequestLine> {
    page(server, query).await.data
}

/// All that the journal has of the request with this answer.
async fn recorded(server: &TestServer, of: &Answer) -> RecordedRequest {
    let answer = server.control(Method::GET, &format!("{REQUESTS}/{}", of.header("x-request-id")), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read()
}

async fn why(server: &TestServer, of: &Answer) -> Value {
    let answer = server.control(Method::GET, &format!("{REQUESTS}/{}/why", of.header("x-request-id")), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["explanation"].clone()
}

async fn found(server: &TestServer, search: &Value) -> Vec<RecordedRequest> {
    let answer = server.control(Method::POST, &format!("{REQUESTS}/find"), Some(search)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read::<FoundRequests>().data
}

async fn count(server: &TestServer, search: &Value) -> usize {
    let answer = server.control(Method::POST, &format!("{REQUESTS}/count"), Some(search)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read::<RequestCount>().count
}

fn field<'m>(message: &'m Message, name: &str) -> &'m str {
    let named = |field: &&Field| field.name == name;
    message.fields.iter().find(named).map_or("", |field| field.value.as_str())
}

#[tokio::test]
async fn a_request_is_recorded_with_all_that_the_gate_saw_of_it() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for (http2, version) in [(false, "1.1"), (true, "2")] {
        let client = server.another_client(http2);
        let url = format!("{}{ZONES}?limit=1", server.base);
        let get = || client.get(&url).bearer_auth(&token).header(USER_AGENT, "curbside/2.3");
        let first = recorded(&server, &answer(get()).await).await;
        let answered = answer(get()).await;
        let second = recorded(&server, &answered).await;
        let RecordedRequest { line, request, answer, limits, explanation, .. } = &second;
        assert_eq!((line.method.as_str(), line.path.as_str(), line.query.as_deref()), ("GET", ZONES, Some("limit=1")));
        assert_eq!((line.client.as_deref(), line.status, &line.reason), (Some(LIMITED), Some(200), &None));
        assert_eq!((line.http.as_str(), line.tls.as_deref()), (version, Some("TLSv1.3")));
        assert_eq!(line.user_agent.as_deref(), Some("curbside/2.3"));
        assert_eq!((line.connection, line.fault.is_none()), (first.line.connection, true), "one connection");
        assert!(second.cipher.as_deref().unwrap().starts_with("TLS13_"), "{:?}", second.cipher);
        assert_eq!(second.server_name.as_deref(), Some("localhost"));
        assert!(line.duration_ms > 0.0 && line.number > first.line.number);

        let jti = claims(&token)["jti"].as_str().unwrap().to_owned();
        assert_eq!(field(request, "authorization"), format!("Bearer [jti:{jti}]"));
        let answer = answer.as_ref().unwrap();
        assert_eq!(answer.body.as_bytes(), answered.body);
        assert_eq!((answer.body_bytes, answer.is_complete), (answered.body.len() as u64, true));
        assert_eq!(field(answer, "ratelimit"), answered.header("ratelimit"));

        let explanation = explanation.as_ref().unwrap();
        assert!(explanation.passed && explanation.checks.iter().all(|check| check.got.is_some()), "{explanation:?}");
        let limits = limits.as_ref().unwrap();
        let (second_limit, day) = (limits.second.unwrap(), limits.day.unwrap());
        assert_eq!((second_limit.limit, second_limit.before, second_limit.after), (Some(2), Some(1), Some(0)));
        assert_eq!((day.limit, day.before.unwrap() - day.after.unwrap()), (Some(20), 1));
        server.clock.advance(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_reason_and_explained() {
    let server = TestServer::start().await;
    let anonymous = answer(server.request(Method::GET, ZONES)).await;
    let reader = server.token(READER).await;
    let body = json!({ "name": "a" });
    let forbidden = server.post_json(ZONES, &reader, &body).await;
    let unknown = answer(server.request(Method::GET, "/no/such/path")).await;
    let wrong = server
        .token_request(
            "application/x-www-form-urlencoded",
            format!("grant_type=client_credentials&client_id={WRITER}&client_secret=wrong"),
        )
        .await;
    let refused = lines(&server, "?status=4xx").await;
    let facts: Vec<_> = refused
        .iter()
        .map(|line| (line.status.unwrap(), line.reason.as_deref().unwrap(), line.client.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        facts,
        [
            (401, "invalid_client", WRITER),
            (404, "not-found", "-"),
            (403, "insufficient-scope", READER),
            (401, "token-missing", "-"),
        ]
    );
    let failed = |why: &Value| {
        let checks = why["checks"].as_array().unwrap();
        checks.iter().find(|check| check["outcome"] == "failed").unwrap()["check"].as_str().unwrap().to_owned()
    };
    assert_eq!(failed(&why(&server, &anonymous).await), "bearer_token");
    assert_eq!(failed(&why(&server, &wrong).await), "secret");
    let explained = why(&server, &forbidden).await;
    assert_eq!(failed(&explained), "scope");
    assert!(explained["nearest"][0]["change"].as_str().unwrap().contains("write:zones"), "{explained}");
    let no_walk = json!({ "checks": [], "nearest": [], "passed": false });
    assert_eq!(why(&server, &unknown).await, no_walk, "no check applies to it");
    let never = format!("{REQUESTS}/never/why");
    assert_eq!(server.control(Method::GET, &never, None).await.problem(), "not-found");
    let rule = json!({ "name": "down", "times": 1, "effect": { "problem": "unavailable" } });
    assert_eq!(server.control(Method::POST, "/sandbox/faults", Some(&rule)).await.status, 201);
    let disturbed = server.get(ZONES, &reader).await;
    let path = format!("{REQUESTS}/{}/why", disturbed.header("x-request-id"));
    let explained = server.control(Method::GET, &path, None).await.json();
    let facts = [&explained["status"], &explained["fault"]["name"], &explained["explanation"]];
    assert_eq!(facts, [&json!(503), &json!("down"), &no_walk], "the rule answered in place of the gate");
    let unread = recorded(&server, &forbidden).await.request;
    assert_eq!(
        (unread.body.as_str(), unread.is_complete),
        ("", false),
        "the gate reads no body of a request that it refuses"
    );
    let writer = server.token(WRITER).await;
    let invalid = server.post_json(ZONES, &writer, &body).await;
    let read = recorded(&server, &invalid).await.request;
    assert_eq!((read.body.as_bytes(), read.is_complete), (serde_json::to_vec(&body).unwrap().as_slice(), true));
}

#[tokio::test]
async fn no_token_and_no_secret_is_stored_wherever_a_client_sends_it() {
    // No prefix, and every kind of character that is encoded somewhere.
    const CHOSEN: &str = "x7#Kq/9+Zr:Lw=3&Vt!8$Bn%5Yp_2Mc~4Gh(6";
    let server = TestServer::start().await;
    let since = page(&server, "").await.last;
    let admin = server.admin_token().await;
    let registered = server
        .post_json(
            "/admin/clients",
            &admin,
            &json!({ "client_id": "chosen", "client_secret": CHOSEN, "client_name": "Chosen", "scope": "read:zones" }),
        )
        .await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let (id, made) = server.register(json!({})).await;
    let rotated = server.post_json(&format!("/admin/clients/{id}/secrets"), &admin, &json!({})).await;
    let newer = rotated.json()["client_secret"].as_str().unwrap().to_owned();
    let checked = json!({ "secrets": [{ "client_secret": CHOSEN }, { "client_secret": made }] });
    server.post_json("/admin/secrets/check", &admin, &checked).await;

    let mut tokens = vec![admin.clone()];
    for (client_id, secret) in [("chosen", CHOSEN), (id.as_str(), newer.as_str()), (WRITER, &secret(WRITER))] {
        tokens.push(server.token_with(client_id, secret, AUDIENCE, None).await);
        let request = json!({
            "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "audience": AUDIENCE
        });
        let as_json = server.token_request("application/json", request.to_string()).await;
        tokens.push(as_json.json()["access_token"].as_str().unwrap().to_owned());
        let (name, value) = basic(&encoded(client_id), &encoded(secret));
        let form = [("grant_type", "client_credentials"), ("audience", AUDIENCE)];
        let as_basic = answer(server.request(Method::POST, "/oauth2/token").header(name, value).form(&form)).await;
        assert_eq!(as_basic.status, 200, "{as_basic:?}");
        tokens.push(as_basic.json()["access_token"].as_str().unwrap().to_owned());
        let token = tokens.last().unwrap().clone();

        // Where they do not belong.
        let escaped: String = secret.encode_utf16().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"));
        let bodies = [
            ("application/json", format!("{{\"client_id\": \"{client_id}\", \"client_secret\": \"{escaped}\"}}")),
            ("application/json", format!("{{'client_id': '{client_id}', 'client_secret': '{secret}'}}")),
            ("application/json", format!("{{\"client_secret\": \"{secret}")),
            (
                "multipart/form-data; boundary=b",
                format!("--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\n{secret}\r\n--b--"),
            ),
            ("text/plain", format!("client_secret: {secret}")),
            ("application/x-www-form-urlencoded", format!("token={}&x={}", encoded(&token), encoded(&encoded(&token)))),
        ];
        for (content_type, body) in bodies {
            server.token_request(content_type, body).await;
        }
        server.about_token("/oauth2/introspect", READER, &token).await;
        let queries = [
            format!("?client_id={client_id}&client_secret={}", encoded(secret)),
            format!("?access_token={token}"),
            format!("?filter=%22{}%22", token.replace('.', "%2E").replace("eyJ", "%65yJ")),
        ];
        for query in queries {
            answer(server.request(Method::POST, &format!("/oauth2/token{query}"))).await;
            answer(server.request(Method::GET, &format!("{ZONES}{query}"))).await;
        }
        server.get(&format!("{ZONES}/{token}"), &token).await;
        for credentials in [format!("Bearer {secret}"), token.clone(), format!("Token {token}"), secret.to_owned()] {
            answer(server.request(Method::GET, ZONES).header(AUTHORIZATION, credentials)).await;
        }
        let with_fields = server
            .request(Method::GET, ZONES)
            .bearer_auth(&token)
            .header("X-Api-Key", secret)
            .header("Cookie", format!("session={token}"))
            .header("Referer", format!("https://a.example/?client_secret={}", encoded(secret)))
            .header("X-Request-Id", format!("trace-{}", &token[..40]))
            .header("X-Debug", format!("token {token}"));
        answer(with_fields).await;
        tokens.push(token);
    }
    tokens.push(server.control_token());
    server.get(ZONES, &server.control_token()).await;

    let mut journal = String::new();
    let mut cursor = String::new();
    loop {
        let page = page(&server, &format!("?limit=100{cursor}")).await;
        journal.push_str(&serde_json::to_string(&page).unwrap());
        let Some(next) = page.next_cursor else { break };
        cursor = format!("&cursor={next}");
    }
    let everything = found(&server, &json!({ "limit": 100, "since": since })).await;
    assert!(everything.len() > 60, "{}", everything.len());
    journal.push_str(&serde_json::to_string(&everything).unwrap());
    let unescaped = journal.replace("\\\"", "\"").replace("\\\\", "\\");
    let decoded = percent_encoding::percent_decode_str(&unescaped).decode_utf8_lossy().into_owned();
    for hidden in tokens.iter().map(String::as_str).chain([CHOSEN, &made, &newer, &secret(WRITER), &secret(READER)]) {
        // The signature of a token, and the middle of a secret.
        let part = hidden.rsplit('.').next().unwrap();
        let part = &part[12..part.len() - 6];
        for text in [&journal, &unescaped, &decoded] {
            let at = text.find(part).map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
            assert_eq!(at, None, "{hidden}");
        }
    }
    assert!(journal.contains("[secret:…Gh(6]") && journal.contains("[jti:"), "they are still told apart");
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn no_credential_of_another_grant_is_stored() {
    let server = TestServer::start().await;
    for name in [
        "code",
        "code_verifier",
        "refresh_token",
        "assertion",
        "client_assertion",
        "subject_token",
        "actor_token",
        "password",
        "id_token",
        "device_code",
    ] {
        let parameters = format!("grant_type=other&{name}=hidden%2DhereAndThere");
        let in_query = format!("/oauth2/token?{parameters}");
        let sent = server.request(Method::POST, &in_query).header("Referer", format!("https://a.example{in_query}"));
        let sent = answer(sent.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(parameters)).await;
        let stored = recorded(&server, &sent).await;
        let text = serde_json::to_string(&stored).unwrap();
        assert!(!text.contains("hereAnd"), "{text}");
        let query = stored.line.query.unwrap();
        assert!(query.starts_with(&format!("grant_type=other&{name}=[")), "{query}");
    }
}

#[tokio::test]
async fn of_a_long_body_the_start_is_stored_and_its_length() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(60_000));
    for http2 in [false, true] {
        let client = server.another_client(http2);
        let post = client.post(format!("{}{ZONES}", server.base)).bearer_auth(&token);
        let refused = answer(post.header("Content-Type", "application/json").body(long.clone())).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        let Message { body, body_bytes, has_more_body, is_complete, .. } = recorded(&server, &refused).await.request;
        assert_eq!((body.len(), body_bytes, has_more_body, is_complete), (4_096, long.len() as u64, true, true));
        assert!(long.starts_with(&body));
        let post = client.post(format!("{}{ZONES}", server.base)).bearer_auth(&token);
        let unread = answer(post.header("X-Long", "y".repeat(9_000)).body("x".repeat(100_000))).await;
        assert_eq!(unread.status, 413, "{unread:?}");
        let request = recorded(&server, &unread).await.request;
        assert_eq!((request.body_bytes, request.is_complete, request.has_more_fields), (0, false, true));
    }
}

#[tokio::test]
async fn filters_pages_find_and_count_agree() {
    let server = TestServer::start().await;
    let (reader, writer) = (server.token(READER).await, server.token(WRITER).await);
    server.clock.advance(Duration::from_secs(60));
    let later = boomgate::time::Clock::now(&*server.clock);
    for _ in 0..3 {
        server.get(ZONES, &reader).await;
        server.get(&format!("{ZONES}/7"), &writer).await;
    }
    let mark = page(&server, "").await.last;
    server.post_json(ZONES, &reader, &json!({})).await;
    let time = UnixSeconds::to_string(&later);
    for (query, expected) in [
        (json!({}), 9),
        (json!({ "client": READER }), 5),
        (json!({ "client": "nobody" }), 0),
        (json!({ "method": "POST" }), 3),
        (json!({ "phase": "token" }), 2),
        (json!({ "path": "/parking/zones/*" }), 3),
        (json!({ "status": "404" }), 3),
        (json!({ "status": "4xx", "client": READER }), 1),
        (json!({ "injected": "false" }), 9),
        (json!({ "injected": "true" }), 0),
        (json!({ "since": time }), 7),
        (json!({ "since": mark.to_string() }), 1),
    ] {
        let as_query: Vec<String> = query
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("&{name}={}", encoded(value.as_str().unwrap())))
            .collect();
        let mut listed = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = page(&server, &format!("?limit=2{}{cursor}", as_query.concat())).await;
            listed.extend(page.data);
            let Some(next) = page.next_cursor else { break };
            cursor = format!("&cursor={next}");
        }
        let mut search = query.clone();
        if let Some(injected) = search.get_mut("injected") {
            *injected = json!(*injected == "true");
        }
        assert_eq!((listed.len(), count(&server, &search).await), (expected, expected), "{query}");
        let found: Vec<RequestLine> = found(&server, &search).await.into_iter().map(|request| request.line).collect();
        assert_eq!(found, listed, "{query}");
    }
    assert_eq!(server.control(Method::DELETE, REQUESTS, None).await.status, 204);
    let cleared = page(&server, "").await;
    assert_eq!(
        (cleared.data.len(), cleared.last),
        (0, mark + 1),
        "numbers go on, and control requests are not recorded"
    );
}

#[tokio::test]
async fn a_search_that_is_wrong_names_each_member() {
    let server = TestServer::start().await;
    let find = format!("{REQUESTS}/find");
    let wrong = json!({ "status": "abc", "clint": "a", "limit": 1_000, "since": [], "requests": "1..2" });
    let refused = server.control(Method::POST, &find, Some(&wrong)).await;
    let pointers: Vec<String> = refused.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        (refused.status, pointers.as_slice()),
        (422, ["/requests", "/clint", "/status", "/since", "/limit"].map(str::to_owned).as_slice())
    );
    assert_eq!(server.control(Method::POST, &find, Some(&json!([]))).await.status, 422);
    for query in [
        "?limit=0",
        "?limit=101",
        "?status=1000",
        "?since=yesterday",
        "?injected=maybe",
        "?clint=a",
        "?limit=1&limit=2",
    ] {
        let refused = server.control(Method::GET, &format!("{REQUESTS}{query}"), None).await;
        assert_eq!(refused.problem(), "malformed-query", "{query}");
    }
    let other = server.control(Method::GET, &format!("{REQUESTS}?cursor=abc"), None).await;
    assert_eq!(other.problem(), "invalid-cursor");
    for id in ["nothing", "%2F", "a%20b"] {
        assert_eq!(server.control(Method::GET, &format!("{REQUESTS}/{id}"), None).await.problem(), "not-found", "{id}");
    }
}

#[tokio::test]
async fn the_id_that_a_caller_chose_leads_to_its_newest_request() {
    let server = TestServer::start().await;
    let id = "order-17/\"retry\"%20?";
    for path in [ZONES, "/livez"] {
        answer(server.request(Method::GET, path).header("X-Request-Id", id)).await;
    }
    let path = format!("{REQUESTS}/{}", percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC));
    let ShownRequest { request, others } = server.control(Method::GET, &path, None).await.read();
    assert_eq!((request.line.path.as_str(), request.line.request_id.as_str(), others), ("/livez", id, 1));
    let explained: ExplainedRequest = server.control(Method::GET, &format!("{path}/why"), None).await.read();
    assert_eq!((explained.line.number, explained.others), (request.line.number, 1));
}

#[tokio::test]
async fn an_id_that_is_the_name_of_a_search_leads_to_its_request() {
    let server = TestServer::start().await;
    for id in ["find", "count", "why"] {
        answer(server.request(Method::GET, ZONES).header("X-Request-Id", id)).await;
        let shown: ShownRequest = server.control(Method::GET, &format!("{REQUESTS}/{id}"), None).await.read();
        assert_eq!((shown.request.line.request_id.as_str(), shown.others), (id, 0));
        let explained: ExplainedRequest =
            server.control(Method::GET, &format!("{REQUESTS}/{id}/why"), None).await.read();
        assert_eq!(explained.line.request_id, id);
    }
    assert_eq!((count(&server, &json!({})).await, found(&server, &json!({})).await.len()), (3, 3));
}

#[tokio::test]
async fn the_setting_bounds_how_many_requests_are_remembered() {
    let server = TestServer::start_with(|config| config.journal.requests = 3).await;
    for _ in 0..5 {
        answer(server.request(Method::GET, "/livez")).await;
    }
    let page = page(&server, "").await;
    assert_eq!(page.data.iter().map(|line| line.number).collect::<Vec<_>>(), [5, 4, 3]);
}

#[tokio::test]
async fn a_fault_that_was_injected_is_recorded_with_what_the_client_got() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let rules = json!([
        { "name": "busy", "match": { "requests": "1" }, "effect": { "problem": "unavailable" } },
        { "name": "cut", "match": { "requests": "2" }, "effect": { "truncate_after": 5 } },
        { "name": "silent", "match": { "requests": "3" }, "effect": { "close": "before_headers" } },
    ]);
    let added = server.control(Method::POST, "/sandbox/faults", Some(&rules)).await;
    assert_eq!(added.status, 201, "{added:?}");
    for http2 in [false, true] {
        let client = server.another_client(http2);
        for _ in 0..3 {
            let asked = client.get(format!("{}{ZONES}", server.base)).bearer_auth(&token);
            if let Ok(response) = asked.send().await {
                let _cut_off = response.bytes().await;
            }
        }
        let injected = found(&server, &json!({ "injected": true })).await;
        let facts: Vec<_> = injected
            .iter()
            .map(|request| {
                let fault = request.line.fault.as_ref().unwrap();
                let answer = request.answer.as_ref().map(|answer| (answer.body_bytes, answer.is_complete));
                let is_whole = answer.map(|(bytes, is_complete)| (bytes.min(6), is_complete));
                (fault.name.as_str(), fault.kind.as_str(), request.line.status, is_whole)
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("silent", "close", None, None),
                ("cut", "truncate_after", Some(200), Some((5, false))),
                ("busy", "problem", Some(503), Some((6, true))),
            ],
            "{http2}"
        );
        assert_eq!(injected[2].line.reason.as_deref(), Some("unavailable"));
        assert_eq!(injected[2].line.client.as_deref(), Some(READER));
        server.control(Method::DELETE, REQUESTS, None).await;
        server.control(Method::DELETE, "/sandbox/faults", None).await;
        server.control(Method::POST, "/sandbox/faults", Some(&rules)).await;
    }
}
