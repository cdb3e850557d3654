//! The claims of an access token: the JWT profile of RFC 9068, section 2.2.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The media type in the header's `typ` (RFC 9068 section 2.1): no ID token passes for an access token.
pub(crate) const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Room for the claims of most tokens, in bytes: one allocation is enough for them.
const USUAL_BYTES: usize = 512;

/// What an access token says. Times are `NumericDate`: whole seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims<'c> {
    /// Who issued it.
    #[serde(borrow)]
    pub iss: Cow<'c, str>,
    /// The subject: with client credentials, the client itself (RFC 9068 section 2.2).
    #[serde(borrow)]
    pub sub: Cow<'c, str>,
    /// The client it was issued to.
    #[serde(borrow)]
    pub client_id: Cow<'c, str>,
    /// The API set that it is for.
    #[serde(borrow)]
    pub aud: Cow<'c, str>,
    /// The granted scope tokens, space-separated.
    #[serde(borrow)]
    pub scope: Cow<'c, str>,
    /// When it was issued.
    pub iat: u64,
    /// The first second at which it is valid. A token without this claim has 0 here, and 0 is not written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nbf: u64,
    /// The first second at which it is no longer valid.
    pub exp: u64,
    /// Its identifier, for revocation.
    pub jti: Uuid,
}

impl Claims<'_> {
    /// The claims as a token carries them.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut json, self)?;
        Ok(json)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_read_back_as_they_were_written() {
        let claims = Claims {
            iss: "https://localhost:8443".into(),
            sub: "partner".into(),
            client_id: "partner".into(),
            aud: "an \"API\"".into(),
            scope: "read:zones write:zones".into(),
            iat: 0,
            nbf: 0,
            exp: u64::MAX,
            jti: Uuid::from_u128(0x0f0e_0d0c_0b0a_4908_8706_0504_0302_0100),
        };
        let json = String::from_utf8(claims.to_json().unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Claims<'_>>(&json).unwrap(), claims);
        let later = Claims { nbf: 7, ..claims.clone() };
        assert_eq!(serde_json::from_slice::<Claims<'_>>(&later.to_json().unwrap()).unwrap(), later);
        assert!(json.ends_with(r#","jti":"0f0e0d0c-0b0a-4908-8706-050403020100"}"#), "{json}");
    }
}
