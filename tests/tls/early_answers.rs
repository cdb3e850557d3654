//! HTTP/2 answers that come before the request's body has ended: a client that has to send all of it first gets them
//! too, and one that sends for ever does not (RFC 9113 section 8.1).

use std::future::poll_fn;
use std::time::Duration;

use actix_web::web::Bytes;
use boomgate::listener::ConnectionLimits;
use h2::{Reason, SendStream};

use crate::small_server::{PATIENCE, Server};

/// A bound that a test waits for.
const SOON: Duration = Duration::from_millis(100);
/// What a stream may send before any of it is read.
const WINDOW: usize = 64 * 1_024;

/// A request whose body is still to be sent, answered already.
async fn refused(client: &mut h2::client::SendRequest<Bytes>, server: &Server, method: &str) -> SendStream<Bytes> {
    let request = http::Request::builder().method(method).uri(server.url("/nothing")).body(()).unwrap();
    let (answer, stream) = client.send_request(request, false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 404);
    let mut body = answer.into_body();
    while let Some(data) = tokio::time::timeout(PATIENCE, body.data()).await.unwrap() {
        data.unwrap();
    }
    stream
}

/// Sends up to so many bytes, as the server makes room; how many before the stream was reset.
async fn send(stream: &mut SendStream<Bytes>, most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        stream.reserve_capacity((most - sent).min(16 * 1_024));
        // The server makes room, or resets the stream.
        let room = tokio::time::timeout(PATIENCE, poll_fn(|context| stream.poll_capacity(context))).await;
        let Some(Ok(room)) = room.unwrap() else { break };
        if stream.send_data(Bytes::from(vec![b'a'; room]), false).is_err() {
            break;
        }
        sent += room;
    }
    sent
}

async fn reset(stream: &mut SendStream<Bytes>) -> Reason {
    let reset = poll_fn(|context| stream.poll_reset(context));
    tokio::time::timeout(PATIENCE, reset).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_rest_of_a_body_is_received_after_the_answer() {
    let server = Server::start(&[], ConnectionLimits { disconnect_timeout: SOON, ..ConnectionLimits::default() });
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    for method in ["POST", "HEAD", "DELETE"] {
        let mut stream = refused(&mut client, &server, method).await;
        assert_eq!(send(&mut stream, 1_000_000).await, 1_000_000, "{method}");
        stream.send_data(Bytes::new(), true).unwrap();
    }
    // Nothing is wrong with the connection.
    refused(&mut client, &server, "POST").await;
}

#[tokio::test]
async fn a_body_without_an_end_is_reset_past_the_bound() {
    let server = Server::start(
        &[],
        ConnectionLimits { max_discarded_bytes: 200_000, disconnect_timeout: SOON, ..ConnectionLimits::default() },
    );
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let mut stream = refused(&mut client, &server, "POST").await;
    let sent = send(&mut stream, 10_000_000).await;
    assert!((150_000..200_000 + 2 * WINDOW).contains(&sent), "{sent} bytes");
    assert_eq!(reset(&mut stream).await, Reason::NO_ERROR);
}

#[tokio::test]
async fn all_bodies_of_a_connection_have_one_bound() {
    let server = Server::start(
        &[],
        ConnectionLimits { max_discarded_bytes: 100_000, disconnect_timeout: SOON, ..ConnectionLimits::default() },
    );
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let mut streams = Vec::new();
    let mut sent = Vec::new();
    for _ in 0..4 {
        let mut stream = refused(&mut client, &server, "POST").await;
        // Each stays below the bound of its own, and open.
        sent.push(send(&mut stream, 90_000).await);
        streams.push(stream);
    }
    // The third and all after it would make more than twice the bound of one.
    for stream in streams.iter_mut().skip(2) {
        assert_eq!(reset(stream).await, Reason::NO_ERROR, "{sent:?}");
    }
    // Room is there again once others have ended.
    streams.truncate(2);
    for stream in &mut streams {
        stream.send_data(Bytes::new(), true).unwrap();
    }
    let mut stream = refused(&mut client, &server, "POST").await;
    assert_eq!(send(&mut stream, 90_000).await, 90_000);
}

#[tokio::test]
async fn a_body_that_trickles_or_stops_is_reset_in_time() {
    let server = Server::start(
        &[],
        ConnectionLimits { discard_timeout: SOON, disconnect_timeout: SOON, ..ConnectionLimits::default() },
    );
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let mut stops = refused(&mut client, &server, "POST").await;
    assert_eq!(reset(&mut stops).await, Reason::NO_ERROR);
    let mut trickles = refused(&mut client, &server, "POST").await;
    let ended = async { while send(&mut trickles, 1).await == 1 {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(reset(&mut trickles).await, Reason::NO_ERROR);
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_bound_for_bodies_that_do_not_matter() {
    let limits = ConnectionLimits {
        discard_timeout: 10 * PATIENCE,
        disconnect_timeout: SOON,
        shutdown_timeout: 10 * PATIENCE,
        ..ConnectionLimits::default()
    };
    let mut server = Server::start(&[], limits);
    let (mut client, connection) = server.http2().await;
    let connection = tokio::spawn(connection);
    let mut stream = refused(&mut client, &server, "POST").await;
    server.stop();
    assert_eq!(reset(&mut stream).await, Reason::NO_ERROR);
    tokio::time::timeout(PATIENCE, &mut server.ended).await.unwrap().unwrap();
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_bound_for_bodies_that_the_app_reads() {
    let limits =
        ConnectionLimits { disconnect_timeout: SOON, shutdown_timeout: 10 * PATIENCE, ..ConnectionLimits::default() };
    let mut server = Server::start(&[], limits);
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let request = http::Request::builder().method("POST").uri(server.url("/echo")).body(()).unwrap();
    let (answer, _stream) = client.send_request(request, false).unwrap();
    // What is answered shows that the request before it has come, too.
    refused(&mut client, &server, "POST").await;
    server.stop();
    tokio::time::timeout(PATIENCE, &mut server.ended).await.unwrap().unwrap();
    assert!(answer.await.is_ok_and(|answer| answer.status().is_client_error()));
}

#[tokio::test]
async fn clients_that_say_nothing_more_hold_no_streams() {
    let limits = ConnectionLimits {
        discard_timeout: 10 * PATIENCE,
        discard_silence_timeout: SOON,
        ..ConnectionLimits::default()
    };
    let server = Server::start(&[], limits);
    let (mut client, connection) = server.http2().await;
    tokio::spawn(connection);
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(refused(&mut client, &server, "POST").await);
    }
    for stream in &mut silent {
        assert_eq!(reset(stream).await, Reason::NO_ERROR);
    }
    refused(&mut client, &server, "GET").await;
}
