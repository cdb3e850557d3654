//! What every store promises, whatever it keeps its bytes in. A new backend runs all of it by one more
//! line in `conformance!`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use boomgate::store::{
    ChangeEvent, Epoch, Key, Keyspace, MAX_KEY_BYTES, MAX_OPERATIONS, MAX_SCAN, MAX_VALUE_BYTES, MemoryStore, Outcome,
    Projection, Revision, SledStore, Store, StoreError, Txn, Value, View, Watch,
};
use futures_util::FutureExt;
use futures_util::future::join_all;

/// A store for one case, and the folder that it may need for as long.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

pub(crate) fn memory() -> Opened {
    Opened { store: Arc::new(MemoryStore::new()), _folder: None }
}

pub(crate) fn sled() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    Opened { store: Arc::new(SledStore::open(&folder.path().join("db")).unwrap()), _folder: Some(folder) }
}

macro_rules! conformance {
    ($($case:ident,)*) => {
        conformance!(@backend memory, $($case,)*);
        conformance!(@backend sled, $($case,)*);
    };
    (@backend $backend:ident, $($case:ident,)*) => {
        mod $backend {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::conformance::$backend().store).await;
            })*
        }
    };
}

pub(crate) use conformance;

conformance! {
    a_value_reads_back_until_it_is_deleted,
    any_bytes_are_a_key_and_any_bytes_a_value,
    a_scan_is_in_key_order_and_of_its_prefix_alone,
    a_prefix_that_ends_in_0xff_is_a_prefix_like_any_other,
    pages_of_any_size_walk_each_entry_once,
    a_scan_can_start_after_a_key_that_is_not_there,
    a_scan_never_returns_more_than_its_limit_or_the_stores,
    absent_holds_only_where_nothing_is,
    equals_holds_only_where_exactly_that_value_is,
    a_conflict_writes_nothing_and_tells_no_watch,
    and_joins_checks_and_writes,
    the_last_write_of_a_transaction_for_a_key_counts,
    a_transaction_over_a_limit_is_refused_whole,
    a_transaction_at_every_limit_is_made,
    concurrent_increments_lose_nothing,
    concurrent_creations_have_one_winner,
    a_transaction_is_seen_whole_or_not_at_all,
    a_watch_tells_every_commit_in_order,
    a_watch_tells_only_what_comes_after_it,
    a_watch_that_falls_behind_gets_a_resync_and_then_only_later_commits,
    an_unread_watch_does_not_block_commits,
    a_watch_has_every_commit_before_a_read_shows_it,
    a_view_holds_what_was_there_when_it_opened,
    a_view_follows_writes_and_deletes_and_can_be_waited_for,
    a_view_ignores_other_keyspaces_but_reaches_their_commits,
    what_a_view_still_holds_is_looked_for_again_once_it_has_changed,
    a_view_that_fell_behind_is_whole_again,
    a_view_opened_during_writes_misses_none_and_never_goes_back,
    a_view_opens_with_all_that_was_committed_around_its_scan,
    a_record_of_another_version_stops_a_view_from_opening,
    a_record_that_turns_unreadable_leaves_what_was_known,
    a_dropped_view_lets_go_of_the_store,
    a_closed_store_answers_unavailable_and_ends_its_watches,
    closing_twice_is_closing_once,
    commits_that_were_queued_before_close_are_made,
    waiting_for_a_view_ends_when_the_store_closes,
}

fn key(text: &str) -> Key {
    Key::new(text.as_bytes())
}

fn value(text: &str) -> Value {
    Value::new(text.as_bytes())
}

async fn put(store: &dyn Store, at: &str, what: &str) -> Revision {
    committed(store.commit(Txn::new().put(key(at), value(what))).await.unwrap())
}

async fn delete(store: &dyn Store, at: &str) -> Revision {
    committed(store.commit(Txn::new().delete(key(at))).await.unwrap())
}

fn committed(outcome: Outcome) -> Revision {
    match outcome {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict => panic!("a conflict where none was expected"),
    }
}

async fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    let found = store.scan(prefix.as_bytes(), None, MAX_SCAN).await.unwrap();
    found.iter().map(|(key, _)| String::from_utf8_lossy(key.as_bytes()).into_owned()).collect()
}

