//! An exact limit on the number of records of each owner.
//!
//! A record takes a numbered slot, `prefix/OWNER/NUMBER`, in the transaction that writes it, if the slot is free. There
//! are as many numbers as the owner may have records, so exactly that many can be written, by any number of concurrent
//! requests on any number of nodes. The free numbers are in memory, fed by the store's watch. A number that is about to
//! be taken is reserved, so that concurrent requests take different numbers.

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{Key, Keyspace, Projection, Revision, Store, StoreError, Txn, Value, View};

/// The largest number of slots of one owner.
pub(crate) const MAX_SLOTS: u32 = 1_000_000;

/// A kind of slots: names their keyspace.
pub trait SlotKind: Send + Sync + 'static {
    /// The prefix of its keys.
    const PREFIX: &'static str;
}

/// The slots of all owners of one kind.
pub struct Slots<K: SlotKind> {
    view: Arc<View<Taken<K>>>,
    reserved: Mutex<HashMap<Arc<str>, BTreeSet<u32>>>,
    released: Notify,
}

/// The answer to a request for a slot.
pub enum Reservation<'s, K: SlotKind> {
    /// A free slot, reserved until this is dropped.
    Reserved(Slot<'s, K>),
    /// Every slot is taken.
    Full,
}

/// A reserved slot: it is free again when this is dropped, unless it was taken meanwhile.
pub struct Slot<'s, K: SlotKind> {
    slots: &'s Slots<K>,
    owner: Arc<str>,
    number: u32,
}

/// The record that has a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Its id.
    pub id: String,
}

impl<K: SlotKind> Slots<K> {
    const KEYSPACE: Keyspace<Holder> = Keyspace::new(K::PREFIX);

    /// Reads which slots are taken, and follows their changes.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self { view: View::open(store).await?, reserved: Mutex::default(), released: Notify::new() })
    }

    /// How many slots an owner has taken.
    #[must_use]
    pub fn taken(&self, owner: &str) -> u32 {
        self.view.load().by_owner.get(owner).map_or(0, Numbers::taken)
    }

    /// Reserves one of the `most` slots of the owner. While other requests, which may fail, have the last slots
    /// reserved, it waits: `Full` is answered only if all slots are taken by written records.
    pub(crate) async fn reserve(&self, owner: &str, most: u32) -> Reservation<'_, K> {
        loop {
            let mut released = std::pin::pin!(self.released.notified());
            released.as_mut().enable();
            {
                let mut reserved = self.lock();
                let numbers = self.view.load().by_owner.get(owner).cloned().unwrap_or_default();
                let of_owner = reserved.get(owner);
                let waiting = of_owner.map_or(0, BTreeSet::len);
                let is_free = |number: &u32| of_owner.is_none_or(|of_owner| !of_owner.contains(number));
                let left = most.saturating_sub(numbers.taken());
                if left == 0 {
                    return Reservation::Full;
                }
                if let Some(number) = numbers.free().take_while(|number| *number < most).find(is_free)
                    && waiting < left as usize
                {
                    let owner: Arc<str> = owner.into();
                    reserved.entry(Arc::clone(&owner)).or_default().insert(number);
                    return Reservation::Reserved(Slot { slots: self, owner, number });
                }
                if waiting == 0 {
                    return Reservation::Full;
                }
            }
            released.await;
        }
    }

    /// Waits until the slots in memory include that commit.
    pub async fn wait_for(&self, revision: Revision) {
        self.view.wait_for(revision).await;
    }

    /// Up to `limit` slots that an owner has taken, with their records.
    pub async fn list(store: &dyn Store, owner: &str, limit: usize) -> Result<Vec<(Key, Value, Holder)>, StoreError> {
        let of_owner = Self::KEYSPACE.key(format_args!("{owner}/"));
        let listed = store.scan(of_owner.as_bytes(), None, limit).await?;
        let read = |(key, value): (Key, Value)| {
            let holder = Self::KEYSPACE.decode(&key, &value)?;
            Ok((key, value, holder))
        };
        listed.into_iter().map(read).collect()
    }

    /// The key of a slot.
    #[must_use]
    pub fn key(owner: &str, number: u32) -> Key {
        Self::KEYSPACE.key(format_args!("{owner}/{number:07}"))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, BTreeSet<u32>>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: SlotKind> Slot<'_, K> {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The write that takes the slot for the record `id`.
    pub fn take(&self, id: impl Into<String>) -> Result<Txn, StoreError> {
        let key = Slots::<K>::key(&self.owner, self.number);
        let holder = Slots::<K>::KEYSPACE.encode(&Holder { id: id.into() })?;
        Ok(Txn::new().absent(key.clone()).put(key, holder))
    }
}

impl<K: SlotKind> Drop for Slot<'_, K> {
    fn drop(&mut self) {
        let mut reserved = self.slots.lock();
        if let Some(of_owner) = reserved.get_mut(&self.owner) {
            of_owner.remove(&self.number);
            if of_owner.is_empty() {
                reserved.remove(&self.owner);
            }
        }
        drop(reserved);
        self.slots.released.notify_waiters();
    }
}

/// The numbers that each owner has taken.
struct Taken<K> {
    by_owner: OrdMap<Arc<str>, Numbers>,
    kind: PhantomData<fn() -> K>,
}

