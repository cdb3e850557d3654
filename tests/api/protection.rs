//! Every route asks for the right that its row names, and answers no method but those of its row.

use std::rc::Rc;

use boomgate::admission::{Api, Right};
use boomgate::http::routes::{Access, Place, Route, VERSION, table};
use reqwest::Method;

use crate::harness::{ADMIN_AUDIENCE, AUDIENCE, Answer, TestServer, answer};

/// The id of a request that was refused.
const REFUSED: &str = "refused";

/// A request to a row of the route table over TLS.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) access: Access,
    /// What `Allow` says at this path.
    pub(crate) allow: String,
}

/// One for each operation that the OpenAPI document has, at each path, HEAD beside GET.
pub(crate) fn calls() -> Vec<Call> {
    let calls = calls_of(Route::is_documented);
    assert!(calls.len() > 90, "{}", calls.len());
    calls
}

/// One for each operation over TLS, also those that control a sandbox.
fn all_calls() -> Vec<Call> {
    calls_of(|_| true)
}

fn calls_of(is_wanted: impl Fn(&Route) -> bool) -> Vec<Call> {
    let mut calls = Vec::new();
    for (route, path) in paths().into_iter().filter(|(route, _)| is_wanted(route)) {
        for operation in route.operations() {
            let head = (operation.method == "GET").then_some(Method::HEAD);
            for method in [operation.method.as_str().parse().unwrap()].into_iter().chain(head) {
                calls.push(Call { method, path: path.clone(), access: operation.access.clone(), allow: route.allow() });
            }
        }
    }
    calls
}

/// One for each method that a row does not have.
fn other_calls() -> Vec<Call> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LINK"];
    let mut calls = Vec::new();
    for (route, path) in paths() {
        let allow = route.allow();
        for method in methods.iter().filter(|method| !allow.split(", ").any(|allowed| allowed == **method)) {
            let access = route.operations()[0].access.clone();
            calls.push(Call { method: method.parse().unwrap(), path: path.clone(), access, allow: allow.clone() });
        }
    }
    calls
}

/// Each path of each row over TLS, with values in place of its parameters.
fn paths() -> Vec<(Rc<Route>, String)> {
    const UUID: &str = "00000000-0000-4000-8000-000000000000";
    let mut paths = Vec::new();
    for route in table().into_iter().filter(|route| route.place() != Place::Operators).map(Rc::new) {
        let prefixes: &[&str] = if route.place() == Place::Partner { &["", VERSION] } else { &[""] };
        for (path, prefix) in route.paths().iter().flat_map(|path| prefixes.iter().map(move |prefix| (path, prefix))) {
            let path = format!("{prefix}{path}")
                .replace("{id}", UUID)
                .replace("{secret_id}", UUID)
                .replace("{client_id}", "demo-reader")
                .replace("{kid}", "any-kid")
                .replace("{request_id}", REFUSED)
                .replace("{name}", "any-name")
                .replace("{view}", "clients")
                .replace("{part}", "edit")
                .replace("{folder}/{page}", "sandbox/clock")
                .replace("{page}", "cli")
                .replace("{digest}/{path:.*}", "0123456789ab/js/start.js")
                .replace("{kind}", "token-missing");
            assert!(!path.contains('{'), "{path} has a parameter that this test gives no value");
            paths.push((route.clone(), path));
        }
    }
    paths
}

