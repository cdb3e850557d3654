//! `boomgate trouble`: what happens to a client in real life, in a sandbox.

use anyhow::bail;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::api::sandbox::trouble::{
    ClearedTrouble, ClearedTroubles, Trouble, TroubleAnswer, TroubleList, TroubleName, TroubleRequest,
};
use crate::cli::connection::{AsSent, ControlOptions};
use crate::cli::output::{self, Table};
use crate::config::Environment;
use crate::counts::Label as _;
use crate::time::Span;

const PATH: &str = "/sandbox/troubles";

const EXAMPLES: &str = "Examples:
  boomgate trouble list
  boomgate trouble token-expires --client demo-reader
  boomgate trouble quota-exhausted --client demo-writer
  boomgate trouble outage --for 10s
  boomgate trouble clear";

#[derive(Args)]
#[command(after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(in crate::cli) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// What happens; `boomgate trouble list` explains each name
    #[arg(required = true, value_parser = PossibleValuesParser::new(names()))]
    name: Option<String>,
    /// The client that it happens to
    #[arg(long, visible_alias = "client-id", value_name = "ID")]
    client: Option<String>,
    /// How long it lasts, from 1s to 1d: 30s, 10m
    #[arg(long = "for", value_name = "SPAN")]
    lasts: Option<Span>,
    #[command(flatten)]
    control: ControlOptions,
}

#[derive(Subcommand)]
enum Command {
    /// List the troubles with a sentence on each, and say which are on
    #[command(after_help = EXAMPLES)]
    List,
    /// Undo every trouble that is on
    #[command(after_help = EXAMPLES)]
    Clear,
}

fn names() -> impl Iterator<Item = &'static str> {
    TroubleName::ALL.iter().map(|trouble| trouble.name())
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { command, name, client, lasts, control } = options;
    let json = control.json;
    let sandbox = control.open(environment)?;
    match (command, name) {
        (Some(Command::List), _) => show_list(&sandbox.get(PATH, &[])?, json),
        (Some(Command::Clear), _) => show_cleared(&sandbox.delete_for(PATH)?, json),
        (None, Some(name)) => {
            let body = TroubleRequest { client: client.as_deref(), lasts };
            show_started(&sandbox.post(&format!("{PATH}/{name}"), &body)?, json)
        }
        (None, None) => bail!("name a trouble: `boomgate trouble list` lists them"),
    }
}

fn show_list(troubles: &AsSent<TroubleList>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(troubles);
    }
    let mut table = Table::new(["NAME", "ON", "WHAT HAPPENS"]);
    output::print(&table.page(&troubles.data.iter().map(row).collect::<Vec<_>>()))?;
    Ok(())
}

fn row(trouble: &Trouble) -> [String; 3] {
    let clients = trouble.clients.iter().map(ToString::to_string).collect::<Vec<_>>();
    let on = match (trouble.on, clients.is_empty()) {
        (false, _) => "-".to_owned(),
        (true, true) => "for all".to_owned(),
        (true, false) => clients.join(", "),
    };
    [trouble.name.to_string(), on, trouble.description.to_string()].map(|cell| output::printable(&cell))
}

fn show_started(happened: &AsSent<TroubleAnswer>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(happened);
    }
    let members = [
        ("client", happened.client.as_ref().map(ToString::to_string)),
        ("now", Some(happened.now.to_string())),
        ("ends in", happened.ends_in.as_ref().map(ToString::to_string)),
        ("client_secret", happened.client_secret.clone()),
        ("previous expires at", happened.previous_expires_at.as_ref().map(ToString::to_string)),
        ("kid", happened.kid.clone()),
        ("scope", happened.scope.as_ref().map(|scope| scope.as_str().to_owned())),
    ];
    let members: Vec<_> = members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    output::print(&output::members(&members))?;
    output::message(&output::printable(&happened.description));
    output::message(&format!("To undo it: boomgate trouble clear. {}", output::printable(&happened.undone)));
    Ok(())
}

fn show_cleared(cleared: &AsSent<ClearedTroubles>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(cleared);
    }
    if cleared.data.is_empty() {
        output::message("No trouble is on.");
        return Ok(());
    }
    let row = |trouble: &ClearedTrouble| {
        let client = trouble.client.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        [trouble.name.to_string(), client, trouble.undone.to_string()].map(|cell| output::printable(&cell))
    };
    let mut table = Table::new(["NAME", "CLIENT", "NOW"]);
    output::print(&table.page(&cleared.data.iter().map(row).collect::<Vec<_>>()))?;
    Ok(())
}
