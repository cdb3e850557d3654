//! Who may call: registered clients, their secrets, scopes, audiences and limits.
//!
//! Owns the keys under `clients/` and `digest-key/`. All clients are in memory, fed by the store's watch, so finding and
//! authenticating one waits for nothing. Changes are handed out as a [`Txn`], to be committed together
//! with their audit entry; nothing here decides whether a change is allowed.

pub mod digest_key;
mod uses;

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use imbl::{OrdMap, OrdSet};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

use self::uses::SecretUses;
pub use crate::api::client::Status;
pub use crate::api::secret::SecretStanding;
use crate::oauth::audience::Audience;
use crate::oauth::credentials::{ClientAuthentication, ClientId, ClientSecret, DigestKey, Fingerprint, SecretDigest};
use crate::oauth::limits::Limits;
use crate::oauth::registration::{ADMIN_AUDIENCE, Registration};
use crate::oauth::scope::{Scope, WRITE_ADMIN};
use crate::oauth::token_epoch::TokenEpoch;
use crate::store::{Key, Keyspace, Projection, Revision, Store, StoreError, Txn, Value, View};
use crate::time::UnixSeconds;

/// The most secrets that one client has at a time.
pub const MAX_SECRETS: usize = 2;
/// The most secrets of one client's that are remembered after their end.
const MAX_RETIRED: usize = 16;
/// The most clients that one page of a search looks at.
pub const MAX_LOOKED_AT: usize = 10_000;

const CLIENTS: Keyspace<Client> = Keyspace::new("clients");

/// A registered client (RFC 7591 section 2 has the names it has).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier, given at registration.
    pub client_id: ClientId,
    /// What people call it.
    pub client_name: String,
    /// All that it may ask for.
    pub scope: Scope,
    /// The API sets that it may call.
    pub audience: Audience,
    /// How long its access tokens live, in seconds.
    pub token_ttl: u64,
    /// How much it may call.
    pub limits: Limits,
    /// Whether it may call at all.
    pub status: Status,
    /// Its secrets; at most [`MAX_SECRETS`].
    pub secrets: Vec<Secret>,
    /// Secrets that were its own once, the latest last: they do not come back. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired_secrets: Vec<Fingerprint>,
    /// Whether a file of declared clients has it, or had: a client that was registered in another way is not deleted
    /// because a file does not name it. Records from before there was this mark have none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// When all its tokens were last revoked; when it was registered, if they never were.
    #[serde(default)]
    pub tokens_valid_from: UnixSeconds,
    /// The epoch of its tokens that are alive; see [`accepts`](Self::accepts).
    #[serde(default)]
    pub token_epoch: TokenEpoch,
    /// When it was registered.
    pub created_at: UnixSeconds,
    /// When this record last changed.
    pub updated_at: UnixSeconds,
}

/// What is kept of a client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its name, for rotation.
    pub secret_id: Uuid,
    /// The secret under the installation's [`DigestKey`].
    #[serde(rename = "hmac_sha256")]
    digest: SecretDigest,
    /// What may be told of it.
    pub fingerprint: Fingerprint,
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
    uses: SecretUses,
    digest_key: DigestKey,
    /// What an unknown client's secret is compared with: whoever has it proves to be nobody.
    decoy: [Secret; 1],
}

/// Some of the clients that were searched.
pub struct Found {
    /// Those that match, in the order of their identifiers.
    pub clients: Vec<Arc<Client>>,
    /// The last one that was looked at, if there are more after it.
    pub more_after: Option<ClientId>,
}

