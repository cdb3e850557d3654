//! `GET /admin/terms`: what a client may be registered with.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::{Limits, UnprovenLimits};

/// What this server offers to clients, and what it gives to one that asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrationPolicy {
    /// Every scope token that a client may be assigned.
    pub scopes: BTreeSet<String>,
    /// Every API set that a client may be granted; the first is this server's own API.
    pub audiences: Vec<String>,
    /// How long access tokens may live, in seconds.
    pub token_ttl: TtlBounds,
    /// What a client gets that does not ask for it.
    pub client_defaults: ClientDefaults,
}

/// The shortest and the longest time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TtlBounds {
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
}

/// What a client gets that does not ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientDefaults {
    /// How long its access tokens live, in seconds.
    pub token_ttl: u64,
    /// How much it may call.
    #[serde(flatten)]
    pub limits: Limits,
    /// The most that it may call without the report that is required of it.
    #[serde(default)]
    pub unproven: UnprovenLimits,
}

impl TtlBounds {
    /// All that is within the bounds.
    #[must_use]
    pub fn range(self) -> RangeInclusive<u64> {
        self.min..=self.max
    }
}

#[cfg(test)]
impl RegistrationPolicy {
    /// A small policy.
    pub(crate) fn example() -> Self {
        Self {
            scopes: ["read:zones", "write:zones"].map(str::to_owned).into(),
            audiences: vec!["public".to_owned(), "other".to_owned()],
            token_ttl: TtlBounds { min: 3_600, max: 86_400 },
            client_defaults: ClientDefaults {
                token_ttl: 3_600,
                limits: Limits { requests_per_second: 10.into(), burst: 20, daily_quota: Some(10_000), enforce: true },
                unproven: UnprovenLimits::default(),
            },
        }
    }
}
