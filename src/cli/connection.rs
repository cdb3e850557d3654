//! A running server, called over HTTPS as any client calls it.
//!
//! [`target`] says which server that is and where it listens, [`trust`] which certificates are accepted, [`answer`]
//! reads what it sends, [`admin`] has its admin API, and [`control`] the control of a sandbox. No redirect is followed and no proxy is used. Every refusal
//! becomes one line that says what to do.

mod admin;
mod answer;
mod api;
mod child;
mod control;
mod target;
mod transport;
mod trust;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use ureq::http::{Response, Uri};
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Body};

pub(super) use self::admin::AdminApi;
pub(super) use self::answer::{Answer, AsSent};
pub(super) use self::api::Api;
pub(super) use self::control::{ControlOptions, open_own_sandbox};
pub(super) use self::target::{Route, Target, reachable};
use self::transport::{Routed, TlsConnector};
use self::trust::Trust;
pub(super) use self::trust::{Trusted, VerifiedBy};
use super::credentials::{Credentials, CredentialsSource};
use super::installation::{Installation, InstallationOptions};
use super::output;
use crate::admission::ADMIN_AUDIENCE;
use crate::api::token::{TokenRequest, TokenWithCredentials};
use crate::config::Environment;
use crate::tls::CertificateFacts;

/// The authorization server metadata (RFC 8414).
pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// How long one call may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a call waits for the throttle, and how many seconds at most each time.
const MAX_WAITS: usize = 3;
const MAX_WAIT_S: u64 = 5;

/// Which server to call, and which certificate to accept.
#[derive(Args)]
pub(super) struct ServerOptions {
    /// The server's address; its certificate must have this name [default: the server that the credentials are from,
    /// else the server of this machine]
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub(super) server: Option<String>,
    /// Connect to this address, but expect the name of the server in its certificate [default: where the server of
    /// this machine listens; for other servers, what their name resolves to]
    #[arg(long, global = true, value_name = "ADDRESS:PORT", value_parser = Route::parse, help_heading = "Connection")]
    pub(super) connect: Option<Route>,
    /// Trust only the certificates in this PEM file: a certificate authority's, or a self-signed one [default:
    /// DATA_DIR/tls/ca.pem, or the system's roots and the certificate that the settings name]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) ca: Option<PathBuf>,
}

/// How a command calls a server.
#[derive(Args)]
pub(super) struct ConnectionOptions {
    #[command(flatten)]
    pub(super) server: ServerOptions,
    /// A JSON file with client_id and client_secret [default: the variables BOOMGATE_CLIENT_ID and
    /// BOOMGATE_CLIENT_SECRET or BOOMGATE_CLIENT_SECRET_FILE, else DATA_DIR/admin-credentials.json]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) credentials: Option<PathBuf>,
    #[command(flatten)]
    pub(super) installation: InstallationOptions,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl ConnectionOptions {
    pub(super) fn data_dir(&self, environment: &Environment) -> anyhow::Result<PathBuf> {
        Ok(Installation::find(&self.installation, environment)?.data_dir().to_owned())
    }

    /// The flags with which another command does the same, each after a space.
    pub(super) fn flags(&self) -> String {
        let credentials = flag("--credentials", self.credentials.as_ref().map(|path| path.display().to_string()));
        self.server_flags(None) + &credentials
    }

    /// The flags with which another command finds the same server; `server` stands in for a `--server` that was not
    /// given.
    fn server_flags(&self, server: Option<&str>) -> String {
        let ServerOptions { server: named, connect, ca } = &self.server;
        let InstallationOptions { data_dir, config } = &self.installation;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        [
            ("--server", named.clone().or_else(|| server.map(str::to_owned))),
            ("--connect", connect.as_ref().and_then(Route::to_flag)),
            ("--ca", path(ca)),
            ("--data-dir", path(data_dir)),
            ("--config", path(config)),
        ]
        .into_iter()
        .map(|(name, value)| flag(name, value))
        .collect()
    }
}

fn flag(name: &str, value: Option<String>) -> String {
    value.map_or_else(String::new, |value| format!(" {name} {}", output::quoted(&value)))
}

/// Calls one server.
pub(super) struct Connection {
    agent: Agent,
    server: String,
    /// The server and the address that it is called at, for messages.
    place: String,
    is_own: bool,
    trust: Arc<Trust>,
    caveat: Option<String>,
    flags: String,
    timeout: Duration,
}

/// No program listens where the server should.
#[derive(Debug, thiserror::Error)]
#[error(
    "no server answers at {0}: start one with `boomgate sandbox` or `boomgate serve`, or name another with --server{1}"
)]
pub(super) struct NoServer(String, String);

/// The server refused the request (4xx), and changed nothing.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Refused {
    pub(super) status: u16,
    text: String,
}

/// Whether the call that failed has certainly changed nothing. A server that breaks off or answers 5xx may have made
/// the change.
pub(super) fn changed_nothing(error: &anyhow::Error) -> bool {
    error.is::<Refused>() || error.is::<NoServer>()
}

impl Connection {
    /// Prepares to call the server that `options` name, else the one that `credentials` are from, else that of this
    /// machine.
    pub(super) fn new(
        options: &ConnectionOptions,
        credentials: &Credentials,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        Self::with_timeout(TIMEOUT, options, credentials.issuer.as_deref(), environment)
    }

    /// Prepares to call the server that `options` name, else `issuer`, else that of this machine. `timeout` is for each
    /// call.
    pub(super) fn with_timeout(
        timeout: Duration,
        options: &ConnectionOptions,
        issuer: Option<&str>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let installation = Installation::find(&options.installation, environment)?;
        Self::to(Target::find(options, issuer, &installation)?, timeout)
    }

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

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// The server's address, and where that is connected to.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Why the server's certificate was accepted; `None` before the first call.
    pub(super) fn verified_by(&self) -> Option<VerifiedBy> {
        self.trust.verified_by()
    }

