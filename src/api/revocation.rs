//! `POST /admin/revocations`: an operator revokes one token.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::UnixSeconds;

/// The token to revoke: the token itself, or its name and its end. Has no `Debug`: a token is a secret.
#[derive(Default, Serialize)]
pub struct TokenRevocation {
    /// The whole access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The token's `jti`, in place of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<Uuid>,
    /// The token's `exp`, beside its `jti`: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
}

/// A token that was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedToken {
    /// When it expires: the revocation is remembered until then.
    pub expires_at: UnixSeconds,
    /// Its `jti`.
    pub jti: Uuid,
}
