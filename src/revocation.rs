//! Which access tokens were revoked before they expired.
//!
//! Owns the keys under `revocations/`: a record for each revoked `jti`, deleted a day after the token's expiry. When there
//! are many, the revocations that end in the same hour are packed into larger records from time to time, so that a start
//! reads few records and each revocation takes few bytes of memory. A revocation is durable before its request is
//! answered, and in memory from then on: a protected request only looks into memory.

mod record;
mod revoked_tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use self::record::{Jtis, PackId, REVOCATIONS, Revoked};
use self::revoked_tokens::RevokedTokens;
use crate::store::{Epoch, MAX_OPERATIONS, Outcome, Revision, Store, StoreError, Txn, View};
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

/// For how long after its token's expiry a revocation stays, in seconds: so no revoked token becomes valid again when a
/// clock that was fast is set right.
const STAYS_FOR_S: u64 = SECONDS_PER_DAY;
/// How many records a sweep deletes in one commit.
const SWEEP_BATCH: usize = 100;
/// How many revocations may have a record each before any are packed. A start reads so many in some milliseconds.
const MAX_SINGLE: usize = 4_096;
/// How many revocations make a pack: the commit that writes the pack checks and deletes the record of each.
const PACK: usize = (MAX_OPERATIONS - 1) / 2;
/// How many packs are made at a time: about a second of the disk's time.
const MAX_PACKS: usize = 1_000;

/// All revocations in force.
pub struct Revocation {
    store: Arc<dyn Store>,
    view: Arc<View<RevokedTokens>>,
}

