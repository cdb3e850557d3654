//! A server for each test, and a client that trusts its CA.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use boomgate::api::client::RegisteredClient;
use boomgate::api::problem::Problem;
use boomgate::api::token::TokenResponse;
use boomgate::config::{Config, Edition};
use boomgate::server::{RunError, Server};
use boomgate::store::{SledStore, Store};
use boomgate::time::{Clock as _, ManualClock, SystemClock, UnixSeconds};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) const AUDIENCE: &str = "public.api.passportinc.com";
pub(crate) const ADMIN_AUDIENCE: &str = "admin.api.boomgate";
pub(crate) const READER: &str = "demo-reader";
pub(crate) const WRITER: &str = "demo-writer";
pub(crate) const LIMITED: &str = "demo-limited";
pub(crate) const ADMIN: &str = "demo-admin";
pub(crate) const JSON: &str = "application/json";
pub(crate) const ZONES: &str = "/parking/zones";

/// A sandbox with the demo clients and sample zones, on 127.0.0.1.
pub(crate) struct TestServer {
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) address: SocketAddr,
    /// Where probes and metrics are, if the settings have `ops_listen`.
    pub(crate) ops: Option<SocketAddr>,
    pub(crate) base: String,
    folder: PathBuf,
    owned: Option<TempDir>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), RunError>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestServer {
    /// A sandbox in a folder of its own, without a limit on token requests by address.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// The same, with changed settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(noon_yesterday()));
        Self::launch(folder.path().to_owned(), Some(folder), clock, None, change).await
    }

    /// The same, over the store of the test.
    pub(crate) async fn start_over(store: Arc<dyn Store>) -> Self {
        Self::start_over_with(store, |_| ()).await
    }

    /// The same, with changed settings.
    pub(crate) async fn start_over_with(store: Arc<dyn Store>, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(noon_yesterday()));
        Self::launch(folder.path().to_owned(), Some(folder), clock, Some(store), change).await
    }

    /// The same, in a folder that stays.
    pub(crate) async fn start_in(folder: &Path, clock: Arc<ManualClock>, change: impl FnOnce(&mut Config)) -> Self {
        Self::launch(folder.to_owned(), None, clock, None, change).await
    }

    /// A test that ends does not wait for its server, which drains connections of a client that ends with the test. The
    /// folder is deleted at once, and the server closes files that have no name any more.
    async fn launch(
        folder: PathBuf,
        owned: Option<TempDir>,
        clock: Arc<ManualClock>,
        store: Option<Arc<dyn Store>>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::defaults(Edition::Sandbox);
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.data_dir = folder.join("data");
        config.workers = 2;
        config.token_endpoint.requests_per_second = 0;
        config.token_endpoint.client_requests_per_second = 0;
        config.http.shutdown_timeout = Duration::from_secs(2);
        change(&mut config);

        let (stop, stopped) = oneshot::channel::<()>();
        let (started, start) = oneshot::channel();
        let shared = clock.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let opened = match store {
                    Some(store) => Server::open_over(config, shared, |_| Ok(store)).await,
                    None => Server::open(config, shared).await,
                };
                let server = opened.unwrap();
                let ca = std::fs::read(server.ca_path().unwrap()).unwrap();
                started.send((server.addresses()[0], server.ops_address(), ca)).unwrap();
                let stop = async { stopped.await.unwrap_or_default() };
                server.run(stop).await
            })
        });
        let (address, ops, ca) = start.await.expect("the server starts");
        Self {
            client: client(&ca, address, true),
            clock,
            address,
            ops,
            base: format!("https://localhost:{}", address.port()),
            folder,
            owned,
            stop,
            thread,
        }
    }

    /// Why a server does not start in this folder.
    pub(crate) async fn refusal(folder: &Path, edition: Edition) -> String {
        let mut config = Config::defaults(edition);
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.data_dir = folder.join("data");
        let opening = std::thread::spawn(move || {
            let opened = actix_web::rt::System::new().block_on(Server::open(config, Arc::new(SystemClock::new())));
            opened.err().expect("the server does not start").to_string()
        });
        tokio::task::spawn_blocking(move || opening.join().unwrap()).await.unwrap()
    }

    /// Stops the server as SIGTERM does and waits for its end; returns its folder if it has one of its own.
    pub(crate) async fn stop(self) -> Option<TempDir> {
        let (ended, owned) = self.end().await;
        ended.unwrap();
        owned
    }

    /// The same; the first part says how it ended.
    pub(crate) async fn end(self) -> (Result<(), RunError>, Option<TempDir>) {
        drop(self.stop);
        let ended = tokio::task::spawn_blocking(move || self.thread.join().unwrap()).await.unwrap();
        (ended, self.owned)
    }

    /// A client without keep-alive connections, over HTTP/2 or HTTP/1.1.
    pub(crate) fn another_client(&self, http2: bool) -> Client {
        client(&std::fs::read(self.folder.join("data/tls/ca.pem")).unwrap(), self.address, http2)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post_json(&self, path: &str, token: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// The token that controls the sandbox.
    pub(crate) fn control_token(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("sandbox-token")).unwrap().trim().to_owned()
    }

    /// A request that controls the sandbox: `path` is below `/sandbox`.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        assert!(path.starts_with("/sandbox"), "{path}");
        let request = self.request(method, path).bearer_auth(self.control_token());
        answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// A token request with this body and media type.
    pub(crate) async fn token_request(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        answer(self.request(Method::POST, "/shared/access-tokens").header(CONTENT_TYPE, content_type).body(body)).await
    }

    /// A request of a demo client to revoke or introspect a token.
    pub(crate) async fn about_token(&self, endpoint: &str, client_id: &str, token: &str) -> Answer {
        let (name, value) = basic(client_id, &secret(client_id));
        let form = [("token", token), ("token_type_hint", "access_token")];
        answer(self.request(Method::POST, endpoint).header(name, value).form(&form)).await
    }

    /// An access token of a demo client, for the partner API.
    pub(crate) async fn token(&self, client_id: &str) -> String {
        self.token_for(client_id, AUDIENCE, None).await
    }

    pub(crate) async fn admin_token(&self) -> String {
        self.token_for(ADMIN, ADMIN_AUDIENCE, None).await
    }

    pub(crate) async fn token_for(&self, client_id: &str, audience: &str, scope: Option<&str>) -> String {
        self.token_with(client_id, &secret(client_id), audience, scope).await
    }

    pub(crate) async fn token_with(
        &self,
        client_id: &str,
        secret: &str,
        audience: &str,
        scope: Option<&str>,
    ) -> String {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("audience", audience),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        let answer = answer(self.request(Method::POST, "/shared/access-tokens").form(&form)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.read::<TokenResponse>().access_token
    }

    /// A token of a new client that may read and write, with limits that no test reaches.
    pub(crate) async fn token_with_room(&self) -> String {
        let limits = serde_json::json!({ "requests_per_second": 10_000, "burst": 10_000, "daily_quota": null });
        let (client_id, secret) = self.register(limits).await;
        self.token_with(&client_id, &secret, AUDIENCE, None).await
    }

    /// Registers a client with these members beside a name and a scope; returns its id and secret.
    pub(crate) async fn register(&self, members: Value) -> (String, String) {
        let mut body = serde_json::json!({ "client_name": "Test", "scope": "read:zones write:zones" });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = self.post_json("/admin/clients", &self.admin_token().await, &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let RegisteredClient { client, client_secret, .. } = answer.read();
        (client.client_id.to_string(), client_secret.unwrap())
    }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        self.read()
    }

    /// The body, as one of the wire types.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The value of a header, or "" without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "two headers {name}");
        value
    }

    /// The last segment of a problem's type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: Problem<'_> = self.read();
        assert_eq!((problem.status, &*problem.request_id), (self.status, self.header("x-request-id")), "{problem:?}");
        // The page for exactly this kind, also where the type is IANA's.
        assert!(problem.documentation.contains("/problems/"), "{problem:?}");
        assert!(!problem.title.is_empty() && !problem.detail.is_empty() && !problem.error.is_empty(), "{problem:?}");
        assert_eq!(problem.error_description, problem.detail);
        problem.kind.rsplit(['/', '#']).next().unwrap().to_owned()
    }
}

