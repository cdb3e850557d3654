//! The embedded store: sled 0.34 in a folder, and the syncs that sled lacks.
//!
//! One thread, the [`Committer`], makes every write. It takes all queued transactions as one batch, applies each, lets
//! sled write its log, then syncs the file: sled's own flush ends in `sync_file_range`, which does not survive a power
//! cut. So concurrent commits share one sync. No read runs during a batch, so no read shows a change that could be
//! lost.
//!
//! sled does not sync its `conf` and its folders either; opening the store does. sled's tree is used only as a map: no
//! transaction, subscriber, background flush or blob of sled's.
//!
//! A disk that fails (full, read-only, broken) does not end the store. The state after a failed batch is unknown, so
//! sled is closed, every call is refused, and the folder is opened again until that succeeds; then every watch has to
//! read again. The folder stays locked meanwhile.

mod fence;
mod folder;
mod replacement;

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use sled::{Db, IVec};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot};

use self::fence::{catch_panic, close, flush};
use self::folder::{Folder, unavailable};
use self::replacement::Failure;
use super::watch::ChangeFeed;
use super::{
    Change, Contents, Entries, Key, MAX_OPERATIONS, MAX_SCAN, Outcome, Revision, Store, StoreError, Txn, Value, Watch,
};

/// How many commits may wait for the committer before `commit` itself waits.
const QUEUE: usize = 1_024;
/// A batch is closed by the transaction that brings it to this many operations. It bounds how much of
/// sled's log is written between two syncs: sled may reuse a part of its file two segments later.
const BATCH_OPERATIONS: usize = 2 * MAX_OPERATIONS;

/// After how many bytes [`in_order`] reads the last key once more. sled divides its pages into 256 parts, and evicts
/// from a part only at each 64th access to it: a scan, which accesses each page once, would leave 16,384 pages in
/// memory.
const REREAD_BYTES: usize = 256;

/// The first pause before a folder whose disk has failed is opened again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A store in a folder on this machine's disk, open in one process at a time.
#[derive(Debug)]
pub struct SledStore {
    /// The error says why there is no database: the store is closed, or a batch failed and the folder is not open
    /// again. The committer has the write lock during a batch.
    db: Arc<RwLock<Result<Db, StoreError>>>,
    feed: Arc<ChangeFeed>,
    queue: mpsc::Sender<Work>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

enum Work {
    Commit(Request<Txn, Outcome>),
    Replace(Request<Entries, Revision>),
    Close,
}

/// What is to be written, and where the answer goes. The caller may be gone when it is made; it is made all the same.
struct Request<W, A> {
    what: W,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

/// What follows a batch.
enum Then {
    GoOn,
    Replace(Request<Entries, Revision>),
    Close,
}

impl SledStore {
    /// Opens the store in `dir`, which is created with mode 0700 if it does not exist.
    ///
    /// Blocks for a few milliseconds, and for as long as it takes to read the log's tail after a crash.
    /// `Held` if another process has it open, `Exposed` if other users may enter or own the folder.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let folder = Folder::hold(dir)?;
        let (db, file) = folder.open().map_err(|cause| unavailable(dir, cause))?;
        let timer = runtime::Builder::new_current_thread().enable_time().build().map_err(StoreError::unavailable)?;

        let db = Arc::new(RwLock::new(Ok(db)));
        let feed = Arc::new(ChangeFeed::new());
        let (queue, queued) = mpsc::channel(QUEUE);
        let committer = Committer { db: Arc::clone(&db), feed: Arc::clone(&feed), file, timer, queued, folder };
        let committer = thread::Builder::new()
            .name("store-committer".into())
            .spawn(move || committer.run())
            .map_err(StoreError::unavailable)?;
        Ok(Self { db, feed, queue, committer: Mutex::new(Some(committer)) })
    }

    /// Whether a process has the store in `dir` open; `None` if there is no store. If no process has, this one locks it
    /// for a moment to find that out.
    pub(crate) fn is_held(dir: &Path) -> io::Result<Option<bool>> {
        Folder::is_held(dir)
    }

    /// Queues work for the committer, and waits for its answer.
    async fn request<W, A>(&self, work: fn(Request<W, A>) -> Work, what: W) -> Result<A, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(work(Request { what, answer })).await.map_err(|_| StoreError::closed())?;
        answered.await.map_err(|_| StoreError::closed())?
    }

