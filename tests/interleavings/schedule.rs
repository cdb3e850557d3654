//! A store that takes a step when the test says so, and the orders of these steps.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use boomgate::store::{Key, MemoryStore, Outcome, Store, StoreError, Txn, Value, Watch};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// After so many turns of the runtime all tasks wait for the store: a task waits for at most a few others.
const TURNS: usize = 12;
/// More steps than any run here has.
const MOST_STEPS: usize = 10_000;

/// A store in memory. Each call waits for a step before it reads or writes. A commit waits for another step before it
/// answers: it is then made, and its caller does not know it yet. Tasks may wait for steps too.
pub(crate) struct SteppedStore {
    inner: MemoryStore,
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

impl SteppedStore {
    /// Waits for a step.
    pub(crate) async fn step(&self) {
        let (go, gone) = oneshot::channel();
        self.waiting.lock().unwrap().push(go);
        // An error means that the run is over.
        let _over = gone.await;
    }
}

#[async_trait]
impl Store for SteppedStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        self.step().await;
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.step().await;
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        self.step().await;
        let outcome = self.inner.commit(txn).await;
        self.step().await;
        outcome
    }

    fn watch(&self) -> Watch {
        self.inner.watch()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

/// Something that happens to the tasks of a run.
type Event = Box<dyn FnOnce(&mut JoinSet<u64>)>;

/// One run: tasks, a store that steps, and things that may happen to them at any moment.
pub(crate) struct Run {
    pub(crate) store: Arc<SteppedStore>,
    tasks: JoinSet<u64>,
    events: Vec<Event>,
}

impl Run {
    fn new() -> Self {
        let store = SteppedStore { inner: MemoryStore::new(), waiting: Mutex::new(Vec::new()) };
        Self { store: Arc::new(store), tasks: JoinSet::new(), events: Vec::new() }
    }

    /// Adds a task, which returns how much it was given.
    pub(crate) fn task(&mut self, task: impl Future<Output = u64> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Adds an event, which happens between two steps; events stay in order.
    pub(crate) fn event(&mut self, event: impl FnOnce(&mut JoinSet<u64>) + 'static) {
        self.events.push(Box::new(event));
    }

    /// Runs all steps and events in the order that `choose` chooses: given the number of choices, it returns one. Returns
    /// the sum of what the tasks were given.
    async fn until_rest(&mut self, choose: &mut impl FnMut(usize) -> usize) -> u64 {
        let mut events = std::mem::take(&mut self.events).into_iter();
        for _ in 0..MOST_STEPS {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            let steps = self.store.waiting.lock().unwrap().len();
            let choices = steps + usize::from(events.len() > 0);
            if choices == 0 {
                let mut given = 0;
                while let Some(ended) = self.tasks.join_next().await {
                    match ended {
                        Ok(units) => given += units,
                        Err(ended) => assert!(ended.is_cancelled(), "{ended}"),
                    }
                }
                return given;
            }
            let chosen = if choices == 1 { 0 } else { choose(choices) };
            if chosen < steps {
                let go = self.store.waiting.lock().unwrap().remove(chosen);
                // An error means that the waiting task was cancelled.
                let _gone = go.send(());
            } else if let Some(event) = events.next() {
                event(&mut self.tasks);
            }
        }
        panic!("the run does not come to rest");
    }
}

/// Sets up a run, which happens in one order, and checks the result. `end` gets the sum of what the tasks were given and
/// may add tasks, which then run in any order.
pub(crate) trait Scenario {
    fn begin(&mut self, run: &mut Run);
    fn end(&mut self, run: &mut Run, given: u64);
    fn check(&mut self, given_at_the_end: u64);
}

fn once<S: Scenario>(mut scenario: S, choose: &mut impl FnMut(usize) -> usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new();
        scenario.begin(&mut run);
        let given = run.until_rest(choose).await;
        scenario.end(&mut run, given);
        let given = run.until_rest(&mut |_| 0).await;
        scenario.check(given);
    });
}

/// Tries every order, and returns how many there are: at most `most`, or the test is too large.
pub(crate) fn every_order<S: Scenario>(most: usize, scenario: impl Fn() -> S) -> usize {
    // The choices of one run, each with the number of alternatives. The next run differs in the last choice that can differ.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for tried in 1..=most {
        let mut depth = 0;
        once(scenario(), &mut |choices| {
            let (chosen, of) = *path.get(depth).unwrap_or(&(0, choices));
            assert_eq!(of, choices, "the same order leads to the same place");
            if depth == path.len() {
                path.push((chosen, choices));
            }
            depth += 1;
            chosen
        });
        path.truncate(depth);
        while path.pop_if(|(chosen, choices)| *chosen + 1 == *choices).is_some() {}
        let Some((chosen, _)) = path.last_mut() else { return tried };
        *chosen += 1;
    }
    panic!("there are more than {most} orders");
}

/// Tries one order, made of these numbers.
pub(crate) fn one_order(scenario: impl Scenario, numbers: &[u8]) {
    let mut numbers = numbers.iter().cycle();
    once(scenario, &mut |choices| usize::from(*numbers.next().unwrap_or(&0)) % choices);
}
