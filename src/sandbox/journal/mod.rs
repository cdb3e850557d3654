//! The journal: what the newest requests were, and what was answered.
//!
//! It is bounded by a number of requests and by bytes. A request is recorded when its answer ends, before its last bytes
//! are sent: so a client that has an answer finds its request here. Numbers say in which order that was, and lead a reader
//! from one page to the next. Writers take a lock for the time that it takes to store a pointer; readers take it for a few
//! hundred requests at a time, and look at those without it. Nothing stored has a token or a secret ([`redaction`]).

pub(crate) mod connections;
pub(crate) mod filter;
pub(crate) mod recorded;
pub(crate) mod redaction;
mod ring;
pub(crate) mod texts;
pub(crate) mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use self::connections::Connections;
use self::recorded::Recorded;
pub(crate) use self::ring::Numbered;
use self::ring::{Ring, Slice};
use self::texts::Part;

/// How many requests are copied out of the ring at a time.
const BATCH: usize = 256;
/// The most followers at once.
pub(crate) const MAX_FOLLOWERS: usize = 16;

/// The requests of a sandbox, as far as it remembers them.
#[derive(Debug)]
pub struct Journal {
    ring: Mutex<Ring>,
    /// What the open connections have negotiated.
    pub(crate) connections: Arc<Connections>,
    /// The number of the newest request, for followers.
    newest: watch::Sender<u64>,
    is_closed: AtomicBool,
}

/// A part of the journal.
#[derive(Debug)]
pub(crate) struct Page {
    /// What was looked for.
    pub(crate) requests: Vec<Numbered>,
    /// The number before which there is more; `None` at the end.
    pub(crate) more_before: Option<u64>,
}

/// The request that an id leads to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) request: Arc<Recorded>,
    /// How many other requests have the same id: a caller may choose an id twice.
    pub(crate) others: usize,
}

impl Journal {
    /// A journal of at most `max_requests` requests.
    #[must_use]
    pub fn new(max_requests: usize) -> Self {
        Self {
            ring: Mutex::new(Ring::new(max_requests)),
            connections: Arc::default(),
            newest: watch::Sender::new(0),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Stores a request.
    pub(crate) fn record(&self, request: Recorded) {
        let request = Arc::new(request);
        let (number, evicted) = self.ring().push(request);
        drop(evicted);
        // A follower subscribes before it reads the ring: one that is not counted here finds the request there.
        if self.newest.receiver_count() > 0 {
            self.newest.send_replace(number);
        }
    }

    /// At most `limit` requests before the number `before` that are `wanted`, the newest first.
    pub(crate) fn newest(&self, before: Option<u64>, limit: usize, wanted: impl Fn(u64, &Recorded) -> bool) -> Page {
        let mut requests = Vec::new();
        let mut before = before.unwrap_or(u64::MAX);
        loop {
            let batch = self.ring().before(before, BATCH);
            if batch.is_empty() {
                return Page { requests, more_before: None };
            }
            for (number, request) in batch {
                if requests.len() == limit {
                    return Page { requests, more_before: Some(number + 1) };
                }
                before = number;
                if wanted(number, &request) {
                    requests.push((number, request));
                }
            }
        }
    }

    /// How many requests are `wanted`.
    pub(crate) fn count(&self, wanted: impl Fn(u64, &Recorded) -> bool) -> usize {
        let mut count = 0;
        let mut before = u64::MAX;
        loop {
            let batch = self.ring().before(before, BATCH);
            let Some((oldest, _)) = batch.last() else { return count };
            before = *oldest;
            count += batch.iter().filter(|(number, request)| wanted(*number, request)).count();
        }
    }

    /// The newest request with this id.
    pub(crate) fn find(&self, request_id: &str) -> Option<Found> {
        let page = self.newest(None, usize::MAX, |_, request| request.text(Part::RequestId) == request_id);
        let others = page.requests.len().saturating_sub(1);
        let (number, request) = page.requests.into_iter().next()?;
        Some(Found { number, request, others })
    }

    /// How many requests it has at most.
    pub(crate) fn max_requests(&self) -> usize {
        self.ring().max_requests()
    }

    /// The number of the newest request so far; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.ring().last()
    }

    /// Forgets every request. Numbers go on.
    pub(crate) fn clear(&self) {
        let cleared = self.ring().clear();
        drop(cleared);
    }

    /// How many requests there are, and how many bytes they cost.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.ring().size()
    }

    /// Whether a number is not of this journal: it was not given out yet, so it is of the one before a restart.
    pub(crate) fn is_foreign(&self, number: u64) -> bool {
        number > self.last()
    }

    /// Follows the journal from the request after the number `after` on, or from its beginning if that is not its number;
    /// `None` if [`MAX_FOLLOWERS`] already do.
    pub(crate) fn follow(&self, after: u64) -> Option<Follower> {
        let newest = self.newest.subscribe();
        let is_lost = self.is_foreign(after);
        let after = if is_lost { 0 } else { after };
        (self.newest.receiver_count() <= MAX_FOLLOWERS).then(|| Follower { newest, after, is_lost, has_begun: false })
    }

