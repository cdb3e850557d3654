//! Requests for access tokens and about them, and the answer of the token endpoint (RFC 6749 section 5.1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oauth::scope::Scope;
use crate::time::UnixSeconds;

/// Requests an access token (RFC 6749 section 4.4.2). Has no `Debug`: it holds a secret.
#[derive(Serialize)]
pub struct TokenRequest<'a> {
    /// `client_credentials`.
    pub grant_type: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// Its secret.
    pub client_secret: &'a str,
    /// The API set that the token is to be for.
    pub audience: &'a str,
    /// Some of the client's scope tokens, with spaces between them; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'a str>,
}

/// Asks about a token (RFC 7662 section 2.1) or revokes it (RFC 7009 section 2.1), with the credentials of a client. Has
/// no `Debug`: it holds secrets.
#[derive(Serialize)]
pub struct TokenWithCredentials<'a> {
    /// The token.
    pub token: &'a str,
    /// The client that asks.
    pub client_id: &'a str,
    /// Its secret.
    pub client_secret: &'a str,
}

/// An access token, and what it is good for.
// Has no `Debug`: the token is a secret.
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
