//! `boomgate report`: the report of an exam, signed as a passport, and verified; and a report of what a sandbox has recorded.

mod file;
mod show;
pub(super) mod sign;
mod verify;

use clap::{Args, Subcommand};

use crate::config::Environment;

const EXAMPLES: &str = "Examples:
  boomgate report demo-writer
  boomgate report demo-writer --out report.html
  boomgate report sign boomgate-report/report.json > boomgate-report/passport.jwt
  boomgate report verify boomgate-report/passport.jwt
  boomgate report verify passport.jwt --report report.json --jwks jwks.json";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: show::ShowOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Have a server sign the report of an exam, and print its passport
    Sign(sign::Options),
    /// Verify a passport, and that it is of the report beside it
    Verify(verify::Options),
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    match options.command {
        Some(Command::Sign(options)) => sign::run(&options, environment),
        Some(Command::Verify(options)) => verify::run(options, environment),
        None => show::run(options.show, environment),
    }
}
