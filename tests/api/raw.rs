//! Connections of which a test sees every byte and the end.

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::TestServer;

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With TLS's `close_notify`.
    Closed,
    /// By FIN alone.
    Cut,
    /// By RST.
    Reset,
}

/// A connection for HTTP/1.1.
pub(crate) struct Http1(TlsStream<TcpStream>);

impl Http1 {
    pub(crate) async fn to(server: &TestServer) -> Self {
        Self(connect(server, &[]).await)
    }

    /// Sends a request: its first line and its fields without the last line ends, and its body.
    pub(crate) async fn send(&mut self, head: &str, body: &str) {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{head}\r\nHost: localhost\r\n{length}\r\n{body}");
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The head and the body of an answer that says its length.
    pub(crate) async fn answer(&mut self) -> (String, String) {
        let mut all = Vec::new();
        let head = loop {
            all.push(self.0.read_u8().await.unwrap());
            if all.ends_with(b"\r\n\r\n") {
                break String::from_utf8(std::mem::take(&mut all)).unwrap();
            }
        };
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Everything until the server ends the connection, and how it does that.
    pub(crate) async fn read_to_the_end(mut self) -> (String, End) {
        let mut all = Vec::new();
        let end = match self.0.read_to_end(&mut all).await {
            Ok(_) => End::Closed,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => End::Cut,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("{error}"),
        };
        (String::from_utf8(all).unwrap(), end)
    }
}

/// A connection for HTTP/2, and how it ends.
pub(crate) async fn http2(
    server: &TestServer,
) -> (h2::client::SendRequest<bytes::Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let (requests, connection) = h2::client::handshake(connect(server, &[b"h2"]).await).await.unwrap();
    (requests, tokio::spawn(connection))
}

pub(crate) async fn connect(server: &TestServer, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.data_dir().join("tls/ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let socket = TcpStream::connect(server.address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), socket).await.unwrap()
}
