//! A life under load: at four fifths of what the server can do, with everything that changes going on, some of
//! the crowds beside it, and a disk that is full, or fails, at times, its memory, its files and its store level off.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::process::shim::{self, Faults};
use crate::process::{ADMIN_AUDIENCE, AUDIENCE, Process, Site, demo_secret};
use crate::setting;
use crate::target::Target;
use crate::wire::Dialer;

/// Connections of the driver: it has no more under way than these, however slow the server is.
const CALLERS: usize = 16;
/// For how long the server is measured by default: enough to see that everything works.
const SHORT_S: usize = 4;
/// From how many seconds on the figures have to level off.
const LONG_S: usize = 30;
/// How often the figures are read.
const SAMPLES: u32 = 30;
/// How often the disk fails, and for how long each time.
const FAULTS: u32 = 10;
const FAULT_LASTS: Duration = Duration::from_millis(300);
/// Callers whose quotas no load uses up, in blocks small enough that one of them is leased every moment.
const LEASING: usize = 60;
const LEASED_QUOTA: u64 = 1_000_000;

/// Within this, a server whose disk is well again makes changes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What growth after the first half is not a leak, in bytes: allocators and caches that are not full yet.
const RESIDENT_SLACK: u64 = 24 * 1_024 * 1_024;
/// The same for the store, whose file grows by segments of 2 MiB.
const STORE_SLACK: u64 = 16 * 1_024 * 1_024;
/// What the store keeps of each change on purpose, at most: its entry in the audit log, and itself.
const KEPT_OF_A_CHANGE: u64 = 4 * 1_024;

#[derive(Clone, Copy, Debug)]
struct Sample {
    resident: u64,
    files: usize,
    store: u64,
}

type Figure = fn(&Sample) -> u64;

/// What was done so far.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    tokens: AtomicU64,
    changes: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    faults: AtomicU64,
    dropped: AtomicU64,
}

struct Driver {
    site: Site,
    dialer: Dialer,
    counts: Counts,
    tokens: Vec<String>,
    admin: String,
    faults: Faults,
    /// From when the disk fails until a change has been made again: what needs the disk may be 503.
    ailing: AtomicBool,
    stop: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_life_under_load_levels_off() {
    let seconds = setting("BOOMGATE_SOAK_SECONDS", SHORT_S);
    let mut site = Target::site(&[]);
    let faults = Faults::of(&mut site);
    // sled panics when its file cannot be synced, and to print where, all debug information would be read, for good.
    site.set("RUST_BACKTRACE", "0");
    let Target { site, process, dialer, .. } = Target::start_on(site).await;
    let driver = Arc::new(Driver::new(site, dialer, faults).await);

    // Unpaced for a moment: what the server can do beside this driver.
    let capacity = driver.capacity(Duration::from_millis(1_500)).await;
    let pace = Duration::from_secs_f64(CALLERS as f64 / (capacity * 0.8));
    let time = Duration::from_secs(seconds as u64);
    let mut driving = driver.drive(pace, time / FAULTS);
    let every = time / SAMPLES;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        tokio::time::sleep(every).await;
        let (sample, changes) = (driver.sample(&process), driver.counts.changes.load(Ordering::Relaxed));
        println!("soak: {sample:?} after {changes} changes");
        samples.push((sample, changes));
    }
    driver.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = driving.join_next().await {
        ended.unwrap();
    }

    let (first_half, second_half) = samples.split_at(samples.len() / 2);
    let peak = |half: &[(Sample, u64)], of: Figure| half.iter().map(|(sample, _)| of(sample)).max().unwrap();
    let changed = second_half.last().unwrap().1 - first_half.last().unwrap().1;
    let figures: [(&str, Figure, u64); 3] = [
        ("resident bytes", |sample| sample.resident, RESIDENT_SLACK),
        ("open files", |sample| sample.files as u64, 64),
        ("store bytes", |sample| sample.store, STORE_SLACK + changed * KEPT_OF_A_CHANGE),
    ];
    for (name, of, slack) in figures {
        let (before, after) = (peak(first_half, of), peak(second_half, of));
        println!("soak: {name}: at most {before} in the first half and {after} in the second");
        assert!(seconds < LONG_S || after <= before + before / 10 + slack, "{name} do not level off: {samples:?}");
    }
    let Counts { requests, tokens, changes, refused, unavailable, faults, dropped } = &driver.counts;
    println!(
        "soak: {seconds} s at 80 % of {capacity:.0} requests a second: {requests:?} requests, {tokens:?} tokens, \
        {changes:?} changes, {refused:?} refused by their quota, {faults:?} failures of the disk with \
        {unavailable:?} answers of 503, {dropped:?} hostile connections"
    );
    for count in [requests, changes, faults, unavailable] {
        assert!(count.load(Ordering::Relaxed) > 0);
    }
}

