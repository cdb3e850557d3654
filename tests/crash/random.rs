//! Choices that a seed repeats.

use uuid::Uuid;

/// `SplitMix64`: small, and good enough to choose moments.
pub struct Random(u64);

/// A seed that no other run has.
pub fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence, for a task of its own.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// From 0 to `bound`, without it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
