//! `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.

use crate::time::{UnixMillis, UnixSeconds};

/// The value of a `Retry-After` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// So many seconds after the answer.
    Seconds(u64),
    /// At this moment.
    Date(UnixSeconds),
}

impl RetryAfter {
    /// Reads both forms.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let seconds = text.parse().ok().map(Self::Seconds);
        seconds.or_else(|| UnixSeconds::parse_http_date(text).map(Self::Date))
    }

    /// The moment before which no request may come. `date` is the `Date` field of the answer: the clock of a sandbox may be
    /// ahead of that of the client, and a client may go by either.
    pub(super) fn not_before(self, answered_at: UnixMillis, date: Option<&str>) -> UnixMillis {
        let after = |seconds: u64| UnixMillis::new(answered_at.get().saturating_add(seconds.saturating_mul(1_000)));
        match self {
            Self::Seconds(seconds) => after(seconds),
            Self::Date(moment) => {
                let by_own_clock = UnixMillis::new(moment.get().saturating_mul(1_000));
                let sent_at = date.and_then(UnixSeconds::parse_http_date);
                let by_servers = sent_at.filter(|sent_at| is_shifted(*sent_at, answered_at));
                by_servers.map_or(by_own_clock, |sent_at| by_own_clock.min(after(moment.since(sent_at))))
            }
        }
    }
}

/// Whether the server's clock is not that of the machine.
fn is_shifted(sent_at: UnixSeconds, answered_at: UnixMillis) -> bool {
    const SECONDS_APART: u64 = 5;
    sent_at.get().abs_diff(answered_at.get() / 1_000) > SECONDS_APART
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED_AT: UnixMillis = UnixMillis::new(1_611_587_601_250);

    #[test]
    fn both_forms_are_read() {
        assert_eq!(RetryAfter::parse("2"), Some(RetryAfter::Seconds(2)));
        let date = RetryAfter::parse("Mon, 25 Jan 2021 15:13:24 GMT");
        assert_eq!(date, Some(RetryAfter::Date(UnixSeconds::new(1_611_587_604))));
        assert_eq!(RetryAfter::parse("soon"), None);
        assert_eq!(RetryAfter::parse("-1"), None);
    }

    #[test]
    fn seconds_count_from_the_answer_and_a_date_is_a_moment() {
        let not_before = |text: &str, date| RetryAfter::parse(text).unwrap().not_before(ANSWERED_AT, date).get();
        assert_eq!(not_before("2", None), 1_611_587_603_250);
        assert_eq!(not_before("Mon, 25 Jan 2021 15:13:24 GMT", None), 1_611_587_604_000);
        let unshifted = Some("Mon, 25 Jan 2021 15:13:21 GMT");
        assert_eq!(not_before("Mon, 25 Jan 2021 15:13:24 GMT", unshifted), 1_611_587_604_000);
    }

    #[test]
    fn a_client_may_go_by_the_date_of_a_server_whose_clock_is_ahead() {
        let date = RetryAfter::parse("Mon, 25 Jan 2021 16:13:24 GMT").unwrap();
        let not_before = date.not_before(ANSWERED_AT, Some("Mon, 25 Jan 2021 16:13:21 GMT"));
        assert_eq!(not_before.get(), ANSWERED_AT.get() + 3_000);
    }
}
