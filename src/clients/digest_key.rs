//! The key with which this installation digests client secrets: the first start generates it and stores it.
//!
//! Owns `digest-key/`. Records of older versions have the plain SHA-256 of a secret. The first start that generates a
//! key rewrites them, and the secrets stay valid.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::oauth::credentials::{DigestKey, Fingerprint, PlainDigest};
use crate::store::{Entries, Key, Keyspace, MAX_OPERATIONS, MAX_SCAN, Outcome, Store, StoreError, Txn, Value};

const DIGEST_KEY: Keyspace<StoredKey> = Keyspace::new("digest-key");
/// The records of clients, as JSON of any shape.
const CLIENTS: Keyspace<Json> = Keyspace::new("clients");
/// How many records one commit rewrites: each takes a check and a write.
const BATCH: usize = MAX_OPERATIONS / 2;
/// How often a start tries again while another process generates the key.
const MAX_RACES: usize = 8;

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// 32 bytes as unpadded base64url.
    key: String,
    /// Whether every secret in the store is digested with it.
    complete: bool,
}

/// The key of this store, generated if there is none. When this returns, every secret in the store is digested with it.
pub async fn open(store: &dyn Store) -> Result<DigestKey, StoreError> {
    for _ in 0..MAX_RACES {
        let Some((stored, value)) = DIGEST_KEY.get(store, "").await? else {
            make(store).await?;
            continue;
        };
        let key = parse(&stored)?;
        if !stored.complete {
            let rewritten = rewrite_all(store, &key).await?;
            let complete = DIGEST_KEY.encode(&StoredKey { complete: true, ..stored })?;
            let place = DIGEST_KEY.key("");
            if let Outcome::Conflict =
                store.commit(Txn::new().equals(place.clone(), value).put(place, complete)).await?
            {
                continue;
            }
            tracing::info!(clients = rewritten, "client secrets are now digested with a key of this installation");
        }
        return Ok(key);
    }
    Err(StoreError::Unavailable("another process generates the digest key".into()))
}

/// What its key in a store starts with.
#[must_use]
pub(crate) fn prefix() -> Vec<u8> {
    DIGEST_KEY.prefix()
}

/// The key in these entries of a store.
pub(super) fn of(entries: &Entries) -> Option<DigestKey> {
    let (key, value) = entries.starting_with(&DIGEST_KEY.prefix()).next()?;
    parse(&DIGEST_KEY.decode(key, value).ok()?).ok()
}

async fn make(store: &dyn Store) -> Result<(), StoreError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    SystemRandom::new()
        .fill(bytes.as_mut())
        .map_err(|_| StoreError::Unavailable("the system's random source gives no digest key".into()))?;
    let complete = store.scan(&CLIENTS.prefix(), None, 1).await?.is_empty();
    let key = DIGEST_KEY.encode(&StoredKey { key: URL_SAFE_NO_PAD.encode(*bytes), complete })?;
    let place = DIGEST_KEY.key("");
    // A conflict: another process has generated it.
    let (Outcome::Committed(_) | Outcome::Conflict) =
        store.commit(Txn::new().absent(place.clone()).put(place, key)).await?;
    Ok(())
}

fn parse(stored: &StoredKey) -> Result<DigestKey, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(&stored.key).ok().map(Zeroizing::new);
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
    let bytes = bytes.ok_or_else(|| corrupt(DIGEST_KEY.key(""), "the key is not 32 bytes in base64url"))?;
    Ok(DigestKey::new(&bytes))
}

/// Rewrites every record that has a plain digest; returns how many. Records that a crashed start has rewritten are not
/// changed.
async fn rewrite_all(store: &dyn Store, key: &DigestKey) -> Result<usize, StoreError> {
    let (mut rewritten, mut after) = (0, None);
    loop {
        let page = store.scan(&CLIENTS.prefix(), after.as_ref(), MAX_SCAN).await?;
        after = page.last().map(|(place, _)| place.clone());
        if after.is_none() {
            return Ok(rewritten);
        }
        for batch in page.chunks(BATCH) {
            let before = rewritten;
            let mut txn = Txn::new();
            for (place, value) in batch {
                let Some(record) = rewrite(place, value, key)? else { continue };
                txn = txn.equals(place.clone(), value.clone()).put(place.clone(), record);
                rewritten += 1;
            }
            if rewritten == before {
                continue;
            }
            if let Outcome::Conflict = store.commit(txn).await? {
                return Err(StoreError::Unavailable(
                    "another process changes clients while their records are rewritten".into(),
                ));
            }
        }
    }
}

