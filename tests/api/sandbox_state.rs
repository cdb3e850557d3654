//! Each kind of state goes back to a snapshot: what is in the store, and what only memory has.

use std::sync::Arc;
use std::time::Duration;

use boomgate::api::sandbox::snapshot::Restored;
use boomgate::store::MemoryStore;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::harness::{AUDIENCE, LIMITED, READER, TestServer, WRITER, ZONES, answer, token_request};
use crate::sandbox_snapshots::{create_zone, reset, restored, saved, servers, zone, zones};

#[tokio::test]
async fn clients_zones_and_revocations_go_back_and_tokens_of_before_work_again() {
    for server in servers().await {
        let (writer, reader, admin) =
            (server.token(WRITER).await, server.token(READER).await, server.admin_token().await);
        let kept = create_zone(&server, &writer, "kept").await;
        let (before_id, _) = server.register(json!({})).await;
        saved(&server, "before").await;

        let new = create_zone(&server, &writer, "new").await;
        assert_eq!(answer(server.request(Method::DELETE, &kept).bearer_auth(&writer)).await.status, 204);
        let (new_id, new_secret) = server.register(json!({})).await;
        let new_token = server.token_with(&new_id, &new_secret, AUDIENCE, None).await;
        let remove = server.request(Method::DELETE, &format!("/admin/clients/{before_id}"));
        assert_eq!(answer(remove.bearer_auth(&admin)).await.status, 204);
        assert_eq!(server.about_token("/oauth2/revoke", READER, &reader).await.status, 200);
        assert_eq!(server.get(ZONES, &reader).await.problem(), "token-revoked");
        let suspend = json!({ "status": "suspended" });
        let suspended = server.request(Method::PATCH, &format!("/admin/clients/{LIMITED}")).bearer_auth(&admin);
        assert_eq!(answer(suspended.json(&suspend)).await.status, 200);

        let after: Restored = restored(&server, "before").await;
        assert_eq!((after.name.as_deref(), after.clients, after.zones), (Some("before"), 5, 67));
        assert_eq!(server.get(&kept, &writer).await.status, 200);
        assert_eq!(server.get(&new, &writer).await.status, 404);
        assert_eq!(server.get(ZONES, &reader).await.status, 200, "it is not revoked");
        assert_eq!(server.get(&format!("/admin/clients/{before_id}"), &admin).await.status, 200);
        assert_eq!(server.get(&format!("/admin/clients/{new_id}"), &admin).await.status, 404);
        assert_eq!(server.get(ZONES, &new_token).await.problem(), "token-invalid", "its client does not exist");
        assert_eq!(server.get(&format!("/admin/clients/{LIMITED}"), &admin).await.json()["status"], "active");
        // And on from there.
        assert_eq!(server.about_token("/oauth2/revoke", READER, &reader).await.status, 200);
        assert_eq!(server.get(ZONES, &reader).await.problem(), "token-revoked");
        create_zone(&server, &writer, "new").await;
        restored(&server, "before").await;
        assert_eq!(zones(&server, &reader).await, 1);
    }
}

#[tokio::test]
async fn the_audit_log_goes_back_whole_and_goes_on() {
    for server in servers().await {
        let admin = server.admin_token().await;
        let entries = async || server.get("/admin/audit?limit=100", &admin).await.json()["data"].clone();
        server.register(json!({})).await;
        let before = entries().await;
        saved(&server, "before").await;
        server.register(json!({})).await;
        assert_ne!(entries().await, before);
        restored(&server, "before").await;
        assert_eq!(entries().await, before);
        server.register(json!({})).await;
        let after = entries().await;
        assert_eq!(after[0]["number"], json!(before[0]["number"].as_u64().unwrap() + 1));
        assert_eq!(after[0]["previous"], before[0]["digest"], "the chain has no break");
    }
}

#[tokio::test]
async fn an_idempotency_key_goes_back_with_the_zone_that_it_created() {
    for server in servers().await {
        let writer = server.token(WRITER).await;
        let send = async |key: &str, number: &str| {
            let request = server.request(Method::POST, ZONES).bearer_auth(&writer).header("Idempotency-Key", key);
            answer(request.json(&zone(number))).await
        };
        let first = send("first", "1").await;
        saved(&server, "before").await;
        assert_eq!(send("second", "2").await.status, 201);
        restored(&server, "before").await;
        assert_eq!(send("first", "1").await.header("location"), first.header("location"), "it is remembered");
        assert_eq!(send("second", "3").await.status, 201, "it was never sent");
        assert_eq!(zones(&server, &writer).await, 2);
    }
}

