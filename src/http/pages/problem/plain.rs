//! The pages of problems as plain text, for who meets one in a terminal.

use std::fmt::Write as _;

use actix_web::http::StatusCode;

use super::{Answer, Frame, ProblemKind};

/// The longest line, in characters, unless it cannot be broken.
const WIDTH: usize = 80;

/// All kinds.
pub(super) fn index(frame: &Frame, statuses: &[(StatusCode, Vec<ProblemKind>)]) -> String {
    let mut text = Text::new("Problems");
    text.paragraph(&format!("Each has a page of its own: {}/problems/NAME", frame.issuer));
    for (status, kinds) in statuses {
        text.heading(&status.to_string());
        text.table(kinds.iter().map(|kind| (kind.slug(), kind.title())));
    }
    text.written
}

/// One kind.
pub(super) fn page(frame: &Frame, kind: ProblemKind, answers: &[Answer]) -> String {
    let mut text = Text::new(kind.title());
    text.paragraph(&format!("{}, {}", kind.status(), kind.slug()));
    text.heading("What happened");
    text.paragraph(kind.cause());
    text.heading("What to do");
    text.paragraph(kind.remedy());
    for Answer { origin, status, fields, body, members } in answers {
        text.heading(&format!("The answer of {origin}"));
        text.line(&format!("HTTP/1.1 {status}"));
        for (name, value, _) in fields {
            text.line(&format!("{name}: {value}"));
        }
        text.line("");
        for line in body.lines() {
            text.line(line);
        }
        text.heading("Its header fields");
        text.table(fields.iter().map(|(name, _, meaning)| (name.as_str(), *meaning)));
        text.heading("Its members");
        text.table(members.iter().map(|(name, meaning)| (name.as_str(), meaning.as_str())));
    }
    text.heading("Related problems");
    text.table(kind.related().iter().map(|kind| (kind.slug(), kind.title())));
    text.heading("Read on");
    let issuer = &frame.issuer;
    for (name, path) in [
        ("this page", format!("/problems/{}", kind.slug())),
        ("every problem", "/problems".to_owned()),
        ("errors in the guide", "/guide/errors".to_owned()),
        ("API reference", "/docs".to_owned()),
    ] {
        text.line(&format!("{name:21}{issuer}{path}"));
    }
    text.written
}

/// A text that is written from its title on.
struct Text {
    written: String,
}

impl Text {
    fn new(title: &str) -> Self {
        Self { written: format!("{title}\n{}\n", "=".repeat(title.chars().count())) }
    }

    fn heading(&mut self, heading: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.written, "\n{heading}\n{}", "-".repeat(heading.chars().count()));
    }

    fn line(&mut self, line: &str) {
        self.written.push_str(line);
        self.written.push('\n');
    }

    fn paragraph(&mut self, paragraph: &str) {
        for line in wrapped(paragraph, WIDTH) {
            self.line(&line);
        }
    }

    /// A name at the left, and what it means beside it.
    fn table<'t>(&mut self, rows: impl Iterator<Item = (&'t str, &'t str)> + Clone) {
        let width = rows.clone().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
        for (name, meaning) in rows {
            for (number, line) in wrapped(meaning, WIDTH.saturating_sub(width)).iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                self.line(format!("{name:width$}{line}").trim_end());
            }
        }
    }
}

/// Lines of words that are no wider than this.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_and_none_is_cut() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a-very-long-word then", 7), ["a-very-long-word", "then"]);
        assert_eq!(wrapped("", 7), [""]);
    }

    #[test]
    fn a_table_has_its_meanings_below_each_other() {
        let mut text = Text::new("T");
        text.table([("ETag", "a b"), ("Allow", &"word ".repeat(20))].into_iter());
        let lines: Vec<&str> = text.written.lines().skip(2).collect();
        assert!(lines[0] == "ETag   a b" && lines[1].starts_with("Allow  word"), "{lines:?}");
        assert!(lines[2].starts_with("       word"), "{lines:?}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
    }
}
