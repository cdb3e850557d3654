//! Who may call: registered clients, their secrets, scopes, audiences and limits.
//!
//! Owns the keys under `clients/`, `digest-key/` and `secret-uses/`. All clients are in memory, fed by the store's
//! watch, so finding and authenticating one waits for nothing. Changes are returned as a [`Txn`], to be committed
//! together with their audit entry; nothing here decides whether a change is allowed.

mod client;
mod client_report;
pub mod digest_key;
pub mod registration;
mod registry;
mod secret;
mod uses;

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

pub use self::client::Client;
pub(crate) use self::client::MAX_SECRETS;
#[cfg(test)]
pub(crate) use self::client::tests::client as example_client;
pub use self::client_report::ClientReport;
use self::registry::{CLIENTS, Registry};
pub use self::secret::Secret;
use self::uses::SecretUses;
use crate::api;
pub use crate::api::client::Status;
pub use crate::api::secret::SecretStanding;
use crate::limits::UnprovenLimits;
use crate::oauth::credentials::{
    ClientAuthentication, ClientId, ClientSecret, DigestKey, Fingerprint, PresentedSecret, SecretDigest,
};
use crate::store::{Entries, Key, Revision, Store, StoreError, Txn, Value, View};
use crate::time::UnixSeconds;

/// The most clients that one page of a search looks at.
const MAX_LOOKED_AT: usize = 10_000;

/// The credentials are no active secret of any client. Says no more on purpose: an unknown client and a wrong secret
/// get the same answer (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthenticated;

/// All clients.
pub struct Clients {
    view: Arc<View<Registry>>,
    uses: SecretUses,
    digest_key: DigestKey,
    /// The secret of an unknown client is compared with this one, and a match proves nothing.
    decoy: [Secret; 1],
}

/// A part of the result of a search.
pub struct ClientPage {
    /// The clients that match, in the order of their identifiers.
    pub clients: Vec<Arc<Client>>,
    /// The last client that was looked at, if there are more after it.
    pub more_after: Option<ClientId>,
}

