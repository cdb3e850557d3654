//! The log in the raw bytes of a store's files, whether or not the store opens.
//!
//! Entries are JSON text, which a store does not encode, so they can be found there. A damaged store may not open, or
//! may open without its last entries, as after a crash in the middle of a write.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::audit::{Entry, EntryDigest, Head};

/// The start of every stored entry, before its number.
const START: &[u8] = br#"{"v":1,"record":{"number":"#;

/// The content of such a text: an entry, or the head of the log.
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

/// The traces of the log in the files of a store.
#[derive(Debug, PartialEq, Eq)]
pub struct Traces {
    /// The numbers of damaged entries, and of missing entries before later ones. A store may have more than one copy of
    /// an entry: one damaged copy is enough.
    pub damaged: BTreeSet<u64>,
    /// The number of the last entry that left a trace; 0 for none.
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
    // The number itself may be damaged; then the entry before gives it.
    let mut damaged: BTreeSet<u64> =
        spoiled.into_iter().map(|(number, previous)| previous.as_ref().and_then(follows).unwrap_or(number)).collect();
    let last = whole.last_key_value().map_or(0, |(number, _)| *number);
    // Bytes that are no entry may have any number.
    damaged.retain(|number| *number <= last.saturating_add(1));
    damaged.extend((1..last).filter(|number| !whole.contains_key(number)));
    let last = damaged.last().map_or(last, |number| last.max(*number));
    Traces { damaged, last }
}

fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(START.len()).enumerate().filter(|(_, window)| *window == START).map(|(at, _)| at)
}

/// The record at the start of `text`, if it is in the form that the log writes.
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
