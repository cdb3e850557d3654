//! Access tokens: issued as JWTs of RFC 9068, and verified.
//!
//! Says what a token itself proves: that this server signed it, and until when it is valid. Whether the token was revoked
//! or its client suspended is for [`admission`](crate::admission) to ask, at each request; that is also where verified
//! tokens are remembered.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::clients::Client;
use crate::keys::{KeyError, Keys, SigningKey, VerifiedBy};
use crate::oauth::claims::{ACCESS_TOKEN_TYPE, Claims};
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::oauth::token_epoch::TokenEpoch;
use crate::time::{SharedClock, UnixSeconds};

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: Arc<Keys>,
    clock: SharedClock,
    issuer: String,
}

/// What an access token of this server says.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Its identifier.
    pub jti: Uuid,
    /// The client that it was issued to.
    pub client_id: ClientId,
    /// The one API set that it is for.
    pub audience: String,
    /// What it may do there.
    pub scope: Scope,
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// The first moment at which it is valid (RFC 7519 section 4.1.5); the start of 1970 if it names none.
    pub not_before: UnixSeconds,
    /// The first moment at which it is no longer valid.
    pub expires_at: UnixSeconds,
    /// The epoch of its client's tokens in which it was issued.
    pub epoch: Option<TokenEpoch>,
}

/// What is read of a token's JWS header (RFC 7515 section 4.1). A missing member is empty, which no check accepts.
#[derive(Deserialize)]
struct Header<'t> {
    #[serde(borrow, default)]
    typ: Cow<'t, str>,
    alg: jsonwebtoken::Algorithm,
    #[serde(borrow, default)]
    kid: Cow<'t, str>,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

/// A token that was just issued.
pub struct Issued {
    /// The token itself. Never logged.
    pub access_token: String,
    /// Its identifier.
    pub jti: Uuid,
    /// How long it is valid, in seconds.
    pub expires_in: u64,
    /// The first moment at which it is no longer valid.
    pub expires_at: UnixSeconds,
    /// What it may do.
    pub scope: Scope,
}

/// Why a token is not accepted (all `invalid_token`, RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a JWT, a JWT of another type, or one with other claims than this server writes.
    #[error("the access token is malformed")]
    Malformed,
    /// No key of this server has its `kid`.
    #[error("the access token was signed with a key that this server does not know")]
    UnknownKey,
    /// The signature does not verify, or its algorithm is not the key's.
    #[error("the access token's signature is not genuine")]
    BadSignature,
    /// Another server issued it.
    #[error("the access token was issued by another server")]
    WrongIssuer,
    /// Its `exp` has passed.
    #[error("the access token expired: fetch a new one")]
    Expired,
    /// Its `nbf` has not come.
    #[error("the access token is not valid yet: nbf says from when on it is")]
    NotYetValid,
}

impl Tokens {
    /// Issues tokens in the name of `issuer`, and accepts no others.
    #[must_use]
    pub fn new(keys: Arc<Keys>, clock: SharedClock, issuer: String) -> Self {
        Self { keys, clock, issuer }
    }

    /// A new token for `client`: one signature.
    pub fn issue(&self, client: &Client, audience: &str, scope: Scope) -> Result<Issued, KeyError> {
        let now = self.clock.now();
        let key = self.keys.signing(now).ok_or(KeyError::Crypto)?;
        let expires_at = now.plus(client.token_ttl);
        let claims = Claims {
            iss: self.issuer.as_str().into(),
            sub: client.client_id.as_str().into(),
            client_id: client.client_id.as_str().into(),
            aud: audience.into(),
            scope: scope.as_str().into(),
            iat: now.get(),
            nbf: 0,
            exp: expires_at.get(),
            jti: client.token_epoch.new_jti(),
        };
        // Texts and numbers always serialize.
        let access_token = key.sign(&claims.to_json().map_err(|_| KeyError::Crypto)?)?;
        Ok(Issued { access_token, jti: claims.jti, expires_in: expires_at.since(now), expires_at, scope })
    }

