//! The store: bytes under ordered keys. It does not know what they mean.
//!
//! A [`Store`] has five methods: get the value of a key, scan a prefix, commit writes if conditions hold, watch every
//! later commit, and close. sled and etcd both offer these; nothing else of either is visible. Other processes may use the
//! same store, so no caller may assume that it is alone.
//!
//! Records of one kind share a [`Keyspace`]. A [`View`] has those in memory that requests read.

mod contents;
mod keyspace;
mod memory;
mod sled;
mod slots;
mod timed;
mod view;
mod watch;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::contents::{Contents, Entries};
pub use self::keyspace::Keyspace;
pub use self::memory::MemoryStore;
pub use self::sled::SledStore;
pub(crate) use self::slots::MAX_SLOTS;
pub use self::slots::{Holder, Reservation, Slot, SlotKind, Slots};
pub use self::timed::{CommitOutcome, TimedStore};
pub use self::view::{Epoch, Projection, QuickMap, View};
pub use self::watch::{Change, ChangeEvent, Watch};
use crate::files::Exposure;

/// The most operations (checks and writes together) that one [`Txn`] may hold.
pub const MAX_OPERATIONS: usize = 128;
/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// The largest value, in bytes. A record of this program has a few hundred.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;
/// The most entries that one scan returns.
pub const MAX_SCAN: usize = 1_000;

/// An ordered, durable map of bytes.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The value at `key`, or `None`.
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError>;

    /// Up to `limit` entries (at most [`MAX_SCAN`]) whose keys start with `prefix`, in key order, from the first key
    /// after `after`. Two scans are not one snapshot: only the second shows a change made between them. What a scan or
    /// a `get` shows is durable, and every watch has it already.
    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// Makes all of `txn`'s writes if all of its checks hold, else none of them.
    ///
    /// When this returns [`Outcome::Committed`], the change is on disk and survives a power cut, and every [`Watch`]
    /// has it. After an `Err` the change may have been made or not.
    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError>;

    /// Follows every commit from now on.
    fn watch(&self) -> Watch;

    /// The whole content, if this process has the store to itself; `None` if others may share it.
    fn contents(&self) -> Option<&dyn Contents> {
        None
    }

    /// Waits for commits under way, then closes files. Later calls answer [`StoreError::Unavailable`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// The name of a value, ordered bytewise. At most [`MAX_KEY_BYTES`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

/// The value of a key. At most [`MAX_VALUE_BYTES`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value(Arc<[u8]>);

/// The number of a commit: later commits have larger ones. It starts again with each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// The outcome of a [`Txn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Its checks held, and its writes are durable.
    Committed(Revision),
    /// A check did not hold, and nothing was written: read again and decide again.
    Conflict,
}

/// Writes that are made together or not at all, and the conditions under which they are made.
#[derive(Clone, Debug, Default)]
pub struct Txn {
    checks: Vec<Check>,
    writes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Check {
    Absent(Key),
    Equals(Key, Value),
}

impl Txn {
    /// An empty transaction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that `key` has no value.
    #[must_use]
    pub fn absent(mut self, key: Key) -> Self {
        self.checks.push(Check::Absent(key));
        self
    }

    /// Requires that `key` has exactly this value.
    #[must_use]
    pub fn equals(mut self, key: Key, value: Value) -> Self {
        self.checks.push(Check::Equals(key, value));
        self
    }

    /// Sets the value of `key`.
    #[must_use]
    pub fn put(mut self, key: Key, value: Value) -> Self {
        self.writes.push(Change { key, value: Some(value) });
        self
    }

    /// Deletes `key`, if it exists.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.writes.push(Change { key, value: None });
        self
    }

    /// Both transactions as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.checks.extend(other.checks);
        self.writes.extend(other.writes);
        self
    }

    /// How many checks and writes there are.
    fn operations(&self) -> usize {
        self.checks.len() + self.writes.len()
    }

    /// `Err` unless the transaction, and each key and value in it, is within the limits.
    fn within_limits(&self) -> Result<(), StoreError> {
        let checked = self.checks.iter().map(|check| match check {
            Check::Absent(key) => (key, None),
            Check::Equals(key, value) => (key, Some(value)),
        });
        let written = self.writes.iter().map(|change| (&change.key, change.value.as_ref()));
        let fits = |(key, value): (&Key, Option<&Value>)| {
            key.0.len() <= MAX_KEY_BYTES && value.is_none_or(|value| value.0.len() <= MAX_VALUE_BYTES)
        };
        if self.operations() <= MAX_OPERATIONS && checked.chain(written).all(fits) {
            return Ok(());
        }
        Err(StoreError::TooLarge { operations: self.operations() })
    }
}

impl Check {
    fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Equals(key, _) => key,
        }
    }

    /// Whether the condition holds if its key has the value `found`.
    fn holds(&self, found: Option<&[u8]>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::Equals(_, value) => found == Some(value.as_bytes()),
        }
    }
}

/// The store failed. "Not found" and "conflict" are answers, not errors.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or not with success: disk full, I/O error, closed. The server's fault: 503.
    #[error("the store did not answer: {0}")]
    Unavailable(Arc<str>),
    /// This version of the program cannot read the record at this key.
    #[error("the record {key:?} cannot be read: {reason}")]
    Corrupt {
        /// The key.
        key: Key,
        /// What was wrong with it.
        reason: Arc<str>,
    },
    /// The transaction, or a key or value in it, is over the limits above. The caller's fault.
    #[error("a transaction of {operations} operations, or a key or value in it, is over the store's limits")]
    TooLarge {
        /// How many checks and writes it held.
        operations: usize,
    },
    /// Other users of the machine may enter or replace the data folder, which has secrets.
    #[error("{dir} {exposure}")]
    Exposed {
        /// The folder, or the file in it.
        dir: Arc<str>,
        /// What is wrong with it, and how to mend that.
        exposure: Exposure,
    },
    /// Another process has the data folder open.
    #[error("the data folder {0} is in use by another process: stop that one, or choose another --data-dir")]
    Held(Arc<str>),
}

impl StoreError {
    fn unavailable(cause: impl fmt::Display) -> Self {
        Self::Unavailable(cause.to_string().into())
    }

    /// The error of every call on a closed store.
    fn closed() -> Self {
        Self::Unavailable("it is closed".into())
    }
}

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.escape_ascii())
    }
}

impl Value {
    /// A value of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Values may be secret: only the length prints.
impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}
