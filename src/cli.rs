//! The command line. Two commands run a server; most others call a running server over HTTPS.
//!
//! Data goes to standard output, messages go to standard error. A secret is never an argument, because every user of the
//! machine can read those. Exit codes: 0 for success, 1 for a refusal or a failure, 2 for wrong usage; a server that was
//! stopped has two more, see [`serve`]. An error is one line that says what to do next.
//!
//! Answers and request bodies are types of [`api`](crate::api). `--json` prints what the server sent, with the members
//! in alphabetical order.
#![allow(clippy::doc_markdown, reason = "clap prints the doc comments of options")]

mod audit;
mod ca;
mod client;
mod config;
mod connection;
mod credentials;
mod doctor;
mod exam;
mod hardening;
mod healthcheck;
mod input;
mod installation;
mod key;
mod open_files;
mod openapi;
mod output;
mod pages;
mod ready;
mod report;
mod sandbox;
mod serve;
mod token;
mod walk;
mod welcome;
mod why;

use std::any::TypeId;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::Environment;

/// Exit code of a refusal or a failure.
const FAILED: u8 = 1;

#[derive(Parser)]
#[command(
    name = "boomgate",
    version,
    about = "OAuth 2.0 client credentials, scopes, throttles and daily quotas in front of a partner API",
    after_help = EXAMPLES,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  boomgate sandbox
  boomgate serve --config boomgate.toml
  boomgate client add --name Curbside --scope 'read:zones write:zones'
  TOKEN=$(boomgate token get --client demo-reader)
  boomgate doctor --config boomgate.toml";

#[derive(Subcommand)]
enum Command {
    /// Run a server for this machine only, with demo clients and sample zones
    Sandbox(serve::SandboxOptions),
    /// Run a server for production, with the settings of a file
    Serve(serve::Options),
    /// Register, show and change clients
    Client(client::Options),
    /// List, rotate, import and revoke signing keys
    Key(key::Options),
    /// Show who changed what and when, and verify that no entry of the log was altered
    Audit(audit::Options),
    /// Get, explain, revoke and forge access tokens
    Token(token::Options),
    /// Show and move the clock of a sandbox
    Clock(sandbox::clock::Options),
    /// List, show and follow the requests that a sandbox has answered
    Requests(sandbox::requests::Options),
    /// Save the state of a sandbox, and go back to it
    Snapshot(sandbox::snapshot::Options),
    /// Take a sandbox back to the demo clients and the sample zones
    Reset(sandbox::reset::Options),
    /// Say why a request was refused, check by check, and what would have let it through
    Why(why::Options),
    /// Make happen what happens to clients in real life, in a sandbox
    Trouble(sandbox::trouble::Options),
    /// Disturb requests to a sandbox on purpose
    Fault(sandbox::fault::Options),
    /// Examine a client: disturb its command as production will, and judge what it does
    Exam(Box<exam::Options>),
    /// Judge what a sandbox has recorded of a client; sign the report of an exam, and verify its passport
    Report(report::Options),
    /// Check and show the settings
    Config(config::Options),
    /// Export the certificate authority, and have this machine trust it
    Ca(ca::Options),
    /// Find what is wrong with an installation, and how to fix it
    Doctor(doctor::Options),
    /// Check whether the server is ready; for containers
    Healthcheck(healthcheck::Options),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print the completions of this program for a shell
    Completions(pages::CompletionOptions),
    /// Print the manual page, or write one page for each command
    Man(pages::ManOptions),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let environment = Environment::of_process();
    let matches = Arguments::command().get_matches();
    let command = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    if let Err(error) = refuse_misread_paths(&Arguments::command(), &matches, &environment) {
        output::print_error(&error);
        return ExitCode::from(if matches!(command, Command::Exam(_)) { exam::SET_UP } else { FAILED });
    }
    let result = match command {
        Command::Sandbox(options) => return serve::run_sandbox(options, &environment),
        Command::Serve(options) => return serve::run(options, &environment),
        Command::Client(options) => client::run(options, &environment),
        Command::Key(options) => key::run(options, &environment),
        Command::Audit(options) => audit::run(&options, &environment),
        Command::Token(options) => token::run(&options, &environment),
        Command::Clock(options) => sandbox::clock::run(options, &environment),
        Command::Requests(options) => sandbox::requests::run(options, &environment),
        Command::Snapshot(options) => sandbox::snapshot::run(options, &environment),
        Command::Reset(options) => sandbox::reset::run(options, &environment),
        Command::Why(options) => why::run(&options, &environment),
        Command::Trouble(options) => sandbox::trouble::run(options, &environment),
        Command::Fault(options) => sandbox::fault::run(options, &environment),
        Command::Exam(options) => return exam::run(&options, &environment),
        Command::Report(options) => report::run(options, &environment),
        Command::Config(options) => config::run(options, &environment),
        Command::Ca(options) => ca::run(&options, &environment),
        Command::Doctor(options) => doctor::run(options, &environment),
        Command::Healthcheck(options) => healthcheck::run(options, &environment),
        Command::Openapi => openapi::run(),
        Command::Completions(options) => pages::completions(&options, &mut Arguments::command()),
        Command::Man(options) => pages::man(&options, Arguments::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output needs no more of it: `boomgate client list | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// Refuses a path in an argument or a variable that probably does not mean what it says, such as `~/data` in quotes,
/// before anything is created there. The configuration checks the paths in a settings file.
fn refuse_misread_paths(
    command: &clap::Command,
    matches: &ArgMatches,
    environment: &Environment,
) -> anyhow::Result<()> {
    for argument in command.get_arguments().filter(|argument| is_path(argument)) {
        let name = argument.get_long().map_or_else(|| argument.get_id().to_string(), |long| format!("--{long}"));
        let values = matches.try_get_raw(argument.get_id().as_str()).ok().flatten().into_iter().flatten();
        for value in values.filter_map(|value| value.to_str()) {
            if let Some(why) = crate::text::misread_path(value) {
                bail!("{name} {value:?} {why}");
            }
        }
    }
    match matches.subcommand() {
        Some((name, below)) => match command.find_subcommand(name) {
            Some(command) => refuse_misread_paths(command, below, environment),
            None => Ok(()),
        },
        None => environment.misread_path().map_or(Ok(()), |why| bail!("{why}")),
    }
}

fn is_path(argument: &Arg) -> bool {
    argument.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails so")]
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn help_starts_with_what_a_command_does_and_has_examples_to_paste() {
        fn walk(command: &clap::Command) {
            assert!(command.get_before_help().is_none() && command.get_about().is_some(), "{command}");
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in examples.lines().filter_map(|line| line.strip_prefix("  ")) {
                assert!(
                    !line.contains(" #") && !line.contains("  "),
                    "{command}: an example is a command and nothing else: {line}"
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&super::Arguments::command());
    }

    #[test]
    fn no_argument_takes_a_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(!argument.get_id().as_str().contains("secret"), "{command}: {argument}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&super::Arguments::command());
    }

    #[test]
    fn the_commands_of_the_api_reference_can_be_pasted() {
        for (operation, line) in crate::http::reference::COMMANDS {
            let command = line.strip_prefix("echo \"$TOKEN\" | ").unwrap_or(line);
            let words = shlex::split(command).unwrap_or_default();
            let read = super::Arguments::command().try_get_matches_from(words);
            assert!(read.is_ok(), "{operation}: {line}: {}", read.unwrap_err());
        }
    }
}
