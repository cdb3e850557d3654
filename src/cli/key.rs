//! `boomgate key`: what signs access tokens.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{self, Administration, ConnectionOptions};
use super::output::{self, Table};
use crate::config::Environment;
use crate::files::{self, Reader};
use crate::text;

/// The largest file that is read as a key.
const MAX_KEY_BYTES: u64 = 32 * 1_024;

/// How long a kid is.
const KID_CHARS: usize = 43;

const EXAMPLES: &str = "Examples:
  boomgate key list
  boomgate key rotate
  boomgate key rotate --immediately
  boomgate key import rsa.pem
A new key is published now and signs in 15 minutes. After a key was stolen, rotate immediately and revoke the old one:
boomgate key revoke KID.";

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
    /// List all keys: the next, the one that signs, and those that verify what they have signed
    List,
    /// Let another key sign, once every resource server can know it
    Rotate {
        /// Sign with it at once; resource servers may refuse its tokens until they read the JWK Set again
        #[arg(long)]
        immediately: bool,
    },
    /// Refuse every token that a key has signed, from the next request on
    Revoke {
        /// Its kid, as `boomgate key list` shows it
        // One in 64 starts with a hyphen.
        #[arg(value_parser = kid, allow_hyphen_values = true)]
        kid: String,
    },
    /// Let an RSA key of your own sign, with RS256
    Import {
        /// The private key, PEM, not encrypted; - is standard input
        file: PathBuf,
        /// Sign with it at once; resource servers may refuse its tokens until they read the JWK Set again
        #[arg(long)]
        immediately: bool,
    },
}

/// A key's SHA-256 thumbprint in base64url, which is safe in a path.
fn kid(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_kid = text.len() == KID_CHARS && text.bytes().all(fits);
    if is_kid {
        Ok(text.to_owned())
    } else {
        Err("a kid has 43 letters, digits, - and _, as `boomgate key list` shows it")
    }
}

/// What is shown of a key; `--json` prints all that the server says.
#[derive(Deserialize)]
struct Key {
    kid: String,
    algorithm: String,
    state: String,
    imported: bool,
    signs_from: String,
    signs_until: Option<String>,
    verifies_until: Option<String>,
}

impl Key {
    fn read(answer: &Value) -> anyhow::Result<Self> {
        Self::deserialize(answer).map_err(|error| anyhow!("the server speaks of keys in another way: {error}"))
    }

    fn row(&self) -> [String; 6] {
        let moment = |moment: &Option<String>| moment.clone().unwrap_or_else(|| "-".to_owned());
        let algorithm = format!("{}{}", self.algorithm, if self.imported { " (imported)" } else { "" });
        let (until, verifies) = (moment(&self.signs_until), moment(&self.verifies_until));
        let cells = [&self.kid, &algorithm, &self.state, &self.signs_from, &until, &verifies];
        cells.map(|cell| output::printable(cell))
    }
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.connection.json;
    let connect = || Administration::open(&options.connection, environment);
    match options.command {
        Command::List => list(&connect()?, json),
        Command::Rotate { immediately } => {
            changed(&connect()?.post("/admin/keys/rotate", &json!({ "immediately": immediately }))?, json)
        }
        Command::Revoke { kid } => {
            connect()?.delete(&format!("/admin/keys/{kid}"))?;
            output::message(
                "Its tokens are refused here from now on; at resource servers once they read the JWK Set again.",
            );
            Ok(())
        }
        Command::Import { file, immediately } => {
            let body = json!({ "private_key": read_key(&file)?, "immediately": immediately });
            changed(&connect()?.post("/admin/keys/import", &body)?, json)
        }
    }
}

fn list(server: &Administration, json: bool) -> anyhow::Result<()> {
    let answer = server.get("/admin/keys", &[])?;
    if json {
        return Ok(output::print_json(&answer)?);
    }
    let keys = answer.get("data").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| anyhow!("{} answered without a list of keys", server.server()))?;
    let rows = keys.iter().map(|key| Ok(Key::read(key)?.row())).collect::<anyhow::Result<Vec<_>>>()?;
    let mut table = Table::new(["KID", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"]);
    output::print(&table.page(&rows))?;
    if let Some(rotates_at) = connection::text(&answer, "rotates_at") {
        output::message(&format!("\nThe next key is to sign from {}.", output::printable(rotates_at)));
    }
    Ok(())
}

fn changed(answer: &Value, json: bool) -> anyhow::Result<()> {
    let Key { kid, algorithm, state, signs_from, .. } = Key::read(answer)?;
    let done = format!("The key {kid} is {state} all the same: see `boomgate key list`");
    let members = [("kid", kid), ("algorithm", algorithm), ("state", state), ("signs from", signs_from)];
    let printed = if json { format!("{answer:#}") } else { output::members(&members) };
    output::print_result(&printed, || done)
}

fn read_key(file: &Path) -> anyhow::Result<String> {
    let unreadable = |error: io::Error| anyhow!("cannot read {}: {error}; name a private key in PEM", file.display());
    let source: Box<dyn io::Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        if let Ok(Some(exposure)) = files::exposure(file, Reader::Operator) {
            bail!("{} {exposure}, or better make another key", file.display());
        }
        Box::new(std::fs::File::open(file).map_err(unreadable)?)
    };
    let mut pem = Vec::new();
    source.take(MAX_KEY_BYTES + 1).read_to_end(&mut pem).map_err(unreadable)?;
    if u64::try_from(pem.len()).unwrap_or(u64::MAX) > MAX_KEY_BYTES {
        bail!("{} is over {MAX_KEY_BYTES} bytes: name a private key in PEM", file.display());
    }
    let pem = text::decode(&pem).map_err(|fault| anyhow!("cannot read {}: it {fault}", file.display()))?;
    Ok(pem.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Arguments;

    #[test]
    fn a_kid_may_start_with_a_hyphen() {
        let kid = format!("-{}", "a".repeat(42));
        assert!(Arguments::try_parse_from(["boomgate", "key", "revoke", &kid, "--json"]).is_ok());
        for wrong in ["-h", "../clients/admin", ""] {
            assert!(Arguments::try_parse_from(["boomgate", "key", "revoke", wrong]).is_err(), "{wrong}");
        }
    }
}
