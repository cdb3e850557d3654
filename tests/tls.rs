//! Certificates and sockets from the outside: what stock clients accept, what is refused, what a renewal,
//! a bad file and a stop do to those connected.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_server::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, web};
use boomgate::listener::{Bounds, serve};
use boomgate::time::{Clock, ManualClock, SharedClock, SystemClock, UnixSeconds};
use boomgate::tls::{Refreshed, Tls, TlsError, TlsSettings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};

/// Nothing that is meant to happen takes this long; nothing that is meant not to happen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const DAY: Duration = Duration::from_secs(86_400);

// --- What stock clients accept ---

#[test]
fn openssl_accepts_the_certificate_under_its_strict_rules() {
    let server = Server::start(&[], Bounds::default());
    let dir = server.dir.path();
    let verified = run(
        "openssl",
        &["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile"],
        &[&dir.join("ca.pem"), &dir.join("leaf.pem")],
    );
    assert!(verified.status.success(), "{verified:?}");
    let verified = run(
        "openssl",
        &["verify", "-x509_strict", "-verify_ip", "::1", "-CAfile"],
        &[&dir.join("ca.pem"), &dir.join("leaf.pem")],
    );
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn curl_accepts_the_certificate_once_it_has_the_ca() {
    let server = Server::start(&[], Bounds::default());
    let ca = server.ca_text();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/hello", server.port());
        let answer = run("curl", &["-sS", "--max-time", "20", "--ipv4", "--cacert", &ca, &url], &[]);
        assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1", "{answer:?}");
    }
    let url = format!("https://localhost:{}/hello", server.port());
    let stranger = run("curl", &["-sS", "--max-time", "20", "--ipv4", &url], &[]);
    assert_eq!(stranger.status.code(), Some(60), "without the CA it must be refused: {stranger:?}");
}

#[test]
fn python_accepts_the_certificate_under_its_strict_rules() {
    let server = Server::start(&[], Bounds::default());
    let script = "import ssl, sys, urllib.request\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN\n\
        print(urllib.request.urlopen(sys.argv[2], context=context, timeout=20).read().decode())";
    let url = format!("https://127.0.0.1:{}/hello", server.port());
    let answer = run("python3", &["-c", script, &server.ca_text(), &url], &[]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1\n", "{answer:?}");
}

#[test]
fn node_accepts_the_certificate_once_it_has_the_ca() {
    let server = Server::start(&[], Bounds::default());
    let script = "require('https').get({host: '127.0.0.1', servername: 'localhost', port: process.argv[2], path: '/hello', \
        ca: require('fs').readFileSync(process.argv[1])}, response => response.pipe(process.stdout)).on('error', error => \
        { console.error(error); process.exit(1) })";
    let answer = run("node", &["-e", script, &server.ca_text(), &server.port().to_string()], &[]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1", "{answer:?}");
}

#[test]
fn only_tls_1_2_and_1_3_are_spoken() {
    let server = Server::start(&[], Bounds::default());
    let address = server.address.to_string();
    for (version, accepted) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &server.ca_text(),
            "-cipher",
            "ALL:@SECLEVEL=0",
            version,
            "-verify_return_error",
            "-brief",
        ];
        let answer = run("openssl", &arguments, &[]);
        assert_eq!(answer.status.success(), accepted, "{version}: {answer:?}");
        if !accepted {
            let said = String::from_utf8_lossy(&answer.stderr).into_owned();
            assert!(said.contains("SSL alert number"), "{version} must be refused by the server: {said}");
        }
    }
}

#[tokio::test]
async fn alpn_chooses_http_2_or_http_1_1() {
    let server = Server::start(&[], Bounds::default());
    let answer = server.client(true).get(server.url("/hello")).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    assert!(answer.headers().contains_key("date"), "{:?}", answer.headers());
    assert_eq!(answer.content_length(), Some(15));
    assert_eq!(answer.text().await.unwrap(), "hello 127.0.0.1");
    let answer = server.client(false).get(server.url("/hello")).send().await.unwrap();
    assert_eq!(
        (answer.version(), answer.text().await.unwrap()),
        (reqwest::Version::HTTP_11, "hello 127.0.0.1".to_owned())
    );
}

