//! Requests to a server whose disk is recorded, each acknowledged in the recording when its answer is there.

use std::sync::Arc;

use boomgate::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::facts::Fact;
use crate::gate::{Answer, Gate};
use crate::process::AUDIENCE;
use crate::random::Random;
use crate::recording::Recorder;

const WRITERS: usize = 4;

/// Where the state is saved that the store goes back to.
const SNAPSHOT: &str = "/sandbox/snapshots/before";

/// Makes about so many changes. Every second time, the whole store goes back once, to the state before the first of them.
pub async fn run(gate: &Arc<Gate>, recorder: &Arc<Recorder>, control: &str, changes: u64, random: &mut Random) {
    if random.below(2) == 0 {
        return change(gate, recorder, changes, random).await;
    }
    let ask = async |method: Method, path: &str| {
        let answer = gate.sure(gate.request(method, path).bearer_auth(control)).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
    };
    ask(Method::PUT, SNAPSHOT).await;
    recorder.acknowledge(&Fact::Saved);
    change(gate, recorder, changes * 2 / 3, random).await;
    recorder.acknowledge(&Fact::GoesBack);
    ask(Method::POST, &format!("{SNAPSHOT}/restore")).await;
    recorder.acknowledge(&Fact::WentBack);
    change(gate, recorder, changes / 3, random).await;
}

/// Makes about so many changes, some at the same time, and waits for all answers.
async fn change(gate: &Arc<Gate>, recorder: &Arc<Recorder>, changes: u64, random: &mut Random) {
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let writer = Writer {
            gate: gate.clone(),
            recorder: recorder.clone(),
            random: random.fork(),
            clients: Vec::new(),
            zones: Vec::new(),
            versions: 0,
        };
        writers.spawn(writer.run(changes / WRITERS as u64));
    }
    writers.join_all().await;
}

/// Changes clients and zones of its own, one at a time.
struct Writer {
    gate: Arc<Gate>,
    recorder: Arc<Recorder>,
    random: Random,
    /// Identifiers and tokens.
    clients: Vec<(String, String)>,
    zones: Vec<Uuid>,
    versions: u64,
}

impl Writer {
    async fn run(mut self, changes: u64) {
        for _ in 0..changes {
            match self.random.below(40) {
                0..=7 => self.register().await,
                8..=13 => self.rename_client().await,
                14 => self.rotate_secret().await,
                15 => self.suspend().await,
                16 => self.revoke_tokens().await,
                17 => self.rotate_key().await,
                18..=23 => self.revoke().await,
                24..=29 => self.make_zone().await,
                30..=34 => self.rename_zone().await,
                35 => self.delete_zone().await,
                _ => self.call().await,
            }
        }
    }

    fn tell(&self, fact: &Fact) {
        self.recorder.acknowledge(fact);
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.gate.request(method, path).bearer_auth(&self.gate.admin).json(body);
        let answer = self.gate.sure(request).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer
    }

    async fn register(&mut self) {
        let quota = 10 + self.random.below(3_000);
        let body = json!({ "client_name": "Cut 0", "scope": "read:zones", "daily_quota": quota });
        let answer = self.admin(Method::POST, "/admin/clients", &body).await.json();
        let [client_id, secret] = ["client_id", "client_secret"].map(|name| answer[name].as_str().unwrap().to_owned());
        self.tell(&Fact::Registered { client_id: client_id.clone(), secret: secret.clone() });
        let token = self.gate.sure_token(&client_id, &secret, AUDIENCE).await;
        self.clients.push((client_id, token));
    }

    /// One of the clients that this writer registered; `None` while there is none.
    fn client(&mut self) -> Option<(String, String)> {
        let count = self.clients.len() as u64;
        (count > 0).then(|| self.clients[usize::try_from(self.random.below(count)).unwrap()].clone())
    }

