//! The server as its clients reach it, for as long as one process lives.
//!
//! Shared by test programs that each use a part of it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::process::{ADMIN_AUDIENCE, AUDIENCE, Site, demo_secret};

/// Clients with connections to one server process, and tokens of two demo clients.
pub struct Gate {
    /// Over HTTP/1.1: many connections.
    many: Client,
    /// Over HTTP/2: one connection.
    one: Client,
    base: String,
    pub admin: String,
    pub writer: String,
    killed: AtomicBool,
}

/// What was asked for has not been answered: the server was killed.
pub enum Unanswered {
    /// The server cannot have seen the request.
    Unsent,
    /// It may have done what was asked, or not.
    Unknown,
}

/// An answer, whole.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Gate {
    pub async fn open(site: &Site) -> Self {
        let (many, one, base) = (site.client(false), site.client(true), site.base.clone());
        let killed = AtomicBool::new(false);
        let mut gate = Self { many, one, base, admin: String::new(), writer: String::new(), killed };
        gate.admin = gate.sure_token("demo-admin", demo_secret("demo-admin"), ADMIN_AUDIENCE).await;
        gate.writer = gate.sure_token("demo-writer", demo_secret("demo-writer"), AUDIENCE).await;
        gate
    }

    /// From now on a request may stay without an answer.
    pub fn will_be_killed(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.one.request(method, format!("{}{path}", self.base))
    }

    pub fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token)
    }

    /// The same, on a connection that no other request uses at that time.
    pub fn get_alone(&self, path: &str, token: &str) -> RequestBuilder {
        self.many.get(format!("{}{path}", self.base)).bearer_auth(token)
    }

    /// Sends it. The server answers, unless it was killed.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, Unanswered> {
        let refused = |error: reqwest::Error| {
            assert!(self.killed.load(Ordering::SeqCst), "no answer, and the server was not killed: {error:?}");
            if error.is_connect() { Unanswered::Unsent } else { Unanswered::Unknown }
        };
        let response = request.send().await.map_err(refused)?;
        let status = response.status().as_u16();
        assert!(status < 500, "{status} from {}", response.url());
        let body = response.bytes().await.map_err(refused)?.to_vec();
        Ok(Answer { status, body })
    }

    /// The same, from a server that will not be killed meanwhile; again while it is throttled, for at most
    /// ten seconds: operators' clients may send a thousand requests a second, and the last look is at more.
    pub async fn sure(&self, request: RequestBuilder) -> Answer {
        for _ in 0..10 {
            let again = request.try_clone().expect("a body that can be sent again");
            let answer = self.send(again).await.unwrap_or_else(|_| panic!("no answer"));
            if !answer.text().contains("\"violated-policies\":[\"second\"]") {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        self.send(request).await.unwrap_or_else(|_| panic!("no answer"))
    }

    /// A token request of this client's.
    pub fn token_request(&self, client_id: &str, secret: &str, audience: &str) -> RequestBuilder {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("audience", audience),
        ];
        self.request(Method::POST, "/shared/access-tokens").form(&form)
    }

    /// A token, from a server that will not be killed meanwhile.
    pub async fn sure_token(&self, client_id: &str, secret: &str, audience: &str) -> String {
        let answer = self.sure(self.token_request(client_id, secret, audience)).await;
        assert_eq!(answer.status, 200, "a token for {client_id}: {}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}
