//! `[journal]`: what a sandbox remembers of requests.

use super::raw::Raw;

/// `[journal]`: what a sandbox remembers of requests. A production server remembers none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// `requests`: how many requests the journal has at most; by default 10,000. They never take more than 40 MB.
    pub requests: usize,
}

impl Journal {
    pub(super) fn read(raw: &mut Raw) -> Self {
        Self { requests: raw.number("journal.requests", 1..=1_000_000, 10_000) }
    }
}
