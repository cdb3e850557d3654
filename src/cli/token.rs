//! `boomgate token`: gets, explains, revokes and forges access tokens.

mod explain;
mod forge;
mod jwt;
mod revoke;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::connection::{AsSent, Connection, ConnectionOptions};
use super::credentials::{self, Credentials};
use super::{input, output};
use crate::api::token::TokenResponse;
use crate::config::{Environment, PUBLIC_AUDIENCE};

/// The longest input, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1_024;

const EXAMPLES: &str = "Examples:
  TOKEN=$(boomgate token get --client demo-reader)
  curl --cacert data/tls/ca.pem -H \"Authorization: Bearer $TOKEN\" https://localhost:8443/parking/zones

  echo \"$TOKEN\" | boomgate token explain
  echo \"$TOKEN\" | boomgate token revoke
  boomgate token forge expired --client demo-reader
For a client that is not a demo client, set BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Print an access token, and nothing else
    #[command(after_help = EXAMPLES)]
    Get {
        #[command(flatten)]
        client: ClientOption,
        /// The API set to call [default: public.api.passportinc.com; admin.api.boomgate for the administrator]
        #[arg(long)]
        audience: Option<String>,
        /// Some of the client's scope tokens, with spaces between them; may be repeated [default: all of them]
        #[arg(long)]
        scope: Vec<String>,
    },
    /// Show the claims of a token, whether its signature is valid, and whether the server accepts it
    #[command(after_help = explain::EXAMPLES)]
    Explain {
        #[command(flatten)]
        input: TokenInput,
        #[command(flatten)]
        client: ClientOption,
        /// Do not call a server, so the signature is not checked
        #[arg(long)]
        offline: bool,
    },
    /// Revoke a token: it is refused from now on
    #[command(after_help = revoke::EXAMPLES)]
    Revoke {
        #[command(flatten)]
        input: TokenInput,
        #[command(flatten)]
        client: ClientOption,
    },
    /// Print a token that is wrong in one way, made by a sandbox
    #[command(after_help = forge::EXAMPLES)]
    Forge(forge::Options),
}

/// Whose credentials to use.
#[derive(Args)]
struct ClientOption {
    /// A demo client of the sandbox, such as demo-reader [default: the client of --credentials, of the environment, or
    /// the administrator in the data folder]
    #[arg(long, visible_alias = "client-id", value_name = "NAME", conflicts_with = "credentials")]
    client: Option<String>,
}

impl ClientOption {
    fn credentials(&self, options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Credentials> {
        let data_dir = options.data_dir(environment)?;
        match &self.client {
            Some(client) => credentials::find_demo(client, &data_dir),
            None => credentials::find(options.credentials.as_deref(), &data_dir, environment),
        }
    }
}

/// Where to read a token. It is never an argument, because every user of the machine can read those.
#[derive(Args)]
struct TokenInput {
    /// A file with the token, or with the whole answer of the token endpoint; - is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let connection = &options.connection;
    match &options.command {
        Command::Forge(forgery) => forge::forge(forgery, connection, environment),
        Command::Get { client, audience, scope } => {
            let credentials = client.credentials(connection, environment)?;
            let scope = Some(scope.join(" ")).filter(|scope| !scope.is_empty());
            get(&credentials, audience.as_deref(), scope.as_deref(), connection, environment)
        }
        Command::Explain { input, client, offline } => {
            let token = input.read()?;
            let credentials = || client.credentials(connection, environment);
            explain::explain(&token, credentials, *offline, connection, environment)
        }
        Command::Revoke { input, client } => {
            let token = input.read()?;
            revoke::revoke(&token, &client.credentials(connection, environment)?, connection, environment)
        }
    }
}

fn get(
    credentials: &Credentials,
    audience: Option<&str>,
    scope: Option<&str>,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<()> {
    let audience = audience.unwrap_or_else(|| credentials.source.audience(PUBLIC_AUDIENCE));
    let connection = Connection::new(options, credentials, environment)?;
    let answer: AsSent<TokenResponse> = connection.token(credentials, audience, scope)?.read()?;
    let printed = if options.json { output::json(&answer)? } else { answer.access_token.clone() };
    output::print_result(&printed, || "The token is lost: get another".to_owned())
}

impl TokenInput {
    fn read(&self) -> anyhow::Result<Zeroizing<String>> {
        // The message must not show the name, because it is the token.
        if jwt::looks_like_one(&self.file.to_string_lossy()) {
            bail!(
                "a token is a secret, so it is never an argument, because all users of this machine can see those: pipe it in, \
                 or name a file that holds it"
            );
        }
        if input::is_standard_input(&self.file) && io::stdin().is_terminal() {
            output::message("Paste the token, then press Enter and Ctrl-D.");
        }
        Ok(token_in(&input::read(&self.file, MAX_TOKEN_BYTES, "a file that holds the token")?))
    }
}

/// An answer of any server's token endpoint.
#[derive(Deserialize)]
struct TokenOnly {
    access_token: String,
}

/// Finds the token in the input: alone, after `Bearer`, or in an answer of the token endpoint.
fn token_in(text: &str) -> Zeroizing<String> {
    let text = text.trim();
    let whole = |text: &str| Zeroizing::new(text.to_owned());
    if text.starts_with('{')
        && let Ok(TokenOnly { access_token }) = serde_json::from_str(text)
    {
        return Zeroizing::new(access_token);
    }
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => whole(token.trim_start()),
        _ => whole(text),
    }
}

#[cfg(test)]
mod tests {
    use super::token_in;

    #[test]
    fn a_token_may_be_alone_after_its_scheme_or_in_an_answer() {
        for text in ["a.b.c", "\n a.b.c\r\n", "Bearer a.b.c", "bearer  a.b.c\n", r#"{"access_token": "a.b.c"}"#] {
            assert_eq!(token_in(text).as_str(), "a.b.c", "{text:?}");
        }
        for text in ["", "{", "{}", "a b", "Bearer"] {
            assert_eq!(token_in(text).as_str(), text);
        }
    }
}
