//! The deletion of a client, and of everything that the client left behind.
//!
//! Owns the keys under `deleted-clients/`. The commit that deletes a client deletes its secrets and its usage too. Its
//! zones and the answers that are remembered for its idempotency keys may be more than one commit can delete: that
//! commit notes that they are to follow. Until they have, no client can be registered under the same identifier. What
//! only memory has of the client, such as the state of its limits, is forgotten in the same step.

use serde::{Deserialize, Serialize};

use super::registered::{is_administrator, meets};
use super::{Actor, Administration, ChangeError, MAX_RACES, log_change};
use crate::audit::Action;
use crate::clients::Clients;
use crate::oauth::credentials::ClientId;
use crate::precondition::Condition;
use crate::quota;
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
fn begin(client_id: &ClientId, now: UnixSeconds) -> Result<Txn, StoreError> {
    Ok(Txn::new().put(DELETED.key(client_id), DELETED.encode(&Deleted { at: now })?))
}

/// The condition that no deletion under this identifier is still to be finished.
pub(super) fn is_finished(client_id: &ClientId) -> Txn {
    Txn::new().absent(DELETED.key(client_id))
}

impl Administration {
    /// Deletes a client and everything that it left behind, if `condition` allows it. Its tokens are refused from the
    /// next request on.
    pub(crate) async fn delete(
        &self,
        client_id: &ClientId,
        condition: &Condition,
        actor: &Actor,
    ) -> Result<(), ChangeError> {
        for _ in 0..MAX_RACES {
            let stored = Clients::stored(&*self.store, client_id).await?;
            let (client, stored) = stored.ok_or(ChangeError::ClientUnknown)?;
            meets(condition, &client)?;
            let mut change = Clients::delete(&client, stored).and(quota::delete_days(&*self.store, client_id).await?);
            if is_administrator(&client) {
                change = change.and(self.another_administrator(client_id).await?);
            }
            change = change.and(begin(client_id, self.clock.now())?);
            let event = self.done(Action::ClientDeleted, client_id.as_str(), actor);
            if let Some(revision) = self.audit.commit(&change, &event).await? {
                self.clients.wait_for(revision).await;
                log_change(&event);
                (self.forget_in_memory)(client_id);
                if let Err(error) = self.finish_deletion(client_id).await {
                    tracing::warn!(%client_id, %error, "the zones of a deleted client are not deleted yet");
                }
                return Ok(());
            }
        }
        Err(ChangeError::Contended)
    }

    /// Deletes what a deleted client has left behind, if anything.
    pub(super) async fn finish_deletion(&self, client_id: &ClientId) -> Result<(), StoreError> {
        let Some((_, noted)) = DELETED.get(&*self.store, client_id).await? else { return Ok(()) };
        self.parking.idempotency().forget(client_id).await?;
        self.parking.forget(client_id).await?;
        let key = DELETED.key(client_id);
        // A conflict: another call has finished it.
        let (Outcome::Committed(_) | Outcome::Conflict) =
            self.store.commit(Txn::new().equals(key.clone(), noted).delete(key)).await?;
        Ok(())
    }

    /// Finishes deletions that a crash, or a store that did not answer, has interrupted.
    pub(crate) async fn finish_deletions(&self) -> Result<(), StoreError> {
        for (key, _) in self.store.scan(&DELETED.prefix(), None, FINISHED_AT_ONCE).await? {
            if let Some(client_id) = DELETED.id(&key).and_then(|id| ClientId::parse(id).ok()) {
                self.finish_deletion(&client_id).await?;
            }
        }
        Ok(())
    }
}
