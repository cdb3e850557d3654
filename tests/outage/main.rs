//! A disk that fails under a real server: full, read-only, with syncs and writes that do not succeed. What
//! cannot be made durable is 503; reads, tokens and admissions within leased quota go on; when the disk is well
//! again, so is the server, without a restart. Then nothing that was acknowledged is lost, the audit log is
//! unbroken, and no quota has admitted more than it has.
//!
//! Faults come from the shim (`tests/process/shim.c`), from a limit of the kernel's on the size of files, which
//! leaves writes half-done, and, where a file system may be mounted, from a small one that is full. A disk that
//! hangs, or returns other than what was written, is not tried.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program exports nothing, and a test that cannot go on fails"
)]

#[path = "../powercut/facts.rs"]
mod facts;
#[path = "../crash/gate.rs"]
mod gate;
#[path = "../process/mod.rs"]
mod process;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use boomgate::clients::Clients;
use boomgate::store::{SledStore, Store};
use boomgate::time::{Clock as _, SystemClock};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::facts::{Fact, Facts};
use crate::gate::Gate;
use crate::process::shim::{self, Faults};
use crate::process::{AUDIENCE, Process, Site, demo_secret};

/// Three units in a block.
const QUOTA: u64 = 300;
const BLOCK: u64 = 3;
/// Units that are spent before the disk fails: more than half of the block is left, so no lease is under way.
const SPENT: u64 = 1;
/// How often a change is asked for while the disk does not work.
const ATTEMPTS: usize = 5;
/// What the server reads of its store at a time: see `store::sled`.
const PART_BYTES: u64 = 256 * 1024;
/// How many registrations a full disk may have room for.
const LITTLE: usize = 20;
/// How many more are refused in a row: the log does not grow with them.
const FLOOD: usize = 50;
/// Within this, the server answers, whatever its disk does.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions whether the server is well again.
const PAUSE: Duration = Duration::from_millis(50);

const SETTINGS: [(&str, &str); 7] = [
    ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_CLIENT_DEFAULTS__REQUESTS_PER_SECOND", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__BURST", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__DAILY_QUOTA", "unlimited"),
    ("BOOMGATE_WORKERS", "2"),
    ("BOOMGATE_LOG__LEVEL", "warn"),
];

/// Whether every change fails until the disk is mended, or one may be all that does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    UntilMended,
    Once,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_a_full_disk_a_read_only_one_and_one_with_errors() {
    let mut site = Site::new(&SETTINGS);
    let faults = Faults::of(&mut site);
    let mut server = Server::start(site).await;

    let rows = [
        ("the disk is full", shim::WRITES, shim::ENOSPC, 0, u32::MAX, Lasts::UntilMended),
        ("the disk is full in the middle of a batch", shim::WRITES, shim::ENOSPC, 1, u32::MAX, Lasts::UntilMended),
        ("the disk is read-only", shim::ALL, shim::EROFS, 0, u32::MAX, Lasts::UntilMended),
        ("no sync succeeds", shim::SYNCS, shim::EIO, 0, u32::MAX, Lasts::UntilMended),
        ("one sync fails", shim::SYNCS, shim::EIO, 0, 1, Lasts::Once),
        ("one write fails", shim::WRITES, shim::EIO, 0, 1, Lasts::Once),
        ("the second write fails", shim::WRITES, shim::EIO, 1, 1, Lasts::Once),
        ("one write-back fails", shim::SYNC_RANGES, shim::EIO, 0, 1, Lasts::Once),
        ("the second write-back fails", shim::SYNC_RANGES, shim::EIO, 1, 1, Lasts::Once),
        // sled wakes no waiter when this is the first write of a batch, and all others have succeeded.
        ("one write-back fails late", shim::LATE_SYNC_RANGES, shim::EIO, 0, 1, Lasts::Once),
        ("the disk fails while it is opened again", shim::ALL, shim::EIO, 1, 3, Lasts::Once),
        ("the disk fails late while it is opened again", shim::ALL, shim::EIO, 2, 12, Lasts::Once),
    ];
    for (what, calls, errno, skip, count, lasts) in rows {
        let mend = || faults.stop();
        server.goes_through(what, || faults.start(calls, errno, skip, count), mend, lasts).await;
    }
    server.stops_with_all_it_acknowledged().await;
}

