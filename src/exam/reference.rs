//! What the undisturbed run shows, by which the disturbed ones are planned.

use std::collections::BTreeMap;
use std::time::Duration;

use super::run::Run;

/// The shortest window in which nothing has to happen, so that a client counts as having stopped.
const MIN_WINDOW: Duration = Duration::from_secs(5);

/// What the undisturbed run shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// How many requests for resources there are.
    pub resources: u64,
    /// How many of them have each method.
    pub methods: BTreeMap<String, u64>,
    /// Those that succeeded. A client may send others on purpose, to test how it is refused.
    pub served: Vec<Served>,
    /// How many token requests there are.
    pub tokens: u64,
    /// How many requests are under way at once, at most.
    pub concurrency: u64,
    /// The number of the first request for a resource where most of them are under way at once.
    pub busy_from: u64,
    /// How many token requests come before that one.
    pub tokens_before_busy: u64,
    /// From the start of the first request for a resource to the start of the last one.
    pub spread: Duration,
    /// The longest time between two requests, from the end of one to the start of the next.
    pub longest_gap: Duration,
    /// How long the command runs.
    pub duration: Duration,
    /// The scope tokens that the client holds.
    pub scopes: Vec<String>,
    /// Those of them that a request needed.
    pub used_scopes: Vec<String>,
}

/// A request for a resource that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its method.
    pub method: String,
    /// Its number, from 1, among all requests for resources.
    pub number: u64,
    /// Its number, from 1, among those with its method.
    pub number_of_method: u64,
}

impl Reference {
    /// What `run` shows of a client that holds `scopes`. `needed` says which scope token a request needs, by its method and
    /// its path.
    #[must_use]
    pub fn of(run: &Run, scopes: &[String], needed: impl Fn(&str, &str) -> Option<String>) -> Self {
        let conversation = &run.conversation;
        let mut methods = BTreeMap::new();
        let mut served = Vec::new();
        for (number, exchange) in (1..).zip(conversation.resources()) {
            let method = &exchange.recorded.line.method;
            let of_method: &mut u64 = methods.entry(method.clone()).or_default();
            *of_method += 1;
            if exchange.is_success() {
                served.push(Served { method: method.clone(), number, number_of_method: *of_method });
            }
        }
        let used: Vec<String> = conversation
            .resources()
            .filter_map(|exchange| needed(&exchange.recorded.line.method, &exchange.recorded.line.path))
            .collect();
        let starts = || conversation.resources().map(|exchange| exchange.started_at.get());
        let spread = starts().max().unwrap_or_default().saturating_sub(starts().min().unwrap_or_default());
        let busy = conversation.before_busiest();
        Self {
            resources: conversation.resources().count() as u64,
            methods,
            served,
            tokens: conversation.tokens().count() as u64,
            concurrency: conversation.most_in_flight() as u64,
            busy_from: busy.resources + 1,
            tokens_before_busy: busy.tokens,
            spread: Duration::from_millis(spread),
            longest_gap: Duration::from_millis(conversation.longest_gap_ms()),
            duration: Duration::from_millis(run.ended_at.get().saturating_sub(run.started_at.get())),
            scopes: scopes.to_vec(),
            used_scopes: scopes.iter().filter(|scope| used.contains(scope)).cloned().collect(),
        }
    }

    /// How long nothing must come, so that a client counts as having stopped.
    #[must_use]
    pub fn window(&self) -> Duration {
        MIN_WINDOW.max(self.longest_gap * 3)
    }

    /// The number of the first request with this method that succeeded, among those with this method; 1 if none did.
    #[must_use]
    pub fn first_served(&self, method: Option<&str>) -> u64 {
        let first = |served: &&Served| method.is_none_or(|method| served.method == method);
        let number = |served: &Served| if method.is_some() { served.number_of_method } else { served.number };
        self.served.iter().find(first).map_or(1, number)
    }

    /// The number of a request in the middle: the second one that succeeded, or the only one.
    #[must_use]
    pub fn middle(&self) -> u64 {
        let middle = self.served.get(1).or(self.served.first()).map(|served| served.number);
        middle.unwrap_or(if self.resources > 1 { 2 } else { 1 })
    }

    /// The first of these methods that a request for a resource has.
    #[must_use]
    pub fn first_method(&self, methods: &[&'static str]) -> Option<&'static str> {
        methods.iter().copied().find(|method| self.methods.contains_key(*method))
    }
}
