//! A sandbox inside a Rust test: started and stopped by a value, with a handle for each of its rooms.
//!
//! It serves on a free port of 127.0.0.1, stores everything in memory, and shares nothing with another one. Each handle
//! sends the control request that any other program sends, so a test sees what a partner sees. A fault ends when its guard
//! is dropped, and the server ends with the [`Sandbox`]. Tests in other languages start the program itself; see
//! `examples/partners`.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::rt::System;
use rustls::crypto::ring;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::api::explanation::Explanation;
use crate::api::sandbox::clock::{ClockAdvance, ClockAnswer, ClockSetting};
use crate::api::sandbox::fault::Fault;
use crate::api::sandbox::request::{ExplainedRequest, RequestLine, RequestPage};
use crate::api::sandbox::token::{ForgedToken, TokenForgery};
use crate::api::sandbox::trouble::{ClearedTroubles, TroubleAnswer, TroubleRequest};
use crate::api::token::{TokenRequest, TokenResponse};
use crate::config::{Config, Edition, Environment, PUBLIC_AUDIENCE};
use crate::files::TemporaryFolder;
use crate::http::sandbox::SANDBOX;
use crate::sandbox::demo::DEMOS;
use crate::server::{Server, StartError};
use crate::store::MemoryStore;
use crate::time::{Span, SystemClock, UnixSeconds};

/// How long a control request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take once the sandbox is dropped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// The requests of a page of the journal.
const PAGE: usize = 100;

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    address: SocketAddr,
    ca_pem: Vec<u8>,
    control: Control,
    _stop: oneshot::Sender<()>,
}

/// Why a test cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TestingError {
    /// The sandbox does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system gives no thread, or a file of the sandbox cannot be read.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The sandbox ended before it was ready.
    #[error("the sandbox ended before it was ready")]
    Ended,
    /// The sandbox does not answer.
    #[error("the sandbox does not answer: {0}")]
    NoAnswer(#[from] ureq::Error),
    /// The rule is no JSON, or the answer is not what it should be.
    #[error("what was sent or received is not as expected: {0}")]
    Json(#[from] serde_json::Error),
    /// The sandbox refused a request.
    #[error("the sandbox refused the request with {status}: {body}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// Its body, which says why.
        body: String,
    },
    /// No demo client has this name.
    #[error("no demo client is called {0}")]
    NoDemo(String),
}

/// What a server that is ready says to the test.
struct Ready {
    url: String,
    address: SocketAddr,
    ca_pem: Vec<u8>,
    control_token: String,
}

impl Sandbox {
    /// A sandbox with the demo clients and the sample zones.
    pub async fn start() -> Result<Self, TestingError> {
        Self::start_with(|_| ()).await
    }

    /// The same, with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Result<Self, TestingError> {
        let mut config = Config::defaults(Edition::Sandbox);
        config.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        config.workers = 1;
        config.http.shutdown_timeout = SHUTDOWN_TIMEOUT;
        change(&mut config);
        let folder = TemporaryFolder::new(&Environment::of_process().temporary_folder())?;
        config.data_dir = folder.path().to_owned();

