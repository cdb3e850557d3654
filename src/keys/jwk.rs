//! A public key as others get it: from a JWK Set (RFC 7517), to verify a token with.
//!
//! For clients of this server. The server itself never reads a JWK: it verifies with the keys that it signs with.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use serde::Deserialize as _;
use serde_json::Value as Json;

use super::algorithm::Algorithm;
use super::provider::RING_PROVIDER;

/// One key of a JWK Set.
#[derive(Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    /// The key of this `kid` in a JWK Set; `None` if the set has no such key, or it is of a kind that this program does
    /// not use.
    #[must_use]
    pub fn find(jwk_set: &Json, kid: &str) -> Option<Self> {
        // Only this one is parsed: the other keys of the set may be of any kind.
        let mut keys = jwk_set.get("keys")?.as_array()?.iter();
        let jwk = Jwk::deserialize(keys.find(|key| key.get("kid").and_then(Json::as_str) == Some(kid))?).ok()?;
        #[allow(clippy::wildcard_enum_match_arm, reason = "other kinds of keys may be added, and none is used here")]
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::Es256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDsa,
            AlgorithmParameters::RSA(_) => Algorithm::Rs256,
            _ => return None,
        };
        Some(Self { algorithm, key: DecodingKey::from_jwk(&jwk).ok()? })
    }

    /// The only algorithm that it verifies (RFC 8725 section 3.1).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's signature of this JWS signing input (RFC 7515 section 5.2).
    #[must_use]
    pub fn verifies(&self, signing_input: &str, signature: &[u8]) -> bool {
        let verifier = (RING_PROVIDER.verifier_factory)(&self.algorithm.jws(), &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(signing_input.as_bytes(), &signature.to_vec()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    async fn a_jwk_verifies_what_its_key_signed_and_nothing_else() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let (keys, key) = key(algorithm).await;
            let token = key.sign(b"{}").unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let public = PublicKey::find(&serde_json::to_value(keys.jwk_set()).unwrap(), key.kid()).unwrap();
            assert_eq!(public.algorithm(), algorithm);
            assert!(public.verifies(signed, &signature));
            assert!(!public.verifies(&signed[1..], &signature));
            assert!(!public.verifies(signed, &signature[1..]));
            assert!(!public.verifies(signed, b""));
        }
    }

    #[test]
    fn a_jwk_of_another_kind_is_not_found() {
        let point = json!({ "kid": "a", "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" });
        for set in [json!({}), json!({ "keys": "a" }), json!({ "keys": [{}, 7] }), json!({ "keys": [point] })] {
            assert!(PublicKey::find(&set, "a").is_none(), "{set}");
        }
        let broken = json!({ "keys": [{ "kid": "a", "kty": "RSA", "n": "", "e": "" }] });
        assert!(!PublicKey::find(&broken, "a").unwrap().verifies("a.b", b"c"));
    }
}