#[tokio::test]
async fn a_quota_is_exact_after_a_restore_in_the_middle_of_requests() {
    for server in servers().await {
        let limits = json!({ "requests_per_second": 10_000, "burst": 10_000, "daily_quota": 120 });
        let (client_id, secret) = server.register(limits).await;
        let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
        let send = async |count: usize| {
            let answers = join_all((0..count).map(|_| server.get(ZONES, &token))).await;
            answers.iter().filter(|answer| answer.status == 200).count()
        };
        assert_eq!(send(40).await, 40);
        saved(&server, "used-40").await;
        for _ in 0..2 {
            assert_eq!(send(90).await, 80);
            restored(&server, "used-40").await;
        }
        let usage = server.get("/oauth2/usage", &token).await.json();
        assert_eq!((&usage["day"]["used"], &usage["day"]["remaining"]), (&json!(40), &json!(80)), "{usage}");
        // Requests that meet the restore are before it or after it.
        let (_, state) = tokio::join!(send(30), restored(&server, "used-40"));
        assert_eq!(state.name.as_deref(), Some("used-40"));
        let used = server.get("/oauth2/usage", &token).await.json()["day"]["used"].as_u64().unwrap();
        assert!((40..=70).contains(&used), "{used}");
        assert_eq!(u64::try_from(send(90).await).unwrap(), 120 - used);
        restored(&server, "used-40").await;
        assert_eq!(send(81).await, 80);
    }
}

#[tokio::test]
async fn throttles_of_requests_and_of_token_requests_go_back() {
    for store in [None, Some(Arc::new(MemoryStore::new()))] {
        let change = |config: &mut boomgate::config::Config| {
            config.token_endpoint.client_requests_per_second = 1;
            config.token_endpoint.client_burst = 3;
        };
        let server = match store {
            None => TestServer::start_with(change).await,
            Some(store) => TestServer::start_over_with(store, change).await,
        };
        let token = server.token(LIMITED).await;
        let ask = async || server.token_request("application/json", token_request(LIMITED).to_string()).await.status;
        let call = async || server.get(ZONES, &token).await.status;
        assert_eq!([call().await, ask().await], [200, 200], "one of two is left, and one of three");
        saved(&server, "before").await;
        assert_eq!([call().await, call().await, ask().await, ask().await], [200, 429, 200, 429]);
        server.clock.advance(Duration::from_secs(60));
        restored(&server, "before").await;
        assert_eq!(
            [call().await, call().await, ask().await, ask().await],
            [200, 429, 200, 429],
            "and not a whole burst"
        );
        server.clock.advance(Duration::from_millis(500));
        assert_eq!([call().await, call().await], [200, 429]);
    }
}

#[tokio::test]
async fn failed_authentications_go_back() {
    for server in servers().await {
        let fail = async || {
            let mut wrong = token_request(READER);
            wrong["client_secret"] = json!("wrong");
            server.token_request("application/json", wrong.to_string()).await.status
        };
        saved(&server, "before").await;
        while fail().await == 401 {}
        restored(&server, "before").await;
        assert_eq!(fail().await, 401);
    }
}

