//! `boomgate clock`: shows and moves the clock of a sandbox.

use clap::{Args, Subcommand};

use crate::api::sandbox::clock::ClockAnswer;
use crate::cli::connection::{AsSent, ControlOptions};
use crate::cli::output;
use crate::config::Environment;

const PATH: &str = "/sandbox/clock";

const EXAMPLES: &str = "Examples:
  boomgate clock show";

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
    /// Show the time of the sandbox, and how far it is ahead of this machine's
    Show,
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.control.json;
    let sandbox = options.control.open(environment)?;
    let clock: AsSent<ClockAnswer> = match options.command {
        Command::Show => sandbox.get(PATH, &[])?,
    };
    if json {
        return output::print_json(&clock);
    }
    let shift = match clock.shifted_by_s {
        0 => "none".to_owned(),
        seconds => format!("{seconds} s"),
    };
    let members = [
        ("now", clock.now.to_string()),
        ("real now", clock.real_now.to_string()),
        ("shifted by", shift),
        ("frozen", if clock.frozen { "yes" } else { "no" }.to_owned()),
    ];
    output::print(&output::members(&members))?;
    if let Some(note) = &clock.note {
        output::message(note);
    }
    Ok(())
}