/// The record with keyed digests; `None` if it has them already.
fn rewrite(place: &Key, value: &Value, key: &DigestKey) -> Result<Option<Value>, StoreError> {
    let mut record = CLIENTS.decode(place, value)?;
    let mut is_plain = false;
    for secret in record.get_mut("secrets").and_then(Json::as_array_mut).into_iter().flatten() {
        let Some(secret) = secret.as_object_mut() else { continue };
        let Some(digest) = secret.remove("sha256") else { continue };
        let digest = PlainDigest::deserialize(digest).map_err(|error| corrupt(place.clone(), &error.to_string()))?;
        secret.insert("hmac_sha256".to_owned(), json!(key.of_plain_digest(&digest)));
        secret.insert("fingerprint".to_owned(), json!(key.of_plain_fingerprint(digest.fingerprint())));
        is_plain = true;
    }
    if !is_plain {
        return Ok(None);
    }
    for retired in record.get_mut("retired_secrets").and_then(Json::as_array_mut).into_iter().flatten() {
        let plain = Fingerprint::deserialize(&*retired).map_err(|error| corrupt(place.clone(), &error.to_string()))?;
        *retired = json!(key.of_plain_fingerprint(plain));
    }
    CLIENTS.encode(&record).map(Some)
}

fn corrupt(key: Key, reason: &str) -> StoreError {
    StoreError::Corrupt { key, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::clients::Clients;
    use crate::oauth::credentials::{ClientAuthentication, ClientSecret};
    use crate::store::MemoryStore;
    use crate::time::UnixSeconds;

    const SECRET: &str = "correct-horse-battery-staple-4711";
    const FORMER: &str = "another-horse-battery-staple-0815";

    /// A record of an older version.
    fn old_record(number: usize) -> Json {
        let plain = |secret: &str| URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()));
        let former: PlainDigest = serde_json::from_value(plain(FORMER).into()).unwrap();
        let moment = "2021-01-25T15:13:21Z";
        json!({
            "client_id": format!("client-{number}"), "client_name": "Partner", "scope": "read:zones",
            "audience": ["public"], "token_ttl": 3600, "status": "active",
            "limits": { "requests_per_second": 1, "burst": 1, "daily_quota": null, "enforce": true },
            "secrets": [{ "secret_id": uuid::Uuid::new_v4(), "sha256": plain(SECRET), "created_at": moment, "expires_at": null }],
            "retired_secrets": [former.fingerprint()], "created_at": moment, "updated_at": moment,
        })
    }

    async fn put(store: &dyn Store, number: usize) {
        let place = CLIENTS.key(format!("client-{number}"));
        let txn = Txn::new().put(place, CLIENTS.encode(&old_record(number)).unwrap());
        let _unconditional = store.commit(txn).await.unwrap();
    }

    async fn all_records(store: &dyn Store) -> String {
        let all = store.scan(b"clients/", None, MAX_SCAN).await.unwrap();
        all.iter().map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    #[tokio::test]
    async fn a_store_gets_one_key() {
        let store = MemoryStore::new();
        let secret = ClientSecret::new(SECRET.to_owned().into());
        let [first, again] = [open(&store).await.unwrap(), open(&store).await.unwrap()];
        assert_eq!(first.digest(&secret), again.digest(&secret));
        assert_ne!(first.digest(&secret), open(&MemoryStore::new()).await.unwrap().digest(&secret));
    }

    #[tokio::test]
    async fn records_with_plain_digests_are_rewritten_and_their_secrets_stay_valid() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        for number in 0..=2 * BATCH {
            put(&*store, number).await;
        }
        let clients = Clients::open(store.clone()).await.unwrap();
        let records = all_records(&*store).await;
        assert!(!records.contains("\"sha256\""), "{records:.400}");
        for number in [0, BATCH, 2 * BATCH] {
            let client_id = format!("client-{number}");
            let authentication =
                |secret: &str| ClientAuthentication::from_body(&client_id, secret.to_owned().into(), None);
            assert!(clients.authenticate(&authentication(SECRET), UnixSeconds::new(0)).is_ok(), "{client_id}");
            assert!(clients.authenticate(&authentication(FORMER), UnixSeconds::new(0)).is_err(), "{client_id}");
            let client = clients.get(&client_id).unwrap();
            for secret in [SECRET, FORMER] {
                let fingerprint = clients.digest_key().fingerprint(&ClientSecret::new(secret.to_owned().into()));
                assert!(client.had_secret(fingerprint), "{secret} cannot be set again");
            }
        }
    }

    #[tokio::test]
    async fn a_start_finishes_the_rewrite_of_a_start_that_was_killed() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        put(&*store, 0).await;
        make(&*store).await.unwrap();
        let (stored, _) = DIGEST_KEY.get(&*store, "").await.unwrap().unwrap();
        assert!(!stored.complete);
        assert_eq!(rewrite_all(&*store, &parse(&stored).unwrap()).await.unwrap(), 1);
        let before = all_records(&*store).await;
        put(&*store, 1).await;
        let clients = Clients::open(store.clone()).await.unwrap();
        assert!(all_records(&*store).await.starts_with(&before), "a rewritten record is not changed");
        let second = ClientAuthentication::from_body("client-1", SECRET.to_owned().into(), None);
        assert!(clients.authenticate(&second, UnixSeconds::new(0)).is_ok());
        assert!(DIGEST_KEY.get(&*store, "").await.unwrap().unwrap().0.complete);
    }
}
