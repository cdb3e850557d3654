//! A running server, as its own clients see it: over HTTPS, with an access token.
//!
//! Trusts the server's own certificate authority and no other, follows no redirect and asks no proxy.
//! Every refusal becomes one line that says what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use rustls::crypto::ring;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

use super::credentials::{self, Credentials, Found};
use super::output;
use crate::admission::ADMIN_AUDIENCE;
use crate::config::{DEFAULT_PORT, Environment};
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

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
    /// The server's address [default: where the credentials are from, else https://localhost:8443]
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub(super) server: Option<String>,
    /// The certificate authority to trust, PEM [default: DATA_DIR/tls/ca.pem]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) ca: Option<PathBuf>,
    /// JSON with client_id and client_secret; BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET, or
    /// BOOMGATE_CLIENT_SECRET_FILE, do as well
    /// [default: DATA_DIR/admin-credentials.json]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) credentials: Option<PathBuf>,
    /// The server's folder [default: BOOMGATE_DATA_DIR, else data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Connection")]
    pub(super) data_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl ConnectionOptions {
    /// The folder to look into.
    pub(super) fn data_dir(&self, environment: &Environment) -> PathBuf {
        credentials::data_dir(self.data_dir.as_deref(), environment)
    }
}

/// A server, not yet called.
pub(super) struct Connection {
    agent: Agent,
    server: String,
    ca: PathBuf,
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
    "no server answers at {0}: start one with `boomgate sandbox` or `boomgate serve`, or name another with --server"
)]
pub(super) struct NobodyThere(String);

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

    /// Prepares to call the server that `options` names, or else `issuer`; each call may take so long.
    pub(super) fn within(
        timeout: Duration,
        options: &ConnectionOptions,
        issuer: Option<&str>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let server = options.server.as_deref().or(issuer).map(str::to_owned);
        let server = server.unwrap_or_else(|| format!("https://localhost:{DEFAULT_PORT}"));
        let server = server.trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            bail!("{server:?} is not an https address: name the server as https://HOST:PORT with --server");
        }
        let (ca, pem) = credentials::read_ca(options.ca.as_deref(), &options.data_dir(environment))?;
        let roots = certificates(&ca, &pem)?;
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .user_agent(concat!("boomgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, server, ca, timeout })
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
                    output::progress(&format!("waiting {} s, as {} asks", wait.as_secs(), self.server));
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
        let server = &self.server;
        match error {
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
                NobodyThere(server.clone()).into()
            }
            ureq::Error::Io(cause) if is_about_tls(cause) => self.untrusted(cause),
            ureq::Error::Rustls(cause) => self.untrusted(cause),
            ureq::Error::HostNotFound => anyhow!("{server} has no such host: name another with --server"),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                anyhow!("{server:?} is not an address: name the server as https://HOST:PORT with --server")
            }
            ureq::Error::Timeout(_) => {
                anyhow!("{server} did not answer within {} s: see the server's log", self.timeout.as_secs())
            }
            ureq::Error::Io(cause) => anyhow!("cannot talk to {server}: {cause}; name another server with --server"),
            cause => anyhow!("cannot talk to {server}: {cause}; name another server with --server"),
        }
    }

    fn untrusted(&self, cause: &dyn std::fmt::Display) -> anyhow::Error {
        anyhow!(
            "{} cannot be trusted: {cause}. Its certificate must be of {}: name the server's folder with --data-dir, or its \
             certificate authority with --ca",
            self.server,
            self.ca.display()
        )
    }
}

impl Administration {
    /// Gets an access token for the administration.
    pub(super) fn open(options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Self> {
        let data_dir = options.data_dir(environment);
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

fn certificates(path: &Path, pem: &[u8]) -> anyhow::Result<Vec<Certificate<'static>>> {
    let mut roots = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => roots.push(certificate),
            Ok(_) => {}
            Err(_) => bail!("{} is not PEM: name the certificate authority's certificate with --ca", path.display()),
        }
    }
    if roots.is_empty() {
        bail!("{} has no certificate: name the certificate authority's certificate with --ca", path.display());
    }
    Ok(roots)
}

/// What `Retry-After` of a 429 asks for, when it is a wait that a person would rather sit out than type the
/// command again: a throttle's, never a quota's.
fn wait_asked_for(answer: &Response<Body>) -> Option<Duration> {
    let retry_after = answer.headers().get("Retry-After").filter(|_| answer.status() == 429)?;
    let seconds = retry_after.to_str().ok()?.parse().ok()?;
    (seconds <= MAX_WAIT_S).then(|| Duration::from_secs(seconds))
}

/// rustls reports through I/O errors while it shakes hands.
fn is_about_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// What a refusal says, in one line: an RFC 9457 problem with all its errors, or an RFC 6749 section 5.2
/// error.
pub(super) fn refusal(status: u16, body: &Value) -> String {
    let mut said = match (text(body, "title"), text(body, "detail")) {
        (Some(title), Some(detail)) => format!("{}: {}", title.trim_end_matches('.'), detail.trim_end_matches('.')),
        (Some(only), None) | (None, Some(only)) => only.trim_end_matches('.').to_owned(),
        (None, None) => match (text(body, "error"), text(body, "error_description")) {
            (Some(error), Some(description)) => format!("{error}: {}", description.trim_end_matches('.')),
            (Some(error), None) => error.to_owned(),
            (None, _) => format!("the server answered {status}"),
        },
    };
    for fault in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(pointer), Some(detail)) = (text(fault, "pointer"), text(fault, "detail")) {
            let member = pointer.trim_start_matches('/');
            said.push_str("; ");
            said.push_str(if member.is_empty() { "the body" } else { member });
            said.push(' ');
            said.push_str(detail.trim_end_matches('.'));
        }
    }
    if let Some(request_id) = text(body, "request_id") {
        said.push_str(" (request ");
        said.push_str(request_id);
        said.push(')');
    }
    said
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
            "Members are wrong: 2 members are not right; scope must be a string; the body is short (request r-1)"
        );
        let oauth = json!({ "error": "invalid_scope", "error_description": "No more than read:zones." });
        assert_eq!(refusal(400, &oauth), "invalid_scope: No more than read:zones");
        assert_eq!(refusal(502, &Value::Null), "the server answered 502");
    }
}
