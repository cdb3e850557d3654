//! The signing keys: one signs, all verify.
//!
//! Owns the keys under `keys/`. A key is parsed once, when it is read: ring checks an EC key as it parses
//! it, which costs as much as a signature. `kid` is the key's RFC 7638 thumbprint, so it names the key
//! and nothing else. Only the algorithm that a key was made for is ever used with it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imbl::OrdMap;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::oauth::claims::ACCESS_TOKEN_TYPE;
use crate::store::{Keyspace, Outcome, Projection, Store, StoreError, Txn, View};
use crate::time::UnixSeconds;

const KEYS: Keyspace<StoredKey> = Keyspace::new("keys");

/// How a key signs (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Why no key could be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store did not answer, or holds a key that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness, or ring refused the key.
    #[error("no signing key could be made: the system's random source did not answer")]
    Crypto,
}

/// All signing keys.
pub struct Keys {
    store: Arc<dyn Store>,
    view: Arc<View<Ring>>,
}

impl Keys {
    /// Reads all keys, and follows them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        // A second start in one process finds it in place.
        let _already = RING_PROVIDER.install_default();
        Ok(Self { view: View::open(store.clone()).await?, store })
    }

    /// The key that signs: the newest of `algorithm`.
    #[must_use]
    pub fn signing(&self, algorithm: Algorithm) -> Option<Arc<SigningKey>> {
        let ring = self.view.load();
        ring.by_kid
            .values()
            .filter(|key| key.algorithm == algorithm)
            .max_by_key(|key| (key.created_at, &key.kid))
            .cloned()
    }

    /// The key of this `kid`.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.view.load().by_kid.get(kid).cloned()
    }

    /// Whether a token signed with the key of this `kid` is still good.
    #[must_use]
    pub fn verifies(&self, kid: &str) -> bool {
        self.view.load().by_kid.contains_key(kid)
    }

    /// The JWK Set (RFC 7517 section 5) of all keys that verify.
    #[must_use]
    pub fn jwk_set(&self) -> Json {
        let ring = self.view.load();
        json!({ "keys": ring.by_kid.values().map(|key| key.jwk()).collect::<Vec<_>>() })
    }

    /// Makes a key of `algorithm` and commits it together with `entry`, the audit log's word of it;
    /// returns once it signs.
    pub async fn create(
        &self,
        algorithm: Algorithm,
        now: UnixSeconds,
        entry: impl FnOnce(&str) -> Result<Txn, StoreError>,
    ) -> Result<(), KeyError> {
        let stored = StoredKey::generate(algorithm, now)?;
        let key = SigningKey::parse(&stored).ok_or(KeyError::Crypto)?;
        let name = KEYS.key(&key.kid);
        let txn = Txn::new().absent(name.clone()).put(name, KEYS.encode(&stored)?).and(entry(&key.kid)?);
        if let Outcome::Committed(revision) = self.store.commit(txn).await? {
            self.view.reach(revision).await;
        }
        Ok(())
    }
}

/// A private key as it is kept: PKCS #8, in base64url, in a folder of mode 0700.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    algorithm: Algorithm,
    pkcs8: String,
    created_at: UnixSeconds,
}

impl StoredKey {
    fn generate(algorithm: Algorithm, created_at: UnixSeconds) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let document = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        };
        let document = document.map_err(|_| KeyError::Crypto)?;
        Ok(Self { algorithm, pkcs8: URL_SAFE_NO_PAD.encode(document.as_ref()), created_at })
    }
}

