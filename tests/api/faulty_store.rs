//! A store of which any one call fails, under the whole API. Whether the call took effect or not: a refused change is not
//! made, a change that is sent again is made once, and every count stays exact.
//!
//! `tests/outage` lets real disks fail; here each call of each step fails in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use boomgate::audit::{Head, Line, LogVerifier};
use boomgate::store::{Key, MemoryStore, Outcome, Store, StoreError, Txn, Value as Stored, Watch};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, TestServer, WRITER, answer};

/// Whether a failed call had no effect, or its whole effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    Before,
    After,
}

/// How often a caller sends a request again that was answered with 503.
const ATTEMPTS: usize = 4;
const QUOTA: u64 = 7;
const RAISED: u64 = 9;

/// A store of which one call fails.
struct FaultyStore {
    store: MemoryStore,
    fails: Fails,
    /// How many more calls succeed; `NEVER` while none must fail.
    calls_left: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl FaultyStore {
    fn new(fails: Fails) -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), fails, calls_left: AtomicU64::new(NEVER) })
    }

    /// Lets one call fail after so many more calls.
    fn fail_after(&self, calls: u64) {
        self.calls_left.store(calls, Ordering::SeqCst);
    }

    /// Whether the call has failed. From now on no call fails.
    fn has_failed(&self) -> bool {
        self.calls_left.swap(NEVER, Ordering::SeqCst) == NEVER
    }

    fn is_to_fail(&self) -> bool {
        let next = |left: u64| match left {
            NEVER => None,
            0 => Some(NEVER),
            left => Some(left - 1),
        };
        self.calls_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) == Ok(0)
    }
}

fn failure() -> StoreError {
    StoreError::Unavailable("the test lets it fail".into())
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        if self.is_to_fail() { Err(failure()) } else { self.store.get(key).await }
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Stored)>, StoreError> {
        if self.is_to_fail() { Err(failure()) } else { self.store.scan(prefix, after, limit).await }
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        if !self.is_to_fail() {
            return self.store.commit(txn).await;
        }
        if self.fails == Fails::After {
            let _unknown_to_the_caller = self.store.commit(txn).await?;
        }
        Err(failure())
    }

    fn watch(&self) -> Watch {
        self.store.watch()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

/// A caller of whom at most one request is answered with 503.
struct Caller<'s> {
    server: &'s TestServer,
    admin: String,
    refused: usize,
}

impl Caller<'_> {
    /// Sends a request until the answer is not 503.
    async fn insist(&mut self, request: RequestBuilder) -> Answer {
        for _ in 0..ATTEMPTS {
            let answer = answer(request.try_clone().unwrap()).await;
            if answer.status != 503 {
                return answer;
            }
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
            self.refused += 1;
        }
        panic!("one call failed, and more than one request was refused");
    }

    async fn admin(&mut self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.server.request(method, path).bearer_auth(&self.admin).json(body);
        let answer = self.insist(request).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    /// How many requests are admitted until the daily quota is used up.
    async fn exhaust(&mut self, token: &str) -> u64 {
        let mut admitted = 0;
        loop {
            let request = self.server.request(Method::GET, "/parking/zones?limit=1").bearer_auth(token);
            let answer = self.insist(request).await;
            match answer.status {
                200 => admitted += 1,
                429 => return admitted,
                _ => panic!("{answer:?}"),
            }
            assert!(admitted <= RAISED, "admitted above the quota");
        }
    }
}

#[tokio::test]
async fn all_counts_stay_exact_whichever_call_of_the_store_fails_without_effect() {
    fail_each_call(Fails::Before).await;
}

#[tokio::test]
async fn all_counts_stay_exact_whichever_call_of_the_store_fails_after_its_effect() {
    fail_each_call(Fails::After).await;
}

async fn fail_each_call(fails: Fails) {
    let store = FaultyStore::new(fails);
    let server = TestServer::start_over(store.clone()).await;
    let mut calls = 0;
    loop {
        // No request meets a throttle.
        server.clock.advance(Duration::from_secs(60));
        let admin = server.admin_token().await;
        let mut caller = Caller { server: &server, admin, refused: 0 };
        store.fail_after(calls);
        go_through_everything(&mut caller, calls).await;
        if !store.has_failed() {
            break;
        }
        assert!(caller.refused <= 1, "{fails:?} at call {calls}: {} refusals", caller.refused);
        assert_audit_is_unbroken(&caller).await;
        calls += 1;
    }
    assert!(calls > 30, "only {calls} calls of the store: less is tried than there is");
}

