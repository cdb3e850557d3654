//! What the server has acknowledged, and whether it still holds.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::Log;
use crate::clients::Registered;
use crate::gate::Gate;
use crate::random::Random;

/// Requests at a time while facts are verified.
const AT_ONCE: usize = 16;
/// About how many older facts of a kind are looked at in each round; the newest all are.
const OLDER_IN_A_ROUND: u64 = 20;

/// A zone that was created, and maybe changed since.
pub struct Zone {
    id: String,
    /// As last acknowledged; `None` when its deletion was.
    pub acknowledged: Option<Value>,
    /// A change that may have happened.
    pub pending: Option<Pending>,
}

/// A change of a zone.
pub enum Pending {
    Renamed(String),
    Deleted,
}

/// A zone whose creation was not answered.
pub struct Creation {
    pub idempotency_key: String,
    pub body: Value,
}

/// What was acknowledged in one life of the server.
#[derive(Default)]
pub struct Facts {
    pub clients: Vec<Registered>,
    pub zones: Vec<Zone>,
    /// Access tokens.
    pub revoked: Vec<String>,
    /// Identifiers of signing keys.
    pub kids: Vec<String>,
    /// How many changes the audit log has to tell of.
    pub audited: usize,
    pub in_doubt: Vec<Creation>,
}

/// What was acknowledged in all of them.
#[derive(Default)]
pub struct Ledger {
    facts: Facts,
    /// How many of each were there before the last life.
    older: [usize; 3],
    log: Log,
    retried: usize,
    looks: usize,
}

impl Zone {
    /// From the answer to its creation.
    pub fn of(answer: Value) -> Self {
        Self { id: answer["id"].as_str().unwrap().to_owned(), acknowledged: Some(answer), pending: None }
    }

    pub fn path(&self) -> String {
        format!("/parking/zones/{}", self.id)
    }

    async fn verify(&mut self, gate: &Gate) {
        let answer = gate.sure(gate.get(&self.path(), &gate.writer)).await;
        let found = (answer.status == 200).then(|| answer.json());
        assert!(found.is_some() || answer.status == 404, "{}", answer.text());
        let is_acknowledged = found == self.acknowledged;
        let may_be = match (&self.pending, &self.acknowledged, &found) {
            (Some(Pending::Deleted), _, None) => true,
            (Some(Pending::Renamed(name)), Some(acknowledged), Some(found)) => {
                found == &renamed(acknowledged, name, found)
            }
            _ => false,
        };
        assert!(is_acknowledged || may_be, "a zone was acknowledged as {:?} and is {found:?}", self.acknowledged);
        // The server has now answered what happened.
        (self.acknowledged, self.pending) = (found, None);
    }
}

fn renamed(acknowledged: &Value, name: &str, found: &Value) -> Value {
    let mut zone = acknowledged.clone();
    zone["name"] = name.into();
    zone["updated_at"] = found["updated_at"].clone();
    zone
}

impl Pending {
    /// A new name.
    pub fn renamed() -> Self {
        Self::Renamed(format!("Renamed {}", Uuid::new_v4()))
    }
}

impl Creation {
    pub fn request(&self, gate: &Gate) -> RequestBuilder {
        let request = gate.request(Method::POST, "/parking/zones").bearer_auth(&gate.writer);
        request.header("Idempotency-Key", &self.idempotency_key).json(&self.body)
    }

    /// Sends it again: whether or not it had happened, it has happened once.
    async fn retry(&self, gate: &Gate) -> Zone {
        let answer = gate.sure(self.request(gate)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let path = format!("/parking/zones?operator_id=crash&number={}", self.body["number"].as_str().unwrap());
        let listed = gate.sure(gate.get(&path, &gate.writer)).await;
        assert_eq!(listed.json()["data"], json!([answer.json()]));
        Zone::of(answer.json())
    }
}

async fn verify_revoked(token: &str, gate: &Gate) {
    let answer = gate.sure(gate.get("/parking/zones?limit=1", token)).await;
    let kind = answer.json()["type"].as_str().unwrap_or_default().rsplit('/').next().unwrap().to_owned();
    assert_eq!((answer.status, kind.as_str()), (401, "token-revoked"), "a revocation is lost");
}

async fn verify_keys(kids: &[String], gate: &Gate) {
    let answer = gate.sure(gate.get("/admin/keys", &gate.admin)).await.json();
    let found: BTreeSet<&str> =
        answer["data"].as_array().unwrap().iter().filter_map(|key| key["kid"].as_str()).collect();
    for kid in kids {
        assert!(found.contains(kid.as_str()), "the key {kid} is lost");
    }
}

impl Facts {
    pub fn add(&mut self, other: Self) {
        self.clients.extend(other.clients);
        self.zones.extend(other.zones);
        self.revoked.extend(other.revoked);
        self.kids.extend(other.kids);
        self.audited += other.audited;
        self.in_doubt.extend(other.in_doubt);
    }
}

impl Ledger {
    /// Takes in what the last life of the server acknowledged.
    pub fn add(&mut self, facts: Facts) {
        self.older = [self.facts.clients.len(), self.facts.zones.len(), self.facts.revoked.len()];
        self.facts.add(facts);
    }

    /// Looks at what the last life acknowledged and at some of what is older, or, without `random`, at
    /// everything.
    pub async fn verify(&mut self, gate: &Arc<Gate>, mut random: Option<&mut Random>) {
        for creation in std::mem::take(&mut self.facts.in_doubt) {
            self.facts.zones.push(creation.retry(gate).await);
            self.retried += 1;
        }
        let [clients, zones, revoked] = self.older;
        let gate = &**gate;
        let clients = chosen(&mut self.facts.clients, clients, random.as_deref_mut());
        let zones = chosen(&mut self.facts.zones, zones, random.as_deref_mut());
        let revoked = chosen(&mut self.facts.revoked, revoked, random);
        verify_keys(&self.facts.kids, gate).await;
        self.log.verify(gate, self.facts.audited).await;
        self.looks += clients.len() + zones.len() + revoked.len();
        stream::iter(clients).for_each_concurrent(AT_ONCE, |client| client.verify(gate)).await;
        stream::iter(zones).for_each_concurrent(AT_ONCE, |zone| zone.verify(gate)).await;
        stream::iter(revoked).for_each_concurrent(AT_ONCE, |token| verify_revoked(token, gate)).await;
    }
}

fn chosen<'f, T>(facts: &'f mut [T], older: usize, random: Option<&mut Random>) -> Vec<&'f mut T> {
    let Some(random) = random else { return facts.iter_mut().collect() };
    let mut is_chosen = |at: usize| at >= older || random.below(u64::try_from(older).unwrap()) < OLDER_IN_A_ROUND;
    facts.iter_mut().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, fact)| fact).collect()
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { clients, zones, revoked, kids, .. } = &self.facts;
        write!(out, "{} clients, {} zones, {} revocations, ", clients.len(), zones.len(), revoked.len())?;
        write!(out, "{} keys and {} audit entries acknowledged ", kids.len(), self.log.entries())?;
        write!(out, "({} looks, {} creations retried to exactly one zone)", self.looks, self.retried)
    }
}
