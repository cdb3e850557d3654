//! `[refusals]`: how many refused requests are stored, to be explained.

use super::raw::Raw;

/// `[refusals]`: how many refused requests are stored, to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// `entries`: how many, in memory alone; by default 1,000, and 0 is none. An entry takes about 1 KB, and some KB at
    /// most.
    pub entries: usize,
}

impl Refusals {
    pub(super) fn read(raw: &mut Raw) -> Self {
        Self { entries: raw.number("refusals.entries", 0..=10_000, 1_000) }
    }
}
