//! The log: one line for each event, to standard error.
//!
//! Owns the process's one `tracing` subscriber. An access token or a secret is never an event's field:
//! types that hold one do not print. Text that came from a request is recorded with `?`, which escapes
//! control characters, so that no request can write a line of its own or move a terminal's cursor.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Tells of each worker's start and end, which is nobody's business; `log.level` can ask for it by name.
const QUIET: &str = "actix_server=warn";

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
    let filter = EnvFilter::try_new(format!("{QUIET},{}", log.level))?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Pretty => lines.with_ansi(log.color).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}
