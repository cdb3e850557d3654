//! What the audit log is told of failures: sums, and a bounded number of them in an hour.
//!
//! The first failure of a client from an address is told at the next look, those that follow once an hour as
//! one sum. Beyond [`MAX_SUMS`] in an hour, and for more pairs than are kept, there is one sum of all others:
//! however many fail, however often, from wherever, the log grows by so much and no more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use crate::oauth::credentials::ClientId;
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};

/// The most pairs of client and address that are told apart at a time.
const MAX_PAIRS: usize = 1_024;
/// The most sums that are told in an hour, beside that of all others.
const MAX_SUMS: usize = 100;

/// Who failed, from where. A name that is no registered client's is none: text of a stranger's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The registered client that was named.
    pub client_id: Option<ClientId>,
    /// The network that it was named from; `None` for many.
    pub source: Option<IpAddr>,
}

/// How often a pair has failed since it was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSummary {
    /// Who, from where; the default for all others.
    pub pair: Pair,
    /// How often; at least 1.
    pub attempts: u64,
    /// The last time.
    pub last: UnixSeconds,
}

/// What is not told yet.
#[derive(Default)]
pub(super) struct FailureLog(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    pairs: HashMap<Pair, Count, RandomState>,
    others: Count,
    /// When the hour began in which `told` sums were told.
    hour: UnixSeconds,
    told: usize,
}

#[derive(Clone, Copy, Default)]
struct Count {
    attempts: u64,
    last: UnixSeconds,
    told_at: Option<UnixSeconds>,
}

impl Count {
    fn add(&mut self, now: UnixSeconds) {
        self.attempts = self.attempts.saturating_add(1);
        self.last = now;
    }

    /// Whether there is something to tell, and nothing was told of it within the hour.
    fn is_due(&self, now: UnixSeconds) -> bool {
        self.attempts > 0 && !self.told_at.is_some_and(|told_at| is_within_the_hour(told_at, now))
    }

    fn sum(&self, pair: &Pair) -> FailureSummary {
        FailureSummary { pair: pair.clone(), attempts: self.attempts, last: self.last }
    }
}

/// A clock that was set back starts a new hour.
fn is_within_the_hour(start: UnixSeconds, now: UnixSeconds) -> bool {
    start <= now && now.since(start) < SECONDS_PER_HOUR
}

impl FailureLog {
    pub(super) fn add(&self, pair: Pair, now: UnixSeconds) {
        let mut kept = self.lock();
        let is_full = kept.pairs.len() >= MAX_PAIRS;
        match kept.pairs.get_mut(&pair) {
            Some(count) => count.add(now),
            None if is_full => kept.others.add(now),
            None => kept.pairs.entry(pair).or_default().add(now),
        }
    }

