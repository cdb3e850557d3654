//! Boomgate, and the bare handlers that it is compared with, as processes of one worker each.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::driver::{Call, Connection, Driver};
use crate::options::Options;
use crate::process::{Process, quiet};

/// The default audience of the partner API.
pub(crate) const PUBLIC: &str = "public.api.passportinc.com";
const ADMIN: &str = "admin.api.boomgate";

/// How long a start may take before the run gives up: far above the target.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to ask whether the server has started.
const POLL: Duration = Duration::from_millis(1);

/// `boomgate serve` on a data folder.
pub(crate) struct Gate {
    pub(crate) process: Process,
    pub(crate) driver: Driver,
    /// From `exec` to the first 200 over HTTPS.
    pub(crate) ready: Duration,
    data_dir: PathBuf,
}

/// A registered client.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A rate and a burst that no load here reaches.
pub(crate) const FREE: u64 = 1_000_000;

/// A daily quota that no load here uses up.
pub(crate) const DAILY_QUOTA: u64 = 1_000_000_000;

impl Gate {
    pub(crate) async fn start(options: &Options, data_dir: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let executed = Instant::now();
        let mut command = quiet(&options.binary);
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data_dir)
            .env("BOOMGATE_WORKERS", "1")
            .env("BOOMGATE_SAMPLE_ZONES", "true")
            // Each start has another port, and tokens outlive it.
            .env("BOOMGATE_ISSUER", "https://gate.example.com")
            .env("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")
            .env("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0");
        let mut process = Process::spawn(&mut command, port)?;
        while executed.elapsed() < PATIENCE {
            if let Some(status) = process.child().try_wait()? {
                bail!("boomgate serve ended at once with {status}: run it by hand on {}", data_dir.display());
            }
            if let Ok(driver) = Driver::trusting(&data_dir.join("tls/ca.pem"))
                && let Ok(mut connection) = driver.connect(port).await
                && connection.expect(&Call::get("/readyz"), 200).await.is_ok()
            {
                let ready = executed.elapsed();
                return Ok(Self { process, driver, ready, data_dir: data_dir.to_owned() });
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("boomgate serve did not answer within {} s", PATIENCE.as_secs());
    }

    /// Starts once on a new folder, which makes keys, certificates and the administrator.
    pub(crate) async fn start_anew(options: &Options, data_dir: &Path) -> anyhow::Result<Self> {
        Self::start(options, data_dir).await?.process.stop()?;
        Self::start(options, data_dir).await
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        self.driver.connect(self.process.port).await
    }

    /// A token of the administrator.
    pub(crate) async fn admin_token(&self) -> anyhow::Result<String> {
        let credentials: Value = serde_json::from_slice(&fs::read(self.data_dir.join("admin-credentials.json"))?)?;
        let client =
            Credentials { id: text(&credentials, "/client_id")?, secret: text(&credentials, "/client_secret")? };
        self.token_for(&client, ADMIN).await
    }

    /// Registers a client that may read and write zones, without limits except `daily_quota`.
    pub(crate) async fn register(&self, name: &str, daily_quota: Option<u64>) -> anyhow::Result<Credentials> {
        let call = registration(name, daily_quota).with_token(&self.admin_token().await?);
        let made: Value = serde_json::from_slice(&self.connect().await?.expect(&call, 201).await?)?;
        Ok(Credentials { id: text(&made, "/client_id")?, secret: text(&made, "/client_secret")? })
    }

    /// A token for the partner API.
    pub(crate) async fn token(&self, client: &Credentials) -> anyhow::Result<String> {
        self.token_for(client, PUBLIC).await
    }

    async fn token_for(&self, client: &Credentials, audience: &str) -> anyhow::Result<String> {
        access_token(&self.connect().await?.expect(&client.grant(audience), 200).await?)
    }

    /// The path and the representation of the first zone.
    pub(crate) async fn any_zone(&self, token: &str) -> anyhow::Result<(String, Vec<u8>)> {
        let mut connection = self.connect().await?;
        let list = connection.expect(&Call::get("/parking/zones?limit=1").with_token(token), 200).await?;
        let path = format!("/parking/zones/{}", text(&serde_json::from_slice(&list)?, "/data/0/id")?);
        let zone = connection.expect(&Call::get(path.clone()).with_token(token), 200).await?;
        Ok((path, zone.to_vec()))
    }
}

pub(crate) fn registration(name: &str, daily_quota: Option<u64>) -> Call {
    let wanted = json!({
        "client_name": name,
        "scope": "read:zones write:zones",
        "audience": [PUBLIC],
        "token_ttl": 86_400,
        "requests_per_second": FREE,
        "burst": FREE,
        "daily_quota": daily_quota,
    });
    Call::json("/admin/clients", &wanted)
}

pub(crate) fn access_token(answer: &[u8]) -> anyhow::Result<String> {
    text(&serde_json::from_slice(answer)?, "/access_token")
}

impl Credentials {
    /// The request for a token, as JSON.
    pub(crate) fn grant(&self, audience: &str) -> Call {
        Call::json("/shared/access-tokens", &self.json(audience))
    }

    pub(crate) fn json(&self, audience: &str) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_secret": self.secret,
            "audience": audience,
        })
    }

    pub(crate) fn form(&self, audience: &str) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (id, secret, audience) = (encode(&self.id), encode(&self.secret), encode(audience));
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&audience={audience}")
    }
}

/// `examples/bare.rs`, which answers every request in one way; some ways need more `files` than the body.
pub(crate) fn bare(answer: &str, work: &Path, files: &[&Path]) -> anyhow::Result<Process> {
    let program = Path::new(env!("CARGO_BIN_EXE_boomgate")).with_file_name("examples").join("bare");
    let port = free_port()?;
    let mut command = Command::new(&program);
    command.args([answer, &port.to_string(), "1"]).arg(work.join("bare-tls")).args(files).stdout(Stdio::piped());
    let mut process = Process::spawn(&mut command, port)
        .with_context(|| format!("{} is not built: run `make bench`", program.display()))?;
    let mut line = String::new();
    let said = process.child().stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
    ensure!(matches!(said, Some(Ok(_))) && line.trim() == "ready", "bare did not start");
    Ok(process)
}

pub(crate) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer} in {value}"))?.to_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
