//! A stop takes a bounded time, whatever hangs, and the exit code says how it ended.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use boomgate::server::RunError;
use boomgate::store::{Key, MemoryStore, Outcome, Store, StoreError, Txn, Value as Stored, Watch};
use serde_json::json;

use crate::harness::{AUDIENCE, TestServer, WRITER, answer, secret};
use crate::log::token;
use crate::process::Site;
use crate::process::shim::{ALL_HANG, EIO, Faults};

/// How long a stop may take that waits for nothing, on a machine that runs all other tests at the same time.
const SOON: Duration = Duration::from_secs(15);
/// How long a stop may take that waits for its bounds: 1 s for requests and 1 s for the store, with a margin for each.
const BOUNDED: Duration = Duration::from_secs(25);
/// Never, in a test.
const LONG_S: &str = "600";

const CUT_OFF: i32 = 3;
const HELD_UP: i32 = 4;

/// A store that stops answering.
struct HangingStore {
    store: MemoryStore,
    hangs: AtomicBool,
}

impl HangingStore {
    async fn pass(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Store for HangingStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.pass().await;
        self.store.get(key).await
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Stored)>, StoreError> {
        self.pass().await;
        self.store.scan(prefix, after, limit).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        self.pass().await;
        self.store.commit(txn).await
    }

    fn watch(&self) -> Watch {
        self.store.watch()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.pass().await;
        self.store.close().await
    }
}

#[tokio::test]
async fn a_server_ends_although_its_store_never_answers() {
    let store = Arc::new(HangingStore { store: MemoryStore::new(), hangs: AtomicBool::new(false) });
    let server = TestServer::start_over_with(store.clone(), |config| {
        config.http.shutdown_timeout = Duration::from_secs(1);
        config.store_close_timeout = Duration::from_secs(1);
    })
    .await;
    // Units are leased, so there is something to return.
    let reader = server.token(WRITER).await;
    assert_eq!(server.get("/parking/zones", &reader).await.status, 200);
    store.hangs.store(true, Ordering::SeqCst);
    let (ended, _) = tokio::time::timeout(BOUNDED, server.end()).await.expect("the server ends");
    assert!(matches!(ended, Err(RunError::StoreHangs(1))), "{ended:?}");
}

#[tokio::test]
async fn a_process_ends_with_code_4_although_its_disk_never_answers() {
    let mut site = bounded(&[("BOOMGATE_STORE_CLOSE_TIMEOUT_S", "1")]);
    let faults = Faults::of(&mut site);
    let mut process = site.start();
    let client = site.client(true);
    let writer = token(&client, &site.base, WRITER, &secret(WRITER), AUDIENCE).await;
    faults.start(ALL_HANG, EIO, 0, u32::MAX);
    let zone = json!({
        "number": "9001", "name": "Quay", "operator_id": "a", "session_type": "vehicle",
        "location": { "latitude": 1, "longitude": 1 },
    });
    let change = client.post(format!("{}/parking/zones", site.base)).bearer_auth(&writer).json(&zone);
    let hanging = tokio::spawn(change.send());
    // The stop has begun when the store no longer answers other calls.
    let ready = || answer(client.get(format!("{}/readyz", site.base)).timeout(Duration::from_secs(60)));
    while ready().await.status == 200 {}
    process.terminate();
    process.wait_for("Stopping");
    let (status, lines) = process.end_within(BOUNDED);
    assert_eq!(status.code(), Some(HELD_UP), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains("store_close_timeout_s")), "{lines:?}");
    hanging.abort();
}

#[test]
fn a_start_that_hangs_ends_at_the_first_signal_with_code_3() {
    for signal in ["TERM", "INT"] {
        let site = Site::new(&[("BOOMGATE_LOG__LEVEL", "debug")]);
        // Its store is a pipe without a writer.
        let folder = site.data_dir().join("db");
        let make = "umask 077 && mkdir -p \"$0\" && mkfifo \"$0/db\"";
        assert!(Command::new("sh").args(["-c", make]).arg(&folder).status().unwrap().success());
        let process = site.spawn();
        // From now on it hangs.
        while !folder.join("lock").exists() {
            std::thread::yield_now();
        }
        process.signal(signal);
        let (status, lines) = process.end_within(SOON);
        assert_eq!(status.code(), Some(CUT_OFF), "{lines:?}");
        assert!(lines.last().is_some_and(|line| line.contains("before it was ready")), "{lines:?}");
    }
}

