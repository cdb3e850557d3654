//! `POST /admin/clients`, list and show: docs/architecture.md#registration-and-administration.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, READER, TestServer, answer, audit_entries};

/// Secrets that only this test uses.
const OWN: &str = "correct-horse-battery-staple-4711";
const ANOTHER: &str = "another-horse-battery-staple-0815";

#[tokio::test]
async fn a_client_is_registered_with_its_limits_and_its_secret_is_shown_once() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body = json!({ "client_name": "Curbside GmbH", "scope": "write:zones read:zones", "audience": [AUDIENCE],
        "token_ttl": 7_200, "requests_per_second": 5, "burst": 9, "daily_quota": 1_000 });
    let answer = server.post_json("/admin/clients", &admin, &body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let client = answer.json();
    let (client_id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    assert_eq!(answer.header("location"), format!("/admin/clients/{client_id}"));
    assert!(secret.starts_with("bg_secret_") && secret.len() == 59);
    assert_eq!((&client["status"], &client["scope"]), (&json!("active"), &json!("read:zones write:zones")));

    let shown = server.get(answer.header("location"), &admin).await;
    let mut expected = client.clone();
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
        (json!({ "client_name": "\u{202e}evil", "scope": "read:zones" }), vec!["/client_name"]),
        (json!({ "client_name": "  ", "scope": "read:zones" }), vec!["/client_name"]),
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
async fn reading_and_writing_are_separate_rights() {
    let server = TestServer::start().await;
    let reads = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("read:admin")).await;
    assert_eq!(server.get("/admin/clients", &reads).await.status, 200);
    let body = json!({ "client_name": "a", "scope": "read:zones" });
    let refused = server.post_json("/admin/clients", &reads, &body).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient-scope"));
    assert!(refused.header("www-authenticate").ends_with("scope=\"write:admin\""));
}

#[tokio::test]
async fn the_caller_may_choose_the_identifier_and_the_secret_of_a_client() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body =
        json!({ "client_id": "curbside", "client_secret": OWN, "client_name": "Curbside", "scope": "read:zones" });
    let answer = server.post_json("/admin/clients", &admin, &body).await;
    assert_eq!((answer.status, answer.header("location")), (201, "/admin/clients/curbside"), "{answer:?}");
    let client = answer.json();
    assert_eq!(client.get("client_secret"), None, "the caller has it");
    server.token_with("curbside", OWN, AUDIENCE, None).await;

    let taken = server.post_json("/admin/clients", &admin, &body).await;
    assert_eq!((taken.status, taken.problem().as_str()), (409, "conflict"));
    let demo = json!({ "client_id": ADMIN, "client_name": "Me", "scope": "write:admin", "audience": ADMIN_AUDIENCE });
    assert_eq!(server.post_json("/admin/clients", &admin, &demo).await.status, 409, "no client replaces another");
    for (member, value) in
        [("client_id", json!("a/b")), ("client_id", Value::Null), ("client_secret", json!("hunter2"))]
    {
        let mut wrong = json!({ "client_name": "Curbside", "scope": "read:zones" });
        wrong[member] = value;
        let refused = server.post_json("/admin/clients", &admin, &wrong).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{wrong}");
        assert!(!String::from_utf8_lossy(&refused.body).contains("hunter2"));
        assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{member}"));
    }
}

