//! The host that a request is for (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
//!
//! This server does not choose an answer by host, but a proxy in front of it may. If the proxy and this server read two
//! different hosts, an attacker can poison a cache. So a request has exactly one host, well-formed, and all fields that
//! name it agree.

use std::net::Ipv6Addr;

use actix_web::dev::RequestHead;
use actix_web::http::Version;
use actix_web::http::header::{HOST, HeaderValue};

/// Why the host of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostFault {
    /// The request has none.
    #[error("The request does not say which host it is for: send one Host field.")]
    Missing,
    /// There are several `Host` fields.
    #[error("The request has more than one Host field: send one.")]
    Repeated,
    /// It is not a host with an optional port.
    #[error("The host is not a name or an address, with or without a port.")]
    Malformed,
    /// The target, or `:authority`, names another host than `Host` does.
    #[error("The Host field names another host than the request's target: send the same, or none over HTTP/2.")]
    Different,
}

/// Checks the target of a request and its `Host` fields.
pub(crate) fn check(head: &RequestHead) -> Result<(), HostFault> {
    let mut fields = head.headers.get_all(HOST);
    let field = fields.next().map(HeaderValue::as_bytes);
    if fields.next().is_some() {
        return Err(HostFault::Repeated);
    }
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    match (authority, field) {
        (None, None) if head.version == Version::HTTP_2 => Err(HostFault::Missing),
        // HTTP/1.0 needs none, and actix-http refuses HTTP/1.1 without one.
        (None, None) => Ok(()),
        (Some(host), None) | (None, Some(host)) => parse(host).map(|_| ()),
        (Some(authority), Some(field)) => {
            let (authority, field) = (parse(authority)?, parse(field)?);
            authority.is(&field, head.uri.scheme_str()).then_some(()).ok_or(HostFault::Different)
        }
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2).
#[derive(Debug, PartialEq, Eq)]
struct Host<'a> {
    name: &'a [u8],
    port: Option<u16>,
}

impl Host<'_> {
    /// Whether both are the same host: upper and lower case are equal, and a missing port is the default port of the
    /// scheme.
    fn is(&self, other: &Self, scheme: Option<&str>) -> bool {
        let default = if scheme == Some("http") { 80 } else { 443 };
        self.name.eq_ignore_ascii_case(other.name) && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

/// An empty name is valid: a client that knows no host sends it (RFC 9112 section 3.2).
fn parse(host: &[u8]) -> Result<Host<'_>, HostFault> {
    let end_of_name = match host {
        [b'[', ..] => host.iter().position(|&byte| byte == b']').map_or(host.len(), |at| at + 1),
        _ => host.iter().position(|&byte| byte == b':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at_checked(end_of_name).ok_or(HostFault::Malformed)?;
    let is_name = match name {
        [b'[', address @ .., b']'] => std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        _ => is_registered_name(name),
    };
    let port = match port {
        [] | [b':'] => Some(None),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).map(Some)
        }
        _ => None,
    };
    match port {
        Some(port) if is_name => Ok(Host { name, port }),
        _ => Err(HostFault::Malformed),
    }
}

/// `reg-name`; an IPv4 address is one too (RFC 3986 section 3.2.2).
fn is_registered_name(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        let is_valid = match byte {
            b'%' => [bytes.next(), bytes.next()].iter().all(|digit| digit.is_some_and(u8::is_ascii_hexdigit)),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte),
        };
        if !is_valid {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for (host, name, port) in [
            ("localhost", "localhost", None),
            ("localhost:8443", "localhost", Some(8443)),
            ("my_service:", "my_service", None),
            ("127.0.0.1:443", "127.0.0.1", Some(443)),
            ("[::1]:8443", "[::1]", Some(8443)),
            ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", None),
            ("b%C3%BCro.example", "b%C3%BCro.example", None),
            ("", "", None),
        ] {
            assert_eq!(parse(host.as_bytes()), Ok(Host { name: name.as_bytes(), port }), "{host}");
        }
    }

    #[test]
    fn any_other_text_is_malformed() {
        for host in [
            "a b/c@d",
            "a b",
            "a/",
            "a@b",
            "user:password@a",
            "a:b",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:80:80",
            "a:80 ",
            "::1",
            "[::1",
            "[::1]a",
            "[a]",
            "[fe80::1%25eth0]",
            "[]",
            "a?",
            "a#",
            "a\\",
            "a%",
            "a%2",
            "a%zz",
            "b\u{fc}ro",
            "a\t",
            "<a>",
            "\"a\"",
            "https://a",
        ] {
            assert_eq!(parse(host.as_bytes()), Err(HostFault::Malformed), "{host}");
        }
    }
}