#[test]
fn a_client_that_hangs_is_cut_off_in_time_and_the_code_is_3() {
    let site = bounded(&[]);
    let mut process = site.start();
    let _hanging = [site.request_under_way(), site.request_under_way()];
    process.terminate();
    process.wait_for("Stopping");
    let (status, lines) = process.end_within(BOUNDED);
    assert_eq!(status.code(), Some(CUT_OFF), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains("2 requests under way were cut off")), "{lines:?}");
}

#[test]
fn a_second_signal_stops_at_once_and_the_code_is_3() {
    let site = Site::new(&[("BOOMGATE_HTTP__SHUTDOWN_TIMEOUT_S", LONG_S)]);
    let mut process = site.start();
    let _hanging = site.request_under_way();
    process.terminate();
    process.wait_for("Stopping");
    process.signal_until_it_ends("INT");
    let (status, lines) = process.end_within(SOON);
    assert_eq!(status.code(), Some(CUT_OFF), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains("stopped at once")), "{lines:?}");
}

#[test]
fn two_signals_of_one_stop_let_requests_end() {
    for [first, second] in [["TERM", "TERM"], ["TERM", "INT"], ["HUP", "TERM"]] {
        let site = bounded(&[]);
        let mut process = site.start();
        let pid = process.id().to_string();
        let both = "kill -s \"$0\" \"$2\"; kill -s \"$1\" \"$2\"";
        assert!(Command::new("sh").args(["-c", both, first, second, &pid]).status().unwrap().success());
        process.wait_for("Stopping");
        let (status, lines) = process.end_within(BOUNDED);
        assert!(status.success(), "{first} {second}: {status}: {lines:?}");
    }
}

#[test]
fn a_hangup_is_a_stop_unless_it_is_ignored() {
    let site = bounded(&[]);
    let mut process = site.start();
    process.signal("HUP");
    process.wait_for("Stopping");
    let (status, lines) = process.end_within(BOUNDED);
    assert!(status.success(), "{status}: {lines:?}");

    let site = bounded(&[]);
    let mut process = site.start_ignoring_hangups();
    process.signal("HUP");
    let _still_there = site.request_under_way();
    process.terminate();
    process.wait_for("Stopping");
    let (status, lines) = process.end_within(BOUNDED);
    assert_eq!(status.code(), Some(CUT_OFF), "{lines:?}");
}

#[test]
fn a_second_signal_ends_a_stop_that_waits_for_the_disk() {
    let mut site = bounded(&[("BOOMGATE_STORE_CLOSE_TIMEOUT_S", LONG_S)]);
    let faults = Faults::of(&mut site);
    let mut process = site.start();
    faults.start(ALL_HANG, EIO, 0, u32::MAX);
    process.terminate();
    process.wait_for("Stopping");
    process.signal_until_it_ends("TERM");
    let (status, lines) = process.end_within(SOON);
    assert_eq!(status.code(), Some(CUT_OFF), "{lines:?}");
}

#[test]
fn idle_connections_do_not_delay_a_stop() {
    let site = Site::new(&[("BOOMGATE_HTTP__SHUTDOWN_TIMEOUT_S", LONG_S)]);
    let mut process = site.start();
    // Some have sent nothing, some have finished the TLS handshake.
    let _silent: Vec<_> = (0..150).map(|_| std::net::TcpStream::connect(site.address()).unwrap()).collect();
    let _open: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = site.connect();
            stream.conn.complete_io(&mut stream.sock).unwrap();
            stream
        })
        .collect();
    process.terminate();
    process.wait_for("Stopping");
    let (status, lines) = process.end_within(SOON);
    assert!(status.success(), "{status}: {lines:?}");
}

/// A server whose requests have 1 s to end.
fn bounded(more: &[(&'static str, &str)]) -> Site {
    Site::new(&[&[("BOOMGATE_HTTP__SHUTDOWN_TIMEOUT_S", "1")], more].concat())
}
