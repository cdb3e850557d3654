//! `boomgate healthcheck`: the exit code says whether the server is ready. For containers without curl.

use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::connection::{Connection, ConnectionOptions, METADATA, ServerOptions};
use super::installation::InstallationOptions;
use super::output;
use crate::config::Environment;

const EXAMPLES: &str = "Examples:
  boomgate healthcheck
  boomgate healthcheck --config /etc/boomgate.toml
  boomgate healthcheck --server https://gate.example.com --connect 10.0.0.7:8443
In a Dockerfile: HEALTHCHECK CMD [\"boomgate\", \"healthcheck\", \"--timeout\", \"3\"]";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    installation: InstallationOptions,
    /// How long the check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { server, installation, timeout } = options;
    let options = ConnectionOptions { server, credentials: None, installation, json: false };
    let connection = Connection::with_timeout(Duration::from_secs(timeout), &options, None, environment)?;
    let mut answer = connection.get("/readyz")?;
    if answer.status == 404 {
        // An older server without /readyz: if it answers, it is ready.
        answer = connection.get(METADATA)?;
    }
    match answer.status {
        200..=299 => Ok(output::print(&format!("{} is ready", connection.server()))?),
        status => bail!("{} is not ready ({status}): {}", connection.server(), answer.refusal()),
    }
}
