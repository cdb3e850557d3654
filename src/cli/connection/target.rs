//! Where a command connects, which name it expects there, and whom it believes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;

use super::super::installation::Installation;
use super::super::output::quoted;
use super::ConnectionOptions;
use super::trust::Source;
use crate::config::DEFAULT_PORT;

/// A server to call.
pub(in super::super) struct Target {
    /// `https://HOST` or `https://HOST:PORT`: the name that the certificate must be for.
    pub(in super::super) server: String,
    pub(in super::super) route: Route,
    /// What to trust, in this order.
    pub(in super::super) trusted: Vec<Source>,
    /// Whether it is the server of this machine, by its own name.
    pub(in super::super) is_own: bool,
    /// What could not be read of the settings, and may be why it is not reached.
    pub(in super::super) caveat: Option<String>,
    /// The flags with which another command finds it, each after a space.
    pub(in super::super) flags: String,
}

/// How a connection finds its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Route {
    /// The name in the address is looked up.
    ByName,
    /// One of these answers, whatever the name.
    To(Vec<SocketAddr>),
    /// The same for a host and port to look up.
    Via(String),
}

impl Target {
    /// The server that `--server` names, else `issuer`, that of the credentials, else the one of this machine.
    ///
    /// The server of this machine is called where it listens: its public name may lead to a proxy, or nowhere.
    /// What `--server` names is called there, unless `--connect` names another place.
    pub(in super::super) fn find(
        options: &ConnectionOptions,
        issuer: Option<&str>,
        installation: &Installation,
    ) -> anyhow::Result<Self> {
        let own = installation.own_server();
        let issuer = issuer.map(str::to_owned);
        let server = options.server.clone().or(issuer).or_else(|| own.as_ref().map(|(issuer, _)| issuer.clone()));
        let server = server.or_else(|| installation.issuer_of_credentials());
        let server = server.unwrap_or_else(|| format!("https://localhost:{DEFAULT_PORT}"));
        let server = server.trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            bail!("{server:?} is not an https address: name the server as https://HOST:PORT with --server");
        }
        let own = own.filter(|(issuer, _)| is_same(issuer, &server));
        let is_own = own.is_some();
        let route = match (&options.connect, own.filter(|_| options.server.is_none())) {
            (Some(named), _) => named.clone(),
            (None, Some((_, listen))) => Route::To(reachable(&listen)),
            (None, None) => Route::ByName,
        };
        let trusted = trusted(options, is_own, installation);
        let flags = flags(options, &server, is_own);
        Ok(Self { server, route, trusted, is_own, caveat: installation.caveat(), flags })
    }
}

fn trusted(options: &ConnectionOptions, is_own: bool, installation: &Installation) -> Vec<Source> {
    if let Some(ca) = &options.ca {
        return vec![Source::Named(ca.clone())];
    }
    let authority = installation.authority();
    let chains = installation.chains();
    let has_authority = authority.exists();
    // A server's own authority is all that its own commands need.
    let is_closed = is_own && has_authority && chains.is_empty();
    let mut trusted = Vec::new();
    if has_authority || chains.is_empty() {
        trusted.push(Source::Authority(authority));
    }
    trusted.extend(chains.into_iter().map(Source::Chain));
    if !is_closed {
        trusted.push(Source::System);
    }
    trusted
}

/// The server of this machine needs no name; what was named otherwise has to be named again.
fn flags(options: &ConnectionOptions, server: &str, is_own: bool) -> String {
    let path = |path: &PathBuf| path.display().to_string();
    let installation = &options.installation;
    let named = [
        ("--server", options.server.clone().or_else(|| (!is_own).then(|| server.to_owned()))),
        ("--connect", options.connect.as_ref().and_then(Route::to_flag)),
        ("--ca", options.ca.as_ref().map(path)),
        ("--data-dir", installation.data_dir.as_ref().map(path)),
        ("--config", installation.config.as_ref().map(path)),
    ];
    named.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", quoted(&value?)))).collect()
}

