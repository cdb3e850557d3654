//! The throttle and the daily quota, from the view of a client: docs/architecture.md#limits.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, LIMITED, READER, TestServer, ZONES, answer, secret};

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
async fn a_request_for_usage_costs_nothing() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    for _ in 0..5 {
        let answer = server.get("/oauth2/usage", &token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit"), "\"second\";r=2;t=0, \"day\";r=20;t=43200");
        let usage = answer.json();
        assert_eq!(usage["client_id"], LIMITED);
        assert_eq!(usage["second"], json!({ "requests_per_second": 2, "burst": 2, "remaining": 2 }));
        assert_eq!((&usage["day"]["quota"], &usage["day"]["used"]), (&json!(20), &json!(0)));
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
async fn each_client_has_limits_of_its_own() {
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

#[tokio::test]
async fn no_limit_locks_out_the_last_administrator() {
    let server = TestServer::start().await;
    let path = format!("/admin/clients/{ADMIN}");
    let token = server.admin_token().await;
    let change = async |body: serde_json::Value| {
        answer(server.request(Method::PATCH, &path).bearer_auth(&token).json(&body)).await
    };
    let lowest = json!({ "daily_quota": 1, "requests_per_second": 0.001, "burst": 1 });
    assert_eq!(change(lowest.clone()).await.status, 200);
    // As many as the rate allows in half an hour, and more than the quota: 20 at once, then 10 in a second.
    for left in (0..20).rev() {
        let shown = server.get(&path, &token).await;
        assert_eq!((shown.status, shown.header("ratelimit-policy")), (200, "\"second\";q=20;w=2"));
        assert!(shown.header("ratelimit").starts_with(&format!("\"second\";r={left};t=")), "{shown:?}");
        assert!(!shown.header("ratelimit").contains("day"), "{shown:?}");
    }
    let throttled = server.get(&path, &token).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, "1"));
    server.clock.advance(Duration::from_millis(200));
    assert_eq!(server.get("/metrics", &token).await.status, 200, "a scraper is not held by the quota either");
    assert_eq!(change(json!({ "daily_quota": null, "requests_per_second": 1_000, "burst": 1_000 })).await.status, 200);

    // After a restart too.
    assert_eq!(change(lowest).await.status, 200);
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    let token = server.admin_token().await;
    let raised = server.request(Method::PATCH, &path).bearer_auth(&token).json(&json!({ "daily_quota": null }));
    assert_eq!(answer(raised).await.status, 200);
}

#[tokio::test]
async fn the_administration_has_a_throttle_of_its_own_and_no_quota() {
    let server = TestServer::start().await;
    let both = json!({ "scope": "read:zones read:admin", "audience": [AUDIENCE, ADMIN_AUDIENCE],
        "requests_per_second": 1, "burst": 2, "daily_quota": 7 });
    let (client_id, secret) = server.register(both).await;
    let admin = server.token_with(&client_id, &secret, ADMIN_AUDIENCE, None).await;
    let public = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    for _ in 0..5 {
        assert_eq!(server.get("/admin/clients", &admin).await.status, 200);
    }
    for left in [1, 0] {
        let zones = server.get(ZONES, &public).await;
        assert_eq!(zones.status, 200, "its burst is whole");
        assert!(zones.header("ratelimit").contains(&format!("\"day\";r={left}")), "{zones:?}");
    }
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(server.get(ZONES, &public).await.json()["violated-policies"], json!(["day"]));
    for _ in 0..3 {
        assert_eq!(server.get("/admin/clients", &admin).await.status, 200);
    }
    let usage = server.get(&format!("/admin/clients/{client_id}/usage"), &server.admin_token().await).await.json();
    assert_eq!((&usage["today"]["used"], &usage["today"]["remaining"]), (&json!(10), &json!(0)));
}

#[tokio::test]
async fn an_administrator_with_tokens_of_one_second_can_give_itself_a_longer_lifetime() {
    let server = TestServer::start().await;
    let path = format!("/admin/clients/{ADMIN}");
    let change = async |ttl: u64| {
        let token = server.token_with(ADMIN, &secret(ADMIN), ADMIN_AUDIENCE, None).await;
        answer(server.request(Method::PATCH, &path).bearer_auth(token).json(&json!({ "token_ttl": ttl }))).await.status
    };
    assert_eq!((change(1).await, change(3_600).await), (200, 200));
}

#[tokio::test]
async fn a_rate_below_one_is_one_request_in_several_seconds() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_second": 0.5, "burst": 1, "daily_quota": null });
    let (client_id, secret) = server.register(limits).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    let first = server.get(ZONES, &token).await;
    assert_eq!((first.status, first.header("ratelimit-policy")), (200, "\"second\";q=1;w=2"));
    assert_eq!(first.header("ratelimit"), "\"second\";r=0;t=2");
    let refused = server.get(ZONES, &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "2"));
    server.clock.advance(Duration::from_millis(1_999));
    assert_eq!(server.get(ZONES, &token).await.header("retry-after"), "1");
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    let admin = server.admin_token().await;
    let shown = server.get(&format!("/admin/clients/{client_id}"), &admin).await.json();
    assert_eq!(shown["requests_per_second"], 0.5);
    let usage = server.get("/oauth2/usage", &token).await.json();
    assert_eq!(usage["second"]["requests_per_second"], 0.5);
    for unfit in [json!(0), json!(0.0001), json!(1_000_000.5), json!("1"), json!(0.333_333_3), json!(-1)] {
        let body = json!({ "client_name": "a", "scope": "read:zones", "requests_per_second": unfit });
        let refused = server.post_json("/admin/clients", &admin, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!("/requests_per_second")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_file_that_declares_the_administrator_does_not_lock_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.toml");
    let declared = format!(
        "[[clients]]\nclient_id = '{ADMIN}'\nclient_name = 'Administrator'\nscope = 'read:admin write:admin'\n\
         audience = '{ADMIN_AUDIENCE}'\nrequests_per_second = 0.001\nburst = 1\ndaily_quota = 1\nstatus = 'suspended'\n"
    );
    std::fs::write(&file, declared).unwrap();
    let server = TestServer::start_with(|config| config.clients_file = Some(file)).await;
    let token = server.admin_token().await;
    for _ in 0..3 {
        let shown = server.get(&format!("/admin/clients/{ADMIN}"), &token).await;
        assert_eq!(
            (shown.status, &shown.json()["daily_quota"], &shown.json()["status"]),
            (200, &json!(1), &json!("active"))
        );
    }
}
