//! One signing key: generated, imported, parsed and used.
//!
//! Each key is parsed once: ring checks an EC key as it parses it, which costs as much as a signature. RSA keys are
//! imported, because ring cannot make them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::algorithm::Algorithm;
use super::error::KeyError;
use crate::oauth::claims::ACCESS_TOKEN_TYPE;
use crate::text::without_mark;
use crate::time::UnixSeconds;

/// The characters of a line of PEM (RFC 7468 section 2).
const PEM_COLUMNS: usize = 64;

/// A private key as the store has it, in a folder of mode 0700.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredKey {
    pub(super) algorithm: Algorithm,
    /// PKCS #8, or PKCS #1 if an RSA key came so; in base64url.
    #[serde(alias = "pkcs8")]
    private_key: String,
    /// Whether an operator imported it.
    #[serde(default)]
    pub(super) imported: bool,
    pub(super) created_at: UnixSeconds,
    /// The moment from which on it signs, unless a later key does.
    #[serde(default)]
    pub(super) signs_from: UnixSeconds,
    /// Of two keys that sign from the same second, the one with the larger number is the later.
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
            // ring cannot make RSA keys.
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
    jwk: Jwk,
    decoding: DecodingKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    /// Boxed: it is many times as large as the others.
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
        let decoding = pair.decoding();
        let mut jwk = Jwk::from_decoding_key(&decoding, Some(stored.algorithm.jws())).ok()?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(kid.clone());
        let header = json!({ "alg": stored.algorithm.name(), "kid": kid, "typ": ACCESS_TOKEN_TYPE }).to_string();
        Some(Self {
            kid,
            algorithm: stored.algorithm,
            imported: stored.imported,
            created_at: stored.created_at,
            signs_from: stored.signs_from.max(stored.created_at),
            sequence: stored.sequence,
            pair,
            header: URL_SAFE_NO_PAD.encode(header),
            jwk,
            decoding,
        })
    }

    /// A key that no JWK Set has and no server accepts, to make wrong tokens for the sandbox.
    pub(crate) fn foreign(now: UnixSeconds) -> Result<Self, KeyError> {
        Self::parse(&StoredKey::generate(Algorithm::Es256, now)?).ok_or(KeyError::Crypto)
    }

    /// Its identifier.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The only algorithm that it is used with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The JWS header of every token that it signs, encoded (RFC 7515 section 7.1).
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// The public key that verifies its signatures.
    #[must_use]
    pub(crate) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// Its place in the order in which the keys sign.
    pub(super) fn place(&self) -> (UnixSeconds, u64, &str) {
        (self.signs_from, self.sequence, &self.kid)
    }

    /// A JWS in compact form (RFC 7515 section 7.1) over `payload`. `Err` when the system gives no
    /// randomness, which ECDSA needs.
    pub fn sign(&self, payload: &[u8]) -> Result<String, KeyError> {
        self.sign_with_header(&self.header, payload)
    }

    /// The same with any header, to make wrong tokens for the sandbox and for tests.
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
    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The public key in PEM (RFC 7468 section 13), as resource servers have it in their settings.
    pub(crate) fn public_key_pem(&self) -> String {
        let encoded = STANDARD.encode(self.pair.subject_public_key_info());
        let lines = encoded.as_bytes().chunks(PEM_COLUMNS).map(String::from_utf8_lossy).collect::<Vec<_>>();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

impl PublicKeyData for Pair {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::EdDsa(pair) => pair.public_key().as_ref(),
            Self::Rs256(pair) => pair.public().as_ref(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::Es256(_) => &PKCS_ECDSA_P256_SHA256,
            Self::EdDsa(_) => &PKCS_ED25519,
            Self::Rs256(_) => &PKCS_RSA_SHA256,
        }
    }
}

fn push_signature(jws: &mut String, signature: &[u8]) {
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, jws);
}

impl Pair {
    /// The public key, as `jsonwebtoken` takes it.
    fn decoding(&self) -> DecodingKey {
        match self {
            Self::Es256(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::EdDsa(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
        }
    }

    /// How many bytes a signature has.
    fn signature_len(&self) -> usize {
        match self {
            Self::Es256(_) | Self::EdDsa(_) => 64,
            Self::Rs256(pair) => pair.public().modulus_len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RING_PROVIDER;

    #[test]
    fn a_kid_is_the_thumbprint_of_rfc_7638() {
        let _installed_before = RING_PROVIDER.install_default();
        let pem = include_str!("../../tests/keys/rsa-2048-pkcs8.pem");
        let key = SigningKey::parse(&StoredKey::import(pem, UnixSeconds::new(0)).unwrap()).unwrap();
        // Computed from the key's modulus by hand: SHA-256 of {"e":"AQAB","kty":"RSA","n":"…"}.
        assert_eq!(key.kid(), "DTzfoZJlKk42Ml2kRbmQUXkxhcHHNTaMEG4IqLkJolU");
    }
    #[test]
    fn a_public_key_in_pem_is_what_openssl_prints() {
        let _installed_before = RING_PROVIDER.install_default();
        let pem = include_str!("../../tests/keys/ec.pem");
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        let stored = StoredKey::of(Algorithm::Es256, der.secret_der(), UnixSeconds::new(0));
        let key = SigningKey::parse(&stored).unwrap();
        assert_eq!(key.public_key_pem(), include_str!("../../tests/keys/ec.pub.pem"));
        let pem = include_str!("../../tests/keys/rsa-2048-pkcs8.pem");
        let key = SigningKey::parse(&StoredKey::import(pem, UnixSeconds::new(0)).unwrap()).unwrap();
        assert_eq!(key.public_key_pem(), include_str!("../../tests/keys/rsa-2048-pkcs8.pub.pem"));
    }
}
