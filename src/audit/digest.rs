//! The digest of an entry, which binds it to the entry before.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::event::Event;

/// SHA-256 of an entry; displayed, and in JSON, as unpadded base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryDigest([u8; 32]);

impl EntryDigest {
    /// What stands before the first entry.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Over the JSON text `[number, previous, event]`, without spaces and with members in the order of
    /// [`Event`]. `None` if the event has no JSON form.
    pub(super) fn of(number: u64, previous: &Self, event: &Event) -> Option<Self> {
        let text = serde_json::to_vec(&(number, previous, event)).ok()?;
        digest(&SHA256, &text).as_ref().try_into().ok().map(Self)
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Serialize for EntryDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a SHA-256 in base64url"))
    }
}
