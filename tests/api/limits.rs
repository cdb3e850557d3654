//! The throttle and the daily quota, as a client meets them: DESIGN 2.3.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{ADMIN, AUDIENCE, LIMITED, READER, TestServer, answer};

const ZONES: &str = "/parking/zones";

#[tokio::test]
async fn over_the_throttle_is_429_until_retry_after() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for (remaining, whole_in) in [(1, 1), (0, 1)] {
        let answer = server.get(ZONES, &token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"second\";q=2;w=1, \"day\";q=20;w=86400");
        assert_eq!(
            answer.header("ratelimit"),
            format!("\"second\";r={remaining};t={whole_in}, \"day\";r={};t=43200", 18 + remaining)
        );
    }
    let refused = server.get(ZONES, &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.problem(), "quota-exceeded");
    let problem = refused.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(
        (&problem["violated-policies"], &problem["title"]),
        (&json!(["second"]), &json!("Too many requests per second"))
    );
    assert_eq!(refused.header("ratelimit"), "\"second\";r=0;t=1, \"day\";r=18;t=43200");
    assert_eq!(refused.header("www-authenticate"), "");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get(ZONES, &token).await.status, 200);
}

#[tokio::test]
async fn over_the_daily_quota_is_429_until_midnight_utc() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for used in 1..=20 {
        assert_eq!(server.get(ZONES, &token).await.status, 200, "{used}");
        server.clock.advance(Duration::from_secs(1));
    }
    let refused = server.get(ZONES, &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "43180"));
    let problem = refused.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(
        (&problem["violated-policies"], &problem["title"]),
        (&json!(["day"]), &json!("The daily quota is used up"))
    );
    server.clock.advance(Duration::from_secs(43_180));
    let token = server.token(LIMITED).await;
    let answer = server.get(ZONES, &token).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("ratelimit").ends_with("\"day\";r=19;t=86400"), "{}", answer.header("ratelimit"));
}

#[tokio::test]
async fn a_request_costs_one_whatever_its_answer_but_401_and_throttled_ones_are_free() {
    let server = TestServer::start().await;
    let (client_id, secret) =
        server.register(json!({ "requests_per_second": 1, "burst": 6, "daily_quota": 100 })).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, Some("read:zones")).await;
    let nowhere = format!("{ZONES}/00000000-0000-4000-8000-000000000000");
    for (path, status) in [(ZONES, 200), (nowhere.as_str(), 404), ("/parking/zones?limit=0", 400)] {
        let answer = server.get(path, &token).await;
        assert_eq!(answer.status, status, "{path}");
        assert_ne!(answer.header("ratelimit"), "", "{path}");
    }
    assert_eq!(server.post_json(ZONES, &token, &json!({})).await.status, 403);
    assert_eq!(server.get(ZONES, "wrong").await.status, 401);
    let wrong_method = answer(server.request(Method::PATCH, ZONES).bearer_auth(&token)).await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "GET, HEAD, POST"));
    assert_ne!(wrong_method.header("ratelimit"), "");
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    for _ in 0..3 {
        assert_eq!(server.get(ZONES, &token).await.status, 429);
    }
    let usage = server.get("/oauth2/usage", &token).await.json();
    assert_eq!((&usage["day"]["used"], &usage["day"]["remaining"]), (&json!(6), &json!(94)));
}

#[tokio::test]
async fn to_ask_for_usage_costs_nothing() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for _ in 0..5 {
        let answer = server.get("/oauth2/usage", &token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit"), "\"second\";r=2;t=0, \"day\";r=20;t=43200");
        let told = answer.json();
        assert_eq!(told["client_id"], LIMITED);
        assert_eq!(told["second"], json!({ "requests_per_second": 2, "burst": 2, "remaining": 2 }));
        assert_eq!((&told["day"]["quota"], &told["day"]["used"]), (&json!(20), &json!(0)));
    }
}

#[tokio::test]
async fn an_unlimited_client_has_no_policy_for_the_day() {
    let server = TestServer::start().await;
    let (client_id, secret) =
        server.register(json!({ "daily_quota": null, "burst": 3, "requests_per_second": 2 })).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    let answer = server.get(ZONES, &token).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"second\";q=3;w=2");
    assert_eq!(answer.header("ratelimit"), "\"second\";r=2;t=1");
}

#[tokio::test]
async fn limits_that_are_not_enforced_count_and_report_but_do_not_refuse() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_second": 1, "burst": 1, "daily_quota": 3, "enforce": false });
    let (client_id, secret) = server.register(limits).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    for _ in 0..6 {
        assert_eq!(server.get(ZONES, &token).await.status, 200);
    }
    let usage = server.get("/oauth2/usage", &token).await.json();
    assert_eq!(
        (&usage["day"]["used"], &usage["day"]["remaining"], &usage["enforce"]),
        (&json!(6), &json!(0), &json!(false))
    );
}

#[tokio::test]
async fn exactly_the_quota_is_admitted_to_many_connections_at_once() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_second": 100_000, "burst": 100_000, "daily_quota": 150 });
    let (client_id, secret) = server.register(limits).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (client, url, token) =
                (server.another_client(false), format!("{}{ZONES}?limit=1", server.base), token.clone());
            tokio::spawn(async move {
                let mut admitted = 0;
                for _ in 0..40 {
                    let answer = answer(client.get(&url).bearer_auth(&token)).await;
                    assert!([200, 429].contains(&answer.status), "{answer:?}");
                    admitted += u32::from(answer.status == 200);
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.unwrap();
    }
    assert_eq!(admitted, 150);
}

#[tokio::test]
async fn one_clients_limit_is_not_anothers() {
    let server = TestServer::start().await;
    let (limited, reader) = (server.token(LIMITED).await, server.token(READER).await);
    for _ in 0..4 {
        server.get(ZONES, &limited).await;
    }
    assert_eq!(server.get(ZONES, &limited).await.status, 429);
    assert_eq!(server.get(ZONES, &reader).await.status, 200);
    // The administration API is behind the same gate.
    let admin = server.admin_token().await;
    let answer = answer(server.request(Method::GET, &format!("/admin/clients/{ADMIN}")).bearer_auth(admin)).await;
    assert_ne!(answer.header("ratelimit"), "");
}
