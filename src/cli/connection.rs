//! A running server, as its own clients see it: over HTTPS, with an access token.
//!
//! Which server that is and where it listens is [`target`]'s, whom it believes [`trust`]'s. Follows no redirect
//! and asks no proxy. Every refusal becomes one line that says what to do.

mod target;
mod transport;
mod trust;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};
use ureq::http::{Response, Uri};
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Body};

pub(super) use self::target::{Route, Target, reachable};
use self::transport::{Routed, TlsConnector};
use self::trust::Trust;
pub(super) use self::trust::{Source, Voucher};
use super::credentials::{self, Credentials, Found};
use super::installation::{Installation, InstallationOptions};
use super::output;
use crate::admission::ADMIN_AUDIENCE;
use crate::config::Environment;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;
use crate::tls::CertificateFacts;

/// How long one call may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read: a page of 100 clients is far below.
const MAX_ANSWER_BYTES: u64 = 4 * 1_024 * 1_024;

/// How often a call waits for the throttle, and how many seconds at most each time.
const MAX_WAITS: usize = 3;
const MAX_WAIT_S: u64 = 5;

/// Which server, and how to find what it trusts.
#[derive(Args)]
pub(super) struct ConnectionOptions {
    /// The server's address, whose name its certificate must be for [default: where the credentials are from, else
    /// the server of this machine]
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub(super) server: Option<String>,
    /// Connect here, and expect the server's name all the same [default: where the server of this machine listens;
    /// for others what their name resolves to]
    #[arg(long, global = true, value_name = "ADDRESS:PORT", value_parser = Route::parse, help_heading = "Connection")]
    pub(super) connect: Option<Route>,
    /// Trust these certificates alone, PEM: an authority's, or a self-signed one [default: DATA_DIR/tls/ca.pem, or
    /// the system's roots and the chain that the settings name]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) ca: Option<PathBuf>,
    /// JSON with client_id and client_secret; BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET, or
    /// BOOMGATE_CLIENT_SECRET_FILE, do as well
    /// [default: DATA_DIR/admin-credentials.json]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) credentials: Option<PathBuf>,
    #[command(flatten)]
    pub(super) installation: InstallationOptions,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl ConnectionOptions {
    /// The folder to look into.
    pub(super) fn data_dir(&self, environment: &Environment) -> anyhow::Result<PathBuf> {
        Ok(Installation::find(&self.installation, environment)?.data_dir().to_owned())
    }

    /// Those that were given, for a command to paste.
    pub(super) fn as_flags(&self) -> String {
        let path = |path: &PathBuf| path.display().to_string();
        let connect = match &self.connect {
            Some(Route::To(addresses)) => addresses.first().map(ToString::to_string),
            Some(Route::Via(place)) => Some(place.clone()),
            Some(Route::ByName) | None => None,
        };
        let given = [
            ("--server", self.server.clone()),
            ("--connect", connect),
            ("--ca", self.ca.as_ref().map(path)),
            ("--credentials", self.credentials.as_ref().map(path)),
            ("--data-dir", self.installation.data_dir.as_ref().map(path)),
            ("--config", self.installation.config.as_ref().map(path)),
        ];
        let flag =
            |(name, value): (&str, Option<String>)| value.map(|value| format!(" {name} {}", output::quoted(&value)));
        given.into_iter().filter_map(flag).collect()
    }
}

/// A server, not yet called.
pub(super) struct Connection {
    agent: Agent,
    server: String,
    /// Where it is connected to, for people.
    place: String,
    is_own: bool,
    trust: Arc<Trust>,
    caveat: Option<String>,
    flags: String,
    timeout: Duration,
}

/// What a server answered, whatever it was.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What the server's clock said.
    pub(super) date: Option<UnixSeconds>,
    /// `null` when it was not JSON.
    pub(super) body: Value,
}

/// Nothing listens where the server should.
#[derive(Debug, thiserror::Error)]
#[error(
    "no server answers at {0}: start one with `boomgate sandbox` or `boomgate serve`, or name another with --server{1}"
)]
pub(super) struct NobodyThere(String, String);

/// The server answered, and made no change (4xx).
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(super) struct Refused {
    /// The status of the answer.
    pub(super) status: u16,
    said: String,
}

/// Whether a call that failed so has certainly changed nothing: a server that breaks off, or answers 5xx, may have made
/// the change.
pub(super) fn changed_nothing(error: &anyhow::Error) -> bool {
    error.is::<Refused>() || error.is::<NobodyThere>()
}

