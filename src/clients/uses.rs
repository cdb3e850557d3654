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
use crate::store::{Keyspace, Projection, Store, StoreError, Txn, View};
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

    /// Writes the uses of secrets that exist, and drops the others; returns how many were written. Uses that cannot be
    /// written are noted again.
    pub(super) async fn write_back(&self, exists: impl Fn(&ClientId, &Uuid) -> bool) -> Result<usize, StoreError> {
        let used: Vec<(Uuid, ClientId, UnixSeconds)> = {
            let noted = self.noted.pin();
            let secrets: Vec<Uuid> = noted.keys().copied().collect();
            // One by one: a use that is noted meanwhile stays noted.
            let uses = secrets.into_iter().filter_map(|secret_id| {
                let Noted { client_id, at } = noted.remove(&secret_id)?;
                let at = UnixSeconds::new(at.load(Ordering::Relaxed));
                exists(client_id, &secret_id).then(|| (secret_id, client_id.clone(), at))
            });
            uses.collect()
        };
        for (index, batch) in used.chunks(BATCH).enumerate() {
            if let Err(error) = self.write(batch).await {
                for (secret_id, client_id, at) in used.iter().skip(index * BATCH) {
                    let noted = || Noted { client_id: client_id.clone(), at: AtomicU64::new(at.get()) };
                    self.noted.pin().get_or_insert_with(*secret_id, noted);
                }
                return Err(error);
            }
        }
        Ok(used.len())
    }

    async fn write(&self, uses: &[(Uuid, ClientId, UnixSeconds)]) -> Result<(), StoreError> {
        let mut txn = Txn::new();
        for (secret_id, _, at) in uses {
            txn = txn.put(USES.key(secret_id), USES.encode(&Used { at: *at })?);
        }
        let _unconditional = self.store.commit(txn).await?;
        Ok(())
    }
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
