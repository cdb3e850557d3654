//! One keyspace in memory, for records that every request reads.
//!
//! A [`View`] follows its store's watch and keeps a [`Projection`] of the keyspace behind an atomic pointer: a read is
//! one load, takes no lock, and never waits for a write or for the disk. A view may be a moment behind the store; after
//! a write, [`View::wait_for`] waits until the view includes it. A view never goes back: after a change it shows that
//! change or a later one.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use futures_util::FutureExt as _;
use futures_util::future::maybe_done;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, spawn_blocking};

use super::{ChangeEvent, Keyspace, Revision, Store, StoreError, Watch};

/// How many records are read at a time: a page is decoded while the next is read. A larger page costs memory that is
/// never returned to the system, a smaller one costs time.
const PAGE: usize = 250;

/// The first pause before a failed rescan is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The form of one keyspace in memory. It is cloned for every commit to the keyspace, so it consists of maps that share
/// their structure with their clones, such as `imbl`'s.
pub trait Projection: Clone + Default + Send + Sync + 'static {
    /// The type of the records.
    type Record: Serialize + DeserializeOwned + Send + 'static;

    /// The keyspace of the records.
    const KEYSPACE: Keyspace<Self::Record>;

    /// Whether changes are right only in the order in which they were made, as where a deletion stands for older
    /// records too. Then the keyspace is read again when the whole content of the store is replaced.
    const DEPENDS_ON_ORDER: bool = false;

    /// Sets the record of the name `id`.
    fn put(&mut self, id: &str, record: Self::Record);

    /// Removes the record of the name `id`, if there is one.
    fn delete(&mut self, id: &str);
}

/// A map for projections with a fast hash: only for keys that callers cannot choose, such as generated ones.
pub type QuickMap<K, V> = imbl::GenericHashMap<K, V, foldhash::fast::RandomState, imbl::shared_ptr::DefaultSharedPtr>;

/// A [`Projection`] that follows its store.
#[derive(Debug)]
pub struct View<P> {
    current: ArcSwap<P>,
    /// Two for each change: one before it is made, one after.
    steps: AtomicU64,
    reached: watch::Sender<Revision>,
    follower: OnceLock<AbortHandle>,
}

/// The state of a view for which a condition was last found to hold; see [`View::holds_since`]. For one condition and
/// one view.
#[derive(Debug)]
pub struct Epoch(AtomicU64);

/// No state: no view changes so often.
impl Default for Epoch {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl<P: Projection> View<P> {
    /// Reads the whole keyspace, then follows it, in a task of the current tokio runtime, until the
    /// view is dropped or the store closes. `Corrupt` if there is a record that cannot be read.
    pub async fn open(store: Arc<dyn Store>) -> Result<Arc<Self>, StoreError> {
        let (current, watch) = rebuild(&store, store.watch(), Err).await;
        let current = current?;
        let view = Arc::new(Self {
            current: ArcSwap::from_pointee(current),
            steps: AtomicU64::new(0),
            reached: watch::Sender::new(watch.revision()),
            follower: OnceLock::new(),
        });
        let task = tokio::spawn(follow(Arc::downgrade(&view), store, watch));
        let _ = view.follower.set(task.abort_handle());
        Ok(view)
    }

    /// The current projection: one atomic load. To be dropped after one decision.
    pub fn load(&self) -> Guard<Arc<P>> {
        self.current.load()
    }

    /// How often the view has changed; cheaper than a load. `None` while it is changing. A projection that was loaded
    /// after this was read is current as long as this stays the same.
    pub fn changes(&self) -> Option<u64> {
        let steps = self.steps.load(Ordering::Acquire);
        steps.is_multiple_of(2).then_some(steps / 2)
    }

    /// Whether `condition` holds for the view. Once it does, it is checked again only after a change of the view.
    pub fn holds_since(&self, since: &Epoch, condition: impl FnOnce(&P) -> bool) -> bool {
        let changes = self.changes();
        if changes == Some(since.0.load(Ordering::Relaxed)) {
            return true;
        }
        let holds = condition(&self.load());
        if let Some(changes) = changes.filter(|_| holds) {
            since.0.store(changes, Ordering::Relaxed);
        }
        holds
    }

    /// Waits until the view includes the commit of that revision, or the store has closed.
    pub async fn wait_for(&self, revision: Revision) {
        // An error is impossible while `self` holds the sender.
        let _ = self.reached.subscribe().wait_for(|reached| *reached >= revision).await;
    }

    fn show(&self, projection: P, revision: Revision) {
        // A reader that has loaded this projection sees the first step, and one that has waited for its revision sees
        // both: for neither does a condition of the projection before still hold.
        self.steps.fetch_add(1, Ordering::Release);
        self.current.store(Arc::new(projection));
        self.steps.fetch_add(1, Ordering::Release);
        self.reached.send_replace(revision);
    }
}

impl<P> Drop for View<P> {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get() {
            follower.abort();
        }
    }
}

