//! `/sandbox/troubles`: what happens to a client in real life, each by one name.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::counts::label;
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::time::{Span, UnixSeconds};

label! {
    /// A trouble. The command line, the pages and the documentation use these names and no others.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum TroubleName {
        /// A token ends while the client uses it.
        TokenExpires = "token-expires",
        /// The client's tokens are revoked.
        TokenRevoked = "token-revoked",
        /// The client gets a new secret, beside the old one for a while.
        SecretRotated = "secret-rotated",
        /// The client's secret ends at once.
        SecretRevoked = "secret-revoked",
        /// Another key signs.
        KeyRotated = "key-rotated",
        /// The client is suspended.
        ClientSuspended = "client-suspended",
        /// The client may do less.
        ScopeNarrowed = "scope-narrowed",
        /// The client's day has no unit left.
        QuotaExhausted = "quota-exhausted",
        /// The client sends too fast.
        Throttled = "throttled",
        /// A new day begins.
        Midnight = "midnight",
        /// The server cannot serve.
        Outage = "outage",
        /// Answers come late.
        SlowNetwork = "slow-network",
        /// A change is made, and its answer does not arrive.
        AnswerLost = "answer-lost",
    }
}

/// Asks for a trouble.
#[derive(Default, Serialize)]
pub struct TroubleRequest<'a> {
    /// Whom it happens to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// How long it lasts, if it lasts.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
}

/// A trouble that happened. Has no `Debug`: it may hold a secret.
#[derive(Serialize, Deserialize)]
pub struct TroubleAnswer {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What happens, in a sentence.
    pub description: Cow<'static, str>,
    /// What `DELETE /sandbox/troubles` does about it.
    pub undone: Cow<'static, str>,
    /// Whom it happened to; without it, all clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The sandbox's time, after it happened.
    pub now: UnixSeconds,
    /// How long it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in: Option<Span>,
    /// The client's new secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The identifier of the new secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<Uuid>,
    /// When the secret before it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_expires_at: Option<UnixSeconds>,
    /// The key that signs from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What the client may still do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Every trouble, in the order of the documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleList {
    /// The troubles.
    pub data: Vec<Trouble>,
}

/// A trouble, whether or not it is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What happens, in a sentence.
    pub description: Cow<'static, str>,
    /// What `DELETE /sandbox/troubles` does about it.
    pub undone: Cow<'static, str>,
    /// Whether a request for it must name a client.
    pub needs_client: bool,
    /// How long it lasts unless a request says otherwise; without it, a request cannot say how long.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// Whether it is on. What happens in a moment, such as a jump of the clock, never is.
    pub on: bool,
    /// The clients for which it is on; none if it is on for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientId>,
}

/// What `DELETE /sandbox/troubles` did, the last trouble first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedTroubles {
    /// The troubles that were on.
    pub data: Vec<ClearedTrouble>,
}

/// A trouble that was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedTrouble {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The client for which it was on; without it, all clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// How it was undone.
    pub undone: Cow<'static, str>,
}
