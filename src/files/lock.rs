//! A lock between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long [`lock`] waits for another process, which holds the lock while it writes one file.
const LOCK_TRIES: usize = 1_500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Locks out other processes until the returned file is dropped or this process ends. Waits up to 30 s for them. `path`
/// is a file for the lock alone, which is created and never removed.
#[allow(clippy::disallowed_methods, reason = "the system has no event for the release of a lock")]
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    for _ in 0..LOCK_TRIES {
        match try_lock(path)? {
            Some(lock) => return Ok(lock),
            None => thread::sleep(LOCK_PAUSE),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another process has it locked"))
}

/// The same without a wait: `None` if another process has it locked.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    try_lock_open(file)
}

/// Locks a file that is open; `None` if another process has it locked.
pub(super) fn try_lock_open(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
