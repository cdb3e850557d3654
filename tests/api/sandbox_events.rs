//! Who follows the journal of a sandbox: server-sent events, one for each request.

use boomgate::api::sandbox::request::{MissedRequests, RecordedRequest, RequestLine};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, Response};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{TestServer, WRITER, ZONES, answer};
use crate::raw::connect;

const REQUESTS: &str = "/sandbox/requests";

/// Server-sent events as they arrive.
struct Events {
    response: Response,
    unread: String,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: String,
}

impl Events {
    async fn follow(server: &TestServer, query: &str, last_event_id: Option<u64>) -> Self {
        let mut request =
            server.request(Method::GET, &format!("{REQUESTS}{query}")).bearer_auth(server.control_token());
        request = request.header(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { response, unread: String::new() };
        // From its first bytes on, nothing is missed.
        let begin = events.block().await.unwrap();
        assert!(begin.starts_with(": requests after "), "{begin}");
        events
    }

    /// The lines up to an empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(block);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let block = self.block().await?;
        let mut event = Event::default();
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("id", id)) => id.clone_into(&mut event.id),
                Some(("data", data)) => data.clone_into(&mut event.data),
                _ => panic!("{line}"),
            }
        }
        Some(event)
    }
}

#[tokio::test]
async fn who_follows_the_journal_sees_each_request_and_misses_none_after_a_break() {
    let server = TestServer::start().await;
    let mut events = Events::follow(&server, "?path=/livez", None).await;
    let ask = async |path: &str| answer(server.request(Method::GET, path)).await;
    ask("/livez").await;
    ask("/readyz").await;
    ask("/livez").await;
    let mut last = 0;
    for _ in 0..2 {
        let Event { name, id, data } = events.next().await.unwrap();
        let line: RequestLine = serde_json::from_str(&data).unwrap();
        assert_eq!((name.as_str(), line.path.as_str(), id), ("request", "/livez", line.number.to_string()));
        last = line.number;
    }
    drop(events);
    ask("/livez").await;
    let mut resumed = Events::follow(&server, "?path=/livez", Some(last)).await;
    ask("/livez").await;
    let seen = [resumed.next().await.unwrap().id, resumed.next().await.unwrap().id];
    assert_eq!(seen, [last + 1, last + 2].map(|number| number.to_string()));

    let wrong = server.request(Method::GET, REQUESTS).bearer_auth(server.control_token());
    let wrong = wrong.header(ACCEPT, "text/event-stream").header("Last-Event-ID", "abc");
    assert_eq!(answer(wrong).await.problem(), "malformed-request");
}

#[tokio::test]
async fn who_comes_back_too_late_learns_how_many_requests_it_missed() {
    let server = TestServer::start_with(|config| config.journal.requests = 2).await;
    for _ in 0..5 {
        answer(server.request(Method::GET, "/livez")).await;
    }
    let mut events = Events::follow(&server, "", Some(1)).await;
    let missed = events.next().await.unwrap();
    assert_eq!(missed.name, "missed");
    assert_eq!(serde_json::from_str::<MissedRequests>(&missed.data).unwrap().missed, 2);
    assert_eq!([events.next().await.unwrap().id, events.next().await.unwrap().id], ["4", "5"]);
}

#[tokio::test]
async fn who_comes_back_after_a_restart_hears_of_it_and_gets_every_request() {
    // The journal of a sandbox that has just started, as after a restart.
    let server = TestServer::start_with(|config| config.journal.requests = 2).await;
    for number in [21, u64::MAX] {
        let mut events = Events::follow(&server, "?path=/livez&since=21", Some(number)).await;
        let restarted = events.next().await.unwrap();
        let expected = MissedRequests { missed: 0, has_restarted: true };
        assert_eq!((restarted.name.as_str(), restarted.id.as_str()), ("missed", "0"));
        assert_eq!(serde_json::from_str::<MissedRequests>(&restarted.data).unwrap(), expected);
    }
    for _ in 0..3 {
        answer(server.request(Method::GET, "/livez")).await;
    }
    let mut events = Events::follow(&server, "?path=/livez&since=21", None).await;
    let restarted = events.next().await.unwrap();
    let expected = MissedRequests { missed: 1, has_restarted: true };
    assert_eq!(serde_json::from_str::<MissedRequests>(&restarted.data).unwrap(), expected);
    assert_eq!([events.next().await.unwrap().id, events.next().await.unwrap().id], ["2", "3"]);

    // The same number finds and counts them.
    let listed = server.control(Method::GET, &format!("{REQUESTS}?since=21"), None).await;
    assert_eq!(listed.json()["data"].as_array().unwrap().len(), 2);
    let count = server.control(Method::POST, &format!("{REQUESTS}/count"), Some(&json!({ "since": 21 }))).await;
    assert_eq!(count.json()["count"], 2);
    let none = server.control(Method::POST, &format!("{REQUESTS}/count"), Some(&json!({ "since": 3 }))).await;
    assert_eq!(none.json()["count"], 0);
}

#[tokio::test]
async fn only_so_many_follow_at_once_and_a_stop_ends_them() {
    let server = TestServer::start().await;
    let mut followers = Vec::new();
    for _ in 0..16 {
        followers.push(Events::follow(&server, "", None).await);
    }
    let one_more = server.request(Method::GET, REQUESTS).bearer_auth(server.control_token());
    let one_more = answer(one_more.header(ACCEPT, "text/event-stream")).await;
    assert_eq!((one_more.status, one_more.problem().as_str()), (503, "unavailable"));
    let stopped = server.stop();
    let ended = async {
        for mut follower in followers {
            assert!(follower.next().await.is_none());
        }
    };
    tokio::join!(stopped, ended);
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_recorded() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let mut stream = connect(&server, &[]).await;
    let head = format!(
        "POST {ZONES} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: gone\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{\"name\":"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // The server has answered, or given up, when it closes.
    let _end = stream.read_to_end(&mut Vec::new()).await;
    drop(stream);
    let mut follower = Events::follow(&server, "?since=0", None).await;
    let gone = loop {
        let event = follower.next().await.unwrap();
        if event.data.contains("\"gone\"") {
            break event;
        }
    };
    let line: RequestLine = serde_json::from_str(&gone.data).unwrap();
    let answer = server.control(Method::GET, &format!("{REQUESTS}/gone"), None).await;
    let request = answer.read::<RecordedRequest>().request;
    assert_eq!((request.body.as_str(), request.body_bytes, request.is_complete), ("{\"name\":", 8, false), "{line:?}");
}