// --- The local CA and what it signs ---

#[test]
fn the_certificate_carries_the_names_that_were_asked_for() {
    let dir = folder();
    open(dir.path(), &["Gate.Example.com", "*.lot.example", "192.0.2.7"], &real_clock()).unwrap();
    let text = describe(&dir.path().join("leaf.pem"));
    for name in [
        "DNS:localhost",
        "DNS:gate.example.com",
        "DNS:*.lot.example",
        "IP Address:127.0.0.1",
        "IP Address:192.0.2.7",
        "IP Address:0:0:0:0:0:0:0:1",
    ] {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
    for field in ["TLS Web Server Authentication", "Digital Signature", "X509v3 Authority Key Identifier"] {
        assert!(text.contains(field), "{field} is missing: {text}");
    }
    let error = open(dir.path(), &["https://gate.example.com"], &real_clock()).unwrap_err();
    assert_eq!(error.to_string(), "tls.names: \"https://gate.example.com\" is neither a host name nor an IP address");
}

#[test]
fn the_ca_may_sign_for_servers_and_nothing_below_itself() {
    let dir = folder();
    open(dir.path(), &[], &real_clock()).unwrap();
    let text = describe(&dir.path().join("ca.pem"));
    for field in [
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(text.contains(field), "{field} is missing: {text}");
    }
}

#[test]
fn keys_are_readable_by_their_owner_alone() {
    let dir = folder();
    let tls_dir = dir.path().join("data/tls");
    open(&tls_dir, &[], &real_clock()).unwrap();
    assert_eq!(mode(&tls_dir), 0o700);
    assert_eq!(mode(&tls_dir.join("ca-key.pem")), 0o600);
    assert_eq!(mode(&tls_dir.join("leaf-key.pem")), 0o600);
    assert_eq!(fs::read_dir(&tls_dir).unwrap().count(), 4, "no drafts are left");
}

#[test]
fn a_restart_keeps_the_ca_and_the_certificate() {
    let dir = folder();
    let kept = |name: &str| fs::read(dir.path().join(name)).unwrap();
    open(dir.path(), &["gate.example"], &real_clock()).unwrap();
    let before = (kept("ca.pem"), kept("leaf.pem"));
    open(dir.path(), &["gate.example"], &real_clock()).unwrap();
    assert_eq!((kept("ca.pem"), kept("leaf.pem")), before);
    open(dir.path(), &["other.example"], &real_clock()).unwrap();
    assert_eq!(kept("ca.pem"), before.0);
    assert_ne!(kept("leaf.pem"), before.1, "other names need another certificate");
}

#[test]
fn the_certificate_is_renewed_when_30_days_are_left_and_the_ca_is_kept() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    let tls = open(dir.path(), &[], &shared).unwrap();
    let (ca, first) = (fs::read(dir.path().join("ca.pem")).unwrap(), tls.not_after());
    assert_eq!(first.since(clock.now()), 396 * 86_400);
    clock.advance(365 * DAY + Duration::from_secs(86_399));
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged);
    clock.advance(Duration::from_secs(1));
    let renewed = first.plus(366 * 86_400);
    assert_eq!(tls.refresh().unwrap(), Refreshed::Renewed(renewed));
    assert_eq!((tls.not_after(), tls.refresh().unwrap()), (renewed, Refreshed::Unchanged));
    assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), ca);
}

#[test]
fn the_ca_is_replaced_before_it_ends() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    open(dir.path(), &[], &shared).unwrap();
    let ca = fs::read(dir.path().join("ca.pem")).unwrap();
    clock.advance(3_620 * DAY);
    let tls = open(dir.path(), &[], &shared).unwrap();
    assert_ne!(fs::read(dir.path().join("ca.pem")).unwrap(), ca);
    assert_eq!(tls.not_after().since(clock.now()), 396 * 86_400);
}

#[test]
fn a_certificate_from_the_future_is_replaced() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    let early = clock.now();
    open(dir.path(), &[], &shared).unwrap();
    clock.set_wall(UnixSeconds::new(early.get() - 40 * 86_400));
    let tls = open(dir.path(), &[], &shared).unwrap();
    assert_eq!(tls.not_after().since(clock.now()), 396 * 86_400);
}