    /// Reads `token` and verifies its type, issuer and signature (RFC 9068 section 4), but not when it is valid. Also
    /// returns the key that verified it.
    pub fn verify(&self, token: &str) -> Result<(AccessToken, VerifiedBy), TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let key = match self.keys.of_header(header) {
            Some(key) => key,
            None => self.key_of(&object(&decoded(header)?)?)?,
        };
        // Only the signature check is `jsonwebtoken`'s. Its `decode` would parse the header twice more and the claims
        // once more, and read the system's clock for `exp`.
        match crypto::verify(signature, signed.as_bytes(), key.decoding(), key.algorithm().jws()) {
            Ok(true) => (),
            Ok(false) => return Err(TokenFault::BadSignature),
            Err(_) => return Err(TokenFault::Malformed),
        }
        let payload = decoded(payload)?;
        let claims: Claims<'_> = object(&payload)?;
        if claims.iss != self.issuer {
            return Err(TokenFault::WrongIssuer);
        }
        let token = AccessToken::parse(claims).ok_or(TokenFault::Malformed)?;
        Ok((token, (&key).into()))
    }

    /// Whether the key that verified a token still verifies.
    pub(crate) fn has_key(&self, verified_by: &VerifiedBy) -> bool {
        self.keys.holds(verified_by)
    }

    /// The key that `kid` names. The header never chooses the algorithm: an `alg` that is not the key's is a forgery
    /// (RFC 8725 section 3.1). `jku`, `jwk` and `x5u` are not even read.
    fn key_of(&self, header: &Header<'_>) -> Result<Arc<SigningKey>, TokenFault> {
        if !is_access_token_type(&header.typ) || header.crit {
            return Err(TokenFault::Malformed);
        }
        let key = self.keys.get(&header.kid).ok_or(TokenFault::UnknownKey)?;
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

/// Whether a member is present, whatever its value. RFC 7515 section 4.1.11: `crit` is a non-empty array of extensions
/// that must be understood. This server understands none, so it refuses a well-formed `crit` like a malformed one.
fn is_present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The bytes of one part of a token (RFC 7515 section 2: base64url without padding).
fn decoded(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)
}

/// Members of a JSON object that is all UTF-8 (RFC 7519 section 7.2). serde alone would also take the members from an
/// array, and would not check the text of members that it ignores.
fn object<'t, T: Deserialize<'t>>(json: &'t [u8]) -> Result<T, TokenFault> {
    let json = str::from_utf8(json).map_err(|_| TokenFault::Malformed)?;
    if !json.trim_start().starts_with('{') {
        return Err(TokenFault::Malformed);
    }
    serde_json::from_str(json).map_err(|_| TokenFault::Malformed)
}

impl AccessToken {
    fn parse(claims: Claims<'_>) -> Option<Self> {
        Some(Self {
            jti: claims.jti,
            client_id: ClientId::parse(&claims.client_id).ok()?,
            audience: claims.aud.into_owned(),
            scope: Scope::parse(&claims.scope).ok()?,
            issued_at: UnixSeconds::new(claims.iat),
            not_before: UnixSeconds::new(claims.nbf),
            expires_at: UnixSeconds::new(claims.exp),
            epoch: TokenEpoch::of_jti(&claims.jti),
        })
    }

