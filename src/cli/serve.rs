//! `boomgate sandbox` and `boomgate serve`: read the settings and run a server until a signal stops it, or the end of
//! standard input.
//!
//! The server runs on its own thread. The main thread only waits for signals and for the end of the server. So a stop ends
//! the process in time even if the server hangs, and the exit code says how it ended.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actix_web::rt::System;
use clap::Args;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::{Instant, sleep};
use tracing::Level;

use super::{FAILED, hardening, open_files, output, ready, welcome};
use crate::config::{Config, ConfigError, Edition, Environment, Flags, Log, LogFormat};
use crate::files::{self, Reader, TemporaryFolder};
use crate::server::{RunError, Server, StartError};
use crate::store::MemoryStore;
use crate::telemetry;
use crate::time::SystemClock;

/// Exit code of a stop that interrupted a start, or requests.
const CUT_OFF: u8 = 3;
/// Exit code of a stop that took too long, because something in the server hung.
const HELD_UP: u8 = 4;

/// How much longer than its own timeouts a stop may take, before it counts as held up.
const STOP_MARGIN: Duration = Duration::from_secs(5);
/// How long the process waits at its end for the last lines of the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a start that is to stop may take to come to an end by itself.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// A second signal within this time is the same stop: `timeout` and terminals signal the process and its group.
const ECHO: Duration = Duration::from_secs(1);
/// The stack of the server's thread: as large as a main thread's.
const STACK_BYTES: usize = 8 * 1024 * 1024;

const EXAMPLES: &str = "Examples:
  boomgate sandbox
  boomgate sandbox --listen localhost:9443 --data-dir /tmp/sandbox
  boomgate serve --config boomgate.toml
  BOOMGATE_WORKERS=2 BOOMGATE_LOG__LEVEL=debug boomgate serve --config boomgate.toml";

const SANDBOX_EXAMPLES: &str = "Examples:
  boomgate sandbox
  boomgate sandbox --listen localhost:9443 --data-dir /tmp/sandbox
  boomgate sandbox --in-memory --listen 127.0.0.1:0 --ready-json --exit-with-stdin";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    settings: SettingOptions,
}

#[derive(Args)]
#[command(after_help = SANDBOX_EXAMPLES)]
pub(super) struct SandboxOptions {
    #[command(flatten)]
    settings: SettingOptions,
    #[command(flatten)]
    manner: Manner,
}

/// How a sandbox serves a test.
#[allow(clippy::struct_excessive_bools, reason = "each flag is an option of its own")]
#[derive(Args, Clone, Default)]
struct Manner {
    /// Store nothing: all clients and zones are gone at the end. Without --data-dir, the files that others read are in a
    /// temporary folder, which a stop removes
    #[arg(long)]
    in_memory: bool,
    /// Print one line of JSON when the sandbox serves, and nothing else: its address, its clients, its control token
    #[arg(long)]
    ready_json: bool,
    /// Stop when standard input ends, as it does when the program that started the sandbox is killed
    #[arg(long)]
    exit_with_stdin: bool,
    /// Whether the data folder is a temporary one, which is yet to be made.
    #[arg(skip)]
    is_temporary: bool,
}

/// The settings on the command line.
#[derive(Args)]
pub(super) struct SettingOptions {
    /// The address to serve HTTPS on; may be repeated [default: port 8443 of both loopback addresses]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// The data folder [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings (TOML) [default: the file that BOOMGATE_CONFIG names, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingOptions {
    pub(super) fn flags(self) -> Flags {
        Flags { listen: self.listen, data_dir: self.data_dir, file: self.config }
    }
}

/// Runs a server for production until it is stopped.
pub(super) fn run(options: Options, environment: &Environment) -> ExitCode {
    run_edition(Edition::Serve, options.settings, Manner::default(), environment)
}

