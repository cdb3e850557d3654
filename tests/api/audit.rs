//! The audit log over HTTPS and from the command line.

use std::path::Path;
use std::process::{Command, Output};

use boomgate::store::{Key, Outcome, SledStore, Store as _, Txn, Value as Stored};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, READER, TestServer, WRITER, answer, audit_entries, secret};

/// A server with some entries in its audit log.
async fn server_with_a_history() -> TestServer {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    for (client_id, change) in [
        (READER, json!({ "daily_quota": 5_000 })),
        (WRITER, json!({ "status": "suspended" })),
        (READER, json!({ "daily_quota": 6_000 })),
    ] {
        server.clock.advance(std::time::Duration::from_secs(60));
        let path = format!("/admin/clients/{client_id}");
        let changed = server.request(Method::PATCH, &path).bearer_auth(&admin).json(&change);
        assert_eq!(answer(changed.header("x-request-id", format!("r-{}", change["daily_quota"]))).await.status, 200);
    }
    server
}

fn numbers(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["number"].as_u64().unwrap()).collect()
}

/// Runs the program with the data directory of the server.
async fn boomgate(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boomgate"));
    command.args(arguments).arg("--data-dir").arg(data_dir).env_clear();
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[tokio::test]
async fn an_entry_has_the_actor_the_action_the_time_the_source_and_the_request() {
    let server = server_with_a_history().await;
    let admin = server.admin_token().await;
    let log = server.get("/admin/audit?limit=1", &admin).await;
    assert_eq!((log.status, log.header("cache-control")), (200, "private, no-cache"));
    let (log, now) = (log.json(), boomgate::time::Clock::now(&*server.clock));
    let entry = &log["data"][0];
    for (member, expected) in [
        ("number", json!(8)),
        ("at", json!(now)),
        ("actor", json!(ADMIN)),
        ("action", json!("client_changed")),
        ("subject", json!(READER)),
        ("source", json!("127.0.0.1")),
        ("request_id", json!("r-6000")),
        ("outcome", json!("done")),
    ] {
        assert_eq!(entry[member], expected, "{member} of {entry}");
    }
    assert_eq!(log["head"], json!({ "number": 8, "digest": entry["digest"] }));
}

#[tokio::test]
async fn the_list_has_the_newest_entries_first_in_pages_and_filters_narrow_it() {
    let server = server_with_a_history().await;
    let admin = server.admin_token().await;
    let (mut seen, mut path) = (Vec::new(), "/admin/audit?limit=3".to_owned());
    loop {
        let page = server.get(&path, &admin).await.json();
        seen.extend(numbers(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/admin/audit?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [8, 7, 6, 5, 4, 3, 2, 1]);

    let first = server.get("/admin/audit?limit=1", &admin).await.json()["data"][0]["at"].clone();
    let last_minute = format!("since={}", first.as_str().unwrap());
    for (query, expected) in [
        ("subject=demo-reader", vec![8, 6, 2]),
        ("actor=demo-admin", vec![8, 7, 6]),
        ("action=client_suspended", vec![7]),
        ("actor=demo-admin&subject=demo-reader&limit=1", vec![8]),
        ("source=127.0.0.1", vec![8, 7, 6]),
        (last_minute.as_str(), vec![8]),
        ("until=2001-01-01T00:00:00Z", vec![]),
        ("subject=nobody", vec![]),
        ("after=6", vec![7, 8]),
        ("after=0&limit=2", vec![1, 2]),
        ("after=8", vec![]),
        ("after=18446744073709551615", vec![]),
    ] {
        let page = server.get(&format!("/admin/audit?{query}"), &admin).await;
        assert_eq!((page.status, numbers(&page.json())), (200, expected), "{query}");
    }
    // Where the next request goes on.
    assert_eq!(server.get("/admin/audit?after=0&limit=2", &admin).await.json()["next_after"], 2);
    assert_eq!(server.get("/admin/audit?after=8", &admin).await.json()["next_after"], 8);
}

#[tokio::test]
async fn a_query_that_is_not_valid_is_refused() {
    let server = server_with_a_history().await;
    let admin = server.admin_token().await;
    let long = format!("subject={}", "x".repeat(129));
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=-1",
        "after=x",
        "action=nonsense",
        "since=yesterday",
        "until=2026-13-01T00:00:00Z",
        "source=somewhere",
        "order=newest",
        long.as_str(),
    ] {
        let refused = server.get(&format!("/admin/audit?{query}"), &admin).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "malformed-query"), "{query}");
    }
    let cursor = server.get("/admin/audit?limit=1", &admin).await.json()["next_cursor"].as_str().unwrap().to_owned();
    let of_clients = server.get("/admin/clients?limit=1", &admin).await.json()["next_cursor"].clone();
    for query in [
        format!("cursor={cursor}&subject=demo-reader"),
        format!("cursor={}", of_clients.as_str().unwrap()),
        "cursor=".to_owned(),
        "cursor=AAAA".to_owned(),
    ] {
        let refused = server.get(&format!("/admin/audit?{query}"), &admin).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid-cursor"), "{query}");
    }
    let both = server.get(&format!("/admin/audit?cursor={cursor}&after=1"), &admin).await;
    assert_eq!((both.status, both.problem().as_str()), (400, "malformed-query"));
}

