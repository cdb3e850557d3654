//! `make bench`: what a guarded request and a token cost beside handlers that do nothing.
//!
//! A sandbox and `examples/bare.rs`, one worker each, the same TLS, answer the same requests of `wrk` in
//! turns, so that whatever else the machine does falls on both. What counts is the server's CPU time for a
//! request: it does not depend on how fast the client is. `--rounds N` and `--seconds N` after `--`.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the real clock, and waits for processes to come up")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Keep-alive connections that `wrk` holds.
const CONNECTIONS: u32 = 32;

/// What is promised: CPU of ours over CPU of the bare handler.
const GUARDED_TARGET: f64 = 1.5;
const TOKEN_TARGET: f64 = 1.3;

/// Linux counts CPU time in hundredths of a second for every reader of /proc (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> anyhow::Result<()> {
    let options = Options::parse()?;
    if Command::new("wrk").arg("-v").output().is_err() {
        bail!("this needs wrk: apt-get install -y wrk");
    }
    let work = TempDir::new()?;
    let sandbox = Sandbox::start(work.path())?;
    println!("ready {} ms after exec, idle RSS {:.1} MB\n", sandbox.ready.as_millis(), sandbox.server.rss_mb()?);

    let client = sandbox.register_client()?;
    let token = sandbox.token(&client.id, &client.secret, &client.audience)?;
    let (zone_path, zone) = sandbox.any_zone(&token)?;
    let body_file = work.path().join("zone.json");
    fs::write(&body_file, &zone)?;
    let bare = Server::bare(work.path(), &body_file)?;

    let guarded =
        Script::new(work.path().join("zone.lua"), &format!("wrk.headers[\"Authorization\"] = \"Bearer {token}\"\n"))?;
    compare(
        &options,
        "GET /parking/zones/{id}",
        GUARDED_TARGET,
        &Load { server: &bare, path: &zone_path, script: &guarded },
        &Load { server: &sandbox.server, path: &zone_path, script: &guarded },
    )?;

    let grant = Script::new(work.path().join("token.lua"), &client.token_script())?;
    compare(
        &options,
        "POST of a form for a token",
        TOKEN_TARGET,
        &Load { server: &bare, path: "/bare/token", script: &grant },
        &Load { server: &sandbox.server, path: "/shared/access-tokens", script: &grant },
    )
}

struct Options {
    rounds: usize,
    seconds: u32,
}

impl Options {
    fn parse() -> anyhow::Result<Self> {
        let mut options = Self { rounds: 5, seconds: 3 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a number"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
                "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
                // What cargo adds by itself.
                "--bench" => {}
                _ => bail!("{argument} is not known: --rounds N, --seconds N"),
            }
        }
        ensure!(options.rounds > 0 && options.seconds > 0, "--rounds and --seconds start at 1");
        Ok(options)
    }
}

/// One kind of request to one server.
struct Load<'a> {
    server: &'a Server,
    path: &'a str,
    script: &'a Script,
}

/// What one run of `wrk` found.
#[derive(Clone, Copy)]
struct Sample {
    requests_per_second: f64,
    cpu_us_per_request: f64,
}

/// Loads both in turns and prints the medians.
fn compare(options: &Options, title: &str, target: f64, bare: &Load<'_>, ours: &Load<'_>) -> anyhow::Result<()> {
    // The first run pays for cold caches and for growing buffers.
    bare.run(1)?;
    ours.run(1)?;
    let (mut bare_samples, mut our_samples) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        bare_samples.push(bare.run(options.seconds)?);
        our_samples.push(ours.run(options.seconds)?);
    }
    let (bare, ours) = (Sample::median(&bare_samples), Sample::median(&our_samples));
    let ratio = ours.cpu_us_per_request / bare.cpu_us_per_request;
    println!("| {title} | requests/s | CPU µs/request | CPU, bare = 1 |");
    println!("|---|---:|---:|---:|");
    println!("| bare | {:.0} | {:.2} | 1 |", bare.requests_per_second, bare.cpu_us_per_request);
    println!("| boomgate | {:.0} | {:.2} | {ratio:.2} |", ours.requests_per_second, ours.cpu_us_per_request);
    println!("\nmedians of {} rounds of {} s; the target is {target} or less\n", options.rounds, options.seconds);
    Ok(())
}

