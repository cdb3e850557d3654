//! `/sandbox/snapshots` and `/sandbox/reset`: each kind of state goes back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use boomgate::api::sandbox::snapshot::{Restored, Snapshot, SnapshotList};
use boomgate::store::{Contents as _, Entries, Key, MemoryStore};
use boomgate::time::{Clock as _, SystemClock};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, LIMITED, READER, TestServer, WRITER, ZONES, answer, token_request};

const SNAPSHOTS: &str = "/sandbox/snapshots";

async fn save(server: &TestServer, name: &str) -> Answer {
    server.control(Method::PUT, &format!("{SNAPSHOTS}/{name}"), None).await
}

async fn restore(server: &TestServer, name: &str) -> Answer {
    server.control(Method::POST, &format!("{SNAPSHOTS}/{name}/restore"), None).await
}

async fn saved(server: &TestServer, name: &str) {
    let saved = save(server, name).await;
    assert!([200, 201].contains(&saved.status), "{saved:?}");
}

async fn restored(server: &TestServer, name: &str) -> Restored {
    let restored = restore(server, name).await;
    assert_eq!(restored.status, 200, "{restored:?}");
    restored.read()
}

async fn reset(server: &TestServer) -> Restored {
    let reset = server.control(Method::POST, "/sandbox/reset", None).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    reset.read()
}

async fn list(server: &TestServer) -> SnapshotList {
    server.control(Method::GET, SNAPSHOTS, None).await.read()
}

async fn create_zone(server: &TestServer, token: &str, number: &str) -> String {
    let created = server.post_json(ZONES, token, &zone(number)).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.header("location").to_owned()
}

fn zone(number: &str) -> Value {
    json!({
        "number": number, "name": "Test", "operator_id": "snapshots", "session_type": "vehicle",
        "location": { "latitude": 1.0, "longitude": 2.0 },
    })
}

async fn zones(server: &TestServer, token: &str) -> usize {
    let listed = server.get(&format!("{ZONES}?operator_id=snapshots&limit=100"), token).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.json()["data"].as_array().unwrap().len()
}

/// Each test of a kind of state runs in a folder and in memory.
async fn servers() -> [TestServer; 2] {
    [TestServer::start().await, TestServer::start_over(Arc::new(MemoryStore::new())).await]
}

#[tokio::test]
async fn a_snapshot_is_saved_listed_saved_again_and_removed() {
    for server in servers().await {
        assert_eq!(list(&server).await, SnapshotList { data: vec![], unreadable: vec![] });
        let first = save(&server, "a").await;
        assert_eq!(first.status, 201, "{first:?}");
        let shown: Snapshot = first.read();
        assert_eq!((shown.name.as_str(), shown.clients, shown.zones), ("a", 4, 66));
        assert!(shown.bytes > 10_000, "{shown:?}");
        assert_eq!(save(&server, "b_2-C").await.status, 201);
        assert_eq!(save(&server, "a").await.status, 200, "in place of the first");
        let names: Vec<_> = list(&server).await.data.into_iter().map(|snapshot| snapshot.name).collect();
        assert_eq!(names, ["a", "b_2-C"]);
        let remove = async || server.control(Method::DELETE, &format!("{SNAPSHOTS}/a"), None).await;
        assert_eq!(remove().await.status, 204);
        assert_eq!(
            (remove().await.problem(), restore(&server, "a").await.problem()),
            ("not-found".into(), "not-found".into())
        );
        assert_eq!(list(&server).await.data.len(), 1);
    }
}

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
        let limits = json!({ "requests_per_second": 10_000, "burst": 10_000, "daily_quota": 300 });
        let (client_id, secret) = server.register(limits).await;
        let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
        let send = async |count: usize| {
            let answers = join_all((0..count).map(|_| server.get(ZONES, &token))).await;
            answers.iter().filter(|answer| answer.status == 200).count()
        };
        assert_eq!(send(90).await, 90);
        saved(&server, "used-90").await;
        for _ in 0..2 {
            assert_eq!(send(250).await, 210);
            restored(&server, "used-90").await;
        }
        let usage = server.get("/oauth2/usage", &token).await.json();
        assert_eq!((&usage["day"]["used"], &usage["day"]["remaining"]), (&json!(90), &json!(210)), "{usage}");
        // Requests that meet the restore are before it or after it.
        let (_, state) = tokio::join!(send(60), restored(&server, "used-90"));
        assert_eq!(state.name.as_deref(), Some("used-90"));
        let used = server.get("/oauth2/usage", &token).await.json()["day"]["used"].as_u64().unwrap();
        assert!((90..=150).contains(&used), "{used}");
        assert_eq!(u64::try_from(send(250).await).unwrap(), 300 - used);
        restored(&server, "used-90").await;
        assert_eq!(send(211).await, 210);
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
async fn a_reset_goes_to_the_seed_with_the_same_keys_and_no_token_of_before_works() {
    for server in servers().await {
        let (writer, admin) = (server.token(WRITER).await, server.admin_token().await);
        let jwk_set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
        create_zone(&server, &writer, "new").await;
        let (client_id, _) = server.register(json!({})).await;
        let gone = server.request(Method::DELETE, &format!("/admin/clients/{READER}")).bearer_auth(&admin);
        assert_eq!(answer(gone).await.status, 204);
        assert_eq!(server.post_json("/admin/keys/rotate", &admin, &json!({})).await.status, 200);
        for _ in 0..3 {
            server.get(ZONES, &server.token(LIMITED).await).await;
        }
        saved(&server, "used").await;

        for _ in 0..2 {
            let state = reset(&server).await;
            assert_eq!((state.name, state.clients, state.zones), (None, 4, 66));
            assert_eq!(answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json(), jwk_set);
            for token in [&writer, &admin] {
                assert_eq!(
                    server.get(if token == &admin { "/admin/clients" } else { ZONES }, token).await.problem(),
                    "token-revoked"
                );
            }
            let (reader, new_admin) = (server.token(READER).await, server.admin_token().await);
            assert_eq!(zones(&server, &reader).await, 0);
            assert_eq!(server.get(&format!("/admin/clients/{client_id}"), &new_admin).await.status, 404);
            let limited = server.token(LIMITED).await;
            let usage = server.get("/oauth2/usage", &limited).await.json();
            assert_eq!(usage["day"]["used"], 0, "{usage}");
        }
        assert_eq!(list(&server).await.data.len(), 1, "snapshots stay");
        restored(&server, "used").await;
        assert_eq!(server.get(&format!("/admin/clients/{client_id}"), &admin).await.status, 200);
        assert_eq!(zones(&server, &writer).await, 1);
    }
}

