//! Tokens and secrets in running text, found by how they start.
//!
//! For all that stores or shows what a client sent: the refusals, the journal of a sandbox. A chosen secret has no start of
//! its own, so only who knows where it stands can hide it.

pub(crate) mod marks;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use self::marks::{SECRET_STARTS, TOKEN_START, WITHHELD, secret_mark, token_mark};

/// How often text is percent-decoded to look for what it hides: some clients encode what is encoded already.
const MAX_DECODINGS: usize = 3;
/// The fewest characters of a token without a dot: a shorter one is the start of a header, which is no secret.
const MIN_TOKEN_CHARS: usize = 24;

/// Names of what must not be shown. Where one is in text whose form is not known, its value is in there too.
const NAMES: [&str; 8] =
    ["client_secret", "clientsecret", "client-secret", "password", "passwd", "private_key", "api_key", "apikey"];

/// Who sent a text. This server names secrets in what it says of them, and never has one where it only names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// `text` with a mark in place of each token and each secret that starts as this server's do.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some((before, found, after)) = next(rest) {
        redacted.push_str(before);
        match found {
            Found::Token(token) => redacted.push_str(&token_mark(token)),
            Found::Secret(secret) => redacted.push_str(&secret_mark(secret)),
            Found::Nothing(text) => redacted.push_str(text),
        }
        rest = after;
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    redacted.push_str(rest);
    if redacted == text { Cow::Borrowed(text) } else { Cow::Owned(redacted) }
}

/// The same of text that may be percent-encoded.
pub(crate) fn redact_encoded(text: &str) -> Cow<'_, str> {
    redact_decoded(text, |text| match redact(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(redacted) => Some(redacted),
    })
}

/// The same of text that a client sent in a form that is not known: if it names a secret, nothing of it is shown.
pub(crate) fn redact_unknown(text: &str) -> Cow<'_, str> {
    redact_decoded(text, |text| match redact(text) {
        _ if names_a_secret(text) => Some(WITHHELD.to_owned()),
        Cow::Borrowed(_) => None,
        Cow::Owned(redacted) => Some(redacted),
    })
}

/// `text` as `read` shows it, percent-decoded as far as something is hidden in it; as it was sent where nothing is. What is
/// hidden is removed before the next decoding, which may take the start of it for a part of an escape.
pub(crate) fn redact_decoded(text: &str, read: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    let (mut shown, mut decoded) = (Cow::Borrowed(text), Cow::Borrowed(text));
    for _ in 0..=MAX_DECODINGS {
        if let Some(redacted) = read(&decoded) {
            shown = redacted.clone().into();
            decoded = redacted.into();
        }
        let Cow::Owned(next) = percent_decode_str(&decoded).decode_utf8_lossy() else { break };
        decoded = next.into();
    }
    shown
}

/// The same, by who sent it.
pub(crate) fn redact_from(text: &str, sender: Sender) -> Cow<'_, str> {
    match sender {
        Sender::Client => redact_unknown(text),
        Sender::Server => redact(text),
    }
}

/// Whether the text names a secret, in any case of its letters.
pub(crate) fn names_a_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name))
}

/// `text`, percent-decoded as often as it may have been encoded.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let mut decoded = percent_decode_str(text).decode_utf8_lossy();
    for _ in 1..MAX_DECODINGS {
        let Cow::Owned(again) = percent_decode_str(&decoded).decode_utf8_lossy() else { break };
        decoded = again.into();
    }
    decoded
}

enum Found<'t> {
    Token(&'t str),
    Secret(&'t str),
    /// It only starts as a token does.
    Nothing(&'t str),
}

/// The next place that may have to be hidden, with the text before and after it.
fn next(text: &str) -> Option<(&str, Found<'_>, &str)> {
    let token = text.find(TOKEN_START);
    let secret = SECRET_STARTS.iter().filter_map(|start| text.find(start)).min();
    let is_token = match (token, secret) {
        (Some(token), Some(secret)) => token < secret,
        (token, _) => token.is_some(),
    };
    let at = if is_token { token } else { secret }?;
    let (before, from) = text.split_at_checked(at)?;
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') || (is_token && letter == '.');
    let length = from.find(|letter| !is_part(letter)).unwrap_or(from.len());
    let (found, after) = from.split_at_checked(length)?;
    let found = match is_token {
        true if found.contains('.') || found.len() >= MIN_TOKEN_CHARS => Found::Token(found),
        true => Found::Nothing(found),
        false => Found::Secret(found),
    };
    Some((before, found, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_secrets_are_found_wherever_they_stand() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIwMTk4LWEifQ.c2ln";
        let secret = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";
        for (text, expected) in [
            (format!("Bearer {token}"), "Bearer [jti:0198-a]"),
            (format!("x{token},{secret};"), "x[jti:0198-a],[secret:…G1iY];"),
            (format!("{secret}{token}"), "[secret:…NiJ9].[jti:0198-a]"),
            ("the keyJoint and eyJ".to_owned(), "the keyJoint and eyJ"),
            ("a bg_secret_ short".to_owned(), "a [secret] short"),
            (String::new(), ""),
        ] {
            assert_eq!(redact(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_hidden_by_encoding_is_found_and_what_names_a_secret_is_withheld() {
        for (text, expected) in [
            ("100%25 sure", "100%25 sure"),
            ("%65yJhbGci%2EeyJqdGkiOiIwMTk4LWEifQ.c2ln", "[token][jti:0198-a]"),
            ("%2565yJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln", "[token][jti:0198-a]"),
            ("bg%5Fsecret%5Fa", "[secret]"),
            ("%0bg_secret_a", "%0[secret]"),
            ("Client_Secret: hunter2hunter2", "[withheld]"),
            ("client%5Fsecret: hunter2hunter2", "[withheld]"),
        ] {
            assert_eq!(redact_unknown(text), expected, "{text}");
        }
    }
}
