//! `Prefer: code=429` and `Prefer: problem=token-revoked`: what one request asks to happen to itself (RFC 7240).

use std::fmt;

/// What a request prefers to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// An answer with this status: an error of HTTP.
    Code(u16),
    /// The problem with this name.
    Problem(String),
}

/// As `Preference-Applied` says it (RFC 7240 section 3).
impl fmt::Display for Preference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(out, "code={code}"),
            Self::Problem(name) => write!(out, "problem={name}"),
        }
    }
}

/// The longest field that is read, in bytes. No client sends a longer one.
const MAX_BYTES: usize = 4_096;

impl Preference {
    /// The first preference of the `Prefer` fields that can be followed. `knows` says whether a problem has this name.
    ///
    /// Others are ignored, as RFC 7240 section 2 asks: unknown ones, those with another value, and each
    /// repetition of a name. What is not in the form of the RFC ends the reading of its field.
    pub(crate) fn parse<'f>(fields: impl Iterator<Item = &'f [u8]>, knows: impl Fn(&str) -> bool) -> Option<Self> {
        let fields =
            fields.filter_map(|field| std::str::from_utf8(field).ok()).filter(|field| field.len() <= MAX_BYTES);
        let mut seen = [false; 2];
        for (name, value) in fields.flat_map(preferences) {
            let (which, preference) = match name.to_ascii_lowercase().as_str() {
                "code" => (0, status(&value).map(Self::Code)),
                "problem" => (1, Some(value).filter(|value| knows(value)).map(Self::Problem)),
                _ => continue,
            };
            let is_repeated = seen.get_mut(which).is_none_or(|seen| std::mem::replace(seen, true));
            if let Some(preference) = preference.filter(|_| !is_repeated) {
                return Some(preference);
            }
        }
        None
    }
}

/// The status of an error.
fn status(value: &str) -> Option<u16> {
    let is_three_digits = value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|status| is_three_digits && (400..=599).contains(status))
}

/// The preferences of one field, by name and value, without their parameters.
fn preferences(field: &str) -> Vec<(&str, String)> {
    let mut scanner = Scanner(field);
    let mut found = Vec::new();
    // 1#preference; an element of a list may be empty (RFC 9110 section 5.6.1).
    loop {
        scanner.skip_blanks();
        if !scanner.takes(',') {
            let Some(preference) = scanner.named_value() else { return found };
            found.push(preference);
            scanner.skip_blanks();
            while scanner.takes(';') {
                scanner.skip_blanks();
                let _parameter = scanner.named_value();
                scanner.skip_blanks();
            }
            if !scanner.takes(',') {
                // A preference with something behind it that has no place there is none.
                if !scanner.0.is_empty() {
                    found.pop();
                }
                return found;
            }
        }
    }
}

/// What is left of a field.
struct Scanner<'f>(&'f str);

impl<'f> Scanner<'f> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn takes(&mut self, letter: char) -> bool {
        let rest = self.0.strip_prefix(letter);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// `token [ BWS "=" BWS word ]`. No value is the same as an empty one (RFC 7240 section 2).
    fn named_value(&mut self) -> Option<(&'f str, String)> {
        let name = self.token()?;
        self.skip_blanks();
        if !self.takes('=') {
            return Some((name, String::new()));
        }
        self.skip_blanks();
        let value = if self.takes('"') { self.quoted()? } else { self.token()?.to_owned() };
        Some((name, value))
    }

    /// RFC 9110 section 5.6.2.
    fn token(&mut self) -> Option<&'f str> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
        let (token, rest) = self.0.split_at(self.0.find(|letter| !is_part(letter)).unwrap_or(self.0.len()));
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// What a quoted string stands for, after its first quote (RFC 9110 section 5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.0.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.0 = self.0.get(at + 1..)?;
                    return Some(text);
                }
                '\\' => text.push(letters.next()?.1),
                letter => text.push(letter),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(fields: &[&str]) -> Option<String> {
        let knows = |name: &str| ["token-revoked", "unavailable"].contains(&name);
        Preference::parse(fields.iter().map(|field| field.as_bytes()), knows).map(|preference| preference.to_string())
    }

    #[test]
    fn a_preference_is_read_as_rfc_7240_writes_it() {
        for (fields, expected) in [
            (&["code=429"][..], Some("code=429")),
            (&["CODE = 429"], Some("code=429")),
            (&["code=\"429\""], Some("code=429")),
            (&["code=\"4\\29\""], Some("code=429")),
            (&["problem=token-revoked"], Some("problem=token-revoked")),
            (&["problem=\"token-revoked\"; a=\"b, code=500\"; c"], Some("problem=token-revoked")),
            (&["respond-async, wait=100, code=503"], Some("code=503")),
            (&["respond-async", "handling=lenient, , problem=unavailable"], Some("problem=unavailable")),
            (&[",code=500"], Some("code=500")),
            (&["foo; code=500, code=502"], Some("code=502")),
            (&["code=503, problem=unavailable"], Some("code=503")),
            (&["problem=unknown, code=503"], Some("code=503")),
        ] {
            assert_eq!(parsed(fields).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_ignored() {
        for fields in [
            &[][..],
            &[""],
            &["return=minimal"],
            &["code"],
            &["code="],
            &["code=200"],
            &["code=399"],
            &["code=600"],
            &["code=+50"],
            &["code=4290"],
            &["code=429x y"],
            &["problem=Token-Revoked"],
            &["problem=no-such"],
            &["code=200, code=429"],
            &["code=\"429"],
            &["(code=429)"],
            &["x=\"code=429\""],
        ] {
            assert_eq!(parsed(fields), None, "{fields:?}");
        }
        let long = format!("{}code=429", "a=b,".repeat(2_000));
        assert_eq!(parsed(&[&long]), None, "a field is read up to a limit");
    }

    proptest! {
        #[test]
        fn no_field_panics(field in "[a-z=\",;\\\\ é]{0,24}") {
            let _ = parsed(&[&field]);
        }
    }
}
