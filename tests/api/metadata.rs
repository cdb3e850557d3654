//! What a client can find out by itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{READER, TestServer, answer};

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = answer(server.request(Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{path}");
    assert!(answer.header("cache-control").starts_with("public, max-age="), "{path}");
    answer.json()
}

#[tokio::test]
async fn the_authorization_server_describes_itself() {
    let server = TestServer::start().await;
    let base = &server.base;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    let expected = json!({
        "issuer": base,
        "token_endpoint": format!("{base}/oauth2/token"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "revocation_endpoint": format!("{base}/oauth2/revoke"),
        "introspection_endpoint": format!("{base}/oauth2/introspect"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "scopes_supported": ["read:admin", "read:zones", "write:admin", "write:zones"],
        "protected_resources": [base],
    });
    assert_eq!(get(&server, "/.well-known/oauth-authorization-server").await, expected);
    assert_eq!(get(&server, "/.well-known/openid-configuration").await, expected);
}

#[tokio::test]
async fn the_protected_resource_names_its_authorization_server() {
    let server = TestServer::start().await;
    let base = &server.base;
    assert_eq!(
        get(&server, "/.well-known/oauth-protected-resource").await,
        json!({
            "resource": base,
            "authorization_servers": [base],
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "scopes_supported": ["read:zones", "write:zones"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[tokio::test]
async fn the_jwk_set_has_the_public_key_and_nothing_private() {
    let server = TestServer::start().await;
    let set = get(&server, "/.well-known/jwks.json").await;
    let key = set["keys"][0].as_object().unwrap();
    let members: Vec<_> = key.keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
    );
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_problem_type_leads_to_a_page_that_says_what_to_do() {
    let server = TestServer::start().await;
    let problem = server.get("/parking/zones", "wrong").await.json();
    let path = problem["type"].as_str().unwrap().strip_prefix(server.base.as_str()).unwrap().to_owned();
    let page = answer(server.request(Method::GET, &path)).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(text.contains("The access token is not valid here") && !text.contains('{'), "{text}");
    for kind in boomgate::http::error::ProblemKind::ALL {
        let page = answer(server.request(Method::GET, &format!("/problems/{}", kind.slug()))).await;
        assert_eq!(page.status, 200, "{kind:?}");
    }
    assert_eq!(answer(server.request(Method::GET, "/problems/none")).await.problem(), "not-found");
}

#[tokio::test]
async fn other_methods_and_unknown_paths_are_problems() {
    let server = TestServer::start().await;
    for path in ["/.well-known/jwks.json", "/problems/not-found", "/oauth2/usage"] {
        let answer = answer(server.request(Method::POST, path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{path}");
        assert_eq!(answer.problem(), "method-not-allowed");
    }
    let token = server.token(READER).await;
    for path in [
        "/",
        "/nowhere",
        "/v3",
        "/v3/",
        "/v2/parking/zones",
        "/parking",
        "/admin",
        "/parking/zones/",
        "//parking/zones",
    ] {
        let answer = server.get(path, &token).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{path}");
    }
    let head = answer(server.request(Method::HEAD, "/.well-known/jwks.json")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
