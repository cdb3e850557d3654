//! `boomgate healthcheck`: whether the server is ready, by exit code, for containers without curl.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::connection::{Connection, ConnectionOptions, Route, refusal};
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
    /// The server's address, whose name its certificate must be for [default: the server of this machine]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    server: Option<String>,
    /// Connect here, and expect the server's name all the same [default: where the server of this machine listens]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = Route::parse, help_heading = "Connection")]
    connect: Option<Route>,
    /// Trust these certificates alone, PEM: an authority's, or a self-signed one [default: DATA_DIR/tls/ca.pem, or
    /// the system's roots and the chain that the settings name]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    installation: InstallationOptions,
    /// How long it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { server, connect, ca, installation, timeout } = options;
    let options = ConnectionOptions { server, connect, ca, credentials: None, installation, json: false };
    let connection = Connection::within(Duration::from_secs(timeout), &options, None, environment)?;
    let mut answer = connection.look("/readyz")?;
    if answer.status == 404 {
        // A server from before there was such an address: one that answers is ready.
        answer = connection.look("/.well-known/oauth-authorization-server")?;
    }
    match answer.status {
        200..=299 => Ok(output::print(&format!("{} is ready", connection.server()))?),
        status => bail!("{} is not ready ({status}): {}", connection.server(), refusal(status, &answer.body)),
    }
}
