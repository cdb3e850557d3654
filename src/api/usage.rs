//! What a client has used of its limits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::Rate;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// `GET /oauth2/usage`: both limits of the client that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnUsage {
    /// The client.
    pub client_id: ClientId,
    /// Its requests of this UTC day; `null` while the server cannot count them.
    pub day: Option<DailyUsage>,
    /// Whether a request over a limit is refused, or only counted.
    pub enforce: bool,
    /// Its requests per second.
    pub second: ThrottleUsage,
}

/// Requests per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThrottleUsage {
    /// The most requests at once.
    pub burst: u32,
    /// How many requests may come at once now.
    pub remaining: u32,
    /// How many requests come back in a second.
    pub requests_per_second: Rate,
}

/// Requests of a UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DailyUsage {
    /// How many requests the client may send in a day; `null` is unlimited.
    pub quota: Option<u64>,
    /// How many are left today; `null` is unlimited.
    pub remaining: Option<u64>,
    /// When the next day starts.
    pub resets_at: UnixSeconds,
    /// How many were used today.
    pub used: u64,
}

/// `GET /admin/clients/{client_id}/usage`: a client's requests, day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientUsage {
    /// The client.
    pub client_id: ClientId,
    /// The days before today, the latest first.
    pub days_before: Vec<UsedOnDay>,
    /// Whether a request over a limit is refused, or only counted.
    pub enforce: bool,
    /// Today; `null` while the server cannot count.
    pub today: Option<UsedToday>,
}

/// Requests of a UTC day that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedOnDay {
    /// The day, as `YYYY-MM-DD`.
    pub day: String,
    /// How many requests were used.
    pub used: u64,
}

/// Requests of this UTC day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedToday {
    /// The day, as `YYYY-MM-DD`.
    pub day: String,
    /// How many requests the client may send in a day; `null` is unlimited.
    pub quota: Option<u64>,
    /// How many are left today; `null` is unlimited.
    pub remaining: Option<u64>,
    /// When the next day starts.
    pub resets_at: UnixSeconds,
    /// How many were used today.
    pub used: u64,
}