impl Driver {
    async fn new(site: Site, dialer: Dialer, faults: Faults) -> Self {
        let client = site.client(true);
        let url = format!("{}/oauth2/token", site.base);
        let admin = token(&client, &url, "demo-admin", demo_secret("demo-admin"), ADMIN_AUDIENCE).await;
        let mut tokens = Vec::new();
        // With quotas, so that blocks are leased all the while; most that no load uses up, and one that it does.
        let leasing = std::iter::repeat_n(json!(LEASED_QUOTA), LEASING);
        for quota in [Value::Null, json!(1_000_000_000), json!(2_000)].into_iter().chain(leasing) {
            let body = json!({
                "client_name": format!("Caller of {quota}"), "scope": "read:zones write:zones",
                "requests_per_second": 1_000_000, "burst": 1_000_000, "daily_quota": quota,
            });
            let url_of_clients = format!("{}/admin/clients", site.base);
            let answer = client.post(url_of_clients).bearer_auth(&admin).json(&body).send().await.unwrap();
            let registered: Value = answer.json().await.unwrap();
            let text = |member: &str| registered[member].as_str().unwrap_or_else(|| panic!("{registered}")).to_owned();
            tokens.push(token(&client, &url, &text("client_id"), &text("client_secret"), AUDIENCE).await);
        }
        let [ailing, stop] = [false; 2].map(AtomicBool::new);
        Self { site, dialer, counts: Counts::default(), tokens, admin, faults, ailing, stop }
    }

