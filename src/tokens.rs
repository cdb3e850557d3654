//! Access tokens: issued as JWTs of RFC 9068, verified once, remembered.
//!
//! A verified token is cached under its whole text, so its signature is checked once; only genuine ones
//! enter, and the cache is bounded, so forgeries cost a check each and no memory. What a token cannot
//! say of itself (revoked, its client suspended) is not asked here, and is asked again at each request.

use std::sync::Arc;

use jsonwebtoken::{Header, Validation, decode, decode_header};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::clients::Client;
use crate::keys::{Algorithm, KeyError, Keys, SigningKey};
use crate::oauth::claims::{ACCESS_TOKEN_TYPE, Claims};
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::time::{SharedClock, UnixSeconds};

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: Arc<Keys>,
    clock: SharedClock,
    issuer: String,
    algorithm: Algorithm,
    verified: Cache<Box<str>, Arc<AccessToken>>,
}

/// An access token that is genuine: this server issued it.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Its own name.
    pub jti: Uuid,
    /// Whom it was issued to.
    pub client_id: ClientId,
    /// The API set that it is good for.
    pub audience: String,
    /// What it may do there.
    pub scope: Scope,
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// From when on it is refused.
    pub expires_at: UnixSeconds,
    /// The key that signed it.
    kid: String,
}

/// A token that was just issued.
pub struct Issued {
    /// The token itself. Never logged.
    pub access_token: String,
    /// Its own name.
    pub jti: Uuid,
    /// How long it lives, in seconds.
    pub expires_in: u64,
    /// From when on it is refused.
    pub expires_at: UnixSeconds,
    /// What it may do.
    pub scope: Scope,
}

/// Why a token is not accepted (all `invalid_token`, RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no JWT of this server's making: not a JWT, of another type, or with other claims.
    #[error("the access token is malformed")]
    Malformed,
    /// No key of this server has its `kid`.
    #[error("the access token was signed with a key that this server does not know")]
    UnknownKey,
    /// The signature does not fit, or is by another algorithm than the key's.
    #[error("the access token's signature is not genuine")]
    BadSignature,
    /// Another server issued it.
    #[error("the access token was issued by another server")]
    WrongIssuer,
    /// Its time is over.
    #[error("the access token expired: fetch a new one")]
    Expired,
}

impl Tokens {
    /// Issues in the name of `issuer`, and remembers up to `cache_entries` verified tokens.
    #[must_use]
    pub fn new(
        keys: Arc<Keys>,
        clock: SharedClock,
        issuer: String,
        algorithm: Algorithm,
        cache_entries: usize,
    ) -> Self {
        Self { keys, clock, issuer, algorithm, verified: Cache::new(cache_entries) }
    }

    /// A new token for `client`: one signature.
    pub fn issue(&self, client: &Client, audience: &str, scope: Scope) -> Result<Issued, KeyError> {
        let key = self.keys.signing(self.algorithm).ok_or(KeyError::Crypto)?;
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(client.token_ttl);
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: client.client_id.to_string(),
            client_id: client.client_id.to_string(),
            aud: audience.to_owned(),
            scope: scope.to_string(),
            iat: issued_at.get(),
            exp: expires_at.get(),
            jti: Uuid::new_v4(),
        };
        let payload = serde_json::to_vec(&claims).map_err(|_| KeyError::Crypto)?;
        let access_token = key.sign(&payload)?;
        Ok(Issued { access_token, jti: claims.jti, expires_in: expires_at.since(issued_at), expires_at, scope })
    }

    /// What `token` says, if this server issued it and it has not expired. A signature check the first
    /// time, a look into memory from then on.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessToken>, TokenFault> {
        if let Some(verified) = self.verified.get(token) {
            // A key that is gone takes its tokens with it, remembered or not.
            if !self.keys.verifies(&verified.kid) {
                return Err(TokenFault::UnknownKey);
            }
            return self.current(verified);
        }
        let verified = Arc::new(self.check(token)?);
        let current = self.current(verified)?;
        self.verified.insert(token.into(), current.clone());
        Ok(current)
    }

    fn current(&self, verified: Arc<AccessToken>) -> Result<Arc<AccessToken>, TokenFault> {
        if verified.expires_at <= self.clock.now() {
            return Err(TokenFault::Expired);
        }
        Ok(verified)
    }

    /// RFC 9068 section 4: the type, the issuer, the signature by the key's own algorithm.
    fn check(&self, token: &str) -> Result<AccessToken, TokenFault> {
        let header = decode_header(token).map_err(|_| TokenFault::Malformed)?;
        let key = self.key_of(&header)?;
        let claims = decode::<Claims>(token, key.decoding(), &signature_only(key.algorithm()))
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenFault::BadSignature,
                _ => TokenFault::Malformed,
            })?
            .claims;
        if claims.iss != self.issuer {
            return Err(TokenFault::WrongIssuer);
        }
        AccessToken::parse(claims, key.kid()).ok_or(TokenFault::Malformed)
    }

    /// The key that `kid` names. The header's `alg` is never a choice: another than the key's is a
    /// forgery (RFC 8725 section 3.1); `jku`, `jwk` and `x5u` are not even read.
    fn key_of(&self, header: &Header) -> Result<Arc<SigningKey>, TokenFault> {
        if !header.typ.as_deref().is_some_and(is_access_token_type) {
            return Err(TokenFault::Malformed);
        }
        let kid = header.kid.as_deref().ok_or(TokenFault::UnknownKey)?;
        let key = self.keys.get(kid).ok_or(TokenFault::UnknownKey)?;
        if header.alg != key.algorithm().jws() {
            return Err(TokenFault::BadSignature);
        }
        Ok(key)
    }
}

/// RFC 9068 section 4: "`at+jwt`" or "`application/at+jwt`", case-insensitive as media types are.
fn is_access_token_type(typ: &str) -> bool {
    let (prefix, rest) = typ.split_at_checked("application/".len()).unwrap_or(("", typ));
    let subtype = if prefix.eq_ignore_ascii_case("application/") { rest } else { typ };
    subtype.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE)
}

/// `jsonwebtoken` checks the signature alone: it would read the system's clock for `exp`, and the other
/// claims are checked by name here.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm.jws());
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

impl AccessToken {
    fn parse(claims: Claims, kid: &str) -> Option<Self> {
        Some(Self {
            jti: claims.jti,
            client_id: ClientId::parse(&claims.client_id).ok()?,
            audience: claims.aud,
            scope: Scope::parse(&claims.scope).ok()?,
            issued_at: UnixSeconds::new(claims.iat),
            expires_at: UnixSeconds::new(claims.exp),
            kid: kid.to_owned(),
        })
    }
}
