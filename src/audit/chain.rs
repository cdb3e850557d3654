//! What binds the entries of the log: anybody who has them can follow it, without trust in the server.

use super::{Entry, EntryDigest, Head, Line};

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
