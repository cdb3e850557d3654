//! Faults: rules that disturb requests on purpose, so that a client can be seen to survive it.
//!
//! A [`Rule`](rule) says which requests, how often, for how long, and what happens. [`Faults::decide`] asks the rules in
//! their order; the first that matches and fires decides, and each rule that matches counts the request. Nothing here
//! disturbs anything: `http::sandbox` does what the [`Firing`] says.
//!
//! Whether a rule fires at its n-th request depends only on its seed and n, so a run can be repeated, on however many
//! connections. A rule of the sandbox ends by the sandbox's clock: an outage of ten minutes is over once that clock has
//! moved on by ten minutes, and no test has to wait. Its monotonic side runs on when the clock is frozen, so no rule lasts
//! for ever by that.

mod area;
mod draw;
mod firing;
mod matcher;
mod preference;
mod reading;
mod rule;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::area::Area;
pub(crate) use self::firing::{Firing, PREFERRED};
pub(crate) use self::matcher::{Matcher, RequestFacts};
pub(crate) use self::preference::Preference;
pub(crate) use self::reading::{KnownProblem, Vocabulary, read_rule, read_search};
pub use self::rule::EffectKind;
use self::rule::{Rule, SavedRule};
use crate::api::sandbox::fault::{Fault, FaultRule};
use crate::counts::Counts;
use crate::time::SharedClock;

/// The most rules that can still fire.
pub(crate) const MAX_ACTIVE: usize = 100;
/// The most rules that have ended and are still shown.
const MAX_ENDED: usize = 100;

/// The rules of one sandbox, in their order.
pub struct Faults {
    clock: SharedClock,
    /// Determines the seeds of rules that name none.
    seed: u64,
    /// Whether there is no rule, so that a request need not take the lock.
    is_empty: AtomicBool,
    rules: Mutex<Rules>,
    injected: Counts<EffectKind>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Faults").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default)]
struct Rules {
    in_order: Vec<Rule>,
    /// How many rules were ever added.
    added: u64,
}

/// The rules as they were at one moment, to go back to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedFaults {
    in_order: Vec<SavedRule>,
    added: u64,
}

/// Why rules cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddFault {
    /// Two rules would have one name.
    #[error("belongs to another active rule: choose another name, or remove that rule first")]
    NameTaken {
        /// Which of the new rules, from 0.
        index: usize,
    },
    /// There would be too many.
    #[error("is over the limit of {MAX_ACTIVE} active rules: remove some first")]
    TooMany {
        /// The first of the new rules, from 0, for which there is no room.
        index: usize,
    },
}

impl Faults {
    /// No rule yet. `seed` determines the seeds of rules that name none.
    #[must_use]
    pub fn new(clock: SharedClock, seed: u64) -> Self {
        Self { clock, seed, is_empty: AtomicBool::new(true), rules: Mutex::default(), injected: Counts::new() }
    }

