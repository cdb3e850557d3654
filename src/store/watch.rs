//! The stream of a store's commits.
//!
//! One broadcast channel for each store carries every commit in order, once it is durable. A reader that falls behind
//! by more than [`CAPACITY`] commits loses the oldest of them and then has to read the store again
//! ([`ChangeEvent::Resync`]), so no reader can make a writer wait. The stream is not a log: it starts with the watch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{Key, Revision, Value};

/// How many commits a reader may be behind before it has to read the store again.
const CAPACITY: usize = 4_096;

/// One write of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key that was written.
    pub key: Key,
    /// Its new value; `None` when it was deleted.
    pub value: Option<Value>,
}

/// An event of a [`Watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeEvent {
    /// A transaction was committed.
    Committed {
        /// Its number.
        revision: Revision,
        /// All of its writes in their order; the last one for a key counts.
        changes: Arc<[Change]>,
    },
    /// The whole content was replaced: see [`Contents`](super::Contents).
    Replaced {
        /// Its number.
        revision: Revision,
        /// How the new content differs from the one before, in the order of the keys: no longer in that of time.
        changes: Arc<[Change]>,
    },
    /// Commits were missed, or were made although their callers got an error: read the store again. A scan from now on
    /// shows everything up to `revision`, and all later events are after it.
    Resync {
        /// The latest commit that may have been missed.
        revision: Revision,
    },
}

/// The writer's end: numbers the commits and sends them to every [`Watch`].
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

    /// Sends the next commit to every watch. To be called from one place at a time, when `changes` are durable, and
    /// before any read can show them.
    pub(super) fn publish(&self, changes: Vec<Change>) -> Revision {
        self.send(|revision| ChangeEvent::Committed { revision, changes: changes.into() })
    }

    /// Tells every watch that the whole content was replaced. The same rules hold as for [`publish`](Self::publish).
    pub(super) fn replaced(&self, changes: Vec<Change>) -> Revision {
        self.send(|revision| ChangeEvent::Replaced { revision, changes: changes.into() })
    }

    /// Tells every watch that commits may have been made that it did not get. The same rules hold as for
    /// [`publish`](Self::publish).
    pub(super) fn resync(&self) {
        self.send(|revision| ChangeEvent::Resync { revision });
    }

    fn send(&self, event: impl FnOnce(Revision) -> ChangeEvent) -> Revision {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted before it is sent: a watch that skips to the end of the channel and then reads this number gets at
        // least the number of the last commit that it skipped.
        let revision = Revision(self.published.fetch_add(1, Ordering::AcqRel) + 1);
        if let Some(sender) = &*sender {
            // An error means only that there is no watch.
            let _ = sender.send(event(revision));
        }
        revision
    }

    pub(super) fn watch(&self) -> Watch {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = match &*sender {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        Watch { receiver, published: Arc::clone(&self.published), revision: self.latest() }
    }

    /// Ends every watch after its last event.
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
    revision: Revision,
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

    /// The next event, if it is there already.
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

    /// The revision of the last event; at first, that of the last commit before the watch began.
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Drops an event that a resync has covered: after it, the event would set the reader back.
    fn pass(&mut self, event: ChangeEvent) -> Option<ChangeEvent> {
        let (ChangeEvent::Committed { revision, .. }
        | ChangeEvent::Replaced { revision, .. }
        | ChangeEvent::Resync { revision }) = &event;
        if *revision <= self.revision {
            return None;
        }
        self.revision = *revision;
        Some(event)
    }

    /// Skips to the end of the channel: at its oldest event, the next commit would push the reader out again.
    fn resync(&mut self) -> ChangeEvent {
        self.receiver = self.receiver.resubscribe();
        self.revision = Revision(self.published.load(Ordering::Acquire));
        ChangeEvent::Resync { revision: self.revision }
    }
}