#[test]
fn damage_in_the_folder_is_mended_or_named() {
    type Row<'a> = (&'a str, &'a dyn Fn(&Path), Option<&'a str>);
    let write = |text: &'static str| move |path: &Path| fs::write(path, text).unwrap();
    let other_key = |path: &Path| fs::copy(path.with_file_name("leaf-key.pem"), path).map(drop).unwrap();
    let loose = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let table: [Row<'_>; 11] = [
        ("leaf.pem", &remove, None),
        ("leaf.pem", &write("garbage"), None),
        ("leaf-key.pem", &remove, None),
        ("leaf-key.pem", &write("garbage"), None),
        ("leaf-key.pem", &loose, Some("open to other users (mode 0640): run `chmod 600 ")),
        (
            "ca-key.pem",
            &remove,
            Some("ca-key.pem: No such file or directory (os error 2): put the file back from a backup, or delete "),
        ),
        ("ca-key.pem", &write("garbage"), Some("ca-key.pem: nothing of that kind in it: put the file back")),
        ("ca-key.pem", &other_key, Some("ca-key.pem: not the key of ca.pem: put the file back")),
        ("ca-key.pem", &loose, Some("ca-key.pem is open to other users (mode 0640): run `chmod 600 ")),
        ("ca.pem", &write("garbage"), Some("ca.pem: no certificate in it: put the file back")),
        ("ca.pem", &remove, None),
    ];
    for (name, damage, expected) in table {
        let dir = folder();
        open(dir.path(), &[], &real_clock()).unwrap();
        damage(&dir.path().join(name));
        match (open(dir.path(), &[], &real_clock()), expected) {
            (Ok(_), None) => assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "{name}"),
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{name}: {error}"),
            (outcome, expected) => panic!("{name}: {outcome:?}, not {expected:?}"),
        }
    }
    let dir = folder();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = open(dir.path(), &[], &real_clock()).unwrap_err().to_string();
    assert!(error.ends_with(&format!("(mode 0755): run `chmod 700 {}`", dir.path().display())), "{error}");
}

// --- Certificates from files ---

#[test]
fn each_fault_in_the_files_is_one_line_that_says_what_to_do() {
    let pair = Pair::new();
    let other = Pair::new();
    let rsa_key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let (certificate, key) = (text(&pair.certificate), text(&pair.private_key));
    let truncated = certificate.replace("-----END CERTIFICATE-----", "");
    let table: [(&str, &str, u32, &str); 8] = [
        ("", &key, 0o600, "no certificate in it"),
        (&key, &key, 0o600, "no certificate in it"),
        (&truncated, &key, 0o600, "it must hold PEM certificates"),
        ("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", &key, 0o600, "does not parse"),
        (&certificate, &certificate, 0o600, "nothing of that kind in it"),
        (&certificate, rsa_key, 0o600, "the key in it is encrypted"),
        (&certificate, &text(&other.private_key), 0o600, "is not the key of the first certificate in"),
        (&certificate, &key, 0o644, "(mode 0644): run `chmod 600 "),
    ];
    for (certificate, key, mode, expected) in table {
        let broken = Pair::new();
        broken.write(certificate, key, mode);
        let error = broken.open().unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(broken.dir.path().to_str().unwrap()), "{expected}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    fs::remove_file(&pair.certificate).unwrap();
    let error = pair.open().unwrap_err().to_string();
    assert!(error.contains("No such file or directory"), "{error}");
    let half = TlsSettings { certificate: Some(pair.certificate.clone()), ..TlsSettings::default() };
    let error = Tls::open(half, real_clock()).unwrap_err().to_string();
    assert_eq!(error, "tls.certificate is set but tls.private_key is not: set both, or neither to use the local CA");
}

#[test]
fn files_that_change_are_read_again_and_bad_ones_keep_the_old_certificate() {
    let (pair, next) = (Pair::new(), Pair::new());
    let tls = pair.open().unwrap();
    let server = Server::over(&tls, Bounds::default());
    assert_eq!(tls.ca_path(), None);
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged);
    let shown_first = shown(server.address);
    assert_eq!(shown_first, der(&pair.certificate));

    pair.write("garbage", &fs::read_to_string(&pair.private_key).unwrap(), 0o600);
    assert!(matches!(tls.refresh(), Err(TlsError::BadCertificate { .. })));
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged, "a fault is reported once");
    assert_eq!(shown(server.address), shown_first);

    let text = |path: &Path| fs::read_to_string(path).unwrap();
    pair.write(&text(&next.certificate), &text(&next.private_key), 0o600);
    assert!(matches!(tls.refresh(), Ok(Refreshed::Reloaded(_))));
    assert_eq!(shown(server.address), der(&next.certificate));
}

