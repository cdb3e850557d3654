//! An HTTP client for what `wrk` cannot do: many tokens, an even pace, the time of each answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long an answer may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens connections to servers whose certificate one CA signed.
#[derive(Clone)]
pub(crate) struct Driver {
    tls: TlsConnector,
}

/// One HTTP/1.1 connection: one request at a time.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

/// A request that may be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    token: Option<String>,
    media_type: Option<&'static str>,
    body: Bytes,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Driver {
    pub(crate) fn trusting(ca: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).with_context(|| ca.display().to_string())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    pub(crate) async fn connect(&self, port: u16) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("localhost")?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the connection. The sender gets its errors.
        tokio::spawn(connection);
        Ok(Connection { sender, authority: format!("localhost:{port}") })
    }

    /// `count` connections at once.
    pub(crate) async fn connect_all(&self, port: u16, count: usize) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(self.connect(port).await?);
        }
        Ok(connections)
    }

    /// Sends each of `calls` once, over 32 connections at a time; the answers' statuses must be `expected`.
    pub(crate) async fn send_each(&self, port: u16, calls: Vec<Call>, expected: u16) -> anyhow::Result<Vec<Bytes>> {
        const CONNECTIONS: usize = 32;
        let share = calls.len().div_ceil(CONNECTIONS).max(1);
        let mut senders = Vec::new();
        for (share, mut connection) in calls.chunks(share).zip(self.connect_all(port, CONNECTIONS).await?) {
            let share = share.to_vec();
            senders.push(tokio::spawn(async move {
                let mut bodies = Vec::with_capacity(share.len());
                for call in &share {
                    bodies.push(connection.expect(call, expected).await?);
                }
                anyhow::Ok(bodies)
            }));
        }
        let mut bodies = Vec::with_capacity(calls.len());
        for sender in senders {
            bodies.extend(sender.await??);
        }
        Ok(bodies)
    }
}

impl Connection {
    pub(crate) async fn send(&mut self, call: &Call) -> anyhow::Result<Answer> {
        let exchange = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(call.request(&self.authority)?).await?;
            let status = answer.status().as_u16();
            anyhow::Ok(Answer { status, body: answer.into_body().collect().await?.to_bytes() })
        };
        tokio::time::timeout(PATIENCE, exchange).await.with_context(|| format!("{} {}", call.method, call.path))?
    }

    /// The body of an answer that must have this status.
    pub(crate) async fn expect(&mut self, call: &Call, status: u16) -> anyhow::Result<Bytes> {
        let answer = self.send(call).await?;
        let said = || String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status == status, "{} {} was answered {}: {}", call.method, call.path, answer.status, said());
        Ok(answer.body)
    }
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), token: None, media_type: None, body: Bytes::new() }
    }

    pub(crate) fn json(path: impl Into<String>, body: &serde_json::Value) -> Self {
        let body = Bytes::from(body.to_string());
        Self { method: Method::POST, path: path.into(), token: None, media_type: Some("application/json"), body }
    }

    /// A POST without a body.
    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// A PUT without a body.
    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self { method: Method::PUT, ..Self::get(path) }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(format!("Bearer {token}"));
        self
    }

    fn request(&self, authority: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path).header(HOST, authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(media_type) = self.media_type {
            request = request.header(CONTENT_TYPE, media_type);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

/// The times of many answers.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn note(&mut self, since: Instant) {
        self.0.push(since.elapsed());
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time, in milliseconds, within which this share of the answers came.
    pub(crate) fn quantile_ms(&mut self, part: f64) -> f64 {
        self.0.sort_unstable();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((self.0.len() as f64 * part) as usize).min(self.0.len().saturating_sub(1));
        self.0.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// Beats at an even pace, each with the moment from which its time counts. If the sender was still busy, that is when the
/// beat was due: so a server that stalls is charged for all requests that it delays. If the sender waited for the beat, it
/// is when the timer fired, because a late timer is not the server's fault.
pub(crate) struct Pace {
    next: Instant,
    every: Duration,
}

impl Pace {
    /// `per_second` beats, the first after `offset`.
    pub(crate) fn new(per_second: f64, offset: Duration) -> Self {
        Self { next: Instant::now() + offset, every: Duration::from_secs_f64(1.0 / per_second) }
    }

    pub(crate) async fn beat(&mut self) -> Instant {
        let due = self.next;
        self.next += self.every;
        if due <= Instant::now() {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}
