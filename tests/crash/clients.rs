//! Registered clients, and what the server has acknowledged of each.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gate::Gate;
use crate::process::AUDIENCE;
use crate::random::Random;

/// A client that was registered.
pub struct Registered {
    /// As last acknowledged.
    acknowledged: Value,
    /// All of them are valid: an old secret stays valid for longer than any run.
    secrets: Vec<String>,
    /// A change that may have happened.
    pending: Option<Change>,
}

/// A change of a client.
pub enum Change {
    Renamed(String),
    Quota(u64),
    Suspended,
    SecretRotated,
    TokensRevoked,
}

impl Change {
    /// Any, but for those that the client cannot go through any more.
    pub fn any(random: &mut Random, client: &Registered) -> Self {
        match random.below(8) {
            0 => Self::Suspended,
            1 => Self::TokensRevoked,
            2 | 3 if client.secrets.len() == 1 => Self::SecretRotated,
            4 | 5 => Self::Quota(1 + random.below(1_000_000)),
            _ => Self::Renamed(format!("Renamed {}", Uuid::new_v4())),
        }
    }

    fn request(&self, gate: &Gate, path: &str) -> RequestBuilder {
        let (method, path, body) = match self {
            Self::Renamed(name) => (Method::PATCH, path.to_owned(), json!({ "client_name": name })),
            Self::Quota(quota) => (Method::PATCH, path.to_owned(), json!({ "daily_quota": quota })),
            Self::Suspended => (Method::PATCH, path.to_owned(), json!({ "status": "suspended" })),
            Self::SecretRotated => {
                (Method::POST, format!("{path}/secrets"), json!({ "previous_expires_in": 30 * 86_400 }))
            }
            Self::TokensRevoked => (Method::POST, format!("{path}/revoke-tokens"), json!({})),
        };
        gate.request(method, &path).bearer_auth(&gate.admin).json(&body)
    }

    /// What the client is if this, and nothing else, has happened to it. What the server chose is `found`'s.
    fn made(&self, acknowledged: &Value, found: &Value) -> Value {
        let mut client = acknowledged.clone();
        let chosen: &[&str] = match self {
            Self::Renamed(name) => {
                client["client_name"] = name.as_str().into();
                &[]
            }
            Self::Quota(quota) => {
                client["daily_quota"] = (*quota).into();
                &[]
            }
            Self::Suspended => {
                client["status"] = "suspended".into();
                &[]
            }
            Self::SecretRotated => {
                let count = |client: &Value| client["secrets"].as_array().map_or(0, Vec::len);
                if count(found) == count(acknowledged) + 1 { &["secrets"] } else { &[] }
            }
            Self::TokensRevoked => &["tokens_valid_from"],
        };
        for member in chosen.iter().chain(&["updated_at"]) {
            client[*member] = found[*member].clone();
        }
        client
    }
}

impl Registered {
    /// From the answer to a registration.
    pub fn of(mut answer: Value) -> Self {
        let members = answer.as_object_mut().unwrap();
        let secret = members.remove("client_secret").unwrap();
        // Only the answer with the secret has the two members of RFC 7591.
        members.retain(|name, _| !["client_id_issued_at", "client_secret_expires_at"].contains(&name.as_str()));
        Self { acknowledged: shown(answer), secrets: vec![secret.as_str().unwrap().to_owned()], pending: None }
    }

    fn client_id(&self) -> &str {
        self.acknowledged["client_id"].as_str().unwrap()
    }

    /// Whether it may call.
    pub fn is_active(&self) -> bool {
        self.acknowledged["status"] == "active"
    }

    /// The request that makes this change; from now on it may have happened.
    pub fn ask(&mut self, change: Change, gate: &Gate) -> RequestBuilder {
        let request = change.request(gate, &format!("/admin/clients/{}", self.client_id()));
        self.pending = Some(change);
        request
    }

    /// Takes in the answer, which says that the change was made.
    pub fn answered(&mut self, mut answer: Value) {
        let Some(change) = self.pending.take() else { return };
        let members = answer.as_object_mut().unwrap();
        if let Change::SecretRotated = change {
            self.secrets.push(members.remove("client_secret").unwrap().as_str().unwrap().to_owned());
            members.remove("secret_id");
            members.remove("client_secret_expires_at");
        }
        let found = shown(answer);
        assert_eq!(found, change.made(&self.acknowledged, &found), "another change was made than was asked for");
        self.acknowledged = found;
    }

    pub async fn verify(&mut self, gate: &Gate) {
        let client_id = self.client_id().to_owned();
        let answer = gate.sure(gate.get(&format!("/admin/clients/{client_id}"), &gate.admin)).await;
        assert_eq!(answer.status, 200, "the client {client_id} is lost: {}", answer.text());
        let found = shown(answer.json());
        let may_be = self.pending.as_ref().is_some_and(|change| found == change.made(&self.acknowledged, &found));
        assert!(
            found == self.acknowledged || may_be,
            "the client {client_id} was acknowledged as {} and is {found}",
            self.acknowledged
        );
        // The server has now answered what happened.
        (self.acknowledged, self.pending) = (found, None);
        for secret in &self.secrets {
            if self.is_active() {
                gate.sure_token(&client_id, secret, AUDIENCE).await;
            } else {
                let answer = gate.sure(gate.token_request(&client_id, secret, AUDIENCE)).await;
                assert_eq!(answer.json()["error"], "unauthorized_client", "the suspension of {client_id} is lost");
            }
        }
    }
}

/// Without what a crash may forget: when a secret was last used.
fn shown(mut client: Value) -> Value {
    for secret in client["secrets"].as_array_mut().unwrap() {
        secret.as_object_mut().unwrap().remove("last_used_at");
    }
    client
}
