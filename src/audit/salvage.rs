//! What the bytes of a store's files say of the log, whether or not the store opens.
//!
//! Entries are JSON text, and a store keeps it as it is, so they can be found. A store that was damaged may
//! not open, or open without what it wrote last, as after a crash in the middle of a write.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::audit::{Entry, EntryDigest, Head};

/// What every stored entry starts with; its number follows.
const START: &[u8] = br#"{"v":1,"record":{"number":"#;

/// What such text holds: an entry, or the name of the last one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Record {
    Entry(Entry),
    Head(Head),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    record: Record,
}

/// What there is of the log in the files of a store.
#[derive(Debug, PartialEq, Eq)]
pub struct Traces {
    /// The numbers of entries that are not what they were; those too of which nothing is left while later
    /// ones are there. A store may hold an entry more than once: one copy that was hit counts.
    pub hit: BTreeSet<u64>,
    /// The number of the last entry of which there is anything; 0 for none.
    pub last: u64,
}

/// Looks for entries in these files.
#[must_use]
pub fn traces(files: &[Vec<u8>]) -> Traces {
    let mut whole: BTreeMap<u64, EntryDigest> = BTreeMap::new();
    let mut spoiled: Vec<(u64, Option<EntryDigest>)> = Vec::new();
    for bytes in files {
        for at in starts(bytes) {
            let text = bytes.get(at..).unwrap_or_default();
            match read(text) {
                Some(Record::Head(_)) => {}
                Some(Record::Entry(Entry { number, previous, event, digest })) => {
                    if EntryDigest::of(number, &previous, &event).as_ref() == Some(&digest) {
                        whole.insert(number, digest);
                    } else {
                        spoiled.push((number, Some(previous)));
                    }
                }
                None => spoiled.extend(number_after(text).map(|number| (number, None))),
            }
        }
    }
    let follows = |previous: &EntryDigest| {
        let before = whole.iter().find(|(_, digest)| *digest == previous);
        before.map(|(number, _)| number + 1)
    };
    // The number itself may be what was hit: the entry before tells.
    let mut hit: BTreeSet<u64> =
        spoiled.into_iter().map(|(number, previous)| previous.as_ref().and_then(follows).unwrap_or(number)).collect();
    let last = whole.last_key_value().map_or(0, |(number, _)| *number);
    // A file that is no log at all may claim any number.
    hit.retain(|number| *number <= last.saturating_add(1));
    hit.extend((1..last).filter(|number| !whole.contains_key(number)));
    let last = hit.last().map_or(last, |hit| last.max(*hit));
    Traces { hit, last }
}

fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(START.len()).enumerate().filter(|(_, window)| *window == START).map(|(at, _)| at)
}

/// The record that `text` starts with, if it stands there as it was written.
fn read(text: &[u8]) -> Option<Record> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Stored>();
    let stored = values.next()?.ok()?;
    let written = serde_json::to_vec(&stored).ok()?;
    text.starts_with(&written).then_some(stored.record)
}

fn number_after(text: &[u8]) -> Option<u64> {
    let digits = text.get(START.len()..)?.split(|byte| !byte.is_ascii_digit()).next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}
