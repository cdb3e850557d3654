//! Text from outside: byte order marks, line ends, UTF-16, and secrets in the wrong place.
//!
//! One rule for files, variables, standard input and bodies. Editors put a byte order mark (U+FEFF) before a text and a
//! line end after it, and some save UTF-16. [`decode`] removes the mark and refuses UTF-16 with an error that names it;
//! [`value`] is the value in a text that has one value, such as a secret.

pub(crate) mod hex;
pub(crate) mod precis;
pub(crate) mod redaction;
pub(crate) mod span;

use std::borrow::Cow;

/// The byte order mark in UTF-8, with which Windows' editors start a file.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why bytes are no text. The message continues a sentence about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextFault {
    /// Windows PowerShell 5 writes it with `>`.
    #[error("is UTF-16: save it as UTF-8")]
    Utf16,
    /// Any other bytes.
    #[error("is not UTF-8 text")]
    NotUtf8,
}

/// `bytes` without a byte order mark before them. RFC 8259 section 8.1 lets a reader of JSON ignore one.
#[must_use]
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// Whether `bytes` are UTF-16: they start with its byte order mark, or with one ASCII character in it.
#[must_use]
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=0xFF, ..] | [1..=0xFF, 0, ..])
}

/// `bytes` as text, without a byte order mark before it.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, TextFault> {
    if is_utf16(bytes) {
        return Err(TextFault::Utf16);
    }
    std::str::from_utf8(without_mark(bytes)).map_err(|_| TextFault::NotUtf8)
}

/// The one value in `text`, without a byte order mark, and without ASCII white space at either end. No client secret,
/// identifier or setting starts or ends with white space.
#[must_use]
pub(crate) fn value(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text).trim_matches([' ', '\t', '\r', '\n'])
}

/// The most characters of a name from a request that an answer repeats.
const MAX_REPEATED_CHARS: usize = 64;

/// `name`, cut after 64 characters: an answer must not grow with what a caller sends.
#[must_use]
pub(crate) fn truncated(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_REPEATED_CHARS) {
        Some((end, _)) => format!("{}…", name.split_at(end).0).into(),
        None => name.into(),
    }
}

/// The one of `known` that `name` is most likely meant to be: two letters differ at most, or a third of a long name.
#[must_use]
pub(crate) fn closest_match<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name: String = name.chars().take(MAX_REPEATED_CHARS).flat_map(char::to_lowercase).collect();
    let (distance, closest) = known.into_iter().map(|known| (strsim::levenshtein(&name, known), known)).min()?;
    (distance <= 2.max(name.len() / 3)).then_some(closest)
}

/// Why a text is probably not the path that its author means; `None` for a usual path. Nothing here replaces what a
/// shell or a URL parser would replace, so without this check a folder of the name `~` would be created.
#[must_use]
pub(crate) fn misread_path(text: &str) -> Option<String> {
    let whole = "write the path in full";
    let is_variable = |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphabetic() || "_{(".contains(next));
    let quote = text.chars().next().filter(|first| "'\"`".contains(*first));
    let why = if text.starts_with('~') {
        format!("begins with ~, which only a shell reads as a home folder: {whole} (or ./~ if that is the name)")
    } else if text.split('$').skip(1).any(is_variable) {
        format!("has a variable in it, which only a shell replaces: {whole}")
    } else if text
        .split_once(':')
        .is_some_and(|(scheme, rest)| rest.starts_with("//") || scheme.eq_ignore_ascii_case("file"))
    {
        format!("is a URL: {whole}, without what is before it")
    } else if text.chars().any(char::is_control) || text.trim() != text {
        format!("begins or ends with a blank, or has a control character in it: {whole}, without that")
    } else if quote.is_some_and(|quote| text.len() > 1 && text.ends_with(quote)) {
        "has quotation marks around it, which become part of the name: remove them".to_owned()
    } else {
        return None;
    };
    Some(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_put_around_a_value_is_no_part_of_it() {
        for stored in ["s3cret", "s3cret\n", "s3cret\r\n", "\u{FEFF}s3cret", "\u{FEFF}s3cret\r\n", " \ts3cret \n\n"] {
            assert_eq!(value(stored), "s3cret", "{stored:?}");
        }
        assert_eq!(value("a b\nc"), "a b\nc", "inside nothing is left out");
        assert_eq!((value("\u{FEFF}\n"), value("\u{A0}x")), ("", "\u{A0}x"), "a no-break space is a character");
    }

    #[test]
    fn a_text_is_utf_8_and_utf_16_is_named() {
        for (bytes, text) in [
            (b"".as_slice(), Ok("")),
            (b"{}", Ok("{}")),
            (b"\xEF\xBB\xBF{}", Ok("{}")),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF", Ok("\u{FEFF}")),
            (b"\xFF\xFE{\0}\0", Err(TextFault::Utf16)),
            (b"\xFE\xFF\0{\0}", Err(TextFault::Utf16)),
            (b"{\0}\0", Err(TextFault::Utf16)),
            (b"\0{\0}", Err(TextFault::Utf16)),
            (b"\xFF", Err(TextFault::NotUtf8)),
            (b"caf\xE9", Err(TextFault::NotUtf8)),
            (b"\0\0", Ok("\0\0")),
        ] {
            assert_eq!(decode(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn a_path_is_what_its_writer_means() {
        for good in ["data", "/var/lib/boomgate", "./~", "a~b", "/srv/a$", "a$1", "my data", "C:data", "/a:b", "it's"] {
            assert_eq!(misread_path(good), None, "{good}");
        }
        for bad in [
            "~",
            "~/boom",
            "~me/boom",
            "$HOME/boom",
            "${HOME}/boom",
            "/srv/$USER/boom",
            "$(pwd)",
            "file:///srv/boom",
            "FILE:/srv",
            "https://a/b",
            " data",
            "data ",
            "data\r",
            "da\nta",
            "\"/srv/boom\"",
            "'/srv/boom'",
        ] {
            assert!(misread_path(bad).is_some(), "{bad:?}");
        }
    }
}
