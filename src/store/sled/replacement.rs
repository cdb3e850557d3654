//! The replacement of the whole content, which no crash leaves half made.
//!
//! It may be more than sled can write between two syncs: sled reuses parts of its file, so a power cut in the middle of
//! too long a batch could cost what was there before. A large replacement therefore goes into a file of its own first,
//! whole and synced; then its writes are made in parts, each synced; then the file is removed. Who opens the folder and
//! finds the file makes all of its writes again, before any read and any other write.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sled::{Batch, Db};

use super::super::contents::{decode, encode};
use super::super::{Change, MAX_OPERATIONS};
use super::fence::{catch_panic, flush};
use crate::files;

/// The file, in the store's folder.
const FILE: &str = "replacement";
/// Its first line.
const FORMAT: &[u8] = b"boomgate replacement 1\n";
/// How many writes are made between two syncs: as many as one transaction may have. See `BATCH_OPERATIONS`.
const PART: usize = MAX_OPERATIONS;

/// Why a replacement was not made.
pub(super) enum Failure {
    /// The content is the old one.
    NothingChanged(io::Error),
    /// The content may be the old one, the new one, or between the two until the folder is opened again.
    Unknown(io::Error),
}

/// Makes all of `changes` or none; durable when this returns. To be called while no one reads.
pub(super) fn replace(dir: &Path, db: &Db, file: &File, changes: &[Change]) -> Result<(), Failure> {
    if changes.len() <= PART {
        return write_durably(db, file, changes).map_err(Failure::Unknown);
    }
    if let Err(cause) = files::write_private(&dir.join(FILE), &to_bytes(changes)) {
        return Err(match withdraw(dir) {
            Ok(()) => Failure::NothingChanged(cause),
            Err(_) => Failure::Unknown(cause),
        });
    }
    finish(dir, db, file).map_err(Failure::Unknown)
}

/// Makes the replacement that a crash or a failed disk has interrupted, if there is one.
pub(super) fn finish(dir: &Path, db: &Db, file: &File) -> io::Result<()> {
    let path = dir.join(FILE);
    let bytes = match fs::read(&path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let changes = from_bytes(&bytes).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be read: it is damaged", path.display()))
    })?;
    for part in changes.chunks(PART) {
        write_durably(db, file, part)?;
    }
    // Synced, or a start after later commits would make these writes once more.
    files::remove(&path)
}

/// Makes these writes as one batch of sled's.
pub(super) fn write(db: &Db, changes: &[Change]) -> Result<(), sled::Error> {
    let mut batch = Batch::default();
    for change in changes {
        match &change.value {
            Some(value) => batch.insert(change.key.as_bytes(), value.as_bytes()),
            None => batch.remove(change.key.as_bytes()),
        }
    }
    db.apply_batch(batch)
}

fn write_durably(db: &Db, file: &File, changes: &[Change]) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    catch_panic(|| {
        write(db, changes)?;
        flush(db)?;
        file.sync_data()
    })
}

/// Removes the file and its draft after a write that failed, for instance because the disk is full.
fn withdraw(dir: &Path) -> io::Result<()> {
    for name in [format!("{FILE}.new"), FILE.to_owned()] {
        match files::remove(&dir.join(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

/// The content of the file: the format, the writes, and a check sum of both.
fn to_bytes(changes: &[Change]) -> Vec<u8> {
    let mut bytes = FORMAT.to_vec();
    bytes.extend(encode(changes.iter().map(|change| (&change.key, change.value.as_ref()))));
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_be_bytes());
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<Change>> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    let changes = bytes.strip_prefix(FORMAT)?;
    if crc32fast::hash(bytes) == u32::from_be_bytes(*sum) { decode(changes) } else { None }
}
