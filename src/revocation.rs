//! Which access tokens are dead before their time.
//!
//! Owns the keys under `revocations/`: one for each revoked `jti`, kept until a day after the token's own
//! expiry and then swept. A revocation is durable before it is answered, and in memory from then on; the question
//! on every request is a look into memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Keyspace, Projection, QuickMap, Revision, Store, StoreError, Txn, View};
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

/// How long a revocation is kept after its token has expired, in seconds: a clock that runs ahead for a
/// while, and is set right, brings no revoked token back.
const KEPT_FOR_S: u64 = SECONDS_PER_DAY;
/// How many forgotten revocations one sweep deletes in one commit.
const SWEEP_BATCH: usize = 100;

const REVOCATIONS: Keyspace<Revoked> = Keyspace::new("revocations");

/// A token that was revoked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Revoked {
    /// Its own expiry: from then on the revocation says nothing new.
    expires_at: UnixSeconds,
}

/// All revocations in force.
pub struct Revocation {
    store: Arc<dyn Store>,
    view: Arc<View<RevokedTokens>>,
}

impl Revocation {
    /// Reads what is still in force, and follows it.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self { view: View::open(store.clone()).await?, store })
    }

    /// Whether the token of this `jti` was revoked.
    #[must_use]
    pub fn is_revoked(&self, jti: &Uuid) -> bool {
        self.view.load().by_jti.contains_key(jti)
    }

    /// How many revocations are in force.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().by_jti.len()
    }

    /// The write that revokes the token of this `jti`, which expires at `expires_at`. To revoke it again
    /// changes nothing.
    pub fn revoke(&self, jti: &Uuid, expires_at: UnixSeconds) -> Result<Txn, StoreError> {
        Ok(Txn::new().put(REVOCATIONS.key(jti), REVOCATIONS.encode(&Revoked { expires_at })?))
    }

    /// Waits until a commit of this store is in force here.
    pub async fn reach(&self, revision: Revision) {
        self.view.reach(revision).await;
    }

    /// Forgets the revocations of tokens that had expired a day before `now`; returns how many.
    pub async fn sweep(&self, now: UnixSeconds) -> Result<usize, StoreError> {
        let expired: Vec<Uuid> = {
            let tokens = self.view.load();
            tokens
                .by_jti
                .iter()
                .filter(|(_, expires_at)| expires_at.plus(KEPT_FOR_S) <= now)
                .map(|(jti, _)| *jti)
                .collect()
        };
        for batch in expired.chunks(SWEEP_BATCH) {
            let txn = batch.iter().fold(Txn::new(), |txn, jti| txn.delete(REVOCATIONS.key(jti)));
            let _unconditional = self.store.commit(txn).await?;
        }
        Ok(expired.len())
    }
}

#[derive(Clone, Default)]
struct RevokedTokens {
    by_jti: QuickMap<Uuid, UnixSeconds>,
}

impl Projection for RevokedTokens {
    type Record = Revoked;
    const KEYSPACE: Keyspace<Revoked> = REVOCATIONS;

    fn put(&mut self, id: &str, revoked: Revoked) {
        if let Ok(jti) = id.parse() {
            self.by_jti.insert(jti, revoked.expires_at);
        }
    }

    fn delete(&mut self, id: &str) {
        if let Ok(jti) = id.parse::<Uuid>() {
            self.by_jti.remove(&jti);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Outcome};

    #[tokio::test]
    async fn a_revocation_outlives_its_token_by_a_day_and_then_is_forgotten() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let revocation = Revocation::open(store.clone()).await.unwrap();
        let (jti, expires_at) = (Uuid::new_v4(), UnixSeconds::new(1_700_000_000));
        let revoked = store.commit(revocation.revoke(&jti, expires_at).unwrap()).await.unwrap();
        let Outcome::Committed(revision) = revoked else { panic!("nothing is checked") };
        revocation.reach(revision).await;

        assert_eq!(revocation.sweep(expires_at.plus(SECONDS_PER_DAY - 1)).await.unwrap(), 0);
        assert!(revocation.is_revoked(&jti), "also while the clock was a day ahead");
        assert_eq!(revocation.sweep(expires_at.plus(SECONDS_PER_DAY)).await.unwrap(), 1);
        assert!(store.scan(b"revocations/", None, 10).await.unwrap().is_empty());
    }
}
