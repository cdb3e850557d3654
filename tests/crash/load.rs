//! Requests while the server lives: writers, each with facts of its own, and callers that share quotas.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::clients::{Change, Registered};
use crate::gate::{Gate, Unanswered};
use crate::ledger::{Creation, Facts, Pending, Zone};
use crate::process::{AUDIENCE, demo_secret};
use crate::random::Random;

const WRITERS: usize = 4;
/// Callers on connections of their own for each client with a quota.
const CALLERS_PER_CLIENT: usize = 2;
/// One change in so many is another signing key.
const KEY_EVERY: u64 = 60;
/// Requests after the first refusal: none of them may be admitted.
const CALLS_AFTER_REFUSAL: usize = 5;

/// What callers of one client have spent in one life of the server.
#[derive(Clone, Default)]
pub struct Spent {
    pub client_id: String,
    /// Answered with other than 429.
    pub admitted: u64,
    /// Sent, and not answered: spent or not.
    pub unanswered: u64,
    pub refused: bool,
}

/// Load that goes on until the server is killed.
pub struct Load {
    writers: JoinSet<Facts>,
    callers: JoinSet<Spent>,
}

/// Starts writers, and callers with these client identifiers and tokens.
pub fn start(gate: &Arc<Gate>, clients: Vec<(String, String)>, random: &mut Random) -> Load {
    let (mut writers, mut callers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..WRITERS {
        writers.spawn(write(gate.clone(), random.fork()));
    }
    for (client_id, token) in clients.into_iter().flat_map(|client| vec![client; CALLERS_PER_CLIENT]) {
        callers.spawn(call(gate.clone(), client_id, token));
    }
    Load { writers, callers }
}

impl Load {
    /// Waits until every task has noticed that the server is gone.
    pub async fn finish(self) -> (Facts, Vec<Spent>) {
        let mut all = Facts::default();
        for facts in self.writers.join_all().await {
            all.add(facts);
        }
        (all, self.callers.join_all().await)
    }
}

/// Calls until the server is gone, or has refused for good.
pub async fn call(gate: Arc<Gate>, client_id: String, token: String) -> Spent {
    let mut spent = Spent { client_id, ..Spent::default() };
    let mut calls_left = CALLS_AFTER_REFUSAL;
    while calls_left > 0 {
        match gate.send(gate.get_alone("/parking/zones?limit=1", &token)).await {
            Ok(answer) if answer.status == 200 => spent.admitted += 1,
            Ok(answer) => {
                assert_eq!(answer.status, 429, "{}", answer.text());
                assert_eq!(answer.json()["violated-policies"], json!(["day"]), "{}", answer.text());
                spent.refused = true;
                calls_left -= 1;
            }
            Err(Unanswered::Unsent) => break,
            Err(Unanswered::Unknown) => {
                spent.unanswered += 1;
                break;
            }
        }
    }
    spent
}

/// Changes things until the server is gone.
async fn write(gate: Arc<Gate>, mut random: Random) -> Facts {
    let mut facts = Facts::default();
    while change(&gate, &mut random, &mut facts).await.is_ok() {}
    facts
}

async fn change(gate: &Gate, random: &mut Random, facts: &mut Facts) -> Result<(), Unanswered> {
    // Few keys: each stays until its last token has expired.
    if random.below(KEY_EVERY) == 0 {
        return rotate_key(gate, facts).await;
    }
    match random.below(10) {
        0 | 1 => register(gate, facts).await,
        2 | 3 => change_client(gate, random, facts).await,
        4 | 5 => revoke(gate, facts).await,
        6 | 7 => create_zone(gate, facts).await,
        8 => change_zone(gate, random, facts, Pending::renamed()).await,
        _ => change_zone(gate, random, facts, Pending::Deleted).await,
    }
}

async fn register(gate: &Gate, facts: &mut Facts) -> Result<(), Unanswered> {
    let body = json!({ "client_name": format!("Crash {}", Uuid::new_v4()), "scope": "read:zones" });
    let answer = gate.send(gate.request(Method::POST, "/admin/clients").bearer_auth(&gate.admin).json(&body)).await?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    facts.clients.push(Registered::of(answer.json()));
    facts.audited += 1;
    Ok(())
}

/// Changes a client that this task registered, so that only one change of a client is under way.
async fn change_client(gate: &Gate, random: &mut Random, facts: &mut Facts) -> Result<(), Unanswered> {
    let Some(client) = facts.clients.last_mut().filter(|client| client.is_active()) else { return Ok(()) };
    let change = Change::any(random, client);
    let answer = gate.send(client.ask(change, gate)).await?;
    assert!(answer.status < 300, "{}", answer.text());
    client.answered(answer.json());
    facts.audited += 1;
    Ok(())
}

async fn rotate_key(gate: &Gate, facts: &mut Facts) -> Result<(), Unanswered> {
    let request = gate.request(Method::POST, "/admin/keys/rotate").bearer_auth(&gate.admin);
    let answer = gate.send(request.json(&json!({ "immediately": true }))).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    facts.kids.push(answer.json()["kid"].as_str().unwrap().to_owned());
    Ok(())
}

async fn revoke(gate: &Gate, facts: &mut Facts) -> Result<(), Unanswered> {
    let (client_id, secret) = ("demo-reader", demo_secret("demo-reader"));
    let answer = gate.send(gate.token_request(client_id, secret, AUDIENCE)).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let form = [("token", token.as_str()), ("client_id", client_id), ("client_secret", secret)];
    let answer = gate.send(gate.request(Method::POST, "/oauth2/revoke").form(&form)).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    facts.revoked.push(token);
    facts.audited += 1;
    Ok(())
}

async fn create_zone(gate: &Gate, facts: &mut Facts) -> Result<(), Unanswered> {
    let number = Uuid::new_v4().simple().to_string();
    let body = json!({
        "number": number, "name": "Crash Street", "operator_id": "crash", "session_type": "space",
        "location": { "latitude": 47.5, "longitude": 8.7 },
    });
    let creation = Creation { idempotency_key: Uuid::new_v4().to_string(), body };
    match gate.send(creation.request(gate)).await {
        Ok(answer) => {
            assert_eq!(answer.status, 201, "{}", answer.text());
            facts.zones.push(Zone::of(answer.json()));
            Ok(())
        }
        Err(unanswered) => {
            facts.in_doubt.push(creation);
            Err(unanswered)
        }
    }
}

/// Changes a zone that this task made, so that only one change of a zone is under way.
async fn change_zone(gate: &Gate, random: &mut Random, facts: &mut Facts, change: Pending) -> Result<(), Unanswered> {
    let alive: Vec<&mut Zone> = facts.zones.iter_mut().filter(|zone| zone.acknowledged.is_some()).collect();
    let count = u64::try_from(alive.len()).unwrap();
    let Some(zone) =
        (count > 0).then(|| random.below(count)).and_then(|at| alive.into_iter().nth(usize::try_from(at).unwrap()))
    else {
        return Ok(());
    };
    let path = zone.path();
    let request = match &change {
        Pending::Renamed(name) => gate.request(Method::PATCH, &path).json(&json!({ "name": name })),
        Pending::Deleted => gate.request(Method::DELETE, &path),
    };
    zone.pending = Some(change);
    let answer = gate.send(request.bearer_auth(&gate.writer)).await?;
    assert!([200, 204].contains(&answer.status), "{}", answer.text());
    zone.acknowledged = (answer.status == 200).then(|| answer.json()).filter(Value::is_object);
    zone.pending = None;
    Ok(())
}
