//! The signing keys: one signs, all verify.
//!
//! Owns the keys under `keys/`, and `key-changes/`, which every change to them is guarded by. Which key
//! signs follows from the keys and the time alone: the last one whose moment has come. So it is the same
//! on every node that reads the store, and a rotation needs no second step: a new key is in the JWK Set
//! from its commit on, and signs from its moment on. `kid` is the key's RFC 7638 thumbprint, so it names
//! the key and nothing else. Only the algorithm that a key was made for is ever used with it.

mod change;
mod jwk;
mod signing;

use std::sync::{Arc, Weak};

use imbl::OrdMap;
use serde_json::{Value as Json, json};

pub use self::change::{Planned, Start};
pub use self::jwk::PublicKey;
use self::signing::StoredKey;
pub use self::signing::{RING_PROVIDER, SigningKey};
pub use crate::api::key::Algorithm;
use crate::api::key::{Key, KeyState};
use crate::store::{Epoch, Keyspace, Projection, Revision, Store, StoreError, View};
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

const KEYS: Keyspace<StoredKey> = Keyspace::new("keys");

/// For how long a resource server may keep the JWK Set, in seconds.
pub const JWK_SET_MAX_AGE_S: u64 = 300;
/// For how long a new key is in the JWK Set before it signs, in seconds: three times as long as the set may be
/// kept, for clocks that differ, answers that travel, and libraries that keep it for 10 minutes whatever it
/// says (jose does).
pub const PUBLISHED_FOR_S: u64 = 3 * JWK_SET_MAX_AGE_S;
/// How long before its moment a scheduled key is published, in seconds: for resource servers that read the
/// JWK Set less often than it says.
pub const SCHEDULED_AHEAD_S: u64 = SECONDS_PER_DAY;
/// For how long a key verifies after its last signature, in seconds: the longest life of a token, and an
/// hour for clocks that differ.
pub const VERIFIES_FOR_S: u64 = SECONDS_PER_DAY + 3_600;

/// When keys are made, and how they sign.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How a new key signs.
    pub algorithm: Algorithm,
    /// After how many days of signing a key is replaced; 0 is never.
    pub rotation_days: u64,
}

/// Why a key could not be had, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store did not answer, or holds a key that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness, or ring refused the key.
    #[error("no signing key could be made: the system's random source did not answer")]
    Crypto,
    /// What was to be imported is no key that can sign; says why, after "it".
    #[error("the private key {0}")]
    Unusable(&'static str),
    /// No key has this `kid`.
    #[error("no signing key has this kid")]
    Unknown,
    /// The key to be imported is here.
    #[error("this key is here already, with the kid {0}")]
    AlreadyHere(String),
    /// A key waits to sign already, and one is enough.
    #[error("the key {0} waits to sign already: revoke it, or wait until it signs, and import then")]
    AnotherWaits(String),
    /// Without this key nothing would sign.
    #[error(
        "this key signs, and no other is there to follow it: rotate first, then revoke this one. Rotating \
         immediately lets the new key sign at once"
    )]
    NoSuccessor,
    /// The keys changed again and again while they were to be changed.
    #[error("the signing keys are being changed by somebody else: try again")]
    Busy,
}

/// The key of a token that is remembered. A key that is gone is kept by nothing, and certainly not by what it signed.
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
    store: Arc<dyn Store>,
    view: Arc<View<Ring>>,
}

