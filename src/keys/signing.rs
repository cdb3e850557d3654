//! One signing key: read, made, used, and shown as a JWK.
//!
//! Parsed once: ring checks an EC key as it parses it, which costs as much as a signature. RSA keys are
//! imported, for ring makes none. `jsonwebtoken` gets its cryptography from here, too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Algorithm, KeyError};
use crate::oauth::claims::ACCESS_TOKEN_TYPE;
use crate::text::without_mark;
use crate::time::UnixSeconds;

/// A private key as it is kept, in a folder of mode 0700.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredKey {
    pub(super) algorithm: Algorithm,
    /// PKCS #8, or PKCS #1 if an RSA key came so; in base64url.
    #[serde(alias = "pkcs8")]
    private_key: String,
    /// Whether an operator brought it.
    #[serde(default)]
    pub(super) imported: bool,
    pub(super) created_at: UnixSeconds,
    /// From when on it signs, unless a later key does.
    #[serde(default)]
    pub(super) signs_from: UnixSeconds,
    /// Of two keys that sign from the same second, the larger is the later.
    #[serde(default)]
    pub(super) sequence: u64,
}

impl StoredKey {
    /// A new key, which signs at once.
    pub(super) fn generate(algorithm: Algorithm, now: UnixSeconds) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let document = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
            // ring makes no RSA keys.
            Algorithm::Rs256 => return Err(KeyError::Crypto),
        };
        let document = document.map_err(|_| KeyError::Crypto)?;
        Ok(Self::of(algorithm, document.as_ref(), now))
    }

    /// An operator's RSA key, from PEM (RFC 7468): PKCS #8 (`PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    pub(super) fn import(text: &str, now: UnixSeconds) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(without_mark(text.as_bytes())).map_err(|fault| {
            let encrypted = text.contains("ENCRYPTED");
            let missing = matches!(fault, pem::Error::NoItemsFound);
            KeyError::Unusable(match (encrypted, missing) {
                (true, _) => "is encrypted: decrypt it with `openssl pkey -in FILE`, and import that",
                (false, true) => "has no private key in PEM: it starts with -----BEGIN PRIVATE KEY-----",
                (false, false) => "is not well-formed PEM",
            })
        })?;
        let refused = "is not an RSA key of 2048 to 4096 bits with a public exponent of at least 65537: make one with \
                       `openssl genrsa 2048`";
        rsa_pair(der.secret_der()).ok_or(KeyError::Unusable(refused))?;
        Ok(Self { imported: true, ..Self::of(Algorithm::Rs256, der.secret_der(), now) })
    }

    fn of(algorithm: Algorithm, der: &[u8], now: UnixSeconds) -> Self {
        let private_key = URL_SAFE_NO_PAD.encode(der);
        Self { algorithm, private_key, imported: false, created_at: now, signs_from: now, sequence: 0 }
    }
}

fn rsa_pair(der: &[u8]) -> Option<RsaKeyPair> {
    RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()
}

/// A key, parsed and ready to sign and verify.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pub(super) imported: bool,
    pub(super) created_at: UnixSeconds,
    pub(super) signs_from: UnixSeconds,
    sequence: u64,
    pair: Pair,
    header: String,
    decoding: DecodingKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    /// Boxed: it is many times the size of the others.
    Rs256(Box<RsaKeyPair>),
}