/// An administrator's access token and where it is good.
pub(super) struct Administration {
    connection: Connection,
    authorization: String,
    client_id: ClientId,
}

impl Connection {
    /// Prepares to call the server that `options` names, or that `credentials` are for.
    pub(super) fn new(
        options: &ConnectionOptions,
        credentials: &Credentials,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        Self::within(TIMEOUT, options, credentials.issuer.as_deref(), environment)
    }

    /// Prepares to call the server that `options` names, or else `issuer`, or else that of this machine; each call
    /// may take so long.
    pub(super) fn within(
        timeout: Duration,
        options: &ConnectionOptions,
        issuer: Option<&str>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let installation = Installation::find(&options.installation, environment)?;
        Self::to(Target::find(options, issuer, &installation)?, timeout)
    }

    /// Prepares to call this server.
    pub(super) fn to(target: Target, timeout: Duration) -> anyhow::Result<Self> {
        let Target { server, route, trusted, is_own, caveat, flags } = target;
        let trust = Trust::new(trusted)?;
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .user_agent(concat!("boomgate/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = ().chain(TcpConnector::default()).chain(TlsConnector(Arc::new(trust.client_config()?)));
        let place = format!("{server}{route}");
        let agent = Agent::with_parts(config, connector, Routed(route));
        Ok(Self { agent, server, place, is_own, trust, caveat, flags, timeout })
    }

    /// Asks for what is at `path`, which starts with `/`, once, and takes any answer.
    pub(super) fn look(&self, path: &str) -> anyhow::Result<Answer> {
        self.answer(self.agent.get(format!("{}{path}", self.server)).call())
    }

    /// The same with an access token.
    pub(super) fn look_with(&self, path: &str, token: &str) -> anyhow::Result<Answer> {
        let request = self.agent.get(format!("{}{path}", self.server));
        self.answer(request.header("Authorization", &format!("Bearer {token}")).call())
    }

    /// Sends a token with a client's credentials to `path`, to be introspected or revoked.
    pub(super) fn inspect(&self, path: &str, token: &str, credentials: &Credentials) -> anyhow::Result<Answer> {
        let members = json!({
            "token": token,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret.expose(),
        });
        self.answer(self.agent.post(format!("{}{path}", self.server)).send_json(&members))
    }

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let date = answer.headers().get("Date").and_then(|date| UnixSeconds::parse_http_date(date.to_str().ok()?));
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status().as_u16(), date, body })
    }

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// The same, and where that is connected to.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What vouched for the server's certificate, once it was called.
    pub(super) fn voucher(&self) -> Option<Voucher> {
        self.trust.voucher()
    }

    /// The server's certificate, once it was called.
    pub(super) fn certificate(&self) -> Option<CertificateFacts> {
        self.trust.shown()
    }

    /// Asks for an access token (RFC 6749 section 4.4.2); the whole answer.
    pub(super) fn token(
        &self,
        credentials: &Credentials,
        audience: &str,
        scope: Option<&str>,
    ) -> anyhow::Result<Value> {
        let mut request = json!({
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret.expose(),
            "audience": audience,
        });
        if let (Some(scope), Some(members)) = (scope, request.as_object_mut()) {
            members.insert("scope".to_owned(), scope.into());
        }
        let address = format!("{}/shared/access-tokens", self.server);
        let (status, body) = self.call(|| self.agent.post(&address).send_json(&request))?;
        if status == 200 {
            return Ok(body);
        }
        let said = refusal(status, &body);
        match text(&body, "error") {
            Some("invalid_client") => bail!(
                "{} does not accept the credentials of {} from {}: {said}. Are they of this server? Name its folder with \
                 --data-dir, or another file with --credentials",
                self.server,
                credentials.client_id,
                credentials.found
            ),
            Some("invalid_target") => bail!(
                "{} may not call {audience}: {said}. Name an audience that it was registered with: --audience",
                credentials.client_id
            ),
            Some("invalid_scope") if scope.is_some_and(|scope| scope.contains(',')) => bail!(
                "{} gave no token to {}: {said}. Scope tokens have spaces between, not commas: --scope 'read:zones write:zones', \
                 or --scope once for each",
                self.server,
                credentials.client_id
            ),
            _ => bail!("{} gave no token to {}: {said}", self.server, credentials.client_id),
        }
    }

    /// Sends a request; again, after the wait that the server asks for, when it came too soon. A refused
    /// request has done nothing, so sending it again is safe.
    #[allow(clippy::disallowed_methods, reason = "there is nothing to do but wait, and no runtime here to wait with")]
    fn call(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> anyhow::Result<(u16, Value)> {
        for _ in 0..MAX_WAITS {
            let answer = send().map_err(|error| self.unreachable(&error))?;
            match wait_asked_for(&answer) {
                Some(wait) => {
                    output::message_on_terminal(&format!("waiting {} s, as {} asks", wait.as_secs(), self.server));
                    std::thread::sleep(wait);
                }
                None => return self.read(answer),
            }
        }
        self.read(send().map_err(|error| self.unreachable(&error))?)
    }

    fn read(&self, mut answer: Response<Body>) -> anyhow::Result<(u16, Value)> {
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        match serde_json::from_slice(&body) {
            Ok(value) => Ok((status, value)),
            Err(_) if status >= 400 || status == 204 => Ok((status, Value::Null)),
            Err(_) => bail!("{} answered {status} without JSON: is it a boomgate server?", self.server),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "what is not told apart here speaks for itself")]
    fn unreachable(&self, error: &ureq::Error) -> anyhow::Error {
        let Self { server, place, .. } = self;
        let caveat = self.caveat.as_ref().map_or_else(String::new, |caveat| format!(" ({caveat})"));
        match error {
            ureq::Error::Io(cause) if is_nobody(cause) => NobodyThere(place.clone(), caveat).into(),
            ureq::Error::Io(cause) => match tls_error(cause) {
                Some(cause) => self.untrusted(cause, &caveat),
                None => anyhow!("cannot talk to {place}: {cause}; name another server with --server{caveat}"),
            },
            ureq::Error::Rustls(cause) => self.untrusted(cause, &caveat),
            ureq::Error::HostNotFound => anyhow!(
                "the name in {place} does not resolve here: say where the server listens with --connect ADDRESS:PORT, \
                 name its settings with --config, or another server with --server{caveat}"
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                anyhow!("{server:?} is not an address: name the server as https://HOST:PORT with --server")
            }
            ureq::Error::Timeout(_) => {
                anyhow!("{place} did not answer within {} s: see the server's log{caveat}", self.timeout.as_secs())
            }
            cause => anyhow!("cannot talk to {place}: {cause}; name another server with --server{caveat}"),
        }
    }

    fn untrusted(&self, cause: &rustls::Error, caveat: &str) -> anyhow::Error {
        let place = &self.place;
        let rustls::Error::InvalidCertificate(cause) = cause else {
            return anyhow!("cannot talk TLS with {place}: {cause}; name another server with --server{caveat}");
        };
        let address: Option<Uri> = self.server.parse().ok();
        let host = address.as_ref().map_or(self.server.as_str(), transport::host);
        anyhow!("{place} cannot be trusted: {}{caveat}", self.trust.complaint(cause, host, self.is_own))
    }
}

