//! Access tokens: issued as JWTs of RFC 9068, verified once, remembered.
//!
//! A verified token is cached under its whole text, so its signature is checked once; only genuine ones
//! enter, and the cache is bounded, so forgeries cost a check each and no memory. A text is hashed by its
//! end alone. What a token cannot
//! say of itself (revoked, its client suspended) is not asked here, and is asked again at each request.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::clients::{Client, LastSeen};
use crate::counts::{Counts, label};
use crate::keys::{Algorithm, KeyError, Keys, SigningKey};
use crate::oauth::bearer::Presented;
use crate::oauth::claims::{ACCESS_TOKEN_TYPE, Claims};
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::time::{SharedClock, UnixSeconds};

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: Arc<Keys>,
    clock: SharedClock,
    issuer: String,
    verified: Cache<Text, Arc<AccessToken>>,
    lookups: Counts<Lookup>,
}

label! {
    /// Whether a token that came was remembered.
    pub enum Lookup {
        /// It was: no signature to check.
        Hit = "hit",
        /// It was not: its signature, if it had one, was checked.
        Miss = "miss",
    }
}

/// An access token that is genuine: this server issued it.
#[derive(Debug)]
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
    /// Whom it was issued to, as registered when this token was last looked at.
    pub client: LastSeen,
}

/// The text of a verified token, as the cache's key. The end of it is of a signature: as good as random, and
/// no attacker's choice, for nothing enters that this server did not sign. So a few of its last bytes are
/// hash enough, while all of it is compared.
#[derive(PartialEq, Eq)]
struct Text(Box<[u8]>);

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Presented::new(&self.0).hash(state);
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.as_bytes().last_chunk().copied().map_or(0, u128::from_ne_bytes));
    }
}

