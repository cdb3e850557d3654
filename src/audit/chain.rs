//! What binds the entries of the log: anybody who has them can follow it, without trust in the server.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Entry, Event, Head, Line};

/// SHA-256 of an entry; displayed, and in JSON, as unpadded base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryDigest([u8; 32]);

impl EntryDigest {
    /// What stands before the first entry.
    pub const NONE: Self = Self([0; 32]);

    /// Over the JSON text `[number, previous, event]`, without spaces and with members in the order of
    /// [`Event`]. `None` if the event has no JSON form.
    pub(super) fn of(number: u64, previous: &Self, event: &Event) -> Option<Self> {
        let text = serde_json::to_vec(&(number, previous, event)).ok()?;
        digest(&SHA256, &text).as_ref().try_into().ok().map(Self)
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Serialize for EntryDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a SHA-256 in base64url"))
    }
}

/// The log, followed from its first entry on.
#[derive(Clone, Debug)]
pub struct Chain {
    last: Head,
}

/// Where the log is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// There is no entry to read.
    #[error("entry {number} cannot be read: {reason}")]
    Broken {
        /// Its number.
        number: u64,
        /// What stands there instead.
        reason: String,
    },
    /// An entry that says other than its own digest.
    #[error("entry {0} was altered: its digest is of another entry")]
    Altered(u64),
    /// An entry that its successor, or the log's end, has another digest of.
    #[error("entry {0} was replaced: what follows it in the log followed another entry")]
    Replaced(u64),
    /// An entry out of its place, or one that was left out before it.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Missing {
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The log ends before the entry that it says is its last.
    #[error("entry {0} is missing: the log ends before it")]
    Short(u64),
}

impl Chain {
    /// Before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self { last: Head { number: 0, digest: EntryDigest::NONE } }
    }

    /// The last entry that was followed.
    #[must_use]
    pub fn last(&self) -> &Head {
        &self.last
    }

    /// Follows the next line of the log.
    pub fn follow(&mut self, line: &Line) -> Result<(), Break> {
        let entry = match line {
            Line::Entry(entry) => &**entry,
            Line::Broken(at) => return Err(Break::Broken { number: at.number, reason: at.broken.clone() }),
        };
        let Entry { number, previous, event, digest } = entry;
        if *number != self.last.number + 1 {
            return Err(Break::Missing { expected: self.last.number + 1, found: *number });
        }
        if EntryDigest::of(*number, previous, event).as_ref() != Some(digest) {
            return Err(Break::Altered(*number));
        }
        if *previous != self.last.digest {
            // Before the first there is nothing that could have been replaced: it is the first itself.
            return Err(if *number == 1 { Break::Altered(1) } else { Break::Replaced(*number - 1) });
        }
        self.last = Head { number: *number, digest: digest.clone() };
        Ok(())
    }

    /// Compares the last entry that was followed with what the log says is its last.
    pub fn end(&self, head: &Head) -> Result<(), Break> {
        if self.last.number < head.number {
            return Err(Break::Short(self.last.number + 1));
        }
        if self.last == *head { Ok(()) } else { Err(Break::Replaced(head.number)) }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}
