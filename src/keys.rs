//! The signing keys: one signs, all verify.
//!
//! Owns the keys under `keys/`, and `key-changes/`, a record that guards every change to them. Which key signs follows
//! from the keys and the time: the last one whose `signs_from` has come. So all nodes that read the store sign with the
//! same key, and a rotation needs no second step: a new key is in the JWK Set from its commit on, and signs from its
//! `signs_from` on. The `kid` is the key's RFC 7638 thumbprint. A key is used with one algorithm only, the one that it was
//! made for.

mod algorithm;
mod error;
mod jwk;
mod plan;
mod provider;
mod registry;
mod schedule;
mod signing_key;

pub use self::algorithm::Algorithm;
pub use self::error::KeyError;
pub use self::jwk::PublicKey;
pub use self::plan::{Planned, Start};
pub use self::provider::RING_PROVIDER;
pub use self::registry::{Keys, VerifiedBy};
pub use self::schedule::{JWK_SET_MAX_AGE_S, PUBLISHED_FOR_S, Schedule, VERIFIES_FOR_S};
pub use self::signing_key::SigningKey;
