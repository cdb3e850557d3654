//! `Idempotency-Key`: what makes it safe to send a `POST` again (draft-ietf-httpapi-idempotency-key-header).
//!
//! Owns the keys under `idempotency/` and `idempotency-slots/`. Each client has keys of its own, a bounded number of them.
//! For 24 hours a record remembers the answer, and a digest of the request as it was parsed: the same values in another
//! JSON text, or sent to another address of the same collection, are the same request. Another request under the same key
//! is an error. Only success is remembered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::oauth::credentials::ClientId;
use crate::precondition::EntityTag;
use crate::store::{
    Key, Keyspace, MAX_OPERATIONS, MAX_SCAN, Outcome, Reservation, Revision, Slot, SlotKind, Slots, Store, StoreError,
    Txn, Value,
};
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

const IDEMPOTENCY: Keyspace<Remembered> = Keyspace::new("idempotency");

/// How long an answer is remembered, in seconds.
const REMEMBERED_SECONDS: u64 = SECONDS_PER_DAY;
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// The shortest key to derive a secret from, in bytes: shorter keys are counters and words, which can be guessed.
pub(crate) const MIN_BYTES_FOR_A_SECRET: usize = 16;
/// How many answers a client may have remembered, unless the settings say otherwise.
pub(crate) const DEFAULT_MAX_KEYS: u32 = 10_000;
/// How many operations delete one answer: a check and two writes.
const OPERATIONS_TO_DELETE: usize = 3;

/// 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key is 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub struct InvalidKey;

/// One request to create something, under a key of the client's choice.
#[derive(Clone, Debug)]
pub struct Attempt<'r> {
    client_id: &'r ClientId,
    key: IdempotencyKey,
    /// The digest that earlier versions made: of the path and the bytes.
    legacy_fingerprint: Option<String>,
}

/// The answer to a creation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The path of what was created.
    pub location: String,
    /// The tag of its state.
    pub etag: EntityTag,
    /// The body of the answer, without the secret.
    pub body: String,
    /// The salt with which the secret in the answer was derived from the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
}

/// 256 random bits; in records as unpadded base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt(String);

/// The record: the answer to a creation, and the fingerprint of its request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remembered {
    fingerprint: String,
    #[serde(flatten)]
    answer: Answer,
    expires_at: UnixSeconds,
    /// Its slot; records of earlier versions have none, and do not count against their client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<u32>,
}

/// The answers of all clients.
pub struct Idempotency {
    store: Arc<dyn Store>,
    slots: Slots<Keys>,
    max_keys: u32,
    /// The last key that the last sweep looked at; `None` to start anew.
    swept: Mutex<Option<Key>>,
}

/// The kind of slot that a remembered answer takes.
enum Keys {}

impl SlotKind for Keys {
    const PREFIX: &'static str = "idempotency-slots";
}

/// What the store has for an attempt.
pub enum Place<'s> {
    /// No answer: one may be written here.
    Free(Free<'s>),
    /// The answer to the same request, and the check that it is still remembered.
    Answered(Answer, Txn),
    /// The answer to another request under the same key.
    Reused,
    /// The client has the most answers that it may have.
    Full,
}

/// Where an answer may be written.
pub struct Free<'s> {
    key: Key,
    id: String,
    fingerprint: String,
    expired: Option<Value>,
    slot: FreeSlot<'s>,
}

enum FreeSlot<'s> {
    /// The slot of an expired answer under the same key.
    OfExpired(u32),
    New(Slot<'s, Keys>),
}

impl IdempotencyKey {
    /// Reads the field's value: the key, with or without the double quotes of the draft.
    pub fn parse(value: &[u8]) -> Result<Self, InvalidKey> {
        let unquoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        if !(1..=MAX_KEY_BYTES).contains(&unquoted.len()) || !unquoted.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidKey);
        }
        str::from_utf8(unquoted).map(|key| Self(key.into())).map_err(|_| InvalidKey)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it is long enough to derive a secret from.
    #[must_use]
    pub(crate) fn may_make_a_secret(&self) -> bool {
        self.0.len() >= MIN_BYTES_FOR_A_SECRET
    }
}

impl Salt {
    /// A salt of these random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The random bytes, in base64url.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'r> Attempt<'r> {
    /// An attempt of this client.
    #[must_use]
    pub fn new(client_id: &'r ClientId, key: IdempotencyKey) -> Self {
        Self { client_id, key, legacy_fingerprint: None }
    }

    /// The same, for a creation that earlier versions remembered under its path and the bytes of its body.
    #[must_use]
    pub(crate) fn sent_as(mut self, path: &str, body: &[u8]) -> Self {
        self.legacy_fingerprint = Some(fingerprint(&[path.as_bytes(), body]));
        self
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The id of the record: a digest below the client, because a key may hold any character.
    fn id(&self) -> String {
        let digest = digest(&SHA256, self.key.as_bytes());
        format!("{}/{}", self.client_id, URL_SAFE_NO_PAD.encode(digest))
    }
}

/// A digest of `parts`. Only the last part may hold a zero byte, so that different parts have different digests.
fn fingerprint(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            context.update(&[0]);
        }
        context.update(part);
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}

impl Remembered {
    fn has_expired(&self, now: UnixSeconds) -> bool {
        self.expires_at <= now
    }
}

impl Idempotency {
    /// Reads how many answers each client has, and follows the store.
    pub async fn open(store: Arc<dyn Store>, max_keys: u32) -> Result<Self, StoreError> {
        let slots = Slots::open(store.clone()).await?;
        Ok(Self { store, slots, max_keys, swept: Mutex::new(None) })
    }

