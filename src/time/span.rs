//! Spans of time as people write them: `90m`, `1h30m`, `2d`, `700ms`.

use std::time::Duration;

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

/// A span as [`parse_span`] reads it, to the second: `1d2h`. Parts of a second are dropped.
#[must_use]
pub fn format_span(span: Duration) -> String {
    let mut rest_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX) / 1_000 * 1_000;
    if rest_ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit_ms) in UNITS {
        let number = rest_ms / unit_ms;
        rest_ms %= unit_ms;
        if number > 0 {
            text.push_str(&number.to_string());
            text.push_str(name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
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
        for text in ["0s", "59s", "90m", "1h30m", "2d", "1159d15h30m53s"] {
            let span = parse_span(text).unwrap();
            assert_eq!(parse_span(&format_span(span + Duration::from_millis(999))), Some(span), "{text}");
        }
        assert_eq!(format_span(Duration::from_secs(5_400)), "1h30m");
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
}