    /// The server's certificate; `None` before the first call.
    pub(super) fn certificate(&self) -> Option<CertificateFacts> {
        self.trust.shown()
    }

    /// Sends `GET path` once, and returns any answer.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.answer(self.agent.get(self.address(path)).call())
    }

    /// Sends `GET path` with an access token once, and returns any answer.
    pub(super) fn get_with_token(&self, path: &str, token: &str) -> anyhow::Result<Answer> {
        self.answer(self.agent.get(self.address(path)).header("Authorization", format!("Bearer {token}")).call())
    }

    /// Sends a token with a client's credentials to `path`, once, and returns any answer.
    pub(super) fn post_token(&self, path: &str, token: &str, credentials: &Credentials) -> anyhow::Result<Answer> {
        let (client_id, client_secret) = (&*credentials.client_id, credentials.client_secret.expose());
        let body = TokenWithCredentials { token, client_id, client_secret };
        self.answer(self.agent.post(self.address(path)).send_json(&body))
    }

    /// Gets an access token (RFC 6749 section 4.4.2). The answer has status 200.
    pub(super) fn token(
        &self,
        credentials: &Credentials,
        audience: &str,
        scope: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let Credentials { client_id, client_secret, source, .. } = credentials;
        let request = TokenRequest {
            grant_type: "client_credentials",
            client_id,
            client_secret: client_secret.expose(),
            audience,
            scope,
        };
        let answer = self.call(|| self.agent.post(self.address("/shared/access-tokens")).send_json(&request))?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let (server, refusal) = (&self.server, answer.refusal());
        match answer.oauth_error().as_ref().map(|(error, _)| error.as_str()) {
            Some("invalid_client") => bail!(
                "{server} does not accept the credentials of {client_id} from {source}: {refusal}. Are they from this \
                 server? Name its folder with --data-dir, or another file with --credentials"
            ),
            Some("invalid_target") => bail!(
                "{client_id} may not call {audience}: {refusal}. Name an audience that it was registered with: --audience"
            ),
            Some("invalid_scope") if scope.is_some_and(|scope| scope.contains(',')) => bail!(
                "{server} gave no token to {client_id}: {refusal}. Write spaces between scope tokens, not commas: --scope \
                 'read:zones write:zones', or --scope once for each"
            ),
            _ => bail!("{server} gave no token to {client_id}: {refusal}"),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    /// Sends a request. If the server throttles it (429), sends it again after the wait that the server asks for: a
    /// throttled request has changed nothing.
    #[allow(clippy::disallowed_methods, reason = "there is nothing to do but wait, and no runtime here to wait with")]
    fn call(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> anyhow::Result<Answer> {
        for _ in 0..MAX_WAITS {
            let response = send();
            let Some(wait) = response.as_ref().ok().and_then(requested_wait) else { return self.answer(response) };
            output::message_on_terminal(&format!("waiting {} s, as {} asks", wait.as_secs(), self.server));
            std::thread::sleep(wait);
        }
        self.answer(send())
    }

    fn answer(&self, response: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let answer = response.and_then(|response| Answer::read_from(response, &self.server));
        answer.map_err(|error| self.call_error(&error))
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the text of any other error says what is wrong")]
    fn call_error(&self, error: &ureq::Error) -> anyhow::Error {
        let Self { server, place, .. } = self;
        let caveat = self.caveat.as_ref().map_or_else(String::new, |caveat| format!(" ({caveat})"));
        match error {
            ureq::Error::Io(cause) if is_no_server(cause) => NoServer(place.clone(), caveat).into(),
            ureq::Error::Io(cause) => match tls_error(cause) {
                Some(cause) => self.tls_failure(cause, &caveat),
                None => anyhow!("cannot talk to {place}: {cause}; name another server with --server{caveat}"),
            },
            ureq::Error::Rustls(cause) => self.tls_failure(cause, &caveat),
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

    fn tls_failure(&self, cause: &rustls::Error, caveat: &str) -> anyhow::Error {
        let place = &self.place;
        let rustls::Error::InvalidCertificate(cause) = cause else {
            return anyhow!("cannot talk TLS with {place}: {cause}; name another server with --server{caveat}");
        };
        let address: Option<Uri> = self.server.parse().ok();
        let host = address.as_ref().map_or(self.server.as_str(), transport::host);
        anyhow!("{place} cannot be trusted: {}{caveat}", self.trust.explain(cause, host, self.is_own))
    }
}

impl CredentialsSource {
    /// The audience of a token for these credentials, if the command names none; `public` is for every client but the
    /// administrator.
    pub(super) fn audience<'a>(&self, public: &'a str) -> &'a str {
        match self {
            Self::Administrator(_) => ADMIN_AUDIENCE,
            Self::Variables | Self::Named(_) => public,
        }
    }
}

/// The wait that `Retry-After` of a 429 asks for, if it is short: a throttle's wait is, a quota's is not.
fn requested_wait(response: &Response<Body>) -> Option<Duration> {
    let retry_after = response.headers().get("Retry-After").filter(|_| response.status() == 429)?;
    let seconds = retry_after.to_str().ok()?.parse().ok()?;
    (seconds <= MAX_WAIT_S).then(|| Duration::from_secs(seconds))
}

/// No program listens there; or, where several addresses were tried, the machine does not have the last one.
fn is_no_server(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable)
}

/// The TLS error inside an I/O error: rustls reports its errors so during the handshake.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