    fn version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    async fn rename_client(&mut self) {
        let Some((client_id, _)) = self.client() else { return };
        let version = self.version();
        let body = json!({ "client_name": format!("{} {version}", "Cut ".repeat(40)) });
        self.admin(Method::PATCH, &format!("/admin/clients/{client_id}"), &body).await;
        self.tell(&Fact::ClientRenamed { client_id, version });
    }

    /// Once for a client: it may have two secrets.
    async fn rotate_secret(&mut self) {
        let Some((client_id, _)) = self.clients.pop() else { return };
        let path = format!("/admin/clients/{client_id}/secrets");
        let answer = self.admin(Method::POST, &path, &json!({ "previous_expires_in": 86_400 })).await;
        let secret = answer.json()["client_secret"].as_str().unwrap().to_owned();
        self.tell(&Fact::SecretRotated { client_id, secret });
    }

    async fn suspend(&mut self) {
        let Some((client_id, _)) = self.clients.pop() else { return };
        self.admin(Method::PATCH, &format!("/admin/clients/{client_id}"), &json!({ "status": "suspended" })).await;
        self.tell(&Fact::Suspended { client_id });
    }

    async fn revoke_tokens(&mut self) {
        let Some((client_id, _)) = self.clients.pop() else { return };
        let at = SystemClock::new().now();
        self.admin(Method::POST, &format!("/admin/clients/{client_id}/revoke-tokens"), &json!({})).await;
        self.tell(&Fact::TokensRevoked { client_id, at });
    }

    async fn rotate_key(&mut self) {
        let answer = self.admin(Method::POST, "/admin/keys/rotate", &json!({ "immediately": true })).await;
        self.tell(&Fact::KeyMade { kid: answer.json()["kid"].as_str().unwrap().to_owned() });
    }

    async fn revoke(&mut self) {
        let (jti, exp) = (Uuid::new_v4(), SystemClock::new().now().plus(3_000));
        self.admin(Method::POST, "/admin/revocations", &json!({ "jti": jti, "exp": exp.get() })).await;
        self.tell(&Fact::TokenRevoked { jti });
    }

    async fn make_zone(&mut self) {
        let body = json!({
            "number": Uuid::new_v4().simple().to_string(), "name": "Cut Street 0", "operator_id": "cut",
            "session_type": "space", "location": { "latitude": 47.5, "longitude": 8.7 },
        });
        let request = self.gate.request(Method::POST, "/parking/zones").bearer_auth(&self.gate.writer);
        let key = Uuid::new_v4().to_string();
        let answer = self.gate.sure(request.header("Idempotency-Key", key).json(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
        self.tell(&Fact::ZoneMade { id });
        self.zones.push(id);
    }

    async fn rename_zone(&mut self) {
        let Some(id) = self.zones.last().copied() else { return };
        let version = self.version();
        let body = json!({ "name": format!("Cut Street {version}") });
        let request = self.gate.request(Method::PATCH, &format!("/parking/zones/{id}"));
        let answer = self.gate.sure(request.bearer_auth(&self.gate.writer).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.tell(&Fact::ZoneRenamed { id, version });
    }

    async fn delete_zone(&mut self) {
        let Some(id) = self.zones.pop() else { return };
        self.tell(&Fact::ZoneLeaves { id });
        let request = self.gate.request(Method::DELETE, &format!("/parking/zones/{id}"));
        let answer = self.gate.sure(request.bearer_auth(&self.gate.writer)).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        self.tell(&Fact::ZoneGone { id });
    }

    /// Some requests of a client with a quota: a new block is leased now and then.
    async fn call(&mut self) {
        let Some((client_id, token)) = self.client() else { return };
        for _ in 0..5 {
            let day = SystemClock::new().now().day();
            let answer = self.gate.sure(self.gate.get_alone("/parking/zones?limit=1", &token)).await;
            if answer.status == 200 && SystemClock::new().now().day() == day {
                self.tell(&Fact::Admitted { client_id: client_id.clone(), day: day.to_string() });
            }
        }
    }
}
