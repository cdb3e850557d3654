//! Who did what, when: one entry for each change, in the change's own commit, each bound to the one before.
//!
//! Owns the keys under `audit/`, numbered from 1, and the key under `audit-head/`, which names the last entry. An entry
//! has its own digest and that of the entry before, so [`LogVerifier`] finds an entry that was altered, deleted or
//! moved. An entry never has a secret or a token. An unauthenticated request makes no entry of its own: failures are
//! summarised ([`crate::failures`]), so a flood of them does not fill the log.

mod entry;
mod salvage;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use self::entry::{ENTRIES, HEAD, key_of};
pub use self::salvage::{Traces, traces};
pub use self::verifier::{Break, LogVerifier};
pub use crate::api::audit::{Action, Broken, Entry, EntryDigest, Event, EventOutcome, Head, Line};
use crate::counts::Counts;
use crate::store::{Outcome, Revision, Store, StoreError, Txn, Value};

/// The most entries that one page of a search looks at.
pub(crate) const MAX_LOOKED_AT: u64 = 1_000;
/// How many entries are read from the store at a time.
const WINDOW: u64 = 100;
/// How often an entry is given the next number because another node took its number.
const MAX_RACES: u32 = 32;
/// By how much the pause grows with each such race.
const RACE_PAUSE: Duration = Duration::from_millis(1);

/// A part of the result of a search.
pub struct AuditPage {
    /// The lines that match, and every broken line.
    pub lines: Vec<Line>,
    /// The number of the last line that was looked at, if there are more beyond it.
    pub more_beyond: Option<u64>,
    /// The last entry of the log at that time.
    pub head: Head,
}

/// The log.
pub struct Audit {
    store: Arc<dyn Store>,
    /// The head of the log, so that it is read from the store only when another node may have moved it. Locked from the
    /// choice of a number to the end of its commit: one entry at a time.
    head: Mutex<Option<StoredHead>>,
    written: Counts<Action>,
}

#[derive(Clone)]
struct StoredHead {
    head: Head,
    /// As it is stored; `None` while the log is empty.
    stored: Option<Value>,
}

