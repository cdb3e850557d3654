//! Who did what, when: one entry for each change, written in the change's own commit.
//!
//! Owns the keys under `audit/`, which order by time. An entry never holds a secret or a token. Nothing
//! that an unauthenticated caller sends makes an entry: a flood must not grow the log.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

use crate::oauth::credentials::ClientId;
use crate::store::{Keyspace, StoreError, Txn};
use crate::time::UnixSeconds;

const AUDIT: Keyspace<Entry> = Keyspace::new("audit");

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: UnixSeconds,
    /// Who; `None` is this program itself, as at its first start.
    pub actor: Option<ClientId>,
    /// What.
    pub action: Action,
    /// To whom or what: a `client_id`, a `jti` or a `kid`.
    pub subject: String,
    /// Where the request came from.
    pub source: Option<IpAddr>,
    /// Which request it was.
    pub request_id: Option<String>,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A client was registered.
    ClientRegistered,
    /// A client's name, limits, scope, audience or token lifetime was changed.
    ClientChanged,
    /// A client was suspended.
    ClientSuspended,
    /// A suspended client is active again.
    ClientResumed,
    /// A client was deleted, with its secrets and its usage.
    ClientDeleted,
    /// A client was given another secret, beside or instead of those that it had.
    SecretRotated,
    /// A secret of a client's was deleted.
    SecretDeleted,
    /// All tokens of a client were revoked.
    ClientTokensRevoked,
    /// A token was revoked at its client's wish, or by an operator.
    TokenRevoked,
    /// A token came over plain HTTP and was revoked.
    TokenBurned,
    /// A client's right secret came where others may read it: in a query string, or over plain HTTP.
    SecretExposed,
    /// A signing key was made, or one that waited to sign was brought forward.
    KeyCreated,
    /// An operator's signing key was taken in.
    KeyImported,
    /// A signing key was taken away, and its tokens with it.
    KeyRevoked,
    /// A signing key was deleted because its last token had expired.
    KeyForgotten,
}

impl Entry {
    /// The write that appends this entry; to be joined with the change that it tells of.
    pub fn append(&self) -> Result<Txn, StoreError> {
        let at = Timestamp::from_unix(NoContext, self.at.get(), 0);
        Ok(Txn::new().put(AUDIT.key(Uuid::new_v7(at)), AUDIT.encode(self)?))
    }
}