    /// Runs `read` on a thread that may block, between two batches.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, sled::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let answer = tokio::task::spawn_blocking(move || {
            // Poisoned means that the committer panicked within a batch, whose state must not be shown.
            let db = db.read().map_err(|_| StoreError::closed())?;
            match &*db {
                Ok(db) => read(db).map_err(StoreError::unavailable),
                Err(cause) => Err(cause.clone()),
            }
        });
        answer.await.map_err(StoreError::unavailable)?
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let key = key.clone();
        self.read(move |db| Ok(db.get(key.as_bytes())?.map(|value| Value::new(&value)))).await
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let prefix = prefix.to_vec();
        let start = match after {
            Some(after) if after.as_bytes() >= prefix.as_slice() => Bound::Excluded(after.as_bytes().to_vec()),
            Some(_) | None => Bound::Included(prefix.clone()),
        };
        self.read(move |db| {
            let mut found = Vec::new();
            for entry in in_order(db, start).take(limit.min(MAX_SCAN)) {
                let (key, value) = entry?;
                if !key.starts_with(&prefix) {
                    break;
                }
                found.push((Key::new(&key), Value::new(&value)));
            }
            Ok(found)
        })
        .await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        txn.within_limits()?;
        self.request(Work::Commit, txn).await
    }

    fn watch(&self) -> Watch {
        self.feed.watch()
    }

    fn contents(&self) -> Option<&dyn Contents> {
        Some(self)
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Commits that were queued before are made first. An error means that the committer has ended already.
        let _ = self.queue.send(Work::Close).await;
        self.queue.closed().await;
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(committer) = committer else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || committer.join());
        joined.await.map_err(StoreError::unavailable)?.map_err(|_| StoreError::unavailable("its thread panicked"))
    }
}

#[async_trait]
impl Contents for SledStore {
    fn is_lasting(&self) -> bool {
        true
    }

    async fn entries(&self) -> Result<Entries, StoreError> {
        let entry =
            |entry: Result<(IVec, IVec), sled::Error>| entry.map(|(key, value)| (Key::new(&key), Value::new(&value)));
        self.read(move |db| in_order(db, Bound::Unbounded).map(entry).collect()).await
    }

    async fn replace(&self, entries: &Entries) -> Result<Revision, StoreError> {
        entries.within_limits()?;
        self.request(Work::Replace, entries.clone()).await
    }
}

/// The thread that makes every write.
struct Committer {
    db: Arc<RwLock<Result<Db, StoreError>>>,
    feed: Arc<ChangeFeed>,
    /// sled's file, to sync it.
    file: File,
    /// For waits that have an end.
    timer: Runtime,
    /// Locked while anything of sled is alive.
    folder: Folder,
    /// Dropped last, since `close` waits for that.
    queued: mpsc::Receiver<Work>,
}

impl Committer {
    fn run(mut self) {
        let mut open = true;
        while open {
            let mut batch = Vec::new();
            let then = self.take(&mut batch);
            open = !matches!(then, Then::Close);
            let made = self.make(batch);
            let replaced = if let Then::Replace(request) = then { self.replace(request) } else { Ok(()) };
            if let Err(cause) = made.and(replaced) {
                open = open && self.recover(&cause);
            }
        }
        self.feed.close();
        let db = std::mem::replace(&mut *self.database(), Err(StoreError::closed()));
        db.map_or_else(|_| (), close);
        self.folder.wait_for_sled();
    }

