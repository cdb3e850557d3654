//! Checks of the server: its ports, its certificate, its clock, the credentials.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::{Finding, Setup};
use crate::api::metadata::AuthorizationServer;
use crate::cli::connection::{Answer, Connection, METADATA, NoServer, Route, Target, Trusted, VerifiedBy, reachable};
use crate::cli::credentials;
use crate::config::PUBLIC_AUDIENCE;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A difference between the clocks that is worth a warning, and one at which tokens fail.
const CLOCKS_DIFFER_S: u64 = 5;
const CLOCKS_FAIL_S: u64 = 300;

pub(super) fn check(setup: &Setup<'_>, report: &mut dyn FnMut(Finding)) {
    for address in setup.config.listen.iter().chain(&setup.config.http_listen).chain(&setup.config.ops_listen) {
        report(port(setup, *address));
    }
    let found = credentials::find(setup.connection.credentials.as_deref(), &setup.config.data_dir, setup.environment);
    let connection = match connect(setup, found.as_ref().ok().and_then(|found| found.issuer.as_deref())) {
        Ok(connection) => connection,
        Err(finding) => return report(finding),
    };
    let server = connection.place();
    let answer = match connection.get(METADATA) {
        Ok(answer) if is_boomgate(&answer) => answer,
        Ok(answer) => {
            let detail = format!("{server} answers {}, but is no boomgate server", answer.status);
            return report(Finding::fail("server", detail, "name the right one with --server"));
        }
        Err(error) if error.is::<NoServer>() && !setup.store_in_use => {
            return report(Finding::warn(
                "server",
                format!("no server answers at {server}"),
                "start it, and run this again",
            ));
        }
        Err(error) => return report(Finding::failed("server", &error)),
    };
    report(certificate(&connection));
    if let Some(date) = answer.date {
        report(clocks(SystemClock::new().now(), date));
    }
    let credentials = match found {
        Ok(credentials) => credentials,
        Err(error) => {
            return report(Finding::warn(
                "credentials",
                error.to_string(),
                "without credentials, this machine can run a server but not call one",
            ));
        }
    };
    let public = setup.config.audiences.first().map_or(PUBLIC_AUDIENCE, String::as_str);
    let audience = credentials.source.audience(public);
    report(match connection.token(&credentials, audience, None) {
        Ok(_) => {
            let detail = format!("{server} accepts {}, from {}", credentials.client_id, credentials.source);
            Finding::ok("credentials", detail)
        }
        Err(error) => Finding::failed("credentials", &error),
    });
}

/// Before the first start there is no server to call, and no certificate to trust.
fn connect(setup: &Setup<'_>, issuer: Option<&str>) -> Result<Connection, Finding> {
    if !can_call(setup) {
        let detail = "not called: no server has run on this folder yet";
        return Err(Finding::warn("server", detail, "start one, and run this again"));
    }
    let target = target(setup, issuer).map_err(|error| Finding::failed("server", &error))?;
    Connection::to(target, TIMEOUT).map_err(|error| Finding::failed("server", &error))
}

fn can_call(setup: &Setup<'_>) -> bool {
    let options = &setup.connection.server;
    let is_named = options.server.is_some() || options.connect.is_some() || options.ca.is_some();
    let has_certificate = setup.installation.authority().exists() || !setup.installation.chains().is_empty();
    is_named || has_certificate || setup.store_in_use
}

/// The system's roots come first here: every client accepts a certificate of theirs.
fn target(setup: &Setup<'_>, issuer: Option<&str>) -> anyhow::Result<Target> {
    let mut target = Target::find(&setup.connection, issuer, &setup.installation)?;
    target.trusted.sort_by_key(|source| *source != Trusted::System);
    Ok(target)
}

