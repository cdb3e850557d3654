//! Tokens that were verified before, and what the walk found for each of them.
//!
//! A signature is checked once: then the token is found by its whole text, together with its key, its revocation state
//! and its client as they were when the walk last looked. Each of these is looked up anew only after a change in its own
//! room. Only tokens that this server signed are remembered, and only so many: a forged token costs a signature check,
//! and no memory.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use crate::clients::CachedClient;
use crate::counts::{Counts, label};
use crate::keys::VerifiedBy;
use crate::oauth::bearer::Presented;
use crate::store::Epoch;
use crate::time::UnixSeconds;
use crate::tokens::{AccessToken, TokenFault, Tokens};

label! {
    /// Whether a presented token was remembered.
    pub enum Lookup {
        /// It was: no signature had to be checked.
        Hit = "hit",
        /// It was not: its signature, if it had one, was checked.
        Miss = "miss",
    }
}

/// A verified access token, and what admission last found for it.
#[derive(Debug)]
pub struct VerifiedToken {
    token: AccessToken,
    key: VerifiedBy,
    /// Up to which change of the revocations the token is not revoked.
    pub(super) not_revoked: Epoch,
    /// The client that it was issued to, as last registered.
    pub(super) client: CachedClient,
}

impl Deref for VerifiedToken {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.token
    }
}

/// Verifies tokens, and remembers them.
pub(super) struct VerifiedTokens {
    tokens: Arc<Tokens>,
    remembered: Cache<Text, Arc<VerifiedToken>>,
    lookups: Counts<Lookup>,
}

impl VerifiedTokens {
    /// Remembers at most `max_remembered` tokens.
    pub(super) fn new(tokens: Arc<Tokens>, max_remembered: usize) -> Self {
        Self { tokens, remembered: Cache::new(max_remembered), lookups: Counts::new() }
    }

    /// Verifies the signature of `token`, and not when it is valid. Remembers no token that has expired at `now`.
    pub(super) fn verify(&self, token: Presented<'_>, now: UnixSeconds) -> Result<Arc<VerifiedToken>, TokenFault> {
        // A token whose key was removed is verified again, and refused.
        if let Some(verified) = self.remembered.get(&token).filter(|verified| self.tokens.has_key(&verified.key)) {
            self.lookups.add_one(Lookup::Hit);
            return Ok(verified);
        }
        self.lookups.add_one(Lookup::Miss);
        let (access_token, key) = self.tokens.verify(token.text().ok_or(TokenFault::Malformed)?)?;
        let (not_revoked, client) = (Epoch::default(), CachedClient::default());
        let verified = Arc::new(VerifiedToken { token: access_token, key, not_revoked, client });
        if verified.check_expiry(now).is_ok() {
            self.remembered.insert(Text(token.as_bytes().into()), verified.clone());
        }
        Ok(verified)
    }

    /// How often a presented token was remembered, and how often not.
    pub(super) fn lookups(&self) -> impl Iterator<Item = (Lookup, u64)> + '_ {
        self.lookups.totals()
    }

    pub(super) fn forget_all(&self) {
        self.remembered.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.remembered.len()
    }
}

/// The text of a verified token, as the cache's key. It ends with the signature, whose bytes are as good as random, and
/// an attacker cannot choose them: only tokens that this server signed are in the cache. So the last bytes serve as the
/// hash. Equality compares the whole text.
#[derive(PartialEq, Eq)]
struct Text(Box<[u8]>);

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Presented::new(&self.0).hash(state);
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.as_bytes().last_chunk().copied().map_or(0, u128::from_ne_bytes));
    }
}

impl Equivalent<Text> for Presented<'_> {
    fn equivalent(&self, text: &Text) -> bool {
        is_same(self.as_bytes(), &text.0)
    }
}

