//! When keys are made, and for how long they sign and verify.

use super::algorithm::Algorithm;
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

/// For how long a resource server may cache the JWK Set, in seconds.
pub const JWK_SET_MAX_AGE_S: u64 = 300;
/// For how long a new key is in the JWK Set before it signs, in seconds. Three times the cache's age allows for clocks
/// that differ, slow answers, and libraries that cache for 10 minutes whatever the answer says (jose does).
pub const PUBLISHED_FOR_S: u64 = 3 * JWK_SET_MAX_AGE_S;
/// How long before its `signs_from` a scheduled key is published, in seconds: for resource servers that read the JWK Set
/// less often than they should.
pub(crate) const SCHEDULED_AHEAD_S: u64 = SECONDS_PER_DAY;
/// For how long a key verifies after its last signature, in seconds: the longest life of a token, and an hour for clocks
/// that differ.
pub const VERIFIES_FOR_S: u64 = SECONDS_PER_DAY + 3_600;

/// When keys are made, and how they sign.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How a new key signs.
    pub algorithm: Algorithm,
    /// After how many days of signing a key is replaced; 0 is never.
    pub rotation_days: u64,
}

/// Which of the keys with these `signs_from`, in order, signs at `now`: the last one that has come, or the first key if
/// the clock was set back before all of them.
pub(super) fn signing_at(
    signs_from: impl DoubleEndedIterator<Item = UnixSeconds> + ExactSizeIterator,
    now: UnixSeconds,
) -> usize {
    signs_from.into_iter().rposition(|moment| moment <= now).unwrap_or(0)
}
