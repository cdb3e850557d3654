//! Where a message of HTTP/1.1 ends, and where a connection does (RFC 9112).

use std::io::{Read, Write};
use std::time::Duration;

use boomgate::listener::ConnectionLimits;
use tokio::time::Instant;

use crate::small_server::{PATIENCE, Server, exchange, over_tls, read_to_the_end, read_until};

/// A bound that a test waits for.
const SOON: Duration = Duration::from_millis(100);

/// A request whose answer cannot be taken for another's.
const NEXT: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/// RFC 9112 section 9.6: what follows an answer with `Connection: close` is not processed.
#[test]
fn nothing_is_answered_after_an_answer_that_closes() {
    let server = Server::start(
        &[],
        ConnectionLimits { max_discarded_bytes: 1_000, discard_timeout: SOON, ..ConnectionLimits::default() },
    );
    let long = "a".repeat(2_000);
    for (name, request, status) in [
        ("it asks for that", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), "200 OK"),
        ("among other options", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: te, Close\r\n\r\n".to_owned(), "200 OK"),
        (
            "with a body that is read",
            "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\na=b".to_owned(),
            "200 OK",
        ),
        (
            "with a body that is not read",
            "POST /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\na=b".to_owned(),
            "404 Not Found",
        ),
        (
            "a body that is too long to be dropped",
            format!("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n{long}"),
            "404 Not Found",
        ),
        (
            "a body that is not asked for",
            "POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 300\r\n\r\n".to_owned(),
            "404 Not Found",
        ),
        (
            "a body that is malformed, and not read",
            "POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".to_owned(),
            "404 Not Found",
        ),
        (
            "a body that is malformed",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b0\r\n\r\n".to_owned(),
            "400 Bad Request",
        ),
        (
            "two framings",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "400 Bad Request",
        ),
        ("no head", "hello\r\n\r\n".to_owned(), "400 Bad Request"),
        ("no host", "GET /hello HTTP/1.1\r\n\r\n".to_owned(), "400 Bad Request"),
        (
            "an upgrade to what is no HTTP",
            "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_owned(),
            "200 OK",
        ),
        ("a tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".to_owned(), "404 Not Found"),
    ] {
        let said = over_tls(&mut server.connect(), &format!("{request}{NEXT}"));
        assert!(said.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{name}: {said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{name}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{name}: {said}");
    }
    let said = over_tls(&mut server.connect(), &format!("GET /hello HTTP/1.0\r\n\r\n{NEXT}"));
    assert_eq!((said.matches("HTTP/1.").count(), said.starts_with("HTTP/1.0 200 OK\r\n")), (1, true), "{said}");
    let said = exchange(server.clear_address, format!("{NEXT}{NEXT}").as_bytes());
    assert_eq!(said.matches("HTTP/1.1 403 Forbidden\r\n").count(), 1, "{said}");
    assert_eq!(said.matches("HTTP/1.").count(), 1, "{said}");
}

#[tokio::test]
async fn an_answer_is_by_its_own_request_and_not_by_the_next() {
    let mut server = Server::start(&[], ConnectionLimits::default());
    let mut connection = server.connect();
    let next = "HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    connection.write_all(format!("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n{next}{NEXT}").as_bytes()).unwrap();
    tokio::time::timeout(PATIENCE, server.entered.recv()).await.unwrap();
    server.release.add_permits(1);
    let said = read_to_the_end(&mut connection);
    let (first, second) = said.split_once("released").unwrap_or_else(|| panic!("{said}"));
    assert!(!first.contains("connection: close"), "{said}");
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n") && second.contains("connection: close\r\n"), "{said}");
    assert!(second.ends_with("\r\n\r\n"), "{said}");

    let mut connection = server.connect();
    let first = "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    connection.write_all(format!("{first}{NEXT}").as_bytes()).unwrap();
    tokio::time::timeout(PATIENCE, server.entered.recv()).await.unwrap();
    server.release.add_permits(1);
    let said = read_to_the_end(&mut connection);
    assert!(said.contains("connection: close\r\n") && said.ends_with("released"), "{said}");
}

#[test]
fn a_connection_stays_open_after_a_small_unread_body() {
    let server = Server::start(&[], ConnectionLimits::default());
    let long = "a".repeat(300_000);
    let fields = "POST /nothing HTTP/1.1\r\nHost: a\r\n";
    for (name, head, body) in [
        ("a length", "Content-Length: 3\r\n\r\n", "a=b"),
        ("a length that is long", "Content-Length: 300000\r\n\r\n", long.as_str()),
        ("chunks", "Transfer-Encoding: chunked\r\n\r\n", "3\r\na=b\r\n0\r\nA: b\r\n\r\n"),
        ("an expectation, and the body with it", "Content-Length: 3\r\nExpect: 100-continue\r\n\r\na=b", ""),
        ("an empty line too many", "Content-Length: 3\r\n\r\n", "a=b\r\n\r\n"),
    ] {
        // At once, and the body only after the answer.
        for at_once in [true, false] {
            let mut connection = server.connect();
            let (first, second) = if at_once { (format!("{head}{body}"), "") } else { (head.to_owned(), body) };
            connection.write_all(format!("{fields}{first}").as_bytes()).unwrap();
            let answer = read_head(&mut connection);
            assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{name}: {answer}");
            assert!(!answer.contains("connection: close"), "{name}: {answer}");
            connection.write_all(format!("{second}{NEXT}").as_bytes()).unwrap();
            read_until(&mut connection, "hello 127.0.0.1");
        }
    }
}

/// RFC 9110 section 7.8: an offer to upgrade may be ignored. Java's client makes it on each connection.
#[test]
fn a_connection_stays_open_after_an_ignored_offer_to_upgrade() {
    let server = Server::start(&[], ConnectionLimits::default());
    let fields = "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    for (name, request, end) in [
        ("GET", format!("GET /hello HTTP/1.1\r\n{fields}\r\n"), "hello 127.0.0.1"),
        ("HEAD", format!("HEAD /hello HTTP/1.1\r\n{fields}\r\n"), "\r\n\r\n"),
        ("a body", format!("POST /echo HTTP/1.1\r\n{fields}Content-Length: 3\r\n\r\na=b"), "a=b"),
    ] {
        let mut connection = server.connect();
        let last = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let said = over_tls(&mut connection, &format!("{request}{request}{last}"));
        let answers: Vec<_> = said.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
        let [first, second, _last] = answers[..] else { panic!("{name}: {said}") };
        for answer in [first, second] {
            assert!(answer.ends_with(end) && !answer.contains("connection:"), "{name}: {said}");
        }
    }
    // HTTP/1.0 has no upgrade, and no connection that goes on unasked.
    let said = over_tls(&mut server.connect(), &format!("GET /hello HTTP/1.0\r\n{fields}\r\n{NEXT}"));
    assert_eq!(said.matches("HTTP/1.").count(), 1, "{said}");
}

#[test]
fn a_body_without_an_end_ends_the_connection() {
    const MOST: usize = 8 * 1_024 * 1_024;
    let server =
        Server::start(&[], ConnectionLimits { max_discarded_bytes: MOST as u64, ..ConnectionLimits::default() });
    for close in ["", "Connection: close\r\n"] {
        for (framing, start, end) in
            [("Transfer-Encoding: chunked", "10000\r\n", "\r\n"), ("Content-Length: 1000000000", "", "")]
        {
            let mut connection = server.connect();
            let head = format!("POST /nothing HTTP/1.1\r\nHost: a\r\n{close}{framing}\r\n\r\n");
            connection.write_all(head.as_bytes()).unwrap();
            read_head(&mut connection);
            let part = format!("{start}{}{end}", "a".repeat(0x1_0000));
            let parts = (0..10 * MOST / part.len()).take_while(|_| connection.write_all(part.as_bytes()).is_ok());
            let sent = parts.count() * part.len();
            // The bound holds once, and the system's buffers on both sides hold some more.
            assert!(sent > MOST - part.len() && sent < 2 * MOST, "{close}{framing}: {sent} bytes");
        }
    }
}

#[test]
fn a_body_that_trickles_or_stops_ends_the_connection_in_time() {
    let head = "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n";
    // The time to receive limits what comes after it, too.
    let slow =
        ConnectionLimits { discard_timeout: SOON, disconnect_timeout: 10 * PATIENCE, ..ConnectionLimits::default() };
    let silent = ConnectionLimits {
        discard_timeout: 10 * PATIENCE,
        disconnect_timeout: SOON,
        discard_silence_timeout: SOON,
        ..slow
    };
    for (limits, trickles) in [(slow, true), (slow, false), (silent, false)] {
        let server = Server::start(&[], limits);
        for close in ["", "Connection: close\r\n"] {
            let begun = Instant::now();
            let mut connection = server.connect();
            connection.write_all(format!("{head}{close}\r\n").as_bytes()).unwrap();
            if trickles {
                while connection.write_all(b"a").and_then(|()| connection.flush()).is_ok() {
                    std::thread::yield_now();
                }
            } else {
                read_to_the_end(&mut connection);
            }
            assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        }
    }
}

/// Whether the app waits for the rest of the body or does not.
#[tokio::test]
async fn a_stop_waits_no_longer_than_the_bound_for_bodies() {
    for path in ["/echo", "/nothing"] {
        let limits = ConnectionLimits {
            discard_timeout: 10 * PATIENCE,
            discard_silence_timeout: 10 * PATIENCE,
            disconnect_timeout: SOON,
            shutdown_timeout: 10 * PATIENCE,
            ..ConnectionLimits::default()
        };
        let mut server = Server::start(&[], limits);
        let mut connection = server.connect();
        // What is answered shows that the next request has come, too.
        let head = format!("{NEXT}POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\na");
        connection.write_all(head.as_bytes()).unwrap();
        read_head(&mut connection);
        if path == "/nothing" {
            read_head(&mut connection);
        } else {
            connection.read_exact(&mut [0; "hello 127.0.0.1".len()]).unwrap();
        }
        server.stop();
        tokio::time::timeout(PATIENCE, &mut server.ended).await.expect(path).unwrap();
        let said = read_to_the_end(&mut connection);
        assert!(path != "/echo" || said.contains("connection: close\r\n"), "{path}: {said}");
    }
}

/// RFC 9110 section 10.1.1: an answer that does not need the body comes in place of `100 Continue`.
#[test]
fn a_client_gets_100_continue_only_if_its_body_is_read() {
    let server = Server::start(&[], ConnectionLimits::default());
    let mut connection = server.connect();
    let expecting = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    connection.write_all(format!("POST /echo {expecting}").as_bytes()).unwrap();
    assert_eq!(read_head(&mut connection), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(b"hello").unwrap();
    read_until(&mut connection, "\r\n\r\nhello");
    // Not where it has come unasked.
    connection.write_all(format!("POST /echo {expecting}hello").as_bytes()).unwrap();
    assert!(read_head(&mut connection).starts_with("HTTP/1.1 200 OK\r\n"));
    connection.write_all(format!("POST /nothing {expecting}").as_bytes()).unwrap();
    let said = read_to_the_end(&mut connection);
    assert!(!said.contains("100 Continue") && said.contains("HTTP/1.1 404 Not Found\r\n"), "{said}");
}

/// RFC 9112 section 6.1: a client of HTTP/1.0 knows no chunks.
#[test]
fn a_streamed_answer_over_http_1_0_ends_with_the_connection() {
    let server = Server::start(&[], ConnectionLimits::default());
    let request = "GET /streamed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let said = over_tls(&mut server.connect(), request);
    assert!(said.ends_with("\r\n\r\nhello, streamed") && !said.contains("chunked"), "{said}");
    assert!(!said.contains("keep-alive"), "{said}");
    let mut connection = server.connect();
    connection.write_all(b"GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut connection, "\r\n7\r\nhello, \r\n8\r\nstreamed\r\n0\r\n\r\n");
}

#[test]
fn a_connection_rests_for_a_time_and_a_head_takes_a_time() {
    let server = Server::start(&[], ConnectionLimits { keep_alive: SOON, ..ConnectionLimits::default() });
    let mut connection = server.connect();
    connection.write_all(NEXT.as_bytes()).unwrap();
    assert!(read_to_the_end(&mut connection).ends_with("hello 127.0.0.1"), "closed without another word");

    let server = Server::start(&[], ConnectionLimits { request_timeout: SOON, ..ConnectionLimits::default() });
    for first in ["", NEXT] {
        let mut connection = server.connect();
        connection.write_all(format!("{first}GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ").as_bytes()).unwrap();
        let said = read_to_the_end(&mut connection);
        assert!(said.contains("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    }
}

/// Clients that open connections ahead of need would take a 408 for the answer to the request they send then.
#[test]
fn a_connection_that_never_sent_a_request_is_closed_without_a_word() {
    let server = Server::start(&[], ConnectionLimits { request_timeout: SOON, ..ConnectionLimits::default() });
    for nothing in ["", "\r\n", "\n"] {
        assert_eq!(over_tls(&mut server.connect(), nothing), "", "{nothing:?}");
    }
    assert!(over_tls(&mut server.connect(), "G").starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

#[test]
fn a_head_may_come_in_pieces() {
    let server = Server::start(&[], ConnectionLimits::default());
    for end in ["\r\n", "\n"] {
        let mut connection = server.connect();
        for piece in ["\r", "\nG", "ET /hello HTTP/1.1", end, "Hos", "t: a", end, end] {
            connection.write_all(piece.as_bytes()).unwrap();
            connection.flush().unwrap();
        }
        read_until(&mut connection, "hello 127.0.0.1");
    }
    // What is no head is refused before its end.
    assert!(over_tls(&mut server.connect(), "hello\0").starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn a_body_that_is_cut_off_is_400() {
    let server = Server::start(&[], ConnectionLimits::default());
    let mut connection = server.connect();
    connection.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello").unwrap();
    connection.conn.send_close_notify();
    let said = read_to_the_end(&mut connection);
    assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n") && said.contains("connection: close\r\n"), "{said}");
}

/// One head, byte by byte.
fn read_head(from: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "closed after {}", String::from_utf8_lossy(&head));
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}
