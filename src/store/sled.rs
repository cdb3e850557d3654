//! The embedded store: sled 0.34 in a folder, with what it lacks for durability added.
//!
//! One thread, the [`Committer`], makes every write. It takes what is queued as one batch, applies each
//! transaction, asks sled to write its log, then asks the kernel to put the file on the disk: sled's own
//! flush ends in `sync_file_range`, which a power cut undoes. Concurrent commits so share one sync.
//! While a batch is under way no read runs, so no read shows what could still be lost.
//!
//! What else sled leaves unsynced (its `conf`, the folders) is synced when the store opens. Its tree is
//! used as a map alone: no sled transaction, subscriber, background flush or blob.
//!
//! A disk that fails (full, read-only, broken) does not end the store. What a failed batch left is unknown,
//! so sled is let go of, everything is refused, and the folder is opened again until that succeeds; then
//! every watch is told to read afresh. The folder stays locked meanwhile.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use sled::{Batch, Db};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::watch::Feed;
use super::{
    Change, Key, MAX_KEY_BYTES, MAX_OPERATIONS, MAX_SCAN, MAX_VALUE_BYTES, Outcome, Store, StoreError, Txn, Value,
    Watch,
};

/// The file in the folder that a process locks to hold it.
const LOCK: &str = "lock";
/// How many commits may wait for the committer before `commit` itself waits.
const QUEUE: usize = 1_024;
/// A batch is closed by the transaction that brings it to this many operations. It bounds how much of
/// sled's log is written between two syncs: sled may reuse a part of its file two segments later.
const BATCH_OPERATIONS: usize = 2 * MAX_OPERATIONS;

/// The unit of sled's log, in bytes; fixed for the life of a folder. A page larger than a quarter of it
/// is moved out of the log into a file of its own (a "blob") that sled never syncs, so the quarter has
/// to hold the largest page that can be.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// The most entries that a leaf holds: sled splits it at 17, and may first merge a neighbour of 3 into
/// it; the rest is margin.
const LEAF_ENTRIES: usize = 28;
/// The same for an inner page of keys and page numbers: 257 and 63.
const INDEX_ENTRIES: usize = 384;
/// Above what sled adds to a page, and to each entry of it.
const OVERHEAD: usize = 2 * MAX_KEY_BYTES + 256;
const _: () = {
    assert!(LEAF_ENTRIES * (MAX_KEY_BYTES + MAX_VALUE_BYTES + 32) + OVERHEAD < SEGMENT_BYTES / 4);
    assert!(INDEX_ENTRIES * (MAX_KEY_BYTES + 32) + OVERHEAD < SEGMENT_BYTES / 4);
};

/// Pages that sled keeps in memory, in bytes. What requests read is in views; this is for the rest.
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// How long to wait for sled's own threads to let go of the file.
const RELEASE_ROUNDS: u32 = 5_000;
const RELEASE_PAUSE: Duration = Duration::from_millis(1);

/// The first pause before a folder whose disk has failed is opened again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a flush that has not come back is looked at: see [`flush`].
const FLUSH_LOOK: Duration = Duration::from_millis(500);
/// How much of the file is written again at a time, in bytes.
const REWRITE_BYTES: usize = 256 * 1024;

/// A store in a folder of this machine's disk, held by one process at a time.
#[derive(Debug)]
pub struct SledStore {
    /// Why there is none, once closed, or from a failed batch until the folder is open again. The committer
    /// holds it for writing while a batch is under way.
    db: Arc<RwLock<Result<Db, StoreError>>>,
    feed: Arc<Feed>,
    queue: mpsc::Sender<Work>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

enum Work {
    Commit(Request),
    Close,
}

struct Request {
    txn: Txn,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl SledStore {
    /// Opens the store in `dir`, which is made, with mode 0700, if there is none.
    ///
    /// Blocks for a few milliseconds, and for as long as it takes to read the log's tail after a crash.
    /// `Held` if another process has it open, `Exposed` if other users may enter the folder.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        make_private(dir)?;
        let lock = hold(dir)?;
        let (db, file) = caught(|| open_sled(dir)).map_err(|cause| unavailable(dir, cause))?;
        let timer = runtime::Builder::new_current_thread().enable_time().build().map_err(StoreError::unavailable)?;

        let db = Arc::new(RwLock::new(Ok(db)));
        let feed = Arc::new(Feed::new());
        let (queue, queued) = mpsc::channel(QUEUE);
        let committer = Committer { db: Arc::clone(&db), feed: Arc::clone(&feed), file, timer, queued, lock };
        let committer = thread::Builder::new()
            .name("store-committer".into())
            .spawn(move || committer.run())
            .map_err(StoreError::unavailable)?;
        Ok(Self { db, feed, queue, committer: Mutex::new(Some(committer)) })
    }

