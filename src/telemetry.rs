//! The log: one line for each event, to standard error.
//!
//! Owns the process's one `tracing` subscriber, the thread that writes its lines, and the panic hook. An access token
//! or a secret is never a field of an event: their types do not print. Text from a request is recorded with `?`, which
//! escapes control characters, so that a request can neither add a line of its own nor move a terminal's cursor. No
//! warning or error is repeated without end: see [`log_rate_limit`]. A thread that logs never waits for the reader of
//! the log: see [`queue`].

mod log_rate_limit;
mod queue;

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

use self::log_rate_limit::LogRateLimit;
use self::queue::Queue;
use crate::config::{Log, LogFormat};
use crate::http::access_log::ACCESS;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

/// The lines of the log: a process has one standard error, so it has one log.
static LINES: Queue = Queue::new();

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's directives cannot be read.
    #[error("log.level cannot be read: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// This process has a log already.
    #[error("the log was started twice")]
    Started(#[from] tracing_subscriber::util::TryInitError),
    /// The system gives no thread or file for the log.
    #[error("the log cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Starts the log of this process, once. From then on a panic is an event too.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&log.level)?;
    let access = log.access;
    let is_logged = move |event: &Metadata<'_>| is_logged(event, access);
    let lines = fmt::layer().with_writer(|| &LINES);
    let lines = match log.format {
        LogFormat::Pretty => lines.with_ansi(log.color).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A copy of the file: a blocked write under the standard library's lock would block every other thread.
    let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // Filters of the whole log, not of one layer: those do not work with `tracing::enabled!`.
    registry().with(lines).with(LogRateLimit::new()).with(filter_fn(is_logged)).with(filter).try_init()?;
    let format = log.format;
    let gap = move |lines| line(format, Level::WARN, "lines of the log were dropped here", Some(lines));
    thread::Builder::new().name("log".into()).spawn(move || LINES.write_to(out, gap))?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Writes a text to the log, whatever its level: as it is in a log for people, as an event in a log for machines. The
/// log must be started.
pub fn say(format: LogFormat, level: Level, text: &str) {
    LINES.push(
        match format {
            LogFormat::Pretty => format!("{text}\n"),
            LogFormat::Json => line(format, level, text, None),
        }
        .as_bytes(),
    );
}

/// How many lines were dropped, because the log was not read or could not be written.
#[must_use]
pub(crate) fn dropped_lines() -> u64 {
    LINES.dropped()
}

/// Waits until every line is written; `false` if that takes longer than `limit`.
pub fn flush(limit: Duration) -> bool {
    LINES.flush(limit)
}

/// A line in the form that the subscriber writes, without its filters.
fn line(format: LogFormat, level: Level, message: &str, lines: Option<u64>) -> String {
    #[derive(Serialize)]
    struct Event<'e> {
        timestamp: UnixSeconds,
        level: &'e str,
        message: &'e str,
        #[serde(skip_serializing_if = "Option::is_none")]
        lines: Option<u64>,
        target: &'e str,
    }
    let (timestamp, target) = (SystemClock::new().now(), module_path!());
    match format {
        LogFormat::Pretty => {
            let lines = lines.map(|lines| format!(" lines={lines}")).unwrap_or_default();
            format!("{timestamp} {level:>5} {target}: {message}{lines}\n")
        }
        LogFormat::Json => {
            let event = Event { timestamp, level: level.as_str(), message, lines, target };
            // Texts and numbers always have a JSON form.
            serde_json::to_string(&event).unwrap_or_default() + "\n"
        }
    }
}

/// Logs a panic as one escaped line; does not wait.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let cause = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
    let at = panic.location().map(tracing::field::display);
    let current = thread::current();
    tracing::error!(?cause, at, thread = current.name(), "this program has a fault: a thread panicked");
}

/// Whether an event may be logged: a line for a request if the settings ask for these, every event of this crate, and
/// warnings and errors of others. At lower levels, other crates print whole requests with their tokens and secrets.
/// actix-http logs each malformed request as an error, so any client could fill the disk with them.
fn is_logged(event: &Metadata<'_>, access: bool) -> bool {
    let target = event.target();
    if target == ACCESS {
        return access;
    }
    target.starts_with("boomgate") || (*event.level() <= Level::WARN && !target.starts_with("actix_http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_filters_has_the_form_of_the_others() {
        let json = line(LogFormat::Json, Level::WARN, "a \"word\"\nmore", Some(3));
        let (start, end) = json.split_once("Z\",").unwrap();
        assert!(start.starts_with("{\"timestamp\":\"2"), "{start}");
        let expected = r#""level":"WARN","message":"a \"word\"\nmore","lines":3,"target":"boomgate::telemetry"}"#;
        assert_eq!(end, format!("{expected}\n"));
        let pretty = line(LogFormat::Pretty, Level::WARN, "a word", None);
        assert!(pretty.ends_with("Z  WARN boomgate::telemetry: a word\n"), "{pretty}");
    }
}