/// Why the server's certificate is accepted, and whether other clients accept it too.
fn certificate(connection: &Connection) -> Finding {
    const CHECK: &str = "server";
    let place = connection.place();
    let Some(VerifiedBy { source, is_itself }) = connection.verified_by() else {
        return Finding::fail(CHECK, format!("{place} answers without a certificate"), "look at the server's log");
    };
    let issuer = connection.certificate().map(|shown| (shown.is_self_signed(), shown.issuer()));
    match (&source, issuer) {
        (Trusted::Chain(_) | Trusted::Named(_), Some((true, _))) if is_itself => {
            Finding::ok(CHECK, format!("{place} answers over TLS with the expected self-signed certificate"))
        }
        (Trusted::Chain(chain), Some((false, issuer))) if is_itself => Finding::warn(
            CHECK,
            format!(
                "{place} answers over TLS, but its certificate is issued by {issuer}, which is neither in {} nor in the \
                 system's roots",
                chain.display()
            ),
            "add the intermediate certificates to that file; if the issuer is your own root, name its file with --ca",
        ),
        (Trusted::Chain(chain), Some(_)) => Finding::ok(
            CHECK,
            format!(
                "{place} answers over TLS with the chain in {}, of your own authority: clients must trust its root",
                chain.display()
            ),
        ),
        (Trusted::Chain(_) | Trusted::Named(_) | Trusted::Authority(_) | Trusted::System, _) => {
            Finding::ok(CHECK, format!("{place} answers over TLS, trusted through {source}"))
        }
    }
}

fn is_boomgate(answer: &Answer) -> bool {
    answer.status == 200 && answer.read::<AuthorizationServer>().is_ok()
}

fn port(setup: &Setup<'_>, address: SocketAddr) -> Finding {
    const CHECK: &str = "port";
    if address.port() == 0 {
        return Finding::ok(CHECK, format!("{address}: the system chooses a free one"));
    }
    let Err(error) = TcpListener::bind(address) else { return Finding::ok(CHECK, format!("{address} is free")) };
    let is = |kind: io::ErrorKind| error.kind() == kind;
    if is(io::ErrorKind::PermissionDenied) {
        let fix = "listen on a port from 1024 on, or allow it: under systemd AmbientCapabilities=CAP_NET_BIND_SERVICE";
        return Finding::fail(CHECK, format!("{address} is not allowed to this user"), fix);
    }
    if is(io::ErrorKind::AddrNotAvailable) {
        let is_other_loopback = address.ip().is_loopback() && setup.config.listen.len() > 1;
        let detail = format!("this machine does not have the address {}", address.ip());
        return if is_other_loopback {
            Finding::ok(CHECK, format!("{detail}, and the server leaves it out"))
        } else {
            Finding::fail(CHECK, detail, "choose another with --listen")
        };
    }
    if !is(io::ErrorKind::AddrInUse) {
        return Finding::fail(CHECK, format!("{address}: {error}"), "choose another with --listen");
    }
    match (is_own_server_at(setup, address), setup.store_in_use) {
        (true, _) => Finding::ok(CHECK, format!("{address} is served by boomgate")),
        (false, true) => Finding::ok(CHECK, format!("{address} is in use, and a server runs on this folder")),
        (false, false) => Finding::fail(
            CHECK,
            format!("{address} is in use by another program"),
            "stop that one, or choose another address with --listen",
        ),
    }
}

/// Whether the program on the port is the server of this folder: then its certificate has the server's name.
fn is_own_server_at(setup: &Setup<'_>, address: SocketAddr) -> bool {
    let Some(mut target) = can_call(setup).then(|| target(setup, None).ok()).flatten() else { return false };
    target.route = Route::To(reachable(&[address]));
    let connection = Connection::to(target, TIMEOUT);
    connection.and_then(|connection| connection.get(METADATA)).is_ok_and(|answer| is_boomgate(&answer))
}

fn clocks(ours: UnixSeconds, theirs: UnixSeconds) -> Finding {
    const CHECK: &str = "clocks";
    let apart = ours.since(theirs).max(theirs.since(ours));
    let detail =
        format!("the server's clock is {apart} s {} this one", if theirs < ours { "behind" } else { "ahead of" });
    let fix = "let the system set both: timedatectl set-ntp true";
    if apart <= CLOCKS_DIFFER_S {
        Finding::ok(CHECK, "the server's clock and this one agree")
    } else if apart <= CLOCKS_FAIL_S {
        Finding::warn(CHECK, detail, fix)
    } else {
        Finding::fail(CHECK, format!("{detail}, so tokens look expired or not yet valid"), fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::health::Outcome::{Fail, Ok, Warn};

    #[test]
    fn clocks_that_differ_are_reported() {
        let at = |seconds: u64| UnixSeconds::new(1_000_000 + seconds);
        for (theirs, outcome) in [(at(0), Ok), (at(5), Ok), (at(6), Warn), (at(300), Warn), (at(301), Fail)] {
            assert_eq!(clocks(at(0), theirs).outcome, outcome, "{theirs}");
            assert_eq!(clocks(theirs, at(0)).outcome, outcome, "{theirs}");
        }
        assert!(clocks(at(60), at(0)).detail.contains("60 s behind"));
    }
}