// --- Plain HTTP ---

#[test]
fn plain_http_on_the_tls_port_gets_the_clear_apps_answer_and_is_closed() {
    let server = Server::start(&[], Bounds::default());
    for request in [
        "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        "BREW /hello HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, upgrade\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let answer = exchange(server.address, request.as_bytes());
        assert!(
            answer.contains("HTTP/1.1 403 Forbidden\r\n") || answer.contains("HTTP/1.0 403 Forbidden\r\n"),
            "{request}: {answer}"
        );
        assert!(request.starts_with("HEAD") || answer.ends_with("use https, 127.0.0.1"), "{request}: {answer}");
    }
    for junk in
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"\x80\x2e\x01\x03\x01", b"\0\0\0\0\r\n\r\n", b"hello\r\n\r\n"]
    {
        let answer = exchange(server.address, junk);
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{junk:?}: {answer}");
    }
}

#[test]
fn the_port_for_plain_http_gives_the_same_answer() {
    let server = Server::start(&[], Bounds::default());
    let answer = exchange(server.clear_address, b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
}

// --- Bounds ---

#[test]
fn a_client_that_sends_nothing_or_half_a_hello_is_dropped() {
    let server = Server::start(&[], Bounds { handshake_timeout: Duration::from_millis(200), ..Bounds::default() });
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        assert_eq!(exchange(server.address, sent), "", "{sent:?}");
    }
}

#[test]
fn a_second_request_that_never_ends_is_dropped() {
    let bounds = Bounds { silence_timeout: Duration::from_millis(200), keep_alive: 2 * PATIENCE, ..Bounds::default() };
    let server = Server::start(&[], bounds);
    let mut connection = server.connect();
    connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut connection, "hello 127.0.0.1");
    connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ").unwrap();
    read_to_the_end(&mut connection);
}

#[test]
fn a_body_that_never_ends_is_dropped() {
    let server = Server::start(&[], Bounds { silence_timeout: Duration::from_millis(200), ..Bounds::default() });
    let mut connection = server.connect();
    connection.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhell").unwrap();
    read_to_the_end(&mut connection);
}

#[tokio::test]
async fn an_http_2_body_that_never_ends_is_an_error_for_the_handler() {
    let server = Server::start(&[], Bounds { silence_timeout: Duration::from_millis(200), ..Bounds::default() });
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let request = http::Request::post(server.url("/echo")).body(()).unwrap();
    let (answer, _body_without_end) = client.send_request(request, false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 400));
}

