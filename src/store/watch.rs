//! The stream of commits that a store makes, for those who follow it.
//!
//! One broadcast channel for each store carries every commit, once it is durable, in order. A reader
//! that falls behind by more than [`CAPACITY`] commits loses the oldest of them and is told to read
//! afresh ([`ChangeEvent::Resync`]): nothing that a reader does, or leaves undone, makes a writer wait.
//! It is not a log: what was committed before the watch began is not in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{Key, Revision, Value};

/// How many commits a reader may be behind before it has to read afresh.
const CAPACITY: usize = 4_096;

/// One write of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it was made.
    pub key: Key,
    /// What is there now; `None` when it was deleted.
    pub value: Option<Value>,
}

/// What a [`Watch`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeEvent {
    /// A transaction was made.
    Committed {
        /// Its number.
        revision: Revision,
        /// All of its writes, in the order in which it lists them; the last one for a key counts.
        changes: Arc<[Change]>,
    },
    /// Commits were missed, or may have been made although their callers were told of a failure: read
    /// afresh. A scan made from now on holds everything up to `revision`,
    /// and the events that follow are all later than it.
    Resync {
        /// The latest commit that may have been missed.
        revision: Revision,
    },
}

/// The writer's end: numbers commits and tells them to every [`Watch`].
#[derive(Debug)]
pub(super) struct ChangeFeed {
    published: Arc<AtomicU64>,
    /// `None` once the store has closed.
    sender: Mutex<Option<broadcast::Sender<ChangeEvent>>>,
}

impl ChangeFeed {
    pub(super) fn new() -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        Self { published: Arc::new(AtomicU64::new(0)), sender: Mutex::new(Some(sender)) }
    }

    /// Tells everyone of the next commit. Call it only from one place at a time, when `changes` are
    /// durable, and before any read can show them.
    pub(super) fn publish(&self, changes: Vec<Change>) -> Revision {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted before it is sent: a watch that skips to the end of the channel, and only then asks
        // how far that is, is told of at least as much as it skipped.
        let revision = Revision(self.published.fetch_add(1, Ordering::AcqRel) + 1);
        if let Some(sender) = &*sender {
            // An error means only that nobody is watching.
            let _ = sender.send(ChangeEvent::Committed { revision, changes: changes.into() });
        }
        revision
    }

    /// Tells everyone that commits may have been made which nobody was told of. Call it only where
    /// [`publish`](Self::publish) may be, before any read can show them.
    pub(super) fn resync(&self) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = Revision(self.published.fetch_add(1, Ordering::AcqRel) + 1);
        if let Some(sender) = &*sender {
            // An error means only that nobody is watching.
            let _ = sender.send(ChangeEvent::Resync { revision });
        }
    }

    pub(super) fn watch(&self) -> Watch {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = match &*sender {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        Watch { receiver, published: Arc::clone(&self.published), told: self.latest() }
    }

    /// Ends every watch, once it has read what was published.
    pub(super) fn close(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn latest(&self) -> Revision {
        Revision(self.published.load(Ordering::Acquire))
    }
}

/// Every commit from the moment at which the watch was made, in order.
#[derive(Debug)]
pub struct Watch {
    receiver: broadcast::Receiver<ChangeEvent>,
    published: Arc<AtomicU64>,
    told: Revision,
}

impl Watch {
    /// Waits for the next event; `None` once the store has closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<ChangeEvent> {
        loop {
            let received = self.receiver.recv().await;
            match received {
                Ok(event) => {
                    if let Some(event) = self.pass(event) {
                        return Some(event);
                    }
                }
                Err(RecvError::Lagged(_)) => return Some(self.resync()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next event if there already is one.
    pub(super) fn pending(&mut self) -> Option<ChangeEvent> {
        loop {
            match self.receiver.try_recv() {
                Ok(event) => {
                    if let Some(event) = self.pass(event) {
                        return Some(event);
                    }
                }
                Err(TryRecvError::Lagged(_)) => return Some(self.resync()),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// The latest commit that this watch has told of; at first, the latest before it began.
    pub(super) fn told(&self) -> Revision {
        self.told
    }

    /// Drops what a resync has covered already: told late, it would set a fresh reader back.
    fn pass(&mut self, event: ChangeEvent) -> Option<ChangeEvent> {
        let (ChangeEvent::Committed { revision, .. } | ChangeEvent::Resync { revision }) = &event;
        if *revision <= self.told {
            return None;
        }
        self.told = *revision;
        Some(event)
    }

    /// Skips to the end of the channel: from where it is, at the very edge, the next commit would push
    /// it out again.
    fn resync(&mut self) -> ChangeEvent {
        self.receiver = self.receiver.resubscribe();
        self.told = Revision(self.published.load(Ordering::Acquire));
        ChangeEvent::Resync { revision: self.told }
    }
}
