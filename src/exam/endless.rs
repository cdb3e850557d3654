//! When a client that tries again and again has shown enough, so that its run need not last until the deadline.
//!
//! In some scenarios nothing that the client can do helps, and the checks look at how often it tries. Once one request has
//! failed more often than any of these checks allows, the rest of the run shows nothing more.

use std::collections::BTreeMap;

use super::conversation::{Conversation, Exchange, Kind};
use super::run::Examination;
use super::scenario::ScenarioId;
use crate::api::sandbox::request::RecordedRequest;

/// Counts the failed tries of each request of a run.
#[derive(Clone, Debug)]
pub struct Endless {
    key: Key,
    /// What an undisturbed client sends.
    usual: BTreeMap<String, usize>,
    /// How many of a request an undisturbed client may send at once.
    concurrency: usize,
    /// The most tries that a check allows of each.
    tries: usize,
    failed: BTreeMap<String, usize>,
}

/// What tries of one request have in common, as the checks of the scenario see it.
type Key = fn(&Exchange) -> String;

impl Endless {
    /// The counter for the run of a scenario; `None` if such a run ends by itself. The undisturbed runs must have been made.
    #[must_use]
    #[allow(clippy::wildcard_enum_match_arm, reason = "in most scenarios a client gets on by trying again")]
    pub fn of(scenario: ScenarioId, examination: &Examination) -> Option<Self> {
        let key: Key = match scenario {
            ScenarioId::Outage => Exchange::signature_and_query,
            ScenarioId::Every401 | ScenarioId::SecretRevoked => Exchange::signature,
            _ => return None,
        };
        let thresholds = &examination.thresholds;
        let tries =
            thresholds.tries_in_an_outage.max(thresholds.tries_on_401).max(thresholds.tries_with_refused_secret);
        let runs: Vec<_> = examination.undisturbed().map(|run| numbers(key, &run.conversation, |_| true)).collect();
        let mut usual = BTreeMap::new();
        for name in runs.iter().flat_map(BTreeMap::keys) {
            let of_runs = || runs.iter().map(|run| run.get(name).copied().unwrap_or_default());
            let (least, most) = (of_runs().min().unwrap_or_default(), of_runs().max().unwrap_or_default());
            usual.insert(name.clone(), most + (most - least));
        }
        Some(Self { key, usual, concurrency: examination.concurrency(), tries, failed: BTreeMap::new() })
    }

    /// Adds the next requests of the run. Says whether the client has shown enough.
    pub fn add(&mut self, requests: Vec<RecordedRequest>) -> bool {
        let failed = numbers(self.key, &Conversation::new(requests), |exchange| !exchange.is_success());
        for (name, number) in failed {
            *self.failed.entry(name).or_default() += number;
        }
        self.failed.iter().any(|(name, number)| {
            let usual = self.usual.get(name).copied().unwrap_or_default();
            *number > self.tries.saturating_mul(usual.max(self.concurrency).max(1))
        })
    }
}

/// How many requests there are of each.
fn numbers(key: Key, talk: &Conversation, is_counted: impl Fn(&Exchange) -> bool) -> BTreeMap<String, usize> {
    let mut numbers = BTreeMap::new();
    for exchange in talk.all().iter().filter(|exchange| exchange.kind != Kind::Other && is_counted(exchange)) {
        *numbers.entry(key(exchange)).or_default() += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::testing::{Request, conversation, examination, get, run, token};

    const LIST: &str = "/parking/zones?limit=5";

    fn recorded(requests: impl IntoIterator<Item = Request>) -> Vec<RecordedRequest> {
        conversation(requests).all().iter().map(|exchange| exchange.recorded.clone()).collect()
    }

    fn failed(path: &str) -> Request {
        get(path).refused(503, "unavailable")
    }

    /// Of a client that gets a token and three pages.
    fn endless(scenario: ScenarioId) -> Option<Endless> {
        let pages = || [token("a"), get(LIST), get("/parking/zones?cursor=1"), get("/parking/zones?cursor=2")];
        Endless::of(scenario, &examination([run(ScenarioId::Preflight, pages()), run(ScenarioId::Baseline, pages())]))
    }

    #[test]
    fn the_eleventh_failed_try_of_a_request_is_enough() {
        let mut outage = endless(ScenarioId::Outage).unwrap();
        assert!(!outage.add(recorded((0..10).map(|_| failed(LIST)))));
        assert!(!outage.add(recorded([failed("/parking/zones?cursor=1"), get(LIST), token("b")])), "none of the same");
        assert!(outage.add(recorded([failed(LIST)])));
    }

    #[test]
    fn where_a_check_takes_all_queries_together_so_does_the_count() {
        let mut refused = endless(ScenarioId::Every401).unwrap();
        assert!(!refused.add(recorded((0..30).map(|_| failed(LIST)))), "ten of each of the three pages");
        assert!(refused.add(recorded([failed(LIST)])));
    }

    #[test]
    fn a_run_that_ends_by_itself_has_no_such_count() {
        assert!(endless(ScenarioId::Unavailable).is_none());
        assert!(endless(ScenarioId::Storm).is_none());
    }
}
