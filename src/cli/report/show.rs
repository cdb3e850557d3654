//! `boomgate report CLIENT`: what the journal of a running sandbox says about a client.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};

use crate::api::exam::Report;
use crate::cli::connection::{Api, ControlOptions};
use crate::cli::output;
use crate::config::Environment;
use crate::exam::report::{html, json, junit, markdown};
use crate::files;
use crate::oauth::credentials::ClientId;

#[derive(Args)]
pub(super) struct ShowOptions {
    /// The client whose requests to a running sandbox are judged
    #[arg(value_name = "CLIENT", value_parser = checked)]
    client: Option<String>,
    /// The form [default: that of the ending of --out, else markdown]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file for the report [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    control: ControlOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Json,
    #[value(alias = "md")]
    Markdown,
    #[value(alias = "xml")]
    Junit,
}

fn checked(client_id: &str) -> Result<String, String> {
    ClientId::parse(client_id).map(|client_id| client_id.to_string()).map_err(|fault| fault.to_string())
}

pub(super) fn run(options: ShowOptions, environment: &Environment) -> anyhow::Result<()> {
    let ShowOptions { client, format, out, control } = options;
    let client = client.ok_or_else(|| anyhow!("name a client, such as boomgate report demo-writer"))?;
    let format = format.map_or_else(|| of_ending(out.as_deref(), control.json), Ok)?;
    let sandbox: Api = control.open(environment)?;
    let report: Report = sandbox.get(&format!("/sandbox/report/{client}"), &[])?;
    let text = match format {
        Format::Html => html(&report)?,
        Format::Json => json(&report)?,
        Format::Markdown => markdown(&report),
        Format::Junit => junit(&report)?,
    };
    let Some(path) = out else { return Ok(output::print_bytes(text.as_bytes())?) };
    files::write_public(&path, text.as_bytes())
        .map_err(|error| anyhow!("cannot write {}: {error}; name another file with --out", path.display()))?;
    output::message(&output::printable(&report.summary));
    output::message(&format!("The report is in {}.", path.display()));
    Ok(())
}

/// The form that the name of a file ends with.
fn of_ending(out: Option<&Path>, json: bool) -> anyhow::Result<Format> {
    match out.map(|path| (path, path.extension().map(|ending| ending.to_string_lossy()))) {
        Some((path, Some(ending))) => match &*ending {
            "html" | "htm" => Ok(Format::Html),
            "json" => Ok(Format::Json),
            "xml" => Ok(Format::Junit),
            "md" | "markdown" => Ok(Format::Markdown),
            _ => bail!(
                "{} ends like no form of a report: use .html, .json, .md or .xml, or name the form with --format",
                path.display()
            ),
        },
        None | Some((_, None)) if json => Ok(Format::Json),
        None | Some((_, None)) => Ok(Format::Markdown),
    }
}