    /// Whether a process has the store in `dir` open; `None` if there is no store. To find out it holds the
    /// store itself for a moment where nobody does.
    pub fn is_held(dir: &Path) -> io::Result<Option<bool>> {
        let file = match File::open(dir.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(false)),
            Err(TryLockError::WouldBlock) => Ok(Some(true)),
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }

    /// Runs `read` on a thread that may block, between two batches.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, sled::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let answer = tokio::task::spawn_blocking(move || {
            // Poisoned means that the committer panicked half-way: what it left is not to be shown.
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
            for entry in db.range((start, Bound::Unbounded)).take(limit.min(MAX_SCAN)) {
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
        let (answer, answered) = oneshot::channel();
        self.queue.send(Work::Commit(Request { txn, answer })).await.map_err(|_| StoreError::closed())?;
        answered.await.map_err(|_| StoreError::closed())?
    }

    fn watch(&self) -> Watch {
        self.feed.watch()
    }

    async fn close(&self) -> Result<(), StoreError> {
        // What was queued before is made before. An error means that the committer has ended already.
        let _ = self.queue.send(Work::Close).await;
        self.queue.closed().await;
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(committer) = committer else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || committer.join());
        joined.await.map_err(StoreError::unavailable)?.map_err(|_| StoreError::unavailable("its thread panicked"))
    }
}

/// The thread that makes every write.
struct Committer {
    db: Arc<RwLock<Result<Db, StoreError>>>,
    feed: Arc<Feed>,
    /// sled's file, to sync it.
    file: File,
    /// For waits that have an end.
    timer: Runtime,
    /// Held while anything of sled is alive.
    lock: Lock,
    /// Dropped last: `close` waits for that.
    queued: mpsc::Receiver<Work>,
}

impl Committer {
    fn run(mut self) {
        let mut open = true;
        while open {
            let mut batch = Vec::new();
            open = self.take(&mut batch);
            if let Err(cause) = self.make(batch) {
                open = open && self.recover(&cause);
            }
        }
        self.feed.close();
        let db = std::mem::replace(&mut *self.held(), Err(StoreError::closed()));
        db.map_or_else(|_| (), let_go);
        self.lock.wait_for_sled();
    }