        let (stop, stopped) = oneshot::channel::<()>();
        let (started, start) = oneshot::channel();
        let server = move || {
            System::new().block_on(serve(config, started, stopped));
            drop(folder);
        };
        thread::Builder::new().name("sandbox".into()).spawn(server)?;
        let Ready { url, address, ca_pem, control_token } = start.await.map_err(|_| TestingError::Ended)??;
        let control = Control::new(address, &ca_pem, &control_token)?;
        Ok(Self { url, address, ca_pem, control, _stop: stop })
    }

    /// The address that clients use, such as `https://localhost:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority that clients have to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &[u8] {
        &self.ca_pem
    }

    /// A demo client by its `client_id`.
    pub fn client(&self, client_id: &str) -> Result<Client<'_>, TestingError> {
        let demo = DEMOS.iter().find(|demo| demo.client_id == client_id);
        let demo = demo.ok_or_else(|| TestingError::NoDemo(client_id.to_owned()))?;
        Ok(Client { client_id: demo.client_id, client_secret: demo.client_secret, control: &self.control })
    }

    /// The clock of the whole gate.
    #[must_use]
    pub fn clock(&self) -> Clock<'_> {
        Clock(&self.control)
    }

    /// Adds a rule for faults, such as `{"effect": {"problem": "unavailable"}}`. It acts until the guard is dropped.
    pub async fn fault(&self, rule: &impl Serialize) -> Result<FaultGuard, TestingError> {
        let fault: Fault = self.control.send(Method::POST, "/sandbox/faults", Some(rule)).await?;
        let name = fault.rule.name.unwrap_or_default();
        Ok(FaultGuard { name, control: self.control.clone() })
    }

    /// Lets a trouble happen to a client, for `lasts` if it lasts.
    pub async fn trouble(
        &self,
        name: &str,
        client: Option<&str>,
        lasts: Option<Span>,
    ) -> Result<TroubleAnswer, TestingError> {
        let path = format!("/sandbox/troubles/{name}");
        self.control.send(Method::POST, &path, Some(&TroubleRequest { client, lasts })).await
    }

    /// Undoes every trouble that is on.
    pub async fn clear_troubles(&self) -> Result<ClearedTroubles, TestingError> {
        self.control.send(Method::DELETE, "/sandbox/troubles", NOTHING).await
    }

    /// A token of a client that is wrong in one way.
    pub async fn forge(&self, kind: &str, client_id: &str) -> Result<ForgedToken, TestingError> {
        let forgery = TokenForgery { kind, client_id: Some(client_id) };
        self.control.send(Method::POST, "/sandbox/tokens", Some(&forgery)).await
    }

    /// Every request in the journal, the oldest first.
    pub async fn requests(&self) -> Result<Vec<RequestLine>, TestingError> {
        let mut requests = Vec::new();
        let mut path = format!("/sandbox/requests?limit={PAGE}");
        loop {
            let page: RequestPage = self.control.send(Method::GET, &path, NOTHING).await?;
            requests.extend(page.data);
            let Some(cursor) = page.next_cursor else { break };
            path = format!("/sandbox/requests?limit={PAGE}&cursor={cursor}");
        }
        requests.reverse();
        Ok(requests)
    }

    /// Why a request was let through or refused; without checks if a fault kept it from the gate, or if none applies to it.
    pub async fn why(&self, request_id: &str) -> Result<Explanation, TestingError> {
        let path = format!("/sandbox/requests/{request_id}/why");
        let explained: ExplainedRequest = self.control.send(Method::GET, &path, NOTHING).await?;
        Ok(explained.explanation)
    }

    /// Saves the whole state under a name.
    pub async fn save(&self, name: &str) -> Result<(), TestingError> {
        self.control.send_for_nothing(Method::PUT, &format!("/sandbox/snapshots/{name}")).await
    }

    /// Goes back to a saved state.
    pub async fn restore(&self, name: &str) -> Result<(), TestingError> {
        self.control.send_for_nothing(Method::POST, &format!("/sandbox/snapshots/{name}/restore")).await
    }

    /// Goes back to the demo clients and the sample zones.
    pub async fn reset(&self) -> Result<(), TestingError> {
        self.control.send_for_nothing(Method::POST, "/sandbox/reset").await
    }
}

/// Runs the server until the test drops its sandbox. Its end is not waited for: a test that ends does not wait either.
async fn serve(config: Config, started: oneshot::Sender<Result<Ready, TestingError>>, stopped: oneshot::Receiver<()>) {
    match open(config).await {
        Ok((server, ready)) => {
            if started.send(Ok(ready)).is_ok() {
                let _ended = server.run(async { stopped.await.unwrap_or_default() }).await;
            }
        }
        Err(error) => {
            let _unread = started.send(Err(error));
        }
    }
}

async fn open(config: Config) -> Result<(Server, Ready), TestingError> {
    let clock = Arc::new(SystemClock::new());
    let server = Server::open_over(config, clock, |_| Ok(Arc::new(MemoryStore::new()))).await?;
    let address = server.addresses().first().copied().ok_or(TestingError::Ended)?;
    let control_token = server.sandbox().ok_or(TestingError::Ended)?.token.expose().to_owned();
    let ca_pem = server.ca_path().map(fs::read).transpose()?.unwrap_or_default();
    let ready = Ready { url: server.issuer().to_owned(), address, ca_pem, control_token };
    Ok((server, ready))
}

/// A demo client.
#[derive(Clone, Copy, Debug)]
pub struct Client<'s> {
    /// Its identifier.
    pub client_id: &'static str,
    /// Its secret, which is published.
    pub client_secret: &'static str,
    control: &'s Control,
}

impl Client<'_> {
    /// An access token for the partner API, with everything that the client may do.
    pub async fn token(&self) -> Result<String, TestingError> {
        let Self { client_id, client_secret, control } = *self;
        let grant_type = "client_credentials";
        let request = TokenRequest { grant_type, client_id, client_secret, audience: PUBLIC_AUDIENCE, scope: None };
        let answer: TokenResponse = control.send(Method::POST, "/oauth2/token", Some(&request)).await?;
        Ok(answer.access_token)
    }
}

