//! The two forms in which revocations are stored: one record for a token, or one for a pack of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::Keyspace;
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};

pub(super) const REVOCATIONS: Keyspace<Revoked> = Keyspace::new("revocations");

/// The prefix of the ids of packs. No `jti` starts with it.
const PACKED: &str = "packed/";

/// One or more tokens that were revoked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Revoked {
    /// When the token expires; for a pack, when the last of its tokens has.
    pub(super) expires_at: UnixSeconds,
    /// The tokens of a pack; a record without them is for the token that its key names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) packed: Option<Jtis>,
}

impl Revoked {
    pub(super) fn single(expires_at: UnixSeconds) -> Self {
        Self { expires_at, packed: None }
    }

    pub(super) fn pack(ends_at: UnixSeconds, jtis: Jtis) -> Self {
        Self { expires_at: ends_at, packed: Some(jtis) }
    }
}

/// The `jti`s of a pack: 16 bytes each, one after the other, as base64url.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Jtis(Vec<Uuid>);

impl Jtis {
    pub(super) fn new(jtis: Vec<Uuid>) -> Self {
        Self(jtis)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Uuid> {
        self.0.iter().copied()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("packed tokens are identifiers of 16 bytes each, as base64url")]
pub(super) struct JtisFault;

impl TryFrom<String> for Jtis {
    type Error = JtisFault;

    fn try_from(text: String) -> Result<Self, JtisFault> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JtisFault)?;
        let (jtis, []) = bytes.as_chunks() else { return Err(JtisFault) };
        Ok(Self(jtis.iter().copied().map(Uuid::from_bytes).collect()))
    }
}

impl From<Jtis> for String {
    fn from(jtis: Jtis) -> Self {
        URL_SAFE_NO_PAD.encode(jtis.0.iter().flat_map(|jti| *jti.as_bytes()).collect::<Vec<_>>())
    }
}

/// The id of a pack: when it ends, so that the packs are in that order, and a random name.
pub(super) struct PackId {
    /// The end of the hour in which its tokens expire.
    pub(super) ends_at: UnixSeconds,
    name: Uuid,
}

impl PackId {
    pub(super) fn new(ends_at: UnixSeconds) -> Self {
        Self { ends_at, name: Uuid::new_v4() }
    }

    /// `None` if the id is not a pack's, such as a `jti`.
    pub(super) fn parse(id: &str) -> Option<Self> {
        let (ends_at, name) = id.strip_prefix(PACKED)?.split_once('/')?;
        Some(Self { ends_at: UnixSeconds::new(ends_at.parse().ok()?), name: name.parse().ok()? })
    }

    /// When the pack of a token with this expiry ends.
    pub(super) fn end_for(expires_at: UnixSeconds) -> UnixSeconds {
        UnixSeconds::new(expires_at.get().next_multiple_of(SECONDS_PER_HOUR))
    }

    /// The prefix of the keys of all packs.
    pub(super) fn prefix() -> Vec<u8> {
        [REVOCATIONS.prefix().as_slice(), PACKED.as_bytes()].concat()
    }
}

impl fmt::Display for PackId {
    /// The seconds have twenty digits, so that the order of the texts is the order of the numbers.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PACKED}{:020}/{}", self.ends_at.get(), self.name)
    }
}