/// The changes of the next commit that the watch tells of.
async fn next_commit(watch: &mut Watch) -> (Revision, Vec<(Key, Option<Value>)>) {
    match watch.next().await.unwrap() {
        ChangeEvent::Committed { revision, changes } => {
            (revision, changes.iter().map(|change| (change.key.clone(), change.value.clone())).collect())
        }
        other @ (ChangeEvent::Replaced { .. } | ChangeEvent::Resync { .. }) => {
            panic!("{other:?} where a commit was expected")
        }
    }
}

// Reading.

async fn a_value_reads_back_until_it_is_deleted(store: Arc<dyn Store>) {
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    put(&*store, "a", "1").await;
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(value("1")));
    put(&*store, "a", "2").await;
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(value("2")));
    delete(&*store, "a").await;
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    assert_eq!(keys(&*store, "").await, Vec::<String>::new());
    delete(&*store, "a").await;
}

async fn any_bytes_are_a_key_and_any_bytes_a_value(store: Arc<dyn Store>) {
    for bytes in [&b""[..], b"\0", b"\0\0", b"a\0b", b"\xff", b"\xff\xff\xff", "ü/ß".as_bytes()] {
        let (key, value) = (Key::new(bytes), Value::new(bytes));
        committed(store.commit(Txn::new().absent(key.clone()).put(key.clone(), value.clone())).await.unwrap());
        assert_eq!(store.get(&key).await.unwrap(), Some(value));
    }
    assert_eq!(store.scan(b"", None, 100).await.unwrap().len(), 7);
}

async fn a_scan_is_in_key_order_and_of_its_prefix_alone(store: Arc<dyn Store>) {
    for at in ["b/2", "a/9", "b/10", "b", "b/", "b0", "c/1", "b/1"] {
        put(&*store, at, at).await;
    }
    assert_eq!(keys(&*store, "b/").await, ["b/", "b/1", "b/10", "b/2"]);
    assert_eq!(keys(&*store, "").await, ["a/9", "b", "b/", "b/1", "b/10", "b/2", "b0", "c/1"]);
    assert_eq!(keys(&*store, "d").await, Vec::<String>::new());
    let found = store.scan(b"b/", None, 2).await.unwrap();
    assert_eq!(found, [(key("b/"), value("b/")), (key("b/1"), value("b/1"))]);
}

