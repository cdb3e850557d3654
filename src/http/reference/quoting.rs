//! Text and values as literals of each language of the samples: the same rules as in `static/js/samples.js`.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory as Category;
use serde_json::Value;

/// A language with literals for values of JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
}

impl Language {
    const fn step(self) -> usize {
        match self {
            Self::Python => 4,
            Self::Node => 2,
        }
    }

    fn word(self, value: &Value) -> String {
        let word = match (self, value) {
            (Self::Python, Value::Null) => "None",
            (Self::Python, Value::Bool(true)) => "True",
            (Self::Python, Value::Bool(false)) => "False",
            _ => return value.to_string(),
        };
        word.to_owned()
    }

    fn quoted(self, text: &str) -> String {
        match self {
            Self::Python => python_quoted(text),
            Self::Node => node_quoted(text),
        }
    }
}

/// Text in single quotes of a shell.
pub(super) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word of a shell command, quoted only where it must be.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_%+=:,./@-".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { shell_quoted(text) }
}

/// Whether nobody sees a character, or it changes the order of the text around it: it is written as an escape.
pub(super) fn needs_escape(letter: char) -> bool {
    // What is written most is looked up least.
    if (' '..='~').contains(&letter) {
        return false;
    }
    matches!(
        CodePointMapData::<Category>::new().get(letter),
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::Unassigned
            | Category::PrivateUse
    )
}

/// Text in double quotes, which Python, JavaScript and Go read alike but for the form of an escape.
fn quoted(text: &str, escape: fn(u32) -> String) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if needs_escape(letter) => quoted.push_str(&escape(letter.into())),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn wide(point: u32) -> String {
    if point > 0xFFFF { format!("\\U{point:08x}") } else { format!("\\u{point:04x}") }
}

/// Text as a string of Python.
pub(super) fn python_quoted(text: &str) -> String {
    quoted(text, wide)
}

/// Text as a string of Go.
pub(super) fn go_quoted(text: &str) -> String {
    quoted(text, wide)
}

/// Text as a string of JavaScript.
pub(super) fn node_quoted(text: &str) -> String {
    quoted(text, |point| format!("\\u{{{point:x}}}"))
}

/// The name of a member.
pub(super) fn name(text: &str, language: Language) -> String {
    let mut letters = text.chars();
    let is_plain = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && text != "__proto__";
    if language == Language::Node && is_plain { text.to_owned() } else { language.quoted(text) }
}

/// A JSON value as a literal, with its lines indented from the second on.
pub(super) fn literal(value: &Value, language: Language, indent: &str) -> String {
    let inner = format!("{indent}{}", " ".repeat(language.step()));
    let list = |parts: Vec<String>, open: char, close: char| {
        if parts.is_empty() {
            return format!("{open}{close}");
        }
        let lines: Vec<String> = parts.iter().map(|part| format!("{inner}{part},\n")).collect();
        format!("{open}\n{}{indent}{close}", lines.concat())
    };
    match value {
        Value::Array(items) => list(items.iter().map(|item| literal(item, language, &inner)).collect(), '[', ']'),
        Value::Object(members) => {
            let member = |(key, item): (&String, &Value)| {
                format!("{}: {}", name(key, language), literal(item, language, &inner))
            };
            list(members.iter().map(member).collect(), '{', '}')
        }
        Value::String(text) => language.quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => language.word(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_shell_is_quoted_only_where_it_must_be() {
        for (text, expected) in [
            ("https://localhost:8443/a?b=c", "'https://localhost:8443/a?b=c'"),
            ("https://localhost:8443/a/b_c-d", "https://localhost:8443/a/b_c-d"),
            ("", "''"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }

    #[test]
    fn what_nobody_sees_is_written_as_an_escape() {
        let text = "a\u{202E}b\u{0}\n\"\\\u{1F600}\u{E0001}é…";
        assert_eq!(python_quoted(text), "\"a\\u202eb\\u0000\\n\\\"\\\\\u{1F600}\\U000e0001é…\"");
        assert_eq!(go_quoted(text), python_quoted(text));
        assert_eq!(node_quoted(text), "\"a\\u{202e}b\\u{0}\\n\\\"\\\\\u{1F600}\\u{e0001}é…\"");
    }

    #[test]
    fn a_name_of_a_member_is_plain_in_javascript_where_it_can_be() {
        assert_eq!(name("client_id", Language::Node), "client_id");
        assert_eq!(name("Content-Type", Language::Node), "\"Content-Type\"");
        assert_eq!(name("__proto__", Language::Node), "\"__proto__\"");
        assert_eq!(name("client_id", Language::Python), "\"client_id\"");
    }
}
