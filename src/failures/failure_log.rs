//! What the audit log records of failures: summaries, and a bounded number of them in an hour.
//!
//! The first failure of a client from an address is due at once, later ones as one summary an hour. Beyond
//! [`MAX_SUMMARIES`] in an hour, or more than [`MAX_PAIRS`] pairs, all other failures make one summary: the log grows by so
//! much and no more, however many clients fail, however often, from wherever.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use crate::oauth::credentials::ClientId;
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};

/// The most pairs of client and address that have a summary of their own.
const MAX_PAIRS: usize = 1_024;
/// The most summaries in an hour, beside the one of all others.
const MAX_SUMMARIES: usize = 100;

/// Which client failed, from where. Text that names no registered client is not recorded: a stranger wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pair {
    /// The registered client that the request named.
    pub client_id: Option<ClientId>,
    /// The network that the request came from; `None` for many.
    pub source: Option<IpAddr>,
}

/// How often a pair has failed since its last summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSummary {
    /// Which client, from where; the default for all others.
    pub pair: Pair,
    /// How often; at least 1.
    pub attempts: u64,
    /// The last time.
    pub last: UnixSeconds,
}

/// The failures that the audit log has not recorded yet.
#[derive(Default)]
pub(super) struct FailureLog(Mutex<Counts>);

/// The same apart from the log, in a form that JSON has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Unlogged {
    by_pair: Vec<(Pair, Count)>,
    others: Count,
    hour: UnixSeconds,
    logged_in_hour: usize,
}

#[derive(Default)]
struct Counts {
    by_pair: HashMap<Pair, Count, RandomState>,
    others: Count,
    /// When the hour began in which so many summaries were logged.
    hour: UnixSeconds,
    logged_in_hour: usize,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    attempts: u64,
    last: UnixSeconds,
    logged_at: Option<UnixSeconds>,
}

impl Count {
    fn add(&mut self, now: UnixSeconds) {
        self.attempts = self.attempts.saturating_add(1);
        self.last = now;
    }

    fn was_logged_within_the_hour(&self, now: UnixSeconds) -> bool {
        self.logged_at.is_some_and(|logged_at| is_within_the_hour(logged_at, now))
    }

    fn is_due(&self, now: UnixSeconds) -> bool {
        self.attempts > 0 && !self.was_logged_within_the_hour(now)
    }

    fn summary(&self, pair: &Pair) -> FailureSummary {
        FailureSummary { pair: pair.clone(), attempts: self.attempts, last: self.last }
    }
}

/// A clock that was set back starts a new hour.
fn is_within_the_hour(start: UnixSeconds, now: UnixSeconds) -> bool {
    start <= now && now.since(start) < SECONDS_PER_HOUR
}

impl Counts {
    /// A summary of each pair whose count `is_wanted`, the most failures first.
    fn summaries(&self, is_wanted: impl Fn(&Count) -> bool) -> Vec<FailureSummary> {
        let wanted = self.by_pair.iter().filter(|(_, count)| is_wanted(count));
        let mut summaries: Vec<_> = wanted.map(|(pair, count)| count.summary(pair)).collect();
        summaries.sort_by_key(|summary| Reverse(summary.attempts));
        summaries
    }
}

impl FailureLog {
    pub(super) fn add(&self, pair: Pair, now: UnixSeconds) {
        let mut counts = self.lock();
        let is_full = counts.by_pair.len() >= MAX_PAIRS;
        match counts.by_pair.get_mut(&pair) {
            Some(count) => count.add(now),
            None if is_full => counts.others.add(now),
            None => counts.by_pair.entry(pair).or_default().add(now),
        }
    }

    /// The summaries to log now, the most failures first. A summary is due until it is
    /// [logged](Self::mark_logged).
    pub(super) fn due(&self, now: UnixSeconds) -> Vec<FailureSummary> {
        let mut counts = self.lock();
        if !is_within_the_hour(counts.hour, now) {
            (counts.hour, counts.logged_in_hour) = (now, 0);
        }
        counts.by_pair.retain(|_, count| count.attempts > 0 || count.was_logged_within_the_hour(now));
        let mut due = counts.summaries(|count| count.is_due(now));
        due.truncate(MAX_SUMMARIES.saturating_sub(counts.logged_in_hour));
        due.extend(counts.others.is_due(now).then(|| counts.others.summary(&Pair::default())));
        due
    }

    /// All failures that are not logged yet, in few summaries; for a stop.
    pub(super) fn remaining(&self) -> Vec<FailureSummary> {
        let mut counts = self.lock();
        let mut remaining = counts.summaries(|count| count.attempts > 0);
        for other in remaining.split_off(remaining.len().min(MAX_SUMMARIES)) {
            counts.by_pair.remove(&other.pair);
            counts.others.attempts = counts.others.attempts.saturating_add(other.attempts);
            counts.others.last = counts.others.last.max(other.last);
        }
        remaining.extend((counts.others.attempts > 0).then(|| counts.others.summary(&Pair::default())));
        remaining
    }

