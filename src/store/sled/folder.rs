//! The folder of sled's files: its lock, and the work before and after sled opens it.

use std::fmt;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sled::Db;

use super::super::{Change, MAX_KEY_BYTES, MAX_VALUE_BYTES, StoreError};
use super::fence::{catch_panic, flush};
use super::replacement::{self, Failure};
use crate::files::{self, Reader};

/// The file that a process locks for the time that it uses the folder.
const LOCK: &str = "lock";

/// The unit of sled's log, in bytes; it cannot change for a folder that exists. sled writes a page larger than a
/// quarter of it into a file of its own (a "blob"), which sled never syncs, so a quarter must be larger than the
/// largest possible page.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// The most entries of a leaf: sled splits it at 17, and may merge a neighbour of 3 into it before; the rest is margin.
const LEAF_ENTRIES: usize = 28;
/// The same for an inner page of keys and page numbers: 257 and 63.
const INDEX_ENTRIES: usize = 384;
/// More than sled adds to a page.
const OVERHEAD: usize = 2 * MAX_KEY_BYTES + 256;
const _: () = {
    assert!(LEAF_ENTRIES * (MAX_KEY_BYTES + MAX_VALUE_BYTES + 32) + OVERHEAD < SEGMENT_BYTES / 4);
    assert!(INDEX_ENTRIES * (MAX_KEY_BYTES + 32) + OVERHEAD < SEGMENT_BYTES / 4);
};

/// The cache of pages in sled, in bytes. Requests read from views; this is for everything else.
const CACHE_BYTES: u64 = 1024 * 1024;

/// How often, and with which pause, to check whether sled's threads have closed the file.
const RELEASE_ROUNDS: u32 = 5_000;
const RELEASE_PAUSE: Duration = Duration::from_millis(1);

/// How much of the file is read at a time, in bytes.
const PART_BYTES: usize = 256 * 1024;
/// For how many parts another reading thread is worth its start.
const READER_PARTS: usize = 64;

/// The right to use the folder: an advisory lock on a separate file, so that its owner can clean up the folder before
/// sled opens it.
pub(super) struct Folder {
    dir: PathBuf,
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")]
    lock: File,
}

impl Folder {
    /// Creates the folder with mode 0700 if it does not exist, and locks it. `Held` if another process has locked it,
    /// `Exposed` if other users may enter or own it.
    pub(super) fn hold(dir: &Path) -> Result<Self, StoreError> {
        make_private(dir)?;
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(dir.join(LOCK));
        let lock = lock.map_err(|cause| unavailable(dir, cause))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Held(dir.display().to_string().into())),
            Err(TryLockError::Error(cause)) => Err(unavailable(dir, cause)),
        }
    }

    /// Whether a process has locked the folder; `None` if it does not exist. If no process has, this one locks it for a
    /// moment to find that out.
    pub(super) fn is_held(dir: &Path) -> io::Result<Option<bool>> {
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

    /// Opens sled, with everything synced that it relies on; returns its file too, to sync it.
    ///
    /// Reads the whole file first. sled takes a part that cannot be read for the end of its log and clears the rest:
    /// one failed read would cost the store. Once read, the file is in the kernel's cache, and reads do not fail.
    pub(super) fn open(&self) -> io::Result<(Db, File)> {
        catch_panic(|| {
            files::make_private_within(&self.dir)?;
            remove_unfinished(&self.dir)?;
            match File::open(self.dir.join("db")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => read_whole(&opened?)?,
            }
            let db = sled_config(&self.dir).open()?;
            let file = File::open(self.dir.join("db"))?;
            make_durable(&self.dir, &db, &file)?;
            replacement::finish(&self.dir, &db, &file)?;
            Ok((db, file))
        })
    }

    /// Makes all of `changes` or none, however many they are; durable when this returns.
    pub(super) fn replace(&self, db: &Db, file: &File, changes: &[Change]) -> Result<(), Failure> {
        replacement::replace(&self.dir, db, file, changes)
    }

    /// Overwrites the file with its own content. After a failed sync, the kernel takes pages for written that are not
    /// on the disk; only pages that are written again are synced.
    pub(super) fn write_again(&self) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(self.dir.join("db"))?;
        each_part(&file, 0, 1, |part, at| file.write_all_at(part, at))?;
        file.sync_all()
    }

    /// Waits until sled has released its own lock: threads of its pool may have the file open for a moment after the
    /// database was dropped. `false` if they still have.
    pub(super) fn wait_for_sled(&self) -> bool {
        let Ok(db) = File::open(self.dir.join("db")) else { return true };
        for _ in 0..RELEASE_ROUNDS {
            match db.try_lock() {
                Ok(()) | Err(TryLockError::Error(_)) => return true,
                Err(TryLockError::WouldBlock) => thread::park_timeout(RELEASE_PAUSE),
            }
        }
        tracing::warn!("sled still has its file open; this process may be unable to open the store again");
        false
    }
}

