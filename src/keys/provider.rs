//! `jsonwebtoken`'s cryptography, on ring.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKeyKind, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// It verifies signatures and computes thumbprints. It does not sign: `jsonwebtoken`'s signers parse the private key for
/// each signature, [`SigningKey::sign`](super::SigningKey::sign) parses it once.
pub static RING_PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _: &EncodingKey| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        let key = match (algorithm, key.kind()) {
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                PublicKey::Bytes(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.clone()))
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => {
                PublicKey::Bytes(UnparsedPublicKey::new(&ED25519, key.clone()))
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                PublicKey::Rsa(RsaPublicKeyComponents { n: n.clone(), e: e.clone() })
            }
            _ => return Err(ErrorKind::InvalidAlgorithm.into()),
        };
        Ok(Box::new(RingVerifier { algorithm: *algorithm, key }))
    },
    key_utils: KeyUtils {
        compute_digest: |data, hash| {
            let is_sha256 = hash == ThumbprintHash::SHA256;
            is_sha256.then(|| digest(&SHA256, data).as_ref().to_vec()).ok_or(ErrorKind::UnsupportedAlgorithm.into())
        },
        // The others read private keys, which this server never passes to `jsonwebtoken`.
        ..KeyUtils::new_unimplemented()
    },
};

struct RingVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    /// An EC point (SEC 1 section 2.3.3) or an Ed25519 key.
    Bytes(UnparsedPublicKey<Vec<u8>>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        let verified = match &self.key {
            PublicKey::Bytes(key) => key.verify(message, signature),
            PublicKey::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
