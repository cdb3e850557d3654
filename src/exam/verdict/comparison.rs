//! The baseline and a disturbed run side by side, with the first point at which they differ.
//!
//! Requests of the same signature stand in one row, in the order of both runs (a longest common subsequence); a request
//! that only one run has stands alone.

use crate::api::exam::{CheckResult, CheckVerdict, ComparedRequest, Comparison, ComparisonRow};

use super::super::check::Check;
use super::super::conversation::Exchange;
use super::super::run::{Examination, Run};
use super::super::scenario::ScenarioId;
use super::run_name;

/// The most requests of each run that are compared.
const MAX_REQUESTS: usize = 100;

/// A comparison for each disturbed run that a failed check judged.
pub(super) fn of_failures(examination: &Examination, checks: &[CheckResult]) -> Vec<Comparison> {
    let Some(baseline) = examination.baseline() else { return Vec::new() };
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == CheckVerdict::Fail).collect();
    let has_failed = |run: &&Run| {
        failed.iter().any(|result| match Check::named(&result.id) {
            Some(check) if run.own.is_none() => check.scenarios.contains(&run.scenario),
            // A part of this run was judged.
            Some(_) => result.evidence.iter().any(|evidence| evidence.scenario == run_name(run)),
            None => run.own.as_deref() == Some(result.id.as_ref()),
        })
    };
    let is_undisturbed = |run: &&Run| matches!(run.scenario, ScenarioId::Baseline | ScenarioId::Preflight);
    let runs = examination.runs.iter().filter(|run| !is_undisturbed(run)).filter(has_failed);
    runs.map(|run| compare(baseline, run)).collect()
}

fn compare(baseline: &Run, disturbed: &Run) -> Comparison {
    let ours = lines(baseline);
    let theirs = lines(disturbed);
    let pairs = align(&ours, &theirs);
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(one, other)| (one.and_then(|index| ours.get(index)), other.and_then(|index| theirs.get(index))))
        .collect();
    let first_difference = pairs.iter().position(|(one, other)| match (one, other) {
        (Some(one), Some(other)) => one.result != other.result,
        (Some(_) | None, None) | (None, Some(_)) => true,
    });
    let shown = |line: Option<&Line>| line.map(|line| line.shown.clone());
    let rows = pairs.into_iter().map(|(one, other)| ComparisonRow { baseline: shown(one), disturbed: shown(other) });
    let rows = rows.collect();
    Comparison { scenario: run_name(disturbed), rows, first_difference }
}

struct Line {
    signature: String,
    /// The status, and whether the answer came whole.
    result: (Option<u16>, bool),
    shown: ComparedRequest,
}

fn lines(run: &Run) -> Vec<Line> {
    let exchanges = run.conversation.all().iter().take(MAX_REQUESTS);
    let line = |exchange: &Exchange| Line {
        signature: exchange.signature(),
        result: (exchange.status(), exchange.recorded.answer.as_ref().is_some_and(|answer| answer.is_complete)),
        shown: shown(exchange, run),
    };
    exchanges.map(line).collect()
}

fn shown(exchange: &Exchange, run: &Run) -> ComparedRequest {
    let line = &exchange.recorded.line;
    ComparedRequest {
        request_id: line.request_id.clone(),
        after_ms: exchange.started_at.get().saturating_sub(run.started_at.get()),
        line: format!("{} {}", line.method, line.path),
        answer: exchange.answer_words(),
    }
}

/// The rows: the indices of what stands beside each other. Early pairs are preferred, so that a retry stands after what
/// it repeats.
fn align(ours: &[Line], theirs: &[Line]) -> Vec<(Option<usize>, Option<usize>)> {
    // `common[one][other]`: how many rows from there on can have both.
    let mut common = vec![vec![0_u16; theirs.len() + 1]; ours.len() + 1];
    let at = |common: &Vec<Vec<u16>>, one: usize, other: usize| -> u16 {
        common.get(one).and_then(|row| row.get(other)).copied().unwrap_or(0)
    };
    for (one, mine) in ours.iter().enumerate().rev() {
        for (other, its) in theirs.iter().enumerate().rev() {
            let longest = if mine.signature == its.signature {
                at(&common, one + 1, other + 1) + 1
            } else {
                at(&common, one + 1, other).max(at(&common, one, other + 1))
            };
            if let Some(place) = common.get_mut(one).and_then(|row| row.get_mut(other)) {
                *place = longest;
            }
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut rows = Vec::new();
    while one < ours.len() || other < theirs.len() {
        let is_same = match (ours.get(one), theirs.get(other)) {
            (Some(mine), Some(its)) => mine.signature == its.signature,
            _ => false,
        };
        if is_same {
            rows.push((Some(one), Some(other)));
            one += 1;
            other += 1;
        } else if other >= theirs.len()
            || (one < ours.len() && at(&common, one + 1, other) >= at(&common, one, other + 1))
        {
            rows.push((Some(one), None));
            one += 1;
        } else {
            rows.push((None, Some(other)));
            other += 1;
        }
    }
    rows
}