impl Equivalent<Text> for Presented<'_> {
    fn equivalent(&self, text: &Text) -> bool {
        *self.as_bytes() == *text.0
    }
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
    pub fn new(keys: Arc<Keys>, clock: SharedClock, issuer: String, cache_entries: usize) -> Self {
        Self { keys, clock, issuer, verified: Cache::new(cache_entries), lookups: Counts::new() }
    }

    /// A new token for `client`: one signature.
    pub fn issue(&self, client: &Client, audience: &str, scope: Scope) -> Result<Issued, KeyError> {
        let now = self.clock.now();
        let key = self.keys.signing(now).ok_or(KeyError::Crypto)?;
        // Tokens are revoked up to the end of a second: one of the same second says that it is of the next.
        let issued_at = now.max(client.tokens_valid_from);
        let expires_at = now.plus(client.token_ttl);
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
        Ok(Issued { access_token, jti: claims.jti, expires_in: expires_at.since(now), expires_at, scope })
    }

    /// What `token` says, if this server issued it and it has not expired at `now`. A signature check the
    /// first time, a look into memory from then on.
    pub fn verify<'t>(
        &self,
        token: impl Into<Presented<'t>>,
        now: UnixSeconds,
    ) -> Result<Arc<AccessToken>, TokenFault> {
        let token = token.into();
        if let Some(verified) = self.verified.get(&token) {
            self.lookups.add_one(Lookup::Hit);
            // A key that is gone takes its tokens with it, remembered or not.
            if !self.keys.verifies(&verified.kid) {
                return Err(TokenFault::UnknownKey);
            }
            return current(verified, now);
        }
        self.lookups.add_one(Lookup::Miss);
        let verified = Arc::new(self.check(token.text().ok_or(TokenFault::Malformed)?)?);
        let current = current(verified, now)?;
        self.verified.insert(Text(token.as_bytes().into()), current.clone());
        Ok(current)
    }

    /// How often a token that came was remembered, and how often not.
    pub fn lookups(&self) -> impl Iterator<Item = (Lookup, u64)> + '_ {
        self.lookups.totals()
    }

    /// How many verified tokens are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.verified.len()
    }

    /// RFC 9068 section 4: the type, the issuer, the signature by the key's own algorithm.
    fn check(&self, token: &str) -> Result<AccessToken, TokenFault> {
        let header = decode_header(token).map_err(|_| TokenFault::Malformed)?;
        let key = self.key_of(&header)?;
        let claims = decode::<Claims>(token, key.decoding(), &signature_only(key.algorithm()))
            .map_err(|error| {
                let forged = *error.kind() == ErrorKind::InvalidSignature;
                if forged { TokenFault::BadSignature } else { TokenFault::Malformed }
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

fn current(verified: Arc<AccessToken>, now: UnixSeconds) -> Result<Arc<AccessToken>, TokenFault> {
    if verified.expires_at > now { Ok(verified) } else { Err(TokenFault::Expired) }
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
            client: LastSeen::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::Status;
    use crate::oauth::limits::Limits;
    use crate::store::{MemoryStore, Store};
    use crate::time::{Clock as _, ManualClock};

    const ISSUER: &str = "https://localhost:8443";

    struct Fixture {
        clock: Arc<ManualClock>,
        keys: Arc<Keys>,
        tokens: Tokens,
    }

    impl Fixture {
        fn verify(&self, token: &str) -> Result<Arc<AccessToken>, TokenFault> {
            self.tokens.verify(token, self.clock.now())
        }
    }

    async fn fixture(algorithm: Algorithm) -> Fixture {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Arc::new(Keys::with_one(store, algorithm, clock.now()).await);
        let tokens = Tokens::new(keys.clone(), clock.clone(), ISSUER.to_owned(), 100);
        Fixture { clock, keys, tokens }
    }

    fn client() -> Client {
        Client {
            client_id: ClientId::parse("partner").unwrap(),
            client_name: "Partner".to_owned(),
            scope: Scope::parse("read:zones").unwrap(),
            audience: vec!["public".to_owned()].into(),
            token_ttl: 3_600,
            limits: Limits { requests_per_second: 1, burst: 1, daily_quota: None, enforce: true },
            status: Status::Active,
            secrets: Vec::new(),
            retired_secrets: Vec::new(),
            tokens_valid_from: UnixSeconds::new(0),
            created_at: UnixSeconds::new(0),
            updated_at: UnixSeconds::new(0),
        }
    }

    fn issue(fixture: &Fixture) -> Issued {
        fixture.tokens.issue(&client(), "public", Scope::parse("read:zones").unwrap()).unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "sub": "partner", "client_id": "partner", "aud": "public", "scope": "read:zones",
            "iat": 1_700_000_000, "exp": 1_700_003_600, "jti": Uuid::new_v4(),
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[member] = value;
        claims
    }

    fn without(member: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(member);
        claims
    }

    /// A token of our own key, with another header.
    fn signed(fixture: &Fixture, header: &Value, payload: &Value) -> String {
        let key = fixture.keys.signing(fixture.clock.now()).unwrap();
        key.sign_with_header(&URL_SAFE_NO_PAD.encode(header.to_string()), payload.to_string().as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn an_issued_token_says_what_was_granted_until_it_expires() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let fixture = fixture(algorithm).await;
            let issued = issue(&fixture);
            for _ in 0..2 {
                let token = fixture.verify(&issued.access_token).unwrap();
                assert_eq!(
                    (token.jti, token.audience.as_str(), token.client_id.as_str()),
                    (issued.jti, "public", "partner")
                );
                assert_eq!((token.scope.clone(), token.expires_at), (issued.scope.clone(), issued.expires_at));
            }
            fixture.clock.advance(std::time::Duration::from_secs(3_599));
            assert!(fixture.verify(&issued.access_token).is_ok());
            fixture.clock.advance(std::time::Duration::from_secs(1));
            assert_eq!(fixture.verify(&issued.access_token).unwrap_err(), TokenFault::Expired);
        }
    }

    #[tokio::test]
    async fn the_header_is_that_of_rfc_9068_and_names_the_key() {
        let fixture = fixture(Algorithm::Es256).await;
        let token = issue(&fixture).access_token;
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        let kid = fixture.keys.signing(fixture.clock.now()).unwrap().kid().to_owned();
        assert_eq!(header, json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }));
    }

    #[tokio::test]
    async fn genuine_signatures_do_not_excuse_wrong_claims() {
        let fixture = fixture(Algorithm::Es256).await;
        let key = fixture.keys.signing(fixture.clock.now()).unwrap();
        for (claims, fault, reason) in [
            (with("iss", json!("https://elsewhere")), TokenFault::WrongIssuer, "another issuer"),
            (with("exp", json!(1_700_000_000)), TokenFault::Expired, "expires now"),
            (with("exp", json!(0)), TokenFault::Expired, "long expired"),
            (with("exp", json!("1700003600")), TokenFault::Malformed, "exp is a number"),
            (with("exp", json!(1.5e300)), TokenFault::Malformed, "exp is a whole number"),
            (with("exp", json!(-1)), TokenFault::Malformed, "exp is not negative"),
            (with("aud", json!(["public", "other"])), TokenFault::Malformed, "one audience"),
            (with("jti", json!("../../etc")), TokenFault::Malformed, "jti is a UUID"),
            (with("client_id", json!("a b")), TokenFault::Malformed, "a client_id"),
            (with("scope", json!("")), TokenFault::Malformed, "a scope"),
            (without("exp"), TokenFault::Malformed, "exp is required"),
            (without("jti"), TokenFault::Malformed, "jti is required"),
            (without("aud"), TokenFault::Malformed, "aud is required"),
            (without("iss"), TokenFault::Malformed, "iss is required"),
            (without("client_id"), TokenFault::Malformed, "client_id is required"),
            (json!([]), TokenFault::Malformed, "claims are an object"),
        ] {
            let token = key.sign(claims.to_string().as_bytes()).unwrap();
            assert_eq!(fixture.verify(&token).unwrap_err(), fault, "{reason}");
        }
        // Huge, but a number: it stands for the end of time and stays good.
        let token = key.sign(with("exp", json!(u64::MAX)).to_string().as_bytes()).unwrap();
        assert!(fixture.verify(&token).is_ok());
    }

    #[tokio::test]
    async fn the_header_chooses_nothing() {
        let fixture = fixture(Algorithm::Es256).await;
        let kid = fixture.keys.signing(fixture.clock.now()).unwrap().kid().to_owned();
        for (header, fault, reason) in [
            (json!({ "alg": "ES256", "typ": "JWT", "kid": kid }), TokenFault::Malformed, "an ID token's type"),
            (json!({ "alg": "ES256", "kid": kid }), TokenFault::Malformed, "no type"),
            (json!({ "alg": "ES256", "typ": "at+jwt" }), TokenFault::UnknownKey, "no kid"),
            (json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../keys" }), TokenFault::UnknownKey, "a path as kid"),
            (json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }), TokenFault::BadSignature, "another algorithm"),
            (json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }), TokenFault::BadSignature, "a shared secret"),
            (json!({ "alg": "none", "typ": "at+jwt", "kid": kid }), TokenFault::Malformed, "no algorithm"),
        ] {
            assert_eq!(fixture.verify(&signed(&fixture, &header, &claims())).unwrap_err(), fault, "{reason}");
        }
        for typ in ["application/at+jwt", "AT+JWT"] {
            let header = json!({ "alg": "ES256", "typ": typ, "kid": kid, "jku": "https://elsewhere/jwks.json" });
            assert!(fixture.verify(&signed(&fixture, &header, &claims())).is_ok(), "{typ}");
        }
    }

    #[tokio::test]
    async fn a_changed_token_is_not_genuine_and_enters_no_cache() {
        let fixture = fixture(Algorithm::Es256).await;
        let token = issue(&fixture).access_token;
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = head.split_once('.').unwrap();
        let other = issue(&fixture).access_token;
        let (other_head, _) = other.rsplit_once('.').unwrap();
        for (forged, fault) in [
            (format!("{other_head}.{signature}"), TokenFault::BadSignature),
            (format!("{head}."), TokenFault::BadSignature),
            (format!("{head}.{}", "A".repeat(signature.len())), TokenFault::BadSignature),
            (format!("{token}A"), TokenFault::Malformed),
            (format!("{token}."), TokenFault::Malformed),
            (format!("{header}.{payload}"), TokenFault::Malformed),
            (format!("{header}..{signature}"), TokenFault::Malformed),
            ("a.b.c".to_owned(), TokenFault::Malformed),
            ("A".repeat(8_000), TokenFault::Malformed),
        ] {
            let found = fixture.verify(&forged).unwrap_err();
            assert!(found == fault || found == TokenFault::BadSignature, "{found:?} {forged:.60}");
        }
        assert_eq!(fixture.tokens.verified.len(), 0);
    }
}
