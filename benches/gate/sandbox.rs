//! Target 9: a sandbox. What its journal costs a request and takes of memory, how soon it starts, and how fast it goes back.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context;
use boomgate::api::sandbox::ready::Ready;
use serde_json::{Value, json};

use crate::driver::{Call, Driver};
use crate::gate::{Credentials, FREE, PUBLIC, access_token, bare, registration, text};
use crate::load::{Compared, Load, Script, Sender, compare, median};
use crate::options::{Options, STARTS};
use crate::process::{Process, quiet};
use crate::report::{Line, Report};

const GUARDED_AT_MOST: f64 = 2.0;
const JOURNAL_AT_MOST_MB: f64 = 40.0;
const READY_AT_MOST_MS: f64 = 60.0;
const BACK_AT_MOST_MS: f64 = 50.0;

const CLIENTS: usize = 1_000;
const ZONES: usize = 10_000;
/// How many requests a journal has.
const REQUESTS: usize = 10_000;
/// How large the bodies are that fill the journal, in bytes: as much as it stores of one.
const BODY_BYTES: usize = 4_096;

/// A sandbox in memory.
struct Sandbox {
    process: Process,
    driver: Driver,
    ready: Ready,
    /// From `exec` to its line, in milliseconds.
    ready_ms: f64,
}

impl Sandbox {
    fn start(options: &Options) -> anyhow::Result<Self> {
        let executed = Instant::now();
        let mut command = quiet(&options.binary);
        command
            .args(["sandbox", "--in-memory", "--listen", "127.0.0.1:0", "--ready-json"])
            .env("BOOMGATE_WORKERS", "1")
            .env("BOOMGATE_PARKING__MAX_ZONES_PER_CLIENT", (2 * ZONES).to_string())
            .stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, 0)?;
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().context("no output")?).read_line(&mut line)?;
        let ready_ms = executed.elapsed().as_secs_f64() * 1e3;
        let ready: Ready = serde_json::from_str(&line)?;
        process.port = ready.url.rsplit(':').next().context("no port")?.parse()?;
        let driver = Driver::trusting(ready.ca_file.as_deref().context("no authority")?)?;
        Ok(Self { process, driver, ready, ready_ms })
    }

    async fn token(&self, id: &str, audience: &str) -> anyhow::Result<String> {
        let secret = self.ready.clients.get(id).context("no such client")?.client_secret.clone();
        self.token_for(&Credentials { id: id.to_owned(), secret }, audience).await
    }

    async fn token_for(&self, client: &Credentials, audience: &str) -> anyhow::Result<String> {
        let mut connection = self.driver.connect(self.process.port).await?;
        access_token(&connection.expect(&client.grant(audience), 200).await?)
    }

    /// A token of a new client without limits.
    async fn unlimited(&self) -> anyhow::Result<String> {
        let admin = self.token("demo-admin", "admin.api.boomgate").await?;
        let call = registration("bench", None).with_token(&admin);
        let made = self.driver.connect(self.process.port).await?.expect(&call, 201).await?;
        let made: Value = serde_json::from_slice(&made)?;
        let client = Credentials { id: text(&made, "/client_id")?, secret: text(&made, "/client_secret")? };
        self.token_for(&client, PUBLIC).await
    }

    /// Sends a control request; returns how long its answer took, in milliseconds.
    async fn control(&self, call: Call, status: u16) -> anyhow::Result<f64> {
        let mut connection = self.driver.connect(self.process.port).await?;
        let sent = Instant::now();
        connection.expect(&call.with_token(&self.ready.sandbox_token), status).await?;
        Ok(sent.elapsed().as_secs_f64() * 1e3)
    }
}

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    starts(options, report)?;
    requests(options, work, report).await?;
    journal(options, report).await?;
    states(options, report).await
}

fn starts(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut ready = Vec::new();
    for _ in 0..options.rounds.max(5) {
        let sandbox = Sandbox::start(options)?;
        ready.push(sandbox.ready_ms);
        sandbox.process.stop()?;
    }
    let line = Line::new(9, "from exec to the ready line of a sandbox in memory", median(&ready), "ms");
    report.add(line.at_most(READY_AT_MOST_MS).rounds(&ready));
    Ok(())
}

