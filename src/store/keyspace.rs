//! Records of one kind, under one prefix, as versioned JSON.
//!
//! A record at `clients/abc` is written as `{"v":1,"record":{…}}`. A reader that finds another version reports it and
//! changes nothing: a newer program may have written it. This module owns that envelope and the form of keys; what a
//! record means, only its owner knows.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Key, Store, StoreError, Value};

/// The version of the envelope and of every record in it.
const VERSION: u32 = 1;

/// The keys with one prefix, and the type of their records.
pub struct Keyspace<T> {
    prefix: &'static str,
    record: PhantomData<fn() -> T>,
}

#[derive(Serialize)]
struct Written<'r, T> {
    v: u32,
    record: &'r T,
}

#[derive(Deserialize)]
struct Read<T> {
    v: u32,
    record: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl<T> Keyspace<T> {
    /// The keyspace whose keys are `prefix`, a slash, and an id: `clients` holds `clients/abc`.
    #[must_use]
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix, record: PhantomData }
    }

    /// The start of every key of this keyspace, with the slash: the prefix to scan.
    #[must_use]
    pub fn prefix(&self) -> Vec<u8> {
        format!("{}/", self.prefix).into_bytes()
    }

    /// The key of the record named `id`.
    #[must_use]
    pub fn key(&self, id: impl fmt::Display) -> Key {
        Key::new(format!("{}/{id}", self.prefix).as_bytes())
    }

    /// The id in `key`; `None` if the key is of another keyspace, or is not UTF-8.
    #[must_use]
    pub fn id<'k>(&self, key: &'k Key) -> Option<&'k str> {
        let rest = key.as_bytes().strip_prefix(self.prefix.as_bytes())?.strip_prefix(b"/")?;
        std::str::from_utf8(rest).ok()
    }
}

impl<T: Serialize + DeserializeOwned> Keyspace<T> {
    /// The stored form of `record`. `Corrupt` if it has no JSON form, such as a map with keys that are not text.
    pub fn encode(&self, record: &T) -> Result<Value, StoreError> {
        match serde_json::to_vec(&Written { v: VERSION, record }) {
            Ok(bytes) => Ok(Value::new(&bytes)),
            Err(cause) => Err(corrupt(&self.key(""), cause)),
        }
    }

    /// The record in the `value` of `key`. `Corrupt` if it is of another version or type.
    pub fn decode(&self, key: &Key, value: &Value) -> Result<T, StoreError> {
        // The UTF-8 is checked once for all: from bytes, serde_json would check each text by itself.
        let json = std::str::from_utf8(value.as_bytes()).map_err(|cause| corrupt(key, cause))?;
        match serde_json::from_str::<Read<T>>(json) {
            Ok(Read { v: VERSION, record }) => Ok(record),
            Ok(Read { v, .. }) => Err(of_another_version(key, v)),
            Err(cause) => match serde_json::from_str::<Version>(json) {
                Ok(Version { v }) if v != VERSION => Err(of_another_version(key, v)),
                Ok(_) | Err(_) => Err(corrupt(key, cause)),
            },
        }
    }

    /// The record named `id`, and its stored form for [`Txn::equals`](super::Txn::equals).
    pub async fn get(&self, store: &dyn Store, id: impl fmt::Display) -> Result<Option<(T, Value)>, StoreError> {
        let key = self.key(id);
        let Some(value) = store.get(&key).await? else { return Ok(None) };
        Ok(Some((self.decode(&key, &value)?, value)))
    }
}

fn of_another_version(key: &Key, version: u32) -> StoreError {
    corrupt(key, format_args!("it is of version {version}, and this program reads version {VERSION}"))
}

fn corrupt(key: &Key, reason: impl fmt::Display) -> StoreError {
    StoreError::Corrupt { key: key.clone(), reason: reason.to_string().into() }
}

impl<T> Clone for Keyspace<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Keyspace<T> {}

impl<T> fmt::Debug for Keyspace<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Keyspace({}/)", self.prefix)
    }
}