#[tokio::test]
async fn the_clock_goes_back_and_what_it_made_due_is_undone() {
    for server in servers().await {
        let now = async || server.control(Method::GET, "/sandbox/clock", None).await.json();
        let advance = async |by: &str| {
            let body = json!({ "by": by });
            assert_eq!(server.control(Method::POST, "/sandbox/clock/advance", Some(&body)).await.status, 200);
        };
        let (reader, limited) = (server.token(READER).await, server.token(LIMITED).await);
        let jwk_set = async || answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
        let start = jwk_set().await;
        assert_eq!(server.get(ZONES, &limited).await.status, 200);
        advance("10m").await;
        saved(&server, "before").await;
        let before = now().await;
        assert_eq!(before["shifted_by_s"], 600);
        server.clock.advance(Duration::from_secs(30));
        advance("100d").await;
        assert_eq!(server.get(ZONES, &reader).await.status, 401);
        assert_ne!(jwk_set().await, start, "a key was rotated");
        let state = restored(&server, "before").await;
        let after = now().await;
        assert_eq!(
            (&after["now"], json!(state.now)),
            (&before["now"], before["now"].clone()),
            "30 s of real time later"
        );
        assert_eq!(after["shifted_by_s"], 570);
        assert_eq!((server.get(ZONES, &reader).await.status, jwk_set().await), (200, start.clone()));
        assert_eq!(server.get("/oauth2/usage", &limited).await.json()["day"]["used"], 1);

        assert_eq!(server.control(Method::POST, "/sandbox/clock/freeze", None).await.status, 200);
        saved(&server, "frozen").await;
        advance("1d").await;
        assert_eq!(server.control(Method::POST, "/sandbox/clock/resume", None).await.status, 200);
        restored(&server, "frozen").await;
        assert_eq!((&now().await["frozen"], &now().await["now"]), (&json!(true), &before["now"]));
        let state = reset(&server).await;
        let real = now().await;
        assert_eq!(
            (&real["now"], &real["shifted_by_s"], &real["frozen"]),
            (&real["real_now"], &json!(0), &json!(false))
        );
        assert_eq!(json!(state.now), real["real_now"]);
        assert_eq!(jwk_set().await, start);
        assert_eq!(server.get(ZONES, &server.token(READER).await).await.status, 200);
    }
}

#[tokio::test]
async fn the_clock_that_a_restore_set_survives_a_restart() {
    let server = TestServer::start().await;
    let clock = server.clock.clone();
    let body = json!({ "by": "1h" });
    assert_eq!(server.control(Method::POST, "/sandbox/clock/advance", Some(&body)).await.status, 200);
    saved(&server, "an-hour").await;
    clock.advance(Duration::from_secs(60));
    restored(&server, "an-hour").await;
    let folder = server.stop().await.unwrap();
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    let shown = server.control(Method::GET, "/sandbox/clock", None).await.json();
    assert_eq!(shown["shifted_by_s"], 3_540);
}

#[tokio::test]
async fn rules_for_faults_go_back_with_their_numbers() {
    let server = TestServer::start().await;
    let faults = async || server.control(Method::GET, "/sandbox/faults", None).await.json()["data"].clone();
    let rule = json!({ "name": "a", "for": "10m", "times": 3, "effect": { "problem": "unavailable" } });
    assert_eq!(server.control(Method::POST, "/sandbox/faults", Some(&rule)).await.status, 201);
    server.clock.advance(Duration::from_secs(60));
    saved(&server, "before").await;
    let before = faults().await;
    assert_eq!(before[0]["ends_in"], "9m", "{before}");
    server.clock.advance(Duration::from_secs(3_600));
    assert_eq!(server.control(Method::DELETE, "/sandbox/faults/a", None).await.status, 204);
    let other = json!({ "name": "b", "effect": { "problem": "unavailable" } });
    assert_eq!(server.control(Method::POST, "/sandbox/faults", Some(&other)).await.status, 201);
    restored(&server, "before").await;
    assert_eq!(faults().await, before);
    reset(&server).await;
    assert_eq!(faults().await, json!([]));
}

#[tokio::test]
async fn the_journal_says_what_came_after_a_restore_and_a_reset_empties_it() {
    let server = TestServer::start().await;
    let count = async |since: u64| {
        let body = json!({ "since": since });
        server.control(Method::POST, "/sandbox/requests/count", Some(&body)).await.json()["count"].clone()
    };
    let reader = server.token(READER).await;
    saved(&server, "before").await;
    server.get(ZONES, &reader).await;
    let state = restored(&server, "before").await;
    assert_eq!((count(0).await, count(state.last).await), (json!(2), json!(0)));
    server.get(ZONES, &reader).await;
    assert_eq!((count(0).await, count(state.last).await), (json!(3), json!(1)));
    let state = reset(&server).await;
    assert_eq!((state.last, count(0).await), (3, json!(0)));
    assert_eq!(server.get(ZONES, &reader).await.problem(), "token-revoked");
    assert_eq!(count(state.last).await, 1);
}
