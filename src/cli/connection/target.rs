//! Where a command connects, which name the server's certificate must have, and which certificates it trusts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::bail;

use super::ConnectionOptions;
use super::trust::Trusted;
use crate::cli::installation::Installation;
use crate::config::DEFAULT_PORT;

/// A server to call.
pub(in crate::cli) struct Target {
    /// `https://HOST` or `https://HOST:PORT`: the name that the certificate must be for.
    pub(in crate::cli) server: String,
    pub(in crate::cli) route: Route,
    /// What to trust; the first that accepts the certificate counts.
    pub(in crate::cli) trusted: Vec<Trusted>,
    /// Whether it is the server of this machine, by its own name.
    pub(in crate::cli) is_own: bool,
    /// Why the settings could not be read, which may explain why no server is reached.
    pub(in crate::cli) caveat: Option<String>,
    /// The flags with which another command finds it, each after a space.
    pub(in crate::cli) flags: String,
}

/// The address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Route {
    /// What the server's name resolves to.
    ByName,
    /// The first of these that answers.
    To(Vec<SocketAddr>),
    /// What this host and port resolve to.
    Via(String),
}

impl Target {
    /// Finds the server: the one of `--server`, else `issuer`, which the credentials are for, else the one of this
    /// machine.
    ///
    /// The server of this machine is called at the address where it listens, because its public name may resolve to a
    /// proxy, or not at all. A server that `--server` names is called at its name, unless `--connect` says otherwise.
    pub(in crate::cli) fn find(
        options: &ConnectionOptions,
        issuer: Option<&str>,
        installation: &Installation,
    ) -> anyhow::Result<Self> {
        let own = installation.own_server();
        let issuer = issuer.map(str::to_owned);
        let server =
            options.server.server.clone().or(issuer).or_else(|| own.as_ref().map(|(issuer, _)| issuer.clone()));
        let server = server.or_else(|| installation.issuer_of_credentials());
        let server = server.unwrap_or_else(|| format!("https://localhost:{DEFAULT_PORT}"));
        let server = server.trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            bail!("{server:?} is not an https address: name the server as https://HOST:PORT with --server");
        }
        let own = own.filter(|(issuer, _)| is_same(issuer, &server));
        let is_own = own.is_some();
        let route = match (&options.server.connect, own.filter(|_| options.server.server.is_none())) {
            (Some(named), _) => named.clone(),
            (None, Some((_, listen))) => Route::To(reachable(&listen)),
            (None, None) => Route::ByName,
        };
        let trusted = trusted(options, is_own, installation);
        // The server of this machine needs no --server.
        let flags = options.server_flags((!is_own).then_some(&server));
        Ok(Self { server, route, trusted, is_own, caveat: installation.caveat(), flags })
    }
}

fn trusted(options: &ConnectionOptions, is_own: bool, installation: &Installation) -> Vec<Trusted> {
    if let Some(ca) = &options.server.ca {
        return vec![Trusted::Named(ca.clone())];
    }
    let authority = installation.authority();
    let chains = installation.chains();
    let has_authority = authority.exists();
    // The server of this machine has a certificate of its local authority: no other may pose as it.
    let is_local_only = is_own && has_authority && chains.is_empty();
    let mut trusted = Vec::new();
    if has_authority || chains.is_empty() {
        trusted.push(Trusted::Authority(authority));
    }
    trusted.extend(chains.into_iter().map(Trusted::Chain));
    if !is_local_only {
        trusted.push(Trusted::System);
    }
    trusted
}

/// Whether two addresses name the same server.
fn is_same(one: &str, other: &str) -> bool {
    let normal = |address: &str| {
        let address = address.trim_end_matches('/').to_ascii_lowercase();
        address.strip_suffix(":443").map(str::to_owned).unwrap_or(address)
    };
    normal(one) == normal(other)
}

/// The addresses at which a process of this machine reaches these listeners: loopback for one on all addresses.
pub(in crate::cli) fn reachable(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut reachable: Vec<SocketAddr> = Vec::new();
    for address in listen {
        let loopback: &[IpAddr] = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
            // On most systems it accepts IPv4 too.
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
    /// Parses the value of `--connect`.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(EXPECTED) } else { Ok(Self::To(reachable(&[address]))) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let is_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        if is_host && is_port { Ok(Self::Via(text.to_owned())) } else { Err(EXPECTED) }
    }

    /// The value for `--connect`.
    pub(super) fn to_flag(&self) -> Option<String> {
        match self {
            Self::ByName => None,
            Self::To(addresses) => addresses.first().map(SocketAddr::to_string),
            Self::Via(place) => Some(place.clone()),
        }
    }
}

const EXPECTED: &str = "an address and a port, such as 127.0.0.1:8443, [::1]:8443 or gate.internal:8443";

/// For messages, after the server's name.
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
    fn connect_takes_an_address_with_a_port() {
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
    fn an_address_has_several_spellings() {
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
