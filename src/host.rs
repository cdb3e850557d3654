//! Hosts: the names and addresses that certificates, issuers and browsers' rules are for.

use std::net::{IpAddr, Ipv6Addr};

/// The longest name of the DNS, in bytes (RFC 1035 section 2.3.4), and the longest label of one.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// Top-level names that mean the machine itself (RFC 6761 section 6.3, and what Linux distributions write into
/// `/etc/hosts`).
const LOOPBACK_LABELS: [&str; 2] = ["localhost", "localdomain"];

/// A host that a certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name in lower case; its first label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl Host {
    /// An IP address, or a name of letters, digits, hyphens, underscores and dots. The DNS has no underscores in
    /// the names of hosts, but container engines make such names of services, and TLS clients accept them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Ip(address));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let fits = text.len() <= MAX_NAME && name.split('.').all(is_label) && !ends_as_an_address_does(name);
        fits.then(|| Self::Dns(text.to_ascii_lowercase()))
    }

    /// Whether it means the machine itself: a loopback address, or a name at or below `localhost` (RFC 6761 section 6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Dns(name) => name.rsplit('.').next() == Some("localhost"),
            Self::Ip(address) => address.to_canonical().is_loopback(),
        }
    }

    /// Whether a certificate for this is one for `other` (RFC 6125 section 6.4): `*` stands for one label.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let (Self::Dns(name), Self::Dns(other_name)) = (self, other) else { return self == other };
        let parent = name.strip_prefix("*.");
        name == other_name
            || parent.is_some_and(|parent| other_name.split_once('.').is_some_and(|(_, rest)| rest == parent))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => out.write_str(name),
            Self::Ip(address) => write!(out, "{address}"),
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `192.0.2` and `1.2.3.4.5` are no names: URL parsers take a last label of digits for an address's end.
fn ends_as_an_address_does(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host and the port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`, as an address has them; the brackets
/// are not part of the host. Not checked further.
#[must_use]
pub fn split_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// The host of an issuer, which is `https://HOST` or `https://HOST:PORT`.
#[must_use]
pub fn of_issuer(issuer: &str) -> &str {
    split_port(issuer.strip_prefix("https://").unwrap_or(issuer)).0
}

/// Whether a host is a name that other machines know it by. `localhost` and what is below it, names of one label
/// and IP addresses are not: there many servers share one name, each on a port of its own.
#[must_use]
pub fn is_public_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    let is_loopback = LOOPBACK_LABELS.iter().any(|label| label.eq_ignore_ascii_case(last));
    !is_loopback && !ends_as_an_address_does(host) && host.parse::<Ipv6Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_a_wildcard_or_an_address() {
        for (text, expected) in [
            ("API.Example.com", Some(Host::Dns("api.example.com".to_owned()))),
            ("*.example.com", Some(Host::Dns("*.example.com".to_owned()))),
            ("my_service", Some(Host::Dns("my_service".to_owned()))),
            ("_gate.my_stack_default", Some(Host::Dns("_gate.my_stack_default".to_owned()))),
            ("3com.example", Some(Host::Dns("3com.example".to_owned()))),
            ("::1", Some(Host::Ip("::1".parse().unwrap()))),
            ("192.0.2.7", Some(Host::Ip("192.0.2.7".parse().unwrap()))),
        ] {
            assert_eq!(Host::parse(text), expected, "{text}");
        }
        let (label, name) = ("a".repeat(64), "a.".repeat(127) + "a");
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "-a",
            "a-",
            "*",
            "a.*.b",
            "*a.b",
            "https://a",
            "a:443",
            "ä.example",
            "a.",
            "192.0.2",
            "256.0.0.1",
            "1",
            "*.192.0.2.7",
            "[::1]",
            "a/b",
            "a\n",
            &label,
            &name,
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let covers = |name: &str, other: &str| Host::parse(name).unwrap().covers(&Host::parse(other).unwrap());
        for (name, other, expected) in [
            ("a.example", "A.example", true),
            ("*.example", "a.example", true),
            ("*.example", "a.b.example", false),
            ("*.example", "example", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
        ] {
            assert_eq!(covers(name, other), expected, "{name} {other}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for (authority, expected) in [
            ("gate.example.com", ("gate.example.com", None)),
            ("gate.example.com:8443", ("gate.example.com", Some("8443"))),
            ("[::1]:8443", ("::1", Some("8443"))),
            ("[::1]", ("::1", None)),
            ("127.0.0.1:", ("127.0.0.1", Some(""))),
        ] {
            assert_eq!(split_port(authority), expected, "{authority}");
            assert_eq!(of_issuer(&format!("https://{authority}")), expected.0);
        }
    }

    #[test]
    fn a_public_name_is_none_that_servers_of_one_machine_share() {
        for name in ["gate.example.com", "GATE.EXAMPLE.COM", "gate.example.com.", "localhost.example.com", "1.example"]
        {
            assert!(is_public_name(name), "{name}");
        }
        for name in [
            "",
            "localhost",
            "LocalHost",
            "localhost.",
            "gate.localhost",
            "a.b.LOCALHOST.",
            "localhost.localdomain",
            "gate",
            "gate.",
            "127.0.0.1",
            "192.0.2.7",
            "127.1",
            "::1",
            "::ffff:192.0.2.7",
            "2001:db8::1",
        ] {
            assert!(!is_public_name(name), "{name}");
        }
    }
}