async fn a_prefix_that_ends_in_0xff_is_a_prefix_like_any_other(store: Arc<dyn Store>) {
    let at: [&[u8]; 5] = [b"\xfe\xff", b"\xff", b"\xff\0", b"\xff\xff", b"\xff\xff\x01"];
    for bytes in at {
        committed(store.commit(Txn::new().put(Key::new(bytes), value(""))).await.unwrap());
    }
    let under = async |prefix: &[u8]| {
        let found = store.scan(prefix, None, MAX_SCAN).await.unwrap();
        found.into_iter().map(|(key, _)| key.as_bytes().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(under(b"\xff").await, at[1..].iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>());
    assert_eq!(under(b"\xff\xff").await, at[3..].iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>());
    assert_eq!(under(b"\xfe\xff").await, [at[0].to_vec()]);
}

async fn pages_of_any_size_walk_each_entry_once(store: Arc<dyn Store>) {
    let mut expected = Vec::new();
    for batch in (0..120).collect::<Vec<u32>>().chunks(40) {
        let mut txn = Txn::new();
        for n in batch {
            txn = txn.put(key(&format!("p/{n:03}")), value("x"));
            expected.push(format!("p/{n:03}"));
        }
        committed(store.commit(txn).await.unwrap());
    }
    put(&*store, "o", "before").await;
    put(&*store, "q", "after").await;
    for limit in [1, 7, 119, 120, 121, MAX_SCAN] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = store.scan(b"p/", after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            walked.extend(page.iter().map(|(key, _)| String::from_utf8(key.as_bytes().to_vec()).unwrap()));
            let Some((last, _)) = page.into_iter().next_back() else { break };
            after = Some(last);
        }
        assert_eq!(walked, expected, "in pages of {limit}");
    }
}

async fn a_scan_can_start_after_a_key_that_is_not_there(store: Arc<dyn Store>) {
    for at in ["p/b", "p/d"] {
        put(&*store, at, "").await;
    }
    for (after, expected) in [
        ("p/a", &["p/b", "p/d"][..]),
        ("p/b", &["p/d"]),
        ("p/c", &["p/d"]),
        ("p/d", &[]),
        ("p/e", &[]),
        ("a", &["p/b", "p/d"]),
        ("p/", &["p/b", "p/d"]),
        ("z", &[]),
    ] {
        let found = store.scan(b"p/", Some(&key(after)), 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|(key, _)| std::str::from_utf8(key.as_bytes()).unwrap()).collect();
        assert_eq!(found, expected, "after {after}");
    }
}

async fn a_scan_never_returns_more_than_its_limit_or_the_stores(store: Arc<dyn Store>) {
    let many: Vec<_> = (0..=MAX_SCAN).map(|n| key(&format!("n/{n:05}"))).collect();
    for keys in many.chunks(MAX_OPERATIONS) {
        let txn = keys.iter().fold(Txn::new(), |txn, key| txn.put(key.clone(), value("")));
        committed(store.commit(txn).await.unwrap());
    }
    assert_eq!(store.scan(b"n/", None, 0).await.unwrap(), []);
    assert_eq!(store.scan(b"n/", None, 3).await.unwrap().len(), 3);
    assert_eq!(store.scan(b"n/", None, usize::MAX).await.unwrap().len(), MAX_SCAN);
}

// Committing.

async fn absent_holds_only_where_nothing_is(store: Arc<dyn Store>) {
    let create = || Txn::new().absent(key("a")).put(key("a"), value("mine"));
    committed(store.commit(create()).await.unwrap());
    assert_eq!(store.commit(create()).await.unwrap(), Outcome::Conflict);
    delete(&*store, "a").await;
    committed(store.commit(create()).await.unwrap());
    put(&*store, "empty", "").await;
    assert_eq!(store.commit(Txn::new().absent(key("empty"))).await.unwrap(), Outcome::Conflict);
}

async fn equals_holds_only_where_exactly_that_value_is(store: Arc<dyn Store>) {
    let swap = |from: &str, to: &str| Txn::new().equals(key("a"), value(from)).put(key("a"), value(to));
    assert_eq!(store.commit(swap("", "1")).await.unwrap(), Outcome::Conflict);
    put(&*store, "a", "1").await;
    for other in ["", "10", "2"] {
        assert_eq!(store.commit(swap(other, "2")).await.unwrap(), Outcome::Conflict, "{other:?}");
    }
    committed(store.commit(swap("1", "2")).await.unwrap());
    assert_eq!(store.commit(swap("1", "3")).await.unwrap(), Outcome::Conflict);
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(value("2")));
}

async fn a_conflict_writes_nothing_and_tells_no_watch(store: Arc<dyn Store>) {
    put(&*store, "there", "1").await;
    let mut watch = store.watch();
    let txn = Txn::new()
        .put(key("before"), value("x"))
        .equals(key("there"), value("1"))
        .absent(key("there"))
        .delete(key("there"))
        .put(key("after"), value("x"));
    assert_eq!(store.commit(txn).await.unwrap(), Outcome::Conflict);
    assert_eq!(keys(&*store, "").await, ["there"]);
    let sentinel = put(&*store, "sentinel", "").await;
    assert_eq!(next_commit(&mut watch).await.0, sentinel);
}

async fn and_joins_checks_and_writes(store: Arc<dyn Store>) {
    let left = || Txn::new().absent(key("l")).put(key("l"), value("1"));
    let right = || Txn::new().absent(key("r")).put(key("r"), value("2"));
    committed(store.commit(left().and(right())).await.unwrap());
    assert_eq!(keys(&*store, "").await, ["l", "r"]);
    delete(&*store, "l").await;
    assert_eq!(store.commit(left().and(right())).await.unwrap(), Outcome::Conflict);
    assert_eq!(keys(&*store, "").await, ["r"]);
}