impl Administration {
    /// Gets an access token for the administration.
    pub(super) fn open(options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Self> {
        let data_dir = options.data_dir(environment)?;
        let credentials = credentials::find(options.credentials.as_deref(), &data_dir, environment)?;
        Self::of(&credentials, options, environment)
    }

    /// The same for a client that is known already.
    pub(super) fn of(
        credentials: &Credentials,
        options: &ConnectionOptions,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let connection = Connection::new(options, credentials, environment)?;
        let answer = connection.token(credentials, ADMIN_AUDIENCE, None)?;
        let token = text(&answer, "access_token")
            .ok_or_else(|| anyhow!("{} answered without an access token", connection.server))?;
        let authorization = format!("Bearer {token}");
        // The server knows it, so it is one.
        let client_id = ClientId::parse(&credentials.client_id)?;
        Ok(Self { connection, authorization, client_id })
    }

    /// Whose credentials are used.
    pub(super) fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        self.connection.server()
    }

    /// The flags with which another command finds the server, each after a space.
    pub(super) fn flags(&self) -> &str {
        &self.connection.flags
    }

    /// Reads what is at `path`, which starts with `/`.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let address = format!("{}{path}", self.server());
        self.call(|| {
            let request = self.connection.agent.get(&address).query_pairs(query.iter().copied());
            request.header("Authorization", &self.authorization).call()
        })
    }

    /// Sends `body` to `path`, which starts with `/`.
    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let address = format!("{}{path}", self.server());
        let post = || self.connection.agent.post(&address).header("Authorization", &self.authorization);
        self.call(|| post().send_json(body))
    }

    /// Merges `body` into what is at `path`, which starts with `/` (RFC 7396).
    pub(super) fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let address = format!("{}{path}", self.server());
        let request = || self.connection.agent.patch(&address).header("Authorization", &self.authorization);
        self.call(|| request().send_json(body))
    }

    /// Deletes what is at `path`, which starts with `/`.
    pub(super) fn delete(&self, path: &str) -> anyhow::Result<()> {
        let address = format!("{}{path}", self.server());
        let delete = || self.connection.agent.delete(&address).header("Authorization", &self.authorization);
        self.call(|| delete().call()).map(|_nothing| ())
    }

    fn call(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> anyhow::Result<Value> {
        let (status, body) = self.connection.call(send)?;
        match status {
            200..=299 => Ok(body),
            300..=399 => bail!("{} points elsewhere ({status}): name that server with --server", self.server()),
            400..=499 => Err(Refused { status, said: refusal(status, &body) }.into()),
            _ => bail!("{}", refusal(status, &body)),
        }
    }
}

