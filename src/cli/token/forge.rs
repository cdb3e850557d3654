//! `boomgate token forge`: a token that is wrong in one way, made by a sandbox.

use clap::Args;
use clap::builder::PossibleValue;

use crate::api::sandbox::token::{ForgedKind, ForgedToken, TokenForgery};
use crate::cli::connection::{Api, AsSent, ConnectionOptions};
use crate::cli::output;
use crate::config::Environment;
use crate::counts::Label as _;

pub(super) const EXAMPLES: &str = "Examples:
  TOKEN=$(boomgate token forge expired)
  boomgate token forge missing-scope --client demo-writer
  boomgate token forge alg-none --json";

#[derive(Args)]
pub(super) struct Options {
    /// What is to be wrong with the token
    #[arg(value_parser = kinds(), hide_possible_values = false)]
    kind: String,
    /// The client that the token names [default: demo-reader]
    #[arg(long, visible_alias = "client-id", value_name = "ID")]
    client: Option<String>,
}

fn kinds() -> Vec<PossibleValue> {
    ForgedKind::ALL.iter().map(|kind| PossibleValue::new(kind.name()).help(kind.description())).collect()
}

/// Prints the token alone.
pub(super) fn forge(
    options: &Options,
    connection: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<()> {
    let Options { kind, client } = options;
    let body = TokenForgery { kind, client_id: client.as_deref() };
    let forged: AsSent<ForgedToken> = Api::control(connection, environment)?.post("/sandbox/tokens", &body)?;
    let printed = if connection.json { output::json(&forged)? } else { forged.access_token.clone() };
    output::print_result(&printed, || "The token is lost: forge another".to_owned())
}