async fn call(server: &TestServer, call: &Call, token: Option<&str>) -> Answer {
    let request = server.request(call.method.clone(), &call.path).body("{ not JSON");
    answer(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

/// A 401 that names the resource which the path belongs to.
fn assert_asks_for_a_token(server: &TestServer, call: &Call, answer: &Answer) {
    let Call { method, path, .. } = call;
    assert_eq!(answer.status, 401, "{method} {path}");
    // RFC 6750 section 3.1: no error code when no token was presented. RFC 9728 section 5.1.
    let realm =
        format!("Bearer realm=\"{0}\", resource_metadata=\"{0}/.well-known/oauth-protected-resource", server.base);
    let resource = answer.header("www-authenticate").strip_prefix(&realm).and_then(|rest| rest.split('"').next());
    // RFC 9728 section 3.3: the metadata are of what was asked for.
    let resource = resource.unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
    assert!(path.starts_with(resource) && !resource.is_empty(), "{method} {path}: {resource}");
    assert_eq!(answer.header("ratelimit"), "", "{method} {path}");
    if *method != Method::HEAD {
        assert_eq!(answer.problem(), "token-missing", "{method} {path}");
    }
}

/// A 401 that spends nothing of any limit.
fn assert_asks_for_the_control_token(call: &Call, answer: &Answer) {
    let Call { method, path, .. } = call;
    assert_eq!((answer.status, answer.header("ratelimit")), (401, ""), "{method} {path}");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"boomgate sandbox\"", "{method} {path}");
}

/// Tokens that lack one scope and carry the others of their API.
struct Tokens {
    without: Vec<(&'static str, String)>,
    any: String,
}

impl Tokens {
    async fn get(server: &TestServer) -> Self {
        let mut without = Vec::new();
        for (lacking, scope, audience) in [
            ("read:zones", "write:zones", AUDIENCE),
            ("write:zones", "read:zones", AUDIENCE),
            ("read:admin", "write:admin", ADMIN_AUDIENCE),
            ("write:admin", "read:admin", ADMIN_AUDIENCE),
        ] {
            let members = serde_json::json!({ "scope": scope, "audience": [audience], "requests_per_second": 10_000,
                "burst": 10_000, "daily_quota": null });
            let (client_id, secret) = server.register(members).await;
            without.push((lacking, server.token_with(&client_id, &secret, audience, None).await));
        }
        Self { any: without[0].1.clone(), without }
    }

    fn without(&self, scope_token: &str) -> &str {
        &self.without.iter().find(|(lacking, _)| *lacking == scope_token).unwrap().1
    }
}

#[tokio::test]
async fn each_operation_asks_for_the_right_that_its_row_names() {
    let server = TestServer::start().await;
    let tokens = Tokens::get(&server).await;
    let refused = server.request(Method::GET, "/parking/zones").bearer_auth(&tokens.any);
    assert_eq!(answer(refused.header("x-request-id", REFUSED)).await.status, 403);
    let (mut public, mut clients, mut scoped, mut control) = (0, 0, 0, 0);
    for asked in all_calls() {
        let (method, path) = (&asked.method, &asked.path);
        let without_token = call(&server, &asked, None).await;
        match asked.access {
            Access::Public => {
                assert!(![401, 403].contains(&without_token.status), "{method} {path}: {without_token:?}");
                assert_eq!(without_token.header("ratelimit"), "", "{method} {path}");
                public += 1;
            }
            Access::Client => {
                // RFC 6749 section 2.3: credentials in the body, or by Basic, and no others.
                let form = server.request(method.clone(), path).bearer_auth(&tokens.any);
                let refused = answer(form.form(&[("grant_type", "client_credentials"), ("token", "a")])).await;
                assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")), "{path}");
                clients += 1;
            }
            Access::Sandbox => {
                assert_asks_for_the_control_token(&asked, &without_token);
                assert_asks_for_the_control_token(&asked, &call(&server, &asked, Some(&tokens.any)).await);
                control += 1;
            }
            Access::Token(Right { scope_token: None, .. }) => {
                assert_asks_for_a_token(&server, &asked, &without_token);
                // No right is missing, but the body is no JSON.
                let expected = if *method == Method::PUT { 400 } else { 200 };
                assert_eq!(call(&server, &asked, Some(&tokens.any)).await.status, expected, "{method} {path}");
            }
            Access::Token(Right { scope_token: Some(ref scope_token), .. }) => {
                assert_asks_for_a_token(&server, &asked, &without_token);
                let refused = call(&server, &asked, Some(tokens.without(scope_token))).await;
                assert_eq!(refused.status, 403, "{method} {path}");
                let challenge = refused.header("www-authenticate");
                assert!(challenge.contains("error=\"insufficient_scope\""), "{method} {path}: {challenge}");
                assert!(challenge.ends_with(&format!("scope=\"{scope_token}\"")), "{method} {path}: {challenge}");
                scoped += 1;
            }
        }
    }
    println!(
        "operations: {public} public, {clients} with client authentication, {scoped} behind a scope, {control} control"
    );
}

#[tokio::test]
async fn a_method_that_a_row_does_not_have_is_refused_behind_the_same_gate() {
    let server = TestServer::start().await;
    let tokens = Tokens::get(&server).await;
    for asked in other_calls() {
        let (method, path) = (&asked.method, &asked.path);
        let mut refused = call(&server, &asked, None).await;
        if let Access::Token(Right { api, scope_token: Some(_) }) = asked.access {
            assert_asks_for_a_token(&server, &asked, &refused);
            let scope_token = if api == Api::Partner { "read:zones" } else { "read:admin" };
            refused = call(&server, &asked, Some(tokens.without(scope_token))).await;
            assert_ne!(refused.header("ratelimit"), "", "{method} {path}");
        }
        if asked.access == Access::Sandbox {
            assert_asks_for_the_control_token(&asked, &refused);
            refused = call(&server, &asked, Some(&server.control_token())).await;
        }
        assert_eq!((refused.status, refused.header("allow")), (405, asked.allow.as_str()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_head_request_gets_the_fields_of_a_get_and_no_body() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for get in calls().into_iter().filter(|asked| asked.method == "GET") {
        let head = Call { method: Method::HEAD, ..get.clone() };
        let (with_body, without) = (call(&server, &get, Some(&token)).await, call(&server, &head, Some(&token)).await);
        assert_eq!((without.status, without.body.len()), (with_body.status, 0), "{}", get.path);
        assert_eq!(without.header("content-type"), with_body.header("content-type"), "{}", get.path);
    }
}
