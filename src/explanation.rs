//! How a walk is explained: it is taken again over the facts that it saw, as it was and with a change.
//!
//! This module knows no walk. A walk says which checks it has, what each expects and got, and which changes of its facts
//! there are; here they are tried. What is found is what the walk itself says: a change is near only if the changed facts
//! pass.

use std::time::Duration;

use crate::api::explanation::{ChangeKind, Check, CheckOutcome, CheckResult, Explanation, NearestChange};

/// How far a walk came when it was taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// The checks that it reached, in order.
    pub(crate) begun: Vec<Check>,
    /// Whether it passed the last of them.
    pub(crate) passed: bool,
}

/// What a walk saw, to be walked again.
pub(crate) trait Explained: Sized {
    /// Every check of the walk, in order.
    fn checks(&self) -> &'static [Check];
    /// Takes the walk again.
    fn replayed(&self) -> Replayed;
    /// What a check expects.
    fn expected(&self, check: Check) -> String;
    /// What the check got.
    fn got(&self, check: Check) -> String;
    /// The facts with each change that is possible, the nearest first.
    fn changes(&self) -> Vec<(Change, Self)>;
}

/// A change of one fact.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// In words that continue "would have passed".
    pub(crate) words: String,
    /// How much later the changed request comes.
    pub(crate) wait: Duration,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), wait: Duration::ZERO }
    }

    pub(crate) fn later(wait: Duration, words: impl Into<String>) -> Self {
        Self { wait, ..Self::new(ChangeKind::Later, words) }
    }
}

/// The most changes that are shown.
const MAX_SHOWN: usize = 2;

/// Each check of the walk, and the nearest changes that it passes with.
pub(crate) fn explain<F: Explained>(facts: &F) -> Explanation {
    let replayed = facts.replayed();
    let failed = replayed.begun.last().filter(|_| !replayed.passed);
    let checks = facts.checks().iter().map(|&check| {
        let outcome = if Some(&check) == failed {
            CheckOutcome::Failed
        } else if replayed.begun.contains(&check) {
            CheckOutcome::Passed
        } else {
            CheckOutcome::NotReached
        };
        let got = (outcome != CheckOutcome::NotReached).then(|| facts.got(check));
        CheckResult { check, expected: facts.expected(check), got, outcome }
    });
    let checks = checks.collect();
    let nearest = if replayed.passed { Vec::new() } else { nearest(facts, &replayed) };
    Explanation { checks, nearest, passed: replayed.passed }
}

/// The changes after which the walk passes; without any, two changes together; without these, the one that leads furthest.
fn nearest<F: Explained>(facts: &F, refused: &Replayed) -> Vec<NearestChange> {
    let changed: Vec<(Change, F, Replayed)> = facts
        .changes()
        .into_iter()
        .map(|(change, facts)| {
            let replayed = facts.replayed();
            (change, facts, replayed)
        })
        .collect();
    let mut found = Vec::new();
    for (change, _, replayed) in &changed {
        // Of several moments the first is the nearest.
        let is_later_still = change.kind == ChangeKind::Later && found.iter().any(NearestChange::is_later);
        if replayed.passed && !is_later_still {
            found.push(NearestChange::of(&[change], None));
        }
    }
    found.truncate(MAX_SHOWN);
    if !found.is_empty() {
        return found;
    }
    for (first, facts, _) in &changed {
        for (second, facts) in facts.changes() {
            // A token cannot become younger: that only says by how much it came too late.
            let is_possible = first.kind != second.kind && second.kind != ChangeKind::YoungerToken;
            if is_possible && facts.replayed().passed {
                return vec![NearestChange::of(&[first, &second], None)];
            }
        }
    }
    // Of several that lead equally far, the nearest.
    let furthest = changed.iter().rev().filter(|(.., replayed)| replayed.begun.len() > refused.begun.len());
    let furthest = furthest.max_by_key(|(.., replayed)| replayed.begun.len());
    furthest
        .map(|(change, _, replayed)| NearestChange::of(&[change], replayed.begun.last().copied()))
        .into_iter()
        .collect()
}

impl NearestChange {
    fn of(changes: &[&Change], fails_next: Option<Check>) -> Self {
        let words: Vec<&str> = changes.iter().map(|change| change.words.as_str()).collect();
        let wait: Duration = changes.iter().map(|change| change.wait).sum();
        Self {
            change: words.join(", and "),
            fails_next,
            kinds: changes.iter().map(|change| change.kind).collect(),
            wait_ms: (!wait.is_zero()).then(|| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)),
        }
    }

    fn is_later(&self) -> bool {
        self.kinds.contains(&ChangeKind::Later)
    }
}
