//! The phases of an exam: preflight, baseline, and the scenarios side by side, each worker with a sandbox of its own.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::bail;

use super::preflight::{SetUp, judge};
use super::progress::{Progress, Shown};
use super::running::{Examined, NoRun, Task, Watched};
use super::sandbox::Sandbox;
use crate::api::exam::CheckVerdict;
use crate::counts::Label as _;
use crate::exam::check::TABLE as CHECKS;
use crate::exam::{Examination, Profile, Reference, Run, ScenarioId};
use crate::http::routes;
use crate::time::Span;

/// How late answers are in the baseline, as on a network: on loopback, requests that a client sends at once would seem to come
/// one after the other.
const LATENCY: Duration = Duration::from_millis(20);
/// How much longer the baseline takes by that, at most.
const MAX_LATENESS: Duration = Duration::from_secs(1);

/// What ran.
pub(super) struct Outcome {
    pub(super) examination: Examination,
    /// Whether Ctrl-C ended the exam before all had run.
    pub(super) is_interrupted: bool,
    /// Whether the client was refused for a defect before it could be disturbed.
    pub(super) is_refused: bool,
    /// The sandbox of the first phases, for what is still to be tried.
    pub(super) sandbox: Sandbox,
    pub(super) reference: Reference,
}

/// What an exam does beside its runs.
pub(super) struct Exam<'e> {
    pub(super) examined: Examined<'e>,
    pub(super) progress: &'e Progress,
    pub(super) jobs: usize,
    /// The deadline, as people write it.
    pub(super) deadline: &'e str,
    pub(super) scopes: Vec<String>,
    pub(super) profile: &'e Profile,
}

impl Exam<'_> {
    /// Makes all runs. `choose` names the scenarios once the undisturbed runs are known, and those that are not run, with the
    /// reason.
    pub(super) fn run(
        &self,
        choose: impl FnOnce(&Reference, &Examination) -> (Vec<Task>, Vec<(ScenarioId, &'static str)>),
    ) -> anyhow::Result<Outcome> {
        let sandbox = Sandbox::start(self.examined.environment, self.examined.client)?;
        let mut outcome = Outcome {
            examination: Examination {
                scopes: self.scopes.clone(),
                operations: routes::scoped_operations(),
                demanded_operations: self.profile.operations.clone(),
                thresholds: self.profile.thresholds.clone(),
                ..Examination::default()
            },
            is_interrupted: false,
            is_refused: false,
            sandbox,
            reference: Reference::default(),
        };
        let mut latency = None;
        for scenario in [ScenarioId::Preflight, ScenarioId::Baseline] {
            let task = Task { latency, ..Task::undisturbed(scenario) };
            let watched = match self.make(&task, &outcome.sandbox) {
                Ok(watched) => watched,
                Err(NoRun::Interrupted) => {
                    outcome.is_interrupted = true;
                    return Ok(outcome);
                }
                Err(NoRun::Failed(error)) => return Err(error),
            };
            let set_up = judge(&watched, outcome.examination.runs.first(), self.deadline);
            latency = latency_for(&watched.run);
            let took = took(&watched.run);
            outcome.examination.runs.push(watched.run);
            match set_up {
                SetUp::Right => self.progress.finish(&shown(task.name(), took, scenario, &outcome.examination)),
                SetUp::Wrong(why) => bail!("{why}"),
                SetUp::Defect => {
                    outcome.is_refused = true;
                    // What it did is all that there is to judge.
                    if let [run] = outcome.examination.runs.as_mut_slice() {
                        run.scenario = ScenarioId::Baseline;
                    }
                    return Ok(outcome);
                }
            }
        }
        if let Some(baseline) = outcome.examination.baseline() {
            outcome.reference = Reference::of(baseline, &self.scopes, needed_scope);
        }
        let (tasks, not_run) = choose(&outcome.reference, &outcome.examination);
        outcome.examination.not_run = not_run;
        self.progress.begin(tasks.len() + outcome.examination.runs.len());
        self.run_all(tasks, outcome)
    }

    /// Makes one run more, after those of the phases.
    pub(super) fn make(&self, task: &Task, sandbox: &Sandbox) -> Result<Watched, NoRun> {
        self.progress.start(task.name());
        self.examined.run(task, sandbox)
    }

    fn run_all(&self, tasks: Vec<Task>, outcome: Outcome) -> anyhow::Result<Outcome> {
        let workers = self.jobs.min(tasks.len());
        let Outcome { examination, sandbox, reference, .. } = outcome;
        let shared = Shared {
            queue: Mutex::new(longest_first(tasks)),
            examination: Mutex::new(examination),
            failure: Mutex::default(),
        };
        let sandbox = thread::scope(|scope| {
            let others: Vec<_> = (1..workers)
                .map(|_| {
                    scope.spawn(|| match Sandbox::start(self.examined.environment, self.examined.client) {
                        Ok(sandbox) => self.work(&shared, &sandbox),
                        Err(error) => shared.fail(error),
                    })
                })
                .collect();
            // It is dropped in the order of all others if this panics.
            let sandbox = sandbox;
            self.work(&shared, &sandbox);
            for other in others {
                other.join().unwrap_or_else(|panic| resume_unwind(panic));
            }
            sandbox
        });
        if let Some(error) = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let is_interrupted = self.examined.interrupt.is_set();
        let mut examination = shared.examination.into_inner().unwrap_or_else(PoisonError::into_inner);
        examination.runs.sort_by_key(|run| (place(run.scenario), run.own.clone()));
        Ok(Outcome { examination, is_interrupted, is_refused: false, sandbox, reference })
    }

    /// Makes runs until none is left.
    fn work(&self, shared: &Shared, sandbox: &Sandbox) {
        let _guard = InterruptOnPanic(self.examined.interrupt);
        while let Some(task) = shared.next() {
            match self.make(&task, sandbox) {
                Ok(Watched { run, .. }) => {
                    let took = took(&run);
                    let mut examination = lock(&shared.examination);
                    examination.runs.push(run);
                    self.progress.finish(&shown(task.name(), took, task.scenario, &examination));
                }
                Err(NoRun::Interrupted) => return,
                Err(NoRun::Failed(error)) => return shared.fail(error),
            }
        }
    }
}

/// What the workers share.
struct Shared {
    queue: Mutex<VecDeque<Task>>,
    examination: Mutex<Examination>,
    failure: Mutex<Option<anyhow::Error>>,
}

impl Shared {
    fn next(&self) -> Option<Task> {
        let has_failed = lock(&self.failure).is_some();
        if has_failed { None } else { lock(&self.queue).pop_front() }
    }

    fn fail(&self, error: anyhow::Error) {
        lock(&self.failure).get_or_insert(error);
    }
}

/// Lets the other workers end when one panics.
struct InterruptOnPanic<'i>(&'i super::interrupt::Interrupt);