impl Clients {
    /// Reads all clients, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        // First, for it may rewrite what is read then.
        let digest_key = digest_key::open(&*store).await?;
        let (view, uses) = tokio::try_join!(View::open(store.clone()), SecretUses::open(store))?;
        let decoy =
            [Secret::from_plaintext(&digest_key, &ClientSecret::new(String::new().into()), UnixSeconds::new(0))];
        Ok(Self { view, uses, digest_key, decoy })
    }

    /// What secrets are digested with here.
    #[must_use]
    pub fn digest_key(&self) -> &DigestKey {
        &self.digest_key
    }

    /// The client of this identifier.
    #[must_use]
    pub fn get(&self, client_id: &str) -> Option<Arc<Client>> {
        self.view.load().by_id.get(client_id).cloned()
    }

    /// The same, where it was asked for before: without a search, as long as no registration has changed.
    #[must_use]
    pub fn get_cached(&self, client_id: &str, seen: &CachedClient) -> Option<Arc<Client>> {
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

    /// Up to `limit` clients in the order of their identifiers, from the first after `after`; those alone
    /// that `wanted` takes. Looks at [`MAX_LOOKED_AT`] at most, so that no search takes long: there may be
    /// more after a short list, and after an empty one.
    pub fn list(&self, after: Option<&str>, limit: usize, wanted: impl Fn(&Client) -> bool) -> Found {
        let registry = self.view.load();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = Found { clients: Vec::new(), more_after: None };
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

    /// The first clients that are registered to administer this server and that `wanted` takes, `most` at
    /// most. Looks at no others, however many there are.
    pub fn administrators(&self, most: usize, wanted: impl Fn(&Client) -> bool) -> Vec<ClientId> {
        let registry = self.view.load();
        let clients = registry.administrators.iter().filter_map(|client_id| registry.by_id.get(client_id));
        clients.filter(|client| wanted(client)).take(most).map(|client| client.client_id.clone()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().by_id.len()
    }

    /// The client that these credentials prove, by either of the readings of their secret. Does the same work
    /// whether the client is unknown, the secret is wrong, or both are right; how much hangs on what was presented
    /// alone. Says nothing of the client's [`Status`]. Notes that the secret was used.
    pub fn authenticate(
        &self,
        authentication: &ClientAuthentication,
        now: UnixSeconds,
    ) -> Result<Arc<Client>, NotAuthenticated> {
        let digest = |secret| self.digest_key.digest(secret);
        let presented = digest(&authentication.client_secret);
        let as_it_stands = authentication.secret_as_it_stands.as_ref().map(digest);
        let registry = self.view.load();
        let client = registry.by_id.get(authentication.client_id.as_str());
        let secrets = client.map_or(&self.decoy[..], |client| &client.secrets);
        let mut proof = None;
        for index in 0..MAX_SECRETS {
            let secret = secrets.get(index);
            let live = secret.is_some_and(|secret| secret.is_live(now));
            let kept = secret.map_or(&SecretDigest::NONE, |secret| &secret.digest);
            let another = as_it_stands.as_ref().map_or(Choice::from(0), |another| kept.ct_eq(another));
            if bool::from((kept.ct_eq(&presented) | another) & Choice::from(u8::from(live))) {
                proof = secret;
            }
        }
        let (client, secret) = client.zip(proof).ok_or(NotAuthenticated)?;
        self.uses.note(&client.client_id, secret.secret_id, now);
        Ok(client.clone())
    }

    /// When a secret was last used; a crash forgets the uses of the last minute.
    #[must_use]
    pub fn last_used(&self, secret: &Secret) -> Option<UnixSeconds> {
        self.uses.last(&secret.secret_id)
    }

    /// Writes to the store when secrets were last used; returns how many had been since the last time.
    pub async fn write_back_uses(&self) -> Result<usize, StoreError> {
        let is_kept = |client_id: &ClientId, secret_id: &Uuid| {
            let client = self.get(client_id.as_str());
            client.is_some_and(|client| client.has(secret_id))
        };
        self.uses.write_back(is_kept).await
    }

    /// A client as the store has it now, and its stored form, for a change that must not be made to
    /// another.
    pub async fn stored(store: &dyn Store, client_id: &ClientId) -> Result<Option<(Client, Value)>, StoreError> {
        CLIENTS.get(store, client_id).await
    }

    /// The condition that a client is still what was `stored`.
    #[must_use]
    pub fn unchanged(client_id: &ClientId, stored: Value) -> Txn {
        Txn::new().equals(Self::key(client_id), stored)
    }

    /// The write that makes the client which was `before` this one.
    pub fn replace(before: &Client, client: &Client, stored: Value) -> Result<Txn, StoreError> {
        let dropped = before.secrets.iter().filter(|secret| !client.has(&secret.secret_id));
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

    /// Waits until a commit of this store is in force here.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }

    fn key(client_id: &ClientId) -> Key {
        CLIENTS.key(client_id)
    }
}

impl Client {
    /// Its secrets that are good at `now`.
    pub fn live_secrets(&self, now: UnixSeconds) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |secret| secret.is_live(now))
    }

    /// All that a registration says, as it is now.
    #[must_use]
    pub fn registration(&self) -> Registration {
        Registration {
            client_name: self.client_name.clone(),
            scope: self.scope.clone(),
            audience: self.audience.to_vec(),
            token_ttl: self.token_ttl,
            limits: self.limits,
        }
    }

    /// Whether its registration makes it an administrator: it can change who may call, if it is active and
    /// has a secret that is good.
    #[must_use]
    pub fn is_for_administration(&self) -> bool {
        self.may_call(ADMIN_AUDIENCE, WRITE_ADMIN)
    }

    /// Whether it was assigned the scope token and granted the audience: a right needs both.
    #[must_use]
    pub fn may_call(&self, audience: &str, scope_token: &str) -> bool {
        self.scope.contains(scope_token) && self.audience.iter().any(|granted| granted == audience)
    }

    /// Whether a token of this epoch, issued then, was issued after the last revocation of all tokens. A token without
    /// an epoch is from before there were any, and so is every revocation while the client's epoch is 0: the time
    /// decides. Every other revocation came after that token.
    #[must_use]
    pub fn accepts(&self, token_epoch: Option<TokenEpoch>, issued_at: UnixSeconds) -> bool {
        match token_epoch {
            Some(epoch) => epoch == self.token_epoch,
            None => self.token_epoch == TokenEpoch::default() && issued_at >= self.tokens_valid_from,
        }
    }

    /// Revokes all tokens that it was issued until now.
    pub fn revoke_tokens(&mut self, now: UnixSeconds) {
        (self.token_epoch, self.tokens_valid_from) = (TokenEpoch::random(), now);
    }

    /// What the secret of this fingerprint is to it.
    #[must_use]
    pub fn standing_of(&self, fingerprint: Fingerprint) -> SecretStanding {
        let mut same = self.secrets.iter().filter(|secret| secret.fingerprint == fingerprint);
        match same.next() {
            Some(secret) if secret.expires_at.is_none() => SecretStanding::Current,
            Some(_) => SecretStanding::Former,
            None if self.retired_secrets.contains(&fingerprint) => SecretStanding::Former,
            None => SecretStanding::Unknown,
        }
    }

    /// Whether this secret is one of its own, or was once.
    #[must_use]
    pub fn knows(&self, fingerprint: Fingerprint) -> bool {
        self.standing_of(fingerprint) != SecretStanding::Unknown
    }

    /// Drops the secrets that `wanted` does not take, and remembers that they were there.
    pub fn retire_secrets(&mut self, wanted: impl Fn(&Secret) -> bool) {
        let dropped = self.secrets.iter().filter(|secret| !wanted(secret)).map(|secret| secret.fingerprint);
        self.retired_secrets.extend(dropped);
        let surplus = self.retired_secrets.len().saturating_sub(MAX_RETIRED);
        self.retired_secrets.drain(..surplus);
        self.secrets.retain(wanted);
    }

    fn has(&self, secret_id: &Uuid) -> bool {
        self.secrets.iter().any(|secret| secret.secret_id == *secret_id)
    }
}

impl Secret {
    /// Whether it is good at `now`.
    #[must_use]
    pub fn is_live(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// A new secret, and what is kept of it. `Err` when the system gives no randomness.
    pub fn generate(
        key: &DigestKey,
        random: &dyn SecureRandom,
        now: UnixSeconds,
    ) -> Result<(ClientSecret, Self), ring::error::Unspecified> {
        let secret = ClientSecret::generate(random)?;
        let kept = Self::from_plaintext(key, &secret, now);
        Ok((secret, kept))
    }

    /// What is kept of `secret` under the key of the installation.
    #[must_use]
    pub fn from_plaintext(key: &DigestKey, secret: &ClientSecret, now: UnixSeconds) -> Self {
        let (digest, fingerprint) = (key.digest(secret), key.fingerprint(secret));
        Self { secret_id: Uuid::new_v4(), digest, fingerprint, created_at: now, expires_at: None }
    }
}

/// A client as it was when it was last asked for; see [`Clients::get_cached`].
#[derive(Default)]
pub struct CachedClient(ArcSwapOption<Seen>);

struct Seen {
    /// Of the view, when the client was looked for.
    changes: u64,
    client: Arc<Client>,
}

impl fmt::Debug for CachedClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CachedClient")
    }
}

