//! What answers: the ports, the server over TLS, its clock, the credentials.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use super::super::connection::{Answer, Connection, ConnectionOptions, NobodyThere};
use super::super::credentials::{self, read_ca};
use super::{Finding, Setup};
use crate::config::PUBLIC_AUDIENCE;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where a server says who it is.
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// Clocks that differ by more are worth to be known; by much more, tokens fail.
const CLOCKS_DIFFER_S: u64 = 5;
const CLOCKS_FAIL_S: u64 = 300;

pub(super) fn look(setup: &Setup<'_>, tell: &mut dyn FnMut(Finding) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for address in setup.config.listen.iter().chain(&setup.config.http_listen).chain(&setup.config.ops_listen) {
        tell(port(setup, *address))?;
    }
    let found = credentials::find(setup.connection.credentials.as_deref(), &setup.config.data_dir, setup.environment);
    let connection = match connect(setup, found.as_ref().ok().and_then(|found| found.issuer.clone())) {
        Ok(connection) => connection,
        Err(finding) => return tell(finding),
    };
    let server = connection.server();
    let answer = match connection.look(METADATA) {
        Ok(answer) if is_boomgate(&answer) => answer,
        Ok(answer) => {
            let detail = format!("{server} answers {}, but is no boomgate server", answer.status);
            return tell(Finding::fail("server", detail, "name the right one with --server"));
        }
        Err(error) if error.is::<NobodyThere>() && !setup.held => {
            return tell(Finding::warn("server", format!("no server answers at {server}"), "start it, and look again"));
        }
        Err(error) => return tell(Finding::failed("server", &error)),
    };
    tell(Finding::ok("server", format!("{server} answers over TLS, and is trusted")))?;
    if let Some(date) = answer.date {
        tell(clocks(SystemClock::new().now(), date))?;
    }
    let credentials = match found {
        Ok(credentials) => credentials,
        Err(error) => {
            return tell(Finding::warn("credentials", error.to_string(), "without them only servers run here"));
        }
    };
    let public = setup.config.audiences.first().map_or(PUBLIC_AUDIENCE, String::as_str);
    let audience = credentials.found.audience(public);
    tell(match connection.token(&credentials, audience, None) {
        Ok(_) => {
            let detail = format!("{server} accepts {}, from {}", credentials.client_id, credentials.found);
            Finding::ok("credentials", detail)
        }
        Err(error) => Finding::failed("credentials", &error),
    })
}

/// Nothing here may be sent to a server that is not trusted, so without a certificate authority nothing is.
fn connect(setup: &Setup<'_>, issuer: Option<String>) -> Result<Connection, Finding> {
    let issuer = issuer.or_else(|| credentials::issuer_in(&setup.config.data_dir));
    let issuer = issuer.or_else(|| {
        let port = setup.config.listen.first().map(SocketAddr::port).filter(|port| *port != 0)?;
        Some(setup.config.issuer.clone().unwrap_or_else(|| format!("https://localhost:{port}")))
    });
    if setup.connection.ca.is_none() && read_ca(None, &setup.config.data_dir).is_err() && !setup.held {
        let why = if setup.config.tls.files.is_some() {
            ("not asked: its certificate is your own", "name who issued that with --ca")
        } else {
            ("not asked: no server has run on this folder yet", "start one, and look again")
        };
        return Err(Finding::warn("server", why.0, why.1));
    }
    Connection::within(PATIENCE, &setup.connection, issuer.as_deref(), setup.environment)
        .map_err(|error| Finding::failed("server", &error))
}

fn is_boomgate(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.get("issuer").is_some() && answer.body.get("token_endpoint").is_some()
}

fn port(setup: &Setup<'_>, address: SocketAddr) -> Finding {
    const CHECK: &str = "port";
    if address.port() == 0 {
        return Finding::ok(CHECK, format!("{address}: the system chooses a free one"));
    }
    let Err(error) = TcpListener::bind(address) else { return Finding::ok(CHECK, format!("{address} is free")) };
    let is = |kind: io::ErrorKind| error.kind() == kind;
    if is(io::ErrorKind::PermissionDenied) {
        let mend = "listen on a port from 1024 on, or allow it: under systemd AmbientCapabilities=CAP_NET_BIND_SERVICE";
        return Finding::fail(CHECK, format!("{address} is not allowed to this user"), mend);
    }
    if is(io::ErrorKind::AddrNotAvailable) {
        let is_other_loopback = address.ip().is_loopback() && setup.config.listen.len() > 1;
        let detail = format!("this machine does not have the address {}", address.ip());
        return if is_other_loopback {
            Finding::warn(CHECK, detail, "the server leaves it out; take it out of listen to be told no more")
        } else {
            Finding::fail(CHECK, detail, "choose another with --listen")
        };
    }
    if !is(io::ErrorKind::AddrInUse) {
        return Finding::fail(CHECK, format!("{address}: {error}"), "choose another with --listen");
    }
    match (asked_at(setup, address), setup.held) {
        (true, _) => Finding::ok(CHECK, format!("{address} is served by boomgate")),
        (false, true) => Finding::ok(CHECK, format!("{address} is in use, and a server runs on this folder")),
        (false, false) => Finding::fail(
            CHECK,
            format!("{address} is in use by another program"),
            "stop that one, or choose another address with --listen",
        ),
    }
}

/// Whether this folder's server is what has the port.
fn asked_at(setup: &Setup<'_>, address: SocketAddr) -> bool {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let ConnectionOptions { ca, data_dir, .. } = &setup.connection;
    let there = ConnectionOptions {
        server: Some(format!("https://{}", SocketAddr::new(ip, address.port()))),
        ca: ca.clone(),
        credentials: None,
        data_dir: data_dir.clone(),
        json: false,
    };
    let connection = Connection::within(PATIENCE, &there, None, setup.environment);
    connection.and_then(|connection| connection.look(METADATA)).is_ok_and(|answer| is_boomgate(&answer))
}

fn clocks(ours: UnixSeconds, theirs: UnixSeconds) -> Finding {
    const CHECK: &str = "clocks";
    let apart = ours.since(theirs).max(theirs.since(ours));
    let detail =
        format!("the server's clock is {apart} s {} this one", if theirs < ours { "behind" } else { "ahead of" });
    let mend = "let both be set: timedatectl set-ntp true";
    if apart <= CLOCKS_DIFFER_S {
        Finding::ok(CHECK, "the server's clock and this one agree")
    } else if apart <= CLOCKS_FAIL_S {
        Finding::warn(CHECK, detail, mend)
    } else {
        Finding::fail(CHECK, format!("{detail}, so tokens seem expired or not yet valid"), mend)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome::{Fail, Ok, Warn};
    use super::*;

    #[test]
    fn clocks_that_differ_are_told() {
        let at = |seconds: u64| UnixSeconds::new(1_000_000 + seconds);
        for (theirs, outcome) in [(at(0), Ok), (at(5), Ok), (at(6), Warn), (at(300), Warn), (at(301), Fail)] {
            assert_eq!(clocks(at(0), theirs).outcome, outcome, "{theirs}");
            assert_eq!(clocks(theirs, at(0)).outcome, outcome, "{theirs}");
        }
        assert!(clocks(at(60), at(0)).detail.contains("60 s behind"));
    }
}
