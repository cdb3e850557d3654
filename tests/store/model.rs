//! Random transactions give the same answers on every store.

use std::sync::Arc;

use boomgate::store::{ChangeEvent, Key, MemoryStore, Outcome, SledStore, Store, Txn, Value};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Operation>),
    Get(Vec<u8>),
    Scan { prefix: Vec<u8>, after: Option<Vec<u8>>, limit: usize },
}

#[derive(Clone, Debug)]
enum Operation {
    Absent(Vec<u8>),
    Equals(Vec<u8>, u8),
    Put(Vec<u8>, u8),
    Delete(Vec<u8>),
}

/// Few and short, so that they collide and are each other's prefixes, and some at the edges.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0, 1, b'a', 0xfe, 0xff]), 0..4)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => bytes().prop_map(Operation::Absent),
        1 => (bytes(), 0..3_u8).prop_map(|(key, value)| Operation::Equals(key, value)),
        8 => (bytes(), 0..3_u8).prop_map(|(key, value)| Operation::Put(key, value)),
        4 => bytes().prop_map(Operation::Delete),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(operation(), 0..8).prop_map(Step::Commit),
        1 => bytes().prop_map(Step::Get),
        2 => (bytes(), prop::option::of(bytes()), 0..20_usize)
            .prop_map(|(prefix, after, limit)| Step::Scan { prefix, after, limit }),
    ]
}

fn txn(operations: &[Operation]) -> Txn {
    operations.iter().fold(Txn::new(), |txn, operation| match operation {
        Operation::Absent(key) => txn.absent(Key::new(key)),
        Operation::Equals(key, value) => txn.equals(Key::new(key), Value::new(&[*value])),
        Operation::Put(key, value) => txn.put(Key::new(key), Value::new(&[*value])),
        Operation::Delete(key) => txn.delete(Key::new(key)),
    })
}

/// What a store answered.
#[derive(Debug, PartialEq)]
enum Answer {
    Commit(Outcome),
    Get(Option<Value>),
    Scan(Vec<(Key, Value)>),
    Events(Vec<ChangeEvent>),
}

async fn run(store: Arc<dyn Store>, steps: &[Step]) -> Vec<Answer> {
    let mut watch = store.watch();
    let mut answers = Vec::new();
    for step in steps {
        answers.push(match step {
            Step::Commit(operations) => Answer::Commit(store.commit(txn(operations)).await.unwrap()),
            Step::Get(key) => Answer::Get(store.get(&Key::new(key)).await.unwrap()),
            Step::Scan { prefix, after, limit } => {
                let after = after.as_ref().map(|after| Key::new(after));
                Answer::Scan(store.scan(prefix, after.as_ref(), *limit).await.unwrap())
            }
        });
    }
    answers.push(Answer::Scan(store.scan(b"", None, 1_000).await.unwrap()));
    store.close().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = watch.next().await {
        events.push(event);
    }
    answers.push(Answer::Events(events));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_store_gives_the_same_answers(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sled = Arc::new(SledStore::open(&folder.path().join("db")).unwrap());
        let on_disk = runtime.block_on(run(sled, &steps));
        let in_memory = runtime.block_on(run(Arc::new(MemoryStore::new()), &steps));
        prop_assert_eq!(&on_disk, &in_memory);

        // And what it answered last is what it holds when it is opened again.
        let again = SledStore::open(&folder.path().join("db")).unwrap();
        let stored = runtime.block_on(again.scan(b"", None, 1_000)).unwrap();
        prop_assert_eq!(&Answer::Scan(stored), &on_disk[on_disk.len() - 2]);
    }
}
