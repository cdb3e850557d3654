//! Bodies that are refused before they are sent (RFC 9110 section 10.1.1): who declares too much is answered at once, and
//! no client is asked to send secrets over plain HTTP.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::target::Target;

#[tokio::test]
async fn a_body_declared_too_large_is_refused_before_it_is_asked_for() {
    let target = Target::start().await;
    let bearer = format!("Authorization: Bearer {}", target.token);
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (path, field) in [("/oauth2/token", form), ("/oauth2/revoke", form), ("/parking/zones", bearer.as_str())] {
        for length in ["1000000", "1000000000", "18446744073709551615"] {
            for expect in ["", "Expect: 100-continue\r\n"] {
                let head =
                    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n{expect}Content-Length: {length}\r\n\r\n");
                let mut connection = target.connect(&[b"http/1.1"]).await;
                assert!(connection.send(head.as_bytes()).await);
                // The answer is there, although nothing of the body is.
                let mut start = [0; "HTTP/1.1 413".len()];
                connection.stream.read_exact(&mut start).await.unwrap();
                assert_eq!(String::from_utf8_lossy(&start), "HTTP/1.1 413", "{path} {length} {expect}");
            }
        }
    }
    // A body of the right length is still asked for.
    let mut connection = target.connect(&[b"http/1.1"]).await;
    let head = format!("POST /oauth2/token HTTP/1.1\r\nHost: a\r\n{form}\r\nExpect: 100-continue\r\n");
    assert!(connection.send(format!("{head}Content-Length: 10\r\n\r\n").as_bytes()).await);
    let mut start = [0; "HTTP/1.1 100".len()];
    connection.stream.read_exact(&mut start).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&start), "HTTP/1.1 100");
}

#[tokio::test]
async fn no_client_is_asked_to_send_a_body_in_the_clear() {
    let target = Target::start().await;
    let mut socket = target.dialer.socket().await.unwrap();
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 403 ") && !said.contains("100 Continue"), "{said}");
}
