//! The newest requests, in order of their numbers; bounded by how many they are, and by their bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::recorded::Recorded;

/// The most bytes of all requests together. With what allocations cost beside, a full journal is below 40 MB.
pub(super) const MAX_BYTES: usize = 32 * 1_024 * 1_024;

/// A request with its number: one more than that of the one recorded before.
pub(crate) type Numbered = (u64, Arc<Recorded>);

#[derive(Debug)]
pub(super) struct Ring {
    /// Their numbers have no gap.
    requests: VecDeque<Arc<Recorded>>,
    max_requests: usize,
    bytes: usize,
    /// The number of the next request.
    next: u64,
    /// The number of the last request that had to make room.
    evicted: u64,
}

/// Requests after a number.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) requests: Vec<Numbered>,
    /// How many had to make room before they were read.
    pub(super) missed: u64,
}

impl Ring {
    pub(super) fn new(max_requests: usize) -> Self {
        Self { requests: VecDeque::new(), max_requests: max_requests.max(1), bytes: 0, next: 1, evicted: 0 }
    }

    pub(super) fn max_requests(&self) -> usize {
        self.max_requests
    }

    /// Adds a request; returns its number, and those that had to make room. The caller drops them once it holds no lock.
    pub(super) fn push(&mut self, request: Arc<Recorded>) -> (u64, Vec<Arc<Recorded>>) {
        self.bytes += request.bytes();
        self.requests.push_back(request);
        let number = self.next;
        self.next += 1;
        let mut evicted = Vec::new();
        while self.requests.len() > self.max_requests || (self.bytes > MAX_BYTES && self.requests.len() > 1) {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.evicted = self.oldest().saturating_sub(1);
            evicted.push(oldest);
        }
        (number, evicted)
    }

    /// The number of the oldest request; of the next one if there is none.
    fn oldest(&self) -> u64 {
        self.next - self.requests.len() as u64
    }

    /// The number of the newest request so far; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// At most `most` requests before the number `before`, the newest first.
    pub(super) fn before(&self, before: u64, most: usize) -> Vec<Numbered> {
        let oldest = self.oldest();
        let end = usize::try_from(before.saturating_sub(oldest)).unwrap_or(usize::MAX).min(self.requests.len());
        let start = end.saturating_sub(most);
        let numbered = (oldest + start as u64..).zip(self.requests.range(start..end));
        let mut requests: Vec<_> = numbered.map(|(number, request)| (number, Arc::clone(request))).collect();
        requests.reverse();
        requests
    }

    /// At most `most` requests after the number `after`, the oldest first.
    pub(super) fn after(&self, after: u64, most: usize) -> Slice {
        let oldest = self.oldest();
        let missed = self.evicted.saturating_sub(after);
        let start = usize::try_from((after + 1).saturating_sub(oldest)).unwrap_or(usize::MAX).min(self.requests.len());
        let numbered = (oldest + start as u64..).zip(self.requests.range(start..)).take(most);
        Slice { requests: numbered.map(|(number, request)| (number, Arc::clone(request))).collect(), missed }
    }

    /// Takes out every request. Numbers go on: what follows the journal sees no gap.
    pub(super) fn clear(&mut self) -> VecDeque<Arc<Recorded>> {
        self.bytes = 0;
        std::mem::take(&mut self.requests)
    }

    /// How many there are, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.requests.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::recorded::tests::recorded;
    use super::*;

    fn numbers(requests: &[Numbered]) -> Vec<u64> {
        requests.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn the_oldest_make_room_and_a_reader_learns_how_many_it_missed() {
        let mut ring = Ring::new(3);
        for place in 0..5 {
            ring.push(recorded(&format!("r-{place}"), 10));
        }
        assert_eq!((ring.last(), ring.size().0), (5, 3));
        assert_eq!(numbers(&ring.before(u64::MAX, 2)), [5, 4]);
        assert_eq!(numbers(&ring.before(4, 9)), [3]);
        assert_eq!(numbers(&ring.before(1, 9)), [0; 0]);
        let slice = ring.after(3, 9);
        assert_eq!((numbers(&slice.requests), slice.missed), (vec![4, 5], 0));
        let slice = ring.after(0, 2);
        assert_eq!((numbers(&slice.requests), slice.missed), (vec![3, 4], 2));
        assert_eq!((ring.after(9, 9).requests.len(), ring.after(9, 9).missed), (0, 0));

        ring.clear();
        assert_eq!((ring.last(), ring.size()), (5, (0, 0)));
        ring.push(recorded("r-5", 10));
        let slice = ring.after(3, 9);
        assert_eq!((numbers(&slice.requests), slice.missed), (vec![6], 0), "what was cleared is not missed");
    }

    #[test]
    fn requests_of_any_size_stay_within_the_bytes() {
        let mut ring = Ring::new(1_000_000);
        for place in 0..4_000 {
            ring.push(recorded(&place.to_string(), 16_000));
            assert!(ring.size().1 <= MAX_BYTES, "{:?}", ring.size());
        }
        assert!(ring.size().0 > 1_900, "{:?}", ring.size());
        ring.push(recorded("huge", MAX_BYTES + 1));
        assert_eq!(ring.size().0, 1, "the newest is always there");
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_list_would_be(steps in proptest::collection::vec((0_usize..12, 0_u64..40, 0_usize..6), 1..80)) {
            let mut ring = Ring::new(5);
            let mut model: Vec<u64> = Vec::new();
            let mut next = 1;
            for (step, number, most) in steps {
                if step == 0 {
                    ring.clear();
                    model.clear();
                } else {
                    ring.push(recorded("r", 1));
                    model.push(next);
                    next += 1;
                    if model.len() > 5 {
                        model.remove(0);
                    }
                }
                let before: Vec<u64> = model.iter().rev().copied().filter(|one| *one < number).take(most).collect();
                let after: Vec<u64> = model.iter().copied().filter(|one| *one > number).take(most).collect();
                prop_assert_eq!(numbers(&ring.before(number, most)), before);
                prop_assert_eq!(numbers(&ring.after(number, most).requests), after);
            }
        }
    }
}