#[tokio::test]
async fn an_http_2_connection_at_rest_is_closed_and_one_in_use_is_not() {
    let server = Server::start(&[], Bounds { keep_alive: Duration::from_millis(50), ..Bounds::default() });
    let (mut in_use, in_use_connection) = server.http2().await;
    let in_use_connection = tokio::spawn(in_use_connection);
    let request = http::Request::get(server.url("/wait")).body(()).unwrap();
    let (answer, _) = in_use.send_request(request, true).unwrap();

    let (_at_rest, connection) = server.http2().await;
    // It ends with a goodbye or, when the client's own comes too late, with a closed pipe.
    let _ = tokio::time::timeout(PATIENCE, connection).await.unwrap();
    assert!(!in_use_connection.is_finished());

    server.release.add_permits(1);
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
    let _ = tokio::time::timeout(PATIENCE, in_use_connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_header_of_200_kilobytes_is_refused_with_431() {
    let server = Server::start(&[], Bounds::default());
    let request = server.client(true).get(server.url("/hello")).header("authorization", "a".repeat(200_000));
    assert_eq!(request.send().await.unwrap().status(), 431);
    let answer = over_tls(&mut server.connect(), &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(200_000)));
    assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
}

#[tokio::test]
async fn a_header_of_100_kilobytes_reaches_the_app() {
    let server = Server::start(&[], Bounds::default());
    for http2 in [true, false] {
        let request = server.client(http2).get(server.url("/hello")).header("authorization", "a".repeat(100_000));
        assert_eq!(request.send().await.unwrap().status(), 200, "http2: {http2}");
    }
}

#[tokio::test]
async fn a_body_of_any_form_is_passed_on_over_http_2() {
    let server = Server::start(&[], Bounds::default());
    let client = server.client(true);
    for size in [0, 1, 70_000, 1_000_000] {
        let sent = "x".repeat(size);
        let answer = client.post(server.url("/echo")).body(sent.clone()).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap() == sent), (200, true), "{size}");
    }
    let answer = client.get(server.url("/empty")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("content-length")), (204, None));
    let answer = client.head(server.url("/hello")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(15)));
    let answer = client.get(server.url("/streamed")).send().await.unwrap();
    assert_eq!(answer.headers().get("content-length"), None);
    assert_eq!(answer.text().await.unwrap(), "hello, streamed");
}

// --- Stopping ---

#[tokio::test]
async fn a_stop_ends_connections_at_rest_at_once() {
    let bounds = Bounds { shutdown_timeout: 10 * PATIENCE, keep_alive: 10 * PATIENCE, ..Bounds::default() };
    let server = Server::start(&[], bounds);
    let mut http1 = server.connect();
    http1.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut http1, "hello 127.0.0.1");
    let http2 = server.client(true);
    http2.get(server.url("/hello")).send().await.unwrap();
    let mut without_a_word = TcpStream::connect(server.address).unwrap();

    tokio::time::timeout(PATIENCE, server.handle.stop(true)).await.unwrap();
    read_to_the_end(&mut http1);
    assert_eq!(without_a_word.read(&mut [0]).unwrap(), 0);
}

#[tokio::test]
async fn a_stop_waits_for_answers_under_way() {
    let bounds = Bounds { shutdown_timeout: 10 * PATIENCE, ..Bounds::default() };
    let mut server = Server::start(&[], bounds);
    let waiting: Vec<_> = [true, false]
        .map(|http2| tokio::spawn(server.client(http2).get(server.url("/wait")).send()))
        .into_iter()
        .collect();
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, server.entered.recv()).await.unwrap();
    }
    let stopping = tokio::spawn(server.handle.stop(true));
    // The port is closed once the stop is under way.
    while TcpStream::connect(server.address).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    server.release.add_permits(2);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().text().await.unwrap(), "released");
    }
    tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

// --- The scenery ---

/// A small app behind the listener, on a free port.
struct Server {
    dir: TempDir,
    address: SocketAddr,
    clear_address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    entered: mpsc::UnboundedReceiver<()>,
    release: Arc<Semaphore>,
}

impl Server {
    fn start(names: &[&str], bounds: Bounds) -> Self {
        let dir = folder();
        let tls = open(dir.path(), names, &real_clock()).unwrap();
        let mut server = Self::over(&tls, bounds);
        server.dir = dir;
        server
    }

