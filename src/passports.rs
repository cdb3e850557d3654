//! Passports: what a server signed about the report of an exam, as a JWS in compact form (RFC 7515 section 7.1).
//!
//! A passport is signed with the key that signs access tokens, and its `typ` is another one: neither passes for the other
//! (RFC 8725 section 3.11). It is accepted only by the keys that the operator lists in a file, and by this server's own if
//! the operator says so; what its header names besides is not read. Nothing here is on the way of a request that only calls
//! the API.

mod to_sign;
mod trusted_keys;

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

pub use self::trusted_keys::TrustedKeysError;
pub(crate) use self::trusted_keys::{key_set, read_trusted_keys};
use crate::api::exam::Readiness;
use crate::api::passport::{PASSPORT_TYPE, PassportClaims, PresentedReport, ReportToSign, SignedReport};
use crate::keys::{KeyError, Keys, PublicKey};
use crate::oauth::credentials::ClientId;
use crate::time::{SECONDS_PER_DAY, SharedClock, UnixSeconds};

/// The longest passport, in bytes. The longest that is signed here has some 4,000.
pub(crate) const MAX_PASSPORT_BYTES: usize = 8_192;

/// Signs passports, and accepts those that are presented.
pub struct Passports {
    keys: Arc<Keys>,
    clock: SharedClock,
    issuer: String,
    valid_for_s: u64,
    trust: Trust,
}

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A file with a JWK Set (RFC 7517 section 5).
    pub file: Option<PathBuf>,
    /// Whether this server's own keys count too.
    pub own_keys: bool,
}

/// Why a passport is refused. The text continues a sentence about the passport.
#[derive(Debug, thiserror::Error)]
pub enum PassportFault {
    /// It is no JWS in compact form.
    #[error(
        "is no passport: it must be one line of three parts with dots between them, as `boomgate report sign` prints it"
    )]
    Malformed,
    /// It is a JWS of another kind, such as an access token.
    #[error("is no passport: its typ must be {PASSPORT_TYPE}")]
    OtherType,
    /// None of the keys that count signed it.
    #[error("is signed with a key that is not trusted here")]
    UnknownKey,
    /// The operator trusts no key.
    #[error(
        "cannot be accepted: this server trusts no key that signs reports. The operator lists them in reports.trusted_keys"
    )]
    NoTrustedKey,
    /// Its text is not what the key signed.
    #[error("is not genuine: it was altered, or another key signed it")]
    BadSignature,
    /// The key signed other claims than those of a passport.
    #[error("is no passport: it lacks claims, or they are of another form")]
    OtherClaims,
    /// Its `exp` has passed.
    #[error("expired at {0}: examine the client again, and have the new report signed")]
    Expired(UnixSeconds),
    /// It names another client.
    #[error("is of the client {0}, and not of this one")]
    OtherClient(ClientId),
    /// The client is not ready.
    #[error("says that the client is {}: only a report of a client that is ready counts", .0.name())]
    NotReady(Readiness),
    /// The trusted keys cannot be read. The server's fault.
    #[error("cannot be checked: {0}")]
    NoKeys(#[from] TrustedKeysError),
}

#[derive(Serialize)]
struct Header<'k> {
    alg: &'k str,
    kid: &'k str,
    typ: &'k str,
}

impl Passports {
    /// Signs in the name of `issuer`; a passport is valid for so many days.
    #[must_use]
    pub fn new(keys: Arc<Keys>, clock: SharedClock, issuer: String, valid_for_days: u64, trust: Trust) -> Self {
        Self { keys, clock, issuer, valid_for_s: valid_for_days * SECONDS_PER_DAY, trust }
    }

