//! When each secret was last used, so that an operator sees when an old one is no longer in use.
//!
//! Owns the keys under `secret-uses/`. A use is noted in memory and written later, many in one commit, so that a token
//! request does not wait for the disk. A crash loses the uses of the last minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imbl::HashMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::oauth::credentials::ClientId;
use crate::store::{Keyspace, Outcome, Projection, Revision, Store, StoreError, Txn, View};
use crate::time::UnixSeconds;

/// How many uses one commit writes back.
const BATCH: usize = 100;

const USES: Keyspace<Used> = Keyspace::new("secret-uses");

/// The last use of a secret.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Used {
    at: UnixSeconds,
}

/// The last use of every secret.
pub(super) struct SecretUses {
    store: Arc<dyn Store>,
    written: Arc<View<Written>>,
    /// Uses that are not written yet: at most one for each secret.
    noted: papaya::HashMap<Uuid, Noted>,
}

struct Noted {
    client_id: ClientId,
    at: AtomicU64,
}

impl SecretUses {
    /// Reads the uses in the store, and follows them.
    pub(super) async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self { written: View::open(store.clone()).await?, store, noted: papaya::HashMap::new() })
    }

    /// Notes a use. Takes no lock; allocates only at a secret's first use since the last write.
    pub(super) fn note(&self, client_id: &ClientId, secret_id: Uuid, now: UnixSeconds) {
        let noted = self.noted.pin();
        match noted.get(&secret_id) {
            Some(use_of) => use_of.at.store(now.get(), Ordering::Relaxed),
            None => {
                noted.insert(secret_id, Noted { client_id: client_id.clone(), at: AtomicU64::new(now.get()) });
            }
        }
    }

    /// When a secret was last used, according to this process.
    pub(super) fn last(&self, secret_id: &Uuid) -> Option<UnixSeconds> {
        let noted = self.noted.pin().get(secret_id).map(|noted| UnixSeconds::new(noted.at.load(Ordering::Relaxed)));
        noted.max(self.written.load().by_secret.get(secret_id).copied())
    }

    /// Writes the uses of secrets that exist, and drops the others; returns how many were written. A use stays noted until
    /// the written ones have it, so that it is visible at any time, and is not lost if it cannot be written.
    pub(super) async fn write_back(&self, exists: impl Fn(&ClientId, &Uuid) -> bool) -> Result<usize, StoreError> {
        let (of_existing, of_deleted): (Vec<Use>, Vec<Use>) =
            self.noted().into_iter().partition(|Use { client_id, secret_id, .. }| exists(client_id, secret_id));
        self.forget_noted(&of_deleted);
        for batch in of_existing.chunks(BATCH) {
            self.write(batch).await?;
            self.forget_noted(batch);
        }
        Ok(of_existing.len())
    }

    fn noted(&self) -> Vec<Use> {
        let noted = self.noted.pin();
        let uses = noted.iter().map(|(secret_id, Noted { client_id, at })| {
            let at = UnixSeconds::new(at.load(Ordering::Relaxed));
            Use { secret_id: *secret_id, client_id: client_id.clone(), at }
        });
        uses.collect()
    }

    /// Forgets these uses. One that was noted meanwhile stays.
    fn forget_noted(&self, uses: &[Use]) {
        let noted = self.noted.pin();
        for Use { secret_id, at, .. } in uses {
            let _stays = noted.remove_if(secret_id, |_, noted| noted.at.load(Ordering::Relaxed) == at.get());
        }
    }

    /// Forgets what is not written yet.
    pub(super) fn forget_unwritten(&self) {
        self.noted.pin().clear();
    }

    pub(super) async fn wait_for(&self, revision: Revision) {
        self.written.wait_for(revision).await;
    }

    async fn write(&self, uses: &[Use]) -> Result<(), StoreError> {
        let mut txn = Txn::new();
        for Use { secret_id, at, .. } in uses {
            txn = txn.put(USES.key(secret_id), USES.encode(&Used { at: *at })?);
        }
        // Without a condition, it has no conflict.
        if let Outcome::Committed(revision) = self.store.commit(txn).await? {
            self.written.wait_for(revision).await;
        }
        Ok(())
    }
}

/// A use that is to be written.
struct Use {
    secret_id: Uuid,
    client_id: ClientId,
    at: UnixSeconds,
}

/// The write that deletes a secret's last use.
pub(super) fn forget(secret_id: &Uuid) -> Txn {
    Txn::new().delete(USES.key(secret_id))
}

#[derive(Clone, Default)]
struct Written {
    by_secret: HashMap<Uuid, UnixSeconds>,
}

impl Projection for Written {
    type Record = Used;
    const KEYSPACE: Keyspace<Used> = USES;

    fn put(&mut self, id: &str, used: Used) {
        if let Ok(secret_id) = id.parse() {
            self.by_secret.insert(secret_id, used.at);
        }
    }

    fn delete(&mut self, id: &str) {
        if let Ok(secret_id) = id.parse::<Uuid>() {
            self.by_secret.remove(&secret_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn a_use_is_visible_at_once_and_on_disk_after_the_write() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let uses = SecretUses::open(store.clone()).await.unwrap();
        let client_id = ClientId::parse("partner").unwrap();
        let secrets: Vec<Uuid> = (0..250).map(Uuid::from_u128).collect();
        for (seconds, secret_id) in (1..).zip(&secrets) {
            uses.note(&client_id, *secret_id, UnixSeconds::new(seconds));
            uses.note(&client_id, *secret_id, UnixSeconds::new(seconds + 1));
            assert_eq!(uses.last(secret_id), Some(UnixSeconds::new(seconds + 1)));
        }
        assert!(store.scan(b"secret-uses/", None, 1_000).await.unwrap().is_empty(), "a use writes nothing");
        let deleted = secrets[7];
        assert_eq!(uses.write_back(|_, secret_id| *secret_id != deleted).await.unwrap(), 249);
        assert_eq!(uses.write_back(|_, _| true).await.unwrap(), 0, "each is written once");
        let reopened = SecretUses::open(store).await.unwrap();
        assert_eq!(reopened.last(&secrets[249]), Some(UnixSeconds::new(251)));
        assert_eq!(reopened.last(&deleted), None);
    }

    #[tokio::test]
    async fn a_use_is_visible_while_it_is_written() {
        let uses = SecretUses::open(Arc::new(MemoryStore::new())).await.unwrap();
        let client_id = ClientId::parse("partner").unwrap();
        for number in 0..100 {
            let (secret_id, at) = (Uuid::from_u128(number), UnixSeconds::new(5));
            uses.note(&client_id, secret_id, at);
            let mut writing = pin!(uses.write_back(|_, _| true));
            poll_fn(|context| {
                let polled = writing.as_mut().poll(context);
                assert_eq!(uses.last(&secret_id), Some(at), "{number}");
                polled
            })
            .await
            .unwrap();
        }
    }

    #[tokio::test]
    async fn a_use_that_cannot_be_written_is_not_lost() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let uses = SecretUses::open(store.clone()).await.unwrap();
        let secret_id = Uuid::from_u128(1);
        uses.note(&ClientId::parse("partner").unwrap(), secret_id, UnixSeconds::new(5));
        store.close().await.unwrap();
        assert!(uses.write_back(|_, _| true).await.is_err());
        assert_eq!(uses.last(&secret_id), Some(UnixSeconds::new(5)));
    }
}
