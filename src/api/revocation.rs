//! `POST /admin/revocations`: an operator revokes one token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time::UnixSeconds;

/// The token to revoke: the token itself, or its name and its end.
// Has no `Debug`: a token is a secret.
#[derive(Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRevocation {
    /// The whole access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<String>,
    /// The token's `jti`, in place of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub jti: Option<Uuid>,
    /// The token's `exp`, beside its `jti`: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exp: Option<u64>,
}

/// A token that was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedToken {
    /// When it expires: the revocation is remembered until then.
    pub expires_at: UnixSeconds,
    /// Its `jti`.
    pub jti: Uuid,
}