/// sled takes what it cannot read for the end of its log, and clears what follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_read_while_the_store_opens_loses_nothing() {
    let mut site = Site::new(&SETTINGS);
    let faults = Faults::of(&mut site);
    let mut server = Server::start(site).await;
    for _ in 0..LITTLE {
        assert_eq!(server.register(QUOTA).await.0, 201);
    }
    // A write fails, and then no read succeeds: the folder does not open again.
    faults.start(shim::WRITES, shim::EIO, 0, 1);
    server.is_refused_at_last("one write fails").await;
    faults.start(shim::READS, shim::EIO, 0, u32::MAX);
    for _ in 0..ATTEMPTS {
        tokio::time::sleep(2 * PAUSE).await;
        let (status, answer) = server.register(QUOTA).await;
        assert_eq!(status, 503, "{answer}");
    }
    faults.stop();
    server.is_well_again("no read succeeds").await;

    // Nor does it when the server starts, which says so. What was read once is in the kernel's cache.
    let facts = server.facts.clone();
    let site = server.stops_with_all_it_acknowledged().await;
    let parts = u32::try_from(fs::metadata(site.data_dir().join("db/db")).unwrap().len() / PART_BYTES).unwrap();
    for part in [0, 1, 2, 5, parts - 1] {
        faults.start(shim::READS, shim::EIO, part, u32::MAX);
        let (status, complaints) = site.spawn().wait();
        assert_eq!(status.code(), Some(1), "{}", complaints.join("\n"));
        faults.stop();
    }
    let process = site.start();
    process.terminate();
    assert!(process.wait().0.success());
    let _held = facts.held_by(&site.data_dir()).await.unwrap();
}

/// The kernel writes what fits, and refuses the rest: writes are half-done, as on a disk that has just
/// become full. It works wherever the tests do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_a_limit_on_the_size_of_its_files() {
    for room in [0, 700, 5_000] {
        let mut site = Site::new(&SETTINGS);
        // It keeps the signal that comes with the refusal from ending the process.
        site.set("SHIM_FAULTS", site.folder().join("never"));
        site.set("LD_PRELOAD", shim::library());
        let mut server = Server::start(site).await;
        let (pid, db) = (server.process.id().to_string(), server.site.data_dir().join("db/db"));
        let limit = |limit: &str| {
            let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status();
            assert!(limited.expect("prlimit, of util-linux").success());
        };
        let start = || limit(&(fs::metadata(&db).unwrap().len() + room).to_string());
        let what = format!("{room} bytes are left");
        server.goes_through(&what, start, || limit("unlimited"), Lasts::UntilMended).await;
        server.stops_with_all_it_acknowledged().await;
    }
}

/// A file system of its own that is full, where this process may mount one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_a_file_system_that_is_full() {
    let site = Site::new(&SETTINGS);
    let Some(mounted) = Mounted::on(site.folder()) else {
        println!("outage: no file system may be mounted here: the limit on file sizes is tried alone");
        return;
    };
    let mut server = Server::start(site).await;
    let ballast = server.site.folder().join("ballast");
    let mend = || fs::remove_file(&ballast).unwrap();
    server.goes_through("the file system is full", || fill(&ballast), mend, Lasts::UntilMended).await;
    let site = server.stops_with_all_it_acknowledged().await;
    // A folder that something is mounted on cannot be removed.
    drop(mounted);
    drop(site);
}