    /// Requests a second, when each caller asks again as soon as it is answered.
    async fn capacity(self: &Arc<Self>, time: Duration) -> f64 {
        let begun = Instant::now();
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (driver, client) = (self.clone(), self.site.client(false));
            callers.spawn(async move {
                let mut turn = number;
                while begun.elapsed() < time {
                    driver.call(&client, turn).await;
                    turn += 1;
                }
                turn - number
            });
        }
        let asked: usize = callers.join_all().await.into_iter().sum();
        asked as f64 / begun.elapsed().as_secs_f64()
    }

    /// The load, until it is stopped.
    fn drive(self: &Arc<Self>, pace: Duration, between_faults: Duration) -> JoinSet<()> {
        let mut driving = JoinSet::new();
        for number in 0..CALLERS {
            let (driver, client) = (self.clone(), self.site.client(number % 2 == 0));
            driving.spawn(async move {
                let mut ticks = tokio::time::interval(pace);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                for turn in number.. {
                    ticks.tick().await;
                    if driver.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    driver.call(&client, turn).await;
                }
            });
        }
        let driver = self.clone();
        driving.spawn(async move {
            let client = driver.site.client(true);
            while !driver.stop.load(Ordering::Relaxed) {
                let _ = driver.change(&client).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let driver = self.clone();
        driving.spawn(async move {
            while !driver.stop.load(Ordering::Relaxed) {
                driver.annoy().await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        let driver = self.clone();
        driving.spawn(async move {
            for (calls, errno) in [(shim::WRITES, shim::ENOSPC), (shim::SYNCS, shim::EIO)].into_iter().cycle() {
                // Never in the middle of a failure: that would outlive this.
                tokio::time::sleep(between_faults.saturating_sub(FAULT_LASTS)).await;
                if driver.stop.load(Ordering::Relaxed) {
                    return;
                }
                driver.fail(calls, errno).await;
            }
        });
        driving
    }

    async fn call(&self, client: &Client, turn: usize) {
        let ailing = self.ailing.load(Ordering::SeqCst);
        let url = format!("{}/parking/zones?limit=5", self.site.base);
        let answer = client.get(url).bearer_auth(&self.tokens[turn % self.tokens.len()]).send().await.unwrap();
        match answer.status().as_u16() {
            200 => {
                // An answer that is let go of unread resets its stream, and after a thousand the connection ends.
                answer.bytes().await.unwrap();
                self.counts.requests.fetch_add(1, Ordering::Relaxed)
            }
            429 => self.counts.refused.fetch_add(1, Ordering::Relaxed),
            503 if ailing || self.ailing.load(Ordering::SeqCst) => {
                self.counts.unavailable.fetch_add(1, Ordering::Relaxed)
            }
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        };
        if turn.is_multiple_of(64) {
            let url = format!("{}/oauth2/token", self.site.base);
            token(client, &url, "demo-reader", demo_secret("demo-reader"), AUDIENCE).await;
            self.counts.tokens.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The disk fails for a moment; then, before long, changes are made again.
    async fn fail(&self, calls: &str, errno: i32) {
        self.ailing.store(true, Ordering::SeqCst);
        self.faults.start(calls, errno, 0, u32::MAX);
        self.counts.faults.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(FAULT_LASTS).await;
        self.faults.stop();
        let client = self.site.client(true);
        let mended = Instant::now();
        while self.change(&client).await.is_none() {
            assert!(mended.elapsed() < PATIENCE, "the disk is well again, and the server is not");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.ailing.store(false, Ordering::SeqCst);
    }

    /// A client comes, gets a token that is revoked, and goes; so does a zone. `None` is when the disk failed on
    /// the way, and what had come before that stays.
    async fn change(&self, client: &Client) -> Option<()> {
        let base = &self.site.base;
        let body = json!({ "client_name": "Passing", "scope": "read:zones" });
        let registered =
            self.send(client.post(format!("{base}/admin/clients")).bearer_auth(&self.admin).json(&body)).await?;
        let text = |member: &str| registered[member].as_str().unwrap().to_owned();
        let (id, secret) = (text("client_id"), text("client_secret"));
        let passing = token(client, &format!("{base}/oauth2/token"), &id, &secret, AUDIENCE).await;
        let revoked = client.post(format!("{base}/oauth2/revoke")).form(&[
            ("client_id", id.as_str()),
            ("client_secret", secret.as_str()),
            ("token", passing.as_str()),
        ]);
        self.send(revoked).await?;
        let zones = format!("{base}/parking/zones");
        let refused = client.get(&zones).bearer_auth(&passing).send().await.unwrap();
        assert_eq!(refused.status(), 401, "a revoked token works");
        self.send(client.delete(format!("{base}/admin/clients/{id}")).bearer_auth(&self.admin)).await?;

        let number = uuid::Uuid::new_v4().simple().to_string();
        let zone = json!({
            "number": number, "name": "Passing", "operator_id": "soak", "session_type": "vehicle",
            "location": { "latitude": 1, "longitude": 1 },
        });
        let writer = &self.tokens[0];
        let created = self.send(client.post(&zones).bearer_auth(writer).json(&zone)).await?;
        self.send(client.delete(format!("{zones}/{}", created["id"].as_str().unwrap())).bearer_auth(writer)).await?;
        Some(())
    }

    /// Asks for a change, which is only refused when the disk fails.
    async fn send(&self, request: reqwest::RequestBuilder) -> Option<Value> {
        let ailing = self.ailing.load(Ordering::SeqCst);
        let answer = request.send().await.unwrap();
        if answer.status() == 503 && (ailing || self.ailing.load(Ordering::SeqCst)) {
            self.counts.unavailable.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        assert!(answer.status().is_success(), "{} {}", answer.url().clone(), answer.text().await.unwrap());
        self.counts.changes.fetch_add(1, Ordering::Relaxed);
        Some(answer.json().await.unwrap_or_default())
    }

    /// Connections that say nothing, half a hello, or half a request, and go.
    async fn annoy(&self) {
        let alpn: [&[&[u8]]; 2] = [&[b"h2"], &[b"http/1.1"]];
        for protocols in alpn {
            let mut connection = self.dialer.connect(protocols).await.unwrap();
            connection.send(b"GET /parking/zones HTTP/1.1\r\nHost: ").await;
            let mut socket = self.dialer.socket().await.unwrap();
            let _half = tokio::io::AsyncWriteExt::write_all(&mut socket, b"\x16\x03\x01").await;
            self.counts.dropped.fetch_add(2, Ordering::Relaxed);
        }
    }

    fn sample(&self, process: &Process) -> Sample {
        let store = size(&self.site.data_dir().join("db"));
        Sample { resident: process.resident_bytes(), files: process.open_files(), store }
    }
}

/// What the files of a folder take.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    // A file may go while it is looked at.
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    });
    sizes.sum()
}

async fn token(client: &Client, url: &str, client_id: &str, secret: &str, audience: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("audience", audience),
    ];
    let answer = client.post(url).form(&form).send().await.unwrap();
    let issued: Value = answer.json().await.unwrap();
    issued["access_token"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned()
}
