//! What a store on a disk keeps, whatever happens to the process that had it open.
//!
//! `tests/crash` kills real servers; here a crash is a copy of the folder, taken while the store is
//! open: what the kernel has of the files at that moment is what `kill -9` leaves.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use boomgate::store::{
    Key, MAX_KEY_BYTES, MAX_OPERATIONS, MAX_VALUE_BYTES, Outcome, SledStore, Store, StoreError, Txn, Value,
};
use futures_util::future::join_all;

fn key(n: u32) -> Key {
    Key::new(format!("k/{n:06}").as_bytes())
}

fn value(n: u32) -> Value {
    Value::new(format!("value {n}").as_bytes())
}

async fn put(store: &dyn Store, n: u32) {
    let outcome = store.commit(Txn::new().put(key(n), value(n))).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)));
}

async fn count(store: &dyn Store) -> usize {
    store.scan(b"k/", None, 1_000).await.unwrap().len()
}

pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("db");
    (root, dir)
}

/// The folder as a crash at this moment leaves it.
pub(crate) fn crashed(dir: &Path) -> (tempfile::TempDir, PathBuf) {
    let (root, copy) = folder();
    let mut folders = vec![(dir.to_owned(), copy.clone())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir(&to).unwrap();
        fs::set_permissions(&to, Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push((entry.path(), to));
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    (root, copy)
}

#[tokio::test]
async fn a_closed_store_opens_again_at_once_with_all_it_held() {
    let (_root, dir) = folder();
    for round in 0..10 {
        let store = SledStore::open(&dir).unwrap();
        assert_eq!(count(&store).await, round as usize);
        put(&store, round).await;
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_at_any_moment() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    for n in 0..40 {
        put(&store, n).await;
        let (_copy, copied) = crashed(&dir);
        let recovered = SledStore::open(&copied).unwrap();
        assert_eq!(count(&recovered).await, n as usize + 1, "after {n}");
        assert_eq!(recovered.get(&key(n)).await.unwrap(), Some(value(n)));
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_writing_leaves_whole_transactions_up_to_some_point() {
    let (_root, dir) = folder();
    let store = std::sync::Arc::new(SledStore::open(&dir).unwrap());
    let writer = {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..300 {
                let txn = Txn::new().put(key(2 * n), value(n)).put(key(2 * n + 1), value(n));
                assert!(matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_)));
            }
        })
    };
    while !writer.is_finished() {
        let acknowledged_at_least = count(&*store).await;
        let (_copy, copied) = crashed(&dir);
        let recovered = SledStore::open(&copied).unwrap();
        let found = recovered.scan(b"k/", None, 1_000).await.unwrap();
        assert!(found.len() >= acknowledged_at_least);
        assert_eq!(found.len() % 2, 0, "half a transaction");
        for (n, (at, _)) in (0..).zip(&found) {
            assert_eq!(at, &key(n), "a hole");
        }
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_dropped_without_close_keeps_what_it_acknowledged() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    put(&store, 1).await;
    let mut watch = store.watch();
    drop(store);
    assert_eq!(watch.next().await, None, "its thread has ended");
    let reopened = loop {
        match SledStore::open(&dir) {
            Ok(store) => break store,
            Err(StoreError::Held(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(reopened.get(&key(1)).await.unwrap(), Some(value(1)));
}

#[tokio::test]
async fn a_folder_has_one_holder() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    let second = SledStore::open(&dir).unwrap_err();
    assert!(matches!(&second, StoreError::Held(held) if **held == *dir.to_str().unwrap()), "{second}");
    put(&store, 1).await;
    store.close().await.unwrap();
    SledStore::open(&dir).unwrap();
}

#[tokio::test]
async fn a_folder_is_private_when_made_and_refused_when_not() {
    let (_root, dir) = folder();
    SledStore::open(&dir).unwrap().close().await.unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["db", "conf", "lock"] {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::set_permissions(dir.join(name), Permissions::from_mode(0o666)).unwrap();
    }
    SledStore::open(&dir).unwrap().close().await.unwrap();
    for name in ["db", "conf", "lock"] {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}, again");
    }
    for mode in [0o705, 0o701, 0o777] {
        fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
        let refused = SledStore::open(&dir).unwrap_err();
        assert!(refused.to_string().contains(&format!("chmod 700 {}", dir.display())), "{refused}");
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    SledStore::open(&dir).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_an_error() {
    let (root, _) = folder();
    fs::write(root.path().join("file"), "").unwrap();
    for dir in ["file", "file/db"] {
        let refused = SledStore::open(&root.path().join(dir)).unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    }
}

#[tokio::test]
async fn a_crash_while_opening_does_no_harm() {
    let (_root, dir) = folder();
    // Before anything was written, `conf` may be torn.
    let store = SledStore::open(&dir).unwrap();
    let (_copy, torn) = crashed(&dir);
    fs::write(torn.join("conf"), [0; 64]).unwrap();
    fs::write(torn.join("db"), "").unwrap();
    put(&SledStore::open(&torn).unwrap(), 1).await;

    // A snapshot may be half-written.
    put(&store, 1).await;
    store.close().await.unwrap();
    fs::write(dir.join("snap.FFFFFFFFFFFFFFFF.generating"), "half a snap").unwrap();
    let store = SledStore::open(&dir).unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), Some(value(1)));
}

/// A page that sled moves out of its log into a file of its own is never synced, so there must be none,
/// with the largest keys and values in any order of writes and deletes.
#[tokio::test]
async fn no_page_ever_leaves_the_log() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    let largest = |n: u32| {
        let mut bytes = vec![b'k'; MAX_KEY_BYTES];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        Key::new(&bytes)
    };
    let fill = Value::new(&[b'v'; MAX_VALUE_BYTES]);
    let mut seed = 1_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % 600
    };
    let mut expected = std::collections::BTreeSet::new();
    for round in 0..60 {
        let mut txn = Txn::new();
        for _ in 0..MAX_OPERATIONS / 2 {
            // Grow, then shrink, so that leaves both split and merge.
            let n = random();
            if round % 20 < 12 {
                expected.insert(n);
                txn = txn.put(largest(n), fill.clone());
            } else {
                expected.remove(&n);
                txn = txn.delete(largest(n));
            }
        }
        let _ = store.commit(txn).await.unwrap();
        assert_eq!(fs::read_dir(dir.join("blobs")).unwrap().count(), 0, "in round {round}");
    }
    store.close().await.unwrap();
    let store = SledStore::open(&dir).unwrap();
    let stored = store.scan(b"", None, 1_000).await.unwrap();
    assert_eq!(
        stored.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
        expected.into_iter().map(largest).collect::<Vec<_>>()
    );
}

/// sled reuses the parts of its file that hold nothing current any more.
#[tokio::test]
async fn a_counter_that_changes_for_ever_does_not_fill_the_disk() {
    let (_root, dir) = folder();
    let store = SledStore::open(&dir).unwrap();
    for round in 0..40 {
        let puts = (0..256).map(|n| store.commit(Txn::new().put(key(n), Value::new(&[round; 4_096]))));
        for outcome in join_all(puts).await {
            let _ = outcome.unwrap();
        }
    }
    let on_disk = fs::metadata(dir.join("db")).unwrap().len();
    assert!(on_disk < 32 * 1024 * 1024, "{on_disk} bytes for 1 MiB of values");
}
