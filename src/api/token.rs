//! The answer of the token endpoint (RFC 6749 section 5.1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oauth::scope::Scope;
use crate::time::UnixSeconds;

/// An access token, and what it is good for. Has no `Debug`: the token is a secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    /// The token itself.
    pub access_token: String,
    /// How it is sent.
    pub token_type: TokenType,
    /// How long it lives, in seconds.
    pub expires_in: u64,
    /// When it expires; the same as `expires_in`. `/oauth2/token` leaves it out, because some clients read it as a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<UnixSeconds>,
    /// The scope tokens that were granted, with spaces between them.
    pub scope: Scope,
}

/// How a token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum TokenType {
    /// As `Authorization: Bearer` (RFC 6750).
    Bearer,
}