#[tokio::test]
async fn a_reset_goes_to_the_seed_in_a_folder_that_is_not_fresh_and_lasts() {
    let server = TestServer::start().await;
    let clock = server.clock.clone();
    create_zone(&server, &server.token(WRITER).await, "new").await;
    server.register(json!({})).await;
    saved(&server, "before").await;
    let folder = server.stop().await.unwrap();
    let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    assert_eq!(reset(&server).await.clients, 4);
    assert_eq!(zones(&server, &server.token(READER).await).await, 0);
    server.stop().await;
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(zones(&server, &server.token(READER).await).await, 0, "it was durable");
    let back = restored(&server, "before").await;
    assert_eq!(
        (back.clients, zones(&server, &server.token(READER).await).await),
        (5, 1),
        "a snapshot survives a restart"
    );
}

#[tokio::test]
async fn a_name_leads_out_of_no_folder_and_an_unknown_one_is_not_found() {
    let server = TestServer::start().await;
    for name in ["..%2f..%2fescaped", "%2e%2e", "a.b", "a%00", &"x".repeat(65)] {
        for (method, path) in [(Method::PUT, ""), (Method::DELETE, ""), (Method::POST, "/restore")] {
            let refused = server.control(method.clone(), &format!("{SNAPSHOTS}/{name}{path}"), None).await;
            assert!([400, 404].contains(&refused.status), "{method} {name}: {refused:?}");
            refused.problem();
        }
    }
    assert!(!server.data_dir().join("snapshots").exists() && !server.data_dir().join("escaped").exists());
    assert_eq!(restore(&server, "unknown").await.problem(), "not-found");
}

#[tokio::test]
async fn there_are_only_so_many_snapshots() {
    for server in servers().await {
        for n in 0..32 {
            assert_eq!(save(&server, &n.to_string()).await.status, 201);
        }
        assert_eq!(save(&server, "one-too-many").await.problem(), "conflict");
        assert_eq!(save(&server, "7").await.status, 200, "in place of another");
        assert_eq!(list(&server).await.data.len(), 32);
    }
}

