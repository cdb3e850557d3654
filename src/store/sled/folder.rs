//! The folder that sled keeps its files in: who holds it, and what has to be done before and after sled opens.

use std::fmt;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sled::Db;

use super::super::{MAX_KEY_BYTES, MAX_VALUE_BYTES, StoreError};
use super::fence::{catch_panic, flush};
use crate::files::{self, Reader};

/// The file in the folder that a process locks to hold it.
const LOCK: &str = "lock";

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
const CACHE_BYTES: u64 = 1024 * 1024;

/// How long to wait for sled's own threads to let go of the file.
const RELEASE_ROUNDS: u32 = 5_000;
const RELEASE_PAUSE: Duration = Duration::from_millis(1);

/// How much of the file is read at a time, in bytes.
const PART_BYTES: usize = 256 * 1024;
/// How many parts are worth a thread to read them.
const READER_PARTS: usize = 64;

/// The right to the folder: an advisory lock on a file of its own, so that whoever has it may tidy the
/// folder before sled opens it.
pub(super) struct Folder {
    dir: PathBuf,
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")]
    lock: File,
}

impl Folder {
    /// Makes the folder, with mode 0700, if there is none, and takes it. `Held` if another process has it,
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

    /// Whether a process holds the folder; `None` if there is none. To find out it holds it itself for a
    /// moment where nobody does.
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

    /// Opens sled, with all that it relies on synced; beside it, its file, to sync it.
    ///
    /// Reads the whole file first. A part that cannot be read is for sled the end of its log, and it clears what
    /// follows: one read that fails at the wrong moment would cost the store. What was read once is in the
    /// kernel's cache, and does not fail a moment later.
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
            Ok((db, file))
        })
    }

    /// Writes the file over with what it holds. After a sync that failed, the kernel takes pages for written
    /// that are not on the disk; only what is written again is sure to be synced.
    pub(super) fn write_again(&self) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(self.dir.join("db"))?;
        each_part(&file, 0, 1, |part, at| file.write_all_at(part, at))?;
        file.sync_all()
    }

    /// Waits until sled has let go of its own lock: threads of its pool may hold the database file for
    /// a moment after the database is gone. `false` if they still do.
    pub(super) fn wait_for_sled(&self) -> bool {
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

/// Reads the whole file: a large one on every core, for a start waits for it.
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

/// Reads the file's parts: the first of them, and each `step` parts after that. Hands out each with its place.
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

/// Makes the folder if there is none; refuses one that others may enter or own.
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
    // What sled has just made has the modes that the umask left. Snapshots that it makes later may have them too:
    // the folder, which nobody else may enter, guards those until the next start.
    files::make_private_within(dir)?;
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
    flush(db)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn readers_read_every_byte_of_the_file_between_them_and_none_twice() {
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
        assert!(read_whole(&large).is_err(), "it is open for writing alone");
        read_whole(&File::open(&path).unwrap()).unwrap();
    }
}
