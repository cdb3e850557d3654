//! `boomgate completions` and `boomgate man`: shell completions and manual pages, generated from the arguments.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use clap::builder::{Resettable, StyledStr};
use clap_complete::Shell;
use clap_mangen::Man;

use super::output;

const COMPLETION_EXAMPLES: &str = "Examples:
  source <(boomgate completions bash)
  boomgate completions bash > ~/.local/share/bash-completion/completions/boomgate
  boomgate completions zsh > ~/.zfunc/_boomgate
  boomgate completions fish > ~/.config/fish/completions/boomgate.fish
zsh needs ~/.zfunc in its $fpath.";

const MAN_EXAMPLES: &str = "Examples:
  boomgate man | man -l -
  boomgate man ~/.local/share/man/man1";

#[derive(Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub(super) struct CompletionOptions {
    /// The shell
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(super) struct ManOptions {
    /// The folder for the pages, one for each command; it is created if it does not exist [default: the first page
    /// only, on standard output]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn completions(options: &CompletionOptions, program: &mut clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, program, "boomgate", &mut script);
    Ok(output::print_bytes(&script)?)
}

pub(super) fn man(options: &ManOptions, program: clap::Command) -> anyhow::Result<()> {
    let mut program = without_help(program);
    program.build();
    let Some(folder) = &options.folder else {
        return Ok(output::print_bytes(&page(program)?)?);
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
    output::message(&format!("{} pages are in {}.", pages.len(), folder.display()));
    Ok(())
}

/// A page for the subcommand `help` would only repeat the others.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
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
    let examples = command.get_after_help().map(ToString::to_string);
    let mut page = Vec::new();
    Man::new(command.after_help(Resettable::<StyledStr>::Reset))
        .render(&mut page)
        .context("a page could not be written")?;
    let mut page = String::from_utf8(page).context("a page could not be written")?;
    if let Some(examples) = examples {
        push_examples(&mut page, &examples);
    }
    Ok(plain(&page).into_bytes())
}

/// Adds the examples at the end, where readers of manual pages look for them, without any formatting.
fn push_examples(page: &mut String, examples: &str) {
    page.push_str(".SH EXAMPLES\n.nf\n");
    for line in examples.strip_prefix("Examples:\n").unwrap_or(examples).lines() {
        // A line that starts with a dot would be a troff request.
        page.push_str("\\&");
        page.push_str(&line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"));
        page.push('\n');
    }
    page.push_str(".fi\n");
}

/// Escapes all but ASCII: no `troff` reads that in a wrong encoding.
fn plain(page: &str) -> String {
    let mut plain = String::with_capacity(page.len());
    for letter in page.chars() {
        if letter.is_ascii() {
            plain.push(letter);
        } else {
            let _written = write!(plain, "\\[u{:04X}]", u32::from(letter));
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_not_formatted() {
        let mut page = String::new();
        push_examples(&mut page, "Examples:\n  boomgate man 'it\\'\n.so /etc/passwd…");
        let lines =
            [".SH EXAMPLES", ".nf", "\\&  boomgate man \\(aqit\\e\\(aq", "\\&.so /etc/passwd\\[u2026]", ".fi", ""];
        assert_eq!(plain(&page), lines.join("\n"));
    }
}
