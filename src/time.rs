//! Time: the only code that reads the system's clock.
//!
//! Every rule that depends on time (expiry, throttle, quota day, overlap of secrets) asks a [`Clock`], so that a test or
//! the sandbox can move the time for all of them. Wall time is whole seconds, as in tokens and the API. The throttle uses
//! monotonic time, which never runs backwards.

mod millis;
mod sandbox_clock;
mod span;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use self::millis::UnixMillis;
pub use self::sandbox_clock::{ClockFault, ClockRecord, ClockState, SandboxClock};
pub use self::span::{SPAN_FORM, Span, SpanFault, parse_span};

/// Seconds in an hour.
pub(crate) const SECONDS_PER_HOUR: u64 = 3_600;
/// Seconds in a UTC day; UTC as Unix counts it has no leap seconds.
pub(crate) const SECONDS_PER_DAY: u64 = 86_400;

/// The last second that RFC 3339 can write, 9999-12-31T23:59:59Z.
const MAX_SECONDS: u64 = 253_402_300_799;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Wall time now; may jump either way when the system's clock is set.
    fn now(&self) -> UnixSeconds;

    /// Wall time as the span since the epoch, as fine as the clock has it.
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(self.now().get())
    }

    /// Time since an arbitrary start; never runs backwards.
    fn monotonic(&self) -> Duration;
}

/// One clock for all parts of the server.
pub type SharedClock = Arc<dyn Clock>;

/// The system's own clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.since_epoch().as_secs())
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when it is advanced or set.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: UnixSeconds) -> Self {
        Self { wall_ms: AtomicU64::new(start.get().saturating_mul(1_000)), monotonic_ms: AtomicU64::new(0) }
    }

    /// Moves wall and monotonic time forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(by_ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets wall time, as an operator or NTP would; monotonic time does not move.
    pub fn set_wall(&self, to: UnixSeconds) {
        self.wall_ms.store(to.get().saturating_mul(1_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.wall_ms.load(Ordering::SeqCst) / 1_000)
    }

    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// The monotonic time of a clock, for the `governor` crate.
#[derive(Clone)]
pub struct Monotonic(pub SharedClock);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// A moment: whole seconds since 1970-01-01T00:00:00Z. It is RFC 3339 in UTC with `Z` in text and in the API's JSON, and
/// the number in a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The moment `seconds` after the epoch; the end of the year 9999 at the latest.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        if seconds > MAX_SECONDS { Self(MAX_SECONDS) } else { Self(seconds) }
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The moment `seconds` later.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self::new(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; 0 when `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The UTC day that this moment falls on.
    #[must_use]
    pub const fn day(self) -> Day {
        Day(self.0 / SECONDS_PER_DAY)
    }

    /// Reads RFC 3339, any offset; fractions of a second are dropped. `None` before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(moment.unix_timestamp()).ok().map(Self::new)
    }

    /// Reads an HTTP date, such as that of the `Date` field (RFC 9110 section 5.6.7).
    #[must_use]
    pub(crate) fn parse_http_date(text: &str) -> Option<Self> {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self::new(since_epoch.as_secs()))
    }

    /// It as an HTTP date: `Mon, 25 Jan 2021 15:13:21 GMT`.
    #[must_use]
    pub(crate) fn to_http_date(self) -> String {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(self.0))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = i64::try_from(self.0).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        match moment.and_then(|moment| moment.format(&Rfc3339).ok()) {
            Some(text) => out.write_str(&text),
            None => Err(fmt::Error),
        }
    }
}

impl Serialize for UnixSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time, such as 2026-01-25T15:13:21Z"))
    }
}

/// A UTC calendar day, the span of a daily quota. Displayed and ordered as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u64);

impl Day {
    /// The first second of the day.
    #[must_use]
    pub const fn start(self) -> UnixSeconds {
        UnixSeconds::new(self.0 * SECONDS_PER_DAY)
    }

    /// The day `days` earlier; 1970-01-01 at the earliest.
    #[must_use]
    pub const fn before(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// The first second of the next day, when a daily quota starts anew.
    #[must_use]
    pub const fn end(self) -> UnixSeconds {
        UnixSeconds::new((self.0 + 1) * SECONDS_PER_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        out.write_str(text.split('T').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_as_it_was_written() {
        for text in ["1970-01-01T00:00:00Z", "2021-01-25T15:13:21Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(UnixSeconds::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(UnixSeconds::parse("2021-01-25T16:13:21.987+01:00").unwrap().to_string(), "2021-01-25T15:13:21Z");
        assert_eq!(UnixSeconds::new(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
        for text in ["", "2021-01-25", "1969-12-31T23:59:59Z", "2021-13-01T00:00:00Z", "1611587601"] {
            assert_eq!(UnixSeconds::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_http_date_is_a_moment_in_each_of_its_three_forms() {
        for text in ["Mon, 25 Jan 2021 15:13:21 GMT", "Monday, 25-Jan-21 15:13:21 GMT", "Mon Jan 25 15:13:21 2021"] {
            assert_eq!(UnixSeconds::parse_http_date(text), UnixSeconds::parse("2021-01-25T15:13:21Z"), "{text}");
        }
        assert_eq!(UnixSeconds::parse_http_date("yesterday"), None);
        for text in ["Mon, 25 Jan 2021 15:13:21 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(UnixSeconds::parse_http_date(text).unwrap().to_http_date(), text);
        }
    }

    #[test]
    fn a_day_starts_and_ends_at_midnight_utc() {
        let day = UnixSeconds::parse("2026-02-28T23:59:59Z").unwrap().day();
        assert_eq!(day.to_string(), "2026-02-28");
        assert_eq!(day.start().to_string(), "2026-02-28T00:00:00Z");
        assert_eq!(day.end().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(day.end().day().to_string(), "2026-03-01");
    }

    #[test]
    fn setting_the_wall_clock_does_not_move_monotonic_time() {
        let clock = ManualClock::new(UnixSeconds::new(1_000));
        clock.advance(Duration::from_millis(1_500));
        clock.set_wall(UnixSeconds::new(10));
        assert_eq!((clock.now(), clock.monotonic()), (UnixSeconds::new(10), Duration::from_millis(1_500)));
    }
}