    fn held(&self) -> std::sync::RwLockWriteGuard<'_, Result<Db, StoreError>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes what is there, up to the bound; `false` if no more will be taken.
    fn take(&mut self, batch: &mut Vec<Request>) -> bool {
        let mut operations = 0;
        let mut next = self.queued.blocking_recv();
        loop {
            match next {
                Some(Work::Commit(request)) => {
                    operations += request.txn.operations().max(1);
                    batch.push(request);
                }
                Some(Work::Close) | None => return false,
            }
            if operations >= BATCH_OPERATIONS {
                return true;
            }
            next = match self.queued.try_recv() {
                Ok(work) => Some(work),
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
        }
    }

    /// Applies the batch, makes it durable, tells the watches, then the callers. After an `Err` there is no
    /// database any more, and what became of the batch is unknown.
    fn make(&self, batch: Vec<Request>) -> Result<(), StoreError> {
        let (txns, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.txn, request.answer)).unzip();
        let mut held = self.held();
        let made = match &*held {
            Ok(db) => self.make_durably(db, txns).map_err(StoreError::unavailable),
            Err(cause) => Err(cause.clone()),
        };
        let (outcomes, result): (Vec<_>, _) = match made {
            Ok(made) => (made.into_iter().map(|changes| Ok(self.publish(changes))).collect(), Ok(())),
            Err(cause) => {
                if let Ok(db) = std::mem::replace(&mut *held, Err(cause.clone())) {
                    let_go(db);
                }
                (answers.iter().map(|_| Err(cause.clone())).collect(), Err(cause))
            }
        };
        drop(held);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Nobody may be waiting any more; the commit stands.
            let _ = answer.send(outcome);
        }
        result
    }

    /// Opens the folder again, however often it takes, and refuses what comes meanwhile; `false` if the
    /// store is to close first.
    fn recover(&mut self, cause: &StoreError) -> bool {
        tracing::error!(%cause, "the store failed to write: it refuses every change until its folder opens again");
        let (mut pause, mut told) = (FIRST_PAUSE, String::new());
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
                    // The same line once, not at every attempt.
                    let text = cause.to_string();
                    if text != told {
                        tracing::warn!(%cause, "the store's folder does not open yet; it is tried again");
                        told = text;
                    }
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Refuses every commit that comes in this time; `false` if the store is to close.
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
                    // Nobody may be waiting any more.
                    Some(Work::Commit(request)) => drop(request.answer.send(Err(cause.clone()))),
                    Some(Work::Close) | None => return false,
                }
            }
        })
    }

    fn open_again(&mut self) -> io::Result<()> {
        if !self.lock.wait_for_sled() {
            return Err(io::Error::other("sled still holds its file"));
        }
        let dir = &self.lock.dir;
        write_again(&dir.join("db"))?;
        let (db, file) = caught(|| open_sled(dir))?;
        // A disk that has failed once is not taken at its word: every page is read before one is shown.
        if let Err(cause) = caught(|| Ok(db.iter().try_for_each(|entry| entry.map(drop))?)) {
            let_go(db);
            return Err(cause);
        }
        self.file = file;
        let mut held = self.held();
        *held = Ok(db);
        // Before any read can show what the failed batch left.
        self.feed.resync();
        Ok(())
    }

    /// The changes that each transaction made; `None` for one whose checks did not hold.
    fn make_durably(&self, db: &Db, txns: Vec<Txn>) -> io::Result<Vec<Option<Vec<Change>>>> {
        caught(|| {
            let mut made = Vec::with_capacity(txns.len());
            for txn in txns {
                made.push(apply(db, txn)?);
            }
            if made.iter().flatten().any(|changes| !changes.is_empty()) {
                self.timer.block_on(flush(db))?;
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

fn apply(db: &Db, txn: Txn) -> Result<Option<Vec<Change>>, sled::Error> {
    for check in &txn.checks {
        if !check.holds(db.get(check.key().as_bytes())?.as_deref()) {
            return Ok(None);
        }
    }
    if !txn.writes.is_empty() {
        let mut batch = Batch::default();
        for change in &txn.writes {
            match &change.value {
                Some(value) => batch.insert(change.key.as_bytes(), value.as_bytes()),
                None => batch.remove(change.key.as_bytes()),
            }
        }
        db.apply_batch(batch)?;
    }
    Ok(Some(txn.writes))
}

/// Writes sled's log. A write that fails on one of sled's own threads may not wake whoever waits for it, who
/// then would wait for ever; asked for another flush, sled looks at what failed and wakes everybody.
async fn flush(db: &Db) -> Result<(), sled::Error> {
    let mut flushed = std::pin::pin!(db.flush_async());
    loop {
        match tokio::time::timeout(FLUSH_LOOK, &mut flushed).await {
            Ok(flushed) => return flushed.map(drop),
            // A disk that is only slow is waited for.
            Err(_) if db.context.global_error().is_ok() => {}
            Err(_) => return db.flush().map(drop),
        }
    }
}

/// What `act` returns; a panic in sled is an error like any other of the disk's.
fn caught<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(io::Error::other("sled panicked")))
}

/// Drops the database. sled syncs its file then, and panics if it cannot.
fn let_go(db: Db) {
    if caught(|| {
        drop(db);
        Ok(())
    })
    .is_err()
    {
        tracing::warn!("sled could not close its files as it should");
    }
}

/// Writes the file over with what it holds. After a sync that failed, the kernel takes pages for written
/// that are not on the disk; only what is written again is sure to be synced.
fn write_again(path: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut buffer = vec![0; REWRITE_BYTES];
    let mut at = 0;
    loop {
        let count = file.read_at(&mut buffer, at)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        file.write_all_at(read, at)?;
        at += u64::try_from(count).map_err(io::Error::other)?;
    }
    file.sync_all()
}

/// Opens sled in a folder that is locked, with all that it relies on synced.
fn open_sled(dir: &Path) -> io::Result<(Db, File)> {
    remove_unfinished(dir)?;
    let db = sled_config(dir).open()?;
    let file = File::open(dir.join("db"))?;
    make_durable(dir, &db, &file)?;
    Ok((db, file))
}

fn sled_config(dir: &Path) -> sled::Config {
    sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
}

/// The right to the folder: an advisory lock on a file of its own, so that whoever has it may tidy the
/// folder before sled opens it.
struct Lock {
    dir: PathBuf,
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")]
    file: File,
}

impl Lock {
    /// Waits until sled has let go of its own lock: threads of its pool may hold the database file for
    /// a moment after the database is gone. `false` if they still do.
    fn wait_for_sled(&self) -> bool {
        let Ok(db) = File::open(self.dir.join("db")) else { return true };
        for _ in 0..RELEASE_ROUNDS {
            match db.try_lock() {
                Ok(()) | Err(TryLockError::Error(_)) => return true,
                Err(TryLockError::WouldBlock) => thread::park_timeout(RELEASE_PAUSE),
            }
        }
        tracing::warn!("sled still holds its file; this process may be unable to open the store again");
        false
    }
}

fn hold(dir: &Path) -> Result<Lock, StoreError> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK));
    let file = file.map_err(|cause| unavailable(dir, cause))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { dir: dir.to_owned(), file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(dir.display().to_string().into())),
        Err(TryLockError::Error(cause)) => Err(unavailable(dir, cause)),
    }
}

