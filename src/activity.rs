//! What clients did lately: their requests in each 5 seconds of the last 15 minutes, and when each was last seen.
//!
//! Only in memory, since the start. No request notes anything here: every 5 seconds a sampler compares the counters that
//! limits and refusals have in any case. Bounded: some words for each client that has called, and the buckets of at most
//! [`MAX_RECORDED`] clients that have called within 15 minutes, 1.5 KB each.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::activity::{BUCKET_S, BUCKETS, RequestCounts};
use crate::oauth::credentials::ClientId;
use crate::time::{Day, UnixSeconds};

/// The most clients that have buckets.
const MAX_RECORDED: usize = 2_048;
/// The buckets of a minute.
const PER_MINUTE: u64 = 60 / BUCKET_S;
/// How many buckets a client has in memory: with the one that is open.
const IN_MEMORY: usize = BUCKETS + 1;

/// What all clients did lately.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
}

/// What one client did lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recent {
    /// The buckets that are closed, the oldest first; `None` where others have all that there may be.
    pub(crate) buckets: Option<Vec<RequestCounts>>,
    /// The requests since then.
    pub(crate) current: RequestCounts,
    /// When the last bucket was closed.
    pub(crate) ended_at: UnixSeconds,
}

#[derive(Debug)]
struct State {
    since: UnixSeconds,
    clients: HashMap<ClientId, Seen>,
    /// The number of the bucket that is open.
    open: u64,
    ended_at: UnixSeconds,
    /// How many clients have buckets.
    recorded: usize,
}

/// A client that has called.
#[derive(Debug)]
struct Seen {
    at: UnixSeconds,
    /// How many requests were counted on this day when they were last compared.
    day: Day,
    counted: u64,
    /// How many refused requests are still to be taken from those that were counted.
    owed: u64,
    buckets: Option<Box<Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    /// By their numbers, again from the start after the last place.
    places: [Counts; IN_MEMORY],
    /// The number of the last bucket that is not empty.
    last: u64,
}

/// The requests of a bucket. Small, because there are many.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    admitted: u32,
    refused: u32,
}

impl Activity {
    /// Nobody has called yet. `since` is by the clock of the server, `started_at` by that of the machine.
    pub(crate) fn new(since: UnixSeconds, started_at: UnixSeconds) -> Self {
        let state = State { since, clients: HashMap::new(), open: 0, ended_at: started_at, recorded: 0 };
        Self { state: Mutex::new(state) }
    }

    /// Since when requests are counted.
    pub(crate) fn since(&self) -> UnixSeconds {
        self.lock().since
    }

    /// Compares how many requests of a client were counted on a day with what they were. The difference came now.
    pub(crate) fn compare(&self, client_id: &ClientId, (day, counted): (Day, u64), now: UnixSeconds) {
        let mut state = self.lock();
        let before = state.clients.get(client_id).filter(|seen| seen.day == day).map_or(0, |seen| seen.counted);
        if counted == before {
            return;
        }
        // Fewer than before: the counter was made anew.
        let came = counted.checked_sub(before).unwrap_or(counted);
        let seen = state.seen(client_id, now);
        let refused = came.min(seen.owed);
        (seen.day, seen.counted, seen.owed) = (day, counted, seen.owed - refused);
        if came > 0 {
            seen.at = now;
            let admitted = small(came - refused);
            state.add(client_id, |counts| counts.admitted = counts.admitted.saturating_add(admitted));
        }
    }

    /// So many requests of a client were refused. The limits have counted, or will have counted, `counted` of them.
    pub(crate) fn refused(&self, client_id: &ClientId, all: u64, counted: u64, now: UnixSeconds) {
        let mut state = self.lock();
        state.seen(client_id, now).at = now;
        let mut owed = counted;
        state.add(client_id, |counts| {
            let admitted = counts.admitted.saturating_sub(small(counted));
            owed -= u64::from(counts.admitted - admitted);
            counts.admitted = admitted;
            counts.refused = counts.refused.saturating_add(small(all));
        });
        state.seen(client_id, now).owed += owed;
    }

    /// Closes the bucket that is open, at this time of the machine, and opens the next one.
    pub(crate) fn next_bucket(&self, now: UnixSeconds) {
        let mut state = self.lock();
        state.open += 1;
        state.ended_at = now;
        if state.open.is_multiple_of(PER_MINUTE) {
            state.drop_old();
        }
    }

    /// When a client was last seen to call.
    pub(crate) fn last_seen(&self, client_id: &ClientId) -> Option<UnixSeconds> {
        self.lock().clients.get(client_id).map(|seen| seen.at)
    }

