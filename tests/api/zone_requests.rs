//! How a request for a zone is read: preconditions, media type, the id in the path; and a store that does not answer.

use std::sync::Arc;

use boomgate::store::{MemoryStore, Store as _};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::harness::{AUDIENCE, Answer, TestServer, ZONES, answer};
use crate::zones::zone;

/// A client that may read and write zones, with limits that it does not reach.
struct Caller<'s> {
    server: &'s TestServer,
    token: String,
}

impl<'s> Caller<'s> {
    async fn of(server: &'s TestServer) -> Self {
        Self { server, token: server.token_with_room().await }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = self.server.request(method.parse().unwrap(), path).body(body.to_owned());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.bearer_auth(&self.token)).await
    }

    /// Creates a zone; returns its path and its `ETag`.
    async fn create(&self, number: &str) -> (String, String) {
        let created = self.send("POST", ZONES, &[], &zone(number).to_string()).await;
        assert_eq!(created.status, 201, "{created:?}");
        (created.header("location").to_owned(), created.header("etag").to_owned())
    }
}

#[tokio::test]
async fn preconditions_are_answered_304_and_412() {
    let server = TestServer::start().await;
    let caller = Caller::of(&server).await;
    let (path, etag) = caller.create("1").await;
    let weak = format!("W/{etag}");
    for (method, name, value, status) in [
        ("GET", "if-none-match", etag.as_str(), 304),
        ("HEAD", "if-none-match", &etag, 304),
        ("GET", "if-none-match", &weak, 304),
        ("GET", "if-none-match", "*", 304),
        ("GET", "if-none-match", "\"other\"", 200),
        ("GET", "if-none-match", "unquoted", 200),
        ("GET", "if-match", &etag, 200),
        ("GET", "if-match", "\"other\"", 412),
        ("PUT", "if-none-match", "*", 412),
        ("PUT", "if-none-match", &etag, 412),
        ("PUT", "if-none-match", "\"other\"", 200),
        ("PUT", "if-match", "*", 200),
        ("PUT", "if-match", &weak, 412),
        ("PUT", "if-match", "unquoted", 412),
        ("PATCH", "if-match", "", 412),
        ("DELETE", "if-match", "\"other\"", 412),
    ] {
        let body = if method == "PUT" { zone("1").to_string() } else { "{}".to_owned() };
        let answer = caller.send(method, &path, &[(name, value)], &body).await;
        assert_eq!(answer.status, status, "{method} {name}: {value}");
        if status == 304 {
            assert_eq!((answer.body.len(), answer.header("etag")), (0, etag.as_str()));
        }
    }
    // A client can send back what a GET gave, read-only members and all.
    let shown = caller.send("GET", &path, &[], "").await;
    let body = String::from_utf8(shown.body.clone()).unwrap();
    let back = caller.send("PUT", &path, &[("if-match", shown.header("etag"))], &body).await;
    assert_eq!((back.status, back.header("etag")), (200, shown.header("etag")));
    // Without a zone, 404 comes before any precondition (RFC 9110 section 13.2.1).
    let nil = format!("{ZONES}/00000000-0000-0000-0000-000000000000");
    assert_eq!(caller.send("PUT", &nil, &[("if-match", "*")], &zone("2").to_string()).await.status, 404);
}