#[derive(Clone, Default)]
struct Registry {
    by_id: OrdMap<ClientId, Arc<Client>>,
    administrators: OrdSet<ClientId>,
}

impl Projection for Registry {
    type Record = Client;
    const KEYSPACE: Keyspace<Client> = CLIENTS;

    fn put(&mut self, id: &str, mut client: Client) {
        if client.is_for_administration() {
            self.administrators.insert(client.client_id.clone());
        } else {
            self.administrators.remove(id);
        }
        // A list that was read grows by fours, and most of these hold one.
        client.secrets.shrink_to_fit();
        // Most clients may do what their neighbour may. Whoever differs has a text of its own.
        if let Some((_, neighbour)) = self.by_id.get_prev(&client.client_id) {
            if neighbour.scope == client.scope {
                client.scope = neighbour.scope.clone();
            }
            if neighbour.audience == client.audience {
                client.audience = neighbour.audience.clone();
            }
        }
        self.by_id.insert(client.client_id.clone(), Arc::new(client));
    }

    fn delete(&mut self, id: &str) {
        self.administrators.remove(id);
        self.by_id.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::store::{MemoryStore, Outcome};

    fn client(number: usize) -> Client {
        Client {
            client_id: ClientId::parse(&format!("client-{number:06}")).unwrap(),
            client_name: format!("Partner {number}"),
            scope: Scope::parse("read:zones").unwrap(),
            audience: vec!["public".to_owned()].into(),
            token_ttl: 3_600,
            limits: Limits { requests_per_second: 1.into(), burst: 1, daily_quota: None, enforce: true },
            status: Status::Active,
            secrets: Vec::new(),
            retired_secrets: Vec::new(),
            declared: false,
            tokens_valid_from: UnixSeconds::new(0),
            token_epoch: TokenEpoch::default(),
            created_at: UnixSeconds::new(0),
            updated_at: UnixSeconds::new(0),
        }
    }

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

    #[test]
    fn an_administrator_is_found_among_administrators_alone() {
        let mut registry = Registry::default();
        (0..100).for_each(|number| registry.put("", client(number)));
        let mut admin = client(7);
        admin.scope = Scope::parse("write:admin").unwrap();
        let id = admin.client_id.clone();
        registry.put(id.as_str(), admin.clone());
        assert!(registry.administrators.is_empty(), "the scope alone is not enough");
        admin.audience = ["public", ADMIN_AUDIENCE].map(str::to_owned).to_vec().into();
        registry.put(id.as_str(), admin.clone());
        assert_eq!(registry.administrators.iter().collect::<Vec<_>>(), [&id]);
        registry.put(id.as_str(), client(7));
        assert!(registry.administrators.is_empty(), "a narrowed scope is in force at once");
        registry.put(id.as_str(), admin);
        registry.delete(id.as_str());
        assert_eq!((registry.administrators.len(), registry.by_id.len()), (0, 99));
    }

    #[test]
    fn clients_that_may_do_the_same_share_the_words_for_it() {
        let mut registry = Registry::default();
        (0..3).for_each(|number| registry.put("", client(number)));
        let mut other = client(1);
        other.scope = Scope::parse("write:zones").unwrap();
        other.audience = vec!["private".to_owned()].into();
        registry.put("", other.clone());
        registry.put("", client(3));
        let kept: Vec<&Client> = registry.by_id.values().map(|client| &**client).collect();
        assert_eq!(kept, [&client(0), &other, &client(2), &client(3)]);
        let words = |client: &Client| (client.scope.iter().next().unwrap().as_ptr(), client.audience.as_ptr());
        assert_eq!(words(kept[2]), words(kept[0]), "what a neighbour had before it was changed stays");
        assert_eq!(words(kept[3]), words(kept[2]));
    }

    #[test]
    fn a_token_from_before_there_were_epochs_is_good_until_the_first_revocation() {
        let moment = UnixSeconds::new;
        // A record of that time: its tokens were revoked up to a second that may be ahead.
        let mut client = client(0);
        client.tokens_valid_from = moment(100);
        let none = TokenEpoch::default();
        for (epoch, issued_at, is_good, reason) in [
            (None, moment(99), false, "issued before the last revocation of that time"),
            (None, moment(100), true, "issued after it"),
            (Some(none), moment(50), true, "issued since there are epochs, by a clock that was set back"),
            (Some(TokenEpoch::random()), moment(100), false, "of another client that had this client_id"),
        ] {
            assert_eq!(client.accepts(epoch, issued_at), is_good, "{reason}");
        }
        client.revoke_tokens(moment(50));
        for (epoch, issued_at) in [(None, moment(100)), (Some(none), moment(50))] {
            assert!(!client.accepts(epoch, issued_at), "{epoch:?}");
        }
        assert!(client.accepts(Some(client.token_epoch), moment(0)));
        let mut record = serde_json::to_value(&client).unwrap();
        assert_eq!(serde_json::from_value::<Client>(record.clone()).unwrap(), client);
        record.as_object_mut().unwrap().remove("token_epoch");
        assert_eq!(serde_json::from_value::<Client>(record).unwrap().token_epoch, none, "an older record reads too");
    }

    #[test]
    fn secrets_that_have_gone_are_remembered_up_to_a_bound() {
        let now = UnixSeconds::new(0);
        let key = DigestKey::new(&[7; 32]);
        let secret = |number: usize| Secret::from_plaintext(&key, &ClientSecret::new(number.to_string().into()), now);
        let mut client = client(0);
        for number in 0..MAX_RETIRED + 3 {
            client.secrets = vec![secret(number)];
            assert!(client.knows(secret(number).fingerprint));
            client.retire_secrets(|_| false);
        }
        assert!(client.secrets.is_empty());
        assert_eq!(client.retired_secrets.len(), MAX_RETIRED);
        assert!(!client.knows(secret(2).fingerprint) && client.knows(secret(3).fingerprint));
        let written = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&written).unwrap(), client);
        let before = written.replace("\"retired_secrets\"", "\"something_else\"");
        assert!(
            serde_json::from_str::<Client>(&before).unwrap().retired_secrets.is_empty(),
            "an older record reads too"
        );
    }

    #[test]
    fn a_record_from_before_there_was_a_mark_has_none_and_is_written_as_it_was() {
        let mut client = client(0);
        let before = serde_json::to_string(&client).unwrap();
        assert!(!before.contains("declared"), "its ETag stays what it was");
        assert!(!serde_json::from_str::<Client>(&before).unwrap().declared);
        client.declared = true;
        let written = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&written).unwrap(), client);
    }
}
