//! `boomgate completions` and `boomgate man`: what shells and `man` know of the arguments, written from
//! the arguments themselves.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man;

use super::output;

const COMPLETION_EXAMPLES: &str = "Examples:
  source <(boomgate completions bash)
  boomgate completions bash > ~/.local/share/bash-completion/completions/boomgate
  boomgate completions zsh  > ~/.zfunc/_boomgate          with ~/.zfunc in $fpath
  boomgate completions fish > ~/.config/fish/completions/boomgate.fish";

const MAN_EXAMPLES: &str = "Examples:
  boomgate man | man -l -
  boomgate man ~/.local/share/man/man1";

#[derive(Args)]
#[command(before_help = COMPLETION_EXAMPLES)]
pub(super) struct CompletionOptions {
    /// The shell
    shell: Shell,
}

#[derive(Args)]
#[command(before_help = MAN_EXAMPLES)]
pub(super) struct ManOptions {
    /// The folder for the pages, one for each command, made if there is none [default: standard output, the
    /// first page alone]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn completions(options: &CompletionOptions, program: &mut clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, program, "boomgate", &mut script);
    write(&script)
}

pub(super) fn man(options: &ManOptions, program: clap::Command) -> anyhow::Result<()> {
    let mut program = with_examples_last(program);
    program.build();
    let Some(folder) = &options.folder else {
        return write(&page(program)?);
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| anyhow!("cannot make {}: {error}; name another folder", folder.display()))?;
    let mut pages = Vec::new();
    collect(program, &mut pages)?;
    for (name, page) in &pages {
        let path = folder.join(name);
        std::fs::write(&path, page)
            .map_err(|error| anyhow!("cannot write {}: {error}; name another folder", path.display()))?;
    }
    output::talk(&format!("{} pages are in {}.", pages.len(), folder.display()));
    Ok(())
}

/// A page has its examples at the end, where readers of manuals look for them.
fn with_examples_last(command: clap::Command) -> clap::Command {
    let examples = command.get_before_help().map(ToString::to_string);
    let command = match examples {
        Some(examples) => command.after_help(examples),
        None => command,
    };
    // `help` has no page of its own.
    command.disable_help_subcommand(true).mut_subcommands(with_examples_last)
}

fn collect(command: clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    for below in command.get_subcommands() {
        collect(below.clone(), pages)?;
    }
    let name = format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name()));
    pages.push((name, page(command)?));
    Ok(())
}

fn page(command: clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page).context("a page could not be written")?;
    Ok(page)
}

fn write(text: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}
