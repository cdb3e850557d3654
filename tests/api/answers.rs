//! What every answer carries: DESIGN 2.

use reqwest::Method;
use uuid::Uuid;

use crate::harness::{READER, TestServer, answer};

#[tokio::test]
async fn every_answer_has_a_request_id_and_keeps_a_harmless_one() {
    let server = TestServer::start().await;
    for path in ["/parking/zones", "/.well-known/jwks.json", "/nowhere", "/shared/access-tokens"] {
        let made = answer(server.request(Method::GET, path)).await;
        assert!(Uuid::parse_str(made.header("x-request-id")).is_ok(), "{path}");
        let kept = answer(server.request(Method::GET, path).header("X-Request-Id", "order-17")).await;
        assert_eq!(kept.header("x-request-id"), "order-17", "{path}");
    }
    for refused in ["two words", &"a".repeat(129), ""] {
        let replaced = answer(server.request(Method::GET, "/").header("X-Request-Id", refused)).await;
        assert!(Uuid::parse_str(replaced.header("x-request-id")).is_ok(), "{refused}");
    }
}

#[tokio::test]
async fn the_clients_own_trace_id_comes_back() {
    let server = TestServer::start().await;
    let request = server.request(Method::GET, "/nowhere").header("Passport-Labs-Client-Trace-Id", "trace-1");
    assert_eq!(answer(request).await.header("passport-labs-client-trace-id"), "trace-1");
    let without = answer(server.request(Method::GET, "/nowhere")).await;
    assert_eq!(without.header("passport-labs-client-trace-id"), "");
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for (http2, version) in [(true, reqwest::Version::HTTP_2), (false, reqwest::Version::HTTP_11)] {
        let client = server.another_client(http2);
        let response = client.get(format!("{}/parking/zones", server.base)).bearer_auth(&token).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
}

#[tokio::test]
async fn nothing_is_at_a_path_longer_than_any_that_means_something() {
    let server = TestServer::start().await;
    for start in ["/parking/zones/", "/v3/shared/zones/", "/admin/clients/", "/problems/", "/nowhere/"] {
        let longest = format!("{start}{}", "a".repeat(512 - start.len()));
        // As it was sent, not as it reads.
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
