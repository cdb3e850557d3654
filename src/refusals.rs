//! The last requests that a walk refused, and why.
//!
//! Only in memory, and bounded: a number of entries, each of some kilobytes at most. An owner is a client that proved itself
//! with a token or a secret of its own; all requests that prove no client have one owner together. No owner has more than a
//! quarter of the entries, so neither a flood of forged tokens nor one client in a loop pushes out what others want to read.
//!
//! To record a refusal never waits: it goes into a queue, and the first thread that finds the entries unlocked
//! moves the queue there.

mod facts;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::facts::Facts;
use crate::admission::Reason;
use crate::api;
use crate::api::explanation::{Check, Explanation};
use crate::api::refusal::ExplainedRefusal;
use crate::counts::Label as _;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// How many refusals wait at most until they are moved to the entries. More are lost.
const MAX_WAITING: usize = 1_024;
/// The part of all entries that one owner may have.
const SHARE: usize = 4;
/// How much of a path is stored, in characters.
const MAX_PATH_CHARS: usize = 256;

/// A request that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What its walk saw.
    pub facts: Facts,
    /// Its method.
    pub method: &'static str,
    /// Its path, without what may be a secret.
    pub path: Box<str>,
    /// Why it was refused, in the words of the metrics.
    pub reason: &'static str,
    /// Its id. Its caller may have chosen it, so it may not be the only one of this id.
    pub request_id: Box<str>,
    /// Where it came from.
    pub source: Option<IpAddr>,
    /// The status of the answer.
    pub status: u16,
}

/// The last requests that were refused.
#[derive(Debug)]
pub struct Refusals {
    waiting: SyncSender<Arc<Refusal>>,
    entries: Mutex<Entries>,
    /// The most entries; 0 records nothing.
    capacity: usize,
}

/// Which refusals a reader wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that this client sent, and those that name it.
    pub client: Option<String>,
    /// Those with this reason.
    pub reason: Option<&'static str>,
    /// Those from this moment on.
    pub since: Option<UnixSeconds>,
}

/// The refusal that an id leads to.
#[derive(Clone, Debug)]
pub struct Found {
    /// The refusal.
    pub refusal: Arc<Refusal>,
    /// How many other refusals that the reader may see have the same id: a caller may choose an id twice.
    pub others: usize,
}

/// How many requests of a client were refused since somebody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewRefusals {
    /// All of them.
    pub(crate) all: u64,
    /// Those that the quota has counted before the scope refused them.
    pub(crate) counted: u64,
}

/// A part of the entries.
#[derive(Debug, Default)]
pub struct RefusalPage {
    /// The refusals, the newest first.
    pub refusals: Vec<Arc<Refusal>>,
    /// The number of the last of them, if there are more beyond.
    pub more_before: Option<u64>,
}