/// Makes each change once, as a caller that sends a refused request again.
async fn go_through_everything(caller: &mut Caller<'_>, calls: u64) {
    let server = caller.server;
    let name = format!("faulty-{calls}");
    let body = json!({
        "client_name": name, "scope": "read:zones", "daily_quota": QUOTA,
        "requests_per_second": 10_000, "burst": 10_000,
    });
    let client = caller.admin(Method::POST, "/admin/clients", &body).await;
    let [client_id, secret] = ["client_id", "client_secret"].map(|name| client[name].as_str().unwrap().to_owned());
    let path = format!("/admin/clients/{client_id}");
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;

    // A block is one unit: a failed lease may have cost one, and none is spent twice.
    let admitted = caller.exhaust(&token).await;
    assert!((QUOTA - 1..=QUOTA).contains(&admitted), "{admitted} of {QUOTA}");
    caller.admin(Method::PATCH, &path, &json!({ "daily_quota": RAISED })).await;
    let more = caller.exhaust(&token).await;
    assert!((RAISED - 1..=RAISED).contains(&(admitted + more)), "{admitted} and {more} of {RAISED}");

    let rotated = caller.admin(Method::POST, &format!("{path}/secrets"), &json!({ "previous_expires_in": 0 })).await;
    let secret = rotated["client_secret"].as_str().unwrap();
    let revoked = server.token_with(&client_id, secret, AUDIENCE, None).await;
    let form = [("token", revoked.as_str()), ("client_id", &client_id), ("client_secret", secret)];
    let answer = caller.insist(server.request(Method::POST, "/oauth2/revoke").form(&form)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.get("/parking/zones", &revoked).await.problem(), "token-revoked");
    caller.admin(Method::PATCH, &path, &json!({ "status": "suspended" })).await;
    assert_eq!(server.get("/parking/zones", &token).await.status, 401);
    caller.admin(Method::POST, "/admin/keys/rotate", &json!({})).await;
    go_through_a_zone(caller, &name).await;
    caller.admin(Method::GET, &format!("{path}/usage"), &json!({})).await;
}

async fn go_through_a_zone(caller: &mut Caller<'_>, name: &str) {
    let server = caller.server;
    let writer = server.token(WRITER).await;
    let body = json!({
        "number": name, "name": name, "operator_id": "faulty", "session_type": "space",
        "location": { "latitude": 47.5, "longitude": 8.7 },
    });
    let create = server.request(Method::POST, "/parking/zones").bearer_auth(&writer).json(&body);
    let created = caller.insist(create.header("Idempotency-Key", name)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let list = server.get("/parking/zones?operator_id=faulty", &writer).await.json();
    assert_eq!(list["data"], json!([created.json()]), "one zone, however often it was asked for");
    let path = format!("/parking/zones/{}", created.json()["id"].as_str().unwrap());
    let change = server.request(Method::PATCH, &path).bearer_auth(&writer).json(&json!({ "name": "Changed" }));
    assert_eq!(caller.insist(change).await.json()["name"], "Changed");
    let deleted = caller.insist(server.request(Method::DELETE, &path).bearer_auth(&writer)).await;
    // The first request has deleted it, so the second does not find it.
    assert!(deleted.status == 204 || (caller.refused == 1 && deleted.status == 404), "{deleted:?}");
    assert_eq!(server.get(&path, &writer).await.status, 404);
}

async fn assert_audit_is_unbroken(caller: &Caller<'_>) {
    let mut chain = LogVerifier::new();
    loop {
        let after = chain.last().number;
        let page = caller.server.get(&format!("/admin/audit?limit=100&after={after}"), &caller.admin).await.json();
        let lines: Vec<Line> = serde_json::from_value(page["data"].clone()).unwrap();
        for line in &lines {
            chain.follow(line).unwrap();
        }
        let head: Head = serde_json::from_value(page["head"].clone()).unwrap();
        if chain.last().number == head.number {
            return chain.end(&head).unwrap();
        }
        assert!(!lines.is_empty());
    }
}
