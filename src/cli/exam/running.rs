//! One run of the command against one sandbox: restore, arm, start, watch, end, read the journal.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::arming::{Armed, Arming, HOLD};
use super::command::RunningCommand;
use super::interrupt::{Interrupt, pause};
use super::sandbox::{ADMINISTRATOR, Sandbox};
use super::traffic::Traffic;
use super::variables::{Mapping, Variables};
use crate::api::sandbox::fault::{Delay, Delivery, Effect};
use crate::api::sandbox::request::RecordedRequest;
use crate::api::sandbox::trouble::TroubleName;
use crate::config::Environment;
use crate::counts::Label as _;
use crate::exam::plan::{Disturbance, Plan, Step};
use crate::exam::{Conversation, Ended, Endless, Run, ScenarioId};
use crate::time::{Clock as _, Span, SystemClock, UnixMillis};

/// How often the command and the rules are looked at.
const LOOK: Duration = Duration::from_millis(8);
/// How often the journal is asked whether anything came.
const JOURNAL_LOOK: Duration = Duration::from_millis(200);
/// How often the connection for control requests is used, so that it stays open: connections are counted.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long an answer is held, and how much longer if the trouble came too late.
const HOLDS: [Span; 3] = [Span::from_millis(400), Span::from_millis(2_000), Span::from_millis(5_000)];
/// How long the pace of a client is watched after its first 429.
const PACE_WATCH: Duration = Duration::from_secs(15);
/// How near 00:00Z no run starts that uses up the day.
const MIDNIGHT_MARGIN: Duration = Duration::from_secs(600);
/// How long a journal has to be still, and how long that is waited for.
const STILL: Duration = Duration::from_millis(60);
const STILL_LIMIT: Duration = Duration::from_secs(3);
const THROTTLED: u16 = 429;

/// What all runs of an exam have in common.
pub(super) struct Examined<'e> {
    pub(super) client: &'e str,
    pub(super) command: &'e [String],
    pub(super) mappings: &'e [Mapping],
    pub(super) deadline: Duration,
    pub(super) environment: &'e Environment,
    pub(super) interrupt: &'e Interrupt,
    /// A private folder.
    pub(super) folder: &'e Path,
}

/// A run that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) scenario: ScenarioId,
    /// The name of the profile's own scenario, if it is one.
    pub(super) own: Option<String>,
    pub(super) plan: Plan,
    /// Without any request for so long, the client has stopped.
    pub(super) window: Duration,
    /// Counts the tries of a client that nothing can help.
    pub(super) endless: Option<Endless>,
    /// How late each answer is, beside what the plan says.
    pub(super) latency: Option<Span>,
}

impl Task {
    /// An undisturbed run.
    pub(super) fn undisturbed(scenario: ScenarioId) -> Self {
        Self { scenario, own: None, plan: Plan::default(), window: Duration::ZERO, endless: None, latency: None }
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        self.own.as_deref().unwrap_or(self.scenario.name())
    }
}

/// A run, and how the client connected.
pub(super) struct Watched {
    pub(super) run: Run,
    pub(super) traffic: Traffic,
}

/// Why there is no run.
#[derive(Debug)]
pub(super) enum NoRun {
    /// Ctrl-C.
    Interrupted,
    /// The machine, or a sandbox, does not do its part.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for NoRun {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Examined<'_> {
    /// Runs the command. If a trouble comes too late because the machine is busy, the command runs again.
    pub(super) fn run(&self, task: &Task, sandbox: &Sandbox) -> Result<Watched, NoRun> {
        for hold in HOLDS {
            let (watched, is_late) = self.run_once(task, sandbox, hold)?;
            if !is_late {
                return Ok(watched);
            }
        }
        let name = task.name();
        Err(anyhow!(
            "the machine is too busy: in {name} the trouble came too late, {} times; try --jobs 1",
            HOLDS.len()
        )
        .into())
    }

