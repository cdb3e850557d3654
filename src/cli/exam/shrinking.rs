//! `--shrink`: the least part of a failed plan that still fails.

use super::phases::{Exam, Outcome};
use super::running::{NoRun, Task};
use crate::cli::output::quoted;
use crate::counts::Label as _;
use crate::exam::shrink::{Unanswered, shrink};
use crate::exam::{Profile, Run};

/// Searches in each failed run with a plan of several steps. Returns for each the start of the line that repeats the least
/// plan, with what was found in the line above it.
pub(super) fn search(exam: &Exam<'_>, outcome: &Outcome, max_runs: u32) -> anyhow::Result<Vec<String>> {
    let is_searched = |run: &&Run| run.plan.steps.len() > 1 && fails(run, exam.profile);
    let mut found = Vec::new();
    for failed in outcome.examination.runs.iter().filter(is_searched) {
        let name = failed.own.as_deref().unwrap_or(failed.scenario.name());
        let mut error = None;
        let shrunk = shrink(&failed.plan, max_runs, |plan| {
            exam.progress.say(&format!("shrink: trying {plan}"));

            let task = Task {
                plan: plan.clone(),
                own: failed.own.clone(),
                window: outcome.reference.window(),
                ..Task::undisturbed(failed.scenario)
            };
            match exam.make(&task, &outcome.sandbox) {
                Ok(watched) => Ok(fails(&watched.run, exam.profile)),
                Err(NoRun::Interrupted) => Err(Unanswered),
                Err(NoRun::Failed(failure)) => {
                    error = Some(failure);
                    Err(Unanswered)
                }
            }
        });
        match (shrunk, error) {
            (_, Some(error)) => return Err(error),
            // Ctrl-C.
            (Err(Unanswered), None) => break,
            (Ok(shrunk), None) => {
                let (steps, all, runs) = (shrunk.plan.steps.len(), failed.plan.steps.len(), shrunk.runs);
                let end = if shrunk.is_minimal { "" } else { "; the runs were used up before less was tried" };
                found.push(format!(
                    "The least of {name} that still fails has {steps} of {all} steps (found in {runs} runs{end}):\n\
                     boomgate exam {} --replay {}",
                    exam.examined.client,
                    quoted(&shrunk.plan.to_string())
                ));
            }
        }
    }
    Ok(found)
}

/// Whether a client breaks in a run: the command does not end as is expected of it.
fn fails(run: &Run, profile: &Profile) -> bool {
    let own = profile.scenarios.iter().find(|own| Some(&own.name) == run.own.as_ref());
    own.is_some_and(|own| !own.expect.is_met(run.ended))
}
