//! A snapshot as a file: a line with the format, then three parts, each after its length (the facts and the memory as JSON,
//! the entries of the store), then the SHA-256 of all that. A file that is cut off, changed or something else is refused.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::saved::{Facts, Saved};
use crate::store::Entries;

/// The first line.
const FORMAT: &[u8] = b"boomgate snapshot 1\n";
/// The bytes of the length before each part.
const LENGTH: usize = size_of::<u64>();
/// The most bytes of the facts.
const MAX_FACTS_BYTES: usize = 4 * 1_024;
/// The most bytes of a file: more than all snapshots together may hold.
const MAX_FILE_BYTES: u64 = 1_024 * 1_024 * 1_024;

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// It is something else, or another version has written it.
    #[error("is no snapshot that this version of boomgate can read")]
    Foreign,
    /// It is not as it was written.
    #[error("is damaged: a part of it is missing or was changed")]
    Damaged,
    /// The disk does not give it.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

impl FileFault {
    /// Whether there is no file.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Unreadable(cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}

pub(super) fn encode(saved: &Saved) -> Vec<u8> {
    let mut bytes = FORMAT.to_vec();
    for part in [to_json(&saved.facts), to_json(&saved.memory), saved.entries.encode()] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    let sum = digest(&SHA256, &bytes);
    bytes.extend(sum.as_ref());
    bytes
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // The one way for this to fail is a map whose keys are not text, and there is none.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads a whole snapshot.
pub(super) fn read(path: &Path) -> Result<Saved, FileFault> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> Result<Saved, FileFault> {
    if !bytes.starts_with(FORMAT) {
        return Err(FileFault::Foreign);
    }
    let (bytes, sum) = bytes.split_last_chunk::<32>().ok_or(FileFault::Damaged)?;
    if digest(&SHA256, bytes).as_ref() != sum {
        return Err(FileFault::Damaged);
    }
    // What is whole and still not readable was written by another version.
    let rest = bytes.strip_prefix(FORMAT).ok_or(FileFault::Foreign)?;
    let (facts, rest) = part(rest).ok_or(FileFault::Foreign)?;
    let (memory, rest) = part(rest).ok_or(FileFault::Foreign)?;
    let (entries, _) = part(rest).filter(|(_, rest)| rest.is_empty()).ok_or(FileFault::Foreign)?;
    let entries = Entries::decode(entries).ok_or(FileFault::Foreign)?;
    Ok(Saved { facts: from_json(facts)?, memory: from_json(memory)?, entries })
}

/// Reads the beginning of a file alone.
pub(super) fn read_facts(path: &Path) -> Result<Facts, FileFault> {
    let mut bytes = Vec::new();
    File::open(path)?.take((FORMAT.len() + LENGTH + MAX_FACTS_BYTES) as u64).read_to_end(&mut bytes)?;
    let rest = bytes.strip_prefix(FORMAT).ok_or(FileFault::Foreign)?;
    let (facts, _) = part(rest).ok_or(FileFault::Damaged)?;
    from_json(facts)
}

/// The next part, and what follows.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FileFault> {
    serde_json::from_slice(bytes).map_err(|_| FileFault::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::snapshots::saved::Memory;
    use crate::store::{Key, Value};
    use crate::time::UnixSeconds;

    fn saved() -> Saved {
        let (saved_at, real_saved_at) = (UnixSeconds::new(1_767_268_800), UnixSeconds::new(1_767_268_000));
        let entries: Entries = [(Key::new(b"a"), Value::new(b"1"))].into_iter().collect();
        let facts = Facts { saved_at, real_saved_at, clients: 4, zones: 66, bytes: entries.bytes() };
        Saved { facts, memory: Memory::default(), entries }
    }

    #[test]
    fn a_snapshot_reads_back_from_its_file_and_its_facts_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, encode(&saved())).unwrap();
        let read = read(&path).unwrap();
        assert_eq!((read.facts, read.entries), (saved().facts, saved().entries));
        assert_eq!(read_facts(&path).unwrap(), saved().facts);
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_anywhere_is_refused() {
        let bytes = encode(&saved());
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed).is_err(), "changed at {at}");
        }
        assert!(matches!(decode(b"SQLite format 3\0"), Err(FileFault::Foreign)));
        assert!(matches!(decode(&bytes[..bytes.len() - 1]), Err(FileFault::Damaged)));
    }
}
