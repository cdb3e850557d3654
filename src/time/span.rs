//! A length of time as people write it: `700ms`, `30s`, `10m`, `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The units, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole milliseconds. Text has its units: `1h30m` is one hour and thirty minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// Not a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a length of time with its unit, such as 700ms, 30s, 10m or 1h30m")]
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

    /// Reads numbers with their units, the longest unit first and each once.
    fn from_str(text: &str) -> Result<Self, SpanFault> {
        let mut rest = text;
        let mut units = UNITS.iter();
        let mut millis = 0_u64;
        while !rest.is_empty() || rest.len() == text.len() {
            let (number, unit_on) = split(rest, |letter| letter.is_ascii_digit());
            let (unit, others) = split(unit_on, |letter| letter.is_ascii_lowercase());
            let number: u64 = number.parse().map_err(|_| SpanFault)?;
            let (_, factor) = units.by_ref().find(|(name, _)| *name == unit).ok_or(SpanFault)?;
            let part = number.checked_mul(*factor).ok_or(SpanFault)?;
            millis = millis.checked_add(part).ok_or(SpanFault)?;
            rest = others;
        }
        Ok(Self(millis))
    }
}

/// What `text` starts with, and the rest.
fn split(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter| !is_part(letter)).unwrap_or(text.len()))
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
    fn a_span_is_numbers_with_their_units() {
        for (text, millis, shown) in [
            ("700ms", 700, "700ms"),
            ("0s", 0, "0s"),
            ("30s", 30_000, "30s"),
            ("90s", 90_000, "1m30s"),
            ("10m", 600_000, "10m"),
            ("90m", 5_400_000, "1h30m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1d1ms", 86_400_001, "1d1ms"),
            ("007s", 7_000, "7s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.as_millis(), span.to_string().as_str()), (millis, shown), "{text}");
        }
        let too_long = format!("{}d", u64::MAX);
        for text in
            ["", "s", "5", "5 s", "-5s", "1.5s", "5S", "5m5m", "5s1m", "5y", "5s ", "١s", "5sms", "+5s", &too_long]
        {
            assert_eq!(text.parse::<Span>(), Err(SpanFault), "{text}");
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
