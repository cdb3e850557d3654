//! What clients do now, as an operator sees it.

use boomgate::api::activity::{ActivityPage, BUCKETS, ClientActivity, ClientRequests, RequestCounts};
use boomgate::time::Clock as _;
use reqwest::Method;
use serde_json::json;

use crate::harness::{ADMIN, LIMITED, READER, TestServer, WRITER, ZONES};

async fn page(server: &TestServer, query: &str) -> ActivityPage {
    let answer = server.get(&format!("/admin/activity{query}"), &server.admin_token().await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read()
}

async fn activity(server: &TestServer, client_id: &str) -> ClientActivity {
    page(server, &format!("?q={client_id}")).await.data.remove(0)
}

async fn requests(server: &TestServer, client_id: &str) -> ClientRequests {
    let path = format!("/admin/clients/{client_id}/activity");
    let answer = server.get(&path, &server.admin_token().await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read()
}

/// Of all buckets, whether or not one was closed meanwhile.
fn sum(requests: &ClientRequests) -> RequestCounts {
    let buckets = requests.buckets.as_ref().unwrap();
    assert_eq!(buckets.len(), BUCKETS);
    let all = || buckets.iter().chain([&requests.current]);
    RequestCounts { admitted: all().map(|one| one.admitted).sum(), refused: all().map(|one| one.refused).sum() }
}

#[tokio::test]
async fn an_operator_sees_what_a_client_did_in_the_last_minute_and_where_it_stands() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(server.get(ZONES, &token).await.status);
    }
    statuses.push(server.post_json(ZONES, &token, &json!({})).await.status);
    assert_eq!(statuses, [200, 200, 429, 429, 429], "it may send two at once");
    let shown = activity(&server, LIMITED).await;
    assert_eq!(shown.last_minute, RequestCounts { admitted: 2, refused: 3 });
    assert_eq!((shown.throttle.remaining, shown.throttle.burst), (0, 2));
    let today = shown.today.unwrap();
    assert_eq!((today.used, today.quota), (2, Some(20)));
    assert_eq!(shown.last_seen, Some(server.clock.now()));
    let requests = requests(&server, LIMITED).await;
    assert_eq!((sum(&requests), requests.bucket_s), (shown.last_minute, 5));
    assert_eq!((requests.now, requests.last_seen), (server.clock.now(), shown.last_seen));
}

#[tokio::test]
async fn a_request_whose_scope_is_refused_is_no_admission_although_the_quota_counts_it() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    assert_eq!(server.post_json(ZONES, &token, &json!({})).await.status, 403);
    let shown = activity(&server, READER).await;
    assert_eq!(shown.last_minute, RequestCounts { admitted: 1, refused: 1 });
    assert_eq!(shown.today.unwrap().used, 2);
}

#[tokio::test]
async fn a_client_that_did_nothing_has_its_whole_limits_and_was_never_seen() {
    let server = TestServer::start().await;
    let shown = activity(&server, WRITER).await;
    assert_eq!((shown.last_seen, shown.last_minute), (None, RequestCounts::default()));
    assert_eq!(shown.throttle.remaining, shown.throttle.burst);
    assert_eq!(shown.today.unwrap().used, 0);
    assert_eq!(sum(&requests(&server, WRITER).await), RequestCounts::default());
    // To ask for a token is to be seen.
    let _token = server.token(WRITER).await;
    let shown = activity(&server, WRITER).await;
    assert_eq!((shown.last_seen, shown.last_minute), (Some(server.clock.now()), RequestCounts::default()));
}

#[tokio::test]
async fn units_that_no_request_used_are_no_requests() {
    let server = TestServer::start().await;
    let token = server.token(LIMITED).await;
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    let limited = json!({ "client": LIMITED });
    let trouble = server.control(Method::POST, "/sandbox/troubles/quota-exhausted", Some(&limited)).await;
    assert_eq!(trouble.status, 200, "{trouble:?}");
    let shown = activity(&server, LIMITED).await;
    assert_eq!((shown.last_minute.admitted, shown.today.unwrap().used), (1, 20));
    assert_eq!(server.control(Method::DELETE, "/sandbox/troubles", None).await.status, 200);
    let shown = activity(&server, LIMITED).await;
    assert_eq!((shown.last_minute.admitted, shown.today.unwrap().used), (1, 1));
}

#[tokio::test]
async fn after_a_restart_the_use_of_a_secret_is_known_and_no_request() {
    let server = TestServer::start().await;
    assert_eq!(server.get(ZONES, &server.token(READER).await).await.status, 200);
    let (seen, clock) = (server.clock.now(), server.clock.clone());
    let folder = server.stop().await.unwrap();
    clock.advance(std::time::Duration::from_secs(60));
    let restarted = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    let shown = activity(&restarted, READER).await;
    assert_eq!((shown.last_seen, shown.last_minute), (Some(seen), RequestCounts::default()));
    assert_eq!(shown.today.unwrap().used, 1, "from the store");
    assert_eq!(page(&restarted, "").await.since, clock.now());
    // Its first request is one request, although the store has more of it.
    assert_eq!(restarted.get(ZONES, &restarted.token(READER).await).await.status, 200);
    let shown = activity(&restarted, READER).await;
    assert_eq!((shown.last_minute.admitted, shown.today.unwrap().used), (1, 2));
}

#[tokio::test]
async fn a_sandbox_that_goes_back_has_seen_nobody_since() {
    let server = TestServer::start().await;
    assert_eq!(server.get(ZONES, &server.token(READER).await).await.status, 200);
    assert_eq!(server.control(Method::POST, "/sandbox/reset", None).await.status, 200);
    let shown = activity(&server, READER).await;
    assert_eq!((shown.last_seen, shown.last_minute), (None, RequestCounts::default()));
}

#[tokio::test]
async fn the_list_has_pages_and_a_search_and_refuses_what_it_does_not_take() {
    let server = TestServer::start().await;
    let all = page(&server, "?limit=1000").await;
    let ids = |page: &ActivityPage| page.data.iter().map(|client| client.client_id.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (ids(&all), &all.next_cursor),
        (vec![ADMIN.into(), LIMITED.into(), READER.into(), WRITER.into()], &None)
    );
    let first = page(&server, "?limit=3&q=DEMO").await;
    let cursor = first.next_cursor.clone().unwrap();
    let second = page(&server, &format!("?limit=3&q=DEMO&cursor={cursor}")).await;
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    let token = server.admin_token().await;
    for (query, problem) in [
        ("?limit=1001", "malformed-query"),
        ("?limit=0", "malformed-query"),
        ("?days=1", "malformed-query"),
        ("?cursor=x", "invalid-cursor"),
    ] {
        let refused = server.get(&format!("/admin/activity{query}"), &token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, problem), "{query}");
    }
    let unknown = server.get("/admin/clients/nobody/activity", &token).await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
}