impl Audit {
    /// The log in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, head: Mutex::new(None), written: Counts::new() }
    }

    /// How many entries this process has written, by their action.
    pub fn written(&self) -> impl Iterator<Item = (Action, u64)> + '_ {
        self.written.totals()
    }

    /// Goes on from the store alone, after its whole content was replaced.
    pub(crate) async fn start_anew(&self) {
        self.head.lock().await.take();
    }

    /// Makes a change and adds its entry in one commit; `None` if the conditions of the change do not hold. Waits for
    /// the sync of its commit, and for the entries before.
    pub async fn commit(&self, change: &Txn, event: &Event) -> Result<Option<Revision>, StoreError> {
        let mut cached = self.head.lock().await;
        // Empty while the commit is under way: after a commit that was cancelled, or that failed, the head is read
        // again.
        let mut seen = match cached.take() {
            Some(seen) => seen,
            None => self.see().await?,
        };
        for lost in 1..=MAX_RACES {
            let entry = Entry::after(&seen.head, event.clone())?;
            let head = Head { number: entry.number, digest: entry.digest.clone() };
            let (key, stored) = (HEAD.key(""), HEAD.encode(&head)?);
            let link = match seen.stored.clone() {
                Some(stored) => Txn::new().equals(key.clone(), stored),
                None => Txn::new().absent(key.clone()),
            };
            let link = link.put(key, stored.clone()).put(key_of(entry.number), ENTRIES.encode(&entry)?);
            if let Outcome::Committed(revision) = self.store.commit(change.clone().and(link)).await? {
                *cached = Some(StoredHead { head, stored: Some(stored) });
                self.written.add_one(event.action);
                return Ok(Some(revision));
            }
            let now = self.see().await?;
            if now.stored == seen.stored {
                *cached = Some(now);
                return Ok(None);
            }
            seen = now;
            // The winner knows the head and would win again, so the pause grows with each lost race.
            tokio::time::sleep(RACE_PAUSE * lost).await;
        }
        Err(StoreError::Unavailable("other nodes wrote to the audit log at every attempt".into()))
    }

    /// Up to `limit` lines that `wanted` accepts, the newest first, from the one before the number `before`. Looks at
    /// [`MAX_LOOKED_AT`] at most: there may be more after a short page, and after an empty one.
    pub async fn newest(
        &self,
        before: Option<u64>,
        limit: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<AuditPage, StoreError> {
        let head = self.see().await?.head;
        let mut above = before.unwrap_or(u64::MAX).min(head.number.saturating_add(1));
        let stop = above.saturating_sub(MAX_LOOKED_AT).max(1);
        let mut page = AuditPage { lines: Vec::new(), more_beyond: None, head };
        while above > stop {
            let first = above.saturating_sub(WINDOW).max(stop);
            for line in self.read(first, above - 1).await?.into_iter().rev() {
                above = line.number();
                if line.is(&wanted) {
                    page.lines.push(line);
                }
                if page.lines.len() == limit {
                    page.more_beyond = (above > 1).then_some(above);
                    return Ok(page);
                }
            }
        }
        page.more_beyond = (above > 1).then_some(above);
        Ok(page)
    }

    /// The same, the oldest first, from the one after the number `after`.
    pub async fn oldest(
        &self,
        after: u64,
        limit: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<AuditPage, StoreError> {
        let head = self.see().await?.head;
        let stop = after.saturating_add(MAX_LOOKED_AT).min(head.number);
        let mut last = after.min(head.number);
        let mut page = AuditPage { lines: Vec::new(), more_beyond: None, head };
        while last < stop {
            for line in self.read(last + 1, stop.min(last + WINDOW)).await? {
                last = line.number();
                if line.is(&wanted) {
                    page.lines.push(line);
                }
                if page.lines.len() == limit {
                    page.more_beyond = (last < page.head.number).then_some(last);
                    return Ok(page);
                }
            }
        }
        page.more_beyond = (last < page.head.number).then_some(last);
        Ok(page)
    }

    async fn see(&self) -> Result<StoredHead, StoreError> {
        Ok(match HEAD.get(&*self.store, "").await? {
            Some((head, stored)) => StoredHead { head, stored: Some(stored) },
            None => StoredHead { head: Head { number: 0, digest: EntryDigest::NONE }, stored: None },
        })
    }

    /// The lines from `first` to `last`, both included; at most [`WINDOW`].
    async fn read(&self, first: u64, last: u64) -> Result<Vec<Line>, StoreError> {
        let count = usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(usize::MAX);
        let before = key_of(first.saturating_sub(1));
        let mut lines = Vec::with_capacity(count);
        if let Ok(found) = self.store.scan(&ENTRIES.prefix(), Some(&before), count).await {
            let mut found = found.into_iter().peekable();
            for number in first..=last {
                let key = key_of(number);
                let value = found.next_if(|(at, _)| *at == key).map(|(_, value)| value);
                lines.push(Line::read(number, value));
            }
            return Ok(lines);
        }
        // A lost page of the disk spoils the whole scan, but not entries on other pages. If the head cannot be read
        // either, the store does not answer at all.
        self.see().await?;
        for number in first..=last {
            let key = key_of(number);
            lines.push(match self.store.get(&key).await {
                Ok(value) => Line::read(number, value),
                Err(cause) => Line::broken(number, &cause),
            });
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::credentials::ClientId;
    use crate::store::{Key, MemoryStore};
    use crate::time::UnixSeconds;

    fn event(number: u64) -> Event {
        Event {
            at: UnixSeconds::new(1_767_268_800 + number),
            actor: ClientId::parse("admin").ok(),
            action: if number.is_multiple_of(10) { Action::ClientSuspended } else { Action::ClientChanged },
            subject: format!("partner-{number}"),
            source: Some([192, 0, 2, 1].into()),
            request_id: Some(format!("request-{number}")),
            outcome: EventOutcome::Done,
            attempts: None,
        }
    }

    async fn log(entries: u64) -> (Arc<dyn Store>, Audit) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let audit = Audit::new(store.clone());
        for number in 1..=entries {
            assert!(audit.commit(&Txn::new(), &event(number)).await.unwrap().is_some());
        }
        (store, audit)
    }

    async fn put(store: &dyn Store, key: Key, value: Value) {
        let outcome = store.commit(Txn::new().put(key, value)).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)));
    }

    /// The number of the last entry, or where the log is broken.
    async fn follow(audit: &Audit) -> Result<u64, Break> {
        let mut chain = LogVerifier::new();
        loop {
            let page = audit.oldest(chain.last().number, 7, |_| true).await.unwrap();
            for line in &page.lines {
                chain.follow(line)?;
            }
            if page.more_beyond.is_none() {
                chain.end(&page.head)?;
                return Ok(chain.last().number);
            }
        }
    }

    fn numbers(page: &AuditPage) -> Vec<u64> {
        page.lines.iter().map(Line::number).collect()
    }

    #[tokio::test]
    async fn an_empty_log_is_whole_and_entries_are_numbered_from_1() {
        let (_, audit) = log(0).await;
        assert_eq!(follow(&audit).await, Ok(0));
        assert!(audit.newest(None, 10, |_| true).await.unwrap().lines.is_empty());
        let (_, audit) = log(40).await;
        assert_eq!(follow(&audit).await, Ok(40));
        assert_eq!(numbers(&audit.newest(None, 3, |_| true).await.unwrap()), [40, 39, 38]);
        assert_eq!(numbers(&audit.oldest(38, 10, |_| true).await.unwrap()), [39, 40]);
        assert!(audit.oldest(u64::MAX, 10, |_| true).await.unwrap().lines.is_empty());
        assert!(audit.newest(Some(0), 10, |_| true).await.unwrap().lines.is_empty());
    }

    #[tokio::test]
    async fn every_entry_is_on_one_page_whichever_way_the_log_is_read() {
        let (_, audit) = log(2 * WINDOW + 5).await;
        let wanted = |event: &Event| event.action == Action::ClientSuspended;
        let expected: Vec<u64> = (1..=2 * WINDOW + 5).filter(|number| number.is_multiple_of(10)).collect();
        for limit in [1, 2, 3, 20, 100] {
            let (mut upwards, mut after) = (Vec::new(), Some(0));
            while let Some(from) = after {
                let page = audit.oldest(from, limit, wanted).await.unwrap();
                upwards.extend(numbers(&page));
                after = page.more_beyond;
            }
            assert_eq!(upwards, expected, "{limit}");
            let (mut downwards, mut before) = (Vec::new(), None);
            loop {
                let page = audit.newest(before, limit, wanted).await.unwrap();
                downwards.extend(numbers(&page));
                before = page.more_beyond;
                if before.is_none() {
                    break;
                }
            }
            downwards.reverse();
            assert_eq!(downwards, expected, "{limit}");
        }
    }

    #[tokio::test]
    async fn a_search_looks_at_a_bounded_part_of_the_log() {
        let (_, audit) = log(MAX_LOOKED_AT + 10).await;
        let none = |_: &Event| false;
        assert_eq!(audit.newest(None, 10, none).await.unwrap().more_beyond, Some(11));
        assert_eq!(audit.newest(Some(11), 10, none).await.unwrap().more_beyond, None);
        assert_eq!(audit.oldest(0, 10, none).await.unwrap().more_beyond, Some(MAX_LOOKED_AT));
        assert_eq!(audit.oldest(MAX_LOOKED_AT, 10, none).await.unwrap().more_beyond, None);
    }

    #[tokio::test]
    async fn a_change_of_any_byte_of_an_entry_is_found_and_names_the_entry() {
        let (store, audit) = log(5).await;
        for number in [1, 3, 5] {
            let key = key_of(number);
            let written = store.get(&key).await.unwrap().unwrap();
            for at in 0..written.as_bytes().len() {
                let mut bytes = written.as_bytes().to_vec();
                bytes[at] ^= 0x20; // turns small letters into capitals, which some readers take for the same
                put(&*store, key.clone(), Value::new(&bytes)).await;
                let found = follow(&audit).await.unwrap_err().to_string();
                assert!(found.contains(&format!("entry {number} ")), "byte {at}: {found}");
            }
            put(&*store, key, written).await;
            assert_eq!(follow(&audit).await, Ok(5));
        }
    }

    #[tokio::test]
    async fn a_replaced_a_deleted_and_a_cut_off_entry_are_found() {
        // An attacker who knows the format: the digest is right, but the next entry has another one.
        let (store, audit) = log(5).await;
        let Line::Entry(second) = &audit.oldest(1, 1, |_| true).await.unwrap().lines[0] else { panic!("an entry") };
        let before = Head { number: 1, digest: second.previous.clone() };
        let forged = Entry::after(&before, Event { subject: "another".to_owned(), ..second.event.clone() }).unwrap();
        put(&*store, key_of(2), ENTRIES.encode(&forged).unwrap()).await;
        assert_eq!(follow(&audit).await, Err(Break::Replaced(2)));

        let last = Head { number: 4, digest: EntryDigest::NONE };
        for (number, expected) in
            [(3, "entry 3 cannot be read: it is missing"), (5, "entry 5 cannot be read: it is missing")]
        {
            let (store, audit) = log(5).await;
            let deleted = store.commit(Txn::new().delete(key_of(number))).await.unwrap();
            assert!(matches!(deleted, Outcome::Committed(_)));
            assert_eq!(follow(&audit).await.unwrap_err().to_string(), expected);
        }
        let (store, audit) = log(5).await;
        put(&*store, HEAD.key(""), HEAD.encode(&last).unwrap()).await;
        assert_eq!(follow(&audit).await, Err(Break::Replaced(4)), "the end was moved");
    }

    #[tokio::test]
    async fn damaged_entries_are_named_even_if_the_store_does_not_open() {
        let (store, _) = log(5).await;
        let texts: Vec<Vec<u8>> =
            store.scan(b"audit/", None, 10).await.unwrap().iter().map(|(_, value)| value.as_bytes().to_vec()).collect();
        let file = [b"\x00rubbish\xff".to_vec(), texts.concat(), texts[1].clone()].concat();
        assert_eq!(traces(&[file.clone(), Vec::new()]), Traces { damaged: [].into(), last: 5 });
        let third = file.windows(texts[2].len()).position(|window| window == texts[2]).unwrap();
        for at in 0..texts[2].len() {
            let mut file = file.clone();
            file[third + at] ^= 1;
            assert_eq!(traces(&[file]), Traces { damaged: [3].into(), last: 5 }, "byte {at}");
        }
    }

    #[tokio::test]
    async fn a_change_whose_conditions_do_not_hold_leaves_no_entry() {
        let (store, audit) = log(1).await;
        let taken = Key::new(b"clients/taken");
        put(&*store, taken.clone(), Value::new(b"1")).await;
        let change = Txn::new().absent(taken.clone()).put(taken, Value::new(b"2"));
        assert_eq!(audit.commit(&change, &event(2)).await.unwrap(), None);
        assert_eq!(follow(&audit).await, Ok(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nodes_on_one_store_write_one_log() {
        let (store, audit) = log(0).await;
        let nodes: Vec<_> = (0..4)
            .map(|_| {
                let audit = Audit::new(store.clone());
                tokio::spawn(async move {
                    for number in 0..50 {
                        assert!(audit.commit(&Txn::new(), &event(number)).await.unwrap().is_some());
                    }
                })
            })
            .collect();
        for node in nodes {
            node.await.unwrap();
        }
        assert_eq!(follow(&audit).await, Ok(200));
    }

    #[tokio::test]
    async fn a_cancelled_commit_does_not_break_the_log() {
        let (_, audit) = log(3).await;
        {
            let (txn, event) = (Txn::new(), event(4));
            let mut cancelled = std::pin::pin!(audit.commit(&txn, &event));
            let _pending = futures_util::poll!(cancelled.as_mut());
        }
        assert!(audit.commit(&Txn::new(), &event(5)).await.unwrap().is_some());
        assert!(matches!(follow(&audit).await, Ok(4 | 5)));
    }
}