impl SigningKey {
    pub(super) fn parse(stored: &StoredKey) -> Option<Self> {
        let der = URL_SAFE_NO_PAD.decode(&stored.private_key).ok()?;
        let pair = match stored.algorithm {
            Algorithm::Es256 => Pair::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).ok()?,
            ),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(&der).ok()?),
            Algorithm::Rs256 => Pair::Rs256(Box::new(rsa_pair(&der)?)),
        };
        let public = pair.public();
        // RFC 7638 section 3: the required members in lexicographic order, no white space. In this order
        // serde_json's own sorted maps write them.
        let thumbprint = digest(&SHA256, pair.jwk_members()?.to_string().as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        let header = json!({ "alg": stored.algorithm.name(), "kid": kid, "typ": ACCESS_TOKEN_TYPE }).to_string();
        let decoding = match stored.algorithm {
            Algorithm::Es256 => DecodingKey::from_ec_der(public),
            Algorithm::EdDsa => DecodingKey::from_ed_der(public),
            Algorithm::Rs256 => DecodingKey::from_rsa_der(public),
        };
        Some(Self {
            kid,
            algorithm: stored.algorithm,
            imported: stored.imported,
            created_at: stored.created_at,
            signs_from: stored.signs_from.max(stored.created_at),
            sequence: stored.sequence,
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

    /// The JWS header of every token that it signs, encoded (RFC 7515 section 7.1).
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// Its place among the keys: each signs from its own moment until the next one's.
    pub(super) fn place(&self) -> (UnixSeconds, u64, &str) {
        (self.signs_from, self.sequence, &self.kid)
    }

    /// A JWS in compact form (RFC 7515 section 7.1) over `payload`. `Err` when the system gives no
    /// randomness, which ECDSA needs.
    pub fn sign(&self, payload: &[u8]) -> Result<String, KeyError> {
        self.sign_with_header(&self.header, payload)
    }

    /// The same, under a header of its own: the sandbox and tests make wrong tokens so.
    pub(crate) fn sign_with_header(&self, header: &str, payload: &[u8]) -> Result<String, KeyError> {
        // Four characters for three bytes, and two dots.
        let encoded = (payload.len() + self.pair.signature_len()).div_ceil(3) * 4 + 4;
        let mut jws = String::with_capacity(header.len() + 2 + encoded);
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
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), jws.as_bytes(), &mut signature)
                    .map_err(|_| KeyError::Crypto)?;
                push_signature(&mut jws, &signature);
            }
        }
        Ok(jws)
    }

    /// The public key (RFC 7517 section 4).
    pub(super) fn jwk(&self) -> Json {
        let mut jwk = self.pair.jwk_members().unwrap_or_default();
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
            Self::Rs256(pair) => pair.public_key().as_ref(),
        }
    }

    /// How many bytes a signature has.
    fn signature_len(&self) -> usize {
        match self {
            Self::Es256(_) | Self::EdDsa(_) => 64,
            Self::Rs256(pair) => pair.public().modulus_len(),
        }
    }

    /// The members that make the key what it is (RFC 7638 section 3.2, RFC 8037 appendix A.3).
    fn jwk_members(&self) -> Option<Json> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(_) => {
                // SEC 1 section 2.3.3: 0x04, then x and y of 32 bytes each.
                let (x, y) = self.public().strip_prefix(&[0x04])?.split_at_checked(32)?;
                Some(json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) }))
            }
            Self::EdDsa(_) => Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(self.public()) })),
            Self::Rs256(pair) => {
                // RFC 7518 section 6.3.1: big-endian, without leading zeros.
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                Some(json!({ "e": encode(&e), "kty": "RSA", "n": encode(&n) }))
            }
        }
    }
}

impl Algorithm {
    /// The `alg` that names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// The same, as `jsonwebtoken` calls it.
    #[must_use]
    pub const fn jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// `jsonwebtoken`'s cryptography, on ring. It only verifies: [`SigningKey::sign`] keeps its key parsed,
/// which `jsonwebtoken`'s own signers do not.
pub static RING_PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _: &EncodingKey| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        let known =
            [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256].into_iter().find(|known| known.jws() == *algorithm);
        let scheme: &'static dyn VerificationAlgorithm = match known.ok_or(ErrorKind::InvalidAlgorithm)? {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDsa => &ED25519,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        let public = key.try_get_as_bytes()?.to_owned();
        Ok(Box::new(RingVerifier { algorithm: *algorithm, public: UnparsedPublicKey::new(scheme, public) }))
    },
    // For JWKs of private keys and for thumbprints, which nothing here asks it for.
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