    fn database(&self) -> RwLockWriteGuard<'_, Result<Db, StoreError>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes the commits that are queued, up to the bound or to other work.
    fn take(&mut self, batch: &mut Vec<Request<Txn, Outcome>>) -> Then {
        let mut operations = 0;
        let mut next = self.queued.blocking_recv();
        loop {
            match next {
                Some(Work::Commit(request)) => {
                    operations += request.what.operations().max(1);
                    batch.push(request);
                }
                Some(Work::Replace(request)) => return Then::Replace(request),
                Some(Work::Close) | None => return Then::Close,
            }
            if operations >= BATCH_OPERATIONS {
                return Then::GoOn;
            }
            next = match self.queued.try_recv() {
                Ok(work) => Some(work),
                Err(mpsc::error::TryRecvError::Empty) => return Then::GoOn,
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
        }
    }

    /// Applies the batch, makes it durable, sends it to the watches, then answers the callers. After an `Err` the
    /// database is closed, and the state of the batch is unknown.
    fn make(&self, batch: Vec<Request<Txn, Outcome>>) -> Result<(), StoreError> {
        let (txns, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.what, request.answer)).unzip();
        let mut database = self.database();
        let made = match &*database {
            Ok(db) => self.make_durably(db, txns).map_err(StoreError::unavailable),
            Err(cause) => Err(cause.clone()),
        };
        let (outcomes, result): (Vec<_>, _) = match made {
            Ok(made) => (made.into_iter().map(|changes| Ok(self.publish(changes))).collect(), Ok(())),
            Err(cause) => {
                give_up(&mut database, &cause);
                (answers.iter().map(|_| Err(cause.clone())).collect(), Err(cause))
            }
        };
        drop(database);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // The caller may be gone; the commit stands.
            let _ = answer.send(outcome);
        }
        result
    }

    /// Replaces the whole content, sends what changed to the watches, then answers the caller. The same holds after an
    /// `Err` as in [`make`](Self::make).
    fn replace(&self, request: Request<Entries, Revision>) -> Result<(), StoreError> {
        let Request { what: entries, answer } = request;
        let mut database = self.database();
        let replaced = match &*database {
            Ok(db) => self.replace_durably(db, &entries),
            Err(cause) => Err(Failure::NothingChanged(io::Error::other(cause.clone()))),
        };
        let (answered, result) = match replaced {
            Ok(changes) => (Ok(self.feed.replaced(changes)), Ok(())),
            Err(Failure::NothingChanged(cause)) => (Err(StoreError::unavailable(cause)), Ok(())),
            Err(Failure::Unknown(cause)) => {
                let cause = StoreError::unavailable(cause);
                give_up(&mut database, &cause);
                (Err(cause.clone()), Err(cause))
            }
        };
        drop(database);
        // The caller may be gone; the replacement stands.
        let _ = answer.send(answered);
        result
    }

    /// How the new content differs from the old one.
    fn replace_durably(&self, db: &Db, entries: &Entries) -> Result<Vec<Change>, Failure> {
        let changes = catch_panic(|| Ok(entries.changes_from(in_order(db, Bound::Unbounded))?));
        let changes = changes.map_err(Failure::NothingChanged)?;
        self.folder.replace(db, &self.file, &changes)?;
        Ok(changes)
    }

    /// Tries to open the folder again until that succeeds, and refuses commits meanwhile; `false` if the store is to
    /// close.
    fn recover(&mut self, cause: &StoreError) -> bool {
        tracing::error!(%cause, "the store failed to write: it refuses every change until its folder opens again");
        let (mut pause, mut logged) = (FIRST_PAUSE, String::new());
        loop {
            if !self.refuse_for(pause, cause) {
                return false;
            }
            match self.open_again() {
                Ok(()) => {
                    tracing::warn!("the store's folder is open again");
                    return true;
                }
                Err(cause) => {
                    // Each cause is logged once, not at every attempt.
                    let text = cause.to_string();
                    if text != logged {
                        tracing::warn!(%cause, "the store's folder does not open yet; it is tried again");
                        logged = text;
                    }
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Refuses every commit during this time; `false` if the store is to close.
    fn refuse_for(&mut self, pause: Duration, cause: &StoreError) -> bool {
        let queued = &mut self.queued;
        self.timer.block_on(async {
            let mut over = std::pin::pin!(tokio::time::sleep(pause));
            loop {
                let work = tokio::select! {
                    biased;
                    () = &mut over => return true,
                    work = queued.recv() => work,
                };
                match work {
                    // The caller may be gone.
                    Some(Work::Commit(request)) => drop(request.answer.send(Err(cause.clone()))),
                    Some(Work::Replace(request)) => drop(request.answer.send(Err(cause.clone()))),
                    Some(Work::Close) | None => return false,
                }
            }
        })
    }

    /// `Err` while the disk does not work. Each transaction of the failed batch is there as a whole or not at all; its
    /// caller does not know which.
    fn open_again(&mut self) -> io::Result<()> {
        if !self.folder.wait_for_sled() {
            return Err(io::Error::other("sled still holds its file"));
        }
        self.folder.write_again()?;
        let (db, file) = self.folder.open()?;
        // The disk has failed once, so every page is read before any is shown.
        if let Err(cause) = catch_panic(|| Ok(in_order(&db, Bound::Unbounded).try_for_each(|entry| entry.map(drop))?)) {
            close(db);
            return Err(cause);
        }
        self.file = file;
        let mut database = self.database();
        *database = Ok(db);
        // Before any read can show a change of the failed batch.
        self.feed.resync();
        Ok(())
    }

    /// The changes of each transaction; `None` for one whose checks did not hold.
    fn make_durably(&self, db: &Db, txns: Vec<Txn>) -> io::Result<Vec<Option<Vec<Change>>>> {
        catch_panic(|| {
            let mut made = Vec::with_capacity(txns.len());
            for txn in txns {
                made.push(apply(db, txn)?);
            }
            if made.iter().flatten().any(|changes| !changes.is_empty()) {
                flush(db)?;
                self.file.sync_data()?;
            }
            Ok(made)
        })
    }

    fn publish(&self, changes: Option<Vec<Change>>) -> Outcome {
        match changes {
            Some(changes) => Outcome::Committed(self.feed.publish(changes)),
            None => Outcome::Conflict,
        }
    }
}

/// Closes the database, whose state is unknown.
fn give_up(database: &mut Result<Db, StoreError>, cause: &StoreError) {
    if let Ok(db) = std::mem::replace(database, Err(cause.clone())) {
        close(db);
    }
}

fn apply(db: &Db, txn: Txn) -> Result<Option<Vec<Change>>, sled::Error> {
    for check in &txn.checks {
        if !check.holds(db.get(check.key().as_bytes())?.as_deref()) {
            return Ok(None);
        }
    }
    if !txn.writes.is_empty() {
        replacement::write(db, &txn.writes)?;
    }
    Ok(Some(txn.writes))
}

/// All entries from `start` on, with a bounded effect on sled's cache: see [`REREAD_BYTES`].
fn in_order(db: &Db, start: Bound<Vec<u8>>) -> impl Iterator<Item = Result<(IVec, IVec), sled::Error>> {
    let mut bytes = 0;
    db.range((start, Bound::Unbounded)).map(move |entry| {
        let (key, value) = entry?;
        bytes += key.len() + value.len();
        if bytes >= REREAD_BYTES {
            bytes = 0;
            db.get(&key)?;
        }
        Ok((key, value))
    })
}
