//! `POST /admin/clients` with an `Idempotency-Key`: sent again, sent at the same time, and sent after its client was deleted.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::harness::{AUDIENCE, Answer, TestServer, answer};
use crate::registration::delete;

/// A secret that only this test uses.
const OWN: &str = "correct-horse-battery-staple-4711";

/// A key as a careful client chooses it.
const KEY: &str = "7d3c1b52-9a0e-4f2b-8c11-5e8f0a6d2b77";

async fn register_under(server: &TestServer, key: &str, body: &str) -> Answer {
    let request = server.request(Method::POST, "/admin/clients").bearer_auth(server.admin_token().await);
    answer(request.header("Idempotency-Key", key).header(CONTENT_TYPE, "application/json").body(body.to_owned())).await
}

#[tokio::test]
async fn a_registration_that_is_sent_again_gets_the_same_answer_with_the_same_secret() {
    let server = TestServer::start().await;
    let body = r#"{"client_name": "Caf\u00e9", "scope": "read:zones write:zones", "burst": 9}"#;
    let first = register_under(&server, KEY, body).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    // The same in another spelling: another order, another normalization form, a number written in another way.
    let other_words = "{\"burst\":9.0,\"scope\":\"write:zones read:zones\",\"client_name\":\"Cafe\u{301}\"}";
    for body in [body, other_words] {
        let again = register_under(&server, KEY, body).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{again:?}");
        assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
        assert_eq!((again.header("etag"), again.header("cache-control")), (first.header("etag"), "no-store"));
    }
    let reused = register_under(&server, KEY, r#"{"client_name": "Quay", "scope": "read:zones"}"#).await;
    assert_eq!((reused.status, reused.problem().as_str()), (422, "idempotency-key-reused"));
    assert_eq!(register_under(&server, "a b", body).await.problem(), "idempotency-key-invalid");
    let client = first.json();
    let (client_id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    server.token_with(client_id, secret, AUDIENCE, None).await;

    // Also after a restart; and neither the secret nor the key that it is derived from is on the disk.
    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    let bytes = everything_in(&folder.path().join("data/db"));
    assert!(holds(&bytes, b"idempotency/"), "the store is looked at");
    assert!(!holds(&bytes, secret.as_bytes()) && !holds(&bytes, KEY.as_bytes()));
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    let again = register_under(&server, KEY, body).await;
    assert_eq!((again.status, again.json()), (201, client));
    let listed = server.get("/admin/clients?q=caf", &server.admin_token().await).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    server.clock.advance(Duration::from_secs(86_401));
    let anew = register_under(&server, KEY, body).await;
    assert_eq!((anew.status, anew.header("idempotent-replayed")), (201, ""), "a day later it is another request");
}

#[tokio::test]
async fn of_registrations_at_the_same_time_under_one_key_one_is_made() {
    let server = TestServer::start().await;
    let body = r#"{"client_name": "Curbside", "scope": "read:zones"}"#;
    let answers = futures_util::future::join_all((0..8).map(|_| register_under(&server, KEY, body))).await;
    assert!(answers.iter().all(|answer| (answer.status, answer.json()) == (201, answers[0].json())), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count(), 1);
    let chosen = r#"{"client_name": "Quay", "scope": "read:zones", "client_id": "quay", "client_secret": "correct-horse-battery-staple-4711"}"#;
    let first = register_under(&server, "chosen", chosen).await;
    let again = register_under(&server, "chosen", chosen).await;
    assert_eq!((first.status, again.status, first.json()), (201, 201, again.json()));
    assert_eq!(again.json().get("client_secret"), None);
    assert_eq!(register_under(&server, "another", chosen).await.problem(), "conflict");
}

#[tokio::test]
async fn registrations_at_the_same_time_under_one_key_with_a_chosen_client_id_get_one_secret() {
    let server = TestServer::start().await;
    for round in 0..4 {
        let (key, client_id) = (format!("{KEY}-{round}"), format!("race{round}"));
        let body = json!({ "client_id": client_id, "client_name": "Race", "scope": "read:zones" }).to_string();
        let attempt = async || {
            let answer = register_under(&server, &key, &body).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            let secret = answer.json()["client_secret"].as_str().unwrap().to_owned();
            // The secret of each answer works at once, also of a replayed one.
            server.token_with(&client_id, &secret, AUDIENCE, None).await;
            (secret, answer.header("idempotent-replayed").is_empty())
        };
        let answers = futures_util::future::join_all((0..8).map(|_| attempt())).await;
        assert!(answers.iter().all(|(secret, _)| *secret == answers[0].0), "one secret");
        assert_eq!(answers.iter().filter(|(_, is_first)| *is_first).count(), 1);

        let renamed = body.replace("Race", "Quay");
        assert_eq!(register_under(&server, &key, &renamed).await.problem(), "idempotency-key-reused");
        assert_eq!(register_under(&server, &format!("{key}-new"), &body).await.problem(), "conflict");
    }
}

#[tokio::test]
async fn of_registrations_at_the_same_time_under_two_keys_one_gets_the_chosen_client_id() {
    let server = TestServer::start().await;
    let body = r#"{"client_id": "curbside", "client_name": "Curbside", "scope": "read:zones"}"#;
    let keys: Vec<String> = (0..8).map(|number| format!("{KEY}-{}", number % 2)).collect();
    let answers = futures_util::future::join_all(keys.iter().map(|key| register_under(&server, key, body))).await;
    let winner = keys.iter().zip(&answers).find(|(_, answer)| answer.status == 201).unwrap().0;
    for (key, answer) in keys.iter().zip(&answers) {
        assert_eq!(answer.status, if key == winner { 201 } else { 409 }, "{answer:?}");
    }
}

#[tokio::test]
async fn a_registration_is_not_replayed_after_its_client_or_its_secret_is_deleted() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let own = json!({ "client_id": "curbside", "client_name": "Curbside", "scope": "read:zones" });
    let mut chosen = own.clone();
    chosen["client_secret"] = json!(OWN);
    for (key, body) in [("made", own), ("chosen", chosen)] {
        let (key, body) = (format!("{KEY}-{key}"), body.to_string());
        let refused = async |says: &str| {
            let answer = register_under(&server, &key, &body).await;
            assert_eq!((answer.status, answer.problem().as_str()), (409, "conflict"), "{answer:?}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(says) && detail.contains("a new key"), "{detail}");
        };
        let first = register_under(&server, &key, &body).await;
        assert_eq!(first.status, 201);

        // A change that does not end the secret does not change the replayed answer.
        let patched = server.request(Method::PATCH, "/admin/clients/curbside").bearer_auth(&admin);
        assert_eq!(answer(patched.json(&json!({ "burst": 7 }))).await.status, 200);
        let rotation = json!({ "previous_expires_in": 60 });
        assert_eq!(server.post_json("/admin/clients/curbside/secrets", &admin, &rotation).await.status, 201);
        let again = register_under(&server, &key, &body).await;
        assert_eq!((again.status, again.json()), (201, first.json()), "the former secret is good for a minute");
        server.clock.advance(Duration::from_secs(60));
        refused("has ended since").await;

        delete(&server, "curbside").await;
        refused("was deleted since").await;
        server.clock.advance(Duration::from_secs(1));
        server.register(json!({ "client_id": "curbside" })).await;
        refused("was deleted since").await;
        delete(&server, "curbside").await;
    }
}

#[tokio::test]
async fn a_client_that_replaces_another_within_a_second_does_not_get_the_former_secret() {
    let server = TestServer::start().await;
    let body = r#"{"client_id": "curbside", "client_name": "Curbside", "scope": "read:zones"}"#;
    assert_eq!(register_under(&server, KEY, body).await.status, 201);
    delete(&server, "curbside").await;
    assert_eq!(register_under(&server, &format!("{KEY}-new"), body).await.status, 201);
    let refused = register_under(&server, KEY, body).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
}

#[tokio::test]
async fn no_secret_is_derived_from_a_short_idempotency_key() {
    let server = TestServer::start().await;
    let made = r#"{"client_id": "curbside", "client_name": "Curbside", "scope": "read:zones"}"#;
    for key in ["a", "\"a\"", "fifteen-letters", "\"fifteen-letters\""] {
        let refused = register_under(&server, key, made).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "idempotency-key-invalid"), "{key}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("at least 16 characters") && detail.contains("UUID"), "{detail}");
    }
    assert_eq!(register_under(&server, "sixteen-letters!", made).await.status, 201, "nothing was registered before");
    let chosen = json!({ "client_name": "Quay", "client_secret": OWN, "scope": "read:zones" }).to_string();
    assert_eq!(register_under(&server, "a", &chosen).await.status, 201, "no secret is derived");
}

fn everything_in(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { everything_in(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
