//! The manual: README, CONTRIBUTING, SECURITY and every page of docs/. It names every command, and README every page.

use std::fs;
use std::path::{Path, PathBuf};

use super::{boomgate, stderr, stdout};

const README_LINES: usize = 220;
/// Languages of a block that a reader would paste, too. All that is to be pasted is `sh`, so that it is run by a test.
const OTHER_SHELLS: [&str; 5] = ["", "bash", "console", "shell", "zsh"];

/// A page, by its path in the repository.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A block between fences.
pub(crate) struct Block<'p> {
    pub(crate) language: &'p str,
    pub(crate) lines: Vec<&'p str>,
}

impl Page {
    pub(crate) fn all() -> Vec<Self> {
        let mut names: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
        let mut folders = vec![PathBuf::from("docs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(repository().join(&folder)).unwrap() {
                let name = folder.join(entry.unwrap().file_name());
                if repository().join(&name).is_dir() {
                    folders.push(name);
                } else if name.extension().is_some_and(|extension| extension == "md") {
                    names.push(name);
                }
            }
        }
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    fn read(name: &Path) -> Self {
        let text =
            fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{}: {error}", name.display()));
        Self { name: name.to_str().unwrap().to_owned(), text }
    }

    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        self.parts().1
    }

    /// The lines outside of blocks, and the blocks.
    fn parts(&self) -> (Vec<&str>, Vec<Block<'_>>) {
        let (mut prose, mut blocks, mut open) = (Vec::new(), Vec::new(), None::<Block<'_>>);
        for line in self.text.lines() {
            match (open.take(), line.trim_start().strip_prefix("```")) {
                (None, None) => prose.push(line),
                (None, Some(language)) => open = Some(Block { language, lines: Vec::new() }),
                (Some(block), Some(_)) => blocks.push(block),
                (Some(mut block), None) => {
                    block.lines.push(line);
                    open = Some(block);
                }
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        (prose, blocks)
    }
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_readme_leads_to_every_page_and_is_short() {
    let readme = Page::read(Path::new("README.md"));
    let count = readme.text.lines().count();
    assert!(count <= README_LINES, "README has {count} lines");
    // The decisions have a list of their own.
    let is_direct = |page: &Page| page.name != "README.md" && !page.name.starts_with("docs/decisions/");
    for page in Page::all().iter().filter(|page| is_direct(page)) {
        assert!(readme.text.contains(&format!("]({})", page.name)), "README does not name {}", page.name);
    }
}

#[test]
fn every_block_says_its_language_and_what_is_to_be_pasted_is_sh() {
    for page in Page::all() {
        for block in page.blocks() {
            assert!(!OTHER_SHELLS.contains(&block.language), "{}: {:?}", page.name, block.lines);
        }
    }
}

#[test]
fn every_command_is_on_the_page_of_commands() {
    let page = Page::read(Path::new("docs/cli.md"));
    let mut count = 0;
    for command in subcommands(&[]) {
        let below = subcommands(&[&command]);
        let names = below.iter().map(|name| format!("{command} {name}"));
        for name in names.chain([command.clone()]) {
            count += 1;
            assert!(page.text.contains(&format!("boomgate {name}")), "docs/cli.md does not name `boomgate {name}`");
        }
    }
    assert!(count > 30, "{count} commands were found");
}

/// The names of the commands that the help of a command lists.
fn subcommands(command: &[&str]) -> Vec<String> {
    let help = boomgate(repository(), &[command, &["--help"]].concat()).output().unwrap();
    assert!(help.status.success(), "{}", stderr(&help));
    let Some((_, list)) = stdout(&help).split_once("\nCommands:\n") else { return Vec::new() };
    let rows = list.lines().take_while(|line| !line.is_empty());
    let names = rows.filter_map(|row| row.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_target_of_make_that_a_page_names_exists() {
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    for page in Page::all() {
        let (prose, blocks) = page.parts();
        let in_prose = prose.iter().flat_map(|line| line.split('`').skip(1).step_by(2));
        let in_blocks =
            blocks.iter().filter(|block| block.language == "sh").flat_map(|block| block.lines.iter().copied());
        for target in in_prose.chain(in_blocks).filter_map(|code| code.strip_prefix("make ")?.split(' ').next()) {
            assert!(makefile.contains(&format!("\n{target}:")), "{}: make {target}", page.name);
        }
    }
}
