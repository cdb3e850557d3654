//! What was acknowledged, and whether a folder holds it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use boomgate::audit::{Audit, LogVerifier};
use boomgate::clients::{Clients, Status};
use boomgate::config::{Config, Edition};
use boomgate::keys::Keys;
use boomgate::oauth::credentials::ClientAuthentication;
use boomgate::parking::Parking;
use boomgate::quota::Quota;
use boomgate::revocation::Revocation;
use boomgate::server::Server;
use boomgate::store::{SledStore, Store};
use boomgate::time::{SharedClock, SystemClock, UnixSeconds};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One answer of the server's, or, where it says so, a question that may take something away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Fact {
    Registered {
        client_id: String,
        secret: String,
    },
    SecretRotated {
        client_id: String,
        secret: String,
    },
    /// A client's name tells which change was the last.
    ClientRenamed {
        client_id: String,
        version: u64,
    },
    Suspended {
        client_id: String,
    },
    TokensRevoked {
        client_id: String,
        at: UnixSeconds,
    },
    Admitted {
        client_id: String,
        day: String,
    },
    TokenRevoked {
        jti: Uuid,
    },
    KeyMade {
        kid: String,
    },
    ZoneMade {
        id: Uuid,
    },
    ZoneRenamed {
        id: Uuid,
        version: u64,
    },
    /// Asked, not answered.
    ZoneLeaves {
        id: Uuid,
    },
    ZoneGone {
        id: Uuid,
    },
    /// The state of this moment was saved, to go back to.
    Saved,
    /// Asked, not answered: the store has the state of this moment or the saved one, and nothing between the two.
    GoesBack,
    /// It has the saved one.
    WentBack,
    /// It has not: a cut came first.
    DidNotGoBack,
}

/// All that has to be there.
#[derive(Clone, Default)]
pub struct Facts {
    clients: BTreeMap<String, Client>,
    zones: BTreeMap<Uuid, Zone>,
    revoked: Vec<Uuid>,
    kids: Vec<String>,
    /// Changes that the audit log tells of.
    audited: u64,
    acknowledged: Vec<Fact>,
    saved: Option<Box<Facts>>,
    may_go_back: bool,
}

#[derive(Clone, Default)]
struct Client {
    secrets: Vec<String>,
    version: u64,
    is_suspended: bool,
    tokens_valid_from: Option<UnixSeconds>,
    admitted: BTreeMap<String, u64>,
    /// It was registered after the state that the store went back to.
    is_gone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    There(u64),
    /// Somebody has asked for its deletion.
    Leaving(u64),
    Gone,
}

impl Facts {
    pub fn add(&mut self, fact: Fact) {
        let is_audited = match &fact {
            Fact::Registered { .. }
            | Fact::SecretRotated { .. }
            | Fact::ClientRenamed { .. }
            | Fact::Suspended { .. }
            | Fact::TokensRevoked { .. }
            | Fact::TokenRevoked { .. }
            | Fact::KeyMade { .. } => true,
            Fact::Admitted { .. }
            | Fact::ZoneMade { .. }
            | Fact::ZoneRenamed { .. }
            | Fact::ZoneLeaves { .. }
            | Fact::ZoneGone { .. }
            | Fact::Saved
            | Fact::GoesBack
            | Fact::WentBack
            | Fact::DidNotGoBack => false,
        };
        self.audited += u64::from(is_audited);
        self.acknowledged.push(fact.clone());
        match fact {
            Fact::Registered { client_id, secret } | Fact::SecretRotated { client_id, secret } => {
                self.client(client_id).secrets.push(secret);
            }
            Fact::ClientRenamed { client_id, version } => self.client(client_id).version = version,
            Fact::Suspended { client_id } => self.client(client_id).is_suspended = true,
            Fact::TokensRevoked { client_id, at } => self.client(client_id).tokens_valid_from = Some(at),
            Fact::Admitted { client_id, day } => *self.client(client_id).admitted.entry(day).or_default() += 1,
            Fact::TokenRevoked { jti } => self.revoked.push(jti),
            Fact::KeyMade { kid } => self.kids.push(kid),
            Fact::ZoneMade { id } => drop(self.zones.insert(id, Zone::There(0))),
            Fact::ZoneRenamed { id, version } => drop(self.zones.insert(id, Zone::There(version))),
            Fact::ZoneGone { id } => drop(self.zones.insert(id, Zone::Gone)),
            Fact::ZoneLeaves { id } => {
                if let Some(Zone::There(version)) = self.zones.get(&id).copied() {
                    self.zones.insert(id, Zone::Leaving(version));
                }
            }
            Fact::Saved => self.saved = Some(Box::new(Self { saved: None, ..self.clone() })),
            Fact::GoesBack => self.may_go_back = true,
            Fact::DidNotGoBack => self.may_go_back = false,
            Fact::WentBack => self.go_back(),
        }
    }