async fn the_last_write_of_a_transaction_for_a_key_counts(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let txn = Txn::new()
        .put(key("a"), value("1"))
        .delete(key("a"))
        .put(key("a"), value("2"))
        .put(key("b"), value("1"))
        .delete(key("b"));
    committed(store.commit(txn).await.unwrap());
    assert_eq!(store.scan(b"", None, 10).await.unwrap(), [(key("a"), value("2"))]);
    let changes: BTreeMap<_, _> = next_commit(&mut watch).await.1.into_iter().collect();
    assert_eq!(changes, BTreeMap::from([(key("a"), Some(value("2"))), (key("b"), None)]));
}

async fn a_transaction_over_a_limit_is_refused_whole(store: Arc<dyn Store>) {
    let long_key = || Key::new(&[b'k'; MAX_KEY_BYTES + 1]);
    let long_value = || Value::new(&vec![0; MAX_VALUE_BYTES + 1]);
    let many = (0..=MAX_OPERATIONS).fold(Txn::new(), |txn, n| txn.put(key(&n.to_string()), value("")));
    let half = MAX_OPERATIONS / 2;
    let many_of_both = (0..half).fold(Txn::new().delete(key("x")), |txn, n| {
        let key = key(&n.to_string());
        txn.absent(key.clone()).put(key, value(""))
    });
    let ok = || Txn::new().put(key("ok"), value("ok"));
    for (txn, reason) in [
        (many, "one write too many"),
        (many_of_both, "checks count too"),
        (ok().put(long_key(), value("")), "a long key to put"),
        (ok().delete(long_key()), "a long key to delete"),
        (ok().absent(long_key()), "a long key to check"),
        (ok().equals(long_key(), value("")), "a long key to compare"),
        (ok().put(key("v"), long_value()), "a long value to put"),
        (ok().equals(key("v"), long_value()), "a long value to compare"),
    ] {
        let refused = store.commit(txn).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{reason}: {refused:?}");
    }
    assert_eq!(keys(&*store, "").await, Vec::<String>::new());
}

async fn a_transaction_at_every_limit_is_made(store: Arc<dyn Store>) {
    let full = |n: usize| {
        let mut bytes = [b'k'; MAX_KEY_BYTES];
        bytes[MAX_KEY_BYTES - 3..].copy_from_slice(format!("{n:03}").as_bytes());
        Key::new(&bytes)
    };
    let txn = (0..MAX_OPERATIONS)
        .fold(Txn::new(), |txn, n| txn.put(full(n), Value::new(&vec![u8::try_from(n).unwrap(); MAX_VALUE_BYTES])));
    committed(store.commit(txn).await.unwrap());
    let found = store.scan(b"k", None, MAX_SCAN).await.unwrap();
    assert_eq!(found.len(), MAX_OPERATIONS);
    for (n, (key, value)) in found.iter().enumerate() {
        assert_eq!((key, value), (&full(n), &Value::new(&vec![u8::try_from(n).unwrap(); MAX_VALUE_BYTES])));
    }
}

async fn concurrent_increments_lose_nothing(store: Arc<dyn Store>) {
    const TASKS: u32 = 16;
    const EACH: u32 = 8;
    put(&*store, "n", "0").await;
    let increment = |store: Arc<dyn Store>| async move {
        loop {
            let seen = store.get(&key("n")).await.unwrap().unwrap();
            let n: u32 = std::str::from_utf8(seen.as_bytes()).unwrap().parse().unwrap();
            let txn = Txn::new().equals(key("n"), seen).put(key("n"), value(&(n + 1).to_string()));
            if let Outcome::Committed(_) = store.commit(txn).await.unwrap() {
                return;
            }
        }
    };
    let tasks = (0..TASKS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..EACH {
                increment(Arc::clone(&store)).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(store.get(&key("n")).await.unwrap(), Some(value(&(TASKS * EACH).to_string())));
}

async fn concurrent_creations_have_one_winner(store: Arc<dyn Store>) {
    // All in one batch, where a backend makes batches: a later one sees what an earlier one wrote.
    let create = |n: u32| Txn::new().absent(key("only")).put(key("only"), value(&n.to_string()));
    let outcomes = join_all((0..64).map(|n| store.commit(create(n)))).await;
    let winners: Vec<_> = (0..64)
        .zip(outcomes)
        .filter(|(_, outcome)| matches!(outcome.as_ref().unwrap(), Outcome::Committed(_)))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&key("only")).await.unwrap(), Some(value(&winners[0].to_string())));
}

