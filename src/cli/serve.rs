//! `boomgate sandbox` and `boomgate serve`: settings in, a running server, until it is told to stop.
//!
//! The server has a thread of its own. The main thread waits for signals and for the server's end, and for
//! nothing else: whatever hangs in the server, a stop ends the process in time, and the exit code says how.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actix_web::rt::System;
use clap::Args;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tracing::Level;

use super::{FAILED, hardening, open_files, output, welcome};
use crate::config::{Config, ConfigError, Edition, Environment, Flags, Log, LogFormat};
use crate::files::Reader;
use crate::server::{RunError, Server, StartError};
use crate::telemetry;
use crate::time::SystemClock;

/// Exit code of a stop that cut something off: a start, or requests under way.
const CUT_OFF: u8 = 3;
/// Exit code of a stop that something in the server held up.
const HELD_UP: u8 = 4;

/// How much longer than all that a stop may take it is waited for, before it counts as held up.
const STOP_MARGIN: Duration = Duration::from_secs(5);
/// How long the log's last lines may take at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// For how long after the first signal others are its echoes: `timeout` and terminals send one to the process and to its
/// group.
const ECHO: Duration = Duration::from_secs(1);
/// The stack of the server's thread: as large as a main thread's.
const STACK_BYTES: usize = 8 * 1024 * 1024;

const EXAMPLES: &str = "Examples:
  boomgate sandbox
  boomgate sandbox --listen localhost:9443 --data-dir /tmp/sandbox
  boomgate serve --config boomgate.toml
  BOOMGATE_WORKERS=2 BOOMGATE_LOG__LEVEL=debug boomgate serve --config boomgate.toml";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    settings: SettingOptions,
}

/// Where settings come from, beside the environment.
#[derive(Args)]
pub(super) struct SettingOptions {
    /// Where HTTPS is served; may be repeated [default: port 8443 of both loopback addresses]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// The folder of everything that is kept [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings, TOML [default: what BOOMGATE_CONFIG names, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingOptions {
    /// The same, as the configuration reads it.
    pub(super) fn flags(self) -> Flags {
        Flags { listen: self.listen, data_dir: self.data_dir, file: self.config }
    }
}

/// Runs a server of this edition until it is told to stop.
pub(super) fn run(edition: Edition, options: Options, environment: &Environment) -> ExitCode {
    hardening::keep_files_private();
    let (config, _, fault) = Config::load_partly(edition, &options.settings.flags(), environment, Reader::Server);
    // What is wrong with the settings is said in the log too, in its format.
    if let Err(error) = telemetry::start(&config.log) {
        output::print_error(&error.into());
        return ExitCode::from(FAILED);
    }
    let format = config.log.format;
    let code = match fault.map_or_else(|| supervise(config), |fault| Err(fault.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            complain(format, &ended);
            ExitCode::from(ended.exit_code())
        }
    };
    // A log that is not read keeps its last lines: the process ends all the same.
    let _is_read = telemetry::flush(FLUSH_TIMEOUT);
    code
}

fn complain(format: LogFormat, ended: &Ended) {
    let text = match format {
        LogFormat::Pretty => output::error_text(ended),
        LogFormat::Json => ended.to_string(),
    };
    telemetry::say(format, Level::ERROR, &text);
}

/// Why a server ended otherwise than by a stop that finished everything.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("the system gives this process no thread or no signals: {0}")]
    System(#[from] io::Error),
    #[error("the server's thread panicked; the line before says where")]
    Panicked,
    #[error("stopped before it was ready; the next start goes on from there")]
    BeforeReady,
    #[error("stopped at once: requests under way were cut off, and quota that was set aside is not returned")]
    AtOnce,
    #[error(
        "the stop was held up, so the process ends after {0} s without it: nothing that was acknowledged is lost, quota \
         that was set aside is not returned"
    )]
    HeldUp(u64),
}

impl Ended {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Start(_)
            | Self::System(_)
            | Self::Panicked
            | Self::Run(RunError::Listener(_) | RunError::Store(_)) => FAILED,
            Self::BeforeReady | Self::AtOnce | Self::Run(RunError::CutOff(_)) => CUT_OFF,
            Self::HeldUp(_) | Self::Run(RunError::WorkersHang | RunError::StoreHangs(_)) => HELD_UP,
        }
    }
}

