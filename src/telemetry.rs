//! The log: one line for each event, to standard error.
//!
//! Owns the process's one `tracing` subscriber. An access token or a secret is never an event's field:
//! types that hold one do not print. Text that came from a request is recorded with `?`, which escapes
//! control characters, so that no request can write a line of its own or move a terminal's cursor. No warning
//! or error is told again and again: see [`sparing`].

mod sparing;

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

use self::sparing::Sparing;
use crate::config::{Log, LogFormat};
use crate::http::exchange::ACCESS;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's directives cannot be read.
    #[error("log.level cannot be read: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// This process has a log already.
    #[error("the log was started twice")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log of this process; once.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&log.level)?;
    let access = log.access;
    let is_told = move |event: &Metadata<'_>| is_told(event, access);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Pretty => lines.with_ansi(log.color).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Filters of the whole log, and not of one layer: `tracing::enabled!` would confuse those.
    Ok(registry().with(lines).with(Sparing::new()).with(filter_fn(is_told)).with(filter).try_init()?)
}

/// Whether an event may be told at any level: a request's line if those are asked for, our own, and what other crates say is wrong. Below that they
/// print requests as they came, with tokens and secrets in them. actix-http calls each malformed request
/// an error: whoever sends those would fill the disk.
fn is_told(event: &Metadata<'_>, access: bool) -> bool {
    let target = event.target();
    if target == ACCESS {
        return access;
    }
    target.starts_with("boomgate") || (*event.level() <= Level::WARN && !target.starts_with("actix_http"))
}