impl Clients {
    /// Reads all clients, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        // First, since it may rewrite the records that are read next.
        let digest_key = digest_key::open(&*store).await?;
        let (view, uses) = tokio::try_join!(View::open(store.clone()), SecretUses::open(store))?;
        let decoy =
            [Secret::from_plaintext(&digest_key, &ClientSecret::new(String::new().into()), UnixSeconds::new(0))];
        Ok(Self { view, uses, digest_key, decoy })
    }

    /// The key with which this installation digests secrets.
    #[must_use]
    pub fn digest_key(&self) -> &DigestKey {
        &self.digest_key
    }

    /// The client of this identifier.
    #[must_use]
    pub fn get(&self, client_id: &str) -> Option<Arc<Client>> {
        self.view.load().by_id.get(client_id).cloned()
    }

    /// The same through a cache of the caller's: without a search, as long as no registration has changed.
    #[must_use]
    pub(crate) fn get_cached(&self, client_id: &str, seen: &CachedClient) -> Option<Arc<Client>> {
        let changes = self.view.changes();
        if let Some(seen) = &*seen.0.load()
            && Some(seen.changes) == changes
        {
            return Some(seen.client.clone());
        }
        let client = self.get(client_id)?;
        if let Some(changes) = changes {
            seen.0.store(Some(Arc::new(Seen { changes, client: client.clone() })));
        }
        Some(client)
    }

    /// Up to `limit` clients that `wanted` accepts, in the order of their identifiers, from the first after `after`.
    /// Looks at 10,000 at most, so that no search takes long: there may be more after a short list, and after an empty
    /// one.
    pub fn list(&self, after: Option<&str>, limit: usize, wanted: impl Fn(&Client) -> bool) -> ClientPage {
        let registry = self.view.load();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = ClientPage { clients: Vec::new(), more_after: None };
        let mut last: Option<&ClientId> = None;
        for (looked_at, (client_id, client)) in registry.by_id.range::<_, str>((start, Bound::Unbounded)).enumerate() {
            if found.clients.len() == limit || looked_at == MAX_LOOKED_AT {
                found.more_after = last.cloned();
                break;
            }
            if wanted(client) {
                found.clients.push(client.clone());
            }
            last = Some(client_id);
        }
        found
    }

    /// The first clients that are registered to administer this server and that `wanted` accepts, `most` at most. Looks
    /// at no other clients, however many there are.
    pub(crate) fn administrators(&self, most: usize, wanted: impl Fn(&Client) -> bool) -> Vec<ClientId> {
        let registry = self.view.load();
        let clients = registry.administrators.iter().filter_map(|client_id| registry.by_id.get(client_id));
        clients.filter(|client| wanted(client)).take(most).map(|client| client.client_id.clone()).collect()
    }

    /// The first clients whose limits are not those that count at `now`, `most` at most. Looks only at clients whose limits
    /// depend on a report.
    pub(crate) fn unsettled(&self, unproven: UnprovenLimits, now: UnixSeconds, most: usize) -> Vec<ClientId> {
        let registry = self.view.load();
        let clients = registry.under_report.iter().filter_map(|client_id| registry.by_id.get(client_id));
        let unsettled = clients.filter(|client| client.is_unsettled(unproven, now));
        unsettled.take(most).map(|client| client.client_id.clone()).collect()
    }

    /// How many clients there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().by_id.len()
    }

    /// The client that these credentials prove, by either of the readings of their secret. Does the same work whether
    /// the client is unknown, the secret is wrong, or both are right: how much work depends only on the credentials.
    /// Does not look at the client's [`Status`]. Notes that the secret was used.
    pub fn authenticate(
        &self,
        authentication: &ClientAuthentication,
        now: UnixSeconds,
    ) -> Result<Arc<Client>, NotAuthenticated> {
        let digest = |secret| self.digest_key.digest(secret);
        let (ClientAuthentication::ClientSecretBasic(presented) | ClientAuthentication::ClientSecretPost(presented)) =
            authentication;
        let PresentedSecret { client_id, secret, undecoded } = presented;
        let (presented, undecoded) = (digest(secret), undecoded.as_ref().map(digest));
        let registry = self.view.load();
        let client = registry.by_id.get(client_id.as_str());
        let secrets = client.map_or(&self.decoy[..], |client| &client.secrets);
        let mut proof = None;
        for index in 0..MAX_SECRETS {
            let secret = secrets.get(index);
            let live = secret.is_some_and(|secret| secret.is_live(now));
            let stored = secret.map_or(&SecretDigest::NONE, |secret| &secret.digest);
            let another = undecoded.as_ref().map_or(Choice::from(0), |another| stored.ct_eq(another));
            if bool::from((stored.ct_eq(&presented) | another) & Choice::from(u8::from(live))) {
                proof = secret;
            }
        }
        let (client, secret) = client.zip(proof).ok_or(NotAuthenticated)?;
        self.uses.note(&client.client_id, secret.secret_id, now);
        Ok(client.clone())
    }

    /// The fingerprint of the secret in these credentials, whether or not a client has it.
    #[must_use]
    pub(crate) fn fingerprint(&self, authentication: &ClientAuthentication) -> Fingerprint {
        let (ClientAuthentication::ClientSecretBasic(presented) | ClientAuthentication::ClientSecretPost(presented)) =
            authentication;
        self.digest_key.fingerprint(&presented.secret)
    }

    /// When a secret was last used; a crash forgets the uses of the last minute.
    #[must_use]
    pub fn last_used(&self, secret: &Secret) -> Option<UnixSeconds> {
        self.uses.last(&secret.secret_id)
    }

    /// A client as answers show it: everything but its secrets.
    #[must_use]
    pub(crate) fn client_response(&self, client: &Client) -> api::client::Client {
        let secret = |secret: &Secret| api::secret::Secret {
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            fingerprint: secret.fingerprint,
            last_used_at: self.last_used(secret),
            secret_id: secret.secret_id,
        };
        let Client { client_id, client_name, scope, audience, .. } = client.clone();
        let limits = client.assigned_limits();
        api::client::Client {
            audience,
            burst: limits.burst,
            client_id,
            client_name,
            created_at: client.created_at,
            daily_quota: limits.daily_quota,
            declared: client.declared,
            enforce: limits.enforce,
            limits_in_effect: (client.limits != limits).then_some(client.limits),
            report: client.shown_report().cloned(),
            report_required: client.report_required(),
            requests_per_second: limits.requests_per_second,
            retired_secrets: client.retired_secrets.clone(),
            scope,
            secrets: client.secrets.iter().map(secret).collect(),
            status: client.status,
            token_ttl: client.token_ttl,
            tokens_valid_from: client.tokens_valid_from,
            updated_at: client.updated_at,
        }
    }

    /// Writes to the store when secrets were last used; returns how many were used since the last call.
    pub(crate) async fn write_back_uses(&self) -> Result<usize, StoreError> {
        let exists = |client_id: &ClientId, secret_id: &Uuid| {
            let client = self.get(client_id.as_str());
            client.is_some_and(|client| client.has_secret(secret_id))
        };
        self.uses.write_back(exists).await
    }

    /// Goes on from the store alone, after its whole content was replaced in that commit.
    pub(crate) async fn start_anew(&self, replaced: Revision) {
        self.uses.forget_unwritten();
        self.uses.wait_for(replaced).await;
        self.wait_for(replaced).await;
    }

    /// Whether secrets in these entries of a store are digested with the key of this installation.
    pub(crate) fn can_verify_secrets_of(&self, entries: &Entries) -> bool {
        let probe = ClientSecret::new(String::new().into());
        let of_entries = digest_key::of(entries).map(|key| key.digest(&probe));
        of_entries.is_some_and(|digest| digest.ct_eq(&self.digest_key.digest(&probe)).into())
    }

    /// A client as the store has it now, and its stored form, for the condition of a change.
    pub async fn stored(store: &dyn Store, client_id: &ClientId) -> Result<Option<(Client, Value)>, StoreError> {
        CLIENTS.get(store, client_id).await
    }

    /// The condition that the record of a client is still `stored`.
    #[must_use]
    pub fn unchanged(client_id: &ClientId, stored: Value) -> Txn {
        Txn::new().equals(Self::key(client_id), stored)
    }

    /// The write that replaces the record `before` by `client`.
    pub fn replace(before: &Client, client: &Client, stored: Value) -> Result<Txn, StoreError> {
        let dropped = before.secrets.iter().filter(|secret| !client.has_secret(&secret.secret_id));
        let forgotten = dropped.fold(Txn::new(), |txn, secret| txn.and(uses::forget(&secret.secret_id)));
        let written = Txn::new().put(Self::key(&client.client_id), CLIENTS.encode(client)?);
        Ok(Self::unchanged(&client.client_id, stored).and(written).and(forgotten))
    }

    /// The write that deletes a client.
    #[must_use]
    pub fn delete(client: &Client, stored: Value) -> Txn {
        let deleted = Self::unchanged(&client.client_id, stored).delete(Self::key(&client.client_id));
        client.secrets.iter().fold(deleted, |txn, secret| txn.and(uses::forget(&secret.secret_id)))
    }

    /// The write that registers `client` if its identifier is free.
    pub fn register(&self, client: &Client) -> Result<Txn, StoreError> {
        let key = Self::key(&client.client_id);
        Ok(Txn::new().absent(key.clone()).put(key, CLIENTS.encode(client)?))
    }

    /// Waits until the clients in memory include this commit.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }

    fn key(client_id: &ClientId) -> Key {
        CLIENTS.key(client_id)
    }
}

