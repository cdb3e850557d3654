//! Which client created a zone, so that the zones of each are bounded, and end with it.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Condition, Parking, ParkingError};
use crate::oauth::credentials::ClientId;
use crate::store::{Holder, Key, Keyspace, MAX_SCAN, Slot, SlotKind, Slots, StoreError, Txn, Value};

pub(super) const OWNERS: Keyspace<Owned> = Keyspace::new("zone-owners");

/// How many zones are deleted at a time: they share the store's syncs.
const DELETED_AT_ONCE: usize = 128;

/// What takes a slot here.
pub(super) enum OfClient {}

impl SlotKind for OfClient {
    const PREFIX: &'static str = "zone-slots";
}

pub(super) type ZoneSlots = Slots<OfClient>;

/// Whose slot a zone has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Owned {
    client_id: ClientId,
    slot: u32,
}

/// The write that makes the zone `id` one of this client's.
pub(super) fn creation(id: Uuid, client_id: &ClientId, slot: &Slot<'_, OfClient>) -> Result<Txn, StoreError> {
    let owned = Owned { client_id: client_id.clone(), slot: slot.number() };
    Ok(slot.take(id)?.put(OWNERS.key(id), OWNERS.encode(&owned)?))
}

/// The write that makes the zone `id` nobody's.
pub(super) fn deletion(id: Uuid, owned: Option<&Owned>) -> Txn {
    owned.map_or(Txn::new(), |Owned { client_id, slot }| {
        Txn::new().delete(OWNERS.key(id)).delete(ZoneSlots::key(client_id.as_str(), *slot))
    })
}

impl Parking {
    /// How many zones a client has created that are still there.
    #[must_use]
    pub fn created_by(&self, client_id: &ClientId) -> u32 {
        self.slots.taken(client_id.as_str())
    }

    /// Deletes every zone that a client created, when the client itself is deleted. What a failure leaves is deleted
    /// by the next call.
    pub async fn forget(&self, client_id: &ClientId) -> Result<(), StoreError> {
        loop {
            let page = ZoneSlots::list(&*self.store, client_id.as_str(), MAX_SCAN).await?;
            let is_last = page.len() < MAX_SCAN;
            let deleted = stream::iter(page).map(|(slot, value, holder)| self.forget_zone(slot, value, holder));
            deleted.buffer_unordered(DELETED_AT_ONCE).try_collect::<()>().await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn forget_zone(&self, slot: Key, value: Value, holder: Holder) -> Result<(), StoreError> {
        if let Ok(id) = holder.id.parse() {
            match self.delete(id, &Condition::default()).await {
                Ok(()) => return Ok(()),
                Err(ParkingError::NotFound) => {}
                Err(ParkingError::Store(error)) => return Err(error),
                Err(other) => return Err(StoreError::Unavailable(other.to_string().into())),
            }
        }
        // A slot without a zone.
        self.commit(Txn::new().equals(slot.clone(), value).delete(slot)).await.map(|_| ())
    }
}
