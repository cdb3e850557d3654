//! Access tokens: issued as JWTs of RFC 9068, verified once, remembered.
//!
//! A verified token is cached under its whole text, so its signature is checked once; only verify_signature_and_expiry ones
//! enter, and the cache is bounded, so forgeries cost a check each and no memory. A text is hashed by its
//! end alone. What a token cannot
//! say of itself (revoked, its client suspended) is not asked here, and is asked again at each request.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::clients::{CachedClient, Client};
use crate::counts::{Counts, label};
use crate::keys::{KeyError, Keys, SigningKey, VerifiedBy};
use crate::oauth::bearer::Presented;
use crate::oauth::claims::{ACCESS_TOKEN_TYPE, Claims};
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::oauth::token_epoch::TokenEpoch;
use crate::store::Epoch;
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

/// An access token that is verify_signature_and_expiry: this server issued it.
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
    /// Until when it is refused (RFC 7519 section 4.1.5); the epoch's start for a token that does not say.
    pub not_before: UnixSeconds,
    /// From when on it is refused.
    pub expires_at: UnixSeconds,
    /// The epoch of its client's tokens that it was issued in.
    pub epoch: Option<TokenEpoch>,
    key: VerifiedBy,
    /// Up to which change of the revocations it is known not to be revoked.
    pub in_force: Epoch,
    /// Whom it was issued to, as registered when this token was last looked at.
    pub client: CachedClient,
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
        is_same(self.as_bytes(), &text.0)
    }
}

/// Equal or not, and no word of how far: texts that differ in their last 16 bytes, as two verify_signature_and_expiry ones do, are let
/// go of at once, all others after the last byte.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (Some(tail), Some(other_tail)) = (one.last_chunk::<16>(), other.last_chunk::<16>()) else {
        return one == other;
    };
    if one.len() != other.len() || u128::from_ne_bytes(*tail) != u128::from_ne_bytes(*other_tail) {
        return false;
    }
    // What does not fill a chunk is of the tail.
    let (chunks, _) = one.as_chunks::<8>();
    let (other_chunks, _) = other.as_chunks::<8>();
    let pairs = chunks.iter().zip(other_chunks);
    pairs.fold(0, |unlike, (one, other)| unlike | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))) == 0
}

/// What is read of a token's JWS header (RFC 7515 section 4.1). What is missing is empty, which fits nothing.
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
    #[error("the access token's signature is not verify_signature_and_expiry")]
    BadSignature,
    /// Another server issued it.
    #[error("the access token was issued by another server")]
    WrongIssuer,
    /// Its time is over.
    #[error("the access token expired: fetch a new one")]
    Expired,
    /// Its time has not begun.
    #[error("the access token is not valid yet: nbf says from when on it is")]
    NotYetValid,
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
        let access_token = key.sign(claims.to_json().as_bytes())?;
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
        // A key that is gone takes its tokens with it, remembered or not: they are looked at as if they were new.
        if let Some(verified) = self.verified.get(&token).filter(|verified| self.keys.holds(&verified.key)) {
            self.lookups.add_one(Lookup::Hit);
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
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let key = match self.keys.of_header(header) {
            Some(key) => key,
            None => self.key_of(&object(&decoded(header)?)?)?,
        };
        // `jsonwebtoken` checks the signature alone. Its `decode` would parse the header twice more and the claims
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
        AccessToken::parse(claims, &key).ok_or(TokenFault::Malformed)
    }

    /// The key that `kid` names. The header's `alg` is never a choice: another than the key's is a
    /// forgery (RFC 8725 section 3.1); `jku`, `jwk` and `x5u` are not even read.
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

fn current(verified: Arc<AccessToken>, now: UnixSeconds) -> Result<Arc<AccessToken>, TokenFault> {
    if verified.expires_at > now { Ok(verified) } else { Err(TokenFault::Expired) }
}

/// RFC 9068 section 4: "`at+jwt`" or "`application/at+jwt`", case-insensitive as media types are.
fn is_access_token_type(typ: &str) -> bool {
    let (prefix, rest) = typ.split_at_checked("application/".len()).unwrap_or(("", typ));
    let subtype = if prefix.eq_ignore_ascii_case("application/") { rest } else { typ };
    subtype.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE)
}

