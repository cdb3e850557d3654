//! A small app behind the listener, its certificates, and the clients and tools that look at them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::{App, HttpRequest, HttpResponse, web};
use boomgate::listener::{Break, ConnectionLimits, Sockets};
use boomgate::time::{SharedClock, SystemClock};
use boomgate::tls::{Tls, TlsError, TlsSettings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Nothing that is meant to happen takes this long; nothing that is meant not to happen is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A small app behind the listener, on a free port, stopped when it is dropped.
pub(crate) struct Server {
    pub(crate) dir: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) clear_address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Ready once the server has come to its end.
    pub(crate) ended: oneshot::Receiver<()>,
    /// One for each request to `/wait`, which then waits for a permit of `release`. One for the start of an answer of `/held`,
    /// and one for its end.
    pub(crate) entered: mpsc::UnboundedReceiver<()>,
    pub(crate) release: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn start(names: &[&str], limits: ConnectionLimits) -> Self {
        let dir = folder();
        let tls = open(dir.path(), names, &real_clock()).unwrap();
        let mut server = Self::over(&tls, limits);
        server.dir = dir;
        server
    }

    pub(crate) fn over(tls: &Tls, limits: ConnectionLimits) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (https, http) = (listen(), listen());
        let (address, clear_address) = (https.local_addr().unwrap(), http.local_addr().unwrap());
        let (entered_sender, entered) = mpsc::unbounded_channel();
        let release = Arc::new(Semaphore::new(0));
        let (config, released) = (tls.server_config(), Arc::clone(&release));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ended_sender, ended) = oneshot::channel();
        let limits = ConnectionLimits { workers: 1, ..limits };
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let secure = move || {
                    let (entered, release) = (entered_sender.clone(), Arc::clone(&released));
                    App::new().configure(move |app| routes(app, entered, release))
                };
                let clear = || App::new().default_service(web::to(in_the_clear));
                let sockets = Sockets::new(limits).https(vec![https], config, secure, clear).unwrap();
                let server = sockets.http(http, clear).unwrap().serve();
                let handle = server.handle();
                actix_web::rt::spawn(async move {
                    let _stop_or_dropped = stopped.await;
                    handle.stop(true).await;
                });
                server.await.unwrap();
            });
            // The receiver may be gone.
            let _ = ended_sender.send(());
        });
        Self { dir: folder(), address, clear_address, stop: Some(stop), thread: Some(thread), ended, entered, release }
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    pub(crate) fn ca_text(&self) -> String {
        self.dir.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    pub(crate) fn client(&self, http2: bool) -> reqwest::Client {
        use_ring();
        let ca = reqwest::Certificate::from_pem(&fs::read(self.ca_text()).unwrap()).unwrap();
        let builder = reqwest::Client::builder().use_rustls_tls().add_root_certificate(ca).timeout(PATIENCE).no_proxy();
        let builder = builder.resolve("localhost", self.address);
        if http2 { builder } else { builder.http1_only() }.build().unwrap()
    }

    /// HTTP/2 frame by frame: for what a well-behaved client does not do.
    pub(crate) async fn http2(
        &self,
    ) -> (h2::client::SendRequest<web::Bytes>, impl Future<Output = Result<(), h2::Error>> + Send + 'static) {
        let mut config = client_config().with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
        h2::client::handshake(stream).await.unwrap()
    }

    fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(&self.dir.path().join("ca.pem"))).unwrap();
        roots
    }

    pub(crate) fn connect(&self) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        connect(self.address, client_config().with_root_certificates(self.roots()).with_no_client_auth())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.release.add_permits(100);
        self.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn routes(app: &mut web::ServiceConfig, entered: mpsc::UnboundedSender<()>, release: Arc<Semaphore>) {
    let held = {
        let held = entered.clone();
        move || {
            let held = held.clone();
            async move { HttpResponse::Ok().body(Held(held)) }
        }
    };
    let wait = move || {
        let (entered, release) = (entered.clone(), Arc::clone(&release));
        async move {
            entered.send(()).unwrap();
            release.acquire().await.unwrap().forget();
            "released"
        }
    };
    let streamed = || async {
        let chunks = ["hello, ", "streamed"].map(|text| Ok::<_, actix_web::Error>(web::Bytes::from(text)));
        HttpResponse::Ok().streaming(futures_util::stream::iter(chunks))
    };
    let hello = |request: HttpRequest| async move { format!("hello {}", request.peer_addr().unwrap().ip()) };
    app.app_data(web::PayloadConfig::new(2_000_000))
        .route("/hello", web::get().to(hello))
        .route("/hello", web::head().to(|| async { "hello 127.0.0.1" }))
        .route("/echo", web::post().to(|body: web::Bytes| async move { body }))
        .route("/empty", web::get().to(HttpResponse::NoContent))
        .route("/streamed", web::get().to(streamed))
        .route("/held", web::get().to(held))
        .route("/wait", web::get().to(wait));
}

