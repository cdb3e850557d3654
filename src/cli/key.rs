//! `boomgate key`: the keys that sign access tokens.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};

use super::connection::{AdminApi, AsSent, ConnectionOptions};
use super::input;
use super::output::{self, Table};
use crate::api::key::{Key, KeyImport, KeyList, KeyRotation};
use crate::config::Environment;
use crate::files::{self, Reader};
use crate::time::UnixSeconds;

/// The largest key file, in bytes.
const MAX_KEY_BYTES: u64 = 32 * 1_024;

/// The length of a kid.
const KID_CHARS: usize = 43;

const EXAMPLES: &str = "Examples:
  boomgate key list
  boomgate key rotate
  boomgate key rotate --immediately
  boomgate key import rsa.pem
A new key is published now and signs in 15 minutes. If a key was stolen, rotate with --immediately, and revoke the old
key: boomgate key revoke KID.";

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
    /// List all keys: the next one, the one that signs, and the ones that only verify
    List,
    /// Create a key, which signs once every resource server can have read it
    Rotate {
        /// Sign with the key at once; resource servers may refuse its tokens until they read the JWK Set again
        #[arg(long)]
        immediately: bool,
    },
    /// Revoke a key: every token that it signed is refused from now on
    Revoke {
        /// The key's kid, as `boomgate key list` shows it
        // One kid in 64 starts with a hyphen.
        #[arg(value_parser = kid, allow_hyphen_values = true)]
        kid: String,
    },
    /// Import an RSA key, which signs with RS256
    Import {
        /// The private key, PEM, not encrypted; - is standard input
        file: PathBuf,
        /// Sign with the key at once; resource servers may refuse its tokens until they read the JWK Set again
        #[arg(long)]
        immediately: bool,
    },
}

/// Parses a SHA-256 thumbprint in base64url, which needs no escaping in a path.
fn kid(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_kid = text.len() == KID_CHARS && text.bytes().all(fits);
    if is_kid {
        Ok(text.to_owned())
    } else {
        Err("a kid has 43 characters: letters, digits, - and _, as `boomgate key list` shows it")
    }
}

fn row(key: &Key) -> [String; 6] {
    let time = |time: Option<UnixSeconds>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let imported = if key.imported { " (imported)" } else { "" };
    [
        output::printable(&key.kid),
        format!("{}{imported}", key.algorithm.name()),
        key.state.name().to_owned(),
        key.signs_from.to_string(),
        time(key.signs_until),
        time(key.verifies_until),
    ]
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.connection.json;
    let connect = || AdminApi::open(&options.connection, environment);
    match options.command {
        Command::List => list(&connect()?, json),
        Command::Rotate { immediately } => {
            show_changed(&connect()?.post("/admin/keys/rotate", &KeyRotation { immediately })?, json)
        }
        Command::Revoke { kid } => {
            connect()?.delete(&format!("/admin/keys/{kid}"))?;
            output::message(
                "This server refuses the key's tokens from now on. Resource servers do so once they read the JWK Set again.",
            );
            Ok(())
        }
        Command::Import { file, immediately } => {
            let body = KeyImport { private_key: read_key(&file)?, immediately };
            show_changed(&connect()?.post("/admin/keys/import", &body)?, json)
        }
    }
}

fn list(server: &AdminApi, json: bool) -> anyhow::Result<()> {
    let keys: AsSent<KeyList> = server.get("/admin/keys", &[])?;
    if json {
        return output::print_json(&keys);
    }
    let mut table = Table::new(["KID", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"]);
    output::print(&table.page(&keys.data.iter().map(row).collect::<Vec<_>>()))?;
    if let Some(rotates_at) = keys.rotates_at {
        output::message(&format!("\nThe next key signs from {rotates_at}."));
    }
    Ok(())
}

fn show_changed(key: &AsSent<Key>, json: bool) -> anyhow::Result<()> {
    let (kid, state) = (&key.kid, key.state.name());
    let members = [
        ("kid", kid.clone()),
        ("algorithm", key.algorithm.name().to_owned()),
        ("state", state.to_owned()),
        ("signs from", key.signs_from.to_string()),
    ];
    let printed = if json { output::json(key)? } else { output::members(&members) };
    output::print_result(&printed, || format!("The key {kid} is {state} anyway: see `boomgate key list`"))
}

fn read_key(file: &Path) -> anyhow::Result<String> {
    if !input::is_standard_input(file)
        && let Ok(Some(exposure)) = files::exposure(file, Reader::Operator)
    {
        bail!("{} {exposure}, or better, use another key", file.display());
    }
    Ok(input::read(file, MAX_KEY_BYTES, "a private key in PEM")?.to_string())
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
