//! How much a client may call: what registration assigns, and the throttle and the quota hold it to.

mod full_at;

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use self::full_at::{FullAt, Mode, full_in};

/// How much a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Limits {
    /// Permits that come back in a second.
    pub requests_per_second: Rate,
    /// Permits that may be used at once after a rest.
    pub burst: u32,
    /// Requests in a UTC day; `null` is unlimited.
    pub daily_quota: Option<u64>,
    /// Whether what is over a limit is refused, or only counted and reported.
    pub enforce: bool,
}

/// The most that a client may call without the report that is required of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnprovenLimits {
    /// Permits that come back in a second.
    pub requests_per_second: Rate,
    /// Permits that may be used at once after a rest.
    pub burst: u32,
    /// Requests in a UTC day; `null` is unlimited.
    pub daily_quota: Option<u64>,
}

impl Default for UnprovenLimits {
    fn default() -> Self {
        Self { requests_per_second: Rate::per_second(1), burst: 5, daily_quota: Some(500) }
    }
}

impl UnprovenLimits {
    /// `assigned`, where that is lower than these limits.
    #[must_use]
    pub fn lower(self, assigned: Limits) -> Limits {
        Limits {
            requests_per_second: assigned.requests_per_second.min(self.requests_per_second),
            burst: assigned.burst.min(self.burst),
            daily_quota: [assigned.daily_quota, self.daily_quota].into_iter().flatten().min(),
            enforce: assigned.enforce,
        }
    }
}

/// Requests per second: 0.001 to 1,000,000, to a millionth. In JSON a number, without a fraction where it has none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

/// Not a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0.001 to 1000000, with at most six decimals")]
pub struct RateFault;

/// What a rate is counted in, for each request per second.
const MILLIONTHS: u64 = 1_000_000;
const ONE: NonZeroU64 = NonZeroU64::MIN.saturating_add(MILLIONTHS - 1);
const MIN_MILLIONTHS: u64 = 1_000;
const MAX_MILLIONTHS: u64 = 1_000_000 * MILLIONTHS;

impl Rate {
    /// So many requests a second: at least 1, at most 1,000,000.
    #[must_use]
    pub const fn per_second(requests: u32) -> Self {
        let millionths = requests as u64 * MILLIONTHS;
        let capped = if millionths > MAX_MILLIONTHS { MAX_MILLIONTHS } else { millionths };
        match NonZeroU64::new(capped) {
            Some(capped) => Self(capped),
            None => Self(ONE),
        }
    }

    /// The rate that a number of JSON or TOML stands for.
    pub fn parse(number: f64) -> Result<Self, RateFault> {
        if !(0.000_1..=2_000_000.0).contains(&number) {
            return Err(RateFault);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was held to a range that fits")]
        let millionths = (number * 1e6).round() as u64;
        let rate = NonZeroU64::new(millionths).map(Self).ok_or(RateFault)?;
        // A number with more decimals is another one than its millionths are.
        let is_exact = rate.as_f64().to_bits() == number.to_bits();
        if is_exact && (MIN_MILLIONTHS..=MAX_MILLIONTHS).contains(&millionths) { Ok(rate) } else { Err(RateFault) }
    }

    /// The nanoseconds after which one request comes back.
    #[must_use]
    pub const fn nanos_per_request(self) -> u64 {
        MILLIONTHS * 1_000_000_000 / self.0.get()
    }

    /// The seconds in which so many requests come back, rounded up.
    #[must_use]
    pub const fn seconds_for(self, requests: u32) -> u64 {
        (requests as u64 * MILLIONTHS).div_ceil(self.0.get())
    }

    #[allow(clippy::cast_precision_loss, reason = "at most 10^12, which a double holds exactly")]
    fn as_f64(self) -> f64 {
        self.0.get() as f64 / 1e6
    }
}

impl From<u32> for Rate {
    fn from(requests: u32) -> Self {
        Self::per_second(requests)
    }
}

impl FromStr for Rate {
    type Err = RateFault;

