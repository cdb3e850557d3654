//! A public key as others get it: out of a JWK Set (RFC 7517), to verify a token with.
//!
//! The server itself never reads a JWK: it verifies with the keys that it signs with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value as Json;

use super::Algorithm;

/// One key of a JWK Set.
#[derive(Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    /// An EC point (SEC 1 section 2.3.3) or an Ed25519 key.
    Bytes(Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// The key that `kid` names in a JWK Set; `None` if there is none, or one of a kind that this program
    /// does not use.
    #[must_use]
    pub fn find(jwk_set: &Json, kid: &str) -> Option<Self> {
        let keys = jwk_set.get("keys")?.as_array()?;
        Self::parse(keys.iter().find(|key| text(key, "kid") == Some(kid))?)
    }

    /// RFC 7518 section 6, RFC 8037 section 2.
    fn parse(jwk: &Json) -> Option<Self> {
        let bytes = |member| URL_SAFE_NO_PAD.decode(text(jwk, member)?).ok();
        let (algorithm, parts) = match (text(jwk, "kty")?, text(jwk, "crv")) {
            ("EC", Some("P-256")) => {
                let point = [vec![0x04], bytes("x")?, bytes("y")?].concat();
                (Algorithm::Es256, Parts::Bytes(point))
            }
            ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, Parts::Bytes(bytes("x")?)),
            ("RSA", _) => (Algorithm::Rs256, Parts::Rsa { modulus: bytes("n")?, exponent: bytes("e")? }),
            _ => return None,
        };
        Some(Self { algorithm, parts })
    }

    /// The only algorithm that it verifies (RFC 8725 section 3.1).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's, of this JWS signing input (RFC 7515 section 5.2).
    #[must_use]
    pub fn verifies(&self, signing_input: &str, signature: &[u8]) -> bool {
        let message = signing_input.as_bytes();
        let verified = match (&self.parts, self.algorithm) {
            (Parts::Bytes(key), Algorithm::EdDsa) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            (Parts::Bytes(key), _) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature),
            (Parts::Rsa { modulus: n, exponent: e }, _) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.is_ok()
    }
}

fn text<'j>(jwk: &'j Json, member: &str) -> Option<&'j str> {
    jwk.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::{Keys, SigningKey};
    use super::*;
    use crate::store::{MemoryStore, Store};
    use crate::time::UnixSeconds;

    const NOW: UnixSeconds = UnixSeconds::new(1_700_000_000);

    async fn key(algorithm: Algorithm) -> (Keys, Arc<SigningKey>) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Keys::with_one(store, algorithm, NOW).await;
        let key = keys.signing(NOW).unwrap();
        (keys, key)
    }

    #[tokio::test]
    async fn what_a_key_has_signed_its_jwk_verifies_and_nothing_else() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let (keys, key) = key(algorithm).await;
            let token = key.sign(b"{}").unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let public = PublicKey::find(&keys.jwk_set(), key.kid()).unwrap();
            assert_eq!(public.algorithm(), algorithm);
            assert!(public.verifies(signed, &signature));
            assert!(!public.verifies(&signed[1..], &signature));
            assert!(!public.verifies(signed, &signature[1..]));
            assert!(!public.verifies(signed, b""));
        }
    }

    #[test]
    fn what_is_no_key_of_ours_is_none() {
        let point = json!({ "kid": "a", "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" });
        for set in [json!({}), json!({ "keys": "a" }), json!({ "keys": [{}, 7] }), json!({ "keys": [point] })] {
            assert!(PublicKey::find(&set, "a").is_none(), "{set}");
        }
        let broken = json!({ "keys": [{ "kid": "a", "kty": "RSA", "n": "", "e": "" }] });
        assert!(!PublicKey::find(&broken, "a").unwrap().verifies("a.b", b"c"));
    }
}
