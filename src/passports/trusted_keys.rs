//! The keys that may sign reports: a JWK Set (RFC 7517 section 5) in a file that the operator writes.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::files::{Exposure, Reader, read_trusted};
use crate::keys::PublicKey;

/// Why the trusted keys are not read.
#[derive(Debug, thiserror::Error)]
pub enum TrustedKeysError {
    /// The file does not exist, or may not be read.
    #[error("cannot read the keys in {}: {source}; name the file of a JWK Set in reports.trusted_keys", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users could change it, and so choose who signs reports.
    #[error("the keys in {} cannot be trusted: the file {exposure}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who could change it, and how to fix that.
        exposure: Exposure,
    },
    /// It is no JWK Set, or has no key of use.
    #[error("{} {detail}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The thread that read it ended.
    #[error("the keys that sign reports could not be read: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// The JWK Set in the file that the operator names.
pub(crate) fn read_trusted_keys(path: &Path) -> Result<Json, TrustedKeysError> {
    let unreadable = |source| TrustedKeysError::Unreadable { path: path.to_owned(), source };
    let (text, exposure) = read_trusted(path, Reader::Server).map_err(unreadable)?;
    if let Some(exposure) = exposure {
        return Err(TrustedKeysError::Exposed { path: path.to_owned(), exposure });
    }
    key_set(&text).map_err(|detail| TrustedKeysError::Unusable { path: path.to_owned(), detail })
}

/// The JWK Set in this text, if it has a key that verifies something here. An `Err` continues a sentence about the text.
pub(crate) fn key_set(text: &str) -> Result<Json, &'static str> {
    const NO_SET: &str = "is no JWK Set: it must be {\"keys\": […]}, as /.well-known/jwks.json has it";
    let key_set: Json = serde_json::from_str(text).map_err(|_| NO_SET)?;
    let keys = key_set.get("keys").and_then(Json::as_array).ok_or(NO_SET)?;
    let is_usable = |key: &Json| {
        let kid = key.get("kid").and_then(Json::as_str);
        kid.is_some_and(|kid| PublicKey::find(&key_set, kid).is_some())
    };
    if keys.iter().any(is_usable) {
        return Ok(key_set);
    }
    Err("has no key of use: it needs one of ES256, EdDSA or RS256 that has a kid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_key_of_use_is_refused() {
        for (text, why) in [
            ("", "is no JWK Set"),
            ("[]", "is no JWK Set"),
            (r#"{"keys": {}}"#, "is no JWK Set"),
            (r#"{"keys": []}"#, "has no key of use"),
            (r#"{"keys": [7, {"kty": "oct", "kid": "a", "k": "AA"}]}"#, "has no key of use"),
            (r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}"#, "has no key of use"),
        ] {
            let refused = key_set(text).unwrap_err();
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
        let x = "A".repeat(43);
        assert!(
            key_set(&format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "{x}"}}]}}"#)).is_ok()
        );
    }

    #[test]
    fn a_file_that_others_may_change_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        assert!(matches!(read_trusted_keys(&path), Err(TrustedKeysError::Unreadable { .. })));
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(read_trusted_keys(&path), Err(TrustedKeysError::Unusable { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read_trusted_keys(&path), Err(TrustedKeysError::Exposed { .. })));
    }
}