async fn a_transaction_is_seen_whole_or_not_at_all(store: Arc<dyn Store>) {
    let both = |n: u32| Txn::new().put(key("t/a"), value(&n.to_string())).put(key("t/z"), value(&n.to_string()));
    committed(store.commit(both(0)).await.unwrap());
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 1..50 {
                committed(store.commit(both(n)).await.unwrap());
            }
        })
    };
    while !writer.is_finished() {
        let seen = store.scan(b"t/", None, 10).await.unwrap();
        assert_eq!(seen[0].1, seen[1].1);
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

// Watching.

async fn a_watch_tells_every_commit_in_order(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let commits: Vec<_> = join_all((0..100).map(|n| {
        let store = &store;
        async move { (put(&**store, &format!("w/{n}"), "v").await, key(&format!("w/{n}"))) }
    }))
    .await;
    let mut commits = commits;
    commits.sort();
    let mut earlier = Revision(0);
    for (revision, key) in commits {
        assert!(revision > earlier);
        assert_eq!(next_commit(&mut watch).await, (revision, vec![(key, Some(value("v")))]));
        earlier = revision;
    }
    let deleted = delete(&*store, "w/1").await;
    assert_eq!(next_commit(&mut watch).await, (deleted, vec![(key("w/1"), None)]));
}

async fn a_watch_tells_only_what_comes_after_it(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    let mut watch = store.watch();
    let second = put(&*store, "b", "2").await;
    assert_eq!(next_commit(&mut watch).await.0, second);
}

/// More commits than any watch keeps.
const FLOOD: u32 = 4_200;

async fn flood(store: &dyn Store, at: &str) -> Revision {
    let revisions = join_all((0..FLOOD).map(|n| async move { put(store, at, &n.to_string()).await })).await;
    revisions.into_iter().max().unwrap()
}

async fn a_watch_that_falls_behind_gets_a_resync_and_then_only_later_commits(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let last = flood(&*store, "n").await;
    assert_eq!(watch.next().await, Some(ChangeEvent::Resync { revision: last }));
    let next = put(&*store, "n", "next").await;
    assert_eq!(next_commit(&mut watch).await, (next, vec![(key("n"), Some(value("next")))]));
}

async fn an_unread_watch_does_not_block_commits(store: Arc<dyn Store>) {
    let idle = store.watch();
    flood(&*store, "n").await;
    drop(idle);
    put(&*store, "n", "still").await;
}

async fn a_watch_has_every_commit_before_a_read_shows_it(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { put(&*store, "a", "1").await })
    };
    while store.get(&key("a")).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let event = watch.next().now_or_never();
    assert!(matches!(event, Some(Some(ChangeEvent::Committed { .. }))), "{event:?}");
    writer.await.unwrap();
}

// Views.

const NOTES: Keyspace<u64> = Keyspace::new("notes");

/// A keyspace as a map.
#[derive(Clone, Debug, Default, PartialEq)]
struct Notes(imbl::OrdMap<String, u64>);

impl Projection for Notes {
    type Record = u64;
    const KEYSPACE: Keyspace<u64> = NOTES;

    fn put(&mut self, id: &str, record: u64) {
        self.0.insert(id.to_owned(), record);
    }

    fn delete(&mut self, id: &str) {
        self.0.remove(id);
    }
}

fn note(id: &str, n: u64) -> Txn {
    Txn::new().put(NOTES.key(id), NOTES.encode(&n).unwrap())
}

async fn write(store: &dyn Store, id: &str, n: u64) -> Revision {
    committed(store.commit(note(id, n)).await.unwrap())
}

fn held(view: &View<Notes>) -> Vec<(String, u64)> {
    view.load().0.iter().map(|(id, n)| (id.clone(), *n)).collect()
}

