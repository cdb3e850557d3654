//! The embedded store: sled.
use std::path::Path;

use async_trait::async_trait;

use super::{Key, Outcome, Store, StoreError, Txn, Value, Watch};

/// A store in a folder of this machine's disk.
#[derive(Debug)]
pub struct SledStore {}

impl SledStore {
    /// Opens the store in `dir`.
    pub fn open(_dir: &Path) -> Result<Self, StoreError> {
        Err(StoreError::closed())
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, _key: &Key) -> Result<Option<Value>, StoreError> {
        Err(StoreError::closed())
    }
    async fn scan(&self, _prefix: &[u8], _after: Option<&Key>, _limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        Err(StoreError::closed())
    }
    async fn commit(&self, _txn: Txn) -> Result<Outcome, StoreError> {
        Err(StoreError::closed())
    }
    fn watch(&self) -> Watch {
        super::watch::Feed::new().watch()
    }
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
