//! All signing keys in memory: which one signs, which verify.

use std::cmp::Ordering;
use std::sync::{Arc, Weak};

use imbl::OrdMap;
use jsonwebtoken::jwk::JwkSet;

use super::provider::RING_PROVIDER;
use super::schedule::{SCHEDULED_AHEAD_S, Schedule, VERIFIES_FOR_S, signing_at};
use super::signing_key::{SigningKey, StoredKey};
use crate::api::key::{Key, KeyState};
use crate::store::{Epoch, Keyspace, Projection, Revision, Store, StoreError, View};
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

pub(super) const KEYS: Keyspace<StoredKey> = Keyspace::new("keys");

/// The key that verified a remembered token. It does not keep a removed key in memory.
#[derive(Debug)]
pub struct VerifiedBy {
    key: Weak<SigningKey>,
    since: Epoch,
}

impl From<&Arc<SigningKey>> for VerifiedBy {
    fn from(key: &Arc<SigningKey>) -> Self {
        Self { key: Arc::downgrade(key), since: Epoch::default() }
    }
}

/// All signing keys.
pub struct Keys {
    pub(super) store: Arc<dyn Store>,
    view: Arc<View<KeySet>>,
}

impl Keys {
    /// Reads all keys, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        // An error means that an earlier start in this process installed it.
        let _already = RING_PROVIDER.install_default();
        Ok(Self { view: View::open(store.clone()).await?, store })
    }

    /// What the keys of their records in a store start with.
    #[must_use]
    pub(crate) fn prefix() -> Vec<u8> {
        KEYS.prefix()
    }

    /// The key that signs at `now`; `None` before the first is made.
    #[must_use]
    pub fn signing(&self, now: UnixSeconds) -> Option<Arc<SigningKey>> {
        let keys = self.view.load();
        keys.in_order.get(signing_at(keys.in_order.iter().map(|key| key.signs_from), now)).cloned()
    }

    /// The key of this `kid`.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.view.load().by_kid.get(kid).cloned()
    }

    /// The key whose tokens have this encoded header. All tokens of a key have the same header, to the byte, so it need
    /// not be parsed.
    #[must_use]
    pub(crate) fn of_header(&self, header: &str) -> Option<Arc<SigningKey>> {
        self.view.load().in_order.iter().find(|key| key.header() == header).cloned()
    }

    /// Whether a token signed with the key of this `kid` still verifies.
    #[must_use]
    pub fn verifies(&self, kid: &str) -> bool {
        self.view.load().by_kid.contains_key(kid)
    }

    /// Whether the key that verified before still does: it was not removed, nor read again from the store.
    pub(crate) fn holds(&self, verified_by: &VerifiedBy) -> bool {
        let VerifiedBy { key, since } = verified_by;
        let is_it = |one: &Arc<SigningKey>| std::ptr::eq(Arc::as_ptr(one), key.as_ptr());
        self.view.holds_since(since, |keys| keys.in_order.iter().any(is_it))
    }

    /// The JWK Set (RFC 7517 section 5) of all keys that verify or soon will, the oldest first.
    #[must_use]
    pub fn jwk_set(&self) -> JwkSet {
        JwkSet { keys: self.view.load().in_order.iter().map(|key| key.jwk().clone()).collect() }
    }

    /// Every key at `now`, in the order in which they sign.
    #[must_use]
    pub fn list(&self, now: UnixSeconds) -> Vec<Key> {
        let set = self.view.load();
        let signing = signing_at(set.in_order.iter().map(|key| key.signs_from), now);
        let followers = set.in_order.iter().skip(1).map(|key| Some(key.signs_from)).chain([None]);
        let keys = set.in_order.iter().zip(followers).enumerate();
        keys.map(|(place, (key, signs_until))| Key {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            state: match place.cmp(&signing) {
                Ordering::Less => KeyState::Verifying,
                Ordering::Equal => KeyState::Signing,
                Ordering::Greater => KeyState::Next,
            },
            imported: key.imported,
            created_at: key.created_at,
            signs_from: key.signs_from,
            signs_until,
            verifies_until: signs_until.map(|until| until.plus(VERIFIES_FOR_S)),
        })
        .collect()
    }

    /// When the signing key must be replaced; `None` is never: the schedule says so, the next key is already published,
    /// or the key was imported, and then only an operator can import the next.
    #[must_use]
    pub(crate) fn replaced_at(&self, schedule: &Schedule, now: UnixSeconds) -> Option<UnixSeconds> {
        let keys = self.list(now);
        let last = keys.last().filter(|key| key.state == KeyState::Signing && !key.imported)?;
        let signs_for_s = schedule.rotation_days.checked_mul(SECONDS_PER_DAY).filter(|seconds| *seconds > 0)?;
        Some(last.signs_from.plus(signs_for_s))
    }

    /// When the key that replaces the signing one is published; `None` is never, as for
    /// [`replaced_at`](Self::replaced_at).
    #[must_use]
    pub(crate) fn published_at(&self, schedule: &Schedule, now: UnixSeconds) -> Option<UnixSeconds> {
        let replaced_at = self.replaced_at(schedule, now)?;
        Some(UnixSeconds::new(replaced_at.get().saturating_sub(SCHEDULED_AHEAD_S)))
    }

    /// Waits until the keys in memory include that commit.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }
}

#[derive(Clone, Default)]
struct KeySet {
    by_kid: OrdMap<String, Arc<SigningKey>>,
    /// The same few keys in the order in which they sign.
    in_order: Vec<Arc<SigningKey>>,
}

impl KeySet {
    fn order(&mut self) {
        self.in_order = self.by_kid.values().cloned().collect();
        self.in_order.sort_by(|one, other| one.place().cmp(&other.place()));
    }
}

impl Projection for KeySet {
    type Record = StoredKey;
    const KEYSPACE: Keyspace<StoredKey> = KEYS;

    fn put(&mut self, id: &str, stored: StoredKey) {
        let Some(key) = SigningKey::parse(&stored) else {
            return tracing::error!(kid = ?id, "a signing key cannot be read: its tokens are refused");
        };
        self.by_kid.insert(id.to_owned(), Arc::new(key));
        self.order();
    }

    fn delete(&mut self, id: &str) {
        self.by_kid.remove(id);
        self.order();
    }
}

#[cfg(test)]
impl Keys {
    /// The keys of a store with one key, for the tests of other modules.
    pub(crate) async fn with_one(store: Arc<dyn Store>, algorithm: super::Algorithm, now: UnixSeconds) -> Self {
        let keys = Self::open(store.clone()).await.unwrap();
        let change = keys.plan_rotation(algorithm, super::plan::Start::WhenPublished, now).await.unwrap().change;
        let crate::store::Outcome::Committed(revision) = store.commit(change).await.unwrap() else {
            panic!("the first key is not committed");
        };
        keys.wait_for(revision).await;
        keys
    }
}