#[tokio::test]
async fn fingerprints_show_equal_secrets_and_are_not_stored() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body = |client_id: &str, secret: &str| json!({ "client_id": client_id, "client_secret": secret, "client_name": client_id, "scope": "read:zones" });
    let mut fingerprints = Vec::new();
    for (client_id, secret) in [("one", OWN), ("two", OWN), ("three", ANOTHER)] {
        let client = server.post_json("/admin/clients", &admin, &body(client_id, secret)).await.json();
        fingerprints.push(client["secrets"][0]["fingerprint"].as_str().unwrap().to_owned());
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
    assert_ne!(fingerprints[0], fingerprints[2]);
    assert_eq!(fingerprints[0].len(), 16);
    let elsewhere = TestServer::start().await;
    let admin = elsewhere.admin_token().await;
    let client = elsewhere.post_json("/admin/clients", &admin, &body("one", OWN)).await.json();
    assert_ne!(
        client["secrets"][0]["fingerprint"], fingerprints[0],
        "without the installation's key no guess is tested"
    );

    // Nor can a guess be tested with the store, without the key.
    let digest = |text: &[u8]| ring::digest::digest(&ring::digest::SHA256, text).as_ref().to_vec();
    let plain = digest(OWN.as_bytes());
    let once_more = digest(&[b"boomgate secret fingerprint\0", plain.as_slice()].concat());
    let folder = server.stop().await.unwrap();
    let store = boomgate::store::SledStore::open(&folder.path().join("data/db")).unwrap();
    let records = boomgate::store::Store::scan(&store, b"", None, 1_000).await.unwrap();
    let text: String =
        records.iter().map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    assert!(text.contains(&fingerprints[0]), "the records are there");
    for guess in [URL_SAFE_NO_PAD.encode(&plain), hex(&plain), hex(&once_more[..8]), OWN.to_owned()] {
        assert!(!text.contains(&guess), "{guess}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn to_check_secrets_needs_the_right_to_change_them() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body =
        json!({ "client_id": "curbside", "client_secret": OWN, "client_name": "Curbside", "scope": "read:zones" });
    assert_eq!(server.post_json("/admin/clients", &admin, &body).await.status, 201);
    let check = async |token: &str, secrets: Value| {
        server.post_json("/admin/secrets/check", token, &json!({ "secrets": secrets })).await
    };
    let asked = |client_id: &str, secret: &str| json!({ "client_id": client_id, "client_secret": secret });
    let standings = async || {
        let secrets =
            json!([asked("curbside", OWN), asked("curbside", ANOTHER), asked("nobody", OWN), asked(READER, OWN)]);
        let answer = check(&admin, secrets).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        let body = answer.json();
        let standings = body["data"].as_array().unwrap().iter();
        standings.map(|one| one["standing"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(standings().await, ["current", "unknown", "unknown", "unknown"]);
    let rotation = json!({ "client_secret": ANOTHER, "previous_expires_in": 60 });
    assert_eq!(server.post_json("/admin/clients/curbside/secrets", &admin, &rotation).await.status, 201);
    assert_eq!(standings().await, ["former", "current", "unknown", "unknown"]);
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(standings().await, ["former", "current", "unknown", "unknown"]);

    let reads = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("read:admin")).await;
    assert_eq!(check(&reads, json!([asked("curbside", OWN)])).await.problem(), "insufficient-scope");
    assert_eq!(check(&admin, json!([])).await.json()["data"], json!([]));
    let many = vec![asked("a", "b"); 101];
    for wrong in [json!(many), json!({}), json!([1]), json!([{ "client_id": "curbside" }]), json!(null)] {
        let refused = check(&admin, wrong).await;
        assert_eq!((refused.status, refused.json()["errors"][0]["pointer"].as_str()), (422, Some("/secrets")));
    }
}

#[tokio::test]
async fn a_chosen_secret_that_is_easy_to_guess_is_refused_and_the_detail_has_the_rule() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    for secret in ["password".repeat(4), "curbside".repeat(4), "Curbside-2024!".repeat(3), "1234567890".repeat(4)] {
        let body = json!({ "client_id": "curbside", "client_secret": secret, "client_name": "Curbside",
            "scope": "read:zones" });
        for (path, body) in
            [("/admin/clients", body), ("/admin/clients/demo-reader/secrets", json!({ "client_secret": secret }))]
        {
            let refused = server.post_json(path, &admin, &body).await;
            assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{path} {secret}");
            let fault = refused.json()["errors"][0].clone();
            assert_eq!(fault["pointer"], "/client_secret");
            assert!(fault["detail"].as_str().unwrap().starts_with("is easy to guess: a repeated part"), "{fault}");
            assert!(!String::from_utf8_lossy(&refused.body).contains(&secret));
        }
    }
}

#[tokio::test]
async fn a_chosen_secret_that_must_be_encoded_is_answered_with_a_warning() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body = |secret: &str| json!({ "client_secret": secret, "client_name": secret, "scope": "read:zones" });
    let plain = server.post_json("/admin/clients", &admin, &body("q7Z+d1sX0fUu3kT9yB/4mW2vR8pLhN6e=%")).await;
    assert_eq!((plain.status, plain.json().get("warnings")), (201, None), "it is read however it is sent");
    let cut = "q7Z&d1sX0fUu3kT9yB\"4mW2vR8pLhN6e=";
    let registered = server.post_json("/admin/clients", &admin, &body(cut)).await;
    let rotated =
        server.post_json("/admin/clients/demo-reader/secrets", &admin, &json!({ "client_secret": cut })).await;
    for answer in [registered, rotated] {
        let warnings = answer.json()["warnings"].clone();
        let warning = warnings[0].as_str().unwrap();
        assert_eq!((answer.status, warnings.as_array().unwrap().len()), (201, 1));
        assert!(
            warning.contains("--data-urlencode") && warning.contains("JSON") && !warning.contains(cut),
            "{warning}"
        );
    }
}

#[tokio::test]
async fn a_chosen_secret_can_be_rotated_in_and_a_former_one_is_refused() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let body =
        json!({ "client_id": "curbside", "client_secret": OWN, "client_name": "Curbside", "scope": "read:zones" });
    assert_eq!(server.post_json("/admin/clients", &admin, &body).await.status, 201);
    let rotate = |members: Value| {
        let (server, admin) = (&server, &admin);
        async move { server.post_json("/admin/clients/curbside/secrets", admin, &members).await }
    };
    let weak = rotate(json!({ "client_secret": "hunter2", "previous_expires_in": -1, "other": 1 })).await;
    assert_eq!((weak.status, weak.json()["errors"].as_array().unwrap().len()), (422, 3));
    assert_eq!(rotate(json!({ "client_secret": OWN })).await.problem(), "conflict", "it is there already");

    let rotated = rotate(json!({ "client_secret": ANOTHER, "previous_expires_in": 0 })).await;
    assert_eq!((rotated.status, rotated.json().get("client_secret")), (201, None));
    server.token_with("curbside", ANOTHER, AUDIENCE, None).await;
    assert_eq!(rotated.json()["retired_secrets"].as_array().unwrap().len(), 1);
    let back = rotate(json!({ "client_secret": OWN })).await;
    assert_eq!((back.status, back.problem().as_str()), (409, "conflict"));
    assert!(back.json()["detail"].as_str().unwrap().contains("had it once"), "{:?}", back.json());
}

#[tokio::test]
async fn the_mark_of_a_declared_client_is_shown_and_changed() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let register = |declared: Value| {
        let mut body = json!({ "client_name": "a", "scope": "read:zones" });
        if !declared.is_null() {
            body["declared"] = declared;
        }
        let (server, admin) = (&server, &admin);
        async move { server.post_json("/admin/clients", admin, &body).await }
    };
    assert_eq!(register(Value::Null).await.json()["declared"], false);
    assert_eq!(register(json!("yes")).await.json()["errors"][0]["pointer"], "/declared");
    let registered = register(json!(true)).await;
    assert_eq!(registered.json()["declared"], true);
    let path = registered.header("location");
    for (body, declared) in [(json!({ "burst": 7 }), true), (json!({ "declared": false }), false)] {
        let changed = answer(server.request(Method::PATCH, path).bearer_auth(&admin).json(&body)).await;
        assert_eq!((changed.status, &changed.json()["declared"]), (200, &json!(declared)), "{body}");
        assert_eq!(server.get(path, &admin).await.json()["declared"], declared);
    }
}

