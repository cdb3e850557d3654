//! The claims of an access token: the JWT profile of RFC 9068, section 2.2.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use crate::oauth::object::Object;

/// The media type in the header's `typ` (RFC 9068 section 2.1): no ID token passes for an access token.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The bytes of claims as they are written, beside their texts: names, numbers, the identifier.
const BESIDE_TEXTS: usize = 160;

/// What an access token says. Times are `NumericDate`: whole seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Claims<'c> {
    /// Who issued it.
    #[serde(borrow)]
    pub iss: Cow<'c, str>,
    /// Whom it speaks for: with client credentials, the client itself (RFC 9068 section 2.2).
    #[serde(borrow)]
    pub sub: Cow<'c, str>,
    /// The client it was issued to.
    #[serde(borrow)]
    pub client_id: Cow<'c, str>,
    /// The API set that it is good for.
    #[serde(borrow)]
    pub aud: Cow<'c, str>,
    /// The granted scope tokens, space-separated.
    #[serde(borrow)]
    pub scope: Cow<'c, str>,
    /// When it was issued.
    pub iat: u64,
    /// Until when it is refused; 0 is not written, and stands for a token that does not say.
    #[serde(default)]
    pub nbf: u64,
    /// From when on it is refused.
    pub exp: u64,
    /// Its own name, for revocation.
    pub jti: Uuid,
}

impl Claims<'_> {
    /// The claims as a token carries them.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { iss, sub, client_id, aud, scope, iat, nbf, exp, jti } = self;
        let texts = iss.len() + sub.len() + client_id.len() + aud.len() + scope.len();
        let json = Object::with_capacity(BESIDE_TEXTS + texts)
            .text("iss", iss)
            .text("sub", sub)
            .text("client_id", client_id)
            .text("aud", aud)
            .text("scope", scope)
            .number("iat", *iat);
        let json = if *nbf > 0 { json.number("nbf", *nbf) } else { json };
        json.number("exp", *exp).text("jti", jti.hyphenated().encode_lower(&mut Uuid::encode_buffer())).end()
    }
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
        let json = claims.to_json();
        assert!(json.len() < BESIDE_TEXTS + 80, "one allocation is enough: {json}");
        assert_eq!(serde_json::from_str::<Claims<'_>>(&json).unwrap(), claims);
        let later = Claims { nbf: 7, ..claims.clone() };
        assert_eq!(serde_json::from_str::<Claims<'_>>(&later.to_json()).unwrap(), later);
        assert!(json.ends_with(r#","jti":"0f0e0d0c-0b0a-4908-8706-050403020100"}"#), "{json}");
    }
}
