//! The entries of the log, as they are stored, and as they are read.

use serde::{Deserialize, Serialize};

use super::digest::EntryDigest;
use super::event::Event;
use crate::store::{Key, Keyspace, StoreError, Value};

/// The entries.
pub(super) const ENTRIES: Keyspace<Entry> = Keyspace::new("audit");
/// The name of the last entry.
pub(super) const HEAD: Keyspace<Head> = Keyspace::new("audit-head");

/// An event in its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place: the first entry has 1.
    pub number: u64,
    /// The digest of the entry before; [`EntryDigest::NONE`] for the first.
    pub previous: EntryDigest,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The digest of all of the above.
    pub digest: EntryDigest,
}

/// The last entry, as the log itself keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 while there is none.
    pub number: u64,
    /// Its digest.
    pub digest: EntryDigest,
}

/// What stands at one place of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// An entry that can be read.
    Entry(Box<Entry>),
    /// Nothing, or something that is no entry.
    Broken(Broken),
}

/// A place of the log at which no entry can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Which place.
    pub number: u64,
    /// What is wrong there.
    pub broken: String,
}

impl Entry {
    /// The entry that follows `head`.
    pub(super) fn after(head: &Head, event: Event) -> Result<Self, StoreError> {
        let (number, previous) = (head.number.saturating_add(1), head.digest.clone());
        let digest = EntryDigest::of(number, &previous, &event);
        // An event is text and numbers, which always have a JSON form.
        let digest = digest.ok_or_else(|| StoreError::Unavailable("an audit entry has no JSON form".into()))?;
        Ok(Self { number, previous, event, digest })
    }
}

impl Line {
    /// Its place in the log.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.number,
            Self::Broken(broken) => broken.number,
        }
    }

    /// The line for `value`, which is stored at the place `number`.
    pub(super) fn read(number: u64, value: Option<Value>) -> Self {
        let Some(value) = value else { return Self::broken(number, &"it is missing") };
        let key = &key_of(number);
        match ENTRIES.decode(key, &value) {
            // The same entry can be written in more than one way; the log writes it in one.
            Ok(entry) if ENTRIES.encode(&entry).is_ok_and(|written| written == value) && entry.number == number => {
                Self::Entry(Box::new(entry))
            }
            Ok(_) => Self::broken(number, &"it is not written as this log writes"),
            Err(cause) => Self::broken(number, &cause),
        }
    }

    pub(super) fn broken(number: u64, cause: &impl ToString) -> Self {
        Self::Broken(Broken { number, broken: cause.to_string() })
    }

    pub(super) fn is(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        match self {
            Self::Entry(entry) => wanted(&entry.event),
            Self::Broken(_) => true,
        }
    }
}

/// Numbers have 20 digits, as many as the largest, so that they order as text.
pub(super) fn key_of(number: u64) -> Key {
    ENTRIES.key(format_args!("{number:020}"))
}
