//! The server that is attacked, and the well-behaved client that it must go on serving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::process::{ADMIN_AUDIENCE, AUDIENCE, Process, Site, demo_secret};
use crate::wire::{Connection, Dialer};

/// What the well-behaved client waits for at most, on a machine that runs all other tests at the same time
/// and an attacker beside it.
const ENOUGH: Duration = Duration::from_secs(10);
/// How long a bound may take to show.
const PATIENCE: Duration = Duration::from_secs(60);

/// Short bounds, so that each is met.
const SETTINGS: [(&str, &str); 8] = [
    ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_WORKERS", "2"),
    ("BOOMGATE_LOG__LEVEL", "warn"),
    // Its open files are counted from outside.
    ("BOOMGATE_ALLOW_DEBUGGING", "true"),
    ("BOOMGATE_HTTP__REQUEST_TIMEOUT_S", "2"),
    ("BOOMGATE_HTTP__HANDSHAKE_TIMEOUT_S", "2"),
    ("BOOMGATE_HTTP__MAX_CONNECTIONS", "20000"),
];

/// A server with limits that no well-behaved client meets.
pub struct Target {
    pub site: Site,
    pub process: Process,
    pub dialer: Dialer,
    pub token: String,
    files: usize,
}

/// A client that asks for a zone again and again, over HTTP/1.1 and HTTP/2 in turn, on connections old and new.
pub struct Witness {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<(usize, Duration)>,
}

impl Target {
    pub async fn start() -> Self {
        Self::start_on(Self::site(&[])).await
    }

    /// Where a server with these settings, and more, will live.
    pub fn site(more: &[(&'static str, &'static str)]) -> Site {
        Site::new(&[&SETTINGS, more].concat())
    }

    pub async fn start_on(site: Site) -> Self {
        let process = site.start();
        let dialer = Dialer::new(&site);
        let token = token(&site).await;
        let mut target = Self { site, process, dialer, token, files: 0 };
        // What every life opens once is there before anything is counted.
        target.witness().served().await;
        target.files = target.process.open_files();
        target
    }

    pub async fn connect(&self, alpn: &[&[u8]]) -> Connection {
        self.dialer.connect(alpn).await.unwrap()
    }

    pub fn witness(&self) -> Witness {
        let stop = Arc::<AtomicBool>::default();
        let (stopped, token) = (stop.clone(), self.token.clone());
        let url = format!("{}/parking/zones?limit=1", self.site.base);
        let shared = [self.site.client(false), self.site.client(true)];
        let fresh = [self.site.client(false), self.site.client(true)];
        let asking = tokio::spawn(async move {
            let (mut served, mut slowest) = (0, Duration::ZERO);
            // At least both protocols on both kinds of connections.
            while served < 4 || !stopped.load(Ordering::Relaxed) {
                let client = match served % 4 {
                    kind @ 0..2 => shared[kind].clone(),
                    kind => fresh[kind - 2].clone(),
                };
                let waited = ask(&client, &url, &token).await;
                (served, slowest) = (served + 1, slowest.max(waited));
                // A client like others, not another attack.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (served, slowest)
        });
        Witness { stop, asking }
    }

    /// Waits until the server holds no more files than before the attack, give or take the clients' own.
    pub async fn lets_go(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.process.open_files() > self.files + 16 {
            assert!(Instant::now() < deadline, "{} files open, {} before", self.process.open_files(), self.files);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a metric's series whose labels contain `label` have come to `least`; how far they are then.
    pub async fn counts(&self, name: &str, label: &str, least: u64) -> u64 {
        let admin = token_of(&self.site, "demo-admin", ADMIN_AUDIENCE).await;
        let client = self.site.client(true);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(format!("{}/metrics", self.site.base)).bearer_auth(&admin).send().await.unwrap();
            let text = answer.text().await.unwrap();
            let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
            let sum = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
            if sum >= least {
                return sum;
            }
            assert!(Instant::now() < deadline, "{name} {label} is {sum}, and not yet {least}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Witness {
    /// Ends it; how often it was served, and the longest that it waited.
    pub async fn served(self) -> (usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let (served, slowest) = self.asking.await.unwrap();
        assert!(slowest < ENOUGH, "a well-behaved client waited for {slowest:?}");
        (served, slowest)
    }
}

async fn ask(client: &Client, url: &str, token: &str) -> Duration {
    let asked = Instant::now();
    let answer = client.get(url).bearer_auth(token).send().await.expect("a well-behaved client is served");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    answer.bytes().await.unwrap();
    asked.elapsed()
}

/// A token of a new client, with limits that nothing here meets.
async fn token(site: &Site) -> String {
    let admin = token_of(site, "demo-admin", ADMIN_AUDIENCE).await;
    let body = serde_json::json!({
        "client_name": "Witness", "scope": "read:zones write:zones",
        "requests_per_second": 1_000_000, "burst": 1_000_000, "daily_quota": null,
    });
    let client = site.client(false);
    let answer =
        client.post(format!("{}/admin/clients", site.base)).bearer_auth(admin).json(&body).send().await.unwrap();
    let registered: Value = answer.json().await.unwrap();
    let text = |member: &str| registered[member].as_str().unwrap_or_else(|| panic!("{registered}")).to_owned();
    token_with(site, &text("client_id"), &text("client_secret"), AUDIENCE).await
}

async fn token_of(site: &Site, client_id: &str, audience: &str) -> String {
    token_with(site, client_id, demo_secret(client_id), audience).await
}

async fn token_with(site: &Site, client_id: &str, secret: &str, audience: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("audience", audience),
    ];
    let answer = site.client(false).post(format!("{}/oauth2/token", site.base)).form(&form).send().await.unwrap();
    let issued: Value = answer.json().await.unwrap();
    issued["access_token"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned()
}