/// Whether two addresses name one server.
fn is_same(one: &str, other: &str) -> bool {
    let normal = |address: &str| {
        let address = address.trim_end_matches('/').to_ascii_lowercase();
        address.strip_suffix(":443").map(str::to_owned).unwrap_or(address)
    };
    normal(one) == normal(other)
}

/// Where a process of this machine reaches these listeners: one for all addresses answers on loopback.
pub(in super::super) fn reachable(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut reachable: Vec<SocketAddr> = Vec::new();
    for address in listen {
        let loopback: &[IpAddr] = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
            // It takes IPv4 too, unless the system says otherwise.
            IpAddr::V6(ip) if ip.is_unspecified() => {
                &[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
            }
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => &[ip],
        };
        for ip in loopback {
            let address = SocketAddr::new(*ip, address.port());
            if !reachable.contains(&address) {
                reachable.push(address);
            }
        }
    }
    reachable
}

impl Route {
    /// `--connect`: an address and a port.
    pub(in super::super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(EXPECTED) } else { Ok(Self::To(reachable(&[address]))) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let is_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        if is_host && is_port { Ok(Self::Via(text.to_owned())) } else { Err(EXPECTED) }
    }

    /// As `--connect` takes it.
    fn to_flag(&self) -> Option<String> {
        match self {
            Self::ByName => None,
            Self::To(addresses) => addresses.first().map(SocketAddr::to_string),
            Self::Via(place) => Some(place.clone()),
        }
    }
}

const EXPECTED: &str = "an address and a port, such as 127.0.0.1:8443, [::1]:8443 or gate.internal:8443";

/// For errors, after the server's name.
impl fmt::Display for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByName => Ok(()),
            Self::To(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
                write!(out, " at {}", addresses.join(" or "))
            }
            Self::Via(place) => write!(out, " at {place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_for_all_addresses_is_reached_on_loopback() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        for (listen, expected) in [
            (&["127.0.0.1:1", "[::1]:1"][..], &["127.0.0.1:1", "[::1]:1"][..]),
            (&["0.0.0.0:443"], &["127.0.0.1:443"]),
            (&["[::]:443"], &["[::1]:443", "127.0.0.1:443"]),
            (&["0.0.0.0:443", "127.0.0.1:443", "[::]:443"], &["127.0.0.1:443", "[::1]:443"]),
            (&["192.0.2.7:443"], &["192.0.2.7:443"]),
        ] {
            assert_eq!(reachable(&addresses(listen)), addresses(expected), "{listen:?}");
        }
    }

    #[test]
    fn a_place_to_connect_to_is_an_address_with_a_port() {
        let to = |texts: &[&str]| Ok(Route::To(texts.iter().map(|text| text.parse().unwrap()).collect()));
        assert_eq!(Route::parse("127.0.0.1:9"), to(&["127.0.0.1:9"]));
        assert_eq!(Route::parse("[::1]:9"), to(&["[::1]:9"]));
        assert_eq!(Route::parse("0.0.0.0:9"), to(&["127.0.0.1:9"]));
        assert_eq!(Route::parse("gate.internal:9"), Ok(Route::Via("gate.internal:9".to_owned())));
        for wrong in
            ["", ":9", "a", "a:", "a:0", "127.0.0.1:0", "a:65536", "::1", "https://a:9", "a/b:9", "a b:9", "a@b:9"]
        {
            assert_eq!(Route::parse(wrong), Err(EXPECTED), "{wrong}");
        }
    }

    #[test]
    fn two_spellings_of_an_address_are_one_server() {
        for (one, other, expected) in [
            ("https://gate.example", "https://GATE.example:443/", true),
            ("https://gate.example:8443", "https://gate.example:8443", true),
            ("https://gate.example:8443", "https://gate.example", false),
            ("https://a.example", "https://b.example", false),
        ] {
            assert_eq!(is_same(one, other), expected, "{one} {other}");
        }
    }
}