/// Reads the whole file, a large one on all cores, since a start waits for it.
fn read_whole(file: &File) -> io::Result<()> {
    let parts = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?.div_ceil(PART_BYTES);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let readers = parts.div_ceil(READER_PARTS).clamp(1, cores);
    thread::scope(|scope| {
        let read = |first| each_part(file, first, readers, |_, _| Ok(()));
        let start = |first| thread::Builder::new().spawn_scoped(scope, move || read(first));
        let others = (1..readers).map(start).collect::<io::Result<Vec<_>>>()?;
        let panicked = |_| Err(io::Error::other("a thread that read it panicked"));
        others.into_iter().map(|other| other.join().unwrap_or_else(panicked)).fold(read(0), io::Result::and)
    })
}

/// Reads the parts of the file from `first` on in steps of `step`, and calls `act` with each and its offset.
fn each_part(
    file: &File,
    first: usize,
    step: usize,
    mut act: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut buffer = vec![0; PART_BYTES];
    for from in (first * PART_BYTES..length).step_by(step * PART_BYTES) {
        let (part, _) = buffer.split_at_mut(PART_BYTES.min(length - from));
        let at = u64::try_from(from).map_err(io::Error::other)?;
        file.read_exact_at(part, at)?;
        act(part, at)?;
    }
    Ok(())
}

fn sled_config(dir: &Path) -> sled::Config {
    sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
}

pub(super) fn unavailable(dir: &Path, cause: impl fmt::Display) -> StoreError {
    StoreError::unavailable(format_args!("{}: {cause}", dir.display()))
}

/// Creates the folder if it does not exist; refuses one that other users may enter or own.
fn make_private(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|cause| unavailable(dir, cause))?;
    let exposed = |path: &Path, exposure| StoreError::Exposed { dir: path.display().to_string().into(), exposure };
    if let Some(exposure) = files::exposure(dir, Reader::Server).map_err(|cause| unavailable(dir, cause))? {
        return Err(exposed(dir, exposure));
    }
    match files::foreign_within(dir).map_err(|cause| unavailable(dir, cause))? {
        Some((path, exposure)) => Err(exposed(&path, exposure)),
        None => Ok(()),
    }
}

/// Removes files that a crash can leave while sled opens, and on which sled would then fail.
fn remove_unfinished(dir: &Path) -> io::Result<()> {
    // sled takes an unfinished snapshot for its newest one, and fails.
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    // `conf` is synced before the first write to `db`, so beside an empty `db` it may be incomplete.
    let nothing_written = fs::metadata(dir.join("db")).map_or(true, |db| db.len() == 0);
    let conf = dir.join("conf");
    if nothing_written && conf.exists() {
        fs::remove_file(conf)?;
    }
    Ok(())
}

/// Syncs what sled created when it opened, in the order in which it is relied on.
fn make_durable(dir: &Path, db: &Db, file: &File) -> io::Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    // The umask decides the modes of files that sled creates. Until the next start, later snapshots are protected only
    // by the folder, which other users may not enter.
    files::make_private_within(dir)?;
    sync(&dir.join("conf"))?;
    sync(&dir.join("blobs"))?;
    sync(dir)?;
    // The name of the folder, and that of its parent, which may be new too.
    for parent in fs::canonicalize(dir)?.ancestors().skip(1).take(2) {
        match sync(parent) {
            // A folder that this process may not read was not created by it.
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    flush(db)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn readers_together_read_every_byte_of_the_file_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        for length in [0, 1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES + 5] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            fs::write(&path, &bytes).unwrap();
            let file = File::open(&path).unwrap();
            for readers in 1..=5 {
                let mut parts = BTreeMap::new();
                for first in 0..readers {
                    each_part(&file, first, readers, |part, at| {
                        assert!(parts.insert(at, part.to_vec()).is_none(), "{at} was read twice");
                        Ok(())
                    })
                    .unwrap();
                }
                assert!(parts.into_values().flatten().eq(bytes.iter().copied()), "{length} bytes, {readers} readers");
            }
            read_whole(&file).unwrap();
        }
        let large = File::create(&path).unwrap();
        large.set_len(u64::try_from((READER_PARTS * 3 + 1) * PART_BYTES).unwrap()).unwrap();
        assert!(read_whole(&large).is_err(), "it is open for writing only");
        read_whole(&File::open(&path).unwrap()).unwrap();
    }
}
