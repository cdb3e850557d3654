//! `boomgate report verify`: whether a passport is genuine and valid, and whether it is of the report beside it.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::Value;

use super::file;
use crate::api::exam::Readiness;
use crate::api::passport::{PassportClaims, ReportToSign, sha256_of};
use crate::cli::connection::{Connection, ConnectionOptions, ServerOptions, TIMEOUT};
use crate::cli::installation::InstallationOptions;
use crate::cli::{input, output};
use crate::config::Environment;
use crate::passports::{self, MAX_PASSPORT_BYTES, PassportFault, Verified};
use crate::time::{Clock as _, SystemClock, UnixSeconds};

const EXAMPLES: &str = "Examples:
  boomgate report verify boomgate-report/passport.jwt
  boomgate report verify passport.jwt --report report.json --server https://gate.example.com
  boomgate report verify passport.jwt --jwks jwks.json --json";

const JWK_SET: &str = "/.well-known/jwks.json";
/// The report beside a passport.
const REPORT: &str = "report.json";
/// Far more than any JWK Set has.
const MAX_JWK_SET_BYTES: u64 = 1_024 * 1_024;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The file of the passport; - is standard input
    file: PathBuf,
    /// The report that the passport is of [default: the report.json beside it]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// A JWK Set with the keys that may have signed the passport [default: that of the server]
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    installation: InstallationOptions,
    /// Refuse a passport whose verdict is not "ready"
    #[arg(long)]
    ready: bool,
    /// Print the claims of the passport as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { file, report, jwks, server, installation, ready, json } = options;
    let text = input::read(&file, MAX_PASSPORT_BYTES as u64, "the file that `boomgate report sign` printed")?;
    let report = report.unwrap_or_else(|| file.with_file_name(REPORT));
    let bytes = file::read(&report, "the report of the passport with --report")?;
    let key_set = if let Some(jwks) = &jwks {
        read_key_set(jwks)?
    } else {
        let options = ConnectionOptions { server, credentials: None, installation, json };
        key_set_of(&Connection::with_timeout(TIMEOUT, &options, None, environment)?)?
    };
    let verified = check(without_line_end(&text), &key_set, &bytes, &report, SystemClock::new().now())?;
    let claims = &verified.claims;
    let verdict = claims.report.verdict;
    if ready && verdict != Readiness::Ready {
        bail!("the passport is genuine and valid, and its verdict is {}", verdict.name());
    }
    if json {
        return output::print_json(claims);
    }
    Ok(output::print(&output::members(&members(&verified)))?)
}

/// A passport that is genuine, valid, and of the report with these bytes.
fn check(passport: &str, key_set: &Value, report: &[u8], path: &Path, now: UnixSeconds) -> anyhow::Result<Verified> {
    let verified = passports::verify(passport, std::slice::from_ref(key_set)).map_err(|fault| refused(&fault))?;
    let PassportClaims { exp, report: signed, .. } = &verified.claims;
    let expires_at = UnixSeconds::new(*exp);
    if expires_at <= now {
        return Err(refused(&PassportFault::Expired(expires_at)));
    }
    let name = path.display();
    if sha256_of(report) != signed.report_sha256 {
        bail!("{name} is not the report of the passport: it was altered, or it is another report");
    }
    // The digest holds, so what differs is what the signer wrote.
    let written = ReportToSign::of(&file::parse(report, &name.to_string())?, report, signed.sub.clone());
    if written != *signed {
        bail!("the passport says other things than {name}, whose digest it has: do not rely on who signed it");
    }
    Ok(verified)
}

fn refused(fault: &PassportFault) -> anyhow::Error {
    if matches!(fault, PassportFault::UnknownKey) {
        return anyhow!(
            "the passport is signed with a key that the JWK Set does not have: it is of another server, or of a key that the \
             server has replaced since; name a JWK Set that has it with --jwks"
        );
    }
    anyhow!("the passport {fault}")
}

fn members(verified: &Verified) -> Vec<(&'static str, String)> {
    let PassportClaims { iss, iat, exp, report, .. } = &verified.claims;
    let moment = |seconds: u64| UnixSeconds::new(seconds).to_string();
    let mut members = vec![
        ("client", report.sub.to_string()),
        ("verdict", report.verdict.name().to_owned()),
        ("profile", report.profile.name.clone()),
    ];
    members.extend(report.commit.clone().map(|commit| ("commit", commit)));
    members.extend([
        ("examined", format!("{} with boomgate {}", moment(report.exam_at), report.boomgate_version)),
        ("signed", format!("{} by {iss}", moment(*iat))),
        ("key", verified.kid.clone()),
        ("valid until", moment(*exp)),
    ]);
    members
}

/// The text of the file without the line end that `report sign` prints; any other byte is a part of the passport.
fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

fn read_key_set(path: &Path) -> anyhow::Result<Value> {
    let text = input::read(path, MAX_JWK_SET_BYTES, "a file with a JWK Set")?;
    passports::key_set(&text).map_err(|fault| anyhow!("{} {fault}", path.display()))
}

fn key_set_of(connection: &Connection) -> anyhow::Result<Value> {
    let answer = connection.get(JWK_SET)?;
    if answer.status != 200 {
        bail!("{} answered {} to {JWK_SET}: is it a boomgate server?", connection.server(), answer.status);
    }
    answer.read()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_no_part_of_a_passport() {
        for text in ["a.b.c", "a.b.c\n", "a.b.c\r\n"] {
            assert_eq!(without_line_end(text), "a.b.c", "{text:?}");
        }
        for text in ["a.b.c\n\n", "a.b.c ", " a.b.c", "a.b.c\u{b}"] {
            assert_ne!(without_line_end(text), "a.b.c", "{text:?}");
        }
    }
}
