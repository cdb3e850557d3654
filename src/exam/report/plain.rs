//! Text from outside, made harmless: no control characters, no escapes of a terminal, no endless lines.

use crate::text::precis::is_printable;

/// What ends a text that was cut.
const CUT: char = '…';

/// `text` as one line of at most `max` characters: each run of white space is one blank.
pub(super) fn line(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut is_after_blank = true;
    for letter in without_colours(text) {
        let letter = if letter.is_whitespace() { ' ' } else { shown(letter) };
        if letter == ' ' && is_after_blank {
            continue;
        }
        is_after_blank = letter == ' ';
        if length == max {
            line.push(CUT);
            return line;
        }
        line.push(letter);
        length += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// The last `max` characters of `text`, with its line ends.
pub(super) fn last_lines(text: &str, max: usize) -> String {
    let letters: Vec<char> = without_colours(text)
        .filter(|letter| *letter != '\r')
        .map(|letter| if letter == '\n' || letter == '\t' { letter } else { shown(letter) })
        .collect();
    let left_out = letters.len().saturating_sub(max);
    let start = (left_out > 0).then_some(CUT);
    let all: String = start.into_iter().chain(letters.into_iter().skip(left_out)).collect();
    all.trim_end().to_owned()
}

/// The character, or U+FFFD in the place of one that a reader does not see as it is.
fn shown(letter: char) -> char {
    if is_printable(letter) { letter } else { char::REPLACEMENT_CHARACTER }
}

/// The characters of `text` without the escapes that colour it, such as `ESC [ 31 m`, which test tools print a lot of.
fn without_colours(text: &str) -> impl Iterator<Item = char> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some(end) = colour(rest) {
            rest = rest.get(end..).unwrap_or_default();
        }
        let letter = rest.chars().next()?;
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        Some(letter)
    })
}

/// Where the escape ends that `text` starts with.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    parameters.get(end..)?.starts_with('m').then_some("\u{1b}[".len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_that_moves_no_cursor_and_turns_no_text() {
        for (text, shown) in [
            ("", ""),
            ("  a\r\n\tb  ", "a b"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2Jgone", "\u{FFFD}[2Jgone"),
            ("\u{1b}[31", "\u{FFFD}[31"),
            ("\u{202e}evil\u{0}", "\u{FFFD}evil\u{FFFD}"),
            ("1234567890", "1234567890"),
            ("12345678901", "1234567890…"),
            ("ünïcödé ✓", "ünïcödé ✓"),
        ] {
            assert_eq!(line(text, 10), shown, "{text:?}");
        }
    }

    #[test]
    fn of_an_output_the_end_is_shown_with_its_lines() {
        assert_eq!(last_lines("a\r\n\tb\n\n", 10), "a\n\tb");
        assert_eq!(last_lines("0123456789\nend", 6), "…89\nend");
        assert_eq!(last_lines("\u{7}\u{9b}31m", 10), "\u{FFFD}\u{FFFD}31m");
    }
}