/// The client that was last found for one identifier; see [`Clients::get_cached`].
#[derive(Default)]
pub struct CachedClient(ArcSwapOption<Seen>);

struct Seen {
    /// The changes of the view before the search.
    changes: u64,
    client: Arc<Client>,
}

impl fmt::Debug for CachedClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CachedClient")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::client::tests::client;
    use super::*;
    use crate::store::{MemoryStore, Outcome};

    #[tokio::test]
    async fn a_search_looks_at_a_bounded_part_and_finds_all_page_by_page() {
        let (store, number) = (Arc::new(MemoryStore::new()), MAX_LOOKED_AT * 2 + 5);
        let clients: Vec<Client> = (0..number).map(client).collect();
        for batch in clients.chunks(100) {
            let put =
                |txn: Txn, client: &Client| txn.put(Clients::key(&client.client_id), CLIENTS.encode(client).unwrap());
            let Outcome::Committed(_) = store.commit(batch.iter().fold(Txn::new(), put)).await.unwrap() else {
                unreachable!("nothing is checked");
            };
        }
        let clients = Clients::open(store).await.unwrap();
        let (mut after, mut pages, mut found) = (None, Vec::new(), Vec::new());
        loop {
            let wanted = |client: &Client| client.client_name.ends_with(&format!(" {}", number - 1));
            let page = clients.list(after.as_ref().map(ClientId::as_str), 25, wanted);
            pages.push(page.clients.len());
            found.extend(page.clients);
            match page.more_after {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        assert_eq!((pages, found.len()), (vec![0, 0, 1], 1));
        let looked_at = Cell::new(0);
        let page = |after: Option<&str>| {
            looked_at.set(0);
            clients.list(after, 25, |_| {
                looked_at.set(looked_at.get() + 1);
                true
            })
        };
        let first = page(None);
        assert_eq!((first.clients.len(), first.more_after.unwrap().as_str()), (25, "client-000024"));
        assert_eq!(looked_at.get(), 25, "a page costs what it shows, however many clients there are");
        let last = page(Some(&format!("client-{:06}", number - 26)));
        assert_eq!((last.clients.len(), last.more_after), (25, None));
        assert_eq!(looked_at.get(), 25, "and however far it is from the first");
    }
}
