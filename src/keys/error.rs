//! Why a signing key cannot be made, found or changed.

use crate::store::StoreError;

/// Why a key cannot be made, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store did not answer, or holds a key that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness, or ring refused the key.
    #[error("no signing key could be made: the system's random source did not answer")]
    Crypto,
    /// The text to import is no key that can sign; the reason.
    #[error("the private key {0}")]
    Unusable(&'static str),
    /// No key has this `kid`.
    #[error("no signing key has this kid")]
    Unknown,
    /// The key to import is already here.
    #[error("this server already has the key, with the kid {0}")]
    AlreadyHere(String),
    /// A key waits to sign already, and at most one may.
    #[error("the key {0} waits to sign already: revoke it or wait until it signs, then import this one")]
    AnotherWaits(String),
    /// Without this key, no key would sign.
    #[error(
        "this key signs, and no other key can replace it: rotate first, then revoke this one. If the rotation is \
         immediate, the new key signs at once"
    )]
    NoSuccessor,
    /// Other changes to the keys came first, again and again.
    #[error("other requests change the signing keys at the same time: try again")]
    Busy,
}
