//! `/admin/keys`: the keys that sign access tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::UnixSeconds;

/// All keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SigningKeys)]
pub struct KeyList {
    /// The keys, in the order in which they sign.
    pub data: Vec<Key>,
    /// When the key that signs is replaced; `null` if nothing replaces it by itself.
    pub rotates_at: Option<UnixSeconds>,
}

/// A signing key. No answer shows its private part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct Key {
    /// The key's name, as the header of a token has it.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What it does now.
    pub state: KeyState,
    /// Whether an operator imported it.
    pub imported: bool,
    /// When it was made or imported.
    pub created_at: UnixSeconds,
    /// When it starts to sign.
    pub signs_from: UnixSeconds,
    /// When it stops signing; `null` while no other key follows it.
    pub signs_until: Option<UnixSeconds>,
    /// When it stops verifying and is deleted; `null` while no other key follows it.
    pub verifies_until: Option<UnixSeconds>,
}

/// What a key does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SigningKeyState)]
pub enum KeyState {
    /// It is published and waits to sign.
    Next,
    /// It signs.
    Signing,
    /// It verifies what it signed before.
    Verifying,
}

impl KeyState {
    /// As JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
        }
    }
}

/// How a key signs (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SigningAlgorithm)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Asks for a new signing key. The body may be empty.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// Sign with it at once, before every resource server has read it; `false` by default.
    #[schema(required = false)]
    pub immediately: bool,
}

/// Imports an RSA key.
// Has no `Debug`: the key is a secret.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyImport {
    /// The private key in PEM (RFC 7468): PKCS #8 or PKCS #1, not encrypted.
    pub private_key: String,
    /// Sign with it at once, before every resource server has read it; `false` by default.
    #[schema(required = false)]
    pub immediately: bool,
}
