//! A sandbox of the exam: a child process, controlled over HTTPS as any other program controls one.
//!
//! It ends with its standard input, so none is left when the exam is killed. It reads no setting of the user's.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};

use super::interrupt::pause;
use super::output_tail::OutputTail;
use crate::api::client::{Client, ClientPatch};
use crate::api::sandbox::clock::{ClockAnswer, ClockSetting};
use crate::api::sandbox::ready::Ready;
use crate::api::sandbox::request::{FoundRequests, RecordedRequest, RequestCount};
use crate::api::sandbox::snapshot::{Restored, Snapshot};
use crate::cli::connection::Api;
use crate::config::Environment;
use crate::limits::Rate;
use crate::time::UnixSeconds;

/// The client that administers every sandbox.
pub(super) const ADMINISTRATOR: &str = "demo-admin";
/// How many requests the journal has.
pub(super) const JOURNAL_REQUESTS: &str = "10000";
/// The state to which each run returns.
const START: &str = "start";
/// The requests in a second, and at once, of a client that is not throttled.
const FREELY: u32 = 10_000;
/// How long a sandbox has to start, and to end.
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);
/// The requests of one page: an answer has at most 4 MiB.
const PAGE: u64 = 50;

/// A running sandbox. It ends when this is dropped.
pub(super) struct Sandbox {
    child: Child,
    /// The sandbox ends when this is closed.
    stdin: Option<ChildStdin>,
    pub(super) ready: Ready,
    pub(super) control: Api,
}

/// What a search of the journal asks for.
#[derive(serde::Serialize)]
struct Search {
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl Sandbox {
    /// Starts one in which `client` has no throttle to speak of, and saves its state: a client is throttled when a plan says so.
    pub(super) fn start(environment: &Environment, client: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not find its own file")?;
        let mut command = Command::new(program);
        command.args(["sandbox", "--in-memory", "--listen", "127.0.0.1:0", "--ready-json", "--exit-with-stdin"]);
        for (name, _) in environment.of_boomgate() {
            command.env_remove(name);
        }
        command.env("BOOMGATE_WORKERS", "1").env("BOOMGATE_JOURNAL__REQUESTS", JOURNAL_REQUESTS);
        command.env("BOOMGATE_HTTP__SHUTDOWN_TIMEOUT_S", "1").env("BOOMGATE_LOG__LEVEL", "warn");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for the exam, which ends the sandbox when it has read its journal.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().context("a sandbox does not start")?;
        let stdin = child.stdin.take();
        match Self::await_ready(&mut child) {
            Ok((ready, control)) => {
                let sandbox = Self { child, stdin, ready, control };
                let patch = ClientPatch {
                    requests_per_second: Some(Rate::from(FREELY)),
                    burst: Some(u64::from(FREELY)),
                    ..ClientPatch::default()
                };
                sandbox.admin()?.patch::<Client>(&format!("/admin/clients/{client}"), &patch)?;
                sandbox.control.put_nothing::<Snapshot>(&format!("/sandbox/snapshots/{START}"))?;
                Ok(sandbox)
            }
            Err(error) => {
                drop(stdin);
                end(&mut child);
                Err(error)
            }
        }
    }

    fn await_ready(child: &mut Child) -> anyhow::Result<(Ready, Api)> {
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("a sandbox does not start: it has no output");
        };
        let errors = OutputTail::read(stderr)?;
        let (send, lines) = mpsc::channel();
        let read = move || {
            let mut line = String::new();
            let mut stdout = BufReader::new(stdout);
            let _unread = stdout.read_line(&mut line).map(|_| send.send(line));
            // What else it prints is not needed, but must not block it.
            let _ended = std::io::copy(&mut stdout, &mut std::io::sink());
        };
        thread::Builder::new().name("sandbox-output".into()).spawn(read)?;
        let line = lines.recv_timeout(START_LIMIT).unwrap_or_default();
        let ready: Ready = serde_json::from_str(&line).map_err(|_| {
            errors.wait(LOOK * 10);
            let text = errors.text(&[]);
            let why = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
            anyhow!("a sandbox does not start: {}", why.trim())
        })?;
        let control = Api::control_of_child(&ready)?;
        Ok((ready, control))
    }

    /// The secret of a demo client.
    pub(super) fn secret_of(&self, client: &str) -> &str {
        self.ready.clients.get(client).map_or("", |client| client.client_secret.as_str())
    }

    /// The administration, with a new token: a run may move the clock past the expiry of the one before.
    pub(super) fn admin(&self) -> anyhow::Result<Api> {
        Api::admin_of_child(&self.ready, ADMINISTRATOR)
    }

    /// Goes back to the start, with an empty journal and no faults. Returns the number of the newest request so far.
    pub(super) fn restore(&self) -> anyhow::Result<u64> {
        let restored: Restored = self.control.post_nothing(&format!("/sandbox/snapshots/{START}/restore"))?;
        self.control.delete("/sandbox/requests")?;
        Ok(restored.last)
    }

    /// Moves the clock past 00:00Z, if that is near: no quota day must begin during a run that uses up the day.
    pub(super) fn leave_midnight(&self, margin: Duration) -> anyhow::Result<()> {
        let clock: ClockAnswer = self.control.get("/sandbox/clock", &[])?;
        let midnight: UnixSeconds = clock.now.day().end();
        if midnight.since(clock.now) < margin.as_secs() {
            self.control.post::<ClockAnswer>("/sandbox/clock/set", &ClockSetting { to: midnight.plus(1) })?;
        }
        Ok(())
    }

    /// Lets the clock stand at the start of the next second.
    pub(super) fn stop_clock(&self) -> anyhow::Result<()> {
        let clock: ClockAnswer = self.control.post_nothing("/sandbox/clock/freeze")?;
        self.control.post::<ClockAnswer>("/sandbox/clock/set", &ClockSetting { to: clock.now.plus(1) }).map(drop)
    }

    /// Lets the clock run on.
    pub(super) fn run_clock(&self) -> anyhow::Result<()> {
        self.control.post_nothing::<ClockAnswer>("/sandbox/clock/resume").map(drop)
    }

    /// The number of the newest request, and how many there are with this status after the number `since`.
    pub(super) fn count(&self, since: u64, status: Option<u16>) -> anyhow::Result<RequestCount> {
        #[derive(serde::Serialize)]
        struct Count {
            since: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            status: Option<u16>,
        }
        self.control.post("/sandbox/requests/count", &Count { since, status })
    }

    /// Every request of the journal after the number `since`, the oldest first.
    pub(super) fn requests(&self, since: u64) -> anyhow::Result<Vec<RecordedRequest>> {
        let mut requests = Vec::new();
        let mut before = None;
        loop {
            let search = Search { limit: PAGE, since: Some(since), before, status: None };
            let found: FoundRequests = self.control.post("/sandbox/requests/find", &search)?;
            before = found.data.last().map(|request| request.line.number);
            requests.extend(found.data);
            if !found.has_more || before.is_none() {
                requests.reverse();
                return Ok(requests);
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stdin.take());
        end(&mut self.child);
    }
}

/// Waits for the end of a sandbox whose standard input is closed, and ends it by force if it takes too long.
fn end(child: &mut Child) {
    let mut waited = Duration::ZERO;
    while let Ok(None) = child.try_wait() {
        if waited >= END_LIMIT {
            let _gone = child.kill();
            let _status = child.wait();
            return;
        }
        pause(LOOK);
        waited += LOOK;
    }
}
