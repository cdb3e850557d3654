//! The days before today, as the store has them.

use std::collections::BTreeMap;

use super::record::{LEASES, lease_id, prefix};
use crate::oauth::credentials::ClientId;
use crate::store::{Key, Store, StoreError, Txn};
use crate::time::Day;

/// How many days of usage the store keeps, today included.
pub(crate) const DAYS_KEPT: u64 = 90;
/// The most expired days that one lease deletes.
const MAX_EXPIRED: usize = 16;
/// The most days that are deleted with their client: the days that the store keeps, and some that have expired.
const MAX_DELETED: usize = 100;

/// What a client used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsed {
    /// The UTC day.
    pub day: Day,
    /// Units spent on it.
    pub used: u64,
}

/// The write that deletes all days of a client.
pub(crate) async fn delete_days(store: &dyn Store, client_id: &ClientId) -> Result<Txn, StoreError> {
    let days = store.scan(&prefix(client_id), None, MAX_DELETED).await?;
    Ok(days.into_iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key)))
}

/// The write that deletes the days of a client which are older than [`DAYS_KEPT`].
pub(super) async fn delete_expired(store: &dyn Store, client_id: &ClientId, today: Day) -> Result<Txn, StoreError> {
    let oldest_kept = day_key(client_id, today.before(DAYS_KEPT - 1));
    let days = store.scan(&prefix(client_id), None, MAX_EXPIRED).await?;
    let expired = days.into_iter().map(|(key, _)| key).filter(|key| *key < oldest_kept);
    Ok(expired.fold(Txn::new(), Txn::delete))
}

/// The units leased on the `days` before `today` and later, by the key of the day.
pub(super) async fn leased_by_day(
    store: &dyn Store,
    client_id: &ClientId,
    today: Day,
    days: u64,
) -> Result<BTreeMap<Key, u64>, StoreError> {
    let before_first = day_key(client_id, today.before(days + 1));
    let limit = usize::try_from(DAYS_KEPT).unwrap_or(usize::MAX);
    let stored = store.scan(&prefix(client_id), Some(&before_first), limit).await?;
    let units = |(key, value): (Key, _)| {
        let units = LEASES.decode(&key, &value)?.units;
        Ok((key, units))
    };
    stored.into_iter().map(units).collect()
}

pub(super) fn day_key(client_id: &ClientId, day: Day) -> Key {
    LEASES.key(lease_id(client_id, day))
}