async fn a_view_holds_what_was_there_when_it_opened(store: Arc<dyn Store>) {
    for ids in (0..2_567_u64).collect::<Vec<_>>().chunks(100) {
        let txn = ids.iter().fold(Txn::new(), |txn, n| txn.and(note(&format!("{n:05}"), *n)));
        committed(store.commit(txn).await.unwrap());
    }
    put(&*store, "notes", "not one of them").await;
    put(&*store, "notes0", "nor this").await;
    let view = View::<Notes>::open(store).await.unwrap();
    assert_eq!(held(&view), (0..2_567).map(|n| (format!("{n:05}"), n)).collect::<Vec<_>>());
}

async fn a_view_follows_writes_and_deletes_and_can_be_waited_for(store: Arc<dyn Store>) {
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    assert_eq!(held(&view), []);
    for n in 0..20 {
        view.wait_for(write(&*store, "a", n).await).await;
        assert_eq!(held(&view), [("a".to_owned(), n)]);
    }
    let before = view.load().clone();
    let txn = Txn::new().delete(NOTES.key("a")).and(note("b", 1)).and(note("b", 2)).and(note("c/d", 3));
    view.wait_for(committed(store.commit(txn).await.unwrap())).await;
    assert_eq!(held(&view), [("b".to_owned(), 2), ("c/d".to_owned(), 3)]);
    assert_eq!(before.0.len(), 1, "what was loaded does not change");
}

async fn a_view_ignores_other_keyspaces_but_reaches_their_commits(store: Arc<dyn Store>) {
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    let before = Arc::clone(&view.load());
    view.wait_for(put(&*store, "notes", "").await).await;
    view.wait_for(put(&*store, "notesx/a", "").await).await;
    view.wait_for(committed(store.commit(Txn::new().absent(key("x"))).await.unwrap())).await;
    assert!(Arc::ptr_eq(&before, &view.load()), "nothing was copied for them");
}

async fn what_a_view_still_holds_is_looked_for_again_once_it_has_changed(store: Arc<dyn Store>) {
    write(&*store, "a", 1).await;
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    let (since, looks) = (Epoch::default(), Cell::new(0));
    let is_there = || {
        let found = view.holds_since(&since, |notes| {
            looks.set(looks.get() + 1);
            notes.0.contains_key("a")
        });
        (found, looks.get())
    };
    assert_eq!([is_there(), is_there()], [(true, 1), (true, 1)]);
    view.wait_for(put(&*store, "notesx/a", "").await).await;
    assert_eq!(is_there(), (true, 1), "the view is as it was");
    view.wait_for(write(&*store, "b", 1).await).await;
    assert_eq!([is_there(), is_there()], [(true, 2), (true, 2)]);
    view.wait_for(committed(store.commit(Txn::new().delete(NOTES.key("a"))).await.unwrap())).await;
    assert_eq!([is_there(), is_there()], [(false, 3), (false, 4)], "what is not so is looked for each time");
}

async fn a_view_that_fell_behind_is_whole_again(store: Arc<dyn Store>) {
    write(&*store, "gone", 1).await;
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    let since = Epoch::default();
    assert!(view.holds_since(&since, |notes| notes.0.contains_key("gone")));
    committed(store.commit(Txn::new().delete(NOTES.key("gone"))).await.unwrap());
    // One future, polled on one thread: the view's task gets no turn before the watch has overflowed,
    // unless the store itself waits; then it has just less to catch up with.
    flood(&*store, "noise").await;
    view.wait_for(write(&*store, "new", 2).await).await;
    assert_eq!(held(&view), [("new".to_owned(), 2)]);
    assert!(!view.holds_since(&since, |notes| notes.0.contains_key("gone")));
}

async fn a_view_opened_during_writes_misses_none_and_never_goes_back(store: Arc<dyn Store>) {
    const LAST: u64 = 400;
    write(&*store, "n", 0).await;
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 1..=LAST {
                write(&*store, "n", n).await;
            }
        })
    };
    while !writer.is_finished() {
        let known = NOTES.get(&*store, "n").await.unwrap().unwrap().0;
        let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
        let mut shown = held(&view)[0].1;
        assert!(shown >= known);
        for _ in 0..20 {
            tokio::task::yield_now().await;
            let now = held(&view)[0].1;
            assert!(now >= shown, "{now} after {shown}");
            shown = now;
        }
    }
    writer.await.unwrap();
}

/// A store in which others write at the worst moments: before and after each scan.
struct Busy(Arc<dyn Store>);

