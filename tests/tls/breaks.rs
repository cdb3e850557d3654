//! An answer that waits on purpose ends with its client.

use boomgate::listener::ConnectionLimits;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::small_server::{PATIENCE, Server};

async fn next(held: &mut UnboundedReceiver<()>) {
    timeout(PATIENCE, held.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pause_ends_when_the_client_of_http_1_goes_away() {
    let mut server = Server::start(&[], ConnectionLimits::default());
    let mut connection = server.connect();
    std::io::Write::write_all(&mut connection, b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    next(&mut server.entered).await;
    drop(connection);
    next(&mut server.entered).await;
}

#[tokio::test]
async fn a_pause_ends_when_the_client_of_http_2_resets_the_stream_or_closes() {
    let mut server = Server::start(&[], ConnectionLimits::default());
    for closes in [false, true] {
        let (mut requests, connection) = server.http2().await;
        let connection = tokio::spawn(connection);
        let request = http::Request::get("https://localhost/held").body(()).unwrap();
        let (response, _) = requests.send_request(request, true).unwrap();
        next(&mut server.entered).await;
        if closes {
            connection.abort();
        } else {
            drop(response);
        }
        next(&mut server.entered).await;
    }
}
