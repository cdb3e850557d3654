//! `listen`, `http_listen`, `ops_listen` and `issuer`: where the server listens, and what clients call it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::edition::Edition;
use super::raw::Raw;
use crate::host::{self, Host};

/// The port, unless `listen` says otherwise.
pub(crate) const DEFAULT_PORT: u16 = 8443;

const ADDRESS: &str = "an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443";

/// The addresses and the issuer, as [`Config`](super::Config) has them.
pub(super) struct Addresses {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) http_listen: Option<SocketAddr>,
    pub(super) ops_listen: Option<SocketAddr>,
    pub(super) issuer: Option<String>,
}

impl Addresses {
    pub(super) fn read(edition: Edition, raw: &mut Raw) -> Self {
        let listen = read_listen(edition, raw);
        let http_listen = read_plain(edition, raw, "http_listen", "127.0.0.1:8080");
        if let Some(address) = http_listen
            && let Some(other) = taken(&[("listen", &listen)], address)
        {
            let detail = format!("must not be {address}, which {other} has: plain HTTP is refused there too");
            raw.fault("http_listen", detail);
        }
        let ops_listen = read_plain(edition, raw, "ops_listen", "127.0.0.1:9464");
        if let Some(address) = ops_listen
            && let Some(other) = taken(&[("listen", &listen), ("http_listen", http_listen.as_slice())], address)
        {
            let detail = format!("must not be {address}, which {other} has: metrics need a port of their own");
            raw.fault("ops_listen", detail);
        }
        let issuer = read_issuer(raw, &listen);
        Self { listen, http_listen, ops_listen, issuer }
    }
}

fn read_listen(edition: Edition, raw: &mut Raw) -> Vec<SocketAddr> {
    let Some(given) = raw.list("listen", ADDRESS, parse_addresses) else {
        let listen = loopback(DEFAULT_PORT);
        raw.set_effective("listen", listen.map(|address| address.to_string()).as_slice());
        return listen.to_vec();
    };
    let mut listen: Vec<SocketAddr> = Vec::new();
    for address in given.into_iter().flatten() {
        refuse_beyond_loopback(edition, raw, "listen", address);
        // All addresses with port 0 get the same free port, or the port of the first address.
        let port = listen.first().map_or(address.port(), SocketAddr::port);
        let bound = if address.port() == 0 { SocketAddr::new(address.ip(), port) } else { address };
        if let Some(other) = listen.iter().find(|other| collide(**other, bound)) {
            raw.fault("listen", twice(*other, address));
        }
        listen.push(address);
    }
    raw.set_effective("listen", listen.iter().map(SocketAddr::to_string).collect::<Vec<_>>());
    listen
}

fn read_plain(edition: Edition, raw: &mut Raw, key: &'static str, example: &str) -> Option<SocketAddr> {
    let address = raw.text(key, &format!("an address and a port such as {example}"), |text| text.parse().ok())?;
    refuse_beyond_loopback(edition, raw, key, address);
    Some(address)
}

fn read_issuer(raw: &mut Raw, listen: &[SocketAddr]) -> Option<String> {
    let given = raw.text("issuer", "https://HOST or https://HOST:PORT, with nothing after it", parse_issuer);
    if given.is_none() {
        // The system chooses port 0 only when the server starts.
        let port = listen.first().map(SocketAddr::port).filter(|port| *port != 0);
        raw.set_effective("issuer", port.map(|port| format!("https://localhost:{port}")));
    }
    given
}

/// Why one of two sockets has to go.
fn twice(one: SocketAddr, other: SocketAddr) -> String {
    let (wide, narrow) = if other.ip().is_unspecified() && other.ip().is_ipv6() { (other, one) } else { (one, other) };
    if !wide.ip().is_unspecified() || wide.ip() == narrow.ip() {
        return format!("names {narrow} twice");
    }
    let ipv4 = if wide.is_ipv6() && narrow.is_ipv4() { ", of IPv4 too" } else { "" };
    format!("names {narrow} beside {wide}, which is all addresses{ipv4}: leave out {narrow}")
}

/// The setting that has this address already; with its own address, if that one includes this one.
fn taken(settings: &[(&'static str, &[SocketAddr])], address: SocketAddr) -> Option<String> {
    let mut all = settings.iter().flat_map(|(key, addresses)| addresses.iter().map(move |other| (key, *other)));
    let (key, other) = all.find(|(_, other)| address.port() != 0 && collide(*other, address))?;
    Some(if other == address { (*key).to_owned() } else { format!("{key}, with {other},") })
}

/// The documentation prints the sandbox's secrets.
fn refuse_beyond_loopback(edition: Edition, raw: &mut Raw, key: &'static str, address: SocketAddr) {
    if edition == Edition::Sandbox && !address.ip().is_loopback() {
        let detail = format!(
            "must not be {address}: the sandbox has demo clients with published secrets, so it listens on \
             loopback addresses only; use 127.0.0.1:{}, or `boomgate serve` for other machines",
            address.port()
        );
        raw.fault(key, detail);
    }
}

/// Both addresses that `localhost` means.
fn loopback(port: u16) -> [SocketAddr; 2] {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, port))
}

fn parse_addresses(text: &str) -> Option<Vec<SocketAddr>> {
    match text.strip_prefix("localhost:") {
        Some(text) => parse_port(text).map(|port| loopback(port).to_vec()),
        None => text.parse().ok().map(|address| vec![address]),
    }
}

/// A port in its one usual form: no sign and no leading zero.
fn parse_port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

/// RFC 8414 section 2 wants https and neither query nor fragment. A path would move every well-known document, and
/// a `/` at the end would be doubled in the addresses that are made from the issuer.
fn parse_issuer(text: &str) -> Option<String> {
    let authority = text.strip_prefix("https://")?;
    let (name, given_port) = host::split_port(authority);
    let port_fits = given_port.is_none_or(|text| parse_port(text).is_some_and(|port| port > 0));
    let shown = match Host::parse(name)? {
        Host::Ip(IpAddr::V6(_)) => format!("[{name}]"),
        Host::Ip(IpAddr::V4(_)) | Host::Dns(_) => name.to_owned(),
    };
    // Only an IPv6 address has brackets, and nothing follows the port.
    let whole = given_port.map_or(shown.clone(), |port| format!("{shown}:{port}"));
    (port_fits && !name.starts_with('*') && whole == authority).then(|| text.to_owned())
}

/// Whether two sockets cannot listen at once. `0.0.0.0` is all addresses of IPv4, and `[::]` is all of both.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let includes = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_same = ip == other_ip && interface(one) == interface(other);
    one.port() == other.port() && (is_same || includes(ip, other_ip) || includes(other_ip, ip))
}

/// The interface of a link-local address.
fn interface(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sockets_collide_where_one_includes_the_other() {
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
}