/// Whether a member is there, whatever its value. RFC 7515 section 4.1.11: `crit` is a non-empty array that names
/// extensions which must be understood, and none is here; so a right `crit` is refused like a wrong one.
fn is_present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The bytes of one part of a token (RFC 7515 section 2: base64url without padding).
fn decoded(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)
}

/// Members of a JSON object, all of which is UTF-8 (RFC 7519 section 7.2). serde would take them from an array as
/// well, and would not look at the text of a member that it does not know.
fn object<'t, T: Deserialize<'t>>(json: &'t [u8]) -> Result<T, TokenFault> {
    let json = str::from_utf8(json).map_err(|_| TokenFault::Malformed)?;
    if !json.trim_start().starts_with('{') {
        return Err(TokenFault::Malformed);
    }
    serde_json::from_str(json).map_err(|_| TokenFault::Malformed)
}

impl AccessToken {
    fn parse(claims: Claims<'_>, key: &Arc<SigningKey>) -> Option<Self> {
        Some(Self {
            jti: claims.jti,
            client_id: ClientId::parse(&claims.client_id).ok()?,
            audience: claims.aud.into_owned(),
            scope: Scope::parse(&claims.scope).ok()?,
            issued_at: UnixSeconds::new(claims.iat),
            not_before: UnixSeconds::new(claims.nbf),
            expires_at: UnixSeconds::new(claims.exp),
            epoch: TokenEpoch::of_jti(&claims.jti),
            key: key.into(),
            in_force: Epoch::default(),
            client: CachedClient::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::Status;
    use crate::keys::Algorithm;
    use crate::oauth::limits::Limits;
    use crate::store::{MemoryStore, Outcome, Store, Txn};
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
            limits: Limits { requests_per_second: 1.into(), burst: 1, daily_quota: None, enforce: true },
            status: Status::Active,
            secrets: Vec::new(),
            retired_secrets: Vec::new(),
            declared: false,
            tokens_valid_from: UnixSeconds::new(0),
            token_epoch: TokenEpoch::default(),
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
    async fn a_token_says_the_time_of_its_issue_and_carries_its_clients_epoch() {
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
    async fn a_key_that_is_read_anew_keeps_its_tokens_and_one_that_is_gone_takes_them_along() {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Arc::new(Keys::with_one(store.clone(), Algorithm::Es256, clock.now()).await);
        let tokens = Tokens::new(keys.clone(), clock.clone(), ISSUER.to_owned(), 100);
        let token = tokens.issue(&client(), "public", Scope::parse("read:zones").unwrap()).unwrap().access_token;
        let verify = || tokens.verify(token.as_str(), clock.now()).map(|_| tokens.lookups().map(|(_, n)| n).collect());
        assert_eq!((verify(), verify()), (Ok(vec![0, 1]), Ok(vec![1, 1])));

        let (key, value) = store.scan(b"keys/", None, 1).await.unwrap().remove(0);
        for (change, then) in [
            (Txn::new().put(key.clone(), value), [Ok(vec![1, 2]), Ok(vec![2, 2])]),
            (Txn::new().delete(key), [Err(TokenFault::UnknownKey), Err(TokenFault::UnknownKey)]),
        ] {
            let Outcome::Committed(revision) = store.commit(change).await.unwrap() else {
                panic!("nobody else writes")
            };
            keys.wait_for(revision).await;
            assert_eq!([verify(), verify()], then);
        }
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

    proptest! {
        #[test]
        fn texts_are_the_same_if_every_byte_is(text in proptest::collection::vec(any::<u8>(), 0..80), at: usize, bit in 0..8) {
            prop_assert!(is_same(&text, &text.clone()));
            prop_assert!(!is_same(&text, &[text.as_slice(), b"a"].concat()));
            let mut other = text.clone();
            if let Some(byte) = at.checked_rem(text.len()).and_then(|at| other.get_mut(at)) {
                *byte ^= 1_u8 << bit;
                prop_assert!(!is_same(&text, &other));
            }
        }
    }
}
