//! What the ports speak, what they refuse, and how connections end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use boomgate::listener::ConnectionLimits;
use tokio::sync::oneshot::error::TryRecvError;

use crate::small_server::{PATIENCE, Server, exchange, over_tls, read_to_the_end, read_until, run};

/// A bound that a test waits for.
const SOON: Duration = Duration::from_millis(100);

// --- What is spoken ---

#[test]
fn only_tls_1_2_and_1_3_are_spoken() {
    let server = Server::start(&[], ConnectionLimits::default());
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
    let server = Server::start(&[], ConnectionLimits::default());
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

// --- Plain HTTP ---

#[test]
fn plain_http_on_the_tls_port_gets_the_clear_apps_answer_and_is_closed() {
    let server = Server::start(&[], ConnectionLimits::default());
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
    let server = Server::start(&[], ConnectionLimits::default());
    let answer = exchange(server.clear_address, b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
}

// --- ConnectionLimits ---

#[test]
fn a_client_that_sends_nothing_or_half_a_hello_is_dropped() {
    let server = Server::start(&[], ConnectionLimits { handshake_timeout: SOON, ..ConnectionLimits::default() });
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        assert_eq!(exchange(server.address, sent), "", "{sent:?}");
    }
}

#[test]
fn a_second_request_that_never_ends_is_dropped() {
    let limits = ConnectionLimits { silence_timeout: SOON, keep_alive: SOON, ..ConnectionLimits::default() };
    let server = Server::start(&[], limits);
    let mut connection = server.connect();
    connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut connection, "hello 127.0.0.1");
    connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ").unwrap();
    read_to_the_end(&mut connection);
}

#[test]
fn a_body_that_never_ends_is_dropped() {
    let server =
        Server::start(&[], ConnectionLimits { silence_timeout: SOON, keep_alive: SOON, ..ConnectionLimits::default() });
    let mut connection = server.connect();
    connection.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhell").unwrap();
    read_to_the_end(&mut connection);
}

#[tokio::test]
async fn an_http_2_body_that_never_ends_is_an_error_for_the_handler() {
    let server =
        Server::start(&[], ConnectionLimits { silence_timeout: SOON, keep_alive: SOON, ..ConnectionLimits::default() });
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let request = http::Request::post(server.url("/echo")).body(()).unwrap();
    let (answer, _body_without_end) = client.send_request(request, false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 400));
}

#[tokio::test]
async fn an_http_2_connection_at_rest_is_closed_and_one_in_use_is_not() {
    let server = Server::start(&[], ConnectionLimits { keep_alive: SOON, ..ConnectionLimits::default() });
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
async fn a_head_above_128_kilobytes_is_refused_with_431() {
    let server = Server::start(&[], ConnectionLimits::default());
    let request = server.client(true).get(server.url("/hello")).header("authorization", "a".repeat(200_000));
    assert_eq!(request.send().await.unwrap().status(), 431);
    // Not more than the server reads before it refuses: bytes left unread would cost the client the answer.
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(128 * 1024));
    let answer = over_tls(&mut server.connect(), &head);
    assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");
}

#[tokio::test]
async fn a_header_of_100_kilobytes_reaches_the_app() {
    let server = Server::start(&[], ConnectionLimits::default());
    for http2 in [true, false] {
        let request = server.client(http2).get(server.url("/hello")).header("authorization", "a".repeat(100_000));
        assert_eq!(request.send().await.unwrap().status(), 200, "http2: {http2}");
    }
}

#[tokio::test]
async fn a_body_of_any_form_is_passed_on_over_http_2() {
    let server = Server::start(&[], ConnectionLimits::default());
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
    let limits =
        ConnectionLimits { shutdown_timeout: 10 * PATIENCE, keep_alive: 10 * PATIENCE, ..ConnectionLimits::default() };
    let mut server = Server::start(&[], limits);
    let mut http1 = server.connect();
    http1.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut http1, "hello 127.0.0.1");
    let http2 = server.client(true);
    http2.get(server.url("/hello")).send().await.unwrap();
    let mut without_a_word = TcpStream::connect(server.address).unwrap();

    server.stop();
    tokio::time::timeout(PATIENCE, &mut server.ended).await.unwrap().unwrap();
    read_to_the_end(&mut http1);
    assert_eq!(without_a_word.read(&mut [0]).unwrap(), 0);
}

#[tokio::test]
async fn a_stop_waits_for_answers_under_way() {
    let limits = ConnectionLimits { shutdown_timeout: 10 * PATIENCE, ..ConnectionLimits::default() };
    let mut server = Server::start(&[], limits);
    let waiting: Vec<_> = [true, false]
        .map(|http2| tokio::spawn(server.client(http2).get(server.url("/wait")).send()))
        .into_iter()
        .collect();
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, server.entered.recv()).await.unwrap();
    }
    server.stop();
    // The port is closed once the stop is under way.
    while TcpStream::connect(server.address).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.ended.try_recv(), Err(TryRecvError::Empty));
    server.release.add_permits(2);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().text().await.unwrap(), "released");
    }
    tokio::time::timeout(PATIENCE, &mut server.ended).await.unwrap().unwrap();
}
