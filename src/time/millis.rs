//! Real time to the millisecond, for what people order by eye: two requests of one second.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::UnixSeconds;

/// A moment: whole milliseconds since 1970-01-01T00:00:00Z. In text and in JSON it is RFC 3339 in UTC, always with three
/// decimals, so that two moments sort as their texts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The moment `millis` after the epoch.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment so long after the epoch.
    #[must_use]
    pub fn after_epoch(since_epoch: Duration) -> Self {
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads RFC 3339, any offset. `None` before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = UnixSeconds::new(self.0 / 1_000).to_string();
        write!(out, "{}.{:03}Z", seconds.trim_end_matches('Z'), self.0 % 1_000)
    }
}

impl Serialize for UnixMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnixMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time, such as 2026-01-25T15:13:21.042Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_three_decimals_and_reads_back() {
        for text in ["1970-01-01T00:00:00.000Z", "2026-01-25T15:13:21.042Z", "2026-01-25T15:13:21.900Z"] {
            assert_eq!(UnixMillis::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(UnixMillis::parse("2026-01-25T16:13:21.5+01:00").unwrap().to_string(), "2026-01-25T15:13:21.500Z");
        assert_eq!(UnixMillis::parse("yesterday"), None);
    }
}