/// Numbers that are taken: all below `end` but those in `between`. So most owners take a few bytes.
#[derive(Clone, Default)]
struct Numbers {
    end: u32,
    between: OrdSet<u32>,
}

impl Numbers {
    fn taken(&self) -> u32 {
        self.end - u32::try_from(self.between.len()).unwrap_or(self.end)
    }

    /// The numbers that are free, from the smallest.
    fn free(&self) -> impl Iterator<Item = u32> {
        self.between.iter().copied().chain(self.end..)
    }

    fn take(&mut self, number: u32) {
        if number >= self.end {
            self.between.extend(self.end..number);
            self.end = number + 1;
        } else {
            self.between.remove(&number);
        }
    }

    fn give_back(&mut self, number: u32) {
        if number < self.end {
            self.between.insert(number);
        }
        while self.end > 0 && self.between.remove(&(self.end - 1)).is_some() {
            self.end -= 1;
        }
    }
}

/// The owner and the number in a slot's id.
fn parts(id: &str) -> Option<(&str, u32)> {
    let (owner, number) = id.rsplit_once('/')?;
    Some((owner, number.parse().ok().filter(|number| *number < MAX_SLOTS)?))
}

impl<K: SlotKind> Projection for Taken<K> {
    type Record = Holder;
    const KEYSPACE: Keyspace<Holder> = Keyspace::new(K::PREFIX);

    fn put(&mut self, id: &str, _holder: Holder) {
        let Some((owner, number)) = parts(id) else { return };
        if let Some(numbers) = self.by_owner.get_mut(owner) {
            numbers.take(number);
            return;
        }
        let mut numbers = Numbers::default();
        numbers.take(number);
        self.by_owner.insert(owner.into(), numbers);
    }

    fn delete(&mut self, id: &str) {
        let Some((owner, number)) = parts(id) else { return };
        let Some(numbers) = self.by_owner.get_mut(owner) else { return };
        numbers.give_back(number);
        if numbers.end == 0 {
            self.by_owner.remove(owner);
        }
    }
}

/// Not derived, since that would require `Clone` of the kind.
impl<K> Clone for Taken<K> {
    fn clone(&self) -> Self {
        Self { by_owner: self.by_owner.clone(), kind: PhantomData }
    }
}

impl<K> Default for Taken<K> {
    fn default() -> Self {
        Self { by_owner: OrdMap::new(), kind: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use proptest::prelude::*;

    use super::*;
    use crate::store::{MemoryStore, Outcome};

    enum Kind {}

    impl SlotKind for Kind {
        const PREFIX: &'static str = "test-slots";
    }

    async fn take(store: &dyn Store, slots: &Slots<Kind>, most: u32, id: &str) -> bool {
        loop {
            let Reservation::Reserved(slot) = slots.reserve("owner", most).await else { return false };
            if let Outcome::Committed(revision) = store.commit(slot.take(id).unwrap()).await.unwrap() {
                slots.wait_for(revision).await;
                return true;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn two_nodes_take_exactly_as_many_slots_as_there_are() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let nodes = [Slots::open(store.clone()).await.unwrap(), Slots::open(store.clone()).await.unwrap()];
        let ids: Vec<String> = (0..40).map(|id| id.to_string()).collect();
        let asked = ids.iter().enumerate().map(|(index, id)| take(&*store, &nodes[index % 2], 25, id));
        assert_eq!(join_all(asked).await.into_iter().filter(|taken| *taken).count(), 25);
        assert_eq!(Slots::<Kind>::list(&*store, "owner", 100).await.unwrap().len(), 25);
        let reopened = Slots::<Kind>::open(store.clone()).await.unwrap();
        assert_eq!((reopened.taken("owner"), reopened.taken("other")), (25, 0));
        assert!(take(&*store, &reopened, 26, "more").await, "a raised limit counts at once");
        assert!(!take(&*store, &reopened, 10, "less").await, "and so does a lowered one");
    }

    #[tokio::test]
    async fn a_reservation_waits_for_one_that_may_fail() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let slots = Slots::<Kind>::open(store.clone()).await.unwrap();
        let Reservation::Reserved(first) = slots.reserve("owner", 1).await else { panic!("it is free") };
        let mut second = std::pin::pin!(slots.reserve("owner", 1));
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        assert!(matches!(slots.reserve("other", 1).await, Reservation::Reserved(_)), "others do not");
        drop(first);
        assert!(matches!(second.await, Reservation::Reserved(slot) if slot.number() == 0));
    }

    proptest! {
        #[test]
        fn the_numbers_are_the_ones_taken_and_not_given_back(steps in proptest::collection::vec((0_u32..40, any::<bool>()), 0..120)) {
            let (mut numbers, mut model) = (Numbers::default(), BTreeSet::new());
            for (number, takes) in steps {
                if takes {
                    numbers.take(number);
                    model.insert(number);
                } else {
                    numbers.give_back(number);
                    model.remove(&number);
                }
                prop_assert_eq!(numbers.taken() as usize, model.len());
                prop_assert_eq!(numbers.free().next(), (0..41).find(|number| !model.contains(number)));
                prop_assert!(numbers.between.len() < 40);
            }
        }
    }
}
