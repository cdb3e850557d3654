//! What the text of one setting may be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::keys::Algorithm;
use crate::oauth::host::{self, Host};

/// Both addresses that `localhost` means.
pub(super) fn loopback(port: u16) -> [SocketAddr; 2] {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, port))
}

pub(super) fn addresses(text: &str) -> Option<Vec<SocketAddr>> {
    match text.strip_prefix("localhost:") {
        Some(text) => port(text).map(|port| loopback(port).to_vec()),
        None => text.parse().ok().map(|address| vec![address]),
    }
}

/// A number that is written in one way only: no sign, no zero before others.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

/// Whether two sockets cannot listen at once. `0.0.0.0` is all addresses of IPv4, and `[::]` is all of both.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let includes = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_same = ip == other_ip && scope(one) == scope(other);
    one.port() == other.port() && (is_same || includes(ip, other_ip) || includes(other_ip, ip))
}

/// The interface of a link-local address.
fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

pub(super) fn path(text: &str) -> PathBuf {
    Path::new(text).to_owned()
}

/// RFC 8414 section 2 wants https and neither query nor fragment; a path would move every well-known
/// document, and a `/` at the end doubles in the addresses made from it.
pub(super) fn issuer(text: &str) -> Option<String> {
    let authority = text.strip_prefix("https://")?;
    let (name, given_port) = host::split_port(authority);
    let port_fits = given_port.is_none_or(|text| port(text).is_some_and(|port| port > 0));
    let shown = match Host::parse(name)? {
        Host::Ip(IpAddr::V6(_)) => format!("[{name}]"),
        Host::Ip(IpAddr::V4(_)) | Host::Dns(_) => name.to_owned(),
    };
    // Put together again, it is the same: brackets around an address of IPv6 alone, and nothing after the port.
    let whole = given_port.map_or(shown.clone(), |port| format!("{shown}:{port}"));
    (port_fits && !name.starts_with('*') && whole == authority).then(|| text.to_owned())
}

/// A name for a certificate.
pub(super) fn host(text: &str) -> Option<String> {
    Host::parse(text).map(|_| text.to_owned())
}

pub(super) fn audience(text: &str) -> Option<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

pub(super) fn signing_algorithm(text: &str) -> Option<Algorithm> {
    match text {
        "ES256" => Some(Algorithm::Es256),
        "EdDSA" => Some(Algorithm::EdDsa),
        _ => None,
    }
}

/// Directives of tracing's `EnvFilter`. It takes a lone word that is no level for the name of a target, so that
/// `wran` would silence everything: here a target needs its level.
pub(super) fn log_directives(text: &str) -> Option<String> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let is_directive = |directive: &&str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(directive),
    };
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let fits = directives.iter().all(is_directive);
    let whole = directives.join(",");
    (fits && EnvFilter::try_new(&whole).is_ok()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_collide_where_one_includes_the_other() {
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("[::]:1", "0.0.0.0:1", true),
            ("[::]:1", "192.0.2.1:1", true),
            ("[::]:1", "[::1]:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("127.0.0.1:1", "[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
            ("[fe80::1%1]:1", "[fe80::1%2]:1", false),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((collide(one, other), collide(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn a_directive_is_a_level_or_a_target_with_one() {
        for (text, expected) in [
            ("info", "info"),
            ("WARN", "WARN"),
            ("off", "off"),
            ("info, boomgate=debug", "info,boomgate=debug"),
            ("warn,boomgate::server=trace", "warn,boomgate::server=trace"),
            ("info,[request{id=1}]=debug", "info,[request{id=1}]=debug"),
        ] {
            assert_eq!(log_directives(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "wran", "info,", ",info", "boomgate", "boomgate=", "=debug", "boomgate=loud", "info debug"] {
            assert_eq!(log_directives(bad), None, "{bad}");
        }
    }
}