    pub(super) fn mark_logged(&self, summary: &FailureSummary, now: UnixSeconds) {
        let mut counts = self.lock();
        let count = if summary.pair == Pair::default() {
            Some(&mut counts.others)
        } else {
            counts.logged_in_hour += 1;
            counts.by_pair.get_mut(&summary.pair)
        };
        if let Some(count) = count {
            count.attempts = count.attempts.saturating_sub(summary.attempts);
            count.logged_at = Some(now);
        }
    }

    pub(super) fn capture(&self) -> Unlogged {
        let counts = self.lock();
        let Counts { by_pair, others, hour, logged_in_hour } = &*counts;
        let by_pair = by_pair.iter().map(|(pair, count)| (pair.clone(), *count)).collect();
        Unlogged { by_pair, others: *others, hour: *hour, logged_in_hour: *logged_in_hour }
    }

    pub(super) fn restore(&self, unlogged: &Unlogged) {
        let Unlogged { by_pair, others, hour, logged_in_hour } = unlogged.clone();
        *self.lock() = Counts { by_pair: by_pair.into_iter().collect(), others, hour, logged_in_hour };
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // No code panics under the lock; if some did, the numbers would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixSeconds = UnixSeconds::new(1_767_268_800);

    fn pair(number: u8) -> Pair {
        Pair { client_id: ClientId::parse("partner").ok(), source: Some([192, 0, 2, number].into()) }
    }

    /// Logs the summaries that are due.
    fn log_due(log: &FailureLog, now: UnixSeconds) -> Vec<(Option<IpAddr>, u64)> {
        let due = log.due(now);
        for summary in &due {
            log.mark_logged(summary, now);
        }
        due.into_iter().map(|summary| (summary.pair.source, summary.attempts)).collect()
    }

    #[test]
    fn the_first_failure_is_due_at_once_and_later_ones_once_an_hour() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(log_due(&log, NOON), [(pair(1).source, 1)]);
        for minute in 1..60 {
            log.add(pair(1), NOON.plus(minute * 60));
            assert_eq!(log_due(&log, NOON.plus(minute * 60)), []);
        }
        log.add(pair(2), NOON.plus(3_000));
        assert_eq!(log_due(&log, NOON.plus(3_000)), [(pair(2).source, 1)], "another address");
        assert_eq!(log_due(&log, NOON.plus(3_600)), [(pair(1).source, 59)]);
        assert_eq!(log_due(&log, NOON.plus(7_200)), []);
        assert_eq!(log.lock().by_pair.len(), 0, "a pair that is quiet for an hour is forgotten");
    }

    #[test]
    fn a_summary_is_due_until_it_is_logged_and_a_stop_logs_all() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(log.due(NOON), log.due(NOON));
        assert_eq!(log_due(&log, NOON).len(), 1);
        log.add(pair(1), NOON);
        assert_eq!(log.due(NOON), []);
        let remaining = log.remaining();
        assert_eq!(remaining, [FailureSummary { pair: pair(1), attempts: 1, last: NOON }]);
        log.mark_logged(&remaining[0], NOON);
        assert_eq!(log.remaining(), []);
    }

    #[test]
    fn a_flood_makes_a_bounded_number_of_summaries_and_no_failure_is_lost() {
        let log = FailureLog::default();
        let source = |number: u32| Pair { client_id: None, source: Some(number.to_be_bytes().into()) };
        let (mut logged, mut attempts, flood) = (0, 0, 100_000);
        for number in 0..flood {
            log.add(source(number), NOON.plus(u64::from(number / 100)));
            if number % 1_000 == 0 {
                let summaries = log_due(&log, NOON.plus(u64::from(number / 100)));
                logged += summaries.len();
                attempts += summaries.iter().map(|(_, attempts)| attempts).sum::<u64>();
            }
        }
        assert!(logged <= MAX_SUMMARIES + 1, "{logged} within the hour");
        let remaining = log.remaining();
        assert!(remaining.len() <= MAX_SUMMARIES + 1, "{}", remaining.len());
        attempts += remaining.iter().map(|summary| summary.attempts).sum::<u64>();
        assert_eq!(attempts, u64::from(flood));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_the_log() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(log_due(&log, NOON).len(), 1);
        let earlier = UnixSeconds::new(NOON.get() - 86_400);
        log.add(pair(1), earlier);
        assert_eq!(log_due(&log, earlier).len(), 1);
    }
}
