//! The options of `boomgate exam`, and what is found wrong with them before anything runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::sandbox::ADMINISTRATOR;
use super::variables::{Mapping, NAMES, PLACEHOLDERS};
use crate::cli::connection::ConnectionOptions;
use crate::cli::output::quoted;
use crate::config::Environment;
use crate::exam::{Plan, Profile};
use crate::http::routes;
use crate::sandbox::demo::{DEMOS, Demo};
use crate::text::closest_match;
use crate::time::{SPAN_FORM, Span};

const EXAMPLES: &str = "Examples:
  boomgate exam --list
  boomgate exam demo-writer -- python3 client.py
  boomgate exam demo-writer --env 'API_URL={url}' --env 'CA={ca_file}' -- ./run-client.sh
  boomgate exam demo-writer --only storm,pace --jobs 4 -- npm test
  boomgate exam --init
  boomgate exam demo-writer --profile exam.toml --sign -- python3 client.py
  boomgate exam demo-writer --replay 'resource#3=503,resource#5=token-expires' --shrink -- ./client
Exit codes: 0 ready, 1 not ready, 2 the set-up is wrong, 130 interrupted.";

#[allow(clippy::struct_excessive_bools, reason = "each flag is an option of its own")]
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Options {
    /// The demo client as which the command calls: demo-reader, demo-writer or demo-limited
    pub(super) client: Option<String>,
    /// The command: it calls the API as the client does in production, and ends
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
    /// List the scenarios and the checks, and how long each scenario takes
    #[arg(long)]
    pub(super) list: bool,
    /// Run these scenarios alone; a check stands for its scenarios. Names with commas between them
    #[arg(long, value_name = "NAMES")]
    pub(super) only: Vec<String>,
    /// Leave these scenarios or checks out
    #[arg(long, value_name = "NAMES")]
    pub(super) skip: Vec<String>,
    /// How many scenarios run side by side, each with a sandbox of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(super) jobs: u8,
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = Mapping::parse, help = ENV, long_help = env_help())]
    pub(super) mappings: Vec<Mapping>,
    /// How long one run of the command may take
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = deadline)]
    pub(super) deadline: Span,
    /// What is demanded of the client (TOML) [default: each check at its own level]
    #[arg(long, value_name = "FILE")]
    pub(super) profile: Option<PathBuf>,
    /// Write a commented exam.toml, to start a profile from
    #[arg(long)]
    pub(super) init: bool,
    /// The folder for the report
    #[arg(long, value_name = "DIR", default_value = "boomgate-report")]
    pub(super) report: PathBuf,
    /// Run the command once, under a plan of many disturbances: for commands that are slow. A report of it proves less
    #[arg(long, conflicts_with_all = ["replay", "only"])]
    pub(super) once: bool,
    /// What the plan of --once is made from; the same seed makes the same plan
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Run the command once under this plan, such as 'resource#3=503,token#2=drop'
    #[arg(long, value_name = "PLAN", conflicts_with = "only")]
    pub(super) replay: Option<Plan>,
    /// Search for the least part of a failed plan that still fails: of --once, --replay, or a scenario of the profile
    #[arg(long)]
    pub(super) shrink: bool,
    /// How many runs --shrink makes at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) shrink_runs: u32,
    /// Have the report signed, as passport.jwt beside it: by the server that --server names or that of this machine, with an
    /// administrator's credentials
    #[arg(long)]
    pub(super) sign: bool,
    /// Whose server signs.
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

const ENV: &str = "Set a variable for the command; VALUE may hold {url}, {token_url}, {client_id}, {client_secret}, {audience} and \
     {ca_file}. --help lists those that are set anyway";

fn env_help() -> String {
    let width = NAMES.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let names: Vec<_> = NAMES.iter().map(|(name, what)| format!("  {name:width$}  {what}")).collect();
    let placeholders: Vec<_> = PLACEHOLDERS.iter().map(|name| format!("{{{name}}}")).collect();
    format!(
        "Set a variable for the command. VALUE may hold {}.\n\nThese are set anyway:\n{}\n\nA bundle of yours in SSL_CERT_FILE, \
         REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE stays trusted beside it.",
        placeholders.join(", "),
        names.join("\n")
    )
}

fn deadline(text: &str) -> Result<Span, String> {
    let longest = Duration::from_secs(24 * 3_600);
    match text.parse::<Span>() {
        Ok(span) if span.as_millis() > 0 && span.as_duration() <= longest => Ok(span),
        Ok(_) => Err("must be over 0s and 24h at most".to_owned()),
        Err(_) => Err(format!("must be {SPAN_FORM}")),
    }
}

/// The demo client of this name.
pub(super) fn demo(name: Option<&str>) -> anyhow::Result<&'static Demo> {
    let examined = || DEMOS.iter().filter(|demo| demo.client_id != ADMINISTRATOR);
    let names = || examined().map(|demo| demo.client_id);
    let all = names().collect::<Vec<_>>().join(", ");
    let Some(name) = name else { bail!("name the client as which the command calls: {all}") };
    if name == ADMINISTRATOR {
        bail!("{ADMINISTRATOR} administers the sandbox of the exam and is not examined: name one of {all}");
    }
    match examined().find(|demo| demo.client_id == name) {
        Some(demo) => Ok(demo),
        None => match closest_match(name, names()) {
            Some(meant) => bail!("no demo client is called {name:?}: did you mean {meant}?"),
            None => bail!("no demo client is called {name:?}: the exam knows {all}"),
        },
    }
}

/// Refuses a command that cannot be started.
pub(super) fn check_command(command: &[String], client: &str, environment: &Environment) -> anyhow::Result<()> {
    let Some(program) = command.first() else {
        bail!("name the command that calls the API: boomgate exam {client} -- python3 client.py");
    };
    if program.contains('/') {
        return match fs::metadata(program) {
            Ok(found) if is_executable(&found) => Ok(()),
            Ok(_) => bail!(
                "{} is no program that may be executed: start it by its interpreter, or chmod +x it",
                quoted(program)
            ),
            Err(error) => bail!("the command {} cannot be started: {error}", quoted(program)),
        };
    }
    // Without PATH the system looks in these.
    let path = environment.get("PATH").unwrap_or("/bin:/usr/bin");
    let is_there =
        |folder: &str| fs::metadata(Path::new(folder).join(program)).is_ok_and(|found| is_executable(&found));
    if path.split(':').any(is_there) {
        return Ok(());
    }
    let local = Path::new(program).is_file();
    let hint =
        if local { format!("write ./{program} for the file in this folder") } else { "is it installed?".to_owned() };
    bail!("no program {} is on the PATH: {hint}", quoted(program));
}

/// Refuses a demand for an operation that the API does not have.
pub(super) fn check_operations(profile: &Profile) -> anyhow::Result<()> {
    let known: Vec<_> = routes::scoped_operations().into_iter().map(|(operation, _)| operation).collect();
    let names = || known.iter().map(String::as_str);
    let Some(unknown) = profile.operations.iter().find(|operation| !known.contains(operation)) else { return Ok(()) };
    match closest_match(unknown, names()) {
        Some(meant) => bail!("the profile demands {unknown:?}, which the API does not have: did you mean {meant:?}?"),
        None => bail!(
            "the profile demands {unknown:?}, which the API does not have: name any of {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn is_executable(found: &fs::Metadata) -> bool {
    const ANY_EXECUTE: u32 = 0o111;
    found.is_file() && found.permissions().mode() & ANY_EXECUTE != 0
}
