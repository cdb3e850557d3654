//! `boomgate healthcheck`: whether the server is ready, by exit code, for containers without curl.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::connection::{Connection, ConnectionOptions, refusal};
use super::{credentials, output};
use crate::config::Environment;

const EXAMPLES: &str = "Examples:
  boomgate healthcheck
  boomgate healthcheck --server https://gate.example.com --ca /etc/ssl/certs/ca-certificates.crt
  HEALTHCHECK CMD [\"boomgate\", \"healthcheck\", \"--timeout\", \"3\"]      in a Dockerfile";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct Options {
    /// The server's address [default: as the data folder has it, else https://localhost:8443]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The certificate authority to trust, PEM [default: DATA_DIR/tls/ca.pem]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The server's folder [default: BOOMGATE_DATA_DIR, else data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How long it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { server, ca, data_dir, timeout } = options;
    let options = ConnectionOptions { server, ca, credentials: None, data_dir, json: false };
    let issuer = credentials::issuer_in(&options.data_dir(environment));
    let connection = Connection::within(Duration::from_secs(timeout), &options, issuer.as_deref(), environment)?;
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