/// Runs a sandbox until it is stopped.
pub(super) fn run_sandbox(options: SandboxOptions, environment: &Environment) -> ExitCode {
    let SandboxOptions { mut settings, mut manner } = options;
    // A data folder that is not named is none for what is in memory alone.
    if !manner.in_memory || settings.data_dir.is_some() {
        return run_edition(Edition::Sandbox, settings, manner, environment);
    }
    match files::new_path(&environment.temporary_folder()) {
        Ok(path) => {
            (settings.data_dir, manner.is_temporary) = (Some(path), true);
            run_edition(Edition::Sandbox, settings, manner, environment)
        }
        Err(error) => {
            output::print_error(&error.into());
            ExitCode::from(FAILED)
        }
    }
}

fn run_edition(edition: Edition, settings: SettingOptions, manner: Manner, environment: &Environment) -> ExitCode {
    hardening::make_files_private();
    let (config, _, fault) = Config::load_partly(edition, &settings.flags(), environment, Reader::Server);
    // Faults of the settings are logged too, in the format of the log.
    if let Err(error) = telemetry::start(&config.log) {
        output::print_error(&error.into());
        return ExitCode::from(FAILED);
    }
    let format = config.log.format;
    let code = match fault.map_or_else(|| supervise(config, manner), |fault| Err(fault.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            complain(format, &ended);
            ExitCode::from(ended.exit_code())
        }
    };
    // If nothing reads the log, its last lines are lost: the process ends anyway.
    let _is_flushed = telemetry::flush(FLUSH_TIMEOUT);
    code
}

fn complain(format: LogFormat, ended: &Ended) {
    let text = match format {
        LogFormat::Pretty => output::error_text(ended),
        LogFormat::Json => ended.to_string(),
    };
    telemetry::say(format, Level::ERROR, &text);
}

/// Why a server ended, if not by a stop that finished all requests.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("there is no temporary folder {path}: {cause}; name a folder with --data-dir")]
    NoFolder { path: String, cause: io::Error },
    #[error("the system gives this process no thread or no signals: {0}")]
    System(#[from] io::Error),
    #[error("the server's thread panicked; the log line before this one says where")]
    Panicked,
    #[error("stopped before it was ready{}", if *is_stored { "; the next start continues from there" } else { "" })]
    BeforeReady { is_stored: bool },
    #[error("standard input ended before the sandbox was ready, and --exit-with-stdin stops it then: keep a pipe open")]
    WithoutStdin,
    #[error("stopped at once: requests were interrupted, and reserved quota is not returned")]
    AtOnce,
    #[error(
        "the server did not stop within {0} s, so the process ends without waiting: no acknowledged change is lost, but \
         reserved quota is not returned"
    )]
    HeldUp(u64),
}

impl Ended {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Start(_)
            | Self::NoFolder { .. }
            | Self::System(_)
            | Self::Panicked
            | Self::Run(RunError::Listener(_) | RunError::Store(_)) => FAILED,
            Self::BeforeReady { .. } | Self::WithoutStdin | Self::AtOnce | Self::Run(RunError::CutOff(_)) => CUT_OFF,
            Self::HeldUp(_) | Self::Run(RunError::WorkersHang | RunError::StoreHangs(_)) => HELD_UP,
        }
    }
}