async fn requests(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let mut all: Option<Compared> = None;
    for start in 0..STARTS {
        let sandbox = Sandbox::start(options)?;
        let token = sandbox.unlimited().await?;
        let mut connection = sandbox.driver.connect(sandbox.process.port).await?;
        let list = connection.expect(&Call::get("/parking/zones?limit=1").with_token(&token), 200).await?;
        let path = format!("/parking/zones/{}", text(&serde_json::from_slice(&list)?, "/data/0/id")?);
        let zone = connection.expect(&Call::get(path.clone()).with_token(&token), 200).await?;
        let body_file = work.join("sandbox-zone.json");
        std::fs::write(&body_file, zone)?;
        let server = bare("zone", work, &[&body_file])?;
        let script = Script::get(work, "sandbox-zone.lua", &token)?;
        let base = Load { server: &server, path: &path, sender: Sender::Wrk(&script) };
        let compared = compare(options, start, &base, &Load { server: &sandbox.process, ..base })?;
        all = Some(match all {
            Some(before) => before.and(compared),
            None => compared,
        });
        sandbox.process.stop()?;
    }
    let compared = all.context("no start")?;
    let (base, ours) = compared.cpu_us_per_request();
    let line = Line::new(9, "`GET /parking/zones/{id}` of a sandbox, with its journal", compared.ratio(), "×");
    report.add(line.at_most(GUARDED_AT_MOST).rounds(&compared.ratios).of(base, ours, "µs"));
    Ok(())
}

/// Fills a journal with requests of which it stores as much as it may.
async fn journal(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(options)?;
    let token = sandbox.unlimited().await?;
    let call = Call::json("/parking/zones", &json!({ "name": "a".repeat(BODY_BYTES) })).with_token(&token);
    sandbox.driver.send_each(sandbox.process.port, vec![call.clone(); 100], 422).await?;
    let before = sandbox.process.rss()?;
    sandbox.driver.send_each(sandbox.process.port, vec![call; REQUESTS], 422).await?;
    let line = Line::new(
        9,
        format!("memory that a full journal takes, {REQUESTS} requests of {BODY_BYTES} bytes"),
        (sandbox.process.rss()? - before) / 1e6,
        "MB",
    );
    report.add(line.at_most(JOURNAL_AT_MOST_MB));
    sandbox.process.stop()
}

async fn states(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(options)?;
    let admin = sandbox.token("demo-admin", "admin.api.boomgate").await?;
    let (clients, zones) = (options.records(CLIENTS), options.records(ZONES));
    let port = sandbox.process.port;
    let register = |number: usize| registration(&format!("client {number}"), Some(FREE)).with_token(&admin);
    sandbox.driver.send_each(port, (0..clients).map(register).collect(), 201).await?;
    let token = sandbox.unlimited().await?;
    let create = |number: usize| {
        let zone = json!({ "number": number.to_string(), "name": "A zone", "operator_id": "bench", "session_type": "space",
            "location": { "latitude": 34.7, "longitude": -76.6 } });
        Call::json("/parking/zones", &zone).with_token(&token)
    };
    sandbox.driver.send_each(port, (0..zones).map(create).collect(), 201).await?;
    sandbox.control(Call::put("/sandbox/snapshots/full"), 201).await?;
    let (mut restores, mut resets, mut few) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds.max(5) {
        sandbox.driver.send_each(port, vec![create(zones + round)], 201).await?;
        few.push(sandbox.control(Call::post("/sandbox/snapshots/full/restore"), 200).await?);
        resets.push(sandbox.control(Call::post("/sandbox/reset"), 200).await?);
        restores.push(sandbox.control(Call::post("/sandbox/snapshots/full/restore"), 200).await?);
    }
    let of = format!("a sandbox of {clients} clients and {zones} zones");
    for (what, times) in [
        (format!("restoring a snapshot after a change, {of}"), few),
        (format!("resetting {of}"), resets),
        (format!("restoring a snapshot after a reset, {of}"), restores),
    ] {
        report.add(Line::new(9, what, median(&times), "ms").at_most(BACK_AT_MOST_MS).rounds(&times));
    }
    sandbox.process.stop()
}
