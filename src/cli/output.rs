//! What the commands print: tables and JSON on standard output; errors, messages and progress on standard error.

use std::fmt::{Display, Write as _};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use anyhow::{anyhow, bail};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use crate::config::Environment;
pub(super) use crate::files::quoted;
use crate::text::precis::is_printable;

/// Prints an error on standard error.
pub(super) fn print_error(error: &anyhow::Error) {
    message(&error_text(error));
}

/// An error as people read it.
pub(super) fn error_text(error: &dyn Display) -> String {
    let text = error.to_string();
    format!("boomgate: {}", text.lines().map(printable).collect::<Vec<_>>().join("\n"))
}

/// Prints a message for people on standard error.
pub(super) fn message(text: &str) {
    // A closed standard error leaves no place to report that.
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

/// Tells a person who waits what the command does. A program does not need to know.
pub(super) fn message_on_terminal(text: &str) {
    if io::stderr().is_terminal() {
        message(text);
    }
}

/// A line on standard error that counts up to `total` and disappears at the end. It is shown on a terminal only.
pub(super) fn progress(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{human_pos} of {human_len} done")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_finish(ProgressFinish::AndClear)
}

/// Whether standard output may have colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn color(environment: &Environment) -> bool {
    io::stdout().is_terminal() && environment.get("NO_COLOR").is_none()
}

/// How many columns a terminal has; 80 if it does not say, or is none.
pub(super) fn columns(terminal: impl AsFd) -> usize {
    const USUAL: usize = 80;
    let size = tcgetwinsize(terminal).ok().map(|size| usize::from(size.ws_col));
    size.filter(|columns| *columns > 0).unwrap_or(USUAL)
}

/// `text` in lines of at most `columns`, broken at blanks; the further ones begin with `indent`. A longer word stays whole.
pub(super) fn wrapped(text: &str, columns: usize, indent: &str) -> String {
    let mut wrapped = String::new();
    let mut length = 0;
    for (place, word) in text.split(' ').enumerate() {
        let letters = word.chars().count();
        if !wrapped.trim_start().is_empty() && length + 1 + letters > columns {
            wrapped.extend(["\n", indent]);
            length = indent.chars().count();
        } else if place > 0 {
            wrapped.push(' ');
            length += 1;
        }
        wrapped.push_str(word);
        length += letters;
    }
    wrapped
}

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub(super) struct PrintError(io::Error);

/// Prints data on standard output, with a line end.
pub(super) fn print(text: &str) -> Result<(), PrintError> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Prints bytes on standard output, without a line end.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), PrintError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(PrintError)
}

/// Indented JSON with its members in alphabetical order.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{:#}", serde_json::to_value(value)?))
}

/// Prints [`json`].
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(&json(value)?)?)
}

/// Prints the result of a change that the server has made. If standard output cannot be written, that is an error
/// which says what was `done`, and what to do next.
pub(super) fn print_result(text: &str, done: impl FnOnce() -> String) -> anyhow::Result<()> {
    print(text).map_err(|error| anyhow!("{error}. {}", done()))
}

/// Whether the reader of standard output closed the pipe.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<PrintError>().is_some_and(|PrintError(error)| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What standard output is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// A terminal, a file or a pipe.
    Readable,
    /// The null device.
    Null,
    /// Closed (`>&-`) when this program was started.
    Closed,
}

/// What standard output is. Rust's runtime opens the null device in place of a closed one, for reading and writing; a
/// shell's `> /dev/null` opens it for writing only.
pub(super) fn destination() -> Destination {
    let out = io::stdout();
    let null = fs::metadata("/dev/null").map(|null| null.rdev());
    match (fstat(&out), null, fcntl_getfl(&out)) {
        (Ok(found), Ok(null), Ok(mode)) if found.st_rdev == null => {
            if mode.contains(OFlags::RDWR) {
                Destination::Closed
            } else {
                Destination::Null
            }
        }
        _ => Destination::Readable,
    }
}

/// Refuses to make a secret that is shown only once, if standard output is closed.
pub(super) fn require_stdout(secret_of: &str) -> anyhow::Result<()> {
    if destination() == Destination::Closed {
        bail!("standard output is closed, and {secret_of} would be shown there only once: nothing was changed");
    }
    Ok(())
}

/// `text` without characters that move a terminal's cursor or reverse its line.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_printable(letter) { letter } else { '\u{FFFD}' }).collect()
}

/// A table that is printed page by page. The first page decides the width of each column, so that a list of any length
/// is printed while it arrives.
pub(super) struct Table<const COLUMNS: usize> {
    widths: [usize; COLUMNS],
    has_head: bool,
    head: [&'static str; COLUMNS],
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { widths: head.map(str::len), has_head: false, head }
    }

    /// The lines of one page; the first page starts with the head.
    pub(super) fn page(&mut self, rows: &[[String; COLUMNS]]) -> String {
        let mut page = String::new();
        if !self.has_head {
            self.has_head = true;
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
            let _infallible = write!(line, "{cell:width$}  ");
        }
        page.push_str(line.trim_end());
        page.push('\n');
    }
}

/// Names with their values, one on each line.
pub(super) fn members(members: &[(&str, String)]) -> String {
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    members.iter().map(|(name, value)| format!("{name:width$}  {}", printable(value))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_page_has_the_widths_of_the_first_and_no_head() {
        let mut table = Table::new(["ID", "NAME"]);
        let row = |id: &str, name: &str| [id.to_owned(), name.to_owned()];
        assert_eq!(table.page(&[row("1", "Curbside"), row("long", "é")]), "ID    NAME\n1     Curbside\nlong  é");
        assert_eq!(table.page(&[row("2", "x")]), "2     x");
        assert_eq!(Table::new(["ID", "NAME"]).page(&[]), "ID  NAME");
    }

    #[test]
    fn text_is_broken_at_blanks_and_no_word_is() {
        assert_eq!(wrapped("a bb ccc dddd", 6, "  "), "a bb\n  ccc\n  dddd");
        assert_eq!(wrapped("  a bb", 6, "    "), "  a bb");
        assert_eq!(wrapped("https://boomgate.example a", 8, " "), "https://boomgate.example\n a");
        assert_eq!(wrapped("", 8, " "), "");
    }

    #[test]
    fn printed_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a\u{FFFD}[2J\u{FFFD}b");
        assert_eq!(printable("\u{202e}evil"), "\u{FFFD}evil");
    }
}