/// Applies events until the view is dropped or the store closes.
async fn follow<P: Projection>(view: Weak<View<P>>, store: Arc<dyn Store>, mut watch: Watch) {
    while let Some(event) = watch.next().await {
        if follows::<P>(&event) {
            let Some(current) = view.upgrade().map(|view| view.current.load_full()) else { return };
            let Ok(next) = applied_beside(current, event).await else { return };
            let Some(view) = view.upgrade() else { return };
            match next {
                Some(next) => view.show(next, watch.revision()),
                None => {
                    view.reached.send_replace(watch.revision());
                }
            }
        } else {
            let Some((next, read_with)) = resynced(&view, &store, watch).await else { return };
            watch = read_with;
            let Some(view) = view.upgrade() else { return };
            view.show(next, watch.revision());
        }
    }
    // The store has closed, so no one may wait for a later revision.
    if let Some(view) = view.upgrade() {
        view.reached.send_replace(Revision(u64::MAX));
    }
}

/// Reads the projection again, and tries until the store answers; `None` if the view was dropped. A record that cannot
/// be read is logged and left out.
async fn resynced<P: Projection>(view: &Weak<View<P>>, store: &Arc<dyn Store>, mut watch: Watch) -> Option<(P, Watch)> {
    let mut pause = FIRST_PAUSE;
    loop {
        let on_corrupt = |corrupt| {
            log_corrupt(&corrupt);
            Ok(())
        };
        let read;
        (read, watch) = rebuild(store, watch, on_corrupt).await;
        match read {
            Ok(next) => return Some((next, watch)),
            Err(cause) => tracing::warn!(%cause, "a view could not be read again; it is tried again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if view.strong_count() == 0 {
            return None;
        }
    }
}

/// Reads the keyspace on a thread for blocking work: several views are read at a time, and no request waits for them.
async fn rebuild<P: Projection>(
    store: &Arc<dyn Store>,
    mut watch: Watch,
    on_corrupt: fn(StoreError) -> Result<(), StoreError>,
) -> (Result<P, StoreError>, Watch) {
    let (runtime, reader) = (Handle::current(), Arc::clone(store));
    let read = spawn_blocking(move || (runtime.block_on(read_all(&*reader, &mut watch, on_corrupt)), watch));
    // A thread that panicked has dropped its watch; the next attempt begins with a new one.
    read.await.unwrap_or_else(|cause| (Err(StoreError::unavailable(cause)), store.watch()))
}

/// Reads the keyspace page by page, then applies every commit that was made meanwhile. The result is exactly the state
/// after the revision of the watch.
async fn read_all<P: Projection>(
    store: &dyn Store,
    watch: &mut Watch,
    on_corrupt: fn(StoreError) -> Result<(), StoreError>,
) -> Result<P, StoreError> {
    let prefix = P::KEYSPACE.prefix();
    'again: loop {
        let mut projection = P::default();
        let mut page = store.scan(&prefix, None, PAGE).await?;
        while let Some((last, _)) = page.last() {
            let last = last.clone();
            let mut next = pin!(maybe_done(store.scan(&prefix, Some(&last), PAGE)));
            // Polled once, it reads while this page is decoded.
            let _ = next.as_mut().now_or_never();
            for (key, value) in &page {
                let Some(id) = P::KEYSPACE.id(key) else { continue };
                match P::KEYSPACE.decode(key, value) {
                    Ok(record) => projection.put(id, record),
                    Err(corrupt) => on_corrupt(corrupt)?,
                }
            }
            next.as_mut().await;
            page = next.take_output().unwrap_or_else(|| Ok(Vec::new()))?;
        }
        // Every commit that the scan may have shown is in the watch by now.
        while let Some(event) = watch.pending() {
            if !follows::<P>(&event) {
                continue 'again;
            }
            projection = applied(&projection, &event).unwrap_or(projection);
        }
        return Ok(projection);
    }
}

/// Whether a projection follows the event by its changes; if not, it is read again.
fn follows<P: Projection>(event: &ChangeEvent) -> bool {
    match event {
        ChangeEvent::Committed { .. } => true,
        ChangeEvent::Replaced { .. } => !P::DEPENDS_ON_ORDER,
        ChangeEvent::Resync { .. } => false,
    }
}

/// The same as [`applied`]. A large replacement is decoded on a thread for blocking work, as in [`rebuild`]: a return to
/// a snapshot waits for all views. `Err` if that thread panicked, or the runtime ends.
async fn applied_beside<P: Projection>(projection: Arc<P>, event: ChangeEvent) -> Result<Option<P>, JoinError> {
    if matches!(&event, ChangeEvent::Replaced { changes, .. } if changes.len() > PAGE) {
        spawn_blocking(move || applied(&*projection, &event)).await
    } else {
        Ok(applied(&*projection, &event))
    }
}

/// `projection` with the event's changes; `None` if none of them is in its keyspace.
fn applied<P: Projection>(projection: &P, event: &ChangeEvent) -> Option<P> {
    let (ChangeEvent::Committed { changes, .. } | ChangeEvent::Replaced { changes, .. }) = event else { return None };
    let mut next = None;
    for change in &**changes {
        let Some(id) = P::KEYSPACE.id(&change.key) else { continue };
        let Some(value) = &change.value else {
            next.get_or_insert_with(|| projection.clone()).delete(id);
            continue;
        };
        match P::KEYSPACE.decode(&change.key, value) {
            Ok(record) => next.get_or_insert_with(|| projection.clone()).put(id, record),
            Err(corrupt) => log_corrupt(&corrupt),
        }
    }
    next
}

fn log_corrupt(corrupt: &StoreError) {
    tracing::error!(cause = %corrupt, "a record could not be read; its previous version is still used");
}