    /// To the saved state. What came later is gone.
    fn go_back(&mut self) {
        let mut saved = self.saved.as_deref().expect("a state that was saved").clone();
        for id in self.zones.keys() {
            saved.zones.entry(*id).or_insert(Zone::Gone);
        }
        for client_id in
            self.clients.keys().filter(|client_id| !saved.clients.contains_key(*client_id)).cloned().collect::<Vec<_>>()
        {
            saved.client(client_id).is_gone = true;
        }
        saved.acknowledged = std::mem::take(&mut self.acknowledged);
        *self = saved;
    }

    /// The states that the store may have.
    fn possible(&self) -> Vec<Self> {
        if !self.may_go_back {
            return vec![self.clone()];
        }
        let with = |fact| {
            let mut facts = self.clone();
            facts.add(fact);
            facts
        };
        vec![with(Fact::DidNotGoBack), with(Fact::WentBack)]
    }

    fn client(&mut self, client_id: String) -> &mut Client {
        self.clients.entry(client_id).or_default()
    }

    /// All of them, in the order in which they were acknowledged.
    pub fn acknowledged(&self) -> &[Fact] {
        &self.acknowledged
    }

    /// The facts that this folder holds, opened as the server opens it: these, or those of the saved state if the store may
    /// have gone back to it. Else what it does not hold. Then a whole server is opened on it.
    pub async fn held_by(&self, data_dir: &Path) -> Result<Self, String> {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let text = |error: &dyn std::fmt::Display| format!("it does not open: {error}");
        let opened = SledStore::open(&data_dir.join("db")).map_err(|error| text(&error))?;
        let store: Arc<dyn Store> = Arc::new(opened);
        let (mut held, mut lacks) = (None, Vec::new());
        for facts in self.possible() {
            let missing = facts.missing(&store, &clock).await;
            if missing.is_empty() {
                held = Some(facts);
                break;
            }
            let count = facts.acknowledged.len();
            lacks.push(format!("of {count} facts it lacks {}: {}", missing.len(), missing.join(", ")));
        }
        store.close().await.map_err(|error| text(&error))?;
        let Some(held) = held else { return Err(lacks.join("; and as the saved state, ")) };
        let mut config = Config::defaults(Edition::Sandbox);
        config.listen = vec![([127, 0, 0, 1], 0).into()];
        config.data_dir = data_dir.to_owned();
        Server::open(config, clock).await.map(|_| held).map_err(|error| text(&error))
    }

    async fn missing(&self, store: &Arc<dyn Store>, clock: &SharedClock) -> Vec<String> {
        let mut missing = Vec::new();
        if let Err(error) = self.look_at(store, clock, &mut missing).await {
            missing.push(format!("a part that does not open: {error}"));
        }
        missing
    }

