//! `/sandbox/snapshots` and `/sandbox/reset`: what can be saved, and the return to it as a whole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use boomgate::api::sandbox::snapshot::{Restored, Snapshot, SnapshotList};
use boomgate::store::{Contents as _, Entries, Key, MemoryStore};
use boomgate::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, LIMITED, READER, TestServer, WRITER, ZONES, answer};

const SNAPSHOTS: &str = "/sandbox/snapshots";

async fn save(server: &TestServer, name: &str) -> Answer {
    server.control(Method::PUT, &format!("{SNAPSHOTS}/{name}"), None).await
}

async fn restore(server: &TestServer, name: &str) -> Answer {
    server.control(Method::POST, &format!("{SNAPSHOTS}/{name}/restore"), None).await
}

pub(crate) async fn saved(server: &TestServer, name: &str) {
    let saved = save(server, name).await;
    assert!([200, 201].contains(&saved.status), "{saved:?}");
}

pub(crate) async fn restored(server: &TestServer, name: &str) -> Restored {
    let restored = restore(server, name).await;
    assert_eq!(restored.status, 200, "{restored:?}");
    restored.read()
}

pub(crate) async fn reset(server: &TestServer) -> Restored {
    let reset = server.control(Method::POST, "/sandbox/reset", None).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    reset.read()
}

async fn list(server: &TestServer) -> SnapshotList {
    server.control(Method::GET, SNAPSHOTS, None).await.read()
}

pub(crate) async fn create_zone(server: &TestServer, token: &str, number: &str) -> String {
    let created = server.post_json(ZONES, token, &zone(number)).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.header("location").to_owned()
}

pub(crate) fn zone(number: &str) -> Value {
    json!({
        "number": number, "name": "Test", "operator_id": "snapshots", "session_type": "vehicle",
        "location": { "latitude": 1.0, "longitude": 2.0 },
    })
}

pub(crate) async fn zones(server: &TestServer, token: &str) -> usize {
    let listed = server.get(&format!("{ZONES}?operator_id=snapshots&limit=100"), token).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.json()["data"].as_array().unwrap().len()
}

/// Each test of a kind of state runs in a folder and in memory.
pub(crate) async fn servers() -> [TestServer; 2] {
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
    let start = SystemClock::new();
    create_zone(&server, &writer, "one-more").await;
    let state = restored(&server, "large").await;
    println!("a restore of one change, and the change, took {:?}", start.monotonic());
    assert_eq!((state.clients, state.zones), (1_004, 10_066));
    let start = SystemClock::new();
    let state = reset(&server).await;
    println!("a reset of everything took {:?}", start.monotonic());
    assert_eq!((state.clients, state.zones), (4, 66));
    let start = SystemClock::new();
    let state = restored(&server, "large").await;
    println!("a restore of everything took {:?}", start.monotonic());
    assert_eq!((state.clients, state.zones), (1_004, 10_066));
    let held = store.entries().await.unwrap();
    let same = large.starting_with(b"zones/").eq(held.starting_with(b"zones/"));
    assert!(same, "the zones are as they were");
    let last = server.get(&format!("{ZONES}?operator_id=many&number=9999"), &writer).await;
    assert_eq!(last.json()["data"].as_array().unwrap().len(), 1, "{last:?}");
}
