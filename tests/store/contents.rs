//! What every store promises whose whole content can be read and replaced.

use std::fs;
use std::sync::Arc;

use boomgate::store::{
    Change, ChangeEvent, Entries, Key, Keyspace, MAX_KEY_BYTES, MAX_OPERATIONS, MAX_VALUE_BYTES, Outcome, Projection,
    Revision, SledStore, Store, StoreError, Txn, Value, View, Watch,
};

use crate::conformance::conformance;
use crate::recovery::{crashed, folder};

conformance! {
    the_content_that_was_read_comes_back_whatever_was_written_meanwhile,
    a_replacement_tells_every_watch_what_differs_and_nothing_else,
    a_replacement_may_be_larger_than_any_transaction,
    a_replacement_is_seen_whole_or_not_at_all,
    a_replacement_comes_after_the_commits_before_it,
    a_view_follows_a_replacement_and_can_be_waited_for,
    a_view_follows_a_large_replacement_and_the_commits_after_it,
    a_view_that_depends_on_the_order_of_changes_is_read_again,
    a_replacement_over_a_limit_is_refused_whole,
    a_closed_store_has_no_content,
}

fn key(text: &str) -> Key {
    Key::new(text.as_bytes())
}

fn value(text: &str) -> Value {
    Value::new(text.as_bytes())
}

fn entries(texts: impl IntoIterator<Item = (String, String)>) -> Entries {
    texts.into_iter().map(|(at, what)| (key(&at), value(&what))).collect()
}

/// So many entries with the value `what`.
fn many(count: usize, what: &str) -> Entries {
    entries((0..count).map(|n| (format!("m/{n:06}"), what.to_owned())))
}

async fn put(store: &dyn Store, at: &str, what: &str) -> Revision {
    match store.commit(Txn::new().put(key(at), value(what))).await.unwrap() {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict => panic!("a conflict where none was expected"),
    }
}

async fn read(store: &dyn Store) -> Entries {
    store.contents().unwrap().entries().await.unwrap()
}

async fn replace(store: &dyn Store, entries: &Entries) -> Revision {
    store.contents().unwrap().replace(entries).await.unwrap()
}

async fn next_replacement(watch: &mut Watch) -> (Revision, Vec<Change>) {
    match watch.next().await.unwrap() {
        ChangeEvent::Replaced { revision, changes } => (revision, changes.to_vec()),
        other @ (ChangeEvent::Committed { .. } | ChangeEvent::Resync { .. }) => {
            panic!("{other:?} where a replacement was expected")
        }
    }
}

async fn the_content_that_was_read_comes_back_whatever_was_written_meanwhile(store: Arc<dyn Store>) {
    let empty = read(&*store).await;
    assert_eq!(empty.iter().len(), 0);
    for (at, what) in [("a", "1"), ("b/1", ""), ("b/2", "2"), ("c", "3")] {
        put(&*store, at, what).await;
    }
    let before = read(&*store).await;
    assert_eq!(before.iter().len(), 4);
    for (at, what) in [("a", "changed"), ("b/3", "new"), ("", "the first key")] {
        put(&*store, at, what).await;
    }
    let _ = store.commit(Txn::new().delete(key("b/2"))).await.unwrap();
    replace(&*store, &before).await;
    assert_eq!(read(&*store).await, before);
    assert_eq!(store.get(&key("b/2")).await.unwrap(), Some(value("2")));
    assert_eq!(store.scan(b"b/", None, 10).await.unwrap().len(), 2);
    assert_eq!(store.commit(Txn::new().absent(key("a"))).await.unwrap(), Outcome::Conflict);
    replace(&*store, &empty).await;
    assert_eq!(read(&*store).await, empty);
}

async fn a_replacement_tells_every_watch_what_differs_and_nothing_else(store: Arc<dyn Store>) {
    for at in ["changed", "gone", "same"] {
        put(&*store, at, "1").await;
    }
    let (mut watch, mut other) = (store.watch(), store.watch());
    let new = ["changed", "new", "same"].map(|at| (at.to_owned(), if at == "changed" { "2" } else { "1" }.to_owned()));
    let revision = replace(&*store, &entries(new)).await;
    let change = |at: &str, what: Option<&str>| Change { key: key(at), value: what.map(value) };
    let changes = vec![change("changed", Some("2")), change("gone", None), change("new", Some("1"))];
    assert_eq!(next_replacement(&mut watch).await, (revision, changes.clone()));
    assert_eq!(next_replacement(&mut other).await, (revision, changes));
    let same = read(&*store).await;
    let again = replace(&*store, &same).await;
    assert!(again > revision);
    assert_eq!(next_replacement(&mut watch).await, (again, vec![]));
    let next = put(&*store, "next", "").await;
    assert!(matches!(watch.next().await, Some(ChangeEvent::Committed { revision, .. }) if revision == next));
}