/// A body that pauses for longer than any test, and says when it is polled and when it is dropped.
struct Held(mpsc::UnboundedSender<()>);

impl MessageBody for Held {
    type Error = Break;

    fn size(&self) -> BodySize {
        BodySize::Sized(1)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Break>>> {
        self.0.send(()).unwrap();
        Poll::Ready(Some(Err(Break::Pause(100 * PATIENCE))))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The receiver may be gone.
        let _ = self.0.send(());
    }
}

async fn in_the_clear(request: HttpRequest) -> HttpResponse {
    HttpResponse::Forbidden().body(format!("use https, {}", request.peer_addr().unwrap().ip()))
}

/// A certificate and key as files that someone else looks after.
pub(crate) struct Pair {
    pub(crate) dir: TempDir,
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let dir = folder();
        open(dir.path(), &[], &real_clock()).unwrap();
        let (certificate, private_key) = (dir.path().join("leaf.pem"), dir.path().join("leaf-key.pem"));
        Self { dir, certificate, private_key }
    }

    pub(crate) fn open(&self) -> Result<Tls, TlsError> {
        let (certificate, private_key) = (Some(self.certificate.clone()), Some(self.private_key.clone()));
        Tls::open(TlsSettings { certificate, private_key, ..TlsSettings::default() }, real_clock())
    }

    pub(crate) fn write(&self, certificate: &str, private_key: &str, mode: u32) {
        fs::write(&self.certificate, certificate).unwrap();
        fs::write(&self.private_key, private_key).unwrap();
        fs::set_permissions(&self.private_key, fs::Permissions::from_mode(mode)).unwrap();
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap()
}

pub(crate) fn real_clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

pub(crate) fn open(dir: &Path, names: &[&str], clock: &SharedClock) -> Result<Tls, TlsError> {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Tls::open(TlsSettings { dir: dir.to_owned(), names, ..TlsSettings::default() }, Arc::clone(clock))
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs a tool that these tests need.
pub(crate) fn run(tool: &str, arguments: &[&str], paths: &[&Path]) -> Output {
    let output = Command::new(tool).args(arguments).args(paths).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{tool} is needed for these tests and did not run ({error}): install it"))
}

pub(crate) fn describe(certificate: &Path) -> String {
    String::from_utf8(run("openssl", &["x509", "-noout", "-text", "-in"], &[certificate]).stdout).unwrap()
}

pub(crate) fn der(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

fn use_ring() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client_config() -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

fn connect(
    address: SocketAddr,
    config: rustls::ClientConfig,
) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    rustls::StreamOwned::new(client, socket)
}

/// The certificate that a new connection gets, without a check of its issuer.
pub(crate) fn shown(address: SocketAddr) -> CertificateDer<'static> {
    let mut connection = connect(
        address,
        client_config().dangerous().with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth(),
    );
    connection.flush().unwrap();
    connection.conn.complete_io(&mut connection.sock).unwrap();
    connection.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &rustls::pki_types::ServerName<'_>,
        _ocsp: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Sends bytes in the clear and returns all that comes back before the server closes.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    read_to_the_end(&mut socket)
}

pub(crate) fn over_tls(connection: &mut (impl Read + Write), request: &str) -> String {
    connection.write_all(request.as_bytes()).unwrap();
    read_to_the_end(connection)
}

pub(crate) fn read_to_the_end(from: &mut impl Read) -> String {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    loop {
        match from.read(&mut some) {
            Ok(0) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(count) => all.extend_from_slice(&some[..count]),
            // Closed with our bytes unread, or without a TLS goodbye: closed all the same.
            Err(error)
                if [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::UnexpectedEof].contains(&error.kind()) =>
            {
                return String::from_utf8_lossy(&all).into_owned();
            }
            Err(error) => panic!("the connection was not closed: {error}"),
        }
    }
}

pub(crate) fn read_until(from: &mut impl Read, end: &str) {
    let mut all = String::new();
    let mut some = [0; 4096];
    while !all.ends_with(end) {
        let count = from.read(&mut some).unwrap();
        assert_ne!(count, 0, "closed after {all}");
        all.push_str(std::str::from_utf8(&some[..count]).unwrap());
    }
}
