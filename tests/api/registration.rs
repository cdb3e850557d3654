//! `POST /admin/clients`, list and show: DESIGN 2.5.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, TestServer, answer, audit_entries};

#[tokio::test]
async fn a_client_is_registered_with_its_limits_and_shows_its_secret_once() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body = json!({ "client_name": "Curbside GmbH", "scope": "write:zones read:zones", "audience": [AUDIENCE],
        "token_ttl": 7_200, "requests_per_second": 5, "burst": 9, "daily_quota": 1_000 });
    let answer = server.post_json("/admin/clients", &admin, &body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let told = answer.json();
    let (client_id, secret) = (told["client_id"].as_str().unwrap(), told["client_secret"].as_str().unwrap());
    assert_eq!(answer.header("location"), format!("/admin/clients/{client_id}"));
    assert!(secret.starts_with("bg_secret_") && secret.len() == 59);
    assert_eq!((&told["status"], &told["scope"]), (&json!("active"), &json!("read:zones write:zones")));

    let shown = server.get(answer.header("location"), &admin).await;
    let mut expected = told.clone();
    for only_now in ["client_secret", "client_id_issued_at", "client_secret_expires_at"] {
        assert!(expected.as_object_mut().unwrap().remove(only_now).is_some(), "{only_now}");
    }
    assert_eq!((shown.status, shown.json()), (200, expected));
    assert!(!String::from_utf8_lossy(&shown.body).contains("sha256"));

    let token = server.token_with(client_id, secret, AUDIENCE, None).await;
    let zones = server.get("/parking/zones", &token).await;
    assert_eq!(zones.header("ratelimit-policy"), "\"second\";q=9;w=2, \"day\";q=1000;w=86400");
    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let registered: Vec<_> = entries.iter().filter(|entry| entry["subject"] == *client_id).collect();
    assert_eq!(registered.len(), 1);
    assert_eq!((&registered[0]["action"], &registered[0]["actor"]), (&json!("client_registered"), &json!(ADMIN)));
    assert_eq!(registered[0]["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn every_fault_of_a_registration_is_named_and_nothing_changes() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let before = server.get("/admin/clients", &admin).await.json();
    for (body, pointers) in [
        (json!({}), vec!["/client_name", "/scope"]),
        (json!({ "client_name": "a", "scope": "read:everything" }), vec!["/scope"]),
        (json!({ "client_name": "a", "scope": "read:zones", "audience": ["elsewhere"] }), vec!["/audience"]),
        (json!({ "client_name": "a", "scope": "read:zones", "burst": 0 }), vec!["/burst"]),
        (
            json!({ "client_name": "a", "scope": "read:zones", "daily_quota": 1_000_000_000_000_u64 }),
            vec!["/daily_quota"],
        ),
        (json!({ "client_name": "a", "scope": "read:zones", "token_ttl": 86_401 }), vec!["/token_ttl"]),
        (json!({ "client_name": "a\u{7}", "scope": "read:zones" }), vec!["/client_name"]),
        (json!({ "client_name": "x".repeat(10_000), "scope": "read:zones" }), vec!["/client_name"]),
        (json!({ "client_name": "a", "scope": "read:zones", "client_secret": "mine" }), vec!["/client_secret"]),
    ] {
        let answer = server.post_json("/admin/clients", &admin, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-fields"), "{body:.80}");
        let problem = answer.json();
        let named: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
        assert_eq!(named, pointers, "{body:.80}");
    }
    let send = |content_type: &str, body: &str| {
        let request = server.request(Method::POST, "/admin/clients").bearer_auth(&admin);
        answer(request.header(CONTENT_TYPE, content_type).body(body.to_owned()))
    };
    for (content_type, body, kind) in [
        ("application/json", "{", "malformed-body"),
        ("application/json", "[1]", "malformed-body"),
        (
            "application/json",
            "{\"client_name\":\"a\",\"scope\":\"read:zones\",\"scope\":\"read:admin\"}",
            "malformed-body",
        ),
        ("text/plain", "{}", "unsupported-media-type"),
        ("application/json", &"x".repeat(70_000), "payload-too-large"),
    ] {
        assert_eq!(send(content_type, body).await.problem(), kind, "{body:.20}");
    }
    let request = server.request(Method::POST, "/admin/clients").bearer_auth(&admin);
    let coded = request.header("Content-Encoding", "gzip").json(&json!({ "client_name": "a", "scope": "read:zones" }));
    assert_eq!(answer(coded).await.problem(), "unsupported-media-type");
    assert_eq!(server.get("/admin/clients", &admin).await.json(), before);
}

#[tokio::test]
async fn the_list_pages_through_every_client_once() {
    let server = TestServer::start().await;
    for number in 0..7 {
        server.register(json!({ "client_name": format!("Partner {number}") })).await;
    }
    let admin = server.admin_token().await;
    let (mut seen, mut cursor): (Vec<Value>, _) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/admin/clients?limit=3{cursor}"), &admin).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|client| client["client_id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut distinct = seen.clone();
    distinct.sort_by_key(Value::to_string);
    distinct.dedup();
    assert_eq!((seen.len(), distinct.len()), (11, 11));
    for (query, kind) in [
        ("limit=0", "malformed-query"),
        ("limit=101", "malformed-query"),
        ("limit=x", "malformed-query"),
        ("unknown=1", "malformed-query"),
        ("cursor=!", "invalid-cursor"),
        ("cursor=AAAA", "invalid-cursor"),
    ] {
        assert_eq!(server.get(&format!("/admin/clients?{query}"), &admin).await.problem(), kind, "{query}");
    }
    assert_eq!(server.get("/admin/clients/nobody", &admin).await.problem(), "not-found");
}

#[tokio::test]
async fn reading_and_writing_are_rights_of_their_own() {
    let server = TestServer::start().await;
    let reads = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("read:admin")).await;
    assert_eq!(server.get("/admin/clients", &reads).await.status, 200);
    let body = json!({ "client_name": "a", "scope": "read:zones" });
    let refused = server.post_json("/admin/clients", &reads, &body).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient-scope"));
    assert!(refused.header("www-authenticate").ends_with("scope=\"write:admin\""));
}
