//! The plaintext of a client's new secret: the caller's own, a random one, or one that an `Idempotency-Key` gives
//! again.
//!
//! The answer to a registration shows a secret whose plaintext is not stored, and yet the same request under the same
//! key gets the same answer. So that secret is derived (HKDF, RFC 5869) from the key, which is not stored either, and a
//! salt of 256 random bits, which is stored for the 24 hours in which the answer is remembered. A reader of the store
//! has the salt and a digest of the key: if the key cannot be guessed, such as a UUID, that gives no secret. A key of
//! fewer than 16 characters is refused, unless the caller chose the secret.

use ring::rand::{SecureRandom as _, SystemRandom};

use super::ChangeError;
use crate::idempotency::{Attempt, Salt};
use crate::oauth::credentials::ClientSecret;

/// A secret that a client is to get.
pub(super) enum NewSecret {
    Chosen(ClientSecret),
    Random(ClientSecret),
    Derived(ClientSecret, Salt),
}

impl NewSecret {
    /// The secret that the caller chose; without one, a new secret, derived from the key of the `attempt` if there is
    /// one.
    pub(super) fn chosen_or_generated(
        chosen: Option<ClientSecret>,
        attempt: Option<&Attempt<'_>>,
    ) -> Result<Self, ChangeError> {
        if let Some(chosen) = chosen {
            return Ok(Self::Chosen(chosen));
        }
        let random = SystemRandom::new();
        let no_randomness = |_| ChangeError::NoRandomness;
        let Some(attempt) = attempt else {
            return ClientSecret::generate(&random).map(Self::Random).map_err(no_randomness);
        };
        if !attempt.key().may_make_a_secret() {
            return Err(ChangeError::KeyTooShort);
        }
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(no_randomness)?;
        let salt = Salt::new(&bytes);
        let secret = derived(&salt, attempt)?;
        Ok(Self::Derived(secret, salt))
    }

    pub(super) fn plaintext(&self) -> &ClientSecret {
        match self {
            Self::Chosen(secret) | Self::Random(secret) | Self::Derived(secret, _) => secret,
        }
    }

    /// The salt to store, with which [`derived`] gives the same secret again.
    pub(super) fn salt(&self) -> Option<Salt> {
        match self {
            Self::Derived(_, salt) => Some(salt.clone()),
            Self::Chosen(_) | Self::Random(_) => None,
        }
    }

    /// The secret for the one answer that shows it; `None` where the caller chose it.
    pub(super) fn generated(self) -> Option<ClientSecret> {
        match self {
            Self::Random(secret) | Self::Derived(secret, _) => Some(secret),
            Self::Chosen(_) => None,
        }
    }
}

/// The secret that this key and this salt give.
pub(super) fn derived(salt: &Salt, attempt: &Attempt<'_>) -> Result<ClientSecret, ChangeError> {
    ClientSecret::derive(salt.as_bytes(), attempt.key().as_bytes()).map_err(|_| ChangeError::NoRandomness)
}
