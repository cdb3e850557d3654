//! JSON, also when it is cut off or malformed: a value is hidden by the name of its member, or by what it looks like.
//!
//! It reads tokens of JSON and builds nothing, so what it does not hide stays as it was sent, to the last blank. Strings
//! in single quotes count too: Python prints dictionaries so, and people send them.

use std::borrow::Cow;

use super::Redactor;
use super::hidden::Hidden;
use crate::text::redaction::marks::WITHHELD;
use crate::text::redaction::{self, Sender};

/// Whether the text is to be read as JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']).starts_with(['{', '['])
}

/// `text` without tokens and secrets.
pub(super) fn redact(text: &str, sender: Sender, redactor: Redactor<'_>) -> String {
    let redacted = String::with_capacity(text.len());
    let mut reader = Reader { rest: text, sender, redactor, redacted, next: None, around: Vec::new() };
    reader.read();
    reader.redacted
}

struct Reader<'t> {
    rest: &'t str,
    sender: Sender,
    redactor: Redactor<'t>,
    redacted: String,
    /// What the next value is, by the name of its member.
    next: Option<Hidden>,
    /// What the values in each open array and object are, if they are not said to be otherwise.
    around: Vec<Option<Hidden>>,
}

impl<'t> Reader<'t> {
    fn read(&mut self) {
        while let Some(first) = self.rest.chars().next() {
            match first {
                '"' | '\'' => self.string(first),
                '{' | '[' => {
                    let inside = self.value();
                    self.around.push(inside);
                    self.copy(1);
                }
                '}' | ']' => {
                    self.around.pop();
                    self.next = None;
                    self.copy(1);
                }
                ',' => {
                    self.next = None;
                    self.copy(1);
                }
                ':' => self.copy(1),
                // Any that Unicode has: a word ends at it, and the next one must begin behind it.
                _ if first.is_whitespace() => self.copy(first.len_utf8()),
                _ => self.bare(),
            }
        }
    }

    /// What the value that starts here is.
    fn value(&mut self) -> Option<Hidden> {
        self.next.take().or_else(|| self.around.last().copied().flatten())
    }

    fn copy(&mut self, length: usize) {
        let taken = self.take(length);
        self.redacted.push_str(taken);
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// A string: a name if a colon follows, else a value. Without its end, it goes on to the end of the text.
    fn string(&mut self, quote: char) {
        self.copy(1);
        let raw = self.take(end_of_string(self.rest, quote));
        let is_name = self.rest.get(1..).is_some_and(|rest| rest.trim_start().starts_with(':'));
        match unescape(raw) {
            Some(name) if is_name => {
                self.next = Hidden::of_name(&name, self.sender);
                let is_plain = matches!(redaction::redact_encoded(&name), Cow::Borrowed(_));
                self.redacted.push_str(if is_plain { raw } else { WITHHELD });
            }
            Some(value) => {
                let marked = self.value().and_then(|hidden| hidden.mark(&value, self.redactor));
                match marked.or_else(|| redacted_value(&value, self.sender, self.redactor)) {
                    Some(redacted) => self.redacted.push_str(&escape(&redacted)),
                    // An escape may have taken the start of what is hidden in it: `\bg_secret_…`.
                    None => self.redacted.push_str(&redaction::redact(raw)),
                }
            }
            None => {
                self.value();
                self.redacted.push_str(WITHHELD);
            }
        }
        self.copy(1);
    }

    /// A number, `true`, `false`, `null`, or text that is no JSON.
    fn bare(&mut self) {
        let end =
            |letter: char| matches!(letter, '"' | '\'' | '{' | '}' | '[' | ']' | ',' | ':') || letter.is_whitespace();
        let word = self.take(self.rest.find(end).unwrap_or(self.rest.len()));
        let is_name = self.rest.trim_start().starts_with(':');
        if is_name {
            self.next = Hidden::of_name(word, self.sender);
            self.redacted.push_str(&redaction::redact_encoded(word));
            return;
        }
        let is_secret = !matches!(word, "null" | "true" | "false" | "None");
        let hidden = self.value().filter(|_| is_secret);
        match hidden.and_then(|hidden| hidden.mark(word, self.redactor)) {
            Some(mark) => self.redacted.extend(["\"", &mark, "\""]),
            None => self.redacted.push_str(&redaction::redact_from(word, self.sender)),
        }
    }
}

/// A value without tokens and secrets; `None` if it has none. It may be JSON or a form in itself.
fn redacted_value(value: &str, sender: Sender, redactor: Redactor<'_>) -> Option<String> {
    let redacted =
        if is_json(value) { redact(value, sender, redactor).into() } else { redaction::redact_from(value, sender) };
    (redacted != value).then(|| redacted.into_owned())
}

/// Where the string that starts here ends.
fn end_of_string(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// The text that a string stands for; `None` if its escapes cannot be read.
fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('\\') {
        return Some(raw.into());
    }
    // Python escapes a single quote, which JSON does not; control characters are escaped so that the reader takes them.
    let plain: String = raw.replace("\\'", "'").chars().filter(|letter| !letter.is_control()).collect();
    serde_json::from_str(&format!("\"{}\"", quotes_escaped(&plain))).ok().map(Cow::Owned)
}

/// Escapes the double quotes of a string that stood in single ones.
fn quotes_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut is_escaped = false;
    for letter in text.chars() {
        if letter == '"' && !is_escaped {
            escaped.push('\\');
        }
        is_escaped = letter == '\\' && !is_escaped;
        escaped.push(letter);
    }
    escaped
}

