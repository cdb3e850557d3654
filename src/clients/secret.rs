//! A client's secret, as the store has it: a digest, never the plaintext.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::oauth::credentials::{ClientSecret, DigestKey, Fingerprint, SecretDigest};
use crate::time::UnixSeconds;

/// The record of a client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its name, for rotation.
    pub secret_id: Uuid,
    /// The secret under the installation's [`DigestKey`].
    #[serde(rename = "hmac_sha256")]
    pub(super) digest: SecretDigest,
    /// A short digest that operators may see.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<UnixSeconds>,
}

impl Secret {
    /// The record of `secret`, digested with the key of the installation.
    #[must_use]
    pub fn from_plaintext(key: &DigestKey, secret: &ClientSecret, now: UnixSeconds) -> Self {
        let (digest, fingerprint) = (key.digest(secret), key.fingerprint(secret));
        Self { secret_id: Uuid::new_v4(), digest, fingerprint, created_at: now, expires_at: None }
    }

    /// Whether it is accepted at `now`.
    #[must_use]
    pub(crate) fn is_live(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
