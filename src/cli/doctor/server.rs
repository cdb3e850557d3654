//! What answers: the ports, the server over TLS, its clock, the credentials.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::super::connection::{Answer, Connection, NobodyThere, Route, Source, Target, Voucher, reachable};
use super::super::credentials;
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

pub(super) fn look(setup: &Setup<'_>, tell: &mut dyn FnMut(Finding)) {
    for address in setup.config.listen.iter().chain(&setup.config.http_listen).chain(&setup.config.ops_listen) {
        tell(port(setup, *address));
    }
    let found = credentials::find(setup.connection.credentials.as_deref(), &setup.config.data_dir, setup.environment);
    let connection = match connect(setup, found.as_ref().ok().and_then(|found| found.issuer.as_deref())) {
        Ok(connection) => connection,
        Err(finding) => return tell(finding),
    };
    let server = connection.place();
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
    tell(trusted(&connection));
    if let Some(date) = answer.date {
        tell(clocks(SystemClock::new().now(), date));
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
    });
}

/// Before the first start there is nothing to ask, and no certificate to trust.
fn connect(setup: &Setup<'_>, issuer: Option<&str>) -> Result<Connection, Finding> {
    if !can_be_asked(setup) {
        let detail = "not asked: no server has run on this folder yet";
        return Err(Finding::warn("server", detail, "start one, and look again"));
    }
    let target = target(setup, issuer).map_err(|error| Finding::failed("server", &error))?;
    Connection::to(target, PATIENCE).map_err(|error| Finding::failed("server", &error))
}

fn can_be_asked(setup: &Setup<'_>) -> bool {
    let options = &setup.connection;
    let is_named = options.server.is_some() || options.connect.is_some() || options.ca.is_some();
    let has_certificate = setup.installation.authority().exists() || !setup.installation.chains().is_empty();
    is_named || has_certificate || setup.held
}

/// The system's roots come first here: what they vouch for, every client accepts.
fn target(setup: &Setup<'_>, issuer: Option<&str>) -> anyhow::Result<Target> {
    let mut target = Target::find(&setup.connection, issuer, &setup.installation)?;
    target.trusted.sort_by_key(|source| *source != Source::System);
    Ok(target)
}

/// Who vouches for the certificate, which clients need as well.
fn trusted(connection: &Connection) -> Finding {
    const CHECK: &str = "server";
    let place = connection.place();
    let Some(Voucher { source, is_itself }) = connection.voucher() else {
        return Finding::fail(CHECK, format!("{place} answers without a certificate"), "look at the server's log");
    };
    let issuer = connection.certificate().map(|shown| (shown.is_self_signed(), shown.issuer()));
    match (&source, issuer) {
        (Source::Chain(_) | Source::Named(_), Some((true, _))) if is_itself => {
            Finding::ok(CHECK, format!("{place} answers over TLS with the self-signed certificate that is expected"))
        }
        (Source::Chain(chain), Some((false, issuer))) if is_itself => Finding::warn(
            CHECK,
            format!(
                "{place} answers over TLS, but its certificate is issued by {issuer}, which neither {} nor the system's \
                 roots have",
                chain.display()
            ),
            "put the intermediate certificates into that file after it; if that is your own root, name it with --ca",
        ),
        (Source::Chain(chain), Some(_)) => Finding::ok(
            CHECK,
            format!(
                "{place} answers over TLS, with a chain of your own authority in {}: clients must trust its root",
                chain.display()
            ),
        ),
        (Source::Chain(_) | Source::Named(_) | Source::Authority(_) | Source::System, _) => {
            Finding::ok(CHECK, format!("{place} answers over TLS, and is trusted by {source}"))
        }
    }
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
            Finding::ok(CHECK, format!("{detail}, and the server leaves it out"))
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

/// Whether this folder's server is what has the port: its certificate is for its name, whatever the address.
fn asked_at(setup: &Setup<'_>, address: SocketAddr) -> bool {
    let Some(mut there) = can_be_asked(setup).then(|| target(setup, None).ok()).flatten() else { return false };
    there.route = Route::To(reachable(&[address]));
    let connection = Connection::to(there, PATIENCE);
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
