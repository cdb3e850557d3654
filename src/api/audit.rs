//! `GET /admin/audit`: what the audit log says. The log is stored in the same form.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::counts::Label;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// Entries, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewestEntries {
    /// The entries.
    pub data: Vec<Line>,
    /// The last entry of the log.
    pub head: Head,
    /// `cursor` of the request for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Entries after a number, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntriesAfter {
    /// The entries.
    pub data: Vec<Line>,
    /// The last entry of the log.
    pub head: Head,
    /// `after` of the next request, now or once there are more entries.
    pub next_after: u64,
}

/// An entry: an event in its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// Its place; the first entry has 1.
    pub number: u64,
    /// The digest of the entry before it; 43 times `A` for the first.
    pub previous: EntryDigest,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The digest of all of the above.
    pub digest: EntryDigest,
}

/// The last entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditHead)]
pub struct Head {
    /// Its number; 0 while there is none.
    pub number: u64,
    /// Its digest.
    pub digest: EntryDigest,
}

/// A line of the log: an entry, or a place where no entry can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AuditLine)]
pub enum Line {
    /// An entry that can be read.
    Entry(Box<Entry>),
    /// No entry can be read there.
    Broken(Broken),
}

/// A place of the log at which no entry can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BrokenAuditEntry)]
pub struct Broken {
    /// The place.
    pub number: u64,
    /// Why no entry can be read.
    pub broken: String,
}

/// An action that was taken or attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct Event {
    /// When it happened.
    pub at: UnixSeconds,
    /// The client that acted; `null` is the server itself, or a caller that proved no identity.
    pub actor: Option<ClientId>,
    /// What was done.
    pub action: Action,
    /// What it was done to: a `client_id`, a `jti` or a `kid`; empty where failures name no registered client.
    pub subject: String,
    /// The address that the request came from; of failures, the network that they are counted by.
    #[schema(value_type = Option<String>, examples("203.0.113.7"))]
    pub source: Option<IpAddr>,
    /// The identifier of the request.
    pub request_id: Option<String>,
    /// What became of it.
    pub outcome: EventOutcome,
    /// How many attempts the entry stands for, if it sums up several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempts: Option<u64>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditOutcome)]
pub enum EventOutcome {
    /// It was done.
    Done,
    /// It was refused, and nothing was changed.
    Refused,
}

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditAction)]
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
    /// A client got another secret, beside or instead of the ones that it had.
    SecretRotated,
    /// A secret of a client's was deleted.
    SecretDeleted,
    /// All tokens of a client were revoked.
    ClientTokensRevoked,
    /// A token was revoked by its client or by an operator.
    TokenRevoked,
    /// A token came over plain HTTP and was revoked.
    TokenBurned,
    /// A client's secret was sent where others may read it: in a query string, or over plain HTTP.
    SecretExposed,
    /// A signing key was made, or the next one was brought forward.
    KeyCreated,
    /// An operator imported a signing key.
    KeyImported,
    /// A signing key was revoked, and with it every token that it signed.
    KeyRevoked,
    /// A signing key was deleted because its last token had expired.
    KeyForgotten,
    /// A passport was signed for the report of a client.
    ReportSigned,
    /// A client showed a report by its passport, or an operator did for it.
    ReportPresented,
    /// An operator withdrew the report of a client.
    ReportWithdrawn,
    /// The passport of a client's report expired.
    ReportExpired,
    /// Client authentication failed, once or more often.
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
        Self::ReportSigned,
        Self::ReportPresented,
        Self::ReportWithdrawn,
        Self::ReportExpired,
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
            Self::ReportSigned => "report_signed",
            Self::ReportPresented => "report_presented",
            Self::ReportWithdrawn => "report_withdrawn",
            Self::ReportExpired => "report_expired",
            Self::AuthenticationFailed => "authentication_failed",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Line {
    /// Its place in the log.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.number,
            Self::Broken(broken) => broken.number,
        }
    }
}

/// SHA-256 of an entry; displayed, and in JSON, as unpadded base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryDigest([u8; 32]);

impl EntryDigest {
    /// What stands before the first entry.
    pub const NONE: Self = Self([0; 32]);

    /// Over the JSON text `[number, previous, event]`, without spaces and with members in the order of
    /// [`Event`]. `None` if the event has no JSON form.
    pub(crate) fn of(number: u64, previous: &Self, event: &Event) -> Option<Self> {
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
