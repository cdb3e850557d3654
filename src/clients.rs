//! Who may call: registered clients, their secrets, scopes, audiences and limits.
//!
//! Owns the keys under `clients/`. All clients are in memory, fed by the store's watch, so finding and
//! authenticating one waits for nothing. Changes are handed out as a [`Txn`], to be committed together
//! with their audit entry; nothing here decides whether a change is allowed.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

use crate::oauth::credentials::{ClientAuthentication, ClientId, ClientSecret, SecretDigest};
use crate::oauth::limits::Limits;
use crate::oauth::scope::Scope;
use crate::store::{Key, Keyspace, Projection, Revision, Store, StoreError, Txn, View};
use crate::time::UnixSeconds;

/// The most secrets that one client has at a time.
pub const MAX_SECRETS: usize = 2;

const CLIENTS: Keyspace<Client> = Keyspace::new("clients");

/// A registered client (RFC 7591 section 2 has the names it has).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier, given at registration.
    pub client_id: ClientId,
    /// What people call it.
    pub client_name: String,
    /// All that it may ask for.
    pub scope: Scope,
    /// The API sets that it may call.
    pub audience: Vec<String>,
    /// How long its access tokens live, in seconds.
    pub token_ttl: u64,
    /// How much it may call.
    pub limits: Limits,
    /// Whether it may call at all.
    pub status: Status,
    /// Its secrets; at most [`MAX_SECRETS`].
    pub secrets: Vec<Secret>,
    /// When it was registered.
    pub created_at: UnixSeconds,
    /// When this record last changed.
    pub updated_at: UnixSeconds,
}

/// Whether a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may.
    Active,
    /// It may not: it gets no token, and those that it has are refused.
    Suspended,
}

/// What is kept of a client secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// Its name, for rotation.
    pub secret_id: Uuid,
    /// SHA-256 of it.
    pub sha256: SecretDigest,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<UnixSeconds>,
}

/// The credentials are no active secret of any client. Says no more, on purpose: an unknown client and
/// a wrong secret are the same answer (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthenticated;

/// All clients.
pub struct Clients {
    view: Arc<View<Registry>>,
}

impl Clients {
    /// Reads all clients, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self { view: View::open(store).await? })
    }

    /// The client of this identifier.
    #[must_use]
    pub fn get(&self, client_id: &str) -> Option<Arc<Client>> {
        self.view.load().by_id.get(client_id).cloned()
    }

    /// Up to `limit` clients in the order of their identifiers, from the first after `after`.
    #[must_use]
    pub fn list(&self, after: Option<&str>, limit: usize) -> Vec<Arc<Client>> {
        let registry = self.view.load();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        registry
            .by_id
            .range::<_, str>((start, Bound::Unbounded))
            .take(limit)
            .map(|(_, client)| client.clone())
            .collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().by_id.len()
    }

    /// The client that these credentials prove. Does the same work whether the client is unknown, the
    /// secret is wrong, or both are right. Says nothing of the client's [`Status`].
    pub fn authenticate(
        &self,
        authentication: &ClientAuthentication,
        now: UnixSeconds,
    ) -> Result<Arc<Client>, NotAuthenticated> {
        let presented = authentication.client_secret.digest();
        let client = self.get(&authentication.client_id);
        let secrets = client.as_ref().map_or(&[][..], |client| client.secrets.as_slice());
        let mut proved = Choice::from(0);
        for index in 0..MAX_SECRETS {
            let secret = secrets.get(index);
            let live = secret.is_some_and(|secret| secret.expires_at.is_none_or(|end| now < end));
            let kept = secret.map_or(&SecretDigest::NONE, |secret| &secret.sha256);
            proved |= kept.ct_eq(&presented) & Choice::from(u8::from(live));
        }
        client.filter(|_| bool::from(proved)).ok_or(NotAuthenticated)
    }

    /// The write that registers `client` if its identifier is free.
    pub fn register(&self, client: &Client) -> Result<Txn, StoreError> {
        let key = Self::key(&client.client_id);
        Ok(Txn::new().absent(key.clone()).put(key, CLIENTS.encode(client)?))
    }

    /// Waits until a commit of this store is in force here.
    pub async fn reach(&self, revision: Revision) {
        self.view.reach(revision).await;
    }

    fn key(client_id: &ClientId) -> Key {
        CLIENTS.key(client_id)
    }
}

impl Secret {
    /// A new secret, and what is kept of it. `Err` when the system gives no randomness.
    pub fn generate(
        random: &dyn SecureRandom,
        now: UnixSeconds,
    ) -> Result<(ClientSecret, Self), ring::error::Unspecified> {
        let secret = ClientSecret::generate(random)?;
        let kept = Self::keep(&secret, now);
        Ok((secret, kept))
    }

    /// What is kept of `secret`.
    #[must_use]
    pub fn keep(secret: &ClientSecret, now: UnixSeconds) -> Self {
        Self { secret_id: Uuid::new_v4(), sha256: secret.digest(), created_at: now, expires_at: None }
    }
}

#[derive(Clone, Default)]
struct Registry {
    by_id: OrdMap<ClientId, Arc<Client>>,
}

impl Projection for Registry {
    type Record = Client;
    const KEYSPACE: Keyspace<Client> = CLIENTS;

    fn put(&mut self, _id: &str, client: Client) {
        self.by_id.insert(client.client_id.clone(), Arc::new(client));
    }

    fn delete(&mut self, id: &str) {
        self.by_id.remove(id);
    }
}