#[tokio::test]
async fn the_policy_says_what_a_registration_may_have() {
    let server = TestServer::start_with(|config| config.client_defaults.daily_quota = None).await;
    let terms = server.get("/admin/terms", &server.admin_token().await).await.json();
    assert_eq!(
        terms,
        json!({
            "scopes": ["introspect", "read:admin", "read:zones", "write:admin", "write:zones"],
            "audiences": [AUDIENCE, ADMIN_AUDIENCE],
            "token_ttl": { "min": 1, "max": 86_400 },
            "client_defaults": { "token_ttl": 3_600, "requests_per_second": 10, "burst": 20, "daily_quota": null,
                "enforce": true, "unproven": { "requests_per_second": 1, "burst": 5, "daily_quota": 500 } },
        })
    );
}

#[tokio::test]
async fn a_client_that_is_registered_again_at_once_does_not_inherit_tokens() {
    let server = TestServer::start().await;
    let mut of_old: Vec<String> = Vec::new();
    for _ in 0..3 {
        let (_, secret) = server.register(json!({ "client_id": "again" })).await;
        for token in &of_old {
            assert_eq!(server.get("/parking/zones", token).await.status, 401);
        }
        of_old.push(server.token_with("again", &secret, AUDIENCE, None).await);
        let admin = server.admin_token().await;
        server.post_json("/admin/clients/again/revoke-tokens", &admin, &json!({})).await;
        let token = server.token_with("again", &secret, AUDIENCE, None).await;
        assert_eq!(server.get("/parking/zones", &token).await.status, 200);
        of_old.push(token);
        delete(&server, "again").await;
    }
}

#[tokio::test]
async fn a_client_that_is_registered_again_has_all_of_its_limits() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        let limits = json!({ "client_id": "again", "daily_quota": 1, "burst": 1, "requests_per_second": 1 });
        let (_, secret) = server.register(limits).await;
        let token = server.token_with("again", &secret, AUDIENCE, None).await;
        assert_eq!(server.get("/parking/zones", &token).await.status, 200);
        assert_eq!(server.get("/parking/zones", &token).await.status, 429);
        server.clock.advance(Duration::from_secs(1));
        assert_eq!(server.get("/parking/zones", &token).await.status, 429, "the quota of the day");
        delete(&server, "again").await;
    }
}

pub(crate) async fn delete(server: &TestServer, client_id: &str) {
    let path = format!("/admin/clients/{client_id}");
    let request = server.request(Method::DELETE, &path).bearer_auth(server.admin_token().await);
    assert_eq!(answer(request).await.status, 204);
}

#[tokio::test]
async fn names_may_have_letters_of_every_script_and_no_invisible_characters() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    for name in ["پارکینگ می\u{200C}خواهم", "ශ්\u{200D}රී ලංකා", "חניון 12", "駐車場 🛴"]
    {
        let (client_id, _) = server.register(json!({ "client_name": name })).await;
        let shown = server.get(&format!("/admin/clients/{client_id}"), &admin).await.json();
        assert_eq!(shown["client_name"], name);
    }
    for (name, named) in [
        ("a\u{E0041}", "U+E0041"),
        ("a\u{200D}b", "U+200D"),
        ("\u{2764}\u{FE0F}", "U+FE0F"),
        ("a\u{E000}", "U+E000"),
        ("a\u{2067}b", "U+2067"),
    ] {
        let body = json!({ "client_name": name, "scope": "read:zones" });
        let refused = server.post_json("/admin/clients", &admin, &body).await;
        assert_eq!(refused.status, 422);
        let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("must not contain {named}, ")), "{detail}");
    }
}