    /// Signs what the caller says of a report: the caller vouches for it.
    pub fn sign(&self, report: ReportToSign) -> Result<SignedReport, KeyError> {
        let now = self.clock.now();
        let key = self.keys.signing(now).ok_or(KeyError::Crypto)?;
        let (jti, expires_at) = (Uuid::new_v4(), now.plus(self.valid_for_s));
        let claims = PassportClaims { iss: self.issuer.clone(), iat: now.get(), exp: expires_at.get(), jti, report };
        let header = Header { alg: key.algorithm().name(), kid: key.kid(), typ: PASSPORT_TYPE };
        // Texts and numbers always have a JSON form.
        let (header, claims) = (serde_json::to_vec(&header), serde_json::to_vec(&claims));
        let header = URL_SAFE_NO_PAD.encode(header.map_err(|_| KeyError::Crypto)?);
        let passport = key.sign_with_header(&header, &claims.map_err(|_| KeyError::Crypto)?)?;
        Ok(SignedReport { expires_at, jti, passport })
    }

    /// Reads a passport that is presented for this client, if it is one that counts now. Reads the file of trusted keys,
    /// on a thread for blocking work: so a change of the file counts at once.
    pub async fn accept(&self, passport: &str, client_id: &ClientId) -> Result<PresentedReport, PassportFault> {
        let own = self.trust.own_keys.then(|| serde_json::to_value(self.keys.jwk_set()).unwrap_or_default());
        let listed = match self.trust.file.clone() {
            Some(file) => {
                let read = tokio::task::spawn_blocking(move || read_trusted_keys(&file)).await;
                Some(read.map_err(TrustedKeysError::from)??)
            }
            None => None,
        };
        let key_sets: Vec<Json> = listed.into_iter().chain(own).collect();
        if key_sets.is_empty() {
            return Err(PassportFault::NoTrustedKey);
        }
        let Verified { claims, kid } = verify(passport, &key_sets)?;
        let now = self.clock.now();
        let PassportClaims { iss, iat, exp, jti, report } = claims;
        let expires_at = UnixSeconds::new(exp);
        if expires_at <= now {
            return Err(PassportFault::Expired(expires_at));
        }
        if report.sub != *client_id {
            return Err(PassportFault::OtherClient(report.sub));
        }
        if report.verdict != Readiness::Ready {
            return Err(PassportFault::NotReady(report.verdict));
        }
        Ok(PresentedReport {
            boomgate_version: report.boomgate_version,
            commit: report.commit,
            exam_at: UnixSeconds::new(report.exam_at),
            expires_at,
            issued_at: UnixSeconds::new(iat),
            issuer: iss,
            jti,
            kid,
            presented_at: now,
            profile: report.profile,
            report_sha256: report.report_sha256,
        })
    }
}

/// A passport that is genuine.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: PassportClaims,
    /// The key that signed it.
    pub(crate) kid: String,
}