/// The clock of a sandbox. What becomes due by a jump has happened when the call returns.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'s>(&'s Control);

impl Clock<'_> {
    /// What it says.
    pub async fn show(&self) -> Result<ClockAnswer, TestingError> {
        self.0.send(Method::GET, "/sandbox/clock", NOTHING).await
    }

    /// Moves it forward.
    pub async fn advance(&self, by: Span) -> Result<ClockAnswer, TestingError> {
        self.0.send(Method::POST, "/sandbox/clock/advance", Some(&ClockAdvance { by: &by.to_string() })).await
    }

    /// Moves it forward to a moment.
    pub async fn set(&self, to: UnixSeconds) -> Result<ClockAnswer, TestingError> {
        self.0.send(Method::POST, "/sandbox/clock/set", Some(&ClockSetting { to })).await
    }

    /// Stops it.
    pub async fn freeze(&self) -> Result<ClockAnswer, TestingError> {
        self.0.send(Method::POST, "/sandbox/clock/freeze", NOTHING).await
    }

    /// Lets it run on.
    pub async fn resume(&self) -> Result<ClockAnswer, TestingError> {
        self.0.send(Method::POST, "/sandbox/clock/resume", NOTHING).await
    }
}

/// Removes its rule when it is dropped.
#[derive(Debug)]
#[must_use = "the fault ends at once when nothing holds its guard"]
pub struct FaultGuard {
    name: String,
    control: Control,
}

impl FaultGuard {
    /// The name of the rule, as `Boomgate-Fault` has it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rule, with how often it matched and fired.
    pub async fn show(&self) -> Result<Fault, TestingError> {
        self.control.send(Method::GET, &self.path(), NOTHING).await
    }

    fn path(&self) -> String {
        format!("/sandbox/faults/{}", self.name)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        // The rule may have been removed by its name, and the sandbox may have ended: then it is gone too.
        let _gone = self.control.exchange(Method::DELETE, &self.path(), None);
    }
}

/// No body.
const NOTHING: Option<&()> = None;

/// Sends requests to a sandbox with its control token. The server has threads of its own, so a call that blocks holds up no
/// one but its caller.
#[derive(Clone)]
struct Control {
    agent: Agent,
    base: String,
    authorization: String,
}

/// The token does not print.
impl fmt::Debug for Control {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Control").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Control {
    fn new(address: SocketAddr, ca_pem: &[u8], token: &str) -> Result<Self, TestingError> {
        let roots = RootCerts::Specific(Arc::new(vec![Certificate::from_pem(ca_pem)?]));
        let provider = Arc::new(ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder().tls_config(tls).proxy(None).http_status_as_error(false);
        let agent = config.timeout_global(Some(TIMEOUT)).build().new_agent();
        Ok(Self { agent, base: format!("https://{address}"), authorization: format!("Bearer {token}") })
    }

    /// Sends a request and reads the answer as one of the wire types.
    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, TestingError> {
        let body = body.map(serde_json::to_vec).transpose()?;
        Ok(serde_json::from_slice(&self.exchange_elsewhere(method, path, body).await?)?)
    }

    /// Sends a request without a body, of whose answer only the status counts.
    async fn send_for_nothing(&self, method: Method, path: &str) -> Result<(), TestingError> {
        self.exchange_elsewhere(method, path, None).await.map(drop)
    }

    /// Sends it on another thread: what the test does beside it goes on.
    async fn exchange_elsewhere(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, TestingError> {
        let (control, path) = (self.clone(), path.to_owned());
        let exchanged = spawn_blocking(move || control.exchange(method, &path, body)).await;
        exchanged.map_err(|_| TestingError::Ended)?
    }

    fn exchange(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, TestingError> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        // A client asks for a token with credentials of its own.
        let is_control = path.starts_with(SANDBOX);
        let request = if is_control { request.header(AUTHORIZATION, &self.authorization) } else { request };
        let request = match &body {
            Some(_) => request.header(CONTENT_TYPE, "application/json"),
            None => request,
        };
        let request = request.body(body.unwrap_or_default()).map_err(ureq::Error::from)?;
        let mut response = self.agent.run(request)?;
        let (status, body) = (response.status(), response.body_mut().read_to_vec()?);
        if status.is_success() {
            return Ok(body);
        }
        Err(TestingError::Refused { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
    }
}