    async fn look_at(
        &self,
        store: &Arc<dyn Store>,
        clock: &SharedClock,
        missing: &mut Vec<String>,
    ) -> Result<(), boomgate::store::StoreError> {
        let clients = Clients::open(store.clone()).await?;
        let quota = Quota::open(store.clone(), clock.clone());
        let today = clock.now().day().to_string();
        for (client_id, expected) in &self.clients {
            if expected.is_gone {
                missing.extend(clients.get(client_id).map(|_| format!("the end of the client {client_id}")));
                continue;
            }
            let Some(client) = clients.get(client_id) else {
                missing.push(format!("the client {client_id}"));
                continue;
            };
            for secret in &expected.secrets {
                let presented = ClientAuthentication::from_body(client_id, secret.clone().into(), None);
                if clients.authenticate(&presented, clock.now()).is_err() {
                    missing.push(format!("a secret of {client_id}"));
                }
            }
            if version(&client.client_name) < expected.version {
                missing.push(format!("name {} of {client_id}, it is {}", expected.version, client.client_name));
            }
            if expected.is_suspended && client.status != Status::Suspended {
                missing.push(format!("the suspension of {client_id}"));
            }
            if expected.tokens_valid_from.is_some_and(|at| client.tokens_valid_from < at) {
                missing.push(format!("the revocation of the tokens of {client_id}"));
            }
            // Days before are settled by their own rules.
            if let Some(admitted) = expected.admitted.get(&today) {
                let used = quota.peek(&client.client_id, client.limits).await?.used;
                if used < *admitted || client.limits.daily_quota.is_some_and(|quota| *admitted > quota) {
                    missing.push(format!("units of {client_id}: {admitted} admitted, {used} used"));
                }
            }
        }
        let parking = Parking::open(store.clone(), clock.clone()).await?;
        for (id, expected) in &self.zones {
            let found = parking.get(*id).map(|zone| version(&name_in(zone.json())));
            let is_there = |acknowledged: u64| found.is_some_and(|found| found >= acknowledged);
            let is_right = match expected {
                Zone::There(acknowledged) => is_there(*acknowledged),
                Zone::Leaving(acknowledged) => found.is_none() || is_there(*acknowledged),
                Zone::Gone => found.is_none(),
            };
            if !is_right {
                missing.push(format!("what became of the zone {id}: it is {found:?}"));
            }
        }
        let revocation = Revocation::open(store.clone()).await?;
        let revoked = self.revoked.iter().filter(|jti| !revocation.is_revoked(jti));
        missing.extend(revoked.map(|jti| format!("the revocation of {jti}")));
        let keys = Keys::open(store.clone()).await?;
        let lost = self.kids.iter().filter(|kid| !keys.verifies(kid));
        missing.extend(lost.map(|kid| format!("the key {kid}")));
        self.look_at_audit(store, missing).await
    }

    async fn look_at_audit(
        &self,
        store: &Arc<dyn Store>,
        missing: &mut Vec<String>,
    ) -> Result<(), boomgate::store::StoreError> {
        let audit = Audit::new(store.clone());
        let mut chain = LogVerifier::new();
        loop {
            let page = audit.oldest(chain.last().number, 1_000, |_| true).await?;
            let broken = page.lines.iter().try_for_each(|line| chain.follow(line));
            let is_last = page.more_beyond.is_none();
            let ended = if is_last { chain.end(&page.head) } else { Ok(()) };
            if let Err(broken) = broken.and(ended) {
                missing.push(format!("the audit log: {broken}"));
                return Ok(());
            }
            if is_last {
                break;
            }
        }
        if chain.last().number < self.audited {
            missing.push(format!("audit entries: {} of {}", chain.last().number, self.audited));
        }
        Ok(())
    }
}

/// The number at the end of a name; 0 for a name that was never changed.
fn version(name: &str) -> u64 {
    name.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or_default()
}

fn name_in(body: &[u8]) -> String {
    let zone: serde_json::Value = serde_json::from_slice(body).unwrap();
    zone["name"].as_str().unwrap().to_owned()
}