impl Found {
    /// The API set that is meant when none is named.
    pub(super) fn audience<'a>(&self, public: &'a str) -> &'a str {
        match self {
            Self::Administrator(_) => ADMIN_AUDIENCE,
            Self::Variables | Self::Named(_) => public,
        }
    }
}

/// What `Retry-After` of a 429 asks for, when it is a wait that a person would rather sit out than type the
/// command again: a throttle's, never a quota's.
fn wait_asked_for(answer: &Response<Body>) -> Option<Duration> {
    let retry_after = answer.headers().get("Retry-After").filter(|_| answer.status() == 429)?;
    let seconds = retry_after.to_str().ok()?.parse().ok()?;
    (seconds <= MAX_WAIT_S).then(|| Duration::from_secs(seconds))
}

/// Nothing listens there, or the machine does not have the last of several addresses.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable)
}

/// rustls reports through I/O errors while it shakes hands.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What a refusal says, in one line: an RFC 9457 problem with all its errors, or an RFC 6749 section 5.2
/// error.
pub(super) fn refusal(status: u16, body: &Value) -> String {
    let errors = faults(body);
    let mut said = match (text(body, "title"), text(body, "detail")) {
        // They say all that title and detail do.
        _ if !errors.is_empty() => format!("nothing was changed: {}", errors.join("; ")),
        (Some(title), Some(detail)) => format!("{}: {}", title.trim_end_matches('.'), detail.trim_end_matches('.')),
        (Some(only), None) | (None, Some(only)) => only.trim_end_matches('.').to_owned(),
        (None, None) => match (text(body, "error"), text(body, "error_description")) {
            (Some(error), Some(description)) => format!("{error}: {}", description.trim_end_matches('.')),
            (Some(error), None) => error.to_owned(),
            (None, _) => format!("the server answered {status}"),
        },
    };
    if let Some(request_id) = text(body, "request_id") {
        said.push_str(" (request ");
        said.push_str(request_id);
        said.push(')');
    }
    said
}

/// What is wrong with each member of the body that was sent.
fn faults(body: &Value) -> Vec<String> {
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let fault = |fault: &Value| {
        let (pointer, detail) = (text(fault, "pointer")?, text(fault, "detail")?);
        let member = pointer.trim_start_matches('/');
        Some(format!("{} {}", if member.is_empty() { "the body" } else { member }, detail.trim_end_matches('.')))
    };
    errors.filter_map(fault).collect()
}

/// The text of a member.
pub(super) fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_with_all_that_the_server_said() {
        let problem = json!({
            "title": "Members are wrong", "detail": "2 members are not right.", "request_id": "r-1",
            "errors": [{ "pointer": "/scope", "detail": "must be a string" }, { "pointer": "", "detail": "is short." }],
        });
        assert_eq!(
            refusal(422, &problem),
            "nothing was changed: scope must be a string; the body is short (request r-1)"
        );
        let oauth = json!({ "error": "invalid_scope", "error_description": "No more than read:zones." });
        assert_eq!(refusal(400, &oauth), "invalid_scope: No more than read:zones");
        assert_eq!(refusal(502, &Value::Null), "the server answered 502");
    }
}