/// Verifies type and signature of a passport by the keys of these JWK Sets, and not when it is valid. The key alone decides
/// which algorithm counts (RFC 8725 section 3.1).
pub(crate) fn verify(passport: &str, key_sets: &[Json]) -> Result<Verified, PassportFault> {
    if passport.len() > MAX_PASSPORT_BYTES {
        return Err(PassportFault::Malformed);
    }
    let (signed, signature) = passport.rsplit_once('.').ok_or(PassportFault::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(PassportFault::Malformed)?;
    let header: Map<String, Json> = decoded(header).ok_or(PassportFault::Malformed)?;
    let parameter = |name: &str| header.get(name).and_then(Json::as_str).unwrap_or_default();
    // RFC 7515 section 4.1.11: no extension that must be understood is understood here.
    if !parameter("typ").eq_ignore_ascii_case(PASSPORT_TYPE) || header.contains_key("crit") {
        return Err(PassportFault::OtherType);
    }
    let kid = parameter("kid");
    let mut keys = key_sets.iter().filter_map(|key_set| PublicKey::find(key_set, kid));
    let key = keys.next().ok_or(PassportFault::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| PassportFault::BadSignature)?;
    if parameter("alg") != key.algorithm().name() || !key.verifies(signed, &signature) {
        return Err(PassportFault::BadSignature);
    }
    let claims = decoded(claims).ok_or(PassportFault::OtherClaims)?;
    Ok(Verified { claims, kid: kid.to_owned() })
}

/// The JSON of one part (RFC 7515 section 2: base64url without padding).
fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::passport::{PassportProfile, sha256_of};
    use crate::keys::Algorithm;
    use crate::store::{MemoryStore, Store};
    use crate::time::ManualClock;

    const NOW: UnixSeconds = UnixSeconds::new(1_700_000_000);

    struct Fixture {
        keys: Arc<Keys>,
        clock: Arc<ManualClock>,
    }

    impl Fixture {
        async fn new(algorithm: Algorithm) -> Self {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let keys = Arc::new(Keys::with_one(store, algorithm, NOW).await);
            Self { keys, clock: Arc::new(ManualClock::new(NOW)) }
        }

        fn passports(&self, trust: Trust) -> Passports {
            Passports::new(self.keys.clone(), self.clock.clone(), "https://gate.example".to_owned(), 30, trust)
        }

        fn key_set(&self) -> Json {
            serde_json::to_value(self.keys.jwk_set()).unwrap()
        }
    }

    fn own_keys() -> Trust {
        Trust { file: None, own_keys: true }
    }

    fn report(verdict: Readiness) -> ReportToSign {
        ReportToSign {
            sub: client("curbside"),
            profile: PassportProfile { name: "strict".to_owned(), digest: Some(sha256_of(b"profile")) },
            verdict,
            commit: Some("d8a7b22".to_owned()),
            exam_at: NOW.get() - 60,
            report_sha256: sha256_of(b"report"),
            boomgate_version: "0.1.0".to_owned(),
        }
    }

    fn client(client_id: &str) -> ClientId {
        ClientId::parse(client_id).unwrap()
    }

    #[tokio::test]
    async fn a_passport_is_accepted_for_its_client_while_it_is_valid() {
        let fixture = Fixture::new(Algorithm::Es256).await;
        let passports = fixture.passports(own_keys());
        let signed = passports.sign(report(Readiness::Ready)).unwrap();
        assert_eq!(signed.expires_at, NOW.plus(30 * SECONDS_PER_DAY));
        let presented = passports.accept(&signed.passport, &client("curbside")).await.unwrap();
        assert_eq!((presented.jti, presented.expires_at, presented.issued_at), (signed.jti, signed.expires_at, NOW));
        assert_eq!(
            (presented.issuer.as_str(), presented.report_sha256),
            ("https://gate.example", sha256_of(b"report"))
        );

        let refused = passports.accept(&signed.passport, &client("quay")).await.unwrap_err();
        assert_eq!(refused.to_string(), "is of the client curbside, and not of this one");
        for verdict in [Readiness::NotReady, Readiness::Undecided] {
            let signed = passports.sign(report(verdict)).unwrap();
            let refused = passports.accept(&signed.passport, &client("curbside")).await.unwrap_err();
            assert!(matches!(refused, PassportFault::NotReady(said) if said == verdict), "{refused}");
        }
        fixture.clock.advance(Duration::from_secs(signed.expires_at.since(NOW)));
        let refused = passports.accept(&signed.passport, &client("curbside")).await.unwrap_err();
        assert!(matches!(refused, PassportFault::Expired(at) if at == signed.expires_at), "{refused}");
    }

    #[tokio::test]
    async fn only_keys_that_the_operator_trusts_count() {
        let (signer, server) = (Fixture::new(Algorithm::EdDsa).await, Fixture::new(Algorithm::Es256).await);
        let passport = signer.passports(Trust::default()).sign(report(Readiness::Ready)).unwrap().passport;
        let refused = server.passports(own_keys()).accept(&passport, &client("curbside")).await.unwrap_err();
        assert!(matches!(refused, PassportFault::UnknownKey), "{refused}");
        let refused = server.passports(Trust::default()).accept(&passport, &client("curbside")).await.unwrap_err();
        assert!(matches!(refused, PassportFault::NoTrustedKey), "{refused}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        let trusting = server.passports(Trust { file: Some(file.clone()), own_keys: false });
        let refused = trusting.accept(&passport, &client("curbside")).await.unwrap_err();
        assert!(matches!(refused, PassportFault::NoKeys(_)), "{refused}");
        std::fs::write(&file, signer.key_set().to_string()).unwrap();
        assert!(trusting.accept(&passport, &client("curbside")).await.is_ok(), "a change of the file counts at once");
        std::fs::write(&file, server.key_set().to_string()).unwrap();
        let refused = trusting.accept(&passport, &client("curbside")).await.unwrap_err();
        assert!(matches!(refused, PassportFault::UnknownKey), "{refused}");
    }

    #[tokio::test]
    async fn a_passport_that_is_altered_in_any_byte_is_refused() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let fixture = Fixture::new(algorithm).await;
            let key_sets = [fixture.key_set()];
            let passport = fixture.passports(own_keys()).sign(report(Readiness::Ready)).unwrap().passport;
            assert!(verify(&passport, &key_sets).is_ok());
            for place in 0..passport.len() {
                for byte in [b'A', b'B', b'.', b' '] {
                    let mut altered = passport.clone().into_bytes();
                    if altered[place] != byte {
                        altered[place] = byte;
                        assert!(verify(&String::from_utf8(altered).unwrap(), &key_sets).is_err(), "byte {place}");
                    }
                }
            }
            for longer in
                [format!("{passport}A"), format!("{passport}="), format!("{passport}\n"), format!(" {passport}")]
            {
                assert!(verify(&longer, &key_sets).is_err(), "{longer:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_the_same_key_signed_for_another_purpose_is_no_passport() {
        let fixture = Fixture::new(Algorithm::Es256).await;
        let (key, key_sets) = (fixture.keys.signing(NOW).unwrap(), [fixture.key_set()]);
        let passport = fixture.passports(own_keys()).sign(report(Readiness::Ready)).unwrap().passport;
        let claims = URL_SAFE_NO_PAD.decode(passport.split('.').nth(1).unwrap()).unwrap();
        let with_header = |header: &Json| {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            verify(&key.sign_with_header(&header, &claims).unwrap(), &key_sets)
        };
        let kid = key.kid();
        let right = serde_json::json!({ "alg": "ES256", "kid": kid, "typ": PASSPORT_TYPE });
        assert!(with_header(&right).is_ok());
        for (member, value) in [("typ", "at+jwt".into()), ("typ", "JWT".into()), ("crit", serde_json::json!(["x"]))] {
            let mut other = right.clone();
            other[member] = value;
            assert!(matches!(with_header(&other), Err(PassportFault::OtherType)), "{other}");
        }
        for (member, value) in [("alg", "none"), ("alg", "HS256"), ("alg", "EdDSA")] {
            let mut other = right.clone();
            other[member] = value.into();
            assert!(matches!(with_header(&other), Err(PassportFault::BadSignature)), "{other}");
        }
        // Its own header says `at+jwt`.
        let token = key.sign(&claims).unwrap();
        assert!(matches!(verify(&token, &key_sets), Err(PassportFault::OtherType)));
        let header = URL_SAFE_NO_PAD.encode(right.to_string());
        for other in ["{}", "[]", "7", "{", r#"{"iss":"a","iat":1,"exp":2}"#] {
            let signed = key.sign_with_header(&header, other.as_bytes()).unwrap();
            assert!(matches!(verify(&signed, &key_sets), Err(PassportFault::OtherClaims)), "{other}");
        }
        for text in ["", ".", "..", "a.b.c", "a.b", &"a".repeat(MAX_PASSPORT_BYTES + 1)] {
            assert!(matches!(verify(text, &key_sets), Err(PassportFault::Malformed)), "{text:.20}");
        }
    }
}
