//! `boomgate token`: access tokens for people and scripts.

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::connection::{Connection, ConnectionOptions, text};
use super::{credentials, output};
use crate::config::{Environment, PUBLIC_AUDIENCE};

const EXAMPLES: &str = "Examples:
  TOKEN=$(boomgate token get --client demo-reader)
  curl --cacert data/tls/ca.pem -H \"Authorization: Bearer $TOKEN\" https://localhost:8443/parking/zones

  BOOMGATE_CLIENT_ID=… BOOMGATE_CLIENT_SECRET=… boomgate token get --scope read:zones --json";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Print an access token, and nothing else
    #[command(before_help = EXAMPLES)]
    Get {
        /// A demo client of the sandbox, such as demo-reader; without it, the credentials of --credentials, of
        /// the environment, or of the data folder's administrator
        #[arg(long, visible_alias = "client-id", value_name = "NAME", conflicts_with = "credentials")]
        client: Option<String>,
        /// The API set to call [default: public.api.passportinc.com; admin.api.boomgate for the administrator]
        #[arg(long)]
        audience: Option<String>,
        /// Less than the client was assigned, scope tokens with spaces between [default: all of it]
        #[arg(long)]
        scope: Option<String>,
    },
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let Command::Get { client, audience, scope } = &options.command;
    let data_dir = options.connection.data_dir(environment);
    let credentials = match client {
        Some(client) => credentials::of_demo(client, &data_dir)?,
        None => credentials::find(options.connection.credentials.as_deref(), &data_dir, environment)?,
    };
    let audience = audience.as_deref().unwrap_or_else(|| credentials.found.audience(PUBLIC_AUDIENCE));
    let connection = Connection::new(&options.connection, &credentials, environment)?;
    let answer = connection.token(&credentials, audience, scope.as_deref())?;
    if options.connection.json {
        return Ok(output::print_json(&answer)?);
    }
    let token = text(&answer, "access_token");
    let token = token.ok_or_else(|| anyhow!("{} answered without an access token", connection.server()))?;
    Ok(output::print(token)?)
}
