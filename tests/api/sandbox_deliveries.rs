//! Answers that come slowly, in part or not at all, over HTTP/1.1 and HTTP/2.

use std::time::Duration;

use boomgate::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::json;

use crate::harness::{ZONES, answer};
use crate::raw::{End, Http1, http2};
use crate::sandbox_effects::{Site, ask};

/// Longer than any step of these tests that is meant to happen.
const LONG: &str = "1m";

/// Lists zones over HTTP/1.1, with every byte until the end.
async fn raw_zones(site: &Site) -> (String, End) {
    let mut connection = Http1::to(&site.server).await;
    let head = format!("GET {ZONES}?limit=2 HTTP/1.1\r\nAuthorization: Bearer {}", site.token);
    connection.send(&head, "").await;
    connection.read_to_the_end().await
}

#[tokio::test]
async fn a_connection_of_http_1_ends_as_the_fault_says() {
    let site = Site::start().await;
    for (close, end) in [
        ("before_headers", End::Closed),
        ("mid_headers", End::Cut),
        ("mid_body", End::Cut),
        ("reset", End::Reset),
        ("goaway", End::Closed),
        ("rst_stream", End::Closed),
    ] {
        site.fault("resource", json!({ "close": close })).await;
        let (received, ended) = raw_zones(&site).await;
        assert_eq!(ended, end, "{close}");
        match close {
            "mid_headers" => {
                assert!(received.starts_with("HTTP/1.1 200 OK\r\n") && !received.contains("\r\n\r\n"), "{received}");
            }
            "mid_body" => {
                let (head, body) = received.split_once("\r\n\r\n").unwrap();
                let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2, "{received}");
                assert!(head.contains("boomgate-fault: on-purpose"), "{head}");
            }
            _ => assert_eq!(received, "", "{close}"),
        }
    }
    site.fault("resource", json!({ "truncate_after": 10 })).await;
    let (received, ended) = raw_zones(&site).await;
    assert_eq!((received.split_once("\r\n\r\n").unwrap().1.len(), ended), (10, End::Cut));
    site.fault("resource", json!({ "timeout": "50ms" })).await;
    assert_eq!(raw_zones(&site).await, (String::new(), End::Closed));
}

#[tokio::test]
async fn a_connection_of_http_2_ends_as_the_fault_says() {
    let site = Site::start().await;
    for close in ["before_headers", "mid_headers", "mid_body", "reset", "goaway", "rst_stream"] {
        site.clear().await;
        let (mut requests, ended) = http2(&site.server).await;
        let (_, whole) = ask(&mut requests, &site.token).await.unwrap();
        site.fault("resource", json!({ "close": close })).await;
        let (received, error) = ask(&mut requests, &site.token).await.unwrap_err();
        let told = format!("{close}: {error:?}");
        match close {
            "mid_body" => assert_eq!(received, Some((200, whole[..whole.len() / 2].to_vec())), "{told}"),
            _ => assert_eq!(received, None, "{told}"),
        }
        site.clear().await;
        match close {
            "goaway" => {
                let ended = ended.await.unwrap().unwrap_err();
                assert!(ended.is_go_away() && ended.is_remote(), "{ended:?}");
                assert_eq!(ended.reason(), Some(h2::Reason::INTERNAL_ERROR), "{ended:?}");
                continue;
            }
            "rst_stream" => {
                assert!(error.is_reset() && error.is_remote(), "{told}");
                assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR), "{told}");
                assert_eq!(ask(&mut requests, &site.token).await.unwrap().0, 200, "the connection goes on");
                continue;
            }
            _ => assert!(error.is_io(), "{told}"),
        }
        let kind = ended.await.unwrap().unwrap_err().into_io().map(|error| error.kind());
        match close {
            "reset" => assert_eq!(kind, Some(std::io::ErrorKind::ConnectionReset), "{told}"),
            _ => assert_eq!(kind, Some(std::io::ErrorKind::UnexpectedEof), "{told}"),
        }
    }
}

#[tokio::test]
async fn a_slow_answer_is_whole_in_the_end() {
    let site = Site::start().await;
    for client in &site.clients {
        site.clear().await;
        let real = site.zones(client).await;
        let least = Duration::from_millis(300);
        for effect in [
            json!({ "delay": "300ms" }),
            json!({ "delay": { "uniform": ["300ms", "310ms"] } }),
            json!({ "delay": { "log_normal": { "median": "400ms", "sigma": 0.01, "cap": "500ms" } } }),
            json!({ "dribble": { "chunks": 3, "over": "300ms" } }),
            json!({ "bandwidth": real.body.len() * 2 }),
            json!({ "problem": "unavailable", "delay": "300ms" }),
        ] {
            site.fault("resource", effect.clone()).await;
            let start = SystemClock::new();
            let slow = site.zones(client).await;
            assert!(start.monotonic() >= least, "{effect}: {:?}", start.monotonic());
            if effect["problem"].is_null() {
                assert_eq!((slow.status, &slow.body), (200, &real.body), "{effect}");
            } else {
                assert_eq!(slow.status, 503);
            }
        }
    }
}

#[tokio::test]
async fn a_held_answer_holds_neither_the_clock_nor_the_stop() {
    let site = Site::start().await;
    site.fault("resource", json!({ "timeout": LONG })).await;
    let (mut requests, _ended) = http2(&site.server).await;
    let mut connection = Http1::to(&site.server).await;
    let get = format!("GET {ZONES} HTTP/1.1\r\nAuthorization: Bearer {}", site.token);
    connection.send(&get, "").await;
    let token = site.token.clone();
    let waiting = tokio::spawn(async move { ask(&mut requests, &token).await.is_err() });
    while !site.metric("boomgate_faults_injected_total{effect=\"timeout\"}").await.ends_with(" 2") {}
    let frozen = site.server.control(Method::GET, "/sandbox/clock", None).await;
    assert_eq!(frozen.status, 200);
    let start = SystemClock::new();
    let (ended, _folder) = site.server.end().await;
    ended.unwrap();
    assert!(start.monotonic() < Duration::from_secs(30), "{:?}", start.monotonic());
    assert!(waiting.await.unwrap());
    assert_eq!(connection.read_to_the_end().await.0, "");
}

#[tokio::test]
async fn an_answer_without_a_body_is_disturbed_too() {
    let site = Site::start().await;
    site.fault("resource", json!({ "close": "before_headers" })).await;
    for client in &site.clients {
        let head = client.head(format!("{}{ZONES}", site.server.base)).bearer_auth(&site.token);
        assert!(head.send().await.is_err());
    }
    site.fault("resource", json!({ "delay": "200ms" })).await;
    for client in &site.clients {
        let start = SystemClock::new();
        let head = answer(client.head(format!("{}{ZONES}", site.server.base)).bearer_auth(&site.token)).await;
        assert!(head.status == 200 && start.monotonic() >= Duration::from_millis(200), "{head:?}");
        assert_ne!(head.header("content-length"), "", "{head:?}");
    }
}