/// Runs the server on its own thread. Returns when it has ended, or when a stop has waited long enough; then the rest
/// ends with the process.
fn supervise(config: Config, manner: Manner) -> Result<(), Ended> {
    if !config.allow_debugging {
        hardening::make_memory_private()?;
    }
    open_files::raise(&config);
    let (timeout, format) = (config.http.shutdown_timeout, config.log.format);
    let is_stored = !manner.in_memory;
    let limit = timeout + config.store_close_timeout + STOP_MARGIN;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything says that the server runs: from then on, a signal means a stop.
        let mut signals = Signals::listen(manner.exit_with_stdin)?;
        let folder = if manner.is_temporary { Some(make_temporary(&config.data_dir)?) } else { None };
        // After a start that was interrupted, the server's thread still has it.
        let _removal = folder.clone().map(RemoveAtEnd);
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, mut ended) = oneshot::channel();
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = Arc::clone(&is_ready);
        let server = move || {
            let ended = run_and_leave(serve(config, manner, folder, stopped, &ready));
            // Fails if the main thread no longer waits.
            let _unread = end.send(ended);
        };
        thread::Builder::new().name("server".into()).stack_size(STACK_BYTES).spawn(server)?;
        let reason = tokio::select! {
            ended = &mut ended => return ended.unwrap_or(Err(Ended::Panicked)),
            reason = signals.next() => reason,
        };
        if !is_ready.load(Ordering::Relaxed) {
            let interrupted = match reason {
                // The steps of a start are atomic, so it can be interrupted.
                StopReason::Signal if is_stored => return Err(Ended::BeforeReady { is_stored }),
                StopReason::Signal => Ended::BeforeReady { is_stored },
                StopReason::EndOfStdin => Ended::WithoutStdin,
            };
            // A start that fails says more than this one, and one that ends writes no more into a folder that goes.
            let _ended = stop.send(());
            return tokio::select! {
                ended = &mut ended => match ended.unwrap_or(Err(Ended::Panicked)) {
                    Err(Ended::BeforeReady { .. }) => Err(interrupted),
                    ended => ended,
                },
                () = signals.next_after(ECHO) => Err(interrupted),
                () = sleep(START_TIMEOUT) => Err(interrupted),
            };
        }
        let timeout_s = timeout.as_secs();
        let text =
            format!("Stopping: current requests have {timeout_s} s to finish. Another signal after 1 s stops at once.");
        telemetry::say(format, Level::INFO, &text);
        let _ended = stop.send(());
        tokio::select! {
            ended = &mut ended => ended.unwrap_or(Err(Ended::Panicked)),
            () = signals.next_after(ECHO) => Err(Ended::AtOnce),
            () = sleep(limit) => Err(Ended::HeldUp(limit.as_secs())),
        }
    })
}

/// Runs a future in a system on this thread, and leaves the system undropped: its drop would wait for threads that may hang.
fn run_and_leave<T>(future: impl Future<Output = T>) -> T {
    let system = System::new();
    let output = system.block_on(future);
    // Its task that follows the threads of the workers is left too, so what sends to that task must not end. Otherwise the
    // last sender is what such a thread drops after all else at its end: that wakes the task, by what tokio had on that
    // thread and is dropped already, and the panic there aborts the process.
    std::mem::forget(System::current());
    std::mem::forget(system);
    output
}

fn make_temporary(path: &Path) -> Result<Arc<TemporaryFolder>, Ended> {
    let folder = TemporaryFolder::create(path.to_owned());
    folder.map(Arc::new).map_err(|cause| Ended::NoFolder { path: path.display().to_string(), cause })
}

/// Removes the folder when it is dropped, even if the server's thread still has it.
struct RemoveAtEnd(Arc<TemporaryFolder>);

impl Drop for RemoveAtEnd {
    fn drop(&mut self) {
        self.0.remove();
    }
}

async fn serve(
    config: Config,
    manner: Manner,
    folder: Option<Arc<TemporaryFolder>>,
    mut stop: oneshot::Receiver<()>,
    is_ready: &AtomicBool,
) -> Result<(), Ended> {
    let (edition, log) = (config.edition, config.log.clone());
    let audience = config.audiences.first().cloned().unwrap_or_default();
    let certificate = config.tls.files.as_ref().map(|files| files.certificate.clone());
    let clock = Arc::new(SystemClock::new());
    let server = if manner.in_memory {
        Server::open_over(config, clock, |_| Ok(Arc::new(MemoryStore::new()))).await?
    } else {
        Server::open(config, clock).await?
    };
    if stop.try_recv() != Err(TryRecvError::Empty) {
        return Err(Ended::BeforeReady { is_stored: !manner.in_memory });
    }
    is_ready.store(true, Ordering::Relaxed);
    if log.format == LogFormat::Json {
        // The start-up text says it to people.
        tracing::info!(issuer = server.issuer(), edition = edition.name(), "the server is ready");
    }
    match server.sandbox().filter(|_| manner.ready_json) {
        Some(sandbox) => print_on_a_thread(ready::line(&server, sandbox, &audience)),
        None => greet(
            &log,
            welcome::text(&welcome::Running {
                edition,
                issuer: server.issuer(),
                audience: &audience,
                ca: server.ca_path(),
                certificate: certificate.as_deref(),
                data_dir: server.data_dir(),
            }),
        ),
    }
    server
        .run(async move {
            let _stop_or_dropped = stop.await;
            // However the process ends after this, the folder is gone. A server that stops reads no file any more.
            if let Some(folder) = folder {
                folder.remove();
            }
        })
        .await?;
    Ok(())
}