#[tokio::test]
async fn the_log_needs_the_right_to_read_the_administration() {
    let server = TestServer::start().await;
    let partner = server.get("/admin/audit", &server.token(READER).await).await;
    assert_eq!((partner.status, partner.problem().as_str()), (401, "token-invalid"));
    let writer = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("write:admin")).await;
    let writer = server.get("/admin/audit", &writer).await;
    assert_eq!((writer.status, writer.problem().as_str()), (403, "insufficient-scope"));
}

#[tokio::test]
async fn failed_authentications_are_summed_by_client_and_address() {
    let server = TestServer::start_with(|config| config.failed_authentications.burst = 1_000).await;
    for (client_id, times) in [(READER, 40), ("nobody-1", 3), ("nobody-2", 4)] {
        for _ in 0..times {
            let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret=wrong");
            assert_eq!(server.token_request("application/x-www-form-urlencoded", form).await.status, 401);
        }
    }
    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let failures: Vec<_> = entries.iter().filter(|entry| entry["action"] == "authentication_failed").collect();
    // The first of a pair may have an entry of its own; one entry sums all the others.
    assert!(failures.len() <= 4, "{failures:?}");
    for (subject, expected) in [("", 7), (READER, 40)] {
        let of_pair = failures.iter().filter(|entry| entry["subject"] == subject);
        let attempts = of_pair.map(|entry| {
            let member = |name: &str| entry[name].clone();
            assert_eq!(
                json!([member("source"), member("outcome"), member("actor")]),
                json!(["127.0.0.1", "refused", null])
            );
            entry["attempts"].as_u64().unwrap()
        });
        assert_eq!(attempts.sum::<u64>(), expected, "{subject:?}");
    }
}

#[tokio::test]
async fn the_command_lists_the_log_and_verifies_it() {
    let server = server_with_a_history().await;
    let data_dir = server.data_dir();
    let listed = boomgate(&data_dir, &["audit", "--subject", READER, "--limit", "2"]).await;
    let listed = said(&listed.stdout);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NUMBER", "WHEN", "ACTOR", "ACTION", "SUBJECT", "SOURCE", "REQUEST"]);
    assert_eq!(
        (rows[1][0], rows[2][0], rows[2][3], rows.len()),
        ("6", "8", "client_changed", 3),
        "the newest is the last row"
    );
    let lines = boomgate(&data_dir, &["audit", "--limit", "3", "--json"]).await;
    let lines: Vec<Value> =
        said(&lines.stdout).lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert_eq!(lines.iter().map(|entry| entry["number"].as_u64().unwrap()).collect::<Vec<_>>(), [6, 7, 8]);

    let verified = boomgate(&data_dir, &["audit", "verify"]).await;
    let anchor = said(&verified.stdout).trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!((verified.status.code(), anchor.starts_with("8:")), (Some(0), true), "{anchor}");
    assert_eq!(boomgate(&data_dir, &["audit", "verify", "--anchor", &anchor]).await.status.code(), Some(0));
    for (wrong, expected) in [
        (anchor.replacen("8:", "7:", 1), "entry 7 was replaced"),
        (anchor.replacen("8:", "9:", 1), "entry 9 is missing"),
    ] {
        let refused = boomgate(&data_dir, &["audit", "verify", "--anchor", &wrong]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused.stderr).contains(expected), "{}", said(&refused.stderr));
    }
    assert_eq!(boomgate(&data_dir, &["audit", "verify", "--anchor", "8"]).await.status.code(), Some(2));
    let held = boomgate(&data_dir, &["audit", "verify", "--offline"]).await;
    assert!(said(&held.stderr).contains("in use by another process"), "{}", said(&held.stderr));
}