impl Refusals {
    /// Stores at most `capacity` refusals; with 0 none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (waiting, incoming) = sync_channel(if capacity == 0 { 0 } else { MAX_WAITING });
        let share = capacity.div_ceil(SHARE);
        let (by_number, by_owner) = (BTreeMap::new(), HashMap::new());
        let entries = Entries { incoming, by_number, by_owner, next: 0, capacity, share };
        Self { waiting, entries: Mutex::new(entries), capacity }
    }

    /// Records a refusal. Waits for nothing.
    pub fn record(&self, refusal: Refusal) {
        if self.capacity == 0 {
            return;
        }
        // A full queue means that a reader holds the entries, for a moment.
        let _is_lost = self.waiting.try_send(Arc::new(refusal)).is_err();
        if let Ok(mut entries) = self.entries.try_lock() {
            entries.take_in();
        }
    }

    /// Forgets every refusal.
    pub(crate) fn clear(&self) {
        let mut entries = self.lock();
        entries.by_number.clear();
        entries.by_owner.clear();
    }

    /// The newest refusal with this id that the client proved to be its own.
    #[must_use]
    pub fn own(&self, client_id: &ClientId, request_id: &str) -> Option<Found> {
        let entries = self.lock();
        let mut newest = entries.of_owner(Some(client_id)).filter(|refusal| *refusal.request_id == *request_id);
        let refusal = newest.next()?.clone();
        Some(Found { refusal, others: newest.count() })
    }

    /// The newest refusal with this id. One of a client comes before those that prove no client: those may have any id.
    #[must_use]
    pub fn any(&self, request_id: &str) -> Option<Found> {
        let entries = self.lock();
        let newest = || entries.by_number.values().rev().filter(|refusal| *refusal.request_id == *request_id);
        let refusal = newest().find(|refusal| refusal.owner().is_some()).or_else(|| newest().next())?.clone();
        Some(Found { refusal, others: newest().count() - 1 })
    }

    /// Up to `limit` refusals, the newest first, from the first before the number `before`.
    #[must_use]
    pub fn newest(&self, before: Option<u64>, limit: usize, wanted: &Wanted) -> RefusalPage {
        let entries = self.lock();
        let mut page = RefusalPage::default();
        let mut last = None;
        for (number, refusal) in entries.by_number.range(..before.unwrap_or(u64::MAX)).rev() {
            if !wanted.matches(refusal) {
                continue;
            }
            if page.refusals.len() == limit {
                page.more_before = last;
                break;
            }
            page.refusals.push(refusal.clone());
            last = Some(*number);
        }
        page
    }

    /// How many requests of each client were refused since the last call, with those that made room for newer ones.
    pub(crate) fn take_new(&self) -> Vec<(ClientId, NewRefusals)> {
        let mut entries = self.lock();
        let owners = entries.by_owner.iter_mut().filter(|(_, of_owner)| of_owner.new.all > 0);
        owners.filter_map(|(owner, of_owner)| Some((owner.clone()?, std::mem::take(&mut of_owner.new)))).collect()
    }

    /// Forgets the refusals of a client that was deleted: a later client with its identifier must not read them.
    pub fn forget(&self, client_id: &ClientId) {
        let mut entries = self.lock();
        for number in entries.by_owner.remove(&Some(client_id.clone())).unwrap_or_default().numbers {
            entries.by_number.remove(&number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // No code panics under the lock; if some did, the entries would still be whole.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.take_in();
        entries
    }
}

impl Wanted {
    fn matches(&self, refusal: &Refusal) -> bool {
        let names = |client: &String| {
            let sent = refusal.facts.client().map(|client| &client.client_id);
            sent.or(refusal.facts.named_client()).is_some_and(|client_id| client_id.as_str() == client)
        };
        self.client.as_ref().is_none_or(names)
            && self.reason.is_none_or(|reason| refusal.reason == reason)
            && self.since.is_none_or(|since| refusal.facts.moment() >= since)
    }
}

#[derive(Debug)]
struct Entries {
    incoming: Receiver<Arc<Refusal>>,
    by_number: BTreeMap<u64, Arc<Refusal>>,
    by_owner: HashMap<Option<ClientId>, OfOwner>,
    next: u64,
    capacity: usize,
    /// The most entries of one owner.
    share: usize,
}

/// What there is of one owner.
#[derive(Debug, Default)]
struct OfOwner {
    /// The numbers of its refusals, the oldest first.
    numbers: VecDeque<u64>,
    new: NewRefusals,
}

impl Entries {
    fn take_in(&mut self) {
        // Others may record on: the rest is for the next caller.
        for _ in 0..MAX_WAITING {
            let Ok(refusal) = self.incoming.try_recv() else { break };
            self.add(refusal);
        }
    }

    fn add(&mut self, refusal: Arc<Refusal>) {
        let owner = refusal.owner().cloned();
        let OfOwner { numbers, new } = self.by_owner.entry(owner).or_default();
        new.all += 1;
        new.counted += u64::from(refusal.reason == Reason::InsufficientScope.name());
        numbers.push_back(self.next);
        let surplus = (numbers.len() > self.share).then(|| numbers.pop_front()).flatten();
        self.by_number.insert(self.next, refusal);
        self.next += 1;
        match surplus {
            Some(number) => _ = self.by_number.remove(&number),
            None if self.by_number.len() > self.capacity => self.remove_oldest(),
            None => (),
        }
    }

    fn remove_oldest(&mut self) {
        let Some((_, oldest)) = self.by_number.pop_first() else { return };
        let owner = oldest.owner().cloned();
        // The oldest of all is the oldest of its owner.
        if let Some(of_owner) = self.by_owner.get_mut(&owner) {
            of_owner.numbers.pop_front();
            if of_owner.numbers.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
    }

    /// The refusals of an owner, the newest first.
    fn of_owner(&self, owner: Option<&ClientId>) -> impl Iterator<Item = &Arc<Refusal>> {
        let of_owner = self.by_owner.get(&owner.cloned());
        let numbers = of_owner.into_iter().flat_map(|of_owner| &of_owner.numbers).rev();
        numbers.filter_map(|number| self.by_number.get(number))
    }
}

impl Refusal {
    /// The client that sent the request, if it proves that.
    fn owner(&self) -> Option<&ClientId> {
        self.facts.client().map(|client| &client.client_id)
    }

    /// The part of a path that is stored.
    #[must_use]
    pub fn short_path(path: &str) -> Box<str> {
        match path.char_indices().nth(MAX_PATH_CHARS) {
            Some((end, _)) => format!("{}…", path.split_at(end).0).into(),
            None => path.into(),
        }
    }

    /// It as its own client may see it, and its explanation.
    fn for_client(&self) -> (api::refusal::Refusal, Explanation) {
        let explanation = self.facts.explain();
        let check = failed_check(&explanation);
        let refusal = api::refusal::Refusal {
            at: self.facts.moment(),
            check,
            client_id: self.owner().cloned(),
            method: self.method.to_owned(),
            named_client_id: None,
            path: self.path.to_string(),
            reason: self.reason.to_owned(),
            request_id: self.request_id.to_string(),
            source: None,
            status: self.status,
        };
        (refusal, explanation)
    }

    /// It as operators see it, and its explanation.
    #[must_use]
    pub fn for_operator(&self) -> (api::refusal::Refusal, Explanation) {
        let (mut refusal, explanation) = self.for_client();
        refusal.source = self.source;
        if self.owner().is_none() {
            refusal.named_client_id = self.facts.named_client().cloned();
        }
        (refusal, explanation)
    }
}

impl Found {
    /// As its own client may see it.
    #[must_use]
    pub fn for_client(&self) -> ExplainedRefusal {
        let (refusal, explanation) = self.refusal.for_client();
        ExplainedRefusal { refusal, others: self.others, explanation }
    }

    /// As operators see it.
    #[must_use]
    pub fn for_operator(&self) -> ExplainedRefusal {
        let (refusal, explanation) = self.refusal.for_operator();
        ExplainedRefusal { refusal, others: self.others, explanation }
    }
}

/// The check that refused the request. What is recorded was refused by one.
fn failed_check(explanation: &Explanation) -> Check {
    let failed = explanation.failed().or_else(|| explanation.checks.last());
    failed.map_or(Check::BearerToken, |result| result.check)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission;
    use crate::clients::{Client, example_client};

    fn refusal(client: Option<usize>, request_id: &str) -> Refusal {
        let client = client.map(|number| Arc::<Client>::from(example_client(number)));
        let facts = Facts::Request(Arc::new(admission::Facts::refused_for_scope(client)));
        let reason = facts.reason().unwrap();
        Refusal {
            facts,
            method: "GET",
            path: "/".into(),
            reason,
            request_id: request_id.into(),
            source: None,
            status: 401,
        }
    }

    fn ids(refusals: &Refusals, wanted: &Wanted) -> Vec<String> {
        let page = refusals.newest(None, 1_000, wanted);
        page.refusals.iter().map(|refusal| refusal.request_id.to_string()).collect()
    }

    #[test]
    fn an_owner_has_its_part_of_the_entries_and_the_oldest_goes_first() {
        let refusals = Refusals::new(8);
        refusals.record(refusal(Some(1), "first"));
        for number in 0..20 {
            refusals.record(refusal(None, &format!("anonymous-{number}")));
        }
        assert_eq!(ids(&refusals, &Wanted::default()), ["anonymous-19", "anonymous-18", "first"]);
        for number in 2..9 {
            refusals.record(refusal(Some(number), &format!("of-{number}")));
        }
        let newest = ["of-8", "of-7", "of-6", "of-5", "of-4", "of-3", "of-2", "anonymous-19"];
        assert_eq!(ids(&refusals, &Wanted::default()), newest);
        // What is left of an owner is still found as its own.
        let client_id = example_client(8).client_id;
        assert_eq!(&*refusals.own(&client_id, "of-8").unwrap().refusal.request_id, "of-8");
        assert!(refusals.own(&client_id, "of-7").is_none());
        assert!(refusals.any("of-2").is_some() && refusals.any("first").is_none());
        refusals.forget(&client_id);
        assert!(refusals.own(&client_id, "of-8").is_none() && refusals.any("of-8").is_none());
    }

    #[test]
    fn of_several_refusals_with_one_id_the_operator_reads_that_of_a_client_and_how_many_others_there_are() {
        let refusals = Refusals::new(12);
        for owner in [Some(1), None, None] {
            refusals.record(refusal(owner, "same"));
        }
        refusals.record(refusal(None, "another"));
        let found = refusals.any("same").unwrap();
        let client_id = example_client(1).client_id;
        assert_eq!(found.refusal.owner(), Some(&client_id), "a caller without a client may choose any id");
        assert_eq!((found.others, refusals.any("another").unwrap().others), (2, 0));
        assert_eq!(refusals.own(&client_id, "same").unwrap().others, 0, "a client counts its own alone");
        refusals.record(refusal(Some(1), "same"));
        assert_eq!(refusals.own(&client_id, "same").unwrap().others, 1);
    }

    #[test]
    fn what_is_recorded_while_somebody_reads_waits_and_holds_nobody_up() {
        let refusals = Refusals::new(8);
        let reader = refusals.lock();
        for number in 0..MAX_WAITING + 10 {
            refusals.record(refusal(Some(1), &number.to_string()));
        }
        drop(reader);
        assert_eq!(ids(&refusals, &Wanted::default()).len(), 2);
        assert_eq!(Refusals::new(0).lock().capacity, 0);
    }

    #[test]
    fn each_refusal_of_a_client_is_new_once_also_if_it_makes_room_for_others() {
        let refusals = Refusals::new(8);
        for _ in 0..20 {
            refusals.record(refusal(Some(1), "of-1"));
        }
        refusals.record(Refusal { reason: "throttled", ..refusal(Some(2), "of-2") });
        refusals.record(refusal(None, "anonymous"));
        let mut new = refusals.take_new();
        new.sort_by_key(|(client_id, _)| client_id.to_string());
        let of = |number, all, counted| (example_client(number).client_id, NewRefusals { all, counted });
        assert_eq!(new, [of(1, 20, 20), of(2, 1, 0)]);
        assert_eq!(refusals.take_new(), []);
    }

    proptest! {
        #[test]
        fn the_entries_are_bounded_and_agree_with_their_owners(
            capacity in 1_usize..12,
            owners in proptest::collection::vec(proptest::option::of(0_usize..6), 0..80),
        ) {
            let refusals = Refusals::new(capacity);
            for (number, owner) in owners.iter().enumerate() {
                refusals.record(refusal(*owner, &number.to_string()));
                let entries = refusals.lock();
                prop_assert!(entries.by_number.len() <= capacity);
                let mut of_owners = 0;
                for (owner, OfOwner { numbers, .. }) in &entries.by_owner {
                    prop_assert!(!numbers.is_empty() && numbers.len() <= entries.share);
                    for number in numbers {
                        prop_assert_eq!(entries.by_number.get(number).unwrap().owner(), owner.as_ref());
                    }
                    of_owners += numbers.len();
                }
                prop_assert_eq!(of_owners, entries.by_number.len());
            }
        }
    }
}
