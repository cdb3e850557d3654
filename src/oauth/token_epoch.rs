//! Token epochs: only the tokens of a client's current epoch are valid.
//!
//! An epoch begins when a client is registered, and each time all its tokens are revoked. The `jti` of a token contains the
//! epoch in which it was issued. So the clock does not decide whether a token was issued before or after a revocation, and
//! its `iat` is the plain time.

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// The bytes of a `jti` that are its epoch: the first field of a UUID of version 8 (RFC 9562 section 5.8). 74 random
/// bits are left, so no two tokens of one epoch have the same `jti`.
const EPOCH_BYTES: usize = 6;

/// A random number of 48 bits; 0 for a client whose record is older than epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenEpoch(u64);

impl TokenEpoch {
    /// A new epoch. The chance that it equals an earlier epoch is 1 in 2^48.
    #[must_use]
    pub fn random() -> Self {
        // The first 48 bits of a UUID of version 4 are random.
        Self(Self::of(Uuid::new_v4().as_bytes()).0.max(1))
    }

    /// A `jti` of this epoch.
    #[must_use]
    pub(crate) fn new_jti(self) -> Uuid {
        let mut bytes = *Uuid::new_v4().as_bytes();
        let [_, _, epoch @ ..] = self.0.to_be_bytes();
        bytes.iter_mut().zip(epoch).for_each(|(byte, of_epoch)| *byte = of_epoch);
        Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The epoch in a `jti`; `None` for a token that is older than epochs.
    #[must_use]
    pub(crate) fn of_jti(jti: &Uuid) -> Option<Self> {
        (jti.get_version_num() == 8).then(|| Self::of(jti.as_bytes()))
    }

    fn of(bytes: &[u8; 16]) -> Self {
        Self(bytes.iter().take(EPOCH_BYTES).fold(0, |epoch, byte| epoch << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_jti_contains_its_epoch_and_is_unique() {
        for epoch in [TokenEpoch::default(), TokenEpoch::random(), TokenEpoch(0xFFFF_FFFF_FFFF)] {
            let jtis: HashSet<Uuid> = (0..100).map(|_| epoch.new_jti()).collect();
            assert_eq!(jtis.len(), 100);
            assert!(jtis.iter().all(|jti| TokenEpoch::of_jti(jti) == Some(epoch)), "{epoch:?}");
        }
        assert_eq!(TokenEpoch::of_jti(&Uuid::new_v4()), None, "a token that is older than epochs");
        assert_ne!(TokenEpoch::random(), TokenEpoch::random());
    }
}