    /// How many answers a client may have remembered.
    #[must_use]
    pub(crate) fn max_keys(&self) -> u32 {
        self.max_keys
    }

    /// Looks up an attempt to create `what` with the values `read`. Waits while other attempts may take the last slot.
    pub async fn place(
        &self,
        attempt: &Attempt<'_>,
        what: &str,
        read: &(impl Serialize + Sync),
        now: UnixSeconds,
    ) -> Result<Place<'_>, StoreError> {
        let id = attempt.id();
        let read = serde_json::to_vec(read).unwrap_or_default();
        let fingerprint = fingerprint(&[what.as_bytes(), &read]);
        let key = IDEMPOTENCY.key(&id);
        let mut looked_twice = false;
        loop {
            let stored = IDEMPOTENCY.get(&*self.store, &id).await?;
            let (expired, own_slot) = match stored {
                Some((remembered, value)) if !remembered.has_expired(now) => {
                    let is_same = remembered.fingerprint == fingerprint
                        || attempt.legacy_fingerprint.as_ref() == Some(&remembered.fingerprint);
                    let same = || Place::Answered(remembered.answer, Txn::new().equals(key, value));
                    return Ok(if is_same { same() } else { Place::Reused });
                }
                Some((remembered, value)) => (Some(value), remembered.slot),
                None => (None, None),
            };
            let slot = match own_slot {
                Some(number) => FreeSlot::OfExpired(number),
                None => match self.slots.reserve(attempt.client_id.as_str(), self.max_keys).await {
                    Reservation::Reserved(slot) => FreeSlot::New(slot),
                    Reservation::Full if looked_twice => return Ok(Place::Full),
                    // The same attempt may have come twice at once and taken the last slot itself.
                    Reservation::Full => {
                        looked_twice = true;
                        continue;
                    }
                },
            };
            return Ok(Place::Free(Free { key, id, fingerprint, expired, slot }));
        }
    }

    /// Waits until the slots in memory include that commit.
    pub async fn wait_for(&self, revision: Revision) {
        self.slots.wait_for(revision).await;
    }

    /// Goes on from the store alone, after its whole content was replaced in that commit.
    pub(crate) async fn start_anew(&self, replaced: Revision) {
        self.swept().take();
        self.wait_for(replaced).await;
    }

    /// Deletes expired answers and returns how many. One call looks at no more than 1,000 answers, and the next call goes
    /// on from there.
    pub async fn sweep(&self, now: UnixSeconds) -> Result<usize, StoreError> {
        let after = self.swept().take();
        let page = self.store.scan(&IDEMPOTENCY.prefix(), after.as_ref(), MAX_SCAN).await?;
        if page.len() == MAX_SCAN {
            *self.swept() = page.last().map(|(key, _)| key.clone());
        }
        let mut expired = Vec::new();
        for (key, value) in page {
            // Only a newer version can delete a record of a newer version.
            if let Ok(remembered) = IDEMPOTENCY.decode(&key, &value)
                && remembered.has_expired(now)
            {
                expired.push((key, value, remembered.slot));
            }
        }
        self.delete(&expired).await
    }

    /// Deletes every answer of a deleted client.
    pub async fn forget(&self, client_id: &ClientId) -> Result<(), StoreError> {
        let of_client = IDEMPOTENCY.key(format_args!("{client_id}/"));
        let mut after = None;
        loop {
            let page = self.store.scan(of_client.as_bytes(), after.as_ref(), MAX_SCAN).await?;
            let is_last = page.len() < MAX_SCAN;
            after = page.last().map(|(key, _)| key.clone());
            let entries = page.into_iter().map(|(key, value)| {
                let slot = IDEMPOTENCY.decode(&key, &value).ok().and_then(|remembered| remembered.slot);
                (key, value, slot)
            });
            self.delete(&entries.collect::<Vec<_>>()).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn delete(&self, entries: &[(Key, Value, Option<u32>)]) -> Result<usize, StoreError> {
        let mut deleted = 0;
        for chunk in entries.chunks(MAX_OPERATIONS / OPERATIONS_TO_DELETE) {
            let delete = |txn: Txn, (key, value, slot): &(Key, Value, Option<u32>)| {
                let owner = IDEMPOTENCY.id(key).and_then(|id| id.rsplit_once('/')).map(|(owner, _)| owner);
                let txn = txn.equals(key.clone(), value.clone()).delete(key.clone());
                match owner.zip(*slot) {
                    Some((owner, number)) => txn.delete(Slots::<Keys>::key(owner, number)),
                    None => txn,
                }
            };
            // A conflict means that one of the keys is in use again. The next sweep deletes the others.
            if let Outcome::Committed(_) = self.store.commit(chunk.iter().fold(Txn::new(), delete)).await? {
                deleted += chunk.len();
            }
        }
        Ok(deleted)
    }

    fn swept(&self) -> MutexGuard<'_, Option<Key>> {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free<'_> {
    /// The write that remembers `answer`, and the check that the place is still free.
    pub fn remember(&self, answer: &Answer, now: UnixSeconds) -> Result<Txn, StoreError> {
        let (number, taken) = match &self.slot {
            FreeSlot::OfExpired(number) => (*number, Txn::new()),
            FreeSlot::New(slot) => (slot.number(), slot.take(&*self.id)?),
        };
        let remembered = Remembered {
            fingerprint: self.fingerprint.clone(),
            answer: answer.clone(),
            expires_at: now.plus(REMEMBERED_SECONDS),
            slot: Some(number),
        };
        let free = match &self.expired {
            Some(value) => taken.equals(self.key.clone(), value.clone()),
            None => taken.absent(self.key.clone()),
        };
        Ok(free.put(self.key.clone(), IDEMPOTENCY.encode(&remembered)?))
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
