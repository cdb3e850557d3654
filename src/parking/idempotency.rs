//! `Idempotency-Key`: what makes it safe to send a `POST` again (draft-ietf-httpapi-idempotency-key-header).
//!
//! Keys are each client's own. What is remembered is the whole answer, and a digest of the request that
//! got it: the same key with another request is a mistake, and is told. Only success is remembered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};

use super::Created;
use crate::oauth::precondition::EntityTag;
use crate::store::Keyspace;
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

pub(super) const IDEMPOTENCY: Keyspace<Remembered> = Keyspace::new("idempotency");

/// How long an answer is remembered, in seconds.
const REMEMBERED_SECONDS: u64 = SECONDS_PER_DAY;
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

/// Not an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key is 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub struct InvalidKey;

/// One request to create something, under a key of the client's choice.
#[derive(Clone, Debug)]
pub struct Attempt<'r> {
    client_id: &'r str,
    key: IdempotencyKey,
    fingerprint: String,
}

/// The answer to a creation, and to which request it was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    fingerprint: String,
    location: String,
    etag: EntityTag,
    body: String,
    expires_at: UnixSeconds,
}

impl IdempotencyKey {
    /// Reads the field's value: the key as it is, or, as the draft has it, in double quotes.
    pub fn parse(value: &[u8]) -> Result<Self, InvalidKey> {
        let unquoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        if !(1..=MAX_KEY_BYTES).contains(&unquoted.len()) || !unquoted.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidKey);
        }
        str::from_utf8(unquoted).map(|key| Self(key.into())).map_err(|_| InvalidKey)
    }
}

impl<'r> Attempt<'r> {
    /// An attempt of this client's, to send `body` to `path`.
    #[must_use]
    pub fn new(client_id: &'r str, key: IdempotencyKey, path: &str, body: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(path.as_bytes());
        // No path holds a zero byte, so no other path and body give the same input.
        context.update(&[0]);
        context.update(body);
        Self { client_id, key, fingerprint: URL_SAFE_NO_PAD.encode(context.finish()) }
    }

    /// Where the answer is remembered: below the client, under a digest, for a key may hold anything.
    pub(super) fn id(&self) -> String {
        let digest = digest(&SHA256, self.key.0.as_bytes());
        format!("{}/{}", self.client_id, URL_SAFE_NO_PAD.encode(digest))
    }
}

impl Remembered {
    pub(super) fn new(attempt: &Attempt<'_>, created: &Created, now: UnixSeconds) -> Self {
        Self {
            fingerprint: attempt.fingerprint.clone(),
            location: created.location.clone(),
            etag: created.etag.clone(),
            body: String::from_utf8_lossy(&created.body).into_owned(),
            expires_at: now.plus(REMEMBERED_SECONDS),
        }
    }

    pub(super) fn has_expired(&self, now: UnixSeconds) -> bool {
        self.expires_at <= now
    }

    /// The same answer again; `None` if it was given to another request.
    pub(super) fn replay(self, attempt: &Attempt<'_>) -> Option<Created> {
        (self.fingerprint == attempt.fingerprint).then(|| Created {
            location: self.location,
            etag: self.etag,
            body: self.body.into(),
            replayed: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_1_to_255_visible_characters_quoted_or_not() {
        let key = IdempotencyKey::parse(b"8e03978e-40d5-43dd-bc93-6894a57f9324").unwrap();
        assert_eq!(IdempotencyKey::parse(b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\""), Ok(key));
        assert!(IdempotencyKey::parse(&[b'k'; 255]).is_ok());
        for value in [b"".as_slice(), b"\"\"", b"two words", b"tab\t", b"\x7F", b"\xC3\xA9", &[b'k'; 256]] {
            assert_eq!(IdempotencyKey::parse(value), Err(InvalidKey), "{}", value.escape_ascii());
        }
    }
}
