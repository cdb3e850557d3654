//! Query strings and form bodies: a parameter is hidden by its name, or by what its value looks like.

use std::borrow::Cow;

use super::hidden::Hidden;
use super::{Redactor, json};
use crate::text::redaction::marks::{Sensitive, WITHHELD};
use crate::text::redaction::{self, Sender, decode, names_a_secret, redact_decoded, redact_unknown};

/// `text`, with parameters as `name=value&…`, without tokens and secrets.
pub(super) fn redact(text: &str, redactor: Redactor<'_>) -> String {
    let mut redacted = String::with_capacity(text.len());
    for (place, parameter) in text.split('&').enumerate() {
        if place > 0 {
            redacted.push('&');
        }
        match parameter.split_once('=') {
            Some((name, value)) => {
                redacted.push_str(&redact_unknown_name(name));
                redacted.push('=');
                redacted.push_str(&redact_value(name, value, redactor));
            }
            None => redacted.push_str(&redact_unknown(parameter)),
        }
    }
    redacted
}

/// A name alone, such as `client_secret`, says nothing that must be hidden.
fn redact_unknown_name(name: &str) -> Cow<'_, str> {
    if Sensitive::of_name(&decode(name)).is_some() { Cow::Borrowed(name) } else { redact_unknown(name) }
}

fn redact_value<'v>(name: &str, value: &'v str, redactor: Redactor<'_>) -> Cow<'v, str> {
    let hidden = Hidden::of_name(&decode(name), Sender::Client);
    if let Some(mark) = hidden.and_then(|hidden| hidden.mark(&decode(value), redactor)) {
        return mark.into();
    }
    let decoded = decode(value);
    let is_json = json::is_json(&decoded);
    if !is_json && (names_a_secret(value) || names_a_secret(&decoded)) {
        return Cow::Borrowed(WITHHELD);
    }
    redact_decoded(value, |value| match redaction::redact(value) {
        plain if json::is_json(&plain) => {
            Some(json::redact(&plain, Sender::Client, redactor)).filter(|redacted| redacted != value)
        }
        Cow::Borrowed(_) => None,
        Cow::Owned(redacted) => Some(redacted),
    })
}

/// Whether a body has parameters: it starts with a name and `=`.
pub(super) fn is_form(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.%[]+".contains(&byte);
    text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_hidden_by_its_name_or_by_its_value() {
        let redactor = Redactor { is_client: &|_| true };
        for (text, expected) in [
            ("number=7&limit=10", "number=7&limit=10"),
            (
                "grant_type=client_credentials&client_secret=0123456789abcdef",
                "grant_type=client_credentials&client_secret=[secret:…cdef]",
            ),
            ("client%5Fsecret=0123456789abc%64ef", "client%5Fsecret=[secret:…cdef]"),
            ("CLIENT_SECRET=short", "CLIENT_SECRET=[secret]"),
            ("client_secret=", "client_secret="),
            ("client_secret", "[withheld]"),
            ("access_token=eyJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln&a=b", "access_token=[jti:0198-a]&a=b"),
            ("access_token=opaque", "access_token=[token]"),
            ("code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj", "code=[secret:…SbIA]&state=af0ifjsldkj"),
            (
                "code=short&code_verifier=dBjftJeZ4CVP&code_challenge=E9Mel",
                "code=[secret]&code_verifier=[secret]&code_challenge=E9Mel",
            ),
            ("username=johndoe&password=A3ddj3w", "username=johndoe&password=[secret]"),
            ("refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&id_token_hint=a", "refresh_token=[token]&id_token_hint=[token]"),
            ("assertion=PHNhbWxwOl&client_assertion=PHNhbW", "assertion=[token]&client_assertion=[token]"),
            (
                "subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC&actor_token=a&subject_token_type=b",
                "subject_token=[token]&actor_token=[token]&subject_token_type=b",
            ),
            ("q=%65yJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln", "q=[token][jti:0198-a]"),
            ("eyJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln=1", "[jti:0198-a]=1"),
            ("data=%7B%22client_secret%22%3A%22abc%22%7D", "data={\"client_secret\":\"[secret]\"}"),
            ("client_id=a\nclient_secret=b", "client_id=[withheld]"),
            ("name=Caf%C3%A9&x=100%25", "name=Caf%C3%A9&x=100%25"),
            ("", ""),
            ("&&=", "&&="),
        ] {
            assert_eq!(redact(text, redactor), expected, "{text}");
        }
    }

    #[test]
    fn a_body_that_starts_with_a_name_and_an_equals_sign_is_a_form() {
        assert!(is_form("grant_type=a") && is_form("client%5Fid=") && is_form("a[0]=b"));
        assert!(!is_form("<html lang=en>") && !is_form("a b=c") && !is_form("=c") && !is_form("abc"));
    }
}
