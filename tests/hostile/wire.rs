//! Connections of which every byte is the test's own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::process::Site;

/// Nothing that is meant to happen takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens connections to one server.
#[derive(Clone)]
pub struct Dialer {
    address: SocketAddr,
    config: ClientConfig,
    room: Option<u32>,
}

/// A TLS connection.
pub struct Connection {
    pub stream: TlsStream<TcpStream>,
}

impl Dialer {
    pub fn new(site: &Site) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(site.ca_path()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self { address: site.address(), room: None, config: config.with_root_certificates(roots).with_no_client_auth() }
    }

    /// A dialer that speaks this version of TLS alone.
    pub fn speaking(&self, site: &Site, version: &'static rustls::SupportedProtocolVersion) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(site.ca_path()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        Self { address: self.address, room: None, config: config.with_root_certificates(roots).with_no_client_auth() }
    }

    pub async fn socket(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = self.room {
            socket.set_recv_buffer_size(bytes)?;
        }
        let socket = socket.connect(self.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    /// A dialer whose connections have room for so many bytes that were not read yet.
    pub fn with_room_for(&self, bytes: u32) -> Self {
        Self { room: Some(bytes), ..self.clone() }
    }

    pub async fn connect(&self, alpn: &[&[u8]]) -> io::Result<Connection> {
        let mut config = self.config.clone();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let stream =
            TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), self.socket().await?);
        Ok(Connection { stream: timeout(PATIENCE, stream).await?? })
    }
}

impl Connection {
    /// Sends bytes; `false` if the server has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.is_ok()
    }

    /// All that comes until the server closes.
    pub async fn read_to_the_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut some = vec![0; 16 * 1_024];
        loop {
            // Closed with our bytes unread, or without a TLS goodbye: closed all the same.
            match timeout(PATIENCE, self.stream.read(&mut some)).await.expect("the server closes the connection") {
                Ok(0) | Err(_) => return all,
                Ok(count) => all.extend_from_slice(&some[..count]),
            }
        }
    }

    pub fn was_resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}