    /// The requests of a client in the last minute.
    pub(crate) fn last_minute(&self, client_id: &ClientId) -> RequestCounts {
        let state = self.lock();
        let Some(buckets) = state.buckets(client_id) else { return RequestCounts::default() };
        let numbers = state.open.saturating_sub(PER_MINUTE)..=state.open;
        numbers.map(|number| buckets.get(number)).fold(RequestCounts::default(), |sum, counts| RequestCounts {
            admitted: sum.admitted + counts.admitted,
            refused: sum.refused + counts.refused,
        })
    }

    /// The requests of a client in the last 15 minutes.
    pub(crate) fn recent(&self, client_id: &ClientId) -> Recent {
        let state = self.lock();
        let empty = Buckets::empty();
        let buckets = state.buckets(client_id).or((state.recorded < MAX_RECORDED).then_some(&empty));
        let closed = |buckets: &Buckets| {
            let back = (1..=BUCKETS as u64).rev();
            back.map(|back| state.open.checked_sub(back).map_or_else(RequestCounts::default, |at| buckets.get(at)))
                .collect()
        };
        Recent {
            buckets: buckets.map(closed),
            current: buckets.map_or_else(RequestCounts::default, |buckets| buckets.get(state.open)),
            ended_at: state.ended_at,
        }
    }

    /// Forgets every client, because the server goes back to another state.
    pub(crate) fn clear(&self, now: UnixSeconds) {
        let mut state = self.lock();
        state.clients.clear();
        (state.since, state.recorded) = (now, 0);
    }

