//! A bearer token as a request presents it (RFC 6750, section 2).
//!
//! ```text
//! credentials = "Bearer" 1*SP b64token
//! b64token    = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
//! ```
//!
//! Only the `Authorization` header may carry a token. A token in the query string ends up in logs and browser histories,
//! and with two tokens it is open which of them counts: both are refused.

use std::borrow::Cow;

/// The longest token that is verified, in bytes. Boomgate's own tokens are shorter than 1,024 bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1_024;

/// Why a request does not carry exactly one bearer token in the right place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// No token, or another authentication scheme.
    Missing,
    /// No text after `Bearer`.
    Malformed,
    /// A token in the query string.
    InQuery,
    /// More than one token.
    Repeated,
}

/// A token as presented: any bytes. [`text`](Self::text) checks their form, which is not needed to find a remembered
/// token: that was checked before, and is found by its bytes.
#[derive(Clone, Copy)]
pub struct Presented<'r>(&'r [u8]);

impl<'r> Presented<'r> {
    /// A token of these bytes.
    #[must_use]
    pub const fn new(bytes: &'r [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, unchecked.
    #[must_use]
    pub const fn as_bytes(self) -> &'r [u8] {
        self.0
    }

    /// The token, if it is a `b64token` of at most [`MAX_TOKEN_BYTES`].
    #[must_use]
    pub fn text(self) -> Option<&'r str> {
        std::str::from_utf8(self.0).ok().filter(|_| is_b64token(self.0))
    }
}

impl<'r> From<&'r str> for Presented<'r> {
    fn from(text: &'r str) -> Self {
        Self(text.as_bytes())
    }
}

/// The bearer token of a request, from the values of all its `Authorization` headers and its query string.
pub fn parse<'r>(mut authorization: impl Iterator<Item = &'r [u8]>, query: &str) -> Result<Presented<'r>, BearerFault> {
    if !query.is_empty() && in_query(query).is_some() {
        return Err(BearerFault::InQuery);
    }
    let credentials = authorization.next().ok_or(BearerFault::Missing)?;
    if authorization.next().is_some() {
        return Err(BearerFault::Repeated);
    }
    from_credentials(credentials)
}

/// The value of the query string's `access_token` (RFC 6750 section 2.3), where a token must not be.
#[must_use]
pub fn in_query(query: &str) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "access_token").map(|(_, value)| value)
}

fn from_credentials(credentials: &[u8]) -> Result<Presented<'_>, BearerFault> {
    let (scheme, token) = match credentials.iter().position(|&byte| byte == b' ') {
        Some(space) => credentials.split_at(space),
        None => (credentials, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(BearerFault::Missing);
    }
    match token.trim_ascii() {
        [] => Err(BearerFault::Malformed),
        token => Ok(Presented(token)),
    }
}

fn is_b64token(text: &[u8]) -> bool {
    let unpadded = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let (token, _) = text.split_at(unpadded);
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && !token.is_empty() && is_all_b64token(token)
}

/// Does not stop at the first wrong byte: so the compiler can check many bytes in one instruction.
fn is_all_b64token(token: &[u8]) -> bool {
    token.iter().fold(0, |found, byte| found | u8::from(!is_b64token_byte(*byte))) == 0
}

const fn is_b64token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` for presented text that is no token.
    fn parse_one(header: &str) -> Result<Option<&str>, BearerFault> {
        parse(std::iter::once(header.as_bytes()), "").map(Presented::text)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_taken_as_it_is() {
        for header in ["Bearer aB.c-d_e~f+g/h==", "bearer aB.c-d_e~f+g/h==", "BEARER   aB.c-d_e~f+g/h=="] {
            assert_eq!(parse_one(header), Ok(Some("aB.c-d_e~f+g/h==")), "{header}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_fault() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for (header, fault) in [
            ("Basic YTpi", BearerFault::Missing),
            ("", BearerFault::Missing),
            ("Bearerx abc", BearerFault::Missing),
            ("Bearer", BearerFault::Malformed),
            ("Bearer ", BearerFault::Malformed),
        ] {
            assert_eq!(parse_one(header), Err(fault), "{header:.40}");
        }
        for header in
            ["Bearer a b", "Bearer a,b", "Bearer =a", "Bearer ===", "Bearer a\u{e9}", "Bearer \u{e9}", long.as_str()]
        {
            assert_eq!(parse_one(header), Ok(None), "{header:.40}");
        }
        let parse =
            |authorization: &[&'static [u8]], query| parse(authorization.iter().copied(), query).map(Presented::text);
        assert_eq!(parse(&[], "number=1"), Err(BearerFault::Missing));
        assert_eq!(parse(&[b"Bearer a", b"Bearer a"], ""), Err(BearerFault::Repeated));
        for query in ["access_token=a", "number=1&access_token=", "access%5Ftoken=a"] {
            assert_eq!(parse(&[b"Bearer a"], query), Err(BearerFault::InQuery), "{query}");
        }
    }
}