fn unavailable(dir: &Path, cause: impl fmt::Display) -> StoreError {
    StoreError::unavailable(format_args!("{}: {cause}", dir.display()))
}

/// Makes the folder if there is none; refuses one that others may enter.
fn make_private(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|cause| unavailable(dir, cause))?;
    let mode = fs::metadata(dir).map_err(|cause| unavailable(dir, cause))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed(dir.display().to_string().into()));
    }
    Ok(())
}

/// Removes what a crash while sled was opening can leave, and what sled then would stumble over.
fn remove_unfinished(dir: &Path) -> io::Result<()> {
    // sled takes a snapshot that it had not finished writing for its newest, and fails.
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    // `conf` is synced before anything is written to `db`: beside an empty one it may be torn.
    let nothing_written = fs::metadata(dir.join("db")).map_or(true, |db| db.len() == 0);
    let conf = dir.join("conf");
    if nothing_written && conf.exists() {
        fs::remove_file(conf)?;
    }
    Ok(())
}

/// Puts on the disk what sled made when it opened, in the order in which it will be relied on.
fn make_durable(dir: &Path, db: &Db, file: &File) -> io::Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    fs::set_permissions(dir.join("db"), Permissions::from_mode(0o600))?;
    sync(&dir.join("conf"))?;
    sync(&dir.join("blobs"))?;
    sync(dir)?;
    // The folder's own name, and its parent's, for that may be new too.
    for parent in fs::canonicalize(dir)?.ancestors().skip(1).take(2) {
        match sync(parent) {
            // One that we may not read is not one that we made.
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    db.flush()?;
    file.sync_data()
}