    /// Forgets a client that was deleted.
    pub(crate) fn forget(&self, client_id: &ClientId) {
        let mut state = self.lock();
        if state.clients.remove(client_id).is_some_and(|seen| seen.buckets.is_some()) {
            state.recorded -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics under the lock; if some did, the numbers would still be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn seen(&mut self, client_id: &ClientId, now: UnixSeconds) -> &mut Seen {
        let first = || Seen { at: now, day: now.day(), counted: 0, owed: 0, buckets: None };
        self.clients.entry(client_id.clone()).or_insert_with(first)
    }

    fn buckets(&self, client_id: &ClientId) -> Option<&Buckets> {
        self.clients.get(client_id)?.buckets.as_deref()
    }

    /// Changes the open bucket of a client that was seen, if it may have one.
    fn add(&mut self, client_id: &ClientId, change: impl FnOnce(&mut Counts)) {
        let Some(seen) = self.clients.get_mut(client_id) else { return };
        if seen.buckets.is_none() && self.recorded < MAX_RECORDED {
            seen.buckets = Some(Box::new(Buckets::empty()));
            self.recorded += 1;
        }
        if let Some(counts) = seen.buckets.as_mut().and_then(|buckets| buckets.at(self.open)) {
            change(counts);
        }
    }

    /// Drops the buckets of clients that are all empty by now.
    fn drop_old(&mut self) {
        let oldest = self.open.saturating_sub(BUCKETS as u64);
        for seen in self.clients.values_mut() {
            if seen.buckets.take_if(|buckets| buckets.last < oldest).is_some() {
                self.recorded -= 1;
            }
        }
    }
}

impl Buckets {
    fn empty() -> Self {
        Self { places: [Counts::default(); IN_MEMORY], last: 0 }
    }

    fn get(&self, number: u64) -> RequestCounts {
        let is_in_memory = number <= self.last && self.last - number < IN_MEMORY as u64;
        let counts = self.places.get(place(number)).filter(|_| is_in_memory).copied().unwrap_or_default();
        RequestCounts { admitted: counts.admitted.into(), refused: counts.refused.into() }
    }

    /// The bucket of this number, which is the last or a later one.
    fn at(&mut self, number: u64) -> Option<&mut Counts> {
        let skipped = number.saturating_sub(self.last).min(IN_MEMORY as u64);
        for empty in (number - skipped + 1)..=number {
            if let Some(counts) = self.places.get_mut(place(empty)) {
                *counts = Counts::default();
            }
        }
        self.last = number;
        self.places.get_mut(place(number))
    }
}

fn place(number: u64) -> usize {
    // The remainder is less than a usize.
    usize::try_from(number % IN_MEMORY as u64).unwrap_or_default()
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixSeconds = UnixSeconds::new(1_767_268_800); // 2026-01-01T12:00:00Z

    fn client(number: usize) -> ClientId {
        ClientId::parse(&format!("client-{number}")).unwrap()
    }

    fn counts(admitted: u64, refused: u64) -> RequestCounts {
        RequestCounts { admitted, refused }
    }

    fn activity() -> Activity {
        Activity::new(NOON, NOON)
    }

    #[test]
    fn what_the_counters_grew_by_is_what_came_and_each_refusal_is_no_admission() {
        let (activity, one) = (activity(), client(1));
        assert_eq!(activity.last_seen(&one), None);
        activity.compare(&one, (NOON.day(), 5), NOON.plus(1));
        activity.compare(&one, (NOON.day(), 7), NOON.plus(2));
        activity.compare(&one, (NOON.day(), 7), NOON.plus(3));
        assert_eq!(activity.last_seen(&one), Some(NOON.plus(2)), "nothing came since");
        activity.refused(&one, 3, 2, NOON.plus(4));
        let recent = activity.recent(&one);
        assert_eq!(recent.current, counts(5, 3), "two were counted before their scope refused them");
        assert_eq!(recent.buckets.unwrap(), vec![counts(0, 0); BUCKETS]);
        assert_eq!((activity.last_minute(&one), activity.last_seen(&one)), (counts(5, 3), Some(NOON.plus(4))));
        assert_eq!(activity.recent(&client(2)).current, counts(0, 0));
    }

    #[test]
    fn a_refusal_may_be_known_before_its_request_is_counted() {
        let (activity, one) = (activity(), client(1));
        activity.refused(&one, 2, 2, NOON);
        activity.next_bucket(NOON);
        activity.compare(&one, (NOON.day(), 3), NOON);
        assert_eq!(activity.recent(&one).current, counts(1, 0));
        assert_eq!(activity.last_minute(&one), counts(1, 2));
    }

    #[test]
    fn a_counter_starts_again_at_midnight_and_where_it_was_made_anew() {
        let (activity, one) = (activity(), client(1));
        activity.compare(&one, (NOON.day(), 100), NOON);
        activity.compare(&one, (NOON.day().end().day(), 3), NOON.day().end());
        assert_eq!(activity.recent(&one).current, counts(103, 0));
        // A sandbox went back, and counts from 0.
        activity.compare(&one, (NOON.day().end().day(), 0), NOON.day().end());
        activity.compare(&one, (NOON.day().end().day(), 2), NOON.day().end());
        assert_eq!(activity.recent(&one).current, counts(105, 0));
    }

    #[test]
    fn the_buckets_are_those_of_the_last_fifteen_minutes() {
        let (activity, one) = (activity(), client(1));
        let mut counted = 0;
        // In bucket n come n requests, and none in every third.
        for bucket in 0..400_u64 {
            if !bucket.is_multiple_of(3) {
                counted += bucket;
                activity.compare(&one, (NOON.day(), counted), NOON);
            }
            activity.next_bucket(NOON.plus(bucket));
        }
        let recent = activity.recent(&one);
        let expected = |bucket: u64| counts(if bucket.is_multiple_of(3) { 0 } else { bucket }, 0);
        assert_eq!(recent.buckets.unwrap(), (220..400).map(expected).collect::<Vec<_>>());
        assert_eq!((recent.current, recent.ended_at), (counts(0, 0), NOON.plus(399)));
        assert_eq!(
            activity.last_minute(&one).admitted,
            (388..400).map(|bucket| expected(bucket).admitted).sum::<u64>()
        );
    }

    #[test]
    fn a_client_that_pauses_has_empty_buckets_and_later_none() {
        let (activity, one) = (activity(), client(1));
        activity.compare(&one, (NOON.day(), 9), NOON);
        (0..BUCKETS).for_each(|_| activity.next_bucket(NOON));
        assert_eq!(activity.recent(&one).buckets.unwrap().first(), Some(&counts(9, 0)));
        activity.compare(&one, (NOON.day(), 10), NOON);
        assert_eq!(activity.recent(&one).buckets.unwrap().first(), Some(&counts(9, 0)), "its place is not used again");
        activity.next_bucket(NOON);
        let buckets = activity.recent(&one).buckets.unwrap();
        assert_eq!((buckets.first(), buckets.last()), (Some(&counts(0, 0)), Some(&counts(1, 0))));
        (0..2 * BUCKETS).for_each(|_| activity.next_bucket(NOON));
        assert_eq!(activity.lock().recorded, 0);
        assert_eq!(activity.last_seen(&one), Some(NOON));
        activity.forget(&one);
        assert_eq!(activity.last_seen(&one), None);
    }

    #[test]
    fn no_more_clients_than_the_bound_have_buckets_and_the_next_has_them_once_another_is_quiet() {
        let activity = activity();
        for number in 0..=MAX_RECORDED {
            activity.compare(&client(number), (NOON.day(), 1), NOON);
        }
        let late = client(MAX_RECORDED);
        assert_eq!(activity.lock().recorded, MAX_RECORDED);
        assert_eq!((activity.recent(&late).buckets, activity.last_seen(&late)), (None, Some(NOON)));
        activity.forget(&client(0));
        activity.compare(&late, (NOON.day(), 4), NOON);
        assert_eq!(activity.recent(&late).current, counts(3, 0));
        assert_eq!(activity.lock().recorded, MAX_RECORDED);
    }
}