/// A key, parsed and ready to sign and verify.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    created_at: UnixSeconds,
    pair: Pair,
    /// The JWS header of every token that it signs, encoded.
    header: String,
    decoding: DecodingKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    fn parse(stored: &StoredKey) -> Option<Self> {
        let pkcs8 = URL_SAFE_NO_PAD.decode(&stored.pkcs8).ok()?;
        let pair = match stored.algorithm {
            Algorithm::Es256 => Pair::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new()).ok()?,
            ),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(&pkcs8).ok()?),
        };
        let public = pair.public();
        // RFC 7638 section 3: the required members in lexicographic order, no white space. In this order
        // serde_json's own sorted maps write them.
        let thumbprint = digest(&SHA256, jwk_members(stored.algorithm, public)?.to_string().as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        let header = json!({ "alg": stored.algorithm.name(), "kid": kid, "typ": ACCESS_TOKEN_TYPE }).to_string();
        let decoding = match stored.algorithm {
            Algorithm::Es256 => DecodingKey::from_ec_der(public),
            Algorithm::EdDsa => DecodingKey::from_ed_der(public),
        };
        Some(Self {
            kid,
            algorithm: stored.algorithm,
            created_at: stored.created_at,
            pair,
            header: URL_SAFE_NO_PAD.encode(header),
            decoding,
        })
    }

    /// The key's name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that it is used with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// A JWS in compact form (RFC 7515 section 7.1) over `payload`. `Err` when the system gives no
    /// randomness, which ECDSA needs.
    pub fn sign(&self, payload: &[u8]) -> Result<String, KeyError> {
        self.sign_with_header(&self.header, payload)
    }

    /// The same, under a header of its own: the sandbox and tests make wrong tokens so.
    pub(crate) fn sign_with_header(&self, header: &str, payload: &[u8]) -> Result<String, KeyError> {
        // Four characters for three bytes, two dots, and 86 characters of signature.
        let mut jws = String::with_capacity(header.len() + payload.len().div_ceil(3) * 4 + 88);
        jws.push_str(header);
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
        match &self.pair {
            Pair::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), jws.as_bytes()).map_err(|_| KeyError::Crypto)?;
                push_signature(&mut jws, signature.as_ref());
            }
            Pair::EdDsa(pair) => {
                let signature = pair.sign(jws.as_bytes());
                push_signature(&mut jws, signature.as_ref());
            }
        }
        Ok(jws)
    }

    fn jwk(&self) -> Json {
        let mut jwk = jwk_members(self.algorithm, self.pair.public()).unwrap_or_default();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.kid.clone().into());
            members.insert("alg".to_owned(), self.algorithm.name().into());
            members.insert("use".to_owned(), "sig".into());
        }
        jwk
    }
}

fn push_signature(jws: &mut String, signature: &[u8]) {
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, jws);
}

impl Pair {
    fn public(&self) -> &[u8] {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::EdDsa(pair) => pair.public_key().as_ref(),
        }
    }
}

/// The members that make the key what it is (RFC 7638 section 3.2, RFC 8037 appendix A.3).
fn jwk_members(algorithm: Algorithm, public: &[u8]) -> Option<Json> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        Algorithm::Es256 => {
            // SEC 1 section 2.3.3: 0x04, then x and y of 32 bytes each.
            let (x, y) = public.strip_prefix(&[0x04])?.split_at_checked(32)?;
            Some(json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) }))
        }
        Algorithm::EdDsa => Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(public) })),
    }
}

impl Algorithm {
    /// The `alg` that names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The same, as `jsonwebtoken` calls it.
    #[must_use]
    pub const fn jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

#[derive(Clone, Default)]
struct Ring {
    by_kid: OrdMap<String, Arc<SigningKey>>,
}

impl Projection for Ring {
    type Record = StoredKey;
    const KEYSPACE: Keyspace<StoredKey> = KEYS;

    fn put(&mut self, id: &str, stored: StoredKey) {
        let Some(key) = SigningKey::parse(&stored) else {
            return tracing::error!(kid = ?id, "a signing key cannot be read: its tokens are refused");
        };
        self.by_kid.insert(id.to_owned(), Arc::new(key));
    }

    fn delete(&mut self, id: &str) {
        self.by_kid.remove(id);
    }
}

/// `jsonwebtoken`'s cryptography, on ring. It only verifies: [`SigningKey::sign`] keeps its key parsed,
/// which `jsonwebtoken`'s own signers do not.
static RING_PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _: &EncodingKey| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        let known = [Algorithm::Es256, Algorithm::EdDsa].into_iter().find(|known| known.jws() == *algorithm);
        let scheme: &'static dyn VerificationAlgorithm = match known.ok_or(ErrorKind::InvalidAlgorithm)? {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDsa => &ED25519,
        };
        let public = key.try_get_as_bytes()?.to_owned();
        Ok(Box::new(RingVerifier { algorithm: *algorithm, public: UnparsedPublicKey::new(scheme, public) }))
    },
    // For reading JWKs, which nothing here does.
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingVerifier {
    algorithm: jsonwebtoken::Algorithm,
    public: UnparsedPublicKey<Vec<u8>>,
}

impl jsonwebtoken::signature::Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), jsonwebtoken::signature::Error> {
        self.public.verify(message, signature).map_err(|_| jsonwebtoken::signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.algorithm
    }
}
