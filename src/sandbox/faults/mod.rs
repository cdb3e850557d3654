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

pub(crate) use self::area::Area;
pub(crate) use self::firing::Firing;
pub(crate) use self::matcher::{Matcher, RequestFacts};
pub(crate) use self::preference::Preference;
pub(crate) use self::reading::{KnownProblem, Vocabulary, read_match, read_rule};
pub use self::rule::EffectKind;
use self::rule::Rule;
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
#[derive(Clone, Debug)]
pub(crate) struct SavedFaults {
    rules: Rules,
    /// When, by the monotonic clock.
    at: Duration,
}

/// Why rules cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddFault {
    /// Two rules would have one name.
    #[error("is the name of another active rule: choose another, or remove that rule first")]
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

    /// Whether there is no rule, so that nobody need find out whose request it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Acquire)
    }

    /// What disturbs this request, if any rule does. Call it once for each request: each rule that matches counts it. It
    /// is in force for a request as soon as [`add`](Self::add) has returned.
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
        let mut active = changed.in_order.iter().filter(|rule| rule.is_active(now)).count();
        let first = changed.in_order.len();
        for (index, mut rule) in new.into_iter().enumerate() {
            if active == MAX_ACTIVE {
                return Err(AddFault::TooMany { index });
            }
            active += 1;
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
        SavedFaults { rules: self.lock().clone(), at: self.clock.monotonic() }
    }

    /// Goes back to what was saved. A rule has as much of its `for` left as it had then.
    pub(crate) fn restore(&self, saved: &SavedFaults) {
        let SavedFaults { mut rules, at } = saved.clone();
        let now = self.clock.monotonic();
        for rule in &mut rules.in_order {
            rule.move_start(at, now);
        }
        self.replace(&mut self.lock(), rules);
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
