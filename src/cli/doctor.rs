//! `boomgate doctor`: what is wrong with a set-up, and how to mend it.
//!
//! Looks and never changes anything. Each check is one line, told as soon as it is made; a warning is
//! something to know, a failure something that will not work.

mod folder;
mod machine;
mod server;

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::connection::{ConnectionOptions, Route};
use super::installation::{Installation, InstallationOptions, is_of_a_sandbox};
use super::output::{self, PrintError};
use super::serve::SettingOptions;
use crate::config::{Config, ConfigError, Edition, Environment};
use crate::declared::DeclarationError;
use crate::files::{self, Reader};
use crate::server::StartError;
use crate::server::check::{self, Checked};
use crate::store::SledStore;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

const EXAMPLES: &str = "Examples:
  boomgate doctor --config /etc/boomgate.toml
  boomgate doctor --data-dir /var/lib/boomgate --json";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    settings: SettingOptions,
    /// Look at it as `boomgate sandbox` would [default: as the folder's own kind of server would]
    #[arg(long)]
    sandbox: bool,
    /// The server's address, whose name its certificate must be for [default: that of the settings]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Connect here, and expect the server's name all the same [default: where the server of this machine listens]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = Route::parse)]
    connect: Option<Route>,
    /// Trust these certificates alone, PEM: an authority's, or a self-signed one [default: DATA_DIR/tls/ca.pem, or
    /// the system's roots and the chain that the settings name]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// JSON with client_id and client_secret [default: the environment's, else DATA_DIR/admin-credentials.json]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    outcome: Outcome,
    detail: String,
    /// What to do; nothing where all is well.
    mend: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Ok, detail: detail.into(), mend: None }
    }

    fn warn(check: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Warn, detail: detail.into(), mend: Some(mend.into()) }
    }

    fn fail(check: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Fail, detail: detail.into(), mend: Some(mend.into()) }
    }

    /// A failure whose text says what to do, as all errors here do.
    fn failed(check: &'static str, error: &dyn fmt::Display) -> Self {
        Self { check, outcome: Outcome::Fail, detail: error.to_string(), mend: None }
    }

    fn line(&self, color: bool) -> String {
        let (mark, paint) = match self.outcome {
            Outcome::Ok => ("[ok]  ", "32"),
            Outcome::Warn => ("[warn]", "33"),
            Outcome::Fail => ("[fail]", "31"),
        };
        let mark = if color { format!("\u{1b}[{paint}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let mend = self.mend.as_ref().map_or_else(String::new, |mend| format!(": {mend}"));
        // Faults of settings are many lines.
        let told = format!("{}{mend}", self.detail).lines().map(output::printable).collect::<Vec<_>>().join("\n  ");
        format!("{mark} {:<12} {told}", self.check)
    }
}

/// What is looked at.
struct Setup<'e> {
    config: Config,
    installation: Installation,
    connection: ConnectionOptions,
    environment: &'e Environment,
    now: UnixSeconds,
    /// Whether a process has the store open.
    held: bool,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { settings, sandbox, server, connect, ca, credentials, json } = options;
    let flags = settings.flags();
    // The file may name the folder, and the folder says whose settings it goes by.
    let (config, ..) = Config::load_partly(Edition::Serve, &flags, environment, Reader::Operator);
    let edition = if sandbox || is_of_a_sandbox(&config.data_dir) { Edition::Sandbox } else { Edition::Serve };
    let mut told = Told { json, color: output::color(environment), findings: Vec::new(), unprinted: None };

    // Where settings are wrong, the rest is looked at all the same, with those that are right.
    let (config, settings, fault) = Config::load_partly(edition, &flags, environment, Reader::Operator);
    told.tell(match &fault {
        None => Finding::ok("settings", format!("{} settings, none of them wrong", settings.len())),
        Some(fault) => Finding::failed("settings", fault),
    });
    // For root alone: it reads what another user owns, and its server would not.
    if fault.is_none()
        && let (.., Some(refused @ ConfigError::Exposed { .. })) =
            Config::load_partly(edition, &flags, environment, Reader::Server)
    {
        told.tell(Finding { check: "settings", outcome: Outcome::Warn, detail: refused.to_string(), mend: None });
    }
    let now = SystemClock::new().now();
    let checked = check::check(&config, now);
    for detail in checked.weak_secrets() {
        told.tell(Finding { check: "clients file", outcome: Outcome::Warn, detail, mend: None });
    }
    let Checked { faults, warnings, .. } = checked;
    for warning in warnings {
        told.tell(Finding { check: "settings", outcome: Outcome::Warn, detail: warning, mend: None });
    }
    // What it says of folders and certificates the checks below say with more around it.
    for fault in faults.iter().filter(|fault| matches!(fault, StartError::Declaration(_))) {
        let outcome = if is_for_root_alone(fault) { Outcome::Warn } else { Outcome::Fail };
        told.tell(Finding { outcome, ..Finding::failed("clients file", fault) });
    }
    let installation = Installation::new(config.clone(), &settings, fault);
    let held = SledStore::is_held(&config.data_dir.join("db"));
    let of_installation = InstallationOptions { data_dir: flags.data_dir, config: flags.file };
    let connection = ConnectionOptions { server, connect, ca, credentials, installation: of_installation, json };
    let setup = Setup { config, installation, connection, environment, now, held: matches!(held, Ok(Some(true))) };

    for finding in machine::look(&setup) {
        told.tell(finding);
    }
    for finding in folder::look(&setup, sandbox) {
        told.tell(finding);
    }
    server::look(&setup, &mut |finding| told.tell(finding));
    told.end()
}

/// Whether the clients are refused only because root asks, and another user owns their file.
fn is_for_root_alone(fault: &StartError) -> bool {
    let StartError::Declaration(DeclarationError::Exposed { path, .. }) = fault else { return false };
    fs::metadata(path).is_ok_and(|found| files::distrust_of(path, &found, Reader::Operator).is_none())
}

/// What has been found so far.
struct Told {
    json: bool,
    color: bool,
    findings: Vec<Finding>,
    /// Whoever read it went away; what is wrong is an exit code all the same.
    unprinted: Option<PrintError>,
}

impl Told {
    fn tell(&mut self, finding: Finding) {
        if !self.json {
            self.unprinted = self.unprinted.take().or(output::print(&finding.line(self.color)).err());
        }
        self.findings.push(finding);
    }

    fn end(self) -> anyhow::Result<()> {
        let count = |outcome| self.findings.iter().filter(|finding| finding.outcome == outcome).count();
        let (failures, warnings) = (count(Outcome::Fail), count(Outcome::Warn));
        if self.json {
            output::print_json(&json!({ "ok": failures == 0, "findings": self.findings }))?;
        }
        let checks = self.findings.len();
        match (failures, warnings) {
            (0, 0) => output::message("\nEverything is fine."),
            (0, 1) => output::message(&format!("\n1 of {checks} checks needs attention.")),
            (0, _) => output::message(&format!("\n{warnings} of {checks} checks need attention.")),
            (_, _) => bail!("{failures} of {checks} checks failed: mend them from the top"),
        }
        self.unprinted.map_or(Ok(()), |unprinted| Err(unprinted.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_remedy() {
        let finding = Finding::fail("data folder", "data is open\u{1b}[2J", "chmod 700 data");
        assert_eq!(finding.line(false), "[fail] data folder  data is open\u{FFFD}[2J: chmod 700 data");
        assert_eq!(Finding::ok("clock", "fine").line(true), "\u{1b}[32m[ok]  \u{1b}[0m clock        fine");
    }
}
