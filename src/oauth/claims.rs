//! The claims of an access token: the JWT profile of RFC 9068, section 2.2.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The media type in the header's `typ` (RFC 9068 section 2.1): no ID token passes for an access token.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// What an access token says. Times are `NumericDate`: whole seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it speaks for: with client credentials, the client itself (RFC 9068 section 2.2).
    pub sub: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The API set that it is good for.
    pub aud: String,
    /// The granted scope tokens, space-separated.
    pub scope: String,
    /// When it was issued.
    pub iat: u64,
    /// From when on it is refused.
    pub exp: u64,
    /// Its own name, for revocation.
    pub jti: Uuid,
}