impl Revocation {
    /// Reads the revocations in force, and follows the store.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self { view: View::open(store.clone()).await?, store })
    }

    /// Whether the token of this `jti` was revoked.
    #[must_use]
    pub fn is_revoked(&self, jti: &Uuid) -> bool {
        self.view.load().contains(jti)
    }

    /// Whether the token of this `jti` was not revoked. Searches only if there was a revocation `since` the token was last
    /// found not to be revoked.
    #[must_use]
    pub(crate) fn is_not_revoked(&self, jti: &Uuid, since: &Epoch) -> bool {
        self.view.holds_since(since, |revoked| !revoked.contains(jti))
    }

    /// How many revocations are in force.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().count()
    }

    /// The write that revokes the token of this `jti`, which expires at `expires_at`. A second revocation changes nothing.
    pub fn revoke(&self, jti: &Uuid, expires_at: UnixSeconds) -> Result<Txn, StoreError> {
        Ok(Txn::new().put(REVOCATIONS.key(jti), REVOCATIONS.encode(&Revoked::single(expires_at))?))
    }

    /// Waits until the revocations in memory include that commit.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }

    /// Deletes the revocations of tokens that had expired a day before `now`; returns how many records. They are gone from
    /// memory too when this returns.
    pub async fn sweep(&self, now: UnixSeconds) -> Result<usize, StoreError> {
        let is_over = |expires_at: UnixSeconds| expires_at.plus(STAYS_FOR_S) <= now;
        let mut keys: Vec<_> = {
            let tokens = self.view.load();
            let over = tokens.single().filter(|(_, expires_at)| is_over(**expires_at));
            over.map(|(jti, _)| REVOCATIONS.key(jti)).collect()
        };
        let mut after = None;
        // The keys of packs are in the order in which the packs end.
        loop {
            let page = self.store.scan(&PackId::prefix(), after.as_ref(), SWEEP_BATCH).await?;
            let ends = |key| REVOCATIONS.id(key).and_then(PackId::parse).map(|pack| pack.ends_at);
            let over = page.iter().map(|(key, _)| key).take_while(|key| ends(key).is_some_and(is_over));
            let found = over.cloned().collect::<Vec<_>>();
            let is_last = found.len() < SWEEP_BATCH;
            after = found.last().cloned();
            keys.extend(found);
            if is_last {
                break;
            }
        }
        let mut last = None;
        for batch in keys.chunks(SWEEP_BATCH) {
            let txn = batch.iter().fold(Txn::new(), |txn, key| txn.delete(key.clone()));
            if let Outcome::Committed(revision) = self.store.commit(txn).await? {
                last = Some(revision);
            }
        }
        if let Some(revision) = last {
            self.wait_for(revision).await;
        }
        Ok(keys.len())
    }

    /// Packs revocations if many have a record each; returns how many it packed, at most [`MAX_PACKS`] times [`PACK`]. The
    /// same tokens stay revoked.
    pub async fn pack(&self) -> Result<usize, StoreError> {
        let mut by_end: BTreeMap<UnixSeconds, Vec<(Uuid, UnixSeconds)>> = BTreeMap::new();
        {
            let tokens = self.view.load();
            if tokens.single().len() <= MAX_SINGLE {
                return Ok(0);
            }
            for (jti, expires_at) in tokens.single() {
                by_end.entry(PackId::end_for(*expires_at)).or_default().push((*jti, *expires_at));
            }
        }
        // Revocations that do not fill a pack wait for others.
        let packs = by_end.iter().flat_map(|(end, tokens)| tokens.chunks_exact(PACK).map(move |tokens| (*end, tokens)));
        let mut packed = 0;
        for (ends_at, tokens) in packs.take(MAX_PACKS) {
            let jtis = Jtis::new(tokens.iter().map(|(jti, _)| *jti).collect());
            let pack = REVOCATIONS.encode(&Revoked::pack(ends_at, jtis))?;
            let mut txn = Txn::new().put(REVOCATIONS.key(PackId::new(ends_at)), pack);
            for (jti, expires_at) in tokens {
                let key = REVOCATIONS.key(jti);
                txn = txn.equals(key.clone(), REVOCATIONS.encode(&Revoked::single(*expires_at))?).delete(key);
            }
            // A conflict means that another node packed one of them, or that one was revoked again with a later expiry.
            if let Outcome::Committed(_) = self.store.commit(txn).await? {
                packed += tokens.len();
            }
        }
        Ok(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const EXPIRY: UnixSeconds = UnixSeconds::new(1_700_000_000);

    async fn wait_for(revocation: &Revocation, outcome: Outcome) {
        let Outcome::Committed(revision) = outcome else { panic!("the write has no check") };
        revocation.wait_for(revision).await;
    }

    /// Waits until all commits are in memory.
    async fn settle(revocation: &Revocation) {
        let nothing = revocation.store.commit(Txn::new()).await.unwrap();
        wait_for(revocation, nothing).await;
    }

    async fn records(store: &Arc<dyn Store>) -> usize {
        let (mut count, mut after) = (0, None);
        loop {
            let page = store.scan(b"revocations/", after.as_ref(), 1_000).await.unwrap();
            count += page.len();
            let Some((last, _)) = page.into_iter().next_back() else { return count };
            after = Some(last);
        }
    }

    #[tokio::test]
    async fn a_revocation_is_deleted_a_day_after_its_token_expired() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let revocation = Revocation::open(store.clone()).await.unwrap();
        let jti = Uuid::new_v4();
        let revoked = store.commit(revocation.revoke(&jti, EXPIRY).unwrap()).await.unwrap();
        wait_for(&revocation, revoked).await;

        assert_eq!(revocation.sweep(EXPIRY.plus(SECONDS_PER_DAY - 1)).await.unwrap(), 0);
        assert!(revocation.is_revoked(&jti), "even if the clock was a day fast");
        assert_eq!(revocation.sweep(EXPIRY.plus(SECONDS_PER_DAY)).await.unwrap(), 1);
        assert_eq!(records(&store).await, 0);
    }

    #[tokio::test]
    async fn packed_revocations_stay_in_force_for_as_long_and_are_few_records() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let revocation = Revocation::open(store.clone()).await.unwrap();
        let mut revoked = Vec::new();
        for number in 0..3 * MAX_SINGLE as u64 {
            let (jti, expires_at) = (Uuid::new_v4(), EXPIRY.plus(number % 7_200));
            let outcome = store.commit(revocation.revoke(&jti, expires_at).unwrap()).await.unwrap();
            wait_for(&revocation, outcome).await;
            revoked.push((jti, expires_at));
        }
        let packed = revocation.pack().await.unwrap();
        assert!(packed > 2 * MAX_SINGLE, "{packed}");
        settle(&revocation).await;
        assert_eq!(revocation.pack().await.unwrap(), 0, "too few are left for a pack");

        // As the view followed it, and as a new start reads it.
        for revocation in [&revocation, &Revocation::open(store.clone()).await.unwrap()] {
            assert_eq!(revocation.count(), revoked.len());
            assert!(revoked.iter().all(|(jti, _)| revocation.is_revoked(jti)));
            assert!(!revocation.is_revoked(&Uuid::new_v4()));
        }
        assert_eq!(records(&store).await, packed / PACK + revoked.len() - packed);

        // Half of them expire in the first hour: a day later only these may be deleted.
        for now in [EXPIRY, EXPIRY.plus(3_600), EXPIRY.plus(SECONDS_PER_DAY + 3_600)] {
            revocation.sweep(now).await.unwrap();
            settle(&revocation).await;
            let in_force = |(_, expires_at): &&(Uuid, UnixSeconds)| expires_at.plus(SECONDS_PER_DAY) > now;
            assert!(revoked.iter().filter(in_force).all(|(jti, _)| revocation.is_revoked(jti)), "{now}");
        }
        let fewer = revocation.count();
        assert!(fewer < revoked.len(), "{fewer} are left");
        revocation.sweep(EXPIRY.plus(2 * SECONDS_PER_DAY)).await.unwrap();
        settle(&revocation).await;
        assert_eq!((revocation.count(), records(&store).await), (0, 0));
    }

    #[tokio::test]
    async fn a_token_that_is_revoked_again_with_a_later_expiry_while_it_is_packed_stays_revoked() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let revocation = Revocation::open(store.clone()).await.unwrap();
        let jtis: Vec<_> = (0..=MAX_SINGLE).map(|_| Uuid::new_v4()).collect();
        for jti in &jtis {
            let outcome = store.commit(revocation.revoke(jti, EXPIRY).unwrap()).await.unwrap();
            wait_for(&revocation, outcome).await;
        }
        // No await in between: the view does not have these when the packs are made.
        for jti in &jtis {
            let _ = store.commit(revocation.revoke(jti, EXPIRY.plus(SECONDS_PER_DAY)).unwrap()).await.unwrap();
        }
        revocation.pack().await.unwrap();
        settle(&revocation).await;
        revocation.sweep(EXPIRY.plus(SECONDS_PER_DAY + 7_200)).await.unwrap();
        settle(&revocation).await;
        assert!(jtis.iter().all(|jti| revocation.is_revoked(jti)));
    }
}