/// Writes until nothing more goes in.
fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// A small file system in memory, until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn on(folder: &Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=700", "boomgate-test"])
            .arg(folder)
            .output();
        mount.is_ok_and(|mount| mount.status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that a failed test leaves behind still has files there.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// A server, and what it has acknowledged.
struct Server {
    site: Site,
    process: Process,
    gate: Gate,
    facts: Facts,
    /// How many changes were refused.
    refused: usize,
}

/// A client with a quota, and how much of it has been admitted.
struct Limited {
    client_id: String,
    token: String,
    admitted: u64,
}

impl Server {
    async fn start(site: Site) -> Self {
        let process = site.start();
        let gate = Gate::open(&site).await;
        // What a client spends from is leased at its first request.
        assert_eq!(asked(gate.get("/parking/zones?limit=1", &gate.writer)).await.0, 200);
        Self { site, process, gate, facts: Facts::default(), refused: 0 }
    }

    /// Lets the disk fail, and mends it.
    async fn goes_through(&mut self, what: &str, start: impl Fn(), mend: impl Fn(), lasts: Lasts) {
        println!("outage: {what}");
        let mut limited = self.limited(what).await;
        for _ in 0..SPENT {
            assert_eq!(self.call(&mut limited).await, 200, "{what}");
        }
        let revoked = self.gate.sure_token("demo-reader", demo_secret("demo-reader"), AUDIENCE).await;

        start();
        self.is_refused_at_last(what).await;
        for _ in 0..ATTEMPTS {
            let (status, answer) = self.register(QUOTA).await;
            assert!(status == 503 || lasts == Lasts::Once, "{what}: {status} {answer}");
        }
        if lasts == Lasts::UntilMended {
            assert_eq!(self.ready().await, 503, "{what}");
            for _ in 0..FLOOD {
                assert_eq!(self.revoke(&revoked).await, 503, "{what}");
            }
            let mut statuses = Vec::new();
            for _ in 0..ATTEMPTS {
                statuses.push(self.call(&mut limited).await);
            }
            let held = usize::try_from(BLOCK - SPENT).unwrap();
            let expected: Vec<u16> = (0..ATTEMPTS).map(|at| if at < held { 200 } else { 503 }).collect();
            assert_eq!(statuses, expected, "{what}: what was leased is admitted, and nothing else");
        }
        let zones = self.gate.get("/parking/zones?limit=3", &self.gate.writer);
        let (status, zones) = asked(zones).await;
        assert_eq!((status, zones["data"].as_array().map(Vec::len)), (200, Some(3)), "{what}");
        let token = self.gate.token_request("demo-reader", demo_secret("demo-reader"), AUDIENCE);
        assert_eq!(asked(token).await.0, 200, "{what}");
        mend();

        self.is_well_again(what).await;
        assert_eq!(self.revoke(&revoked).await, 200, "{what}");
        assert_eq!(asked(self.gate.get("/parking/zones?limit=1", &revoked)).await.0, 401, "{what}");
        self.exhaust(limited, what).await;
    }

    /// A full disk may have room for a little more.
    async fn is_refused_at_last(&mut self, what: &str) {
        for _ in 0..LITTLE {
            let (status, answer) = self.register(QUOTA).await;
            if status == 503 {
                return;
            }
            assert_eq!(status, 201, "{what}: {answer}");
        }
        panic!("{what}: nothing was refused");
    }

    /// Waits until a change is made again.
    async fn is_well_again(&mut self, what: &str) {
        let well = tokio::time::timeout(PATIENCE, async {
            while self.register(QUOTA).await.0 != 201 {
                tokio::time::sleep(PAUSE).await;
            }
        });
        well.await.unwrap_or_else(|_| panic!("{what}: the disk is well again, and the server is not"));
        assert_eq!(self.ready().await, 200, "{what}");
    }

    async fn ready(&self) -> u16 {
        let probe = self.gate.request(Method::GET, "/readyz").timeout(PATIENCE);
        probe.send().await.unwrap().status().as_u16()
    }

    async fn limited(&mut self, what: &str) -> Limited {
        let (status, answer) = self.register(QUOTA).await;
        assert_eq!(status, 201, "{what}: {answer}");
        let [client_id, secret] = ["client_id", "client_secret"].map(|name| answer[name].as_str().unwrap().to_owned());
        let token = self.gate.sure_token(&client_id, &secret, AUDIENCE).await;
        Limited { client_id, token, admitted: 0 }
    }

    /// Spends all that is left: what a lost answer had leased may be lost, and no unit is there twice.
    async fn exhaust(&mut self, mut limited: Limited, what: &str) {
        while self.call(&mut limited).await == 200 {}
        let (Limited { admitted, client_id, .. }, lost) = (&limited, BLOCK * (ATTEMPTS as u64 + 2));
        assert!(*admitted <= QUOTA, "{what}: {client_id} was admitted {admitted} times of {QUOTA}");
        assert!(*admitted + lost >= QUOTA, "{what}: {client_id} was admitted only {admitted} times of {QUOTA}");
        assert_eq!(self.call(&mut limited).await, 429, "{what}");
    }

    async fn call(&mut self, limited: &mut Limited) -> u16 {
        let day = SystemClock::new().now().day().to_string();
        let (status, _) = asked(self.gate.get_alone("/parking/zones?limit=1", &limited.token)).await;
        if status == 200 {
            limited.admitted += 1;
            self.facts.add(Fact::Admitted { client_id: limited.client_id.clone(), day });
        }
        status
    }

    async fn register(&mut self, quota: u64) -> (u16, Value) {
        let body =
            json!({ "client_name": format!("Outage {}", Uuid::new_v4()), "scope": "read:zones", "daily_quota": quota });
        let request = self.gate.request(Method::POST, "/admin/clients").bearer_auth(&self.gate.admin).json(&body);
        let (status, answer) = asked(request).await;
        if status == 201 {
            let [client_id, secret] =
                ["client_id", "client_secret"].map(|name| answer[name].as_str().unwrap().to_owned());
            self.facts.add(Fact::Registered { client_id, secret });
        }
        (status, answer)
    }

    async fn revoke(&mut self, token: &str) -> u16 {
        let body = json!({ "token": token });
        let request = self.gate.request(Method::POST, "/admin/revocations").bearer_auth(&self.gate.admin).json(&body);
        let (status, answer) = asked(request).await;
        self.refused += usize::from(status == 503);
        if status == 200 {
            self.facts.add(Fact::TokenRevoked { jti: answer["jti"].as_str().unwrap().parse().unwrap() });
        }
        status
    }

    /// What requests go by, in memory, is what is on the disk: also of what was refused and is there all the
    /// same, for its failure came after it was written.
    async fn stops_with_all_it_acknowledged(self) -> Site {
        let shown = self.shown().await;
        self.process.terminate();
        let (status, complaints) = self.process.wait();
        assert!(status.success(), "{status}: {}", complaints.join("\n"));
        // Whatever panicked: nothing was written past the log.
        assert!(complaints.iter().all(|line| line.starts_with('{')), "{}", complaints.join("\n"));
        let lines = |text: &str| complaints.iter().filter(|line| line.contains(text)).count();
        let (logged, refused) = (lines("a request was not served"), self.refused);
        assert!(logged > 0 || refused == 0, "{refused} refusals, and nothing in the log");
        assert!(logged < refused / 2 || refused < FLOOD, "{logged} lines for {refused} refusals");
        assert!(lines("left out") > 0 || refused < FLOOD, "{}", complaints.join("\n"));
        println!("outage: {logged} lines of the log for {refused} refused changes");
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&self.site.data_dir().join("db")).unwrap());
        let stored = Clients::open(store.clone()).await.unwrap().list(None, usize::MAX, |_| true);
        let stored: BTreeSet<String> = stored.clients.iter().map(|client| client.client_id.to_string()).collect();
        assert_eq!(shown, stored, "clients in memory, and on the disk");
        store.close().await.unwrap();
        let _held = self.facts.held_by(&self.site.data_dir()).await.unwrap();
        println!("outage: 0 of {} acknowledged facts were lost", self.facts.acknowledged().len());
        self.site
    }

    /// All clients that the server tells of.
    async fn shown(&self) -> BTreeSet<String> {
        let (mut shown, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let request = self.gate.get(&format!("/admin/clients?limit=100{cursor}"), &self.gate.admin);
            let (status, page) = asked(request).await;
            assert_eq!(status, 200, "{page}");
            let clients = page["data"].as_array().unwrap();
            shown.extend(clients.iter().map(|client| client["client_id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { return shown };
            cursor = format!("&cursor={next}");
        }
    }
}

/// The answer, which comes in time.
async fn asked(request: RequestBuilder) -> (u16, Value) {
    let answer = async {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert!(status != 503 || response.headers().contains_key("retry-after"));
        (status, response.json().await.unwrap_or_default())
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("an answer, whatever the disk does")
}