    fn over(tls: &Tls, bounds: Bounds) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (https, http) = (listen(), listen());
        let (address, clear_address) = (https.local_addr().unwrap(), http.local_addr().unwrap());
        let (entered_sender, entered) = mpsc::unbounded_channel();
        let release = Arc::new(Semaphore::new(0));
        let (config, released) = (tls.server_config(), Arc::clone(&release));
        let (handle_sender, handle) = std::sync::mpsc::channel();
        let bounds = Bounds { workers: 1, ..bounds };
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let secure = move || secure_app(entered_sender.clone(), Arc::clone(&released));
                let clear = || App::new().default_service(web::to(in_the_clear));
                let server = serve(vec![https], Some(http), config, bounds, secure, clear).unwrap();
                handle_sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let handle = handle.recv().unwrap();
        Self { dir: folder(), address, clear_address, handle, thread: Some(thread), entered, release }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    fn ca_text(&self) -> String {
        self.dir.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    fn client(&self, http2: bool) -> reqwest::Client {
        use_ring();
        let ca = reqwest::Certificate::from_pem(&fs::read(self.ca_text()).unwrap()).unwrap();
        let builder = reqwest::Client::builder().use_rustls_tls().add_root_certificate(ca).timeout(PATIENCE).no_proxy();
        let builder = builder.resolve("localhost", self.address);
        if http2 { builder } else { builder.http1_only() }.build().unwrap()
    }

    /// HTTP/2 frame by frame: for what a well-behaved client does not do.
    async fn http2(
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

    fn connect(&self) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        connect(self.address, client_config().with_root_certificates(self.roots()).with_no_client_auth())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.release.add_permits(100);
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn secure_app(
    entered: mpsc::UnboundedSender<()>,
    release: Arc<Semaphore>,
) -> App<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
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
    App::new()
        .app_data(web::PayloadConfig::new(2_000_000))
        .route(
            "/hello",
            web::get().to(|request: HttpRequest| async move { format!("hello {}", request.peer_addr().unwrap().ip()) }),
        )
        .route("/hello", web::head().to(|| async { "hello 127.0.0.1" }))
        .route("/echo", web::post().to(|body: web::Bytes| async move { body }))
        .route("/empty", web::get().to(HttpResponse::NoContent))
        .route("/streamed", web::get().to(streamed))
        .route("/wait", web::get().to(wait))
}

async fn in_the_clear(request: HttpRequest) -> HttpResponse {
    HttpResponse::Forbidden().body(format!("use https, {}", request.peer_addr().unwrap().ip()))
}

/// A certificate and key as files that someone else looks after.
struct Pair {
    dir: TempDir,
    certificate: PathBuf,
    private_key: PathBuf,
}

impl Pair {
    fn new() -> Self {
        let dir = folder();
        open(dir.path(), &[], &real_clock()).unwrap();
        let (certificate, private_key) = (dir.path().join("leaf.pem"), dir.path().join("leaf-key.pem"));
        Self { dir, certificate, private_key }
    }

    fn open(&self) -> Result<Tls, TlsError> {
        let (certificate, private_key) = (Some(self.certificate.clone()), Some(self.private_key.clone()));
        Tls::open(TlsSettings { certificate, private_key, ..TlsSettings::default() }, real_clock())
    }

    fn write(&self, certificate: &str, private_key: &str, mode: u32) {
        fs::write(&self.certificate, certificate).unwrap();
        fs::write(&self.private_key, private_key).unwrap();
        fs::set_permissions(&self.private_key, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap()
}

fn real_clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

fn open(dir: &Path, names: &[&str], clock: &SharedClock) -> Result<Tls, TlsError> {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Tls::open(TlsSettings { dir: dir.to_owned(), names, ..TlsSettings::default() }, Arc::clone(clock))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs a tool that these tests need.
fn run(tool: &str, arguments: &[&str], paths: &[&Path]) -> Output {
    let output = Command::new(tool).args(arguments).args(paths).stdin(std::process::Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{tool} is needed for these tests and did not run ({error}): install it"))
}

fn describe(certificate: &Path) -> String {
    String::from_utf8(run("openssl", &["x509", "-noout", "-text", "-in"], &[certificate]).stdout).unwrap()
}

fn der(path: &Path) -> CertificateDer<'static> {
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

/// The certificate that a new connection is shown, whoever signed it.
fn shown(address: SocketAddr) -> CertificateDer<'static> {
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
fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    read_to_the_end(&mut socket)
}

fn over_tls(connection: &mut (impl Read + Write), request: &str) -> String {
    connection.write_all(request.as_bytes()).unwrap();
    read_to_the_end(connection)
}

fn read_to_the_end(from: &mut impl Read) -> String {
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

fn read_until(from: &mut impl Read, end: &str) {
    let mut all = String::new();
    let mut some = [0; 4096];
    while !all.ends_with(end) {
        let count = from.read(&mut some).unwrap();
        assert_ne!(count, 0, "closed after {all}");
        all.push_str(std::str::from_utf8(&some[..count]).unwrap());
    }
}
