//! Hosts that two readers take for two (RFC 9112 section 3.2, RFC 9113 section 8.3.1): a proxy in front routes by
//! them, and a cache stores by them.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use crate::frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, field, frame, frames, open};
use crate::target::Target;

/// A host, and whether it is one.
const HOSTS: [(&str, bool); 20] = [
    ("localhost", true),
    ("LOCALHOST:8443", true),
    ("my_service", true),
    ("127.0.0.1:443", true),
    ("[::1]:8443", true),
    ("a:", true),
    ("a b/c@d", false),
    ("a b", false),
    ("a/b", false),
    ("user@a", false),
    ("user:password@a", false),
    ("a:b", false),
    ("a:99999", false),
    ("a:-1", false),
    ("a:80:80", false),
    ("[::1", false),
    ("[a]", false),
    ("::1", false),
    ("a?b", false),
    ("a#b", false),
];

#[tokio::test]
async fn a_host_that_is_none_is_400_over_http_1_1() {
    let target = Target::start().await;
    let requests = HOSTS.iter().map(|(host, is_right)| (format!("GET /livez HTTP/1.1\r\nHost: {host}"), *is_right));
    let others = [
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: a", false),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b", false),
        ("GET /livez HTTP/1.1", false),
        ("GET /livez HTTP/1.0", true),
        ("GET /livez HTTP/1.0\r\nHost: a b", false),
        ("GET https://a/livez HTTP/1.1\r\nHost: A:443", true),
        ("GET https://a:8443/livez HTTP/1.1\r\nHost: a:8443", true),
        ("GET https://a/livez HTTP/1.1\r\nHost: b", false),
        ("GET https://a:1/livez HTTP/1.1\r\nHost: a:2", false),
        ("GET https://user@a/livez HTTP/1.1\r\nHost: a", false),
        ("GET https://a/livez HTTP/1.1\r\nHost: user@a", false),
    ];
    for (request, is_right) in requests.chain(others.map(|(request, is_right)| (request.to_owned(), is_right))) {
        let mut connection = target.connect(&[b"http/1.1"]).await;
        assert!(connection.send(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).await);
        let said = String::from_utf8(connection.read_to_the_end().await).unwrap();
        assert_eq!(said.split(' ').nth(1), Some(if is_right { "200" } else { "400" }), "{request}: {said}");
    }
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused_over_http_2() {
    let target = Target::start().await;
    let head = |fields: &[(&str, &str)]| {
        let first = [(":method", "GET"), (":scheme", "https"), (":path", "/livez")];
        first.iter().chain(fields).flat_map(|(name, value)| field(name, value)).collect::<Vec<_>>()
    };
    let one =
        HOSTS.iter().map(|(host, is_right)| (format!(":authority {host}"), head(&[(":authority", host)]), *is_right));
    let other = HOSTS.iter().map(|(host, is_right)| (format!("host {host}"), head(&[("host", host)]), *is_right));
    let rest = [
        ("neither", head(&[]), false),
        ("both, the same", head(&[(":authority", "a:443"), ("host", "A")]), true),
        ("both, and they differ", head(&[(":authority", "a"), ("host", "b")]), false),
        ("host twice", head(&[("host", "a"), ("host", "a")]), false),
        ("host twice beside an authority", head(&[(":authority", "a"), ("host", "a"), ("host", "b")]), false),
    ];
    for (name, block, is_right) in
        one.chain(other).chain(rest.map(|(name, head, right)| (name.to_owned(), head, right)))
    {
        let mut connection = open(&target, &[]).await;
        assert!(connection.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).await);
        let mut said = Vec::new();
        let answer = loop {
            let answer = frames(&said).find(|(kind, _)| [HEADERS, RST_STREAM, GOAWAY].contains(kind));
            if let Some((kind, payload)) = answer {
                // In HPACK, entry 8 of the table that is always there is `:status: 200`, and entry 12 `400`.
                break (kind == HEADERS).then(|| payload.first().copied());
            }
            let mut some = vec![0; 16 * 1_024];
            let read = tokio::time::timeout(Duration::from_secs(20), connection.stream.read(&mut some)).await;
            let count = read.unwrap_or_else(|_| panic!("{name} is not answered")).unwrap_or(0);
            assert_ne!(count, 0, "{name} is not answered");
            said.extend_from_slice(&some[..count]);
        };
        // What cannot even be a URI is reset by h2: malformed all the same (RFC 9113 section 8.1.1).
        let is_refused = matches!(answer, None | Some(Some(0x8c)));
        assert!(if is_right { answer == Some(Some(0x88)) } else { is_refused }, "{name}: {answer:x?}");
    }
}