/// Runs the server on a thread of its own and returns when it has ended, or when a stop has waited for it long
/// enough. Whatever then still hangs ends with the process.
fn supervise(config: Config) -> Result<(), Ended> {
    if !config.allow_debugging {
        hardening::keep_memory_private()?;
    }
    open_files::raise(&config);
    let (patience, format) = (config.http.shutdown_timeout, config.log.format);
    let limit = patience + config.store_close_timeout + STOP_MARGIN;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anybody is told that the server is there: a signal from then on is one to stop.
        let mut signals = Signals::listen()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, mut ended) = oneshot::channel();
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = Arc::clone(&is_ready);
        let server = move || {
            let system = System::new();
            // Fails if the main thread has stopped waiting.
            let _unheard = end.send(system.block_on(serve(config, stopped, &ready)));
            // Dropped, it would wait for threads that may hang.
            std::mem::forget(system);
        };
        thread::Builder::new().name("server".into()).stack_size(STACK_BYTES).spawn(server)?;
        tokio::select! {
            ended = &mut ended => return ended.unwrap_or(Err(Ended::Panicked)),
            () = signals.next() => {}
        }
        if !is_ready.load(Ordering::Relaxed) {
            // What was begun at a start is on disk or it is not: nothing has to be put away.
            return Err(Ended::BeforeReady);
        }
        let patience_s = patience.as_secs();
        let text = format!(
            "Stopping: requests under way have {patience_s} s. Another signal \
             after 1 s stops at once."
        );
        telemetry::say(format, Level::INFO, &text);
        let _ended = stop.send(());
        tokio::select! {
            ended = &mut ended => ended.unwrap_or(Err(Ended::Panicked)),
            () = signals.next_after(ECHO) => Err(Ended::AtOnce),
            () = sleep(limit) => Err(Ended::HeldUp(limit.as_secs())),
        }
    })
}

async fn serve(config: Config, stop: oneshot::Receiver<()>, is_ready: &AtomicBool) -> Result<(), Ended> {
    let (edition, log) = (config.edition, config.log.clone());
    let audience = config.audiences.first().cloned().unwrap_or_default();
    let certificate = config.tls.files.as_ref().map(|files| files.certificate.clone());
    let server = Server::open(config, Arc::new(SystemClock::new())).await?;
    is_ready.store(true, Ordering::Relaxed);
    if log.format == LogFormat::Json {
        // For people the start-up text says so.
        tracing::info!(issuer = server.issuer(), edition = edition.name(), "the server is ready");
    }
    let text = welcome::text(&welcome::Running {
        edition,
        issuer: server.issuer(),
        audience: &audience,
        ca: server.ca_path(),
        certificate: certificate.as_deref(),
        data_dir: server.data_dir(),
    });
    greet(&log, text);
    server
        .run(async move {
            let _told_or_gone = stop.await;
        })
        .await?;
    Ok(())
}

/// Prints the start-up text for people, unless only machines read it. On a thread of its own: a server whose
/// output nobody reads still serves.
fn greet(log: &Log, text: String) {
    let is_for_machines = log.is_format_given && log.format == LogFormat::Json;
    if is_for_machines && !io::stdout().is_terminal() {
        return;
    }
    // A copy of the file, for its thread may hang: the standard library's lock would then hang others.
    let Ok(out) = io::stdout().as_fd().try_clone_to_owned() else { return };
    let print = move || {
        // Whoever does not read it does not need it.
        let _unread = writeln!(File::from(out), "{text}");
    };
    let _without_it = thread::Builder::new().name("welcome".into()).spawn(print);
}

/// SIGTERM, SIGINT and SIGHUP.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where it was ignored at the start, as `nohup` asks.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
    }

    /// The next one that comes at least `span` from now.
    async fn next_after(&mut self, span: Duration) {
        let start = Instant::now();
        loop {
            self.next().await;
            if start.elapsed() >= span {
                return;
            }
        }
    }
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP is ignored, or the system does not say: then it stays as it is.
fn hangups_are_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals are counted from 1, and SIGHUP is the first.
    ignored.is_none_or(|mask| mask & 1 == 1)
}
