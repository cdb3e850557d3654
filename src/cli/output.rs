//! What people and programs read: tables, JSON, and what went wrong.

use std::fmt::{Display, Write as _};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use anyhow::{anyhow, bail};
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use serde_json::Value;

use crate::config::Environment;
pub(super) use crate::files::quoted;
use crate::text::precis::is_printable;

/// Says on standard error what went wrong.
pub(super) fn complain(error: &anyhow::Error) {
    talk(&complaint(error));
}

/// What went wrong, as people read it.
pub(super) fn complaint(error: &dyn Display) -> String {
    format!("boomgate: {}", printable_lines(&error.to_string()))
}

/// Says something to people, on standard error.
pub(super) fn talk(text: &str) {
    // Nobody listens: there is nobody to tell.
    let _deaf = writeln!(io::stderr().lock(), "{text}");
}

/// Says to a person who waits what is going on; a program does not want to know.
pub(super) fn progress(text: &str) {
    if io::stderr().is_terminal() {
        talk(text);
    }
}

/// Whether what is printed may have colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn color(environment: &Environment) -> bool {
    io::stdout().is_terminal() && environment.get("NO_COLOR").is_none()
}

/// Standard output did not take what was printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub(super) struct Unprinted(io::Error);

/// Prints data on standard output.
pub(super) fn print(text: &str) -> Result<(), Unprinted> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// The same, as it stands.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Unprinted> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Unprinted)
}

/// Prints one JSON value, for people and programs.
pub(super) fn print_json(value: &Value) -> Result<(), Unprinted> {
    print(&format!("{value:#}"))
}

/// Prints the answer to a change that is made. A reader that went away is a failure here, whose text says what was
/// `done` all the same, and what to do about it.
pub(super) fn print_done(text: &str, done: impl FnOnce() -> String) -> anyhow::Result<()> {
    print(text).map_err(|unprinted| anyhow!("{unprinted}. {}", done()))
}

/// Whether the reader of standard output went away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unprinted>().is_some_and(|Unprinted(error)| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What becomes of what is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// Somebody may read it.
    Somewhere,
    /// It was sent to the null device.
    Nowhere,
    /// Standard output was closed (`>&-`) when this program was started.
    Closed,
}

/// Where standard output goes. Rust's runtime puts the null device in the place of a closed one, open for reading
/// too, as a shell's `> /dev/null` is not.
pub(super) fn destination() -> Destination {
    let out = io::stdout();
    let null = fs::metadata("/dev/null").map(|null| null.rdev());
    match (fstat(&out), null, fcntl_getfl(&out)) {
        (Ok(found), Ok(null), Ok(mode)) if found.st_rdev == null => {
            if mode.contains(OFlags::RDWR) {
                Destination::Closed
            } else {
                Destination::Nowhere
            }
        }
        _ => Destination::Somewhere,
    }
}

/// Refuses to make a secret that is shown once where it cannot be shown.
pub(super) fn expect_reader(secret_of: &str) -> anyhow::Result<()> {
    if destination() == Destination::Closed {
        bail!("standard output is closed, and {secret_of} would be shown there this once: nothing was changed");
    }
    Ok(())
}

/// Text of somebody else's without what would move a terminal's cursor, or turn its line round.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_printable(letter) { letter } else { '\u{FFFD}' }).collect()
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Lines of columns, as wide as they must be for the first page; later pages keep those widths, so that
/// a list of any length is printed as it arrives.
pub(super) struct Table<const COLUMNS: usize> {
    widths: [usize; COLUMNS],
    headed: bool,
    head: [&'static str; COLUMNS],
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { widths: head.map(str::len), headed: false, head }
    }

    /// The lines of one page, the head before the first.
    pub(super) fn page(&mut self, rows: &[[String; COLUMNS]]) -> String {
        let mut page = String::new();
        if !self.headed {
            self.headed = true;
            for row in rows {
                for (width, cell) in self.widths.iter_mut().zip(row) {
                    *width = (*width).max(cell.chars().count());
                }
            }
            self.push(&mut page, self.head);
        }
        for row in rows {
            self.push(&mut page, row.each_ref().map(String::as_str));
        }
        page.trim_end().to_owned()
    }

    fn push(&self, page: &mut String, cells: [&str; COLUMNS]) {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(self.widths) {
            // Writing to a string does not fail.
            let _written = write!(line, "{cell:width$}  ");
        }
        page.push_str(line.trim_end());
        page.push('\n');
    }
}

/// Members of one thing, a line each.
pub(super) fn members(members: &[(&str, String)]) -> String {
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    members.iter().map(|(name, value)| format!("{name:width$}  {}", printable(value))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_its_widths_and_its_one_head() {
        let mut table = Table::new(["ID", "NAME"]);
        let row = |id: &str, name: &str| [id.to_owned(), name.to_owned()];
        assert_eq!(table.page(&[row("1", "Curbside"), row("long", "é")]), "ID    NAME\n1     Curbside\nlong  é");
        assert_eq!(table.page(&[row("2", "x")]), "2     x");
        assert_eq!(Table::new(["ID", "NAME"]).page(&[]), "ID  NAME");
    }

    #[test]
    fn a_quoted_text_is_one_word() {
        for (text, word) in [
            ("data/tls/ca.pem", "data/tls/ca.pem"),
            ("", "''"),
            ("my data/ca.pem", "'my data/ca.pem'"),
            ("it's", r"'it'\''s'"),
            ("$(rm)", "'$(rm)'"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn text_of_others_cannot_move_a_terminal() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a\u{FFFD}[2J\u{FFFD}b");
        assert_eq!(printable("\u{202e}evil"), "\u{FFFD}evil");
    }
}
