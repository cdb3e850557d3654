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
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another process has it locked"))
}