/// The audit entries of a stopped server, oldest first.
pub(crate) async fn audit_entries(folder: &TempDir) -> Vec<Value> {
    let store = SledStore::open(&folder.path().join("data/db")).unwrap();
    let entries = store.scan(b"audit/", None, 1_000).await.unwrap();
    store.close().await.unwrap();
    let record = |value: &boomgate::store::Value| serde_json::from_slice::<Value>(value.as_bytes()).unwrap();
    entries.iter().map(|(_, value)| record(value)["record"].clone()).collect()
}

/// The secret of a demo client, as the documentation has it.
pub(crate) fn secret(client_id: &str) -> String {
    let demo = boomgate::sandbox::demo::DEMOS.iter().find(|demo| demo.client_id == client_id).unwrap();
    demo.client_secret.to_owned()
}

/// The body of a token request of a demo client.
pub(crate) fn token_request(client_id: &str) -> Value {
    serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret(client_id),
        "audience": AUDIENCE,
    })
}

/// The header (0) or the claims (1) of a token.
pub(crate) fn jwt_part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

pub(crate) fn claims(token: &str) -> Value {
    jwt_part(token, 1)
}

/// This token with another first character of its signature. (Part of the last character's bits mean nothing.)
pub(crate) fn with_altered_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

/// The header of a client that authenticates with Basic.
pub(crate) fn basic(client_id: &str, secret: &str) -> (reqwest::header::HeaderName, String) {
    let encoded = STANDARD.encode(format!("{client_id}:{secret}"));
    (AUTHORIZATION, format!("Basic {encoded}"))
}

/// A client that trusts this authority and finds `localhost` at this address, over HTTP/2 or HTTP/1.1.
pub(crate) fn client(ca: &[u8], address: SocketAddr, http2: bool) -> Client {
    // Fails from the second time on: there is a provider already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .add_root_certificate(Certificate::from_pem(ca).unwrap())
        .resolve("localhost", address)
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if http2 { client } else { client.http1_only() }.build().unwrap()
}

/// A round moment in the past: a certificate made then is valid by the clock of real clients.
fn noon_yesterday() -> UnixSeconds {
    SystemClock::new().now().day().before(1).start().plus(12 * 3_600)
}
