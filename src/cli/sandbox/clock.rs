//! `boomgate clock`: shows and moves the clock of a sandbox.

use clap::{Args, Subcommand};

use crate::api::sandbox::clock::{ClockAdvance, ClockAnswer, ClockSetting};
use crate::cli::connection::{AsSent, ControlOptions};
use crate::cli::output;
use crate::config::Environment;
use crate::time::{SPAN_FORM, Span, UnixSeconds, parse_span};

const PATH: &str = "/sandbox/clock";

const EXAMPLES: &str = "Examples:
  boomgate clock show
  boomgate clock advance 90m
  boomgate clock set 2030-01-31T00:00:00Z
  boomgate clock freeze
  boomgate clock resume
The clock goes forward only. Tokens, limits, the quota's day, secrets, keys and the audit log go by it; TLS does not.";

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
    /// Move it forward by a span
    Advance {
        /// How far: 700ms, 10s, 90m, 1h30m, 2d
        #[arg(value_parser = span)]
        by: String,
    },
    /// Move it forward to a moment
    Set {
        /// The moment, in RFC 3339: 2030-01-31T00:00:00Z
        #[arg(value_parser = moment)]
        to: UnixSeconds,
    },
    /// Let it stand: tokens do not expire any more, and throttles refill all the same
    Freeze,
    /// Let it run on from where it stands
    Resume,
}

fn span(text: &str) -> Result<String, String> {
    parse_span(text).map(|_| text.to_owned()).ok_or_else(|| format!("must be {SPAN_FORM}"))
}

fn moment(text: &str) -> Result<UnixSeconds, &'static str> {
    UnixSeconds::parse(text).ok_or("must be an RFC 3339 time, such as 2030-01-31T00:00:00Z")
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.control.json;
    let sandbox = options.control.open(environment)?;
    let clock: AsSent<ClockAnswer> = match options.command {
        Command::Show => sandbox.get(PATH, &[])?,
        Command::Advance { by } => sandbox.post(&format!("{PATH}/advance"), &ClockAdvance { by: &by })?,
        Command::Set { to } => sandbox.post(&format!("{PATH}/set"), &ClockSetting { to })?,
        Command::Freeze => sandbox.post_nothing(&format!("{PATH}/freeze"))?,
        Command::Resume => sandbox.post_nothing(&format!("{PATH}/resume"))?,
    };
    if json {
        return output::print_json(&clock);
    }
    let shift = Span::from_secs(clock.shifted_by_s.unsigned_abs()).to_string();
    let shift = match clock.shifted_by_s {
        0 => "nothing".to_owned(),
        1.. => shift,
        ..0 => format!("-{shift}"),
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
