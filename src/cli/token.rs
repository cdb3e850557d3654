//! `boomgate token`: access tokens for people and scripts.

mod explain;
mod jwt;
mod revoke;

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use zeroize::Zeroizing;

use super::connection::{Connection, ConnectionOptions, text};
use super::credentials::{self, Credentials};
use super::output;
use crate::config::{Environment, PUBLIC_AUDIENCE};
use crate::text::decode;

/// The longest text that is read as a token.
const MAX_TOKEN_BYTES: u64 = 64 * 1_024;

const EXAMPLES: &str = "Examples:
  TOKEN=$(boomgate token get --client demo-reader)
  curl --cacert data/tls/ca.pem -H \"Authorization: Bearer $TOKEN\" https://localhost:8443/parking/zones

  echo \"$TOKEN\" | boomgate token explain
  echo \"$TOKEN\" | boomgate token revoke
BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET are the credentials of another client than a demo one.";

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
        whose: Whose,
        /// The API set to call [default: public.api.passportinc.com; admin.api.boomgate for the administrator]
        #[arg(long)]
        audience: Option<String>,
        /// Less than the client was assigned, scope tokens with spaces between; may be repeated [default: all of it]
        #[arg(long)]
        scope: Vec<String>,
    },
    /// Say what a token says, whether its signature is genuine, and whether the server accepts it
    #[command(after_help = explain::EXAMPLES)]
    Explain {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        whose: Whose,
        /// Read the token alone: ask no server, check no signature
        #[arg(long)]
        offline: bool,
    },
    /// Revoke a token: it is refused from the next request on
    #[command(after_help = revoke::EXAMPLES)]
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose credentials are used.
#[derive(Args)]
struct Whose {
    /// A demo client of the sandbox, such as demo-reader; without it, the credentials of --credentials, of
    /// the environment, or of the data folder's administrator
    #[arg(long, visible_alias = "client-id", value_name = "NAME", conflicts_with = "credentials")]
    client: Option<String>,
}

impl Whose {
    fn credentials(&self, options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Credentials> {
        let data_dir = options.data_dir(environment)?;
        match &self.client {
            Some(client) => credentials::of_demo(client, &data_dir),
            None => credentials::find(options.credentials.as_deref(), &data_dir, environment),
        }
    }
}

/// Where a token comes from: never from an argument, which the whole machine can read.
#[derive(Args)]
struct Which {
    /// The file that holds the token, or the token endpoint's whole answer; - is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let connection = &options.connection;
    match &options.command {
        Command::Get { whose, audience, scope } => {
            let credentials = whose.credentials(connection, environment)?;
            let scope = Some(scope.join(" ")).filter(|scope| !scope.is_empty());
            get(&credentials, audience.as_deref(), scope.as_deref(), connection, environment)
        }
        Command::Explain { which, whose, offline } => {
            let token = which.read()?;
            let credentials = || whose.credentials(connection, environment);
            explain::explain(&token, credentials, *offline, connection, environment)
        }
        Command::Revoke { which, whose } => {
            let token = which.read()?;
            revoke::revoke(&token, &whose.credentials(connection, environment)?, connection, environment)
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
    let audience = audience.unwrap_or_else(|| credentials.found.audience(PUBLIC_AUDIENCE));
    let connection = Connection::new(options, credentials, environment)?;
    let answer = connection.token(credentials, audience, scope)?;
    let token = text(&answer, "access_token");
    let token = token.ok_or_else(|| anyhow!("{} answered without an access token", connection.server()))?;
    let printed = if options.json { format!("{answer:#}") } else { token.to_owned() };
    output::print_result(&printed, || "The token is lost: get another".to_owned())
}

impl Which {
    fn read(&self) -> anyhow::Result<Zeroizing<String>> {
        let is_standard_input = self.file == Path::new("-");
        // The name is the token then, so it is not shown.
        if jwt::looks_like_one(&self.file.to_string_lossy()) {
            bail!(
                "a token is a secret, so it is never an argument, which all users of this machine can see: pipe it in, or \
                 name a file that holds it"
            );
        }
        if is_standard_input && io::stdin().is_terminal() {
            output::message("Paste the token, then press Enter and Ctrl-D.");
        }
        let name = if is_standard_input { "standard input".to_owned() } else { self.file.display().to_string() };
        let unreadable = |error: io::Error| anyhow!("cannot read {name}: {error}; name a file that holds the token");
        let source: Box<dyn io::Read> = if is_standard_input {
            Box::new(io::stdin().lock())
        } else {
            Box::new(std::fs::File::open(&self.file).map_err(unreadable)?)
        };
        let mut bytes = Zeroizing::new(Vec::new());
        source.take(MAX_TOKEN_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_TOKEN_BYTES {
            bail!("{name} holds no token: it is over {MAX_TOKEN_BYTES} bytes");
        }
        let text = decode(&bytes).map_err(|fault| anyhow!("{name} holds no token: it {fault}"))?;
        Ok(token_in(text))
    }
}

/// The token in what people have at hand: alone, after `Bearer`, or in the token endpoint's answer.
fn token_in(text: &str) -> Zeroizing<String> {
    let text = text.trim();
    let whole = |text: &str| Zeroizing::new(text.to_owned());
    if text.starts_with('{')
        && let Ok(answer) = serde_json::from_str::<Value>(text)
        && let Some(token) = answer.get("access_token").and_then(Value::as_str)
    {
        return whole(token);
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
    fn a_token_is_found_in_what_people_have_at_hand() {
        for text in ["a.b.c", "\n a.b.c\r\n", "Bearer a.b.c", "bearer  a.b.c\n", r#"{"access_token": "a.b.c"}"#] {
            assert_eq!(token_in(text).as_str(), "a.b.c", "{text:?}");
        }
        for text in ["", "{", "{}", "a b", "Bearer"] {
            assert_eq!(token_in(text).as_str(), text);
        }
    }
}