    fn run_once(&self, task: &Task, sandbox: &Sandbox, hold: Span) -> Result<(Watched, bool), NoRun> {
        if self.interrupt.is_set() {
            return Err(NoRun::Interrupted);
        }
        let before = sandbox.restore().context("a sandbox does not go back to its start")?;
        if task.plan.has_trouble(TroubleName::QuotaExhausted) {
            sandbox.leave_midnight(MIDNIGHT_MARGIN)?;
        }
        let traffic_before = Traffic::of(sandbox)?;
        let arming = Arming { sandbox, client: self.client, hold, latency: task.latency };
        let mut armed = arming.arm(&task.plan).with_context(|| format!("the plan {} cannot be armed", task.plan))?;
        // Its authority is all that is needed of it, and it ends with this run.
        let foreign =
            task.plan.has_foreign_certificate().then(|| Sandbox::start(self.environment, self.client)).transpose()?;
        let ca_file = foreign.as_ref().unwrap_or(sandbox).ready.ca_file.as_deref();
        let ca_file = ca_file.ok_or_else(|| anyhow!("the sandbox says no certificate authority"))?;
        let folder = self.folder.join(sandbox.ready.pid.to_string());
        std::fs::create_dir_all(&folder).context("the temporary folder cannot be written")?;
        let variables = Variables { client: self.client, sandbox, ca_file, mappings: self.mappings, folder: &folder };
        let line = variables.command(self.command, self.environment)?;

        let clock = SystemClock::new();
        let started_at = now(&clock);
        let mut command = RunningCommand::start(&line)
            .with_context(|| format!("{} does not start", self.command.first().map_or("", String::as_str)))?;
        let ended = self.watch(&clock, task, before, &mut command, (&arming, &mut armed));
        let by_exam = match &ended {
            Ok(ended) => *ended,
            Err(_) => Ended::Enough,
        };
        let ended_by = command.end(by_exam).context("the command does not end")?;
        let ended_at = now(&clock);
        ended?;

        let all = read_journal(sandbox, before)?;
        let newest = all.last().map_or(before, |request| request.line.number);
        let missed_requests = newest.saturating_sub(before).saturating_sub(all.len() as u64);
        let traffic = Traffic::of(sandbox)?.since(&traffic_before);
        let plain_http = traffic.plain_http(sandbox)?;
        let is_late = armed.is_late(&all);
        let run = Run {
            scenario: task.scenario,
            own: task.own.clone(),
            plan: task.plan.clone(),
            conversation: Conversation::new(of_client(all)),
            ended: ended_by,
            started_at,
            ended_at,
            trouble_at: armed.trouble_at,
            output: command.output(&variables.secrets()),
            plain_http,
            missed_requests,
        };
        Ok((Watched { run, traffic }, is_late))
    }

    /// Waits for the end of the command, and makes the troubles in time. Returns how it ends if it runs on.
    fn watch(
        &self,
        clock: &SystemClock,
        task: &Task,
        before: u64,
        command: &mut RunningCommand,
        (arming, armed): (&Arming<'_>, &mut Armed),
    ) -> Result<Ended, NoRun> {
        let start = clock.monotonic();
        let limit = self.deadline + waits_of(&task.plan);
        let mut silence = Silence::new(task, before);
        let mut kept_at = Duration::ZERO;
        loop {
            let at = clock.monotonic().saturating_sub(start);
            if armed.is_waiting() {
                arming.watch(armed, at)?;
            }
            if command.has_ended() {
                return Ok(Ended::Enough);
            }
            if at >= limit {
                return Ok(Ended::Deadline);
            }
            if silence.is_enough(at, arming.sandbox, armed)? {
                return Ok(Ended::Enough);
            }
            if at.saturating_sub(kept_at) >= KEEP_ALIVE {
                kept_at = at;
                arming.sandbox.count(before, None)?;
            }
            if self.interrupt.wait(LOOK) {
                return Err(NoRun::Interrupted);
            }
        }
    }
}

/// Whether all that there is to see has been seen, though the command runs on.
struct Silence {
    /// How long nothing must have come after the trouble; `None` if the plan's run ends by itself.
    window: Option<Duration>,
    /// Whether the pace after a 429 is watched.
    is_paced: bool,
    endless: Option<Endless>,
    before: u64,
    newest: u64,
    newest_at: Duration,
    trouble_seen: Option<Duration>,
    throttled_seen: Option<Duration>,
    looked_at: Duration,
}

impl Silence {
    fn new(task: &Task, before: u64) -> Self {
        let window = task.plan.has_trouble(TroubleName::QuotaExhausted).then_some(task.window);
        let is_paced = task.plan.steps.iter().any(|step| matches!(step.what, Disturbance::Throttle { .. }));
        Self {
            window,
            is_paced,
            endless: task.endless.clone(),
            before,
            newest: before,
            newest_at: Duration::ZERO,
            trouble_seen: None,
            throttled_seen: None,
            looked_at: Duration::ZERO,
        }
    }