    fn from_str(text: &str) -> Result<Self, RateFault> {
        text.parse().map_err(|_| RateFault).and_then(Self::parse)
    }
}

/// As people and JSON write it: `10`, `0.5`.
impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_f64(), out)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.get().is_multiple_of(MILLIONTHS) {
            serializer.serialize_u64(self.0.get() / MILLIONTHS)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = f64;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number of requests per second")
            }

            fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }

            #[allow(clippy::cast_precision_loss, reason = "what a double does not hold is out of range")]
            fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
                Ok(number as f64)
            }
        }

        Self::parse(deserializer.deserialize_any(Number)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_a_number_of_at_most_six_decimals() {
        for (text, json) in [
            ("1", "1"),
            ("10", "10"),
            ("1e0", "1"),
            ("2.0", "2"),
            ("0.5", "0.5"),
            ("0.25", "0.25"),
            ("0.001", "0.001"),
            ("0.016667", "0.016667"),
            ("2.5", "2.5"),
            ("0.1", "0.1"),
            ("333.333333", "333.333333"),
            ("1000000", "1000000"),
            ("999999.999999", "999999.999999"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&rate).unwrap(), json, "{text}");
            assert_eq!(rate.to_string(), json, "{text}");
            assert_eq!(serde_json::from_str::<Rate>(text).unwrap(), rate, "{text}");
        }
        for text in
            ["0", "-0.5", "0.0001", "0.0009999", "0.3333333", "1000000.5", "1000001", "1e300", "NaN", "inf", "x", ""]
        {
            assert_eq!(text.parse::<Rate>(), Err(RateFault), "{text}");
        }
        for json in ["null", "\"1\"", "-1", "0", "[1]", "true"] {
            assert!(serde_json::from_str::<Rate>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_whole_rate_is_what_records_have_had_before() {
        assert_eq!(serde_json::from_str::<Rate>("10").unwrap(), Rate::per_second(10));
        assert_eq!((Rate::per_second(0), Rate::per_second(u32::MAX)), (1.into(), 1_000_000.into()));
    }

    #[test]
    fn a_burst_comes_back_in_whole_seconds() {
        for (rate, burst, seconds) in
            [("0.5", 1, 2), ("0.5", 3, 6), ("2", 3, 2), ("0.001", 1, 1_000), ("0.3", 1, 4), ("3", 0, 0)]
        {
            assert_eq!(rate.parse::<Rate>().unwrap().seconds_for(burst), seconds, "{burst} at {rate}");
        }
        assert_eq!("0.5".parse::<Rate>().unwrap().nanos_per_request(), 2_000_000_000);
        assert_eq!(Rate::per_second(3).nanos_per_request(), 333_333_333);
    }

    #[test]
    fn without_a_report_each_limit_is_the_lower_of_two() {
        let unproven = UnprovenLimits { requests_per_second: 2.into(), burst: 5, daily_quota: Some(500) };
        let limits = |rate: u32, burst, daily_quota, enforce| Limits {
            requests_per_second: rate.into(),
            burst,
            daily_quota,
            enforce,
        };
        assert_eq!(unproven.lower(limits(10, 20, Some(10_000), true)), limits(2, 5, Some(500), true));
        assert_eq!(unproven.lower(limits(1, 20, Some(7), false)), limits(1, 5, Some(7), false));
        assert_eq!(unproven.lower(limits(10, 1, None, true)), limits(2, 1, Some(500), true));
        let no_quota = UnprovenLimits { daily_quota: None, ..unproven };
        assert_eq!(no_quota.lower(limits(10, 20, None, true)).daily_quota, None);
        assert_eq!(no_quota.lower(limits(10, 20, Some(9), true)).daily_quota, Some(9));
    }

    proptest! {
        #[test]
        fn every_rate_reads_back(millionths in MIN_MILLIONTHS..=MAX_MILLIONTHS) {
            let rate = Rate(NonZeroU64::new(millionths).unwrap());
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            prop_assert_eq!(serde_json::from_str::<Rate>(&serde_json::to_string(&rate).unwrap()).unwrap(), rate);
        }

        #[test]
        fn no_number_panics(number in any::<f64>()) {
            let _ = Rate::parse(number);
        }
    }
}
