//! `boomgate reset`: takes a sandbox back to its seed.

use clap::Args;

use super::snapshot::show_restored;
use crate::cli::connection::ControlOptions;
use crate::config::Environment;

const EXAMPLES: &str = "Examples:
  boomgate reset
  boomgate reset --json";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    control: ControlOptions,
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.control.json;
    let sandbox = options.control.open(environment)?;
    show_restored(&sandbox.post_nothing("/sandbox/reset")?, json)
}