    /// What is to be told now, the most failures first; it stays until it is [`told`](Self::told).
    pub(super) fn due(&self, now: UnixSeconds) -> Vec<FailureSummary> {
        let mut kept = self.lock();
        if !is_within_the_hour(kept.hour, now) {
            (kept.hour, kept.told) = (now, 0);
        }
        kept.pairs.retain(|_, count| {
            count.attempts > 0 || count.told_at.is_some_and(|told_at| is_within_the_hour(told_at, now))
        });
        let mut sums: Vec<FailureSummary> =
            kept.pairs.iter().filter(|(_, count)| count.is_due(now)).map(|(pair, count)| count.sum(pair)).collect();
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.attempts));
        sums.truncate(MAX_SUMS.saturating_sub(kept.told));
        sums.extend(kept.others.is_due(now).then(|| kept.others.sum(&Pair::default())));
        sums
    }

    /// All that is not told yet, in as few sums; for a stop.
    pub(super) fn remaining(&self) -> Vec<FailureSummary> {
        let mut kept = self.lock();
        let kept = &mut *kept;
        let mut sums: Vec<FailureSummary> =
            kept.pairs.iter().filter(|(_, count)| count.attempts > 0).map(|(pair, count)| count.sum(pair)).collect();
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.attempts));
        for sum in sums.split_off(sums.len().min(MAX_SUMS)) {
            kept.pairs.remove(&sum.pair);
            kept.others.attempts = kept.others.attempts.saturating_add(sum.attempts);
            kept.others.last = kept.others.last.max(sum.last);
        }
        sums.extend((kept.others.attempts > 0).then(|| kept.others.sum(&Pair::default())));
        sums
    }

    /// A sum is in the log.
    pub(super) fn told(&self, sum: &FailureSummary, now: UnixSeconds) {
        let mut kept = self.lock();
        let count = if sum.pair == Pair::default() {
            Some(&mut kept.others)
        } else {
            kept.told += 1;
            kept.pairs.get_mut(&sum.pair)
        };
        if let Some(count) = count {
            count.attempts = count.attempts.saturating_sub(sum.attempts);
            count.told_at = Some(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it is held; were it so, the numbers would still be whole.
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

    /// Looks, and tells what is due.
    fn tell(log: &FailureLog, now: UnixSeconds) -> Vec<(Option<IpAddr>, u64)> {
        let due = log.due(now);
        for sum in &due {
            log.told(sum, now);
        }
        due.into_iter().map(|sum| (sum.pair.source, sum.attempts)).collect()
    }

    #[test]
    fn the_first_failure_is_told_soon_and_the_others_once_an_hour() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(tell(&log, NOON), [(pair(1).source, 1)]);
        for minute in 1..60 {
            log.add(pair(1), NOON.plus(minute * 60));
            assert_eq!(tell(&log, NOON.plus(minute * 60)), []);
        }
        log.add(pair(2), NOON.plus(3_000));
        assert_eq!(tell(&log, NOON.plus(3_000)), [(pair(2).source, 1)], "another address");
        assert_eq!(tell(&log, NOON.plus(3_600)), [(pair(1).source, 59)]);
        assert_eq!(tell(&log, NOON.plus(7_200)), []);
        assert_eq!(log.lock().pairs.len(), 0, "what is quiet is forgotten");
    }

    #[test]
    fn what_is_not_told_yet_stays_and_a_stop_tells_all() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(log.due(NOON), log.due(NOON));
        assert_eq!(tell(&log, NOON).len(), 1);
        log.add(pair(1), NOON);
        assert_eq!(log.due(NOON), []);
        let rest = log.remaining();
        assert_eq!(rest, [FailureSummary { pair: pair(1), attempts: 1, last: NOON }]);
        log.told(&rest[0], NOON);
        assert_eq!(log.remaining(), []);
    }

    #[test]
    fn a_flood_is_told_in_a_bounded_number_of_sums_and_none_of_it_is_lost() {
        let log = FailureLog::default();
        let source = |number: u32| Pair { client_id: None, source: Some(number.to_be_bytes().into()) };
        let (mut told, mut attempts, flood) = (0, 0, 100_000);
        for number in 0..flood {
            log.add(source(number), NOON.plus(u64::from(number / 100)));
            if number % 1_000 == 0 {
                let sums = tell(&log, NOON.plus(u64::from(number / 100)));
                told += sums.len();
                attempts += sums.iter().map(|(_, attempts)| attempts).sum::<u64>();
            }
        }
        assert!(told <= MAX_SUMS + 1, "{told} within the hour");
        let rest = log.remaining();
        assert!(rest.len() <= MAX_SUMS + 1, "{}", rest.len());
        attempts += rest.iter().map(|sum| sum.attempts).sum::<u64>();
        assert_eq!(attempts, u64::from(flood));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_the_log() {
        let log = FailureLog::default();
        log.add(pair(1), NOON);
        assert_eq!(tell(&log, NOON).len(), 1);
        let earlier = UnixSeconds::new(NOON.get() - 86_400);
        log.add(pair(1), earlier);
        assert_eq!(tell(&log, earlier).len(), 1);
    }
}
