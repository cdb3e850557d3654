//! What the log tells of.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::counts::Label;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// One thing that was done, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: UnixSeconds,
    /// Who; `None` is this program itself, as at its first start, or nobody who proved to be somebody.
    pub actor: Option<ClientId>,
    /// What.
    pub action: Action,
    /// To whom or what: a `client_id`, a `jti` or a `kid`; empty where failures name no registered client.
    pub subject: String,
    /// Where the request came from; of failures, the network that they are counted by.
    pub source: Option<IpAddr>,
    /// Which request it was.
    pub request_id: Option<String>,
    /// What became of it.
    pub outcome: EventOutcome,
    /// How many attempts this entry stands for, where it is more than an event of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// It was done.
    Done,
    /// It was refused, and nothing was changed.
    Refused,
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
    /// Somebody did not prove to be the client that they named, once or more often.
    AuthenticationFailed,
}

/// As JSON has it.
impl Label for Action {
    const ALL: &'static [Self] = &[
        Self::ClientRegistered,
        Self::ClientChanged,
        Self::ClientSuspended,
        Self::ClientResumed,
        Self::ClientDeleted,
        Self::SecretRotated,
        Self::SecretDeleted,
        Self::ClientTokensRevoked,
        Self::TokenRevoked,
        Self::TokenBurned,
        Self::SecretExposed,
        Self::KeyCreated,
        Self::KeyImported,
        Self::KeyRevoked,
        Self::KeyForgotten,
        Self::AuthenticationFailed,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client_registered",
            Self::ClientChanged => "client_changed",
            Self::ClientSuspended => "client_suspended",
            Self::ClientResumed => "client_resumed",
            Self::ClientDeleted => "client_deleted",
            Self::SecretRotated => "secret_rotated",
            Self::SecretDeleted => "secret_deleted",
            Self::ClientTokensRevoked => "client_tokens_revoked",
            Self::TokenRevoked => "token_revoked",
            Self::TokenBurned => "token_burned",
            Self::SecretExposed => "secret_exposed",
            Self::KeyCreated => "key_created",
            Self::KeyImported => "key_imported",
            Self::KeyRevoked => "key_revoked",
            Self::KeyForgotten => "key_forgotten",
            Self::AuthenticationFailed => "authentication_failed",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_stands_at_its_index_and_has_its_name_in_the_audit_log() {
        for (place, action) in Action::ALL.iter().enumerate() {
            assert_eq!((action.index(), serde_json::json!(action.name())), (place, serde_json::json!(action)));
        }
    }
}
