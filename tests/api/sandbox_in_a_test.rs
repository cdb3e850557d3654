//! A sandbox as a value in a Rust test: everything that is done to it goes over its control plane.

use std::time::Duration;

use boomgate::api::explanation::Check;
use boomgate::testing::{Sandbox, TestingError};
use boomgate::time::Span;
use reqwest::Client;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Answer, READER, WRITER, ZONES, answer, client};

async fn started() -> (Sandbox, Client) {
    let sandbox = Sandbox::start().await.unwrap();
    let http = client(sandbox.ca_pem(), sandbox.address(), true);
    (sandbox, http)
}

async fn list_zones(sandbox: &Sandbox, http: &Client, token: &str) -> Answer {
    answer(http.get(format!("{}{ZONES}?limit=1", sandbox.url())).bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_expires_when_the_test_moves_the_clock_and_the_sandbox_says_why() {
    let (sandbox, http) = started().await;
    let reader = sandbox.client(READER).unwrap();
    let token = reader.token().await.unwrap();
    assert_eq!(list_zones(&sandbox, &http, &token).await.status, 200);

    let start = sandbox.clock().show().await.unwrap();
    let moved = sandbox.clock().advance(Span::from_secs(3_600)).await.unwrap();
    assert!(moved.now >= start.now.plus(3_600) && moved.real_now < start.now.plus(3_600), "{moved:?}");
    let refused = list_zones(&sandbox, &http, &token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token-expired"));

    let why = sandbox.why(refused.header("x-request-id")).await.unwrap();
    assert_eq!(why.failed().map(|failed| failed.check), Some(Check::Expiry));
    let renewed = reader.token().await.unwrap();
    assert_eq!(list_zones(&sandbox, &http, &renewed).await.status, 200);

    let requests = sandbox.requests().await.unwrap();
    let seen: Vec<_> = requests.iter().map(|request| (&*request.path, request.status)).collect();
    let token_request = ("/oauth2/token", Some(200));
    assert_eq!(seen, [token_request, (ZONES, Some(200)), (ZONES, Some(401)), token_request, (ZONES, Some(200))]);
}

#[tokio::test]
async fn a_fault_acts_until_its_guard_is_dropped() {
    let (sandbox, http) = started().await;
    let token = sandbox.client(READER).unwrap().token().await.unwrap();
    let fault = sandbox.fault(&json!({ "effect": { "problem": "unavailable" } })).await.unwrap();
    let disturbed = list_zones(&sandbox, &http, &token).await;
    assert_eq!((disturbed.status, disturbed.header("boomgate-fault")), (503, fault.name()));
    assert_eq!(fault.show().await.unwrap().fired, 1);
    drop(fault);
    assert_eq!(list_zones(&sandbox, &http, &token).await.status, 200);
}

#[tokio::test]
async fn a_refused_rule_is_an_error_that_names_its_member() {
    let (sandbox, _) = started().await;
    let refused = sandbox.fault(&json!({ "effect": { "problem": "unavailible" } })).await;
    let Err(TestingError::Refused { status: 422, body }) = refused else { panic!("{refused:?}") };
    assert!(body.contains("/effect/problem") && body.contains("did you mean unavailable"), "{body}");
}

#[tokio::test]
async fn a_trouble_is_undone() {
    let (sandbox, http) = started().await;
    let writer = sandbox.client(WRITER).unwrap();
    let token = writer.token().await.unwrap();
    sandbox.trouble("client-suspended", Some(WRITER), None).await.unwrap();
    assert_eq!(list_zones(&sandbox, &http, &token).await.status, 401);
    let cleared = sandbox.clear_troubles().await.unwrap();
    assert_eq!(cleared.data.len(), 1, "{cleared:?}");
    assert_eq!(list_zones(&sandbox, &http, &writer.token().await.unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_forged_token_is_refused_as_its_answer_says() {
    let (sandbox, http) = started().await;
    let forged = sandbox.forge("alg-none", READER).await.unwrap();
    let refused = list_zones(&sandbox, &http, &forged.access_token).await;
    assert_eq!((refused.status, refused.problem()), (forged.expected_status, forged.expected_problem));
}

#[tokio::test]
async fn a_test_goes_back_to_a_state_that_it_saved_and_to_the_first_one() {
    let (sandbox, _) = started().await;
    let two_days = Span::from_days(2);
    sandbox.clock().freeze().await.unwrap();
    let saved = sandbox.clock().advance(two_days).await.unwrap();
    sandbox.save("later").await.unwrap();
    sandbox.clock().resume().await.unwrap();
    assert_ne!(sandbox.clock().advance(two_days).await.unwrap().now, saved.now);
    sandbox.restore("later").await.unwrap();
    let restored = sandbox.clock().show().await.unwrap();
    assert_eq!((restored.now, restored.frozen), (saved.now, true));
    sandbox.reset().await.unwrap();
    let reset = sandbox.clock().show().await.unwrap();
    assert_eq!((reset.shifted_by_s, reset.frozen), (0, false));
}

#[tokio::test]
async fn a_sandbox_shares_nothing_with_another_one_and_stops_when_it_is_dropped() {
    let ((one, http), (other, _)) = (started().await, started().await);
    let token = other.client(READER).unwrap().token().await.unwrap();
    assert_eq!(list_zones(&one, &http, &token).await.status, 401, "another key signed it");
    let address = one.address();
    drop((one, http));
    // Each attempt is answered by the system, so this does not wait longer than the stop takes.
    let is_refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(Duration::from_secs(30), is_refused).await.unwrap();
    other.clock().show().await.unwrap();
}

#[tokio::test]
async fn a_client_that_no_sandbox_has_is_an_error() {
    let (sandbox, _) = started().await;
    assert!(matches!(sandbox.client("demo-nobody"), Err(TestingError::NoDemo(name)) if name == "demo-nobody"));
}