/// `text` as the inside of a JSON string.
fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str, sender: Sender) -> String {
        super::redact(text, sender, Redactor { is_client: &|_| true })
    }

    #[test]
    fn a_member_is_hidden_by_its_name_or_by_its_value_and_the_rest_stays_as_it_was_sent() {
        for (text, expected) in [
            (r#"{ "name" : "Lot 7",  "spaces": 12 }"#, r#"{ "name" : "Lot 7",  "spaces": 12 }"#),
            (r#"{"client_secret":"0123456789abcdef"}"#, r#"{"client_secret":"[secret:…cdef]"}"#),
            (r#"{"client\u005fsecret" : "0123456789abcd\u0065f"}"#, r#"{"client\u005fsecret" : "[secret:…cdef]"}"#),
            (r#"{"client_secret":12345,"a":1}"#, r#"{"client_secret":"[secret]","a":1}"#),
            (r#"{"client_secret":null,"a":"b"}"#, r#"{"client_secret":null,"a":"b"}"#),
            (
                r#"{"client_secret":["one",{"two":"three"}],"a":"b"}"#,
                r#"{"client_secret":["[secret]",{"two":"[secret]"}],"a":"b"}"#,
            ),
            (
                r#"{"secrets":[{"client_id":"a","client_secret":"x"}]}"#,
                r#"{"secrets":[{"client_id":"a","client_secret":"[secret]"}]}"#,
            ),
            (r#"{"access_token":"eyJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln"}"#, r#"{"access_token":"[jti:0198-a]"}"#),
            (
                r#"{"note":"see \u0065yJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln \"x\""}"#,
                r#"{"note":"see [jti:0198-a] \"x\""}"#,
            ),
            (r#"{"note":"{\"client_secret\":\"x\"}"}"#, r#"{"note":"{\"client_secret\":\"[secret]\"}"}"#),
            (r#"{"note":"client_secret=x"}"#, r#"{"note":"[withheld]"}"#),
            (r#"{"a":"\bg_secret_a"}"#, r#"{"a":"\[secret]"}"#),
            (r#"{"bg_secret_a":1}"#, r#"{"[withheld]":1}"#),
            (r#"{"%62g_secret_a":1,%62g_secret_a:1}"#, r#"{"[withheld]":1,[secret]:1}"#),
            (
                r#"{"code":"SplxlOBeZQQYbYS6WxSbIA","status_code":200}"#,
                r#"{"code":"[secret:…SbIA]","status_code":200}"#,
            ),
            (r#"{"client_secret":"cut off here and"#, r#"{"client_secret":"[secret]"#),
            (r#"{"a":"\u00"#, r#"{"a":"[withheld]"#),
            ("{'client_secret': 'it\\'s \"x\" hunter2'}", "{'client_secret': '[secret]'}"),
            ("{client_secret: hunter2, a: 1}", r#"{client_secret: "[secret]", a: 1}"#),
            (r#"[["eyJ"], "é", -1.5e3, true]"#, r#"[["eyJ"], "é", -1.5e3, true]"#),
            (r#"{"client_secret" "x"}"#, r#"{"[withheld]" "x"}"#),
            ("{\u{2003}\u{b}:\u{85}client_secret\u{a0}=\u{a0}x}", "{\u{2003}\u{b}:\u{85}[withheld]\u{a0}=\u{a0}x}"),
            ("}]{", "}]{"),
        ] {
            assert_eq!(redact(text, Sender::Client), expected, "{text}");
        }
        let problem = r#"{"detail":"client_secret is required","trace":"bg_secret_a"}"#;
        let redacted = r#"{"detail":"client_secret is required","trace":"[secret]"}"#;
        assert_eq!(redact(problem, Sender::Server), redacted, "what this server says of a secret names none");
    }
}
