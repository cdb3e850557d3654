//! Pages of other origins: which may call the partner API, and what they may read (the Fetch standard, CORS protocol).

use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use serde_json::json;

use crate::harness::{Answer, LIMITED, READER, TestServer, answer};

const APP: &str = "https://app.example.com";
const OTHER: &str = "https://evil.example";

async fn server_for(origins: &[&str]) -> TestServer {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    TestServer::start_with(|config| config.cors_origins = origins).await
}

async fn preflight(server: &TestServer, path: &str, origin: &str) -> Answer {
    let request = server.request(Method::OPTIONS, path).header(ORIGIN, origin);
    let request = request.header(ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
    answer(request.header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,if-match")).await
}

fn has_cors(answer: &Answer) -> bool {
    answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_costs_nothing() {
    let server = server_for(&[APP, "http://localhost:5173"]).await;
    let token = server.token(LIMITED).await;
    let used = async || server.get("/oauth2/usage", &token).await.json()["day"]["used"].as_u64().unwrap();
    let before = used().await;
    for path in ["/parking/zones", "/v3/parking/zones/1", "/shared/access-tokens", "/oauth2/token", "/oauth2/usage"] {
        for origin in [APP, "http://localhost:5173"] {
            let allowed = preflight(&server, path, origin).await;
            assert_eq!((allowed.status, allowed.body.len()), (204, 0), "{path}");
            assert_eq!(allowed.header("access-control-allow-origin"), origin, "{path}");
            assert_eq!(allowed.header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
            let headers = allowed.header("access-control-allow-headers");
            assert!(
                ["Authorization", "Content-Type", "If-Match", "Idempotency-Key"]
                    .iter()
                    .all(|name| headers.contains(name))
            );
            assert!(allowed.header("vary").starts_with("Origin"), "{path}");
            assert_eq!(allowed.headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
        }
    }
    assert_eq!(used().await, before);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_reads_each_answer_and_what_a_client_needs_of_it() {
    let server = server_for(&[APP]).await;
    let token = server.token(READER).await;
    let (client_id, secret) = server.register(json!({ "requests_per_second": 1, "burst": 1 })).await;
    let limited = server.token_with(&client_id, &secret, crate::harness::AUDIENCE, None).await;
    server.get("/parking/zones", &limited).await;
    for (method, path, token, status) in [
        (Method::GET, "/parking/zones", token.as_str(), 200),
        (Method::GET, "/v3/parking/zones", token.as_str(), 200),
        (Method::GET, "/parking/zones", "none", 401),
        (Method::POST, "/parking/zones", token.as_str(), 403),
        (Method::GET, "/parking/zones", limited.as_str(), 429),
        (Method::GET, "/parking/zones/nowhere", token.as_str(), 404),
        (Method::POST, "/oauth2/token", "none", 400),
        (Method::GET, "/oauth2/token", "none", 405),
    ] {
        let read = answer(server.request(method.clone(), path).bearer_auth(token).header(ORIGIN, APP)).await;
        assert_eq!(read.status, status, "{method} {path}");
        assert_eq!(read.header("access-control-allow-origin"), APP, "{method} {path}");
        assert!(read.headers.get_all(VARY).iter().any(|value| value == "Origin"), "{method} {path}");
        let exposed = read.header("access-control-expose-headers");
        let needed =
            ["RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "Location", "X-Request-Id", "WWW-Authenticate"];
        assert!(needed.iter().all(|name| exposed.split(", ").any(|exposed| exposed == *name)), "{exposed}");
        assert_eq!(read.headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_reads_nothing_and_a_cache_knows() {
    let server = server_for(&[APP]).await;
    let token = server.token(READER).await;
    for origin in [OTHER, "null", "https://app.example.com.evil.example", "http://app.example.com", "*"] {
        let asked = preflight(&server, "/parking/zones", origin).await;
        assert!(asked.status >= 400 && !has_cors(&asked), "{origin}");
        let read =
            answer(server.request(Method::GET, "/parking/zones").bearer_auth(&token).header(ORIGIN, origin)).await;
        assert!(!has_cors(&read), "{origin}");
        assert_eq!(read.header("vary"), "Origin");
    }
    let without = server.get("/parking/zones", &token).await;
    assert!(!has_cors(&without));
    assert_eq!(without.header("vary"), "Origin");
}

#[tokio::test]
async fn the_administration_the_sandbox_and_pages_are_never_open_to_other_origins() {
    for origins in [vec![APP], vec!["*"]] {
        let server = server_for(&origins).await;
        for path in ["/admin/clients", "/sandbox/clock", "/metrics", "/", "/problems", "/livez", "/nowhere"] {
            assert!(!has_cors(&preflight(&server, path, APP).await), "{path}");
            let read = answer(server.request(Method::GET, path).header(ORIGIN, APP)).await;
            assert!(!has_cors(&read), "{path}");
        }
    }
}

#[tokio::test]
async fn a_star_allows_every_origin_in_one_form() {
    let server = server_for(&["*"]).await;
    let token = server.token(READER).await;
    let asked = preflight(&server, "/parking/zones", OTHER).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, "*"));
    let read = server.get("/parking/zones", &token).await;
    assert_eq!((read.header("access-control-allow-origin"), read.header("vary")), ("*", ""));
}

#[tokio::test]
async fn without_the_setting_no_answer_has_a_field_more() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for origin in [APP, OTHER] {
        let asked = preflight(&server, "/parking/zones", origin).await;
        assert_eq!((asked.status, has_cors(&asked)), (401, false));
        let read =
            answer(server.request(Method::GET, "/parking/zones").bearer_auth(&token).header(ORIGIN, origin)).await;
        assert_eq!((has_cors(&read), read.header("vary")), (false, ""));
    }
    // Documents are for everybody, once.
    for server in [server, server_for(&[APP]).await] {
        let keys = answer(server.request(Method::GET, "/.well-known/jwks.json").header(ORIGIN, OTHER)).await;
        assert_eq!(keys.headers.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter().collect::<Vec<_>>(), ["*"]);
    }
}
