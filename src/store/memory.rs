//! A store in memory: an ordered map behind a mutex.
//!
//! It runs the same conformance suite as every other store, but "durable" means only "until the process ends". For
//! tests, and for data that needs no disk.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::watch::ChangeFeed;
use super::{Change, Contents, Entries, Key, MAX_SCAN, Outcome, Revision, Store, StoreError, Txn, Value, Watch};

/// An ordered map in memory.
#[derive(Debug)]
pub struct MemoryStore {
    /// `None` once it is closed.
    entries: Mutex<Option<BTreeMap<Key, Value>>>,
    feed: ChangeFeed,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Mutex::new(Some(BTreeMap::new())), feed: ChangeFeed::new() }
    }

    fn entries(&self) -> MutexGuard<'_, Option<BTreeMap<Key, Value>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let entries = self.entries();
        let entries = entries.as_ref().ok_or_else(StoreError::closed)?;
        Ok(entries.get(key).cloned())
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let prefix = Key::new(prefix);
        let start = match after {
            Some(after) if *after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(&prefix),
        };
        let entries = self.entries();
        let entries = entries.as_ref().ok_or_else(StoreError::closed)?;
        Ok(entries
            .range((start, Bound::Unbounded))
            .take_while(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
            .take(limit.min(MAX_SCAN))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        txn.within_limits()?;
        let mut entries = self.entries();
        let entries = entries.as_mut().ok_or_else(StoreError::closed)?;
        if !txn.checks.iter().all(|check| check.holds(entries.get(check.key()).map(Value::as_bytes))) {
            return Ok(Outcome::Conflict);
        }
        make(entries, &txn.writes);
        // Still locked: no read shows the commit before every watch has it.
        Ok(Outcome::Committed(self.feed.publish(txn.writes)))
    }

    fn watch(&self) -> Watch {
        self.feed.watch()
    }

    fn contents(&self) -> Option<&dyn Contents> {
        Some(self)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.entries().take();
        self.feed.close();
        Ok(())
    }
}

#[async_trait]
impl Contents for MemoryStore {
    fn is_lasting(&self) -> bool {
        false
    }

    async fn entries(&self) -> Result<Entries, StoreError> {
        let entries = self.entries();
        let entries = entries.as_ref().ok_or_else(StoreError::closed)?;
        Ok(entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn replace(&self, replacement: &Entries) -> Result<Revision, StoreError> {
        replacement.within_limits()?;
        let mut entries = self.entries();
        let entries = entries.as_mut().ok_or_else(StoreError::closed)?;
        let present = entries.iter().map(|(key, value)| Ok::<_, Infallible>((key.as_bytes(), value.as_bytes())));
        let Ok(changes) = replacement.changes_from(present);
        make(entries, &changes);
        // Still locked, as for a commit.
        Ok(self.feed.replaced(changes))
    }
}

fn make(entries: &mut BTreeMap<Key, Value>, writes: &[Change]) {
    for change in writes {
        match &change.value {
            Some(value) => entries.insert(change.key.clone(), value.clone()),
            None => entries.remove(&change.key),
        };
    }
}