/// Prints the start-up text for people, unless only machines read it.
fn greet(log: &Log, text: String) {
    let is_for_machines = log.is_format_given && log.format == LogFormat::Json;
    if is_for_machines && !io::stdout().is_terminal() {
        return;
    }
    print_on_a_thread(text);
}

/// Prints a text. It has its own thread, because a pipe that nothing reads would block the server.
fn print_on_a_thread(text: String) {
    // The thread may hang with its file; with the lock of `io::stdout`, it would block others.
    let Ok(out) = io::stdout().as_fd().try_clone_to_owned() else { return };
    let print = move || {
        // Without a reader, the text is not needed.
        let _unread = writeln!(File::from(out), "{text}");
    };
    let _not_printed = thread::Builder::new().name("welcome".into()).spawn(print);
}

/// SIGTERM, SIGINT, SIGQUIT and SIGHUP; and the end of standard input, which counts as one.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// `None` if the process ignores SIGHUP, as under `nohup`.
    hangup: Option<Signal>,
    /// `None` if the server does not follow it, and once it has ended.
    end_of_stdin: Option<oneshot::Receiver<()>>,
}

/// Why a server is to stop.
#[derive(Clone, Copy, Debug)]
enum StopReason {
    Signal,
    EndOfStdin,
}

impl Signals {
    fn listen(exit_with_stdin: bool) -> std::io::Result<Self> {
        let hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup,
            end_of_stdin: exit_with_stdin.then(end_of_stdin).transpose()?,
        })
    }

    async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
            () = ended(self.end_of_stdin.as_mut()) => {
                self.end_of_stdin = None;
                return StopReason::EndOfStdin;
            }
        }
        StopReason::Signal
    }

    /// Waits for the next signal that comes at least `span` from now.
    async fn next_after(&mut self, span: Duration) {
        let start = Instant::now();
        loop {
            let _reason = self.next().await;
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

/// Reads standard input on a thread of its own until it ends: nothing else tells that the program at its other end was
/// killed.
fn end_of_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (end, ended) = oneshot::channel();
    let read = move || {
        // What it says does not matter, and an error is its end too.
        let _end = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _unread = end.send(());
    };
    thread::Builder::new().name("stdin".into()).spawn(read)?;
    Ok(ended)
}

async fn ended(end_of_stdin: Option<&mut oneshot::Receiver<()>>) {
    match end_of_stdin {
        Some(end) => {
            let _ended_or_dropped = end.await;
        }
        None => std::future::pending().await,
    }
}

/// Whether the process ignores SIGHUP; also true if the system does not say.
fn hangups_are_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals are counted from 1, and SIGHUP is the first.
    ignored.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::mpsc;

    use actix_rt::Arbiter;

    use super::*;

    /// Tells that its thread is at its end, and keeps it there until it is released.
    struct Held(Option<oneshot::Sender<()>>, mpsc::Receiver<()>);

    impl Drop for Held {
        fn drop(&mut self) {
            let _unread = self.0.take().map(|ending| ending.send(()));
            let _released = self.1.recv();
        }
    }

    thread_local! {
        static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_worker_may_end_after_the_servers_thread() {
        let (release, released) = mpsc::channel();
        let server = async move {
            let worker = Arbiter::new();
            let (end, ending) = oneshot::channel();
            // Dropped before what the worker's thread had first: its sender of commands to the system.
            worker.spawn_fn(|| {
                HELD.set(Some(Held(Some(end), released)));
                Arbiter::current().stop();
            });
            ending.await.unwrap();
            // The system takes note of the worker's end, and waits for the next command.
            tokio::task::yield_now().await;
            worker
        };
        let worker = thread::spawn(|| run_and_leave(server)).join().unwrap();
        release.send(()).unwrap();
        // A panic while the thread drops what is local to it would abort this process.
        worker.join().unwrap();
    }
}
