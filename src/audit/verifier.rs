//! The check of the whole log. It needs only the entries: a reader of them need not trust the server.

use crate::api::audit::{Entry, EntryDigest, Head, Line};

/// Follows the log from its first entry on, and stops where it is not what was written.
#[derive(Clone, Debug)]
pub struct LogVerifier {
    last: Head,
}

/// Where the log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// There is no entry to read.
    #[error("entry {number} cannot be read: {reason}")]
    Broken {
        /// Its number.
        number: u64,
        /// Why.
        reason: String,
    },
    /// An entry with the digest of another one.
    #[error("entry {0} was altered: its digest is of another entry")]
    Altered(u64),
    /// An entry whose digest is not the one that its successor, or the head of the log, has.
    #[error("entry {0} was replaced: what follows it in the log followed another entry")]
    Replaced(u64),
    /// An entry at the place of another, which was moved or deleted.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Missing {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The log ends before its last entry, which its head names.
    #[error("entry {0} is missing: the log ends before it")]
    Short(u64),
}

impl LogVerifier {
    /// Starts before the first entry.
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
            // No entry comes before the first, so the first itself was altered.
            return Err(if *number == 1 { Break::Altered(1) } else { Break::Replaced(*number - 1) });
        }
        self.last = Head { number: *number, digest: digest.clone() };
        Ok(())
    }

    /// Compares the last entry that was followed with the head of the log.
    pub fn end(&self, head: &Head) -> Result<(), Break> {
        if self.last.number < head.number {
            return Err(Break::Short(self.last.number + 1));
        }
        if self.last == *head { Ok(()) } else { Err(Break::Replaced(head.number)) }
    }
}

impl Default for LogVerifier {
    fn default() -> Self {
        Self::new()
    }
}
