//! What every answer has: docs/architecture.md#every-answer.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{AUDIENCE, Answer, READER, TestServer, WRITER, answer, basic, secret};
use crate::protection::calls;

#[tokio::test]
async fn every_answer_has_a_request_id_and_repeats_a_harmless_one_of_the_caller() {
    let server = TestServer::start().await;
    for path in ["/parking/zones", "/.well-known/jwks.json", "/nowhere", "/shared/access-tokens"] {
        let made = answer(server.request(Method::GET, path)).await;
        assert!(Uuid::parse_str(made.header("x-request-id")).is_ok(), "{path}");
        let accepted = answer(server.request(Method::GET, path).header("X-Request-Id", "order-17")).await;
        assert_eq!(accepted.header("x-request-id"), "order-17", "{path}");
    }
    for refused in ["two words", &"a".repeat(129), ""] {
        let replaced = answer(server.request(Method::GET, "/").header("X-Request-Id", refused)).await;
        assert!(Uuid::parse_str(replaced.header("x-request-id")).is_ok(), "{refused}");
    }
}

#[tokio::test]
async fn the_trace_id_of_the_client_comes_back() {
    let server = TestServer::start().await;
    let request = server.request(Method::GET, "/nowhere").header("Passport-Labs-Client-Trace-Id", "trace-1");
    assert_eq!(answer(request).await.header("passport-labs-client-trace-id"), "trace-1");
    let without = answer(server.request(Method::GET, "/nowhere")).await;
    assert_eq!(without.header("passport-labs-client-trace-id"), "");
}

#[tokio::test]
async fn http_1_1_and_http_2_both_work() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for (http2, version) in [(true, reqwest::Version::HTTP_2), (false, reqwest::Version::HTTP_11)] {
        let client = server.another_client(http2);
        let response = client.get(format!("{}/parking/zones", server.base)).bearer_auth(&token).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
}

#[tokio::test]
async fn a_path_longer_than_every_route_is_not_found() {
    let server = TestServer::start().await;
    for start in ["/parking/zones/", "/v3/shared/zones/", "/admin/clients/", "/problems/", "/nowhere/"] {
        let longest = format!("{start}{}", "a".repeat(512 - start.len()));
        // As it was sent, not decoded.
        let encoded = format!("{start}{}", "%61".repeat(200));
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let looked_at = answer(server.request(method.clone(), &longest)).await.status;
            let expected = if start == "/nowhere/" || start == "/problems/" { [404, 405] } else { [401, 401] };
            assert!(expected.contains(&looked_at), "{method} {start}: {looked_at}");
            for path in [&format!("{longest}a"), &encoded] {
                assert_eq!(answer(server.request(method.clone(), path)).await.status, 404, "{method} {path:.40}");
            }
        }
    }
    let asked = format!("/parking/zones?number={}", "1".repeat(2_000));
    assert_eq!(answer(server.request(Method::GET, &asked)).await.status, 401, "a query string is no path");
}

/// The answers of each route: without a token, with a partner's and with an administrator's.
async fn every_answer(server: &TestServer) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let tokens = [String::new(), server.token_with_room().await, server.admin_token().await];
    let calls = calls();
    let calls = calls.iter().map(|call| (call.method.as_str(), call.path.as_str()));
    let others = [("GET", "/"), ("OPTIONS", "/.well-known/jwks.json"), ("PUT", "/livez")];
    let long = format!("/{}", "a".repeat(600));
    for (method, path) in calls.chain(others).chain([("GET", long.as_str())]) {
        // No request deletes or rotates anything, so the answers do not depend on each other.
        for token in tokens.iter().filter(|_| !["DELETE", "PATCH"].contains(&method) && !path.ends_with("/rotate")) {
            let request = server.request(method.parse().unwrap(), path).bearer_auth(token);
            answers.push((format!("{method} {path}"), answer(request).await));
        }
    }
    answers
}

#[tokio::test]
async fn every_answer_of_every_port_forbids_sniffing() {
    let server = TestServer::start_with(|config| config.ops_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let mut answers = every_answer(&server).await;
    let plain = Client::builder().no_proxy().build().unwrap();
    for address in [server.address, server.ops.unwrap()] {
        for path in ["/parking/zones", "/livez", "/metrics", "/nowhere"] {
            answers.push((format!("{address}{path}"), answer(plain.get(format!("http://{address}{path}"))).await));
        }
    }
    assert!(answers.len() > 100, "{}", answers.len());
    for (asked, answer) in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{asked}: {}", answer.status);
    }
}