    fn is_enough(&mut self, at: Duration, sandbox: &Sandbox, armed: &Armed) -> anyhow::Result<bool> {
        let is_watched = self.window.is_some() || self.is_paced || self.endless.is_some();
        if !is_watched || at.saturating_sub(self.looked_at) < JOURNAL_LOOK {
            return Ok(false);
        }
        self.looked_at = at;
        if self.is_paced {
            if self.throttled_seen.is_none() && sandbox.count(self.before, Some(THROTTLED))?.count > 0 {
                self.throttled_seen = Some(at);
            }
            return Ok(self.throttled_seen.is_some_and(|seen| at.saturating_sub(seen) >= PACE_WATCH));
        }
        if armed.trouble_at.is_some() && self.trouble_seen.is_none() {
            self.trouble_seen = Some(at);
        }
        let mut newest = sandbox.count(self.before, None)?.last;
        if newest > self.newest {
            if let Some(endless) = &mut self.endless {
                let requests = sandbox.requests(self.newest)?;
                newest = requests.last().map_or(newest, |request| request.line.number);
                if endless.add(requests) {
                    return Ok(true);
                }
            }
            (self.newest, self.newest_at) = (newest, at);
        }
        let is_still = |window: Duration| {
            self.trouble_seen.is_some_and(|seen| at.saturating_sub(seen.max(self.newest_at)) >= window)
        };
        Ok(self.window.is_some_and(is_still))
    }
}

/// How much longer than usual the command may run for what the plan lets a client wait.
fn waits_of(plan: &Plan) -> Duration {
    let of_effect = |effect: &Effect| {
        let silence = match effect.delivery {
            Some(Delivery::Timeout(span)) => span.as_duration(),
            Some(_) | None => Duration::ZERO,
        };
        let delay = match effect.delay {
            Some(Delay::Fixed(span) | Delay::Uniform { uniform: [_, span] }) => span.as_duration(),
            Some(_) | None => Duration::ZERO,
        };
        silence + delay + Duration::from_secs(effect.retry_after.unwrap_or_default().into())
    };
    let of_step = |step: &Step| match &step.what {
        Disturbance::Passing(effect, lasts) => of_effect(effect) + lasts.as_duration(),
        Disturbance::Throttle { .. } => PACE_WATCH,
        Disturbance::Effect(effect) => of_effect(effect),
        Disturbance::Trouble(_)
        | Disturbance::TokenLifetime(_)
        | Disturbance::TakeScope(_)
        | Disturbance::ForeignCertificate => Duration::ZERO,
    };
    plan.steps.iter().map(of_step).sum()
}

/// Reads the journal once nothing is added to it any more: an answer under way ends when its connection does.
fn read_journal(sandbox: &Sandbox, since: u64) -> anyhow::Result<Vec<RecordedRequest>> {
    let (mut waited, mut newest) = (Duration::ZERO, sandbox.count(since, None)?.last);
    while waited < STILL_LIMIT {
        pause(STILL);
        waited += STILL;
        let last = sandbox.count(since, None)?.last;
        if last == newest {
            break;
        }
        newest = last;
    }
    sandbox.requests(since)
}

fn is_hold(rule: &str) -> bool {
    rule.starts_with(HOLD)
}

/// The requests of the client: without those of the exam itself, and without its holds, which disturb nothing.
fn of_client(mut requests: Vec<RecordedRequest>) -> Vec<RecordedRequest> {
    requests.retain(|request| request.line.client.as_deref() != Some(ADMINISTRATOR));
    for request in &mut requests {
        let is_only_held = |effect: &Effect| Effect { delay: None, ..effect.clone() } == Effect::default();
        if request.line.fault.as_ref().is_some_and(|fault| is_hold(&fault.name) && is_only_held(&fault.effect)) {
            request.line.fault = None;
        }
    }
    requests
}

fn now(clock: &SystemClock) -> UnixMillis {
    UnixMillis::after_epoch(clock.since_epoch())
}
