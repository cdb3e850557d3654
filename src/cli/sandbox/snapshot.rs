//! `boomgate snapshot`: saves the state of a sandbox under a name, and goes back to it.

use clap::{Args, Subcommand};

use crate::api::sandbox::snapshot::{Restored, Snapshot, SnapshotList};
use crate::cli::connection::{Api, AsSent, ControlOptions};
use crate::cli::output;
use crate::config::Environment;
use crate::sandbox::SnapshotName;

const PATH: &str = "/sandbox/snapshots";

const EXAMPLES: &str = "Examples:
  boomgate snapshot save before-the-outage
  boomgate snapshot restore before-the-outage
  boomgate snapshot list --json";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    control: ControlOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Save the state of the sandbox: clients, zones, tokens, limits, clock and faults
    Save(Named),
    /// Go back to a saved state; what happened since is lost
    Restore(Named),
    /// List the saved states
    List,
    /// Remove a saved state
    Remove(Named),
}

#[derive(Args)]
struct Named {
    /// 1 to 64 letters, digits, hyphens and underscores
    #[arg(value_parser = checked)]
    name: String,
}

fn checked(name: &str) -> Result<String, String> {
    SnapshotName::parse(name).map(|name| name.to_string()).map_err(|fault| fault.to_string())
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.control.json;
    let sandbox = options.control.open(environment)?;
    match options.command {
        Command::Save(Named { name }) => save(&sandbox, &name, json),
        Command::Restore(Named { name }) => {
            show_restored(&sandbox.post_nothing(&format!("{PATH}/{name}/restore"))?, json)
        }
        Command::List => list(&sandbox, json),
        Command::Remove(Named { name }) => {
            sandbox.delete(&format!("{PATH}/{name}"))?;
            output::message(&format!("The snapshot {name} is removed."));
            Ok(())
        }
    }
}

fn save(sandbox: &Api, name: &str, json: bool) -> anyhow::Result<()> {
    let saved: AsSent<Snapshot> = sandbox.put_nothing(&format!("{PATH}/{name}"))?;
    if json {
        return output::print_json(&saved);
    }
    let members = [
        ("name", saved.name.clone()),
        ("saved at", saved.saved_at.to_string()),
        ("clients", saved.clients.to_string()),
        ("zones", saved.zones.to_string()),
        ("bytes", saved.bytes.to_string()),
    ];
    output::print(&output::members(&members))?;
    output::message(&format!("Go back to it with: boomgate snapshot restore {name}{}", sandbox.flags()));
    Ok(())
}

fn list(sandbox: &Api, json: bool) -> anyhow::Result<()> {
    let list: AsSent<SnapshotList> = sandbox.get(PATH, &[])?;
    if json {
        return output::print_json(&list);
    }
    let row = |snapshot: &Snapshot| {
        let Snapshot { name, saved_at, clients, zones, bytes, .. } = snapshot;
        [name.clone(), saved_at.to_string(), clients.to_string(), zones.to_string(), bytes.to_string()]
    };
    let rows: Vec<_> = list.data.iter().map(row).collect();
    output::print(&output::Table::new(["NAME", "SAVED AT", "CLIENTS", "ZONES", "BYTES"]).page(&rows))?;
    for name in &list.unreadable {
        output::message(&format!("The file of {name} is no snapshot, or is damaged: boomgate snapshot remove {name}"));
    }
    Ok(())
}

/// What there is after a restore or a reset.
pub(super) fn show_restored(restored: &AsSent<Restored>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(restored);
    }
    let members = [
        ("now", restored.now.to_string()),
        ("clients", restored.clients.to_string()),
        ("zones", restored.zones.to_string()),
    ];
    output::print(&output::members(&members))?;
    output::message(&restored.note);
    Ok(())
}