impl Load<'_> {
    fn run(&self, seconds: u32) -> anyhow::Result<Sample> {
        let url = format!("{}{}", self.server.origin(), self.path);
        let before = self.server.cpu_seconds()?;
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"])
            .arg(&self.script.0)
            .arg(&url)
            .output()?;
        let cpu_seconds = self.server.cpu_seconds()? - before;
        let said = String::from_utf8_lossy(&output.stdout);
        let clean = output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors");
        ensure!(clean, "{url} did not answer every request with success:\n{said}");
        let requests = number_before(&said, " requests in ").context("wrk said no number of requests")?;
        let rate = number_after(&said, "Requests/sec:").context("wrk said no rate")?;
        Ok(Sample { requests_per_second: rate, cpu_us_per_request: cpu_seconds * 1e6 / requests })
    }
}

impl Sample {
    fn median(samples: &[Self]) -> Self {
        let middle = |value: fn(&Self) -> f64| {
            let mut values: Vec<f64> = samples.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            requests_per_second: middle(|sample| sample.requests_per_second),
            cpu_us_per_request: middle(|sample| sample.cpu_us_per_request),
        }
    }
}

fn number_before(text: &str, mark: &str) -> Option<f64> {
    text.split(mark).next()?.split_whitespace().next_back()?.parse().ok()
}

fn number_after(text: &str, mark: &str) -> Option<f64> {
    text.split(mark).nth(1)?.split_whitespace().next()?.parse().ok()
}

/// A Lua script for `wrk`: fields and bodies that its command line cannot carry.
struct Script(PathBuf);

impl Script {
    fn new(path: PathBuf, text: &str) -> anyhow::Result<Self> {
        fs::write(&path, text)?;
        Ok(Self(path))
    }
}