impl Drop for InterruptOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runs that may take long come first, so that they do not start when all others have ended.
fn longest_first(mut tasks: Vec<Task>) -> VecDeque<Task> {
    const LONG: [ScenarioId; 9] = [
        ScenarioId::Slow,
        ScenarioId::Outage,
        ScenarioId::Pace,
        ScenarioId::ShortTokens,
        ScenarioId::QuotaExhausted,
        ScenarioId::QuotaExhaustedDate,
        ScenarioId::Storm,
        ScenarioId::Throttled,
        ScenarioId::ThrottledDate,
    ];
    let weight = |task: &Task| LONG.iter().position(|long| *long == task.scenario).unwrap_or(LONG.len());
    tasks.sort_by_key(weight);
    tasks.into()
}

fn place(scenario: ScenarioId) -> usize {
    ScenarioId::ALL.iter().position(|id| *id == scenario).unwrap_or(usize::MAX)
}

/// What a run's checks say so far.
fn shown<'s>(name: &'s str, took: Duration, scenario: ScenarioId, examination: &Examination) -> Shown<'s> {
    let (mut passed, mut failed) = (0, Vec::new());
    for check in CHECKS.iter().filter(|check| check.scenarios.contains(&scenario)) {
        match (check.judge)(examination).verdict {
            CheckVerdict::Pass => passed += 1,
            CheckVerdict::Fail => failed.push(check.id.name()),
            CheckVerdict::NotExercised => {}
        }
    }
    Shown { scenario: name, took, passed, failed }
}

fn took(run: &Run) -> Duration {
    Duration::from_millis(run.ended_at.get().saturating_sub(run.started_at.get()))
}

/// How late the answers of the baseline are, by how many requests the preflight has.
fn latency_for(preflight: &Run) -> Option<Span> {
    let requests = u32::try_from(preflight.conversation.resources().count()).unwrap_or(u32::MAX).max(1);
    let latency = LATENCY.min(MAX_LATENESS / requests);
    let millis = u64::try_from(latency.as_millis()).unwrap_or_default();
    (millis > 0).then(|| Span::from_millis(millis))
}

/// The scope token that a request needs.
fn needed_scope(method: &str, path: &str) -> Option<String> {
    let method = method.parse().ok()?;
    routes::needed_scope(&method, path).map(|scope| scope.to_string())
}
