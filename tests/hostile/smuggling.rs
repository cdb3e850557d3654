//! Requests that are made to be read in two ways (RFC 9112 section 11.2). Whatever a proxy in front of the gate
//! takes for the end of one, the gate answers one at most, and closes where it is in doubt.

use serde_json::Value;

use crate::target::Target;

/// How the gate has to take a request, with another hidden behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Refused, and the connection closed: what is behind it is not read.
    Refused,
    /// As one request whose body is what is hidden.
    AsOneBody,
}

use Taken::{AsOneBody, Refused};

/// What is hidden: it would create a zone.
fn hidden(token: &str) -> String {
    let zone = r#"{"number":"666","name":"Smuggled","operator_id":"smuggler","session_type":"vehicle","location":{"latitude":1,"longitude":1}}"#;
    format!(
        "POST /parking/zones HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{zone}",
        zone.len()
    )
}

/// A name, the fields that frame the body, the body, and how it has to be taken.
type Shape = (&'static str, String, String, Taken);

#[rustfmt::skip]
fn shapes(hidden: &str) -> Vec<Shape> {
    let (hidden, length) = (hidden.to_owned(), hidden.len());
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    vec![
        (
            "CL.TE",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked", length + 5),
            format!("0\r\n\r\n{hidden}"),
            Refused,
        ),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4".into(), chunk.clone(), Refused),
        (
            "TE.TE, the second not known",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x".into(),
            chunk.clone(),
            Refused,
        ),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked".into(), chunk.clone(), Refused),
        ("TE in a list", "Transfer-Encoding: chunked, identity".into(), chunk.clone(), Refused),
        ("TE with a word before", "Transfer-Encoding: xchunked".into(), chunk.clone(), Refused),
        ("TE identity", "Transfer-Encoding: identity".into(), hidden.clone(), Refused),
        (
            "TE identity, and a length",
            format!("Transfer-Encoding: identity\r\nContent-Length: {length}"),
            hidden.clone(),
            Refused,
        ),
        ("TE empty, and a length", format!("Transfer-Encoding: \r\nContent-Length: {length}"), hidden.clone(), Refused),
        ("TE over HTTP/1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked".into(), chunk.clone(), Refused),
        (
            "TE over HTTP/1.0, and a length",
            format!("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: {length}"),
            hidden.clone(),
            Refused,
        ),
        (
            "a length over HTTP/1.0",
            format!("Connection: keep-alive\r\nContent-Length: {length}"),
            hidden.clone(),
            AsOneBody,
        ),
        ("TE after a tab", "Transfer-Encoding:\tchunked".into(), chunk.clone(), AsOneBody),
        ("TE after a vertical tab", "Transfer-Encoding: \x0bchunked".into(), chunk.clone(), Refused),
        ("TE in quotes", "Transfer-Encoding: \"chunked\"".into(), chunk.clone(), Refused),
        ("a space before the colon", "Transfer-Encoding : chunked".into(), chunk.clone(), Refused),
        ("a space before the name", " Transfer-Encoding: chunked".into(), chunk.clone(), Refused),
        ("a folded field", "Transfer-Encoding:\r\n chunked".into(), chunk.clone(), Refused),
        ("a zero in a field", "Transfer-Encoding: chunked\0".into(), chunk.clone(), Refused),
        ("a bare CR in a field", format!("X: a\rContent-Length: {length}"), hidden.clone(), Refused),
        ("two lengths that differ", format!("Content-Length: 0\r\nContent-Length: {length}"), hidden.clone(), Refused),
        (
            "two lengths that agree",
            format!("Content-Length: {length}\r\nContent-Length: {length}"),
            hidden.clone(),
            Refused,
        ),
        ("a list of lengths", format!("Content-Length: {length}, {length}"), hidden.clone(), Refused),
        ("a length with a sign", format!("Content-Length: +{length}"), hidden.clone(), Refused),
        ("a negative length", "Content-Length: -1".into(), hidden.clone(), Refused),
        ("a length in hexadecimal", format!("Content-Length: 0x{length:x}"), hidden.clone(), Refused),
        ("a length with letters", format!("Content-Length: {length}a"), hidden.clone(), Refused),
        ("an empty length", "Content-Length: ".into(), hidden.clone(), Refused),
        ("a length beyond all", "Content-Length: 18446744073709551616".into(), hidden.clone(), Refused),
        ("a length as it should be", format!("Content-Length: {length}"), hidden.clone(), AsOneBody),
        ("a length after a bare LF", format!("X: a\nContent-Length: {length}"), hidden.clone(), AsOneBody),
        ("TE compressed", "Transfer-Encoding: gzip, chunked".into(), chunk, Refused),
        ("no host", String::new(), String::new(), Refused),
        ("two hosts", "Host: a\r\nHost: b".into(), String::new(), Refused),
    ]
}

/// The same, of chunks.
#[rustfmt::skip]
fn shapes_of_chunks(hidden: &str) -> Vec<Shape> {
    let length = hidden.len();
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    vec![
        ("chunks as they should be", "Transfer-Encoding: chunked".into(), chunk, AsOneBody),
        (
            "a chunk that ends in a bare LF",
            "Transfer-Encoding: chunked".into(),
            format!("{length:x}\n{hidden}\n0\n\n"),
            Refused,
        ),
        (
            "a chunk's extension with a bare LF",
            "Transfer-Encoding: chunked".into(),
            format!("1;a\nb\r\nX\r\n0\r\n\r\n{hidden}"),
            Refused,
        ),
        (
            "a chunk's size with a sign",
            "Transfer-Encoding: chunked".into(),
            format!("+{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "a chunk's size with a prefix",
            "Transfer-Encoding: chunked".into(),
            format!("0x{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "a chunk's size beyond all",
            "Transfer-Encoding: chunked".into(),
            format!("10000000000000000\r\n{hidden}"),
            Refused,
        ),
        (
            "a chunk longer than its size",
            "Transfer-Encoding: chunked".into(),
            format!("1\r\nab\r\n0\r\n\r\n{hidden}"),
            Refused,
        ),
        (
            "a chunk's size with a space after it",
            "Transfer-Encoding: chunked".into(),
            format!("{length:x} \r\n{hidden}\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "a chunk's extension beyond all",
            "Transfer-Encoding: chunked".into(),
            format!("1;{}\r\nX\r\n0\r\n\r\n{hidden}", "a".repeat(5_000)),
            Refused,
        ),
        (
            "a trailer without a colon",
            "Transfer-Encoding: chunked".into(),
            format!("1\r\nX\r\n0\r\nhidden\r\n\r\n{hidden}"),
            Refused,
        ),
        (
            "a trailer that ends in a bare LF",
            "Transfer-Encoding: chunked".into(),
            format!("1\r\nX\r\n0\r\nA: b\n\r\n{hidden}"),
            Refused,
        ),
        (
            "trailers and extensions as they should be",
            "Transfer-Encoding: chunked".into(),
            format!("{length:x};a=\"b c\"\r\n{hidden}\r\n0;a\r\nA: b\r\nC:\r\n\r\n"),
            AsOneBody,
        ),
    ]
}

#[tokio::test]
async fn no_request_is_read_in_two_ways() {
    let target = Target::start().await;
    let token = &target.token;
    let hidden = hidden(token);
    let shapes = [shapes(&hidden), shapes_of_chunks(&hidden)].concat();
    let mut counts = [0; 2];
    for (name, fields, body, taken) in &shapes {
        let host = if name.contains("host") { "" } else { "Host: a\r\n" };
        let fields = if fields.is_empty() { String::new() } else { format!("{fields}\r\n") };
        // A request that is open to all, so that what it is answered does not hang on what it says.
        let version = if name.contains("HTTP/1.0") { "1.0" } else { "1.1" };
        let request = format!("POST /shared/access-tokens HTTP/{version}\r\n{host}{fields}\r\n{body}");
        let mut connection = target.connect(&[b"http/1.1"]).await;
        assert!(connection.send(request.as_bytes()).await, "{name}");
        // The connection's next request, if it is read at all, is known by its answer.
        connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let said = String::from_utf8_lossy(&connection.read_to_the_end().await).into_owned();
        let answers = said.matches("HTTP/1.").count();
        assert!(said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.0 4"), "{name}: {said}");
        match taken {
            Refused => {
                assert!(
                    said.starts_with("HTTP/1.1 400 ") && said.contains("\r\nconnection: close\r\n"),
                    "{name}: {said}"
                );
                assert_eq!(answers, 1, "{name} was read on: {said}");
            }
            AsOneBody => {
                assert!(answers == 2 && said.contains("HTTP/1.1 200 OK"), "{name} hid the next request: {said}");
            }
        }
        counts[usize::from(*taken == AsOneBody)] += 1;
    }

    let answer = target.site.client(false).get(format!("{}/parking/zones?operator_id=smuggler", target.site.base));
    let zones: Value = answer.bearer_auth(token).send().await.unwrap().json().await.unwrap();
    assert_eq!(zones["data"], serde_json::json!([]), "what was hidden was done");
    println!(
        "hostile: {} shapes to smuggle with: {} refused, {} read in the one way",
        shapes.len(),
        counts[0],
        counts[1]
    );
}