/// A process that serves HTTPS, killed at the end.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn bare(work: &Path, body_file: &Path) -> anyhow::Result<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_boomgate")).with_file_name("examples").join("bare");
        let port = free_port()?;
        let mut process = Command::new(&program)
            .args([port.to_string(), "1".to_owned()])
            .args([&work.join("bare-tls"), body_file])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: build it first: cargo build --release --example bare", program.display()))?;
        let mut line = String::new();
        let said = process.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        ensure!(matches!(said, Some(Ok(_))) && line.trim() == "ready", "bare did not start");
        Ok(Self { process, port })
    }

    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// User and system time of the whole process: fields 14 and 15 of its `stat`, counted from behind the
    /// name in parentheses, which may hold anything.
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        ensure!(ticks.len() == 2, "/proc/PID/stat has another form than expected");
        Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
    }

    fn rss_mb(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = number_after(&status, "VmRSS:").context("/proc/PID/status names no VmRSS")?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail only because the process has gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `boomgate sandbox` on a data folder of its own.
struct Sandbox {
    server: Server,
    ready: Duration,
    agent: ureq::Agent,
    data_dir: PathBuf,
}

/// A client whose limits no load reaches.
struct BenchClient {
    id: String,
    secret: String,
    audience: String,
}

impl Sandbox {
    /// Starts it twice: the first start makes keys and certificates, the second is timed.
    fn start(work: &Path) -> anyhow::Result<Self> {
        let data_dir = work.join("data");
        drop(Self::spawn(&data_dir)?);
        Self::spawn(&data_dir)
    }

    fn spawn(data_dir: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let executed = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_boomgate"))
            .args(["sandbox", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data_dir)
            .env("BOOMGATE_WORKERS", "1")
            .env("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Server { process, port };
        let url = format!("{}/.well-known/jwks.json", server.origin());
        while executed.elapsed() < Duration::from_secs(20) {
            if let Some(status) = server.process.try_wait()? {
                bail!("boomgate sandbox ended at once with {status}");
            }
            if let Some(agent) = agent(&data_dir.join("tls/ca.pem"))
                && agent.get(&url).call().is_ok()
            {
                return Ok(Self { server, ready: executed.elapsed(), agent, data_dir: data_dir.to_owned() });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("boomgate sandbox did not answer within 20 s");
    }

    /// Registers a client for what `demo-writer` is registered for.
    fn register_client(&self) -> anyhow::Result<BenchClient> {
        let demo: Value = serde_json::from_slice(&fs::read(self.data_dir.join("demo-clients.json"))?)?;
        let secret = text(&demo, "/demo-admin/client_secret")?;
        let admin = self.token("demo-admin", &secret, "admin.api.boomgate")?;
        let model = self.get("/admin/clients/demo-writer", &admin)?;
        let model: Value = serde_json::from_slice(&model)?;
        let wanted = json!({
            "client_name": "bench",
            "scope": model.get("scope"),
            "audience": model.get("audience"),
            "token_ttl": 3_600,
            "requests_per_second": 1_000_000,
            "burst": 1_000_000,
            "daily_quota": null,
        });
        let mut answer = self
            .agent
            .post(format!("{}/admin/clients", self.server.origin()))
            .header("Authorization", format!("Bearer {admin}"))
            .send_json(wanted)
            .context("POST /admin/clients")?;
        let made: Value = answer.body_mut().read_json()?;
        let audience = text(&model, "/audience").or_else(|_| text(&model, "/audience/0"))?;
        Ok(BenchClient { id: text(&made, "/client_id")?, secret: text(&made, "/client_secret")?, audience })
    }

    fn token(&self, client_id: &str, client_secret: &str, audience: &str) -> anyhow::Result<String> {
        let url = format!("{}/shared/access-tokens", self.server.origin());
        let grant = json!({
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": audience,
        });
        let mut answer = self.agent.post(url).send_json(grant).with_context(|| format!("a token for {client_id}"))?;
        text(&answer.body_mut().read_json()?, "/access_token")
    }

    /// The path and the representation of the first zone there is.
    fn any_zone(&self, token: &str) -> anyhow::Result<(String, Vec<u8>)> {
        let zones: Value = serde_json::from_slice(&self.get("/parking/zones?limit=1", token)?)?;
        let path = format!("/parking/zones/{}", text(&zones, "/data/0/id")?);
        let zone = self.get(&path, token)?;
        Ok((path, zone))
    }

    fn get(&self, path: &str, token: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.agent.get(format!("{}{path}", self.server.origin()));
        let answer = request.header("Authorization", format!("Bearer {token}")).call();
        Ok(answer.with_context(|| format!("GET {path}"))?.body_mut().read_to_vec()?)
    }
}

impl BenchClient {
    fn token_script(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (id, secret, audience) = (encode(&self.id), encode(&self.secret), encode(&self.audience));
        format!(
            "wrk.method = \"POST\"\n\
             wrk.headers[\"Content-Type\"] = \"application/x-www-form-urlencoded\"\n\
             wrk.body = \"grant_type=client_credentials&client_id={id}&client_secret={secret}&audience={audience}\"\n"
        )
    }
}

/// A client that trusts the sandbox's CA; `None` while there is none.
fn agent(ca_path: &Path) -> Option<ureq::Agent> {
    let ca = ureq::tls::Certificate::from_pem(&fs::read(ca_path).ok()?).ok()?;
    let tls = ureq::tls::TlsConfig::builder()
        .provider(ureq::tls::TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[ca]))
        .build();
    Some(ureq::Agent::config_builder().tls_config(tls).proxy(None).build().into())
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer} in {value}"))?.to_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
