//! Spans of time as people write them: `90m`, `1h30m`, `2d`, `700ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{SECONDS_PER_DAY, SECONDS_PER_HOUR};

/// What a span looks like, for messages.
pub const SPAN_FORM: &str = "a span such as 700ms, 10s, 90m, 1h30m or 2d";

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", SECONDS_PER_DAY * 1_000), ("h", SECONDS_PER_HOUR * 1_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a span: whole numbers with a unit each, the largest unit first and each unit once. A number without a unit is
/// refused, because one reader would take it for seconds and the next for milliseconds.
#[must_use]
pub fn parse_span(text: &str) -> Option<Duration> {
    let (mut rest, mut total_ms, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|letter: char| !letter.is_ascii_digit())?)?;
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let (_, unit_ms) = units.get(at)?;
        total_ms = total_ms.checked_add(number.parse::<u64>().ok()?.checked_mul(*unit_ms)?)?;
        units = units.get(at + 1..)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total_ms))
}

/// A span of time in whole milliseconds, in JSON as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// Not a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {SPAN_FORM}")]
pub struct SpanFault;

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// So many days.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self::from_secs(days.saturating_mul(super::SECONDS_PER_DAY))
    }

    /// Its milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The same as the standard library has it.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// Parts of a millisecond are dropped.
impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Span {
    type Err = SpanFault;

    fn from_str(text: &str) -> Result<Self, SpanFault> {
        parse_span(text).map(Self::from).ok_or(SpanFault)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return out.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor) in UNITS {
            if rest >= factor {
                write!(out, "{}{unit}", rest / factor)?;
            }
            rest %= factor;
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_span_is_whole_numbers_with_a_unit_each() {
        for (text, ms) in [
            ("700ms", 700),
            ("10s", 10_000),
            ("90m", 5_400_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ] {
            assert_eq!(parse_span(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "90",
            "m",
            "1.5h",
            "-1s",
            "+1s",
            "1 h",
            " 1h",
            "1h ",
            "30m1h",
            "1m1m",
            "1w",
            "1H",
            "1h30",
            "99999999999999999999s",
            "18446744073709551615d",
            "1hä",
        ] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_with_the_largest_units_that_it_has() {
        for (text, shown) in [("0ms", "0s"), ("90s", "1m30s"), ("90m", "1h30m"), ("24h", "1d"), ("1d1ms", "1d1ms")] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_span_reads_back(millis in any::<u64>()) {
            prop_assert_eq!(Span(millis).to_string().parse::<Span>(), Ok(Span(millis)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Span>();
        }
    }
}
