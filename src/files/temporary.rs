//! A private folder that lives as long as its value.
//!
//! A process that is killed leaves its folder behind. Each folder has a file that its process locks, so the next process
//! that makes one removes those that no process uses.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::process::geteuid;

use super::lock::{try_lock, try_lock_open};
use crate::text::hex::hex;

/// What the names of all folders begin with.
const PREFIX: &str = "boomgate-";
/// The random bytes in a name.
const RANDOM_BYTES: usize = 8;
/// The file that a process locks for the time that it uses the folder.
const LOCK: &str = "in-use";
/// Its name until it is locked.
const UNLOCKED: &str = "in-use.new";

/// A folder of mode 0700, which is removed with all that is in it when this is dropped, or before.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    is_removed: AtomicBool,
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")]
    lock: File,
}

impl TemporaryFolder {
    /// A new folder below `parent`; removes those there that ended processes of this user have left.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        Self::create(new_path(parent)?)
    }

    /// Creates the folder at a [`new_path`], as [`new`](Self::new) does.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        path.parent().into_iter().for_each(remove_abandoned);
        DirBuilder::new().mode(0o700).create(&path)?;
        // Under its final name it is locked from the start on: no other process takes this folder for one that is left.
        let locked = try_lock(&path.join(UNLOCKED)).and_then(|lock| {
            fs::rename(path.join(UNLOCKED), path.join(LOCK))?;
            lock.ok_or_else(|| io::Error::other("another process uses it"))
        });
        match locked {
            Ok(lock) => Ok(Self { path, is_removed: AtomicBool::new(false), lock }),
            Err(error) => {
                let _removed = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it; a second call does nothing.
    pub(crate) fn remove(&self) {
        if self.is_removed.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary folder was not removed");
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Where a new folder below `parent` may be. Its name cannot be guessed, and it does not exist.
pub(crate) fn new_path(parent: &Path) -> io::Result<PathBuf> {
    let mut random = [0_u8; RANDOM_BYTES];
    SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(parent.join(format!("{PREFIX}{}", hex(&random))))
}

/// Removes the folders below `parent` whose processes have ended. What cannot be read or removed stays.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = || entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
        if !entry.file_name().to_str().is_some_and(is_name) || !is_ours() {
            continue;
        }
        let path = entry.path();
        // A folder without that file is not one of these, or is being made.
        let Ok(Some(_lock)) = File::open(path.join(LOCK)).and_then(try_lock_open) else { continue };
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "the temporary folder of an ended process was not removed");
        }
    }
}

fn is_name(name: &str) -> bool {
    let random = name.strip_prefix(PREFIX);
    random.is_some_and(|random| random.len() == 2 * RANDOM_BYTES && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_temporary_folder_is_private_and_goes_with_its_value() {
        let parent = tempfile::tempdir().unwrap();
        let folder = TemporaryFolder::new(parent.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(path.join("tls")).unwrap();
        fs::write(path.join("tls/ca.pem"), "a").unwrap();
        drop(folder);
        assert!(!path.exists());
        assert!(TemporaryFolder::new(&path).is_err(), "its parent is gone");
    }

    #[test]
    fn a_new_folder_removes_those_that_nobody_uses_and_no_other() {
        let parent = tempfile::tempdir().unwrap();
        let used = TemporaryFolder::new(parent.path()).unwrap();
        let make = |name: &str, lock: bool| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            if lock {
                fs::write(path.join(LOCK), "").unwrap();
            }
            path
        };
        let abandoned = make("boomgate-0123456789abcdef", true);
        fs::write(abandoned.join("ca-key.pem"), "a").unwrap();
        let others = [make("boomgate-fedcba9876543210", false), make("boomgate-data", true), make("other", true)];
        let _new = TemporaryFolder::new(parent.path()).unwrap();
        assert!(!abandoned.exists());
        assert!(used.path.join(LOCK).exists());
        assert!(others.iter().all(|other| other.exists()));
    }
}