async fn a_replacement_may_be_larger_than_any_transaction(store: Arc<dyn Store>) {
    let large = Value::new(&[b'v'; MAX_VALUE_BYTES]);
    let largest: Entries = (0..40).map(|n| (Key::new(&[n; MAX_KEY_BYTES]), large.clone())).collect();
    for wanted in [many(3 * MAX_OPERATIONS + 7, "x"), largest, many(MAX_OPERATIONS + 1, "y"), many(0, "")] {
        replace(&*store, &wanted).await;
        assert_eq!(read(&*store).await, wanted);
    }
}

async fn a_replacement_is_seen_whole_or_not_at_all(store: Arc<dyn Store>) {
    let contents = [many(2 * MAX_OPERATIONS, "a"), many(MAX_OPERATIONS, "b")];
    replace(&*store, &contents[0]).await;
    let writer = {
        let (store, contents) = (store.clone(), contents.clone());
        tokio::spawn(async move {
            for n in 1..=6 {
                replace(&*store, &contents[n % 2]).await;
            }
        })
    };
    while !writer.is_finished() {
        let seen = read(&*store).await;
        assert!(contents.contains(&seen), "{} entries", seen.iter().len());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

async fn a_replacement_comes_after_the_commits_before_it(store: Arc<dyn Store>) {
    let replacement = many(3, "new");
    let contents = store.contents().unwrap();
    let (commits, replaced) = tokio::join!(
        futures_util::future::join_all((0..50).map(|n| {
            let store = &store;
            async move { put(&**store, &format!("q/{n}"), "").await }
        })),
        contents.replace(&replacement),
    );
    let replaced = replaced.unwrap();
    let later = commits.into_iter().filter(|commit| *commit > replaced).count();
    assert_eq!(read(&*store).await.iter().len(), 3 + later);
}

/// A keyspace as a map that counts what it was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Notes<const DEPENDS_ON_ORDER: bool> {
    notes: imbl::OrdMap<String, u64>,
    deletions: usize,
}

const NOTES: Keyspace<u64> = Keyspace::new("notes");

impl<const DEPENDS_ON_ORDER: bool> Projection for Notes<DEPENDS_ON_ORDER> {
    type Record = u64;
    const KEYSPACE: Keyspace<u64> = NOTES;
    const DEPENDS_ON_ORDER: bool = DEPENDS_ON_ORDER;

    fn put(&mut self, id: &str, record: u64) {
        self.notes.insert(id.to_owned(), record);
    }

    fn delete(&mut self, id: &str) {
        self.deletions += 1;
        self.notes.remove(id);
    }
}

fn note(id: &str, n: u64) -> Txn {
    Txn::new().put(NOTES.key(id), NOTES.encode(&n).unwrap())
}

async fn follow<const DEPENDS_ON_ORDER: bool>(store: &Arc<dyn Store>) -> Notes<DEPENDS_ON_ORDER> {
    let _ = store.commit(note("a", 1).and(note("b", 2))).await.unwrap();
    let before = read(&**store).await;
    let view = View::<Notes<DEPENDS_ON_ORDER>>::open(store.clone()).await.unwrap();
    let changes = view.changes();
    let _ = store.commit(note("a", 10).and(note("c", 3)).delete(NOTES.key("b"))).await.unwrap();
    view.wait_for(replace(&**store, &before).await).await;
    assert_ne!(view.changes(), changes, "what was found in it is looked for again");
    (**view.load()).clone()
}

fn restored() -> imbl::OrdMap<String, u64> {
    [("a".to_owned(), 1_u64), ("b".to_owned(), 2)].into_iter().collect()
}

async fn a_view_follows_a_replacement_and_can_be_waited_for(store: Arc<dyn Store>) {
    assert_eq!(follow::<false>(&store).await, Notes { notes: restored(), deletions: 2 });
}

async fn a_view_follows_a_large_replacement_and_the_commits_after_it(store: Arc<dyn Store>) {
    let view = View::<Notes<false>>::open(store.clone()).await.unwrap();
    let named = |n: u64| format!("{n:04}");
    let large = (0..1_000).map(|n| (NOTES.key(named(n)), NOTES.encode(&n).unwrap())).collect();
    let replaced = replace(&*store, &large).await;
    let Outcome::Committed(last) = store.commit(note("0007", 70)).await.unwrap() else { panic!("a conflict") };
    view.wait_for(replaced).await;
    assert_eq!(view.load().notes.len(), 1_000);
    view.wait_for(last).await;
    let expected = (0..1_000).map(|n| (named(n), if n == 7 { 70 } else { n })).collect();
    assert_eq!(view.load().notes, expected);
}

async fn a_view_that_depends_on_the_order_of_changes_is_read_again(store: Arc<dyn Store>) {
    assert_eq!(follow::<true>(&store).await, Notes { notes: restored(), deletions: 0 });
}

async fn a_replacement_over_a_limit_is_refused_whole(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    let (long_key, long_value) = (Key::new(&[b'k'; MAX_KEY_BYTES + 1]), Value::new(&vec![0; MAX_VALUE_BYTES + 1]));
    for (key, value) in [(long_key, value("")), (key("b"), long_value)] {
        let refused = store.contents().unwrap().replace(&[(key, value)].into_iter().collect()).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(value("1")));
}

async fn a_closed_store_has_no_content(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    store.close().await.unwrap();
    let contents = store.contents().unwrap();
    assert!(matches!(contents.entries().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(contents.replace(&many(1, "")).await, Err(StoreError::Unavailable(_))));
}

// A crash.

#[tokio::test]
async fn a_crash_in_the_middle_of_a_replacement_leaves_the_old_content_or_the_new_one() {
    let (_root, dir) = folder();
    let store = Arc::new(SledStore::open(&dir).unwrap());
    let contents = [many(20 * MAX_OPERATIONS, "old"), many(30 * MAX_OPERATIONS, "new")];
    replace(&*store, &contents[0]).await;
    let writer = {
        let (store, contents) = (store.clone(), contents.clone());
        tokio::spawn(async move {
            for n in 1..=6 {
                replace(&*store, &contents[n % 2]).await;
            }
        })
    };
    let mut interrupted = 0;
    while !writer.is_finished() {
        let (_copy, copied) = crashed(&dir);
        interrupted += u32::from(copied.join("replacement").exists());
        let recovered = SledStore::open(&copied).unwrap();
        let found = read(&recovered).await;
        assert!(contents.contains(&found), "{} entries", found.iter().len());
        assert!(!copied.join("replacement").exists(), "it is made once");
        put(&recovered, "later", "").await;
        recovered.close().await.unwrap();
        assert_eq!(read(&SledStore::open(&copied).unwrap()).await.iter().len(), found.iter().len() + 1);
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert!(interrupted > 0, "no copy was made in the middle of a replacement");
}

#[tokio::test]
async fn a_damaged_replacement_keeps_the_store_closed_and_a_draft_of_one_does_not() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    put(&store, "a", "1").await;
    store.close().await.unwrap();
    fs::write(dir.join("replacement.new"), "half a replacement").unwrap();
    SledStore::open(&dir).unwrap().close().await.unwrap();
    fs::write(dir.join("replacement"), "boomgate replacement 1\nnot what was written").unwrap();
    let refused = SledStore::open(&dir).unwrap_err();
    assert!(refused.to_string().contains("damaged"), "{refused}");
}

#[tokio::test]
async fn a_replacement_that_cannot_be_written_changes_nothing() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    put(&store, "a", "1").await;
    // A folder at the place of the draft: no file can be made there.
    fs::create_dir(dir.join("replacement.new")).unwrap();
    let large = many(2 * MAX_OPERATIONS, "x");
    assert!(matches!(store.contents().unwrap().replace(&large).await, Err(StoreError::Unavailable(_))));
    fs::remove_dir(dir.join("replacement.new")).unwrap();
    // Until the folder is open again, the store refuses.
    let read_again = loop {
        match store.contents().unwrap().entries().await {
            Ok(entries) => break entries,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(read_again.iter().len(), 1);
    replace(&store, &large).await;
    assert_eq!(read(&store).await, large);
}
