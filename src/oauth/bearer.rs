//! A bearer token as a request presents it (RFC 6750, section 2).
//!
//! ```text
//! credentials = "Bearer" 1*SP b64token
//! b64token    = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
//! ```
//!
//! Only the `Authorization` header is a place for a token. One in the query string lands in logs and
//! histories, and two tokens leave open which of them counts: both are refused.

use std::borrow::Cow;

/// The longest token that is looked at, in bytes; Boomgate's own are under 1,024.
pub const MAX_TOKEN_BYTES: usize = 8 * 1_024;

/// Why there is no one bearer token in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// None was presented, or another authentication scheme was.
    Missing,
    /// Nothing follows `Bearer`.
    Malformed,
    /// It is in the query string.
    InQuery,
    /// More than one was presented.
    Repeated,
}

/// A token as it was presented: any bytes, until somebody asks for its [`text`](Self::text). A token that is
/// remembered was looked at once, and is found by its bytes alone.
#[derive(Clone, Copy)]
pub struct Presented<'r>(&'r [u8]);

impl<'r> Presented<'r> {
    /// These bytes, as presented.
    #[must_use]
    pub const fn new(bytes: &'r [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, whatever they are.
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

/// The request's bearer token: from the values of all its `Authorization` headers and its query string.
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

/// The value of the query string's `access_token` (RFC 6750 section 2.3), which is no place for it.
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

/// Goes to the end, so that many bytes are looked at in one instruction.
fn is_all_b64token(token: &[u8]) -> bool {
    token.iter().fold(0, |found, byte| found | u8::from(!is_b64token_byte(*byte))) == 0
}

const fn is_b64token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` for a token that is presented, but cannot be one.
    fn parse_one(header: &str) -> Result<Option<&str>, BearerFault> {
        parse(std::iter::once(header.as_bytes()), "").map(Presented::text)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_not_touched() {
        for header in ["Bearer aB.c-d_e~f+g/h==", "bearer aB.c-d_e~f+g/h==", "BEARER   aB.c-d_e~f+g/h=="] {
            assert_eq!(parse_one(header), Ok(Some("aB.c-d_e~f+g/h==")), "{header}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
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