#[tokio::test]
async fn a_file_is_private_and_one_that_is_damaged_or_of_another_folder_is_refused_whole() {
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    let file = |server: &TestServer, name: &str| server.data_dir().join("snapshots").join(name);
    let writer = server.token(WRITER).await;
    saved(&server, "a").await;
    saved(&other, "b").await;
    assert_eq!(fs::metadata(file(&server, "a")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(server.data_dir().join("snapshots")).unwrap().permissions().mode() & 0o777, 0o700);
    create_zone(&server, &writer, "new").await;
    let whole = fs::read(file(&server, "a")).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let foreign = fs::read(file(&other, "b")).unwrap();
    for content in [&whole[..whole.len() - 1], &whole[..100], &changed, b"", b"not a snapshot", &foreign] {
        fs::write(file(&server, "a"), content).unwrap();
        let refused = restore(&server, "a").await;
        assert_eq!(refused.problem(), "conflict", "{refused:?}");
        assert_eq!(zones(&server, &writer).await, 1, "nothing went back");
    }
    fs::write(file(&server, "a"), "not a snapshot").unwrap();
    assert_eq!(list(&server).await, SnapshotList { data: vec![], unreadable: vec!["a".to_owned()] });
    fs::write(file(&server, "a"), whole).unwrap();
    restored(&server, "a").await;
    assert_eq!(zones(&server, &writer).await, 0);
}

#[tokio::test]
async fn a_disk_that_takes_no_snapshot_leaves_the_one_before_and_nothing_half() {
    let server = TestServer::start().await;
    let folder = server.data_dir().join("snapshots");
    saved(&server, "a").await;
    let before = fs::read(folder.join("a")).unwrap();
    // A folder at the place of the draft, where no file can be made.
    fs::create_dir(folder.join("a.new")).unwrap();
    create_zone(&server, &server.token(WRITER).await, "new").await;
    let refused = save(&server, "a").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    assert_eq!(fs::read(folder.join("a")).unwrap(), before);
    assert_eq!(list(&server).await.data.len(), 1);
    restored(&server, "a").await;
}

#[tokio::test]
async fn a_production_server_has_no_way_back() {
    let production = TestServer::start_with(|config| config.edition = boomgate::config::Edition::Serve).await;
    for path in ["/sandbox/reset", "/sandbox/snapshots/a/restore"] {
        assert_eq!(answer(production.request(Method::POST, path)).await.problem(), "not-found");
    }
}

/// So many clients and zones beside those of `seed`, each like one of them.
fn many(seed: &Entries, clients: usize, zones: usize) -> Entries {
    let like = |prefix: &str| {
        let (_, value) = seed.starting_with(prefix.as_bytes()).next().unwrap();
        serde_json::from_slice::<Value>(value.as_bytes()).unwrap()
    };
    let entry = |key: String, record: &Value| {
        (Key::new(key.as_bytes()), boomgate::store::Value::new(&serde_json::to_vec(record).unwrap()))
    };
    let (mut client, mut zone, number) = (like("clients/demo-reader"), like("zones/"), like("zone-numbers/"));
    let mut entries: Vec<_> = seed.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for n in 0..clients {
        let id = format!("partner-{n:04}");
        client["record"]["client_id"] = json!(id);
        entries.push(entry(format!("clients/{id}"), &client));
    }
    for n in 0..zones {
        let id = format!("019b7716-2d40-7000-8000-{n:012x}");
        zone["record"]["id"] = json!(id);
        zone["record"]["operator_id"] = json!("many");
        zone["record"]["number"] = json!(n.to_string());
        entries.extend([entry(format!("zones/{id}"), &zone), entry(format!("zone-numbers/many/{n}"), &number)]);
    }
    entries.into_iter().collect()
}

#[tokio::test]
async fn a_thousand_clients_and_ten_thousand_zones_come_back_whole() {
    let store = Arc::new(MemoryStore::new());
    let server = TestServer::start_over(store.clone()).await;
    let large = many(&store.entries().await.unwrap(), 1_000, 10_000);
    store.replace(&large).await.unwrap();
    let shown: Snapshot = loop {
        let shown: Snapshot = save(&server, "large").await.read();
        if shown.clients == 1_004 && shown.zones == 10_066 {
            break shown;
        }
    };
    assert!(shown.bytes > 4_000_000, "{shown:?}");
    let writer = server.token(WRITER).await;
    for round in 0..3 {
        let start = SystemClock::new();
        create_zone(&server, &writer, "one-more").await;
        println!("round {round}: one zone took {:?}", start.monotonic());
        let start = SystemClock::new();
        let restored_few = restored(&server, "large").await;
        println!("round {round}: a restore of one change took {:?}", start.monotonic());
        assert_eq!((restored_few.clients, restored_few.zones), (1_004, 10_066));
        let start = SystemClock::new();
        let seed = reset(&server).await;
        println!("round {round}: a reset of everything took {:?}", start.monotonic());
        assert_eq!((seed.clients, seed.zones), (4, 66));
        let start = SystemClock::new();
        let restored_all = restored(&server, "large").await;
        println!("round {round}: a restore of everything took {:?}", start.monotonic());
        assert_eq!((restored_all.clients, restored_all.zones), (1_004, 10_066));
    }
    let held = store.entries().await.unwrap();
    let same = large.starting_with(b"zones/").eq(held.starting_with(b"zones/"));
    assert!(same, "the zones are as they were");
    let last = server.get(&format!("{ZONES}?operator_id=many&number=9999"), &writer).await;
    assert_eq!(last.json()["data"].as_array().unwrap().len(), 1, "{last:?}");
}