#[async_trait]
impl Store for Busy {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        self.0.get(key).await
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        for n in 1..=3 {
            write(&*self.0, "before", n).await;
        }
        let found = self.0.scan(prefix, after, limit).await;
        for n in 1..=3 {
            write(&*self.0, "after", n).await;
        }
        found
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        self.0.commit(txn).await
    }

    fn watch(&self) -> Watch {
        self.0.watch()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

async fn a_view_opens_with_all_that_was_committed_around_its_scan(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let view = View::<Notes>::open(Arc::new(Busy(Arc::clone(&store)))).await.unwrap();
    assert_eq!(held(&view), [("after".to_owned(), 3), ("before".to_owned(), 3)]);
    let mut last = Revision(0);
    while let Some(Some(ChangeEvent::Committed { revision, .. })) = watch.next().now_or_never() {
        last = revision;
    }
    assert!(view.wait_for(last).now_or_never().is_some(), "the view already shows it");
}

async fn a_record_of_another_version_stops_a_view_from_opening(store: Arc<dyn Store>) {
    for (stored, reason) in [
        (r#"{"v":2,"record":7}"#, "version 2"),
        (r#"{"v":2,"record":{"in":"another shape"}}"#, "version 2"),
        (r#"{"v":1,"record":"x"}"#, "invalid type"),
        (r#"{"v":1}"#, "missing field"),
        ("7", "invalid type"),
        ("", "EOF"),
        ("\u{ff}", "expected value"),
    ] {
        put(&*store, "notes/a\nb", stored).await;
        let cause = View::<Notes>::open(Arc::clone(&store)).await.unwrap_err().to_string();
        assert!(cause.starts_with(r#"the record "notes/a\nb" cannot be read: "#), "{cause}");
        assert!(cause.contains(reason), "{stored}: {cause}");
    }
}

async fn a_record_that_turns_unreadable_leaves_what_was_known(store: Arc<dyn Store>) {
    write(&*store, "a", 1).await;
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    let txn = Txn::new().put(key("notes/a"), value(r#"{"v":9,"record":2}"#)).and(note("b", 2));
    view.wait_for(committed(store.commit(txn).await.unwrap())).await;
    assert_eq!(held(&view), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}

async fn a_dropped_view_lets_go_of_the_store(store: Arc<dyn Store>) {
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    assert!(Arc::strong_count(&store) > 1);
    drop(view);
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
}

// Closing.

async fn a_closed_store_answers_unavailable_and_ends_its_watches(store: Arc<dyn Store>) {
    let mut watch = store.watch();
    let last = put(&*store, "a", "1").await;
    store.close().await.unwrap();
    let unavailable = |answer: Result<(), StoreError>| assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    unavailable(store.get(&key("a")).await.map(drop));
    unavailable(store.scan(b"", None, 1).await.map(drop));
    unavailable(store.commit(Txn::new().put(key("a"), value("2"))).await.map(|_| ()));
    unavailable(View::<Notes>::open(Arc::clone(&store)).await.map(drop));
    assert_eq!(next_commit(&mut watch).await.0, last);
    assert_eq!(watch.next().await, None);
    assert_eq!(store.watch().next().await, None);
}

async fn closing_twice_is_closing_once(store: Arc<dyn Store>) {
    let (first, second) = tokio::join!(store.close(), store.close());
    first.unwrap();
    second.unwrap();
    store.close().await.unwrap();
}

async fn commits_that_were_queued_before_close_are_made(store: Arc<dyn Store>) {
    let names: Vec<_> = (0..50).map(|n| format!("q/{n}")).collect();
    let commits = join_all(names.iter().map(|name| put(&*store, name, "")));
    let mut watch = store.watch();
    let (revisions, closed) = tokio::join!(commits, store.close());
    closed.unwrap();
    for revision in revisions {
        assert_eq!(next_commit(&mut watch).await.0, revision);
    }
}

async fn waiting_for_a_view_ends_when_the_store_closes(store: Arc<dyn Store>) {
    let view = View::<Notes>::open(Arc::clone(&store)).await.unwrap();
    let never = view.wait_for(Revision(1_000_000));
    let (closed, ()) = tokio::join!(store.close(), never);
    closed.unwrap();
}
