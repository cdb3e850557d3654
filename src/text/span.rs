//! A span of time in words.

use std::time::Duration;

/// The span in its one or two largest units, never shorter than it is: `2.4 s`, `12 s`, `5 min 3 s`, `2 h 10 min`.
#[must_use]
pub(crate) fn span(duration: Duration) -> String {
    let tenths = duration.as_millis().div_ceil(100);
    if tenths < 100 {
        let (seconds, tenth) = (tenths / 10, tenths % 10);
        return if tenth == 0 { format!("{seconds} s") } else { format!("{seconds}.{tenth} s") };
    }
    let seconds = duration.as_millis().div_ceil(1_000);
    let (whole, rest, units) = match seconds {
        ..60 => return format!("{seconds} s"),
        60..3_600 => (seconds / 60, seconds % 60, ["min", "s"]),
        3_600..172_800 => (seconds.div_ceil(60) / 60, seconds.div_ceil(60) % 60, ["h", "min"]),
        _ => (seconds.div_ceil(3_600) / 24, seconds.div_ceil(3_600) % 24, ["days", "h"]),
    };
    let [unit, smaller] = units;
    if rest == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {smaller}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most_and_is_never_too_short() {
        for (ms, words) in [
            (0, "0 s"),
            (1, "0.1 s"),
            (2_301, "2.4 s"),
            (9_900, "9.9 s"),
            (9_901, "10 s"),
            (12_001, "13 s"),
            (59_001, "1 min"),
            (303_000, "5 min 3 s"),
            (7_800_000, "2 h 10 min"),
            (86_400_000, "24 h"),
            (172_800_000, "2 days"),
            (190_000_000, "2 days 5 h"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), words, "{ms}");
        }
    }
}
