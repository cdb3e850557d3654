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
    /// What follows `Bearer` is no `b64token`, or longer than [`MAX_TOKEN_BYTES`].
    Malformed,
    /// It is in the query string.
    InQuery,
    /// More than one was presented.
    Repeated,
}

/// The request's bearer token: from the values of all its `Authorization` headers and its query string.
pub fn parse<'r>(mut authorization: impl Iterator<Item = &'r [u8]>, query: &str) -> Result<&'r str, BearerFault> {
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

fn from_credentials(credentials: &[u8]) -> Result<&str, BearerFault> {
    let (scheme, token) = match credentials.iter().position(|&byte| byte == b' ') {
        Some(space) => credentials.split_at(space),
        None => (credentials, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(BearerFault::Missing);
    }
    let token = token.trim_ascii();
    if !is_b64token(token) {
        return Err(BearerFault::Malformed);
    }
    std::str::from_utf8(token).map_err(|_| BearerFault::Malformed)
}

fn is_b64token(text: &[u8]) -> bool {
    let unpadded = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let (token, _) = text.split_at(unpadded);
    // Without an early exit the compiler looks at many bytes at a time: this is on every request's way.
    let all = |token: &[u8]| token.iter().fold(true, |all, &byte| all & is_b64token_byte(byte));
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && !token.is_empty() && all(token)
}

const fn is_b64token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_one(header: &str) -> Result<&str, BearerFault> {
        parse(std::iter::once(header.as_bytes()), "")
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_not_touched() {
        for header in ["Bearer aB.c-d_e~f+g/h==", "bearer aB.c-d_e~f+g/h==", "BEARER   aB.c-d_e~f+g/h=="] {
            assert_eq!(parse_one(header), Ok("aB.c-d_e~f+g/h=="), "{header}");
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
            ("Bearer a b", BearerFault::Malformed),
            ("Bearer a,b", BearerFault::Malformed),
            ("Bearer =a", BearerFault::Malformed),
            ("Bearer ===", BearerFault::Malformed),
            ("Bearer a\u{e9}", BearerFault::Malformed),
            (long.as_str(), BearerFault::Malformed),
        ] {
            assert_eq!(parse_one(header), Err(fault), "{header:.40}");
        }
        assert_eq!(parse(std::iter::empty(), "number=1"), Err(BearerFault::Missing));
        let twice = [b"Bearer a".as_slice(), b"Bearer a".as_slice()];
        assert_eq!(parse(twice.into_iter(), ""), Err(BearerFault::Repeated));
        for query in ["access_token=a", "number=1&access_token=", "access%5Ftoken=a"] {
            assert_eq!(parse(std::iter::once(b"Bearer a".as_slice()), query), Err(BearerFault::InQuery), "{query}");
        }
    }
}