#[tokio::test]
async fn a_body_has_a_media_type_of_json_or_none_and_is_not_compressed() {
    let server = TestServer::start().await;
    let caller = Caller::of(&server).await;
    let (path, _) = caller.create("0").await;
    let new = zone("1").to_string();
    let rename = "{\"name\": \"Pier\"}";
    for (method, content_type, body, status) in [
        ("POST", None, new.as_str(), 201),
        ("POST", Some("application/json"), &new, 201),
        ("POST", Some("Application/JSON;charset=utf-8"), &new, 201),
        ("POST", Some("application/vnd.zone+json"), &new, 201),
        ("POST", Some("application/x-www-form-urlencoded"), &new, 201),
        ("POST", Some("application/x-www-form-urlencoded"), "number=1", 400),
        ("POST", Some("text/plain"), &new, 415),
        ("PATCH", Some("application/merge-patch+json"), rename, 200),
        ("PATCH", Some("application/json"), rename, 200),
        ("PATCH", None, rename, 200),
        ("PATCH", Some("application/json-patch+json"), "[]", 415),
    ] {
        let headers: Vec<_> = content_type.iter().map(|value| ("content-type", *value)).collect();
        let path = if method == "POST" { ZONES } else { &path };
        let answer = caller.send(method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {content_type:?} {body:.12}");
        match (status, method) {
            (201, _) => _ = caller.send("DELETE", answer.header("location"), &[], "").await,
            (415, "POST") => assert_eq!(answer.header("accept"), "application/json"),
            (415, _) => assert!(answer.header("accept-patch").starts_with("application/merge-patch+json")),
            _ => (),
        }
    }
    let compressed = caller.send("POST", ZONES, &[("content-encoding", "gzip")], &new).await;
    assert_eq!((compressed.status, compressed.header("accept-encoding")), (415, "identity"));
    let two_types = [("content-type", "application/json"), ("content-type", "text/plain")];
    assert_eq!(caller.send("POST", ZONES, &two_types, &new).await.status, 415);
}

#[tokio::test]
async fn a_path_has_one_hyphenated_id_in_letters_of_either_case() {
    let server = TestServer::start().await;
    let caller = Caller::of(&server).await;
    let (path, _) = caller.create("1").await;
    let id = path.rsplit('/').next().unwrap();
    // RFC 3986 section 6.2.2.2: these are the same address.
    let encoded = [path.replace('-', "%2D"), path.replace("zones", "%7aones")];
    for same in [format!("{ZONES}/{}", id.to_uppercase()), format!("/shared/zones/{id}"), "/parking/zone%73".to_owned()]
        .into_iter()
        .chain(encoded)
    {
        assert_eq!(caller.send("GET", &same, &[], "").await.status, 200, "{same}");
    }
    let unknown = [id.replace('-', ""), format!("%7B{id}%7D"), format!("urn:uuid:{id}"), "9".repeat(4_000)];
    for id in ["", "zones", "x-zones"].into_iter().chain(unknown.iter().map(String::as_str)) {
        assert_eq!(caller.send("GET", &format!("{ZONES}/{id}"), &[], "").await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn a_number_that_another_zone_has_is_409_and_the_detail_names_that_zone() {
    let server = TestServer::start().await;
    let caller = Caller::of(&server).await;
    let (path, _) = caller.create("1").await;
    let (other, _) = caller.create("2").await;
    let same = zone("1").to_string();
    for (method, path_of_request, body) in
        [("POST", ZONES, same.as_str()), ("PUT", &other, &same), ("PATCH", &other, "{\"number\":\"1\"}")]
    {
        let refused = caller.send(method, path_of_request, &[], body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"), "{method}");
        let id = path.rsplit('/').next().unwrap();
        assert!(refused.json()["detail"].as_str().unwrap().contains(id), "{refused:?}");
    }
}

#[tokio::test]
async fn the_detail_has_the_first_fault_of_a_body_and_errors_have_all() {
    let server = TestServer::start().await;
    let caller = Caller::of(&server).await;
    let refused = caller.send("POST", ZONES, &[], r#"{"number": 1, "nmae": "x"}"#).await.json();
    assert_eq!(refused["errors"][0], json!({ "pointer": "/nmae", "detail": "is not a member: did you mean name?" }));
    assert_eq!(refused["detail"], "/nmae is not a member: did you mean name? And 5 more: see errors.");
}

#[tokio::test]
async fn without_the_store_changes_and_new_quota_blocks_are_503_and_reads_go_on() {
    let store = Arc::new(MemoryStore::new());
    let server = TestServer::start_over_with(store.clone(), |config| {
        config.ops_listen = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let caller = Caller::of(&server).await;
    let (path, _) = caller.create("1").await;
    let (client_id, secret) = server.register(json!({ "daily_quota": 100 })).await;
    let counted = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    store.close().await.unwrap();

    let refused = caller.send("POST", ZONES, &[], &zone("2").to_string()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.problem(), "unavailable");
    assert_eq!(caller.send("GET", &path, &[], "").await.status, 200);

    let without_a_block = answer(server.request(Method::GET, &path).header(AUTHORIZATION, format!("Bearer {counted}")));
    assert_eq!(without_a_block.await.status, 503);
    let metrics = reqwest::get(format!("http://{}/metrics", server.ops.unwrap())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("boomgate_requests_denied_total{reason=\"store_unavailable\"} 1\n"), "{metrics}");
}