/// Compares two texts in a time that does not depend on where they differ. Only texts that differ in their last 16 bytes,
/// as any two genuine tokens do, take less time than equal ones. Eight bytes at a time: `subtle` compares single bytes,
/// which would take as long as the rest of the walk.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (Some(tail), Some(other_tail)) = (one.last_chunk::<16>(), other.last_chunk::<16>()) else {
        return one == other;
    };
    if one.len() != other.len() || u128::from_ne_bytes(*tail) != u128::from_ne_bytes(*other_tail) {
        return false;
    }
    // Bytes that do not fill a chunk are part of the tail.
    let (chunks, _) = one.as_chunks::<8>();
    let (other_chunks, _) = other.as_chunks::<8>();
    let pairs = chunks.iter().zip(other_chunks);
    pairs.fold(0, |unlike, (one, other)| unlike | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clients::Client;
    use crate::keys::{Algorithm, Keys};
    use crate::oauth::scope::Scope;
    use crate::store::{MemoryStore, Outcome, Store, Txn};
    use crate::time::{Clock as _, ManualClock};

    struct Fixture {
        clock: Arc<ManualClock>,
        store: Arc<dyn Store>,
        keys: Arc<Keys>,
        verified: VerifiedTokens,
        token: String,
    }

    impl Fixture {
        async fn open() -> Self {
            let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000)));
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let keys = Arc::new(Keys::with_one(store.clone(), Algorithm::Es256, clock.now()).await);
            let tokens = Arc::new(Tokens::new(keys.clone(), clock.clone(), "https://localhost:8443".to_owned()));
            let client: Client = serde_json::from_value(serde_json::json!({
                "client_id": "partner", "client_name": "Partner", "scope": "read:zones", "audience": ["public"],
                "token_ttl": 3_600, "limits": { "requests_per_second": 1, "burst": 1, "daily_quota": null, "enforce": true },
                "status": "active", "secrets": [], "created_at": clock.now(), "updated_at": clock.now(),
            }))
            .unwrap();
            let token = tokens.issue(&client, "public", Scope::parse("read:zones").unwrap()).unwrap().access_token;
            Self { clock, store, keys, verified: VerifiedTokens::new(tokens, 100), token }
        }

        fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenFault> {
            let token = self.verified.verify(token.into(), self.clock.now())?;
            token.check_expiry(self.clock.now())?;
            Ok(token)
        }

        /// Hits and misses after one more look at the token.
        fn lookups(&self) -> Result<Vec<u64>, TokenFault> {
            self.verify(&self.token).map(|_| self.verified.lookups().map(|(_, count)| count).collect())
        }
    }

    #[tokio::test]
    async fn a_key_that_is_read_again_still_verifies_its_tokens_and_a_removed_one_does_not() {
        let fixture = Fixture::open().await;
        assert_eq!((fixture.lookups(), fixture.lookups()), (Ok(vec![0, 1]), Ok(vec![1, 1])));
        let (key, value) = fixture.store.scan(b"keys/", None, 1).await.unwrap().remove(0);
        for (change, then) in [
            (Txn::new().put(key.clone(), value), [Ok(vec![1, 2]), Ok(vec![2, 2])]),
            (Txn::new().delete(key), [Err(TokenFault::UnknownKey), Err(TokenFault::UnknownKey)]),
        ] {
            let Outcome::Committed(revision) = fixture.store.commit(change).await.unwrap() else {
                panic!("no other task writes")
            };
            fixture.keys.wait_for(revision).await;
            assert_eq!([fixture.lookups(), fixture.lookups()], then);
        }
    }

    #[tokio::test]
    async fn a_remembered_token_expires() {
        let fixture = Fixture::open().await;
        assert!(fixture.verify(&fixture.token).is_ok());
        fixture.clock.advance(std::time::Duration::from_secs(3_600));
        assert_eq!(fixture.verify(&fixture.token).unwrap_err(), TokenFault::Expired);
    }

    #[tokio::test]
    async fn a_forged_token_is_not_remembered() {
        let fixture = Fixture::open().await;
        for forged in [fixture.token.clone() + "A", fixture.token.replacen('.', ".e", 1), "A".repeat(8_000)] {
            assert!(fixture.verify(&forged).is_err(), "{forged:.60}");
        }
        assert_eq!(fixture.verified.len(), 0);
    }

    proptest! {
        #[test]
        fn texts_are_the_same_if_every_byte_is(text in proptest::collection::vec(any::<u8>(), 0..80), at: usize, bit in 0..8) {
            prop_assert!(is_same(&text, &text.clone()));
            prop_assert!(!is_same(&text, &[text.as_slice(), b"a"].concat()));
            let mut other = text.clone();
            if let Some(byte) = at.checked_rem(text.len()).and_then(|at| other.get_mut(at)) {
                *byte ^= 1_u8 << bit;
                prop_assert!(!is_same(&text, &other));
            }
        }
    }
}