    pub(crate) fn check_expiry(&self, now: UnixSeconds) -> Result<(), TokenFault> {
        if self.expires_at > now { Ok(()) } else { Err(TokenFault::Expired) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::example_client;
    use crate::keys::Algorithm;
    use crate::store::{MemoryStore, Store};
    use crate::time::{Clock as _, ManualClock};

    const ISSUER: &str = "https://localhost:8443";

    struct Fixture {
        clock: Arc<ManualClock>,
        keys: Arc<Keys>,
        tokens: Tokens,
    }

    impl Fixture {
        fn verify(&self, token: &str) -> Result<AccessToken, TokenFault> {
            let (token, _) = self.tokens.verify(token)?;
            token.check_expiry(self.clock.now())?;
            Ok(token)
        }
    }

    async fn fixture(algorithm: Algorithm) -> Fixture {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Arc::new(Keys::with_one(store, algorithm, clock.now()).await);
        let tokens = Tokens::new(keys.clone(), clock.clone(), ISSUER.to_owned());
        Fixture { clock, keys, tokens }
    }

    fn client() -> Client {
        Client { client_id: ClientId::parse("partner").unwrap(), ..example_client(0) }
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

    /// The values alone, in the order in which [`Claims`] names them.
    fn claims_in_order() -> Vec<Value> {
        ["iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti"].map(|name| claims()[name].clone()).into()
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
            let token = fixture.verify(&issued.access_token).unwrap();
            assert_eq!(
                (token.jti, token.audience.as_str(), token.client_id.as_str()),
                (issued.jti, "public", "partner")
            );
            assert_eq!((token.scope, token.expires_at), (issued.scope, issued.expires_at));
            fixture.clock.advance(std::time::Duration::from_secs(3_599));
            assert!(fixture.verify(&issued.access_token).is_ok());
            fixture.clock.advance(std::time::Duration::from_secs(1));
            assert_eq!(fixture.verify(&issued.access_token).unwrap_err(), TokenFault::Expired);
        }
    }

    #[tokio::test]
    async fn a_token_has_its_time_of_issue_and_the_epoch_of_its_client() {
        let fixture = fixture(Algorithm::Es256).await;
        let mut client = client();
        let (mut epochs, now) = (Vec::new(), fixture.clock.now());
        for _ in 0..3 {
            let scope = Scope::parse("read:zones").unwrap();
            let token = fixture.verify(&fixture.tokens.issue(&client, "public", scope).unwrap().access_token).unwrap();
            assert_eq!((token.issued_at, token.not_before), (now, UnixSeconds::default()));
            epochs.push((token.epoch, token.issued_at));
            client.revoke_tokens(now);
            assert!(epochs.iter().all(|(epoch, issued_at)| !client.accepts(*epoch, *issued_at)), "{epochs:?}");
        }
        let later = with("nbf", json!(now.plus(60).get())).to_string();
        let token = fixture.keys.signing(now).unwrap().sign(later.as_bytes()).unwrap();
        assert_eq!(fixture.verify(&token).unwrap().not_before, now.plus(60), "the gate asks whether it has begun");
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
    async fn wrong_claims_are_refused_under_a_genuine_signature() {
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
            (with("nbf", json!("1700000000")), TokenFault::Malformed, "nbf is a number"),
            (with("nbf", json!(null)), TokenFault::Malformed, "nbf is not null"),
            (with("nbf", json!(-1)), TokenFault::Malformed, "nbf is not negative"),
            (without("exp"), TokenFault::Malformed, "exp is required"),
            (without("jti"), TokenFault::Malformed, "jti is required"),
            (without("aud"), TokenFault::Malformed, "aud is required"),
            (without("iss"), TokenFault::Malformed, "iss is required"),
            (without("client_id"), TokenFault::Malformed, "client_id is required"),
            (json!([]), TokenFault::Malformed, "claims are an object"),
            (Value::Array(claims_in_order()), TokenFault::Malformed, "and not a list of their values"),
        ] {
            let token = key.sign(claims.to_string().as_bytes()).unwrap();
            assert_eq!(fixture.verify(&token).unwrap_err(), fault, "{reason}");
        }
        // Where serde does not look, all the same.
        let mut claims = with("note", json!("?")).to_string().into_bytes();
        claims.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xff);
        assert_eq!(fixture.verify(&key.sign(&claims).unwrap()).unwrap_err(), TokenFault::Malformed, "UTF-8");
        // Huge, but a number: it stands for the end of time and stays good.
        let token = key.sign(with("exp", json!(u64::MAX)).to_string().as_bytes()).unwrap();
        assert!(fixture.verify(&token).is_ok());
    }

    #[tokio::test]
    async fn the_header_does_not_choose_how_a_token_is_verified() {
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
            (json!({ "typ": "at+jwt", "kid": kid }), TokenFault::Malformed, "not even that"),
            (
                json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": ["b64"], "b64": false }),
                TokenFault::Malformed,
                "RFC 7515 section 4.1.11: an extension that is not understood",
            ),
            (json!(["at+jwt", "ES256", kid, null]), TokenFault::Malformed, "a header is an object"),
        ] {
            assert_eq!(fixture.verify(&signed(&fixture, &header, &claims())).unwrap_err(), fault, "{reason}");
        }
        for crit in [json!(null), json!([]), json!("exp"), json!([1]), json!({}), json!(["exp"]), json!(false)] {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": crit });
            let refused = fixture.verify(&signed(&fixture, &header, &claims())).unwrap_err();
            assert_eq!(refused, TokenFault::Malformed, "crit {crit}");
        }
        for typ in ["application/at+jwt", "AT+JWT"] {
            let header = json!({ "alg": "ES256", "typ": typ, "kid": kid, "jku": "https://elsewhere/jwks.json" });
            assert!(fixture.verify(&signed(&fixture, &header, &claims())).is_ok(), "{typ}");
        }
    }

    #[tokio::test]
    async fn a_changed_token_is_not_genuine() {
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
    }
}
