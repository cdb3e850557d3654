//! `boomgate doctor`: finds what is wrong with an installation, and how to fix it.
//!
//! It changes nothing. Each check prints one line as soon as it is done. A warning is about something that works but
//! deserves attention, a failure about something that does not work.

mod folder;
mod machine;
mod server;

use std::fs;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::connection::{ConnectionOptions, ServerOptions};
use super::installation::{Installation, InstallationOptions, is_of_a_sandbox};
use super::output::{self, PrintError};
use super::serve::SettingOptions;
use crate::api::health::{Finding, Outcome};
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
    /// Check for `boomgate sandbox` [default: for the kind of server that made the data folder]
    #[arg(long)]
    sandbox: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// A JSON file with client_id and client_secret [default: the variables BOOMGATE_CLIENT_ID and
    /// BOOMGATE_CLIENT_SECRET or BOOMGATE_CLIENT_SECRET_FILE, else DATA_DIR/admin-credentials.json]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the checks read.
struct Setup<'e> {
    config: Config,
    installation: Installation,
    connection: ConnectionOptions,
    environment: &'e Environment,
    now: UnixSeconds,
    /// Whether a process has the store open.
    store_in_use: bool,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { settings, sandbox, server, credentials, json } = options;
    let flags = settings.flags();
    // The settings may name the data folder, and the data folder says which kind of server made it.
    let (config, ..) = Config::load_partly(Edition::Serve, &flags, environment, Reader::Operator);
    let edition = if sandbox || is_of_a_sandbox(&config.data_dir) { Edition::Sandbox } else { Edition::Serve };
    let mut report = Report { json, color: output::color(environment), findings: Vec::new(), print_error: None };

    // The other checks use the settings that have no fault.
    let (config, settings, fault) = Config::load_partly(edition, &flags, environment, Reader::Operator);
    report.add(match &fault {
        None => Finding::ok("settings", format!("{} settings, none of them wrong", settings.len())),
        Some(fault) => Finding::failed("settings", fault),
    });
    // Root can read a file that another user owns, but a server that root starts refuses it.
    if fault.is_none()
        && let (.., Some(refused @ ConfigError::Exposed { .. })) =
            Config::load_partly(edition, &flags, environment, Reader::Server)
    {
        report.add(Finding::warned("settings", refused.to_string()));
    }
    let now = SystemClock::new().now();
    let checked = check::check(&config, now);
    for detail in checked.weak_secrets() {
        report.add(Finding::warned("clients file", detail));
    }
    let Checked { faults, warnings, .. } = checked;
    for warning in warnings {
        report.add(Finding::warned("settings", warning));
    }
    // The checks below report faults of folders and certificates with more detail.
    for fault in faults.iter().filter(|fault| matches!(fault, StartError::Declaration(_))) {
        let outcome = if is_for_root_alone(fault) { Outcome::Warn } else { Outcome::Fail };
        report.add(Finding { outcome, ..Finding::failed("clients file", fault) });
    }
    let installation = Installation::new(config.clone(), &settings, fault);
    let in_use = SledStore::is_held(&config.data_dir.join("db"));
    let paths = InstallationOptions { data_dir: flags.data_dir, config: flags.file };
    let connection = ConnectionOptions { server, credentials, installation: paths, json };
    let store_in_use = matches!(in_use, Ok(Some(true)));
    let setup = Setup { config, installation, connection, environment, now, store_in_use };

    for finding in machine::check(&setup) {
        report.add(finding);
    }
    for finding in folder::check(&setup, sandbox) {
        report.add(finding);
    }
    server::check(&setup, &mut |finding| report.add(finding));
    report.finish()
}

/// Whether only a server that root starts refuses the clients file, because another user owns it.
fn is_for_root_alone(fault: &StartError) -> bool {
    let StartError::Declaration(DeclarationError::Exposed { path, .. }) = fault else { return false };
    fs::metadata(path).is_ok_and(|found| files::distrust_of(path, &found, Reader::Operator).is_none())
}

/// A finding as one line.
fn line(finding: &Finding, color: bool) -> String {
    let (mark, paint) = match finding.outcome {
        Outcome::Ok => ("[ok]  ", "32"),
        Outcome::Warn => ("[warn]", "33"),
        Outcome::Fail => ("[fail]", "31"),
    };
    let mark = if color { format!("\u{1b}[{paint}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let fix = finding.fix.as_ref().map_or_else(String::new, |fix| format!(": {fix}"));
    // A settings file with several faults has several lines.
    let text = format!("{}{fix}", finding.detail).lines().map(output::printable).collect::<Vec<_>>().join("\n  ");
    format!("{mark} {:<12} {text}", finding.check)
}

/// The findings so far.
struct Report {
    json: bool,
    color: bool,
    findings: Vec<Finding>,
    /// Why standard output could not be written. The exit code still says what the checks found.
    print_error: Option<PrintError>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct ReportJson<'r> {
    ok: bool,
    findings: &'r [Finding],
}

impl Report {
    fn add(&mut self, finding: Finding) {
        if !self.json {
            self.print_error = self.print_error.take().or(output::print(&line(&finding, self.color)).err());
        }
        self.findings.push(finding);
    }

    fn finish(self) -> anyhow::Result<()> {
        let count = |outcome| self.findings.iter().filter(|finding| finding.outcome == outcome).count();
        let (failures, warnings) = (count(Outcome::Fail), count(Outcome::Warn));
        if self.json {
            output::print_json(&ReportJson { ok: failures == 0, findings: &self.findings })?;
        }
        let checks = self.findings.len();
        match (failures, warnings) {
            (0, 0) => output::message("\nEverything is fine."),
            (0, 1) => output::message(&format!("\n1 of {checks} checks needs attention.")),
            (0, _) => output::message(&format!("\n{warnings} of {checks} checks need attention.")),
            (_, _) => bail!("{failures} of {checks} checks failed: start with the first one"),
        }
        self.print_error.map_or(Ok(()), |error| Err(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_remedy() {
        let finding = Finding::fail("data folder", "data is open\u{1b}[2J", "chmod 700 data");
        assert_eq!(line(&finding, false), "[fail] data folder  data is open\u{FFFD}[2J: chmod 700 data");
        assert_eq!(line(&Finding::ok("clock", "fine"), true), "\u{1b}[32m[ok]  \u{1b}[0m clock        fine");
    }
}