#[tokio::test]
async fn a_changed_byte_in_a_copy_of_the_store_fails_the_verification_which_names_the_entry() {
    let server = server_with_a_history().await;
    let folder = server.stop().await.unwrap();
    let data_dir = folder.path().join("data");
    let whole = boomgate(&data_dir, &["audit", "verify", "--offline"]).await;
    assert!(said(&whole.stdout).starts_with("8 entries"), "{}", said(&whole.stderr));

    // On the disk, in each place that has the entry.
    let written = std::fs::read(data_dir.join("db/db")).unwrap();
    let text = br#""number":6,"previous":"#;
    let places: Vec<usize> = (0..written.len() - text.len()).filter(|at| written[*at..].starts_with(text)).collect();
    assert!(!places.is_empty());
    for place in places {
        let copy = tempfile::tempdir().unwrap();
        let db = copy.path().join("db");
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&db).unwrap();
        for file in std::fs::read_dir(data_dir.join("db")).unwrap().map(|file| file.unwrap().path()) {
            if file.is_file() {
                std::fs::copy(&file, db.join(file.file_name().unwrap())).unwrap();
            }
        }
        let mut bytes = written.clone();
        bytes[place + text.len() + 3] ^= 1;
        std::fs::write(db.join("db"), bytes).unwrap();
        let failed = boomgate(copy.path(), &["audit", "verify", "--offline"]).await;
        assert_eq!(failed.status.code(), Some(1));
        assert!(said(&failed.stderr).contains("entry 6 "), "{}", said(&failed.stderr));
    }

    // Through the store, by an attacker who knows its format.
    let store = SledStore::open(&data_dir.join("db")).unwrap();
    let key = Key::new(b"audit/00000000000000000006");
    let entry = store.get(&key).await.unwrap().unwrap();
    let changed = String::from_utf8(entry.as_bytes().to_vec()).unwrap().replace("demo-admin", "demo-adnim");
    let committed = store.commit(Txn::new().put(key, Stored::new(changed.as_bytes()))).await.unwrap();
    assert!(matches!(committed, Outcome::Committed(_)));
    store.close().await.unwrap();
    let failed = boomgate(&data_dir, &["audit", "verify", "--offline"]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed.stderr).contains("entry 6 was altered"), "{}", said(&failed.stderr));
}

#[tokio::test]
async fn the_log_continues_over_restarts_and_never_has_a_secret() {
    let server = server_with_a_history().await;
    let (folder, clock) = (tempfile::tempdir().unwrap(), server.clock.clone());
    drop(server);
    for round in 1..=3 {
        let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
        server.register(json!({ "client_name": format!("Round {round}") })).await;
        let verified = boomgate(&server.data_dir(), &["audit", "verify"]).await;
        assert!(said(&verified.stdout).starts_with(&format!("{} entries", 5 + round)), "{}", said(&verified.stderr));
        let log = server.get("/admin/audit?limit=100", &server.admin_token().await).await;
        let text = String::from_utf8(log.body).unwrap();
        assert!(!text.contains("bg_secret_") && !text.contains(&secret(ADMIN)));
        server.stop().await;
    }
}
