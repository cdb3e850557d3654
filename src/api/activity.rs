//! `GET /admin/activity`, `GET /admin/clients/{client_id}/activity`: what clients do now.
//!
//! A sampler reads the counters of the limits every [`BUCKET_S`] seconds, so these numbers are from memory, since the
//! start of the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::usage::{ThrottleUsage, UsedToday};
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// How many seconds the requests of a bucket came in.
pub const BUCKET_S: u64 = 5;
/// How many buckets there are of a client: 15 minutes.
pub const BUCKETS: usize = 180;

/// A page of clients, in the order of their identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityPage {
    /// The clients of the page.
    pub data: Vec<ClientActivity>,
    /// What to send as `cursor` for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
    /// The time of the answer, by the clock of the server.
    pub now: UnixSeconds,
    /// Since when the server counts requests: its last start, or when a sandbox last went back.
    pub since: UnixSeconds,
}

/// What a client does now, and where it stands with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientActivity {
    /// The client.
    pub client_id: ClientId,
    /// Whether a request over a limit is refused, or only counted.
    pub enforce: bool,
    /// Its requests of the last minute.
    pub last_minute: RequestCounts,
    /// When it was last seen: its last request, to 5 seconds, or the last use of a secret; `null` if neither is known. The
    /// server does not store requests, so after a start only the use of a secret is known.
    pub last_seen: Option<UnixSeconds>,
    /// Its requests per second.
    pub throttle: ThrottleUsage,
    /// Its requests of this UTC day; `null` while the server cannot count.
    pub today: Option<UsedToday>,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestCounts {
    /// Requests with a token of the client that passed every check. Those that cost nothing of any limit are not among them.
    pub admitted: u64,
    /// Requests that proved to be of the client, and were refused. Token requests count too. 0 if the setting
    /// `refusals.entries` is 0.
    pub refused: u64,
}

/// The requests of one client in the last 15 minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientRequests {
    /// How many seconds the requests of a bucket came in.
    pub bucket_s: u64,
    /// The buckets of the last 15 minutes, the oldest first; `null` if the server has buckets of as many other clients as
    /// it can have.
    pub buckets: Option<Vec<RequestCounts>>,
    /// The client.
    pub client_id: ClientId,
    /// The requests since the end of the last bucket.
    pub current: RequestCounts,
    /// When the last bucket ended, by the clock of the machine: a sandbox does not move that one.
    pub ended_at: UnixSeconds,
    /// When the client was last seen, as in the list.
    pub last_seen: Option<UnixSeconds>,
    /// The time of the answer, by the clock of the server.
    pub now: UnixSeconds,
    /// Since when the server counts requests, as in the list.
    pub since: UnixSeconds,
}
