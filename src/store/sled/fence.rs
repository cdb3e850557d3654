//! Calls of sled that survive its faults when the disk fails.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use sled::Db;

/// How often a flush that has not returned is checked: see [`flush`].
const FLUSH_LOOK: Duration = Duration::from_millis(500);

/// Writes sled's log. Blocks until the kernel has it.
///
/// When a write fails on one of sled's threads, sled may wake no waiter, and this call would wait for ever. So it
/// checks whether sled has failed: then a second flush returns the failure at once, and wakes the first. A slow disk is
/// waited for.
pub(super) fn flush(db: &Db) -> io::Result<()> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut flushed = pin!(db.flush_async());
    loop {
        if let Poll::Ready(flushed) = flushed.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(flushed.map(drop)?);
        }
        thread::park_timeout(FLUSH_LOOK);
        if db.context.global_error().is_err() {
            return Ok(db.flush().map(drop)?);
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `act`; a panic in sled becomes an error of the disk.
pub(super) fn catch_panic<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(io::Error::other("sled panicked")))
}

/// Drops the database. sled syncs its file then, and panics if it cannot.
pub(super) fn close(db: Db) {
    let dropped = catch_panic(|| {
        drop(db);
        Ok(())
    });
    if dropped.is_err() {
        tracing::warn!("sled could not close its files cleanly");
    }
}