#[tokio::test]
async fn every_json_answer_ends_with_a_line_end_and_has_its_length() {
    let server = TestServer::start().await;
    let mut answers = every_answer(&server).await;
    let zone = json!({ "number": "1", "name": "Quay", "operator_id": "o", "session_type": "space",
        "location": { "latitude": 1, "longitude": 2 } });
    let writer = server.token_with_room().await;
    let created = server.post_json("/parking/zones", &writer, &zone).await;
    let shown = server.get(created.header("location"), &writer).await;
    assert_eq!(created.body, shown.body);
    let client = json!({ "client_name": "New", "scope": "read:zones" });
    let admin = server.admin_token().await;
    let registered = server.post_json("/admin/clients", &admin, &client).await;
    let client_id = registered.json()["client_id"].as_str().unwrap().to_owned();
    // Most routes of `every_answer` refuse the empty body; these requests have a valid one.
    for (path, body, status) in [
        ("/admin/secrets/check".to_owned(), json!({ "secrets": [{ "client_id": READER, "client_secret": "a" }] }), 200),
        (format!("/admin/clients/{client_id}/secrets"), json!({}), 201),
        (format!("/admin/clients/{client_id}/revoke-tokens"), json!({}), 200),
    ] {
        let done = server.post_json(&path, &admin, &body).await;
        assert_eq!(done.status, status, "{path}");
        answers.push((path, done));
    }
    let (name, value) = basic(READER, &secret(READER));
    let form = [("grant_type", "client_credentials"), ("audience", crate::harness::AUDIENCE), ("token", "a")];
    for endpoint in ["/oauth2/token", "/shared/access-tokens", "/oauth2/introspect"] {
        let request = server.request(Method::POST, endpoint).header(&name, &value).form(&form);
        answers.push((endpoint.to_owned(), answer(request).await));
    }
    answers.extend([created, shown, registered].map(|answer| ("a change".to_owned(), answer)));
    let mut count = 0;
    for (asked, answer) in answers.into_iter().filter(|(asked, _)| !asked.starts_with("HEAD")) {
        if answer.header("content-type").contains("json") {
            count += 1;
            let (last, before) = answer.body.split_last().unwrap();
            assert!(*last == b'\n' && !before.contains(last), "{asked}: {}", String::from_utf8_lossy(&answer.body));
            assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{asked}");
        }
    }
    assert!(count > 80, "{count}");
}

#[tokio::test]
async fn a_read_with_a_token_is_private_and_revalidated_each_time() {
    let server = TestServer::start().await;
    let (partner, admin) = (server.token(READER).await, server.admin_token().await);
    let zones = server.get("/parking/zones?limit=1", &partner).await;
    assert_eq!((zones.status, zones.header("cache-control")), (200, "private, no-cache"));
    let zone = format!("/parking/zones/{}", zones.json()["data"][0]["id"].as_str().unwrap());
    let kid = server.get("/admin/keys", &admin).await.json()["data"][0]["kid"].as_str().unwrap().to_owned();
    let key = format!("/admin/keys/{kid}");
    for (path, token) in [(&*zone, &partner)].into_iter().chain(
        [
            "/admin/clients",
            "/admin/clients/demo-reader",
            "/admin/terms",
            "/admin/keys",
            &key,
            "/admin/audit",
            "/admin/clients/demo-reader/usage?days=2",
        ]
        .map(|path| (path, &admin)),
    ) {
        let first = server.get(path, token).await;
        assert_eq!((first.status, first.header("cache-control")), (200, "private, no-cache"), "{path}");
        let tag = first.header("etag");
        assert!(tag.starts_with('"') && tag.len() >= 22, "{path}: {tag}");
        for method in [Method::GET, Method::HEAD] {
            let ask = |field: &str, value: &str| {
                answer(server.request(method.clone(), path).bearer_auth(token).header(field, value))
            };
            for seen in [tag, &format!("\"x\", W/{tag}"), "*"] {
                let again = ask("if-none-match", seen).await;
                assert_eq!(
                    (again.status, again.body.len(), again.header("etag")),
                    (304, 0, tag),
                    "{method} {path} {seen}"
                );
                assert_eq!(again.header("cache-control"), "private, no-cache", "{path}");
            }
            assert_eq!(ask("if-none-match", "\"x\"").await.status, 200, "{method} {path}");
            assert_eq!(ask("if-match", "\"x\"").await.status, 412, "{method} {path}");
            assert_eq!(ask("if-match", tag).await.status, 200, "{method} {path}");
        }
    }
    // An answer that changes all the time, or that has a secret, is not stored.
    assert_eq!(server.get("/oauth2/usage", &partner).await.header("cache-control"), "no-store");
    assert_eq!(server.get("/metrics", &admin).await.header("cache-control"), "no-store");
}

/// RFC 8259 section 8.1: a parser "MAY ignore the presence of a byte order mark rather than treating it as an error".
#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_ignored_and_utf_16_is_refused_by_name() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let server = TestServer::start().await;
    let (admin, writer) = (server.admin_token().await, server.token(WRITER).await);
    let marked = |text: &str| format!("\u{FEFF}{text}").into_bytes();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (client_id, client_secret) = server.register(json!({ "client_name": "a", "scope": "read:zones" })).await;
    let json = json!({ "grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret,
        "audience": AUDIENCE });
    let form = format!(
        "grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}&audience={AUDIENCE}"
    );
    for (media_type, text) in [("application/json", &json.to_string()), (FORM, &json.to_string()), (FORM, &form)] {
        assert_eq!(server.token_request(media_type, marked(text)).await.status, 200, "{media_type} {text}");
    }
    let refused = server.token_request("application/json", utf16(&json.to_string())).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error_description"], "The body is UTF-16: send UTF-8.");

    let zone = json!({ "number": "1", "name": "Quay", "operator_id": "harbour", "session_type": "vehicle",
        "location": { "latitude": 1.0, "longitude": 1.0 } });
    let client = json!({ "client_name": "b", "scope": "read:zones" });
    for (path, token, body) in [("/parking/zones", &writer, zone), ("/admin/clients", &admin, client)] {
        let send = |body: Vec<u8>| {
            let request = server.request(Method::POST, path).bearer_auth(token);
            answer(request.header(CONTENT_TYPE, "application/json").body(body))
        };
        assert_eq!(send(marked(&body.to_string())).await.status, 201, "{path}");
        let refused = send(utf16(&body.to_string())).await;
        assert_eq!((refused.status, refused.problem()), (400, "malformed-body".to_owned()), "{path}");
        assert!(refused.json()["detail"].as_str().unwrap().contains("UTF-16"), "{path}");
    }
}