    /// Whether there is no rule, so that the client of a request need not be found out.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Acquire)
    }

    /// What disturbs this request, if any rule does. Call it once for each request: each rule that matches counts it. A
    /// rule is in force as soon as [`add`](Self::add) has returned, on connections that are open too.
    pub(crate) fn decide(&self, request: &RequestFacts<'_>) -> Option<Firing> {
        if self.is_empty() {
            return None;
        }
        let area = request.area()?;
        let now = self.clock.monotonic();
        let mut firing = None;
        // The lock makes the number of a request and what it decides one step, so that `times` and the seed hold on any
        // number of connections.
        let mut rules = self.lock();
        for rule in rules.in_order.iter_mut().filter(|rule| rule.is_active(now)) {
            let fired = rule.count(request, area, firing.is_none());
            firing = firing.or(fired);
        }
        drop(rules);
        if let Some(firing) = &firing {
            self.count(firing);
        }
        firing
    }

    /// Counts what disturbed a request without a rule.
    pub(crate) fn count(&self, firing: &Firing) {
        self.injected.add_one(EffectKind::of(&firing.effect));
    }

    /// How often each kind of effect disturbed a request.
    pub(crate) fn injected(&self) -> impl Iterator<Item = (EffectKind, u64)> + '_ {
        self.injected.totals()
    }

    /// Adds rules behind those that there are, all or none, and shows them. A rule that has ended frees its name.
    pub(crate) fn add(&self, new: Vec<FaultRule>) -> Result<Vec<Fault>, AddFault> {
        let now = self.clock.monotonic();
        let mut rules = self.lock();
        let mut changed = rules.clone();
        changed
            .in_order
            .retain(|rule| rule.is_active(now) || !new.iter().any(|new| new.name.as_deref() == Some(rule.name())));
        let active = changed.in_order.iter().filter(|rule| rule.is_active(now)).count();
        let room = MAX_ACTIVE.saturating_sub(active);
        let first = changed.in_order.len();
        for (index, mut rule) in new.into_iter().enumerate() {
            if index >= room {
                return Err(AddFault::TooMany { index });
            }
            changed.added += 1;
            let name = match rule.name.take() {
                Some(name) if changed.has(&name) => return Err(AddFault::NameTaken { index }),
                Some(name) => name,
                None => changed.unused_name(),
            };
            rule.name = Some(name);
            let seed = draw::seed(self.seed, changed.added);
            changed.in_order.push(Rule::new(rule, seed, now));
        }
        let shown = changed.in_order.iter().skip(first).map(|rule| rule.shown(now)).collect();
        changed.forget_ended(now);
        self.replace(&mut rules, changed);
        Ok(shown)
    }

    /// Every rule, in order; also those that have ended.
    pub(crate) fn list(&self) -> Vec<Fault> {
        let now = self.clock.monotonic();
        self.lock().in_order.iter().map(|rule| rule.shown(now)).collect()
    }

    /// The rule with this name.
    pub(crate) fn get(&self, name: &str) -> Option<Fault> {
        let now = self.clock.monotonic();
        self.lock().in_order.iter().find(|rule| rule.name() == name).map(|rule| rule.shown(now))
    }

    /// Puts `rule` in the place of the one with this name, whose numbers go on. `None` if there is none. If `for`
    /// changes, it is measured from now.
    pub(crate) fn change(&self, name: &str, rule: FaultRule) -> Option<Fault> {
        let now = self.clock.monotonic();
        let mut rules = self.lock();
        let current = rules.in_order.iter_mut().find(|current| current.name() == name)?;
        current.change(rule, now);
        Some(current.shown(now))
    }

    /// Removes the rule with this name; `false` if there is none.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut rules = self.lock();
        let mut changed = rules.clone();
        changed.in_order.retain(|rule| rule.name() != name);
        let is_removed = changed.in_order.len() < rules.in_order.len();
        self.replace(&mut rules, changed);
        is_removed
    }

    /// Removes every rule, and says how many there were.
    pub(crate) fn clear(&self) -> usize {
        let mut rules = self.lock();
        let (count, added) = (rules.in_order.len(), rules.added);
        self.replace(&mut rules, Rules { in_order: Vec::new(), added });
        count
    }

    /// The rules with their numbers.
    pub(crate) fn save(&self) -> SavedFaults {
        let now = self.clock.monotonic();
        let rules = self.lock();
        SavedFaults { in_order: rules.in_order.iter().map(|rule| rule.save(now)).collect(), added: rules.added }
    }

    /// Goes back to what was saved. A rule has as much of its `for` left as it had then.
    pub(crate) fn restore(&self, saved: &SavedFaults) {
        let SavedFaults { in_order, added } = saved.clone();
        let now = self.clock.monotonic();
        let in_order = in_order.into_iter().map(|rule| Rule::restored(rule, now)).collect();
        self.replace(&mut self.lock(), Rules { in_order, added });
    }

    fn replace(&self, rules: &mut Rules, changed: Rules) {
        self.is_empty.store(changed.in_order.is_empty(), Ordering::Release);
        *rules = changed;
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        // Rules are changed by one assignment each, so a panic leaves none half changed.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    fn has(&self, name: &str) -> bool {
        self.in_order.iter().any(|rule| rule.name() == name)
    }

    /// `fault-1`, `fault-2` and so on.
    fn unused_name(&self) -> String {
        let names = (self.added..).map(|number| format!("fault-{number}"));
        names.into_iter().find(|name| !self.has(name)).unwrap_or_default()
    }

    /// Forgets the oldest rules that have ended, if there are many.
    fn forget_ended(&mut self, now: Duration) {
        let ended = self.in_order.iter().filter(|rule| !rule.is_active(now)).count();
        let mut surplus = ended.saturating_sub(MAX_ENDED);
        self.in_order.retain(|rule| {
            let is_forgotten = surplus > 0 && !rule.is_active(now);
            surplus -= usize::from(is_forgotten);
            !is_forgotten
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::thread;

    use serde_json::{Value, json};

    use super::*;
    use crate::time::{ManualClock, UnixSeconds};

    fn faults() -> (Faults, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_000)));
        (Faults::new(clock.clone(), 7), clock)
    }

    fn rule(members: &Value) -> FaultRule {
        let mut rule = json!({ "effect": { "problem": "unavailable" } });
        rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(rule).unwrap()
    }

    fn with(rules: &[Value]) -> (Faults, Arc<ManualClock>) {
        let (faults, clock) = faults();
        faults.add(rules.iter().map(rule).collect()).unwrap();
        (faults, clock)
    }

    fn decide(faults: &Faults, method: &str, path: &str) -> Option<String> {
        let request = RequestFacts::new(Some("demo-writer"), method, path, &|_| false);
        faults.decide(&request).map(|firing| firing.name.to_string())
    }

    /// Which of the next requests a rule disturbs, by their numbers from 1.
    fn disturbed(faults: &Faults, requests: usize) -> Vec<usize> {
        (1..=requests).filter(|_| decide(faults, "GET", "/parking/zones").is_some()).collect()
    }

    #[test]
    fn the_same_requests_fail_in_two_runs_with_one_seed() {
        let run = |seed: u64| disturbed(&with(&[json!({ "probability": 0.2, "seed": seed })]).0, 1_000);
        let first = run(42);
        assert_eq!(first, run(42));
        assert!((170..=230).contains(&first.len()), "{} of 1,000", first.len());
        assert_ne!(first, run(43));
    }

    #[test]
    fn as_many_requests_fail_on_many_connections_as_on_one() {
        let members = json!({ "probability": 0.2, "seed": 42 });
        let one = disturbed(&with(std::slice::from_ref(&members)).0, 1_000).len();
        let (faults, _) = with(&[members]);
        let many: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| disturbed(&faults, 250).len())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(many, one);
    }

    #[test]
    fn a_probability_of_0_disturbs_nothing_and_1_disturbs_always() {
        let (faults, _) = with(&[json!({ "name": "never", "probability": 0 }), json!({ "name": "always" })]);
        for _ in 0..100 {
            assert_eq!(decide(&faults, "GET", "/parking/zones").as_deref(), Some("always"), "not even the next rule");
        }
        let numbers: Vec<_> = faults.list().iter().map(|fault| (fault.matched, fault.fired)).collect();
        assert_eq!(numbers, [(100, 0), (100, 100)]);
    }

    #[test]
    fn the_first_rule_that_matches_acts_and_each_that_matches_counts() {
        let writes = json!({ "name": "writes", "match": { "method": "POST" } });
        let (faults, _) = with(&[writes, json!({ "name": "all", "match": { "requests": "2..3" } })]);
        let named = |method| decide(&faults, method, "/parking/zones");
        let acted: Vec<_> = ["POST", "GET", "POST", "GET"].map(named).into();
        assert_eq!(acted, [Some("writes".to_owned()), Some("all".to_owned()), Some("writes".to_owned()), None]);
        let numbers: Vec<_> = faults.list().iter().map(|fault| (fault.matched, fault.fired, fault.active)).collect();
        assert_eq!(numbers, [(2, 2, true), (3, 1, false)], "its third request was the last that it is for");
    }

    #[test]
    fn a_rule_ends_after_its_times_its_requests_or_its_span() {
        assert_eq!(disturbed(&with(&[json!({ "times": 2 })]).0, 5), [1, 2]);
        assert_eq!(disturbed(&with(&[json!({ "match": { "requests": "3..4" } })]).0, 9), [3, 4]);
        let (faults, clock) = with(&[json!({ "for": "10m" })]);
        clock.advance(Duration::from_millis(599_999));
        assert_eq!(disturbed(&faults, 2), [1, 2]);
        assert_eq!(faults.list()[0].ends_in.unwrap().to_string(), "1ms");
        clock.advance(Duration::from_millis(1));
        assert_eq!(disturbed(&faults, 2), [] as [usize; 0]);
        assert!(!faults.list()[0].active);
    }

    #[test]
    fn what_is_no_request_of_a_client_is_never_disturbed() {
        let (faults, _) = with(&[json!({})]);
        for path in ["/sandbox/faults", "/livez", "/metrics", "/.well-known/jwks.json", "/admin/clients"] {
            assert_eq!(decide(&faults, "GET", path), None, "{path}");
        }
        let (faults, _) = with(&[json!({ "match": { "path": "/admin/**" } })]);
        assert!(decide(&faults, "GET", "/admin/clients").is_some(), "the rule says so");
    }

    #[test]
    fn a_rule_disturbs_the_token_requests_of_the_administration_only_if_it_names_the_client() {
        for (matching, expected) in [
            (json!({}), false),
            (json!({ "phase": "token" }), false),
            (json!({ "path": "/shared/access-tokens" }), false),
            (json!({ "client": "demo-writer" }), false),
            (json!({ "client": "demo-admin" }), true),
            (json!({ "client": "demo-admin", "phase": "token" }), true),
            (json!({ "client": "demo-admin", "phase": "resource" }), false),
        ] {
            let (faults, _) = with(&[json!({ "match": matching })]);
            let request = RequestFacts::new(Some("demo-admin"), "POST", "/shared/access-tokens", &|_| false);
            let firing = faults.decide(&request.asking_for_administration(true));
            assert_eq!((firing.is_some(), faults.list()[0].matched), (expected, expected.into()), "{matching}");
        }
    }

    #[test]
    fn rules_are_added_all_or_none() {
        let (faults, _) = with(&[json!({ "name": "one" })]);
        let add = |rules: &[Value]| faults.add(rules.iter().map(rule).collect());
        let names = || faults.list().into_iter().filter_map(|fault| fault.rule.name).collect::<Vec<_>>();
        assert_eq!(add(&[json!({}), json!({ "name": "one" })]), Err(AddFault::NameTaken { index: 1 }));
        let twice = [json!({ "name": "two" }), json!({ "name": "two" })];
        assert_eq!(add(&twice), Err(AddFault::NameTaken { index: 1 }));
        assert_eq!(add(&vec![json!({}); MAX_ACTIVE]), Err(AddFault::TooMany { index: MAX_ACTIVE - 1 }));
        assert_eq!(names(), ["one"]);
        assert_eq!(add(&vec![json!({}); MAX_ACTIVE - 1]).unwrap().len(), MAX_ACTIVE - 1);
        assert_eq!(add(&[json!({})]), Err(AddFault::TooMany { index: 0 }));
        assert_eq!(names().iter().collect::<BTreeSet<_>>().len(), MAX_ACTIVE, "each has a name of its own");
        assert!(faults.remove("one") && !faults.remove("one"));
        assert_eq!(faults.clear(), MAX_ACTIVE - 1);
        assert!(faults.is_empty() && faults.list().is_empty());
    }

    #[test]
    fn a_rule_that_has_ended_frees_its_name_and_its_place() {
        let (faults, _) = with(&[json!({ "name": "one", "times": 1 })]);
        assert_eq!(disturbed(&faults, 2), [1]);
        faults.add(vec![rule(&json!({ "name": "one" }))]).unwrap();
        assert_eq!(faults.list().len(), 1);
        assert_eq!(disturbed(&faults, 1), [1]);
        faults.clear();
        for _ in 0..3 {
            faults.add(vec![rule(&json!({ "times": 1 })); MAX_ACTIVE]).unwrap();
            disturbed(&faults, MAX_ACTIVE);
        }
        assert!(faults.list().len() <= MAX_ACTIVE + MAX_ENDED, "{}", faults.list().len());
    }

    #[test]
    fn a_change_is_in_force_at_once_and_the_numbers_go_on() {
        let (faults, clock) = with(&[json!({ "name": "one", "times": 2, "for": "10s" })]);
        assert_eq!(disturbed(&faults, 3), [1, 2]);
        clock.advance(Duration::from_secs(9));
        let changed = faults.change("one", rule(&json!({ "times": 3, "for": "10s" }))).unwrap();
        assert_eq!((changed.active, changed.fired, changed.ends_in.unwrap().to_string()), (true, 2, "1s".to_owned()));
        assert_eq!(disturbed(&faults, 3), [1]);
        let changed = faults.change("one", rule(&json!({ "times": 9, "for": "20s" }))).unwrap();
        assert_eq!(
            (changed.rule.name.as_deref(), changed.ends_in.unwrap().to_string()),
            (Some("one"), "20s".to_owned())
        );
        assert_eq!(faults.change("another", rule(&json!({}))), None);
    }

    #[test]
    fn what_was_saved_comes_back_with_its_numbers_and_its_time() {
        let (faults, clock) = with(&[json!({ "name": "one", "probability": 0.5, "times": 100, "for": "10m" })]);
        disturbed(&faults, 10);
        clock.advance(Duration::from_secs(60));
        let (saved, before) = (faults.save(), faults.list());
        let after = disturbed(&faults, 50);
        clock.advance(Duration::from_secs(3_600));
        faults.clear();
        faults.restore(&saved);
        assert_eq!(faults.list(), before);
        assert_eq!(disturbed(&faults, 50), after, "as if it had not happened");
    }

    #[test]
    fn a_seed_is_made_and_shown_where_chance_has_a_part() {
        let uniform = json!({ "effect": { "delay": { "uniform": ["100ms", "2s"] } } });
        let (faults, _) = with(&[json!({ "probability": 0.5 }), json!({ "probability": 1 }), uniform]);
        let seeds: Vec<_> = faults.list().iter().map(|fault| fault.rule.seed.is_some()).collect();
        assert_eq!(seeds, [true, false, true]);
    }

    #[test]
    fn a_delay_is_drawn_within_its_bounds_and_again_with_its_seed() {
        let delays = |delay: Value| -> Vec<Duration> {
            let (faults, _) = with(&[json!({ "seed": 1, "effect": { "delay": delay } })]);
            let request = RequestFacts::new(None, "GET", "/parking/zones", &|_| false);
            (0..1_000).map(|_| faults.decide(&request).unwrap().delay.unwrap()).collect()
        };
        let ms = Duration::from_millis;
        assert!(delays(json!("700ms")).iter().all(|delay| *delay == ms(700)));
        let uniform = delays(json!({ "uniform": ["100ms", "200ms"] }));
        assert!(uniform.iter().all(|delay| (ms(100)..ms(200)).contains(delay)));
        assert!(uniform.iter().any(|delay| *delay < ms(110)) && uniform.iter().any(|delay| *delay > ms(190)));
        let log_normal = json!({ "log_normal": { "median": "100ms", "sigma": 1, "cap": "500ms" } });
        let mut drawn = delays(log_normal.clone());
        assert_eq!(drawn, delays(log_normal));
        drawn.sort();
        assert!((ms(85)..ms(115)).contains(&drawn[500]), "{:?}", drawn[500]);
        assert_eq!(drawn[999], ms(500), "the cap");
        let wild = json!({ "log_normal": { "median": "5m", "sigma": 5, "cap": "5m" } });
        assert!(delays(wild).iter().all(|delay| *delay <= ms(300_000)));
    }

    #[test]
    fn what_fires_is_counted_by_its_effect() {
        let (faults, _) = with(&[json!({ "times": 2 }), json!({ "effect": { "delay": "1s", "close": "reset" } })]);
        disturbed(&faults, 5);
        let counted: Vec<_> = faults.injected().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(EffectKind::Problem, 2), (EffectKind::Close, 3)]);
    }
}
