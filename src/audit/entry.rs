//! The entries of the log, as they are stored, and as they are read.

use crate::api::audit::{Broken, Entry, EntryDigest, Event, Head, Line};
use crate::store::{Key, Keyspace, StoreError, Value};

/// The entries.
pub(super) const ENTRIES: Keyspace<Entry> = Keyspace::new("audit");
/// The name of the last entry.
pub(super) const HEAD: Keyspace<Head> = Keyspace::new("audit-head");

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
    /// The line for `value`, which is stored at the place `number`.
    pub(super) fn read(number: u64, value: Option<Value>) -> Self {
        let Some(value) = value else { return Self::broken(number, &"it is missing") };
        let key = &key_of(number);
        match ENTRIES.decode(key, &value) {
            // JSON has many forms for the same entry, and the log writes one.
            Ok(entry) if ENTRIES.encode(&entry).is_ok_and(|written| written == value) && entry.number == number => {
                Self::Entry(Box::new(entry))
            }
            Ok(_) => Self::broken(number, &"it is not in the form that this log writes"),
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

/// Each number has 20 digits, so that the order of the keys is that of the numbers.
pub(super) fn key_of(number: u64) -> Key {
    ENTRIES.key(format_args!("{number:020}"))
}
