//! A store that counts and times the commits of another store.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Contents, Key, Outcome, Store, StoreError, Txn, Value, Watch};
use crate::counts::{Counts, Histogram, Times, label};
use crate::time::{Clock as _, SystemClock};

/// Buckets of the time of a commit, in seconds: a sync of a good disk takes 0.1 ms to 10 ms.
const BOUNDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

label! {
    /// The outcome of a commit.
    pub enum CommitOutcome {
        /// It is durable.
        Committed = "committed",
        /// A check did not hold, and nothing was written.
        Conflict = "conflict",
        /// The store did not answer, or not with success.
        Failed = "failed",
    }
}

/// Another store, timed. A protected request never commits, so this costs it nothing.
pub struct TimedStore {
    store: Arc<dyn Store>,
    /// The real clock: one that a test or the sandbox moves does not measure the disk.
    clock: SystemClock,
    outcomes: Counts<CommitOutcome>,
    times: Histogram,
}

impl TimedStore {
    /// Times the commits of `store` from now on.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, clock: SystemClock::new(), outcomes: Counts::new(), times: Histogram::new(BOUNDS) }
    }

    /// How many commits there were, by their outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (CommitOutcome, u64)> + '_ {
        self.outcomes.totals()
    }

    /// How long commits took, whatever their outcome, with their wait for the ones before.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times.times()
    }
}

#[async_trait]
impl Store for TimedStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        self.store.get(key).await
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.store.scan(prefix, after, limit).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let start = self.clock.monotonic();
        let outcome = self.store.commit(txn).await;
        self.times.observe(self.clock.monotonic().saturating_sub(start));
        self.outcomes.add_one(match &outcome {
            Ok(Outcome::Committed(_)) => CommitOutcome::Committed,
            Ok(Outcome::Conflict) => CommitOutcome::Conflict,
            Err(_) => CommitOutcome::Failed,
        });
        outcome
    }

    fn watch(&self) -> Watch {
        self.store.watch()
    }

    fn contents(&self) -> Option<&dyn Contents> {
        self.store.contents()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Label as _;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn commits_are_counted_by_their_outcome() {
        let timed = TimedStore::new(Arc::new(MemoryStore::new()));
        let put = || Txn::new().absent(Key::new(b"a")).put(Key::new(b"a"), Value::new(b"1"));
        assert!(matches!(timed.commit(put()).await, Ok(Outcome::Committed(_))));
        assert_eq!(timed.commit(put()).await.unwrap(), Outcome::Conflict);
        assert_eq!(timed.get(&Key::new(b"a")).await.unwrap(), Some(Value::new(b"1")));
        timed.close().await.unwrap();
        assert!(timed.commit(put()).await.is_err());
        let counted: Vec<_> = timed.outcomes().map(|(outcome, count)| (outcome.name(), count)).collect();
        assert_eq!(counted, [("committed", 1), ("conflict", 1), ("failed", 1)]);
        assert_eq!(timed.times().cumulative.last(), Some(&3));
    }
}
