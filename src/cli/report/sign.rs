//! `boomgate report sign`: a server signs what a report says, and the digest of its file.
//!
//! The report itself stays here. Who signs vouches for it, so the command needs the credentials of an administrator.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;

use super::file;
use crate::api::passport::{ReportToSign, SignedReport};
use crate::cli::connection::{AdminApi, Api, AsSent, ConnectionOptions};
use crate::cli::output;
use crate::config::Environment;
use crate::exam::verdict::contradiction;
use crate::oauth::credentials::ClientId;
use crate::time::{Clock as _, SystemClock, UnixMillis};

const EXAMPLES: &str = "Examples:
  boomgate report sign boomgate-report/report.json > boomgate-report/passport.jwt
  boomgate report sign report.json --for curbside --server https://gate.example.com";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The report.json that `boomgate exam` wrote
    file: PathBuf,
    /// The client that the passport is for, where it has another client_id than in the exam [default: the client of the
    /// report]
    #[arg(long = "for", value_name = "CLIENT_ID", value_parser = ClientId::parse)]
    subject: Option<ClientId>,
    #[command(flatten)]
    connection: ConnectionOptions,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { file, subject, connection } = options;
    let bytes = file::read(file, "the report.json that `boomgate exam` writes")?;
    let to_sign = to_sign(&bytes, &file.display().to_string(), subject.as_ref())?;
    let server = AdminApi::open(connection, environment)?;
    let signed = sign(&server, &to_sign)?;
    let printed = if connection.json { output::json(&signed)? } else { signed.passport.clone() };
    output::print_result(&printed, || "The passport is lost: have the report signed again".to_owned())?;
    output::message(&format!("The passport is valid until {}.", signed.expires_at));
    Ok(())
}

/// Has a server sign the report whose file has these bytes, and returns the passport. It is for the client of the report,
/// unless `subject` names another. The server is called with an administrator's token.
pub(in crate::cli) fn sign_report(server: &Api, bytes: &[u8], subject: Option<&ClientId>) -> anyhow::Result<String> {
    Ok(sign(server, &to_sign(bytes, "the report", subject)?)?.passport.clone())
}

fn to_sign(bytes: &[u8], name: &str, subject: Option<&ClientId>) -> anyhow::Result<ReportToSign> {
    let report = file::parse(bytes, name)?;
    let now = UnixMillis::after_epoch(SystemClock::new().since_epoch());
    if let Some(why) = contradiction(&report, now) {
        bail!("{name} contradicts itself: {why}; sign the report.json that `boomgate exam` wrote, as it is");
    }
    let of_report = || {
        let client_id = &report.client.client_id;
        ClientId::parse(client_id).map_err(|fault| anyhow!("{name} is of the client {client_id:?}: {fault}"))
    };
    let subject = subject.map_or_else(of_report, |subject| Ok(subject.clone()))?;
    Ok(ReportToSign::of(&report, bytes, subject))
}

fn sign(server: &Api, report: &ReportToSign) -> anyhow::Result<AsSent<SignedReport>> {
    server.post("/admin/reports/sign", report)
}