    /// Waits for what a follower sees next. Nothing is lost if the caller waits no longer.
    pub(crate) async fn next(&self, follower: &mut Follower) -> Followed {
        loop {
            if self.is_closed.load(Ordering::Relaxed) {
                return Followed::End;
            }
            let _seen = *follower.newest.borrow_and_update();
            let Slice { requests, missed } = self.ring().after(follower.after, BATCH);
            let has_restarted = std::mem::take(&mut follower.is_lost);
            if missed > 0 || has_restarted {
                follower.after += missed;
                let (after, is_too_slow) = (follower.after, follower.has_begun);
                return Followed::Missed { count: missed, after, has_restarted, is_too_slow };
            }
            follower.has_begun = true;
            if let Some((last, _)) = requests.last() {
                follower.after = *last;
                return Followed::Requests(requests);
            }
            if follower.newest.changed().await.is_err() {
                return Followed::End;
            }
        }
    }

    /// Ends every follower, for a stop of the server.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.newest.send_modify(|_| ());
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads requests as they are recorded, at its own speed. It has no queue: one that is slower than the ring misses what
/// had to make room.
#[derive(Debug)]
pub(crate) struct Follower {
    newest: watch::Receiver<u64>,
    after: u64,
    /// Whether it came with a number of another journal, and does not know it yet.
    is_lost: bool,
    has_begun: bool,
}

impl Follower {
    /// The number after which it reads.
    pub(crate) fn after(&self) -> u64 {
        self.after
    }
}

/// What a follower sees next.
#[derive(Debug)]
pub(crate) enum Followed {
    /// More requests, the oldest first.
    Requests(Vec<Numbered>),
    /// So many requests had to make room before they were read; it goes on after the number `after`. A follower that has
    /// begun is too slow, and ends here. After a restart, what the journal before it had is missed too.
    Missed { count: u64, after: u64, has_restarted: bool, is_too_slow: bool },
    /// The server stops.
    End,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::recorded::tests::recorded;
    use super::*;

    fn journal(max_requests: usize) -> Journal {
        Journal::new(max_requests)
    }

    fn record(journal: &Journal, id: &str) {
        journal.record(Arc::into_inner(recorded(id, 10)).unwrap());
    }

    fn ids(requests: &[Numbered]) -> Vec<&str> {
        requests.iter().map(|(_, request)| request.text(Part::RequestId)).collect()
    }

    #[test]
    fn pages_lead_to_every_request_once_while_more_come() {
        let journal = journal(10_000);
        for place in 0..1_000 {
            record(&journal, &place.to_string());
        }
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = journal.newest(before, 7, |_, request| request.text(Part::RequestId).ends_with('3'));
            seen.extend(page.requests.iter().map(|(number, _)| *number));
            record(&journal, "13");
            before = page.more_before;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..1_000).rev().filter(|place| place % 10 == 3).map(|place| place + 1).collect::<Vec<u64>>());
        assert_eq!(journal.count(|_, request| request.text(Part::RequestId) == "13"), 1 + 15);
    }

    #[test]
    fn an_id_that_was_sent_twice_is_that_of_the_newer_request_which_has_another_beside_it() {
        let journal = journal(10);
        for id in ["a", "b", "a", "c"] {
            record(&journal, id);
        }
        let found = |id| journal.find(id).map(|found| (found.number, found.others));
        assert_eq!((found("a"), found("b")), (Some((3, 1)), Some((2, 0))));
        assert!(journal.find("d").is_none());
        journal.clear();
        assert!(journal.find("a").is_none());
        assert_eq!(journal.last(), 4);
    }

    #[test]
    fn a_follower_sees_each_request_once_and_one_that_is_too_slow_learns_what_it_missed() {
        let journal = journal(3);
        record(&journal, "1");
        let mut follower = journal.follow(0).unwrap();
        let next = |follower: &mut Follower| journal.next(follower).now_or_never();
        let Some(Followed::Requests(requests)) = next(&mut follower) else { panic!("the first") };
        assert_eq!(ids(&requests), ["1"]);
        assert!(next(&mut follower).is_none());
        record(&journal, "2");
        let Some(Followed::Requests(requests)) = next(&mut follower) else { panic!("the second") };
        assert_eq!(ids(&requests), ["2"]);
        for id in 3..=7 {
            record(&journal, &id.to_string());
        }
        assert!(matches!(next(&mut follower), Some(Followed::Missed { count: 2, is_too_slow: true, .. })));

        let mut late = journal.follow(1).unwrap();
        assert!(matches!(next(&mut late), Some(Followed::Missed { count: 3, is_too_slow: false, .. })));
        let Some(Followed::Requests(requests)) = next(&mut late) else { panic!("the rest") };
        assert_eq!(ids(&requests), ["5", "6", "7"]);
        journal.close();
        assert!(matches!(next(&mut late), Some(Followed::End)));
    }

    #[test]
    fn there_are_only_so_many_followers() {
        let journal = journal(3);
        let mut followers: Vec<_> = (0..MAX_FOLLOWERS).map(|_| journal.follow(0).unwrap()).collect();
        assert!(journal.follow(0).is_none());
        followers.pop();
        assert!(journal.follow(0).is_some());
    }
}