impl Keys {
    /// Reads all keys, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        // A second start in one process finds it in place.
        let _already = RING_PROVIDER.install_default();
        Ok(Self { view: View::open(store.clone()).await?, store })
    }

    /// The key that signs at `now`; `None` before the first is made.
    #[must_use]
    pub fn signing(&self, now: UnixSeconds) -> Option<Arc<SigningKey>> {
        let ring = self.view.load();
        ring.in_order.get(signing_at(ring.in_order.iter().map(|key| key.signs_from), now)).cloned()
    }

    /// The key of this `kid`.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.view.load().by_kid.get(kid).cloned()
    }

    /// The key whose tokens start with this header, encoded as it is. Every token of a key has the same, to the
    /// byte; there is nothing in it to read.
    #[must_use]
    pub fn of_header(&self, header: &str) -> Option<Arc<SigningKey>> {
        self.view.load().in_order.iter().find(|key| key.header() == header).cloned()
    }

    /// Whether a token signed with the key of this `kid` still verifies.
    #[must_use]
    pub fn verifies(&self, kid: &str) -> bool {
        self.view.load().by_kid.contains_key(kid)
    }

    /// Whether the key that verified before still does: it is not gone, nor was it read anew.
    #[must_use]
    pub fn holds(&self, verified_by: &VerifiedBy) -> bool {
        let VerifiedBy { key, since } = verified_by;
        self.view
            .holds_since(since, |ring| ring.in_order.iter().any(|held| std::ptr::eq(Arc::as_ptr(held), key.as_ptr())))
    }

    /// The JWK Set (RFC 7517 section 5) of all keys that verify or soon will, the oldest first.
    #[must_use]
    pub fn jwk_set(&self) -> Json {
        let ring = self.view.load();
        json!({ "keys": ring.in_order.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
    }

    /// Every key at `now`, in the order in which they sign.
    #[must_use]
    pub fn list(&self, now: UnixSeconds) -> Vec<Key> {
        let ring = self.view.load();
        let signing = signing_at(ring.in_order.iter().map(|key| key.signs_from), now);
        let followers = ring.in_order.iter().skip(1).map(|key| Some(key.signs_from)).chain([None]);
        let keys = ring.in_order.iter().zip(followers).enumerate();
        keys.map(|(place, (key, signs_until))| Key {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            state: match place.cmp(&signing) {
                std::cmp::Ordering::Less => KeyState::Verifying,
                std::cmp::Ordering::Equal => KeyState::Signing,
                std::cmp::Ordering::Greater => KeyState::Next,
            },
            imported: key.imported,
            created_at: key.created_at,
            signs_from: key.signs_from,
            signs_until,
            verifies_until: signs_until.map(|until| until.plus(VERIFIES_FOR_S)),
        })
        .collect()
    }

    /// When the key that signs is to be replaced; `None` for never: it was imported, and only an operator has
    /// another such, or the schedule says so, or the next key is there already.
    #[must_use]
    pub fn replaced_at(&self, schedule: &Schedule, now: UnixSeconds) -> Option<UnixSeconds> {
        let keys = self.list(now);
        let last = keys.last().filter(|key| key.state == KeyState::Signing && !key.imported)?;
        let signs_for_s = schedule.rotation_days.checked_mul(SECONDS_PER_DAY).filter(|seconds| *seconds > 0)?;
        Some(last.signs_from.plus(signs_for_s))
    }

    /// Waits until a commit of this store is in force here.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }
}

/// Which of the keys that sign from these moments, in order, signs at `now`: the last whose moment has
/// come, or the first when the clock was set back before all of them.
fn signing_at(moments: impl DoubleEndedIterator<Item = UnixSeconds> + ExactSizeIterator, now: UnixSeconds) -> usize {
    moments.into_iter().rposition(|moment| moment <= now).unwrap_or(0)
}

#[derive(Clone, Default)]
struct Ring {
    by_kid: OrdMap<String, Arc<SigningKey>>,
    /// The same, in the order in which they sign: a handful.
    in_order: Vec<Arc<SigningKey>>,
}

impl Ring {
    fn order(&mut self) {
        self.in_order = self.by_kid.values().cloned().collect();
        self.in_order.sort_by(|one, other| one.place().cmp(&other.place()));
    }
}

impl Projection for Ring {
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
    /// The keys of a store that has only one, for the tests of others.
    pub(crate) async fn with_one(store: Arc<dyn Store>, algorithm: Algorithm, now: UnixSeconds) -> Self {
        let keys = Self::open(store.clone()).await.unwrap();
        let change = keys.rotation(algorithm, Start::WhenPublished, now).await.unwrap().change;
        let crate::store::Outcome::Committed(revision) = store.commit(change).await.unwrap() else {
            panic!("the first key is not committed");
        };
        keys.wait_for(revision).await;
        keys
    }
}
