//! What records hold of a client secret: a digest, and a fingerprint that people may see.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};
use ring::hmac;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::{Choice, ConstantTimeEq};

use super::client_secret::ClientSecret;

const DIGEST_BYTES: usize = 32;

/// The key under which an installation digests client secrets (HMAC-SHA-256). It is random: without it, a digest or a
/// fingerprint does not tell whether a guess at the secret is right.
pub struct DigestKey(hmac::Key);

impl DigestKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; DIGEST_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What a record holds of a secret.
    #[must_use]
    pub fn digest(&self, secret: &ClientSecret) -> SecretDigest {
        self.of_plain_digest(&PlainDigest::of(secret))
    }

    /// What people may see of a secret.
    #[must_use]
    pub fn fingerprint(&self, secret: &ClientSecret) -> Fingerprint {
        self.of_plain_fingerprint(PlainDigest::of(secret).fingerprint())
    }

    /// The digest of the secret that has this SHA-256.
    #[must_use]
    pub(crate) fn of_plain_digest(&self, digest: &PlainDigest) -> SecretDigest {
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(hmac::sign(&self.0, &digest.0).as_ref());
        SecretDigest(bytes)
    }

    /// The fingerprint of the secret that had this fingerprint before the installation had a key.
    #[must_use]
    pub(crate) fn of_plain_fingerprint(&self, fingerprint: Fingerprint) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(FINGERPRINT_OF);
        context.update(&fingerprint.0);
        Fingerprint::of(context.sign().as_ref())
    }
}

/// SHA-256 of a client secret, which records held before there was a [`DigestKey`]; as unpadded base64url.
pub struct PlainDigest([u8; DIGEST_BYTES]);

impl PlainDigest {
    fn of(secret: &ClientSecret) -> Self {
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
        Self(bytes)
    }

    /// The fingerprint of the secret at that time.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut context = Context::new(&SHA256);
        context.update(FINGERPRINT_OF);
        context.update(&self.0);
        Fingerprint::of(context.finish().as_ref())
    }
}

impl<'de> Deserialize<'de> for PlainDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretDigest::deserialize(deserializer).map(|SecretDigest(bytes)| Self(bytes))
    }
}

/// A client secret under the [`DigestKey`]; in records as unpadded base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest([u8; DIGEST_BYTES]);

impl SecretDigest {
    /// A digest of no secret, to compare with where a client has none.
    pub(crate) const NONE: Self = Self([0; DIGEST_BYTES]);
}

const FINGERPRINT_BYTES: usize = 8;
const FINGERPRINT_OF: &[u8] = b"boomgate secret fingerprint\0";

/// Shows whether two secrets of this installation are the same, and nothing else about them: a part of a digest under
/// the [`DigestKey`], in 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    fn of(digest: &[u8]) -> Self {
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = *from);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| text.len() == 2 * FINGERPRINT_BYTES);
        let number = number.ok_or_else(|| D::Error::custom("a fingerprint is 16 hexadecimal digits"))?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl ConstantTimeEq for SecretDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretDigest(…)")
    }
}

impl Serialize for SecretDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a digest of a secret has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_fingerprints_depend_on_the_key_and_follow_from_those_without_one() {
        let secret = ClientSecret::new("a".repeat(40).into());
        let [one, other] = [1, 2].map(|byte| DigestKey::new(&[byte; 32]));
        assert!(one.digest(&secret) == one.digest(&secret) && one.digest(&secret) != other.digest(&secret));
        assert_ne!(one.fingerprint(&secret), other.fingerprint(&secret));
        let plain = URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.expose().as_bytes()));
        let plain: PlainDigest = serde_json::from_value(plain.into()).unwrap();
        assert_eq!(one.of_plain_digest(&plain), one.digest(&secret));
        assert_ne!(plain.fingerprint(), one.fingerprint(&secret));
        assert_eq!(one.of_plain_fingerprint(plain.fingerprint()), one.fingerprint(&secret));
    }
}
