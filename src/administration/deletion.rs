//! What a client stored ends with it: its zones, and the answers that are remembered for its idempotency keys.
//!
//! Owns the keys under `deleted-clients/`. There may be more of it than one commit deletes, so the commit that deletes
//! the client notes that the rest is to follow. Until it has, nobody is registered under the same identifier.

use serde::{Deserialize, Serialize};

use super::Administration;
use crate::oauth::credentials::ClientId;
use crate::store::{Keyspace, Outcome, StoreError, Txn};
use crate::time::UnixSeconds;

const DELETED: Keyspace<Deleted> = Keyspace::new("deleted-clients");
/// How many deletions one sweep finishes.
const FINISHED_AT_ONCE: usize = 100;

/// A client that is deleted, and whose records are to follow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Deleted {
    at: UnixSeconds,
}

/// The write that notes a deletion.
pub(super) fn begin(client_id: &ClientId, now: UnixSeconds) -> Result<Txn, StoreError> {
    Ok(Txn::new().put(DELETED.key(client_id), DELETED.encode(&Deleted { at: now })?))
}

/// The condition that no deletion under this identifier is to be finished.
pub(super) fn is_finished(client_id: &ClientId) -> Txn {
    Txn::new().absent(DELETED.key(client_id))
}

impl Administration {
    /// Deletes what a deleted client has left, if it has left anything.
    pub(super) async fn finish_deletion(&self, client_id: &ClientId) -> Result<(), StoreError> {
        let Some((_, noted)) = DELETED.get(&*self.store, client_id).await? else { return Ok(()) };
        self.parking.idempotency().forget(client_id).await?;
        self.parking.forget(client_id).await?;
        let key = DELETED.key(client_id);
        // A conflict: another has finished it.
        let (Outcome::Committed(_) | Outcome::Conflict) =
            self.store.commit(Txn::new().equals(key.clone(), noted).delete(key)).await?;
        Ok(())
    }

    /// Finishes deletions that a crash, or a store that did not answer, has left half done.
    pub async fn finish_deletions(&self) -> Result<(), StoreError> {
        for (key, _) in self.store.scan(&DELETED.prefix(), None, FINISHED_AT_ONCE).await? {
            if let Some(client_id) = DELETED.id(&key).and_then(|id| ClientId::parse(id).ok()) {
                self.finish_deletion(&client_id).await?;
            }
        }
        Ok(())
    }
}
