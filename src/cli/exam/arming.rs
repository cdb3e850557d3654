//! How a plan is armed in a sandbox: rules for faults, and what is done while the client waits for an answer.
//!
//! A trouble before the n-th request is made during the answer to the request before it: a rule holds that answer once the
//! gate has done its part, and the trouble is made as soon as the rule has fired. Before the first request for a resource,
//! the first token answer is held. So the trouble comes at exactly one place of the conversation, on any number of runs.
//!
//! A token that lives for seconds expires by whole seconds of the server, up to a second before its time by the clock of the
//! client. So the clock stands at the start of a second until the client has the answer with its first token.

use std::time::Duration;

use anyhow::bail;

use super::sandbox::Sandbox;
use crate::api::client::{Client, ClientPatch};
use crate::api::sandbox::fault::{
    Close, Delay, Delivery, Effect, Fault, FaultList, FaultRule, Phase, RequestMatch, RequestRange,
};
use crate::api::sandbox::request::RecordedRequest;
use crate::api::sandbox::trouble::{TroubleAnswer, TroubleName, TroubleRequest};
use crate::counts::Label as _;
use crate::exam::plan::{Disturbance, Moment, Plan, Requests};
use crate::limits::Rate;
use crate::time::{Clock as _, Span, SystemClock, UnixMillis};

/// What the names of rules start with that hold an answer, and disturb nothing else.
pub(super) const HOLD: &str = "exam-hold";
/// The scope token that opens nothing to a partner, in place of the last one that is taken away.
const USELESS_SCOPE: &str = "introspect";

/// The answer with the first token.
const FIRST_TOKEN: HeldRequest = HeldRequest { phase: Phase::Token, method: None, number: 1 };

/// What is armed in a sandbox.
pub(super) struct Armed {
    holds: Vec<Hold>,
    passing: Vec<Passing>,
    /// When the last trouble was made.
    pub(super) trouble_at: Option<UnixMillis>,
    /// When the clock of the sandbox runs on, on the clock of the run.
    runs_on_at: Option<Duration>,
}

/// An answer that is held, and what is done meanwhile.
struct Hold {
    name: String,
    at: HeldRequest,
    actions: Vec<Disturbance>,
    /// Whether the clock of the sandbox stands until this answer ends.
    has_clock: bool,
    is_done: bool,
    /// When what is done was done.
    made_at: Option<UnixMillis>,
}

/// The request whose answer is held.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeldRequest {
    phase: Phase,
    method: Option<String>,
    number: u64,
}

/// A rule that is removed some time after it has fired.
struct Passing {
    rule: String,
    lasts: Duration,
    /// When it was seen to have fired, on the clock of the run.
    since: Option<Duration>,
    is_over: bool,
}

/// Who is examined, and how a sandbox learns it.
pub(super) struct Arming<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) client: &'a str,
    /// How long an answer is held.
    pub(super) hold: Span,
    /// How late every other answer is, as on a network.
    pub(super) latency: Option<Span>,
}

impl Arming<'_> {
    /// Does what happens before the start, and adds the rules.
    pub(super) fn arm(&self, plan: &Plan) -> anyhow::Result<Armed> {
        let mut armed = Armed { holds: Vec::new(), passing: Vec::new(), trouble_at: None, runs_on_at: None };
        let mut rules = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            match (&step.at, &step.what) {
                (Moment::Start, what) => {
                    self.act(what)?;
                    if matches!(what, Disturbance::Trouble(_)) {
                        armed.trouble_at = Some(now());
                    }
                    if matches!(what, Disturbance::TokenLifetime(_)) {
                        self.sandbox.stop_clock()?;
                        armed.hold(FIRST_TOKEN, |hold| hold.has_clock = true);
                    }
                }
                (Moment::Requests(requests), Disturbance::Effect(effect)) => {
                    rules.push(rule(format!("exam-{}", index + 1), requests, (**effect).clone()));
                }
                (Moment::Requests(requests), Disturbance::Passing(effect, lasts)) => {
                    let name = format!("exam-{}", index + 1);
                    rules.push(rule(name.clone(), requests, (**effect).clone()));
                    let lasts = lasts.as_duration();
                    armed.passing.push(Passing { rule: name, lasts, since: None, is_over: false });
                }
                (Moment::Requests(requests), Disturbance::Trouble(TroubleName::AnswerLost)) => {
                    let delivery = Some(Delivery::Close(Close::BeforeHeaders));
                    let effect = Effect { delivery, after_commit: true, ..Effect::default() };
                    rules.push(rule(format!("answer-lost-{}", index + 1), requests, effect));
                }
                (Moment::Requests(requests), what) => {
                    if let Some(at) = held_before(requests) {
                        armed.hold(at, |hold| hold.actions.push(what.clone()));
                    } else {
                        self.act(what)?;
                        armed.trouble_at = Some(now());
                    }
                }
            }
        }
        let holds = armed.holds.iter().map(|hold| hold.rule(&rules, self.hold));
        let mut all: Vec<FaultRule> = holds.collect();
        all.extend(rules);
        if let Some(latency) = self.latency {
            let effect = Effect { delay: Some(Delay::Fixed(latency)), ..Effect::default() };
            let matching = RequestMatch { phase: Some(Phase::Resource), ..RequestMatch::default() };
            all.push(unnumbered(format!("{HOLD}-latency"), matching, effect));
        }
        if !all.is_empty() {
            self.sandbox.control.post::<FaultList>("/sandbox/faults", &all)?;
        }
        Ok(armed)
    }

    /// Makes the troubles whose moment has come. `at` is the clock of the run.
    pub(super) fn watch(&self, armed: &mut Armed, at: Duration) -> anyhow::Result<()> {
        for hold in armed.holds.iter_mut().filter(|hold| !hold.is_done) {
            if self.has_fired(&hold.name)? {
                hold.is_done = true;
                for action in &hold.actions {
                    self.act(action)?;
                    hold.made_at = Some(now());
                }
                armed.trouble_at = hold.made_at.or(armed.trouble_at);
                if hold.has_clock {
                    armed.runs_on_at = Some(at + self.hold.as_duration());
                }
            }
        }
        if armed.runs_on_at.is_some_and(|runs_on_at| runs_on_at <= at) {
            self.sandbox.run_clock()?;
            armed.runs_on_at = None;
        }
        for passing in armed.passing.iter_mut().filter(|passing| !passing.is_over) {
            match passing.since {
                None if self.has_fired(&passing.rule)? => passing.since = Some(at),
                Some(since) if at.saturating_sub(since) >= passing.lasts => {
                    self.sandbox.control.delete(&format!("/sandbox/faults/{}", passing.rule))?;
                    passing.is_over = true;
                }
                None | Some(_) => {}
            }
        }
        Ok(())
    }

    fn has_fired(&self, rule: &str) -> anyhow::Result<bool> {
        let fault: Fault = self.sandbox.control.get(&format!("/sandbox/faults/{rule}"), &[])?;
        Ok(fault.fired > 0)
    }

    /// Does what is not a fault.
    fn act(&self, what: &Disturbance) -> anyhow::Result<()> {
        match what {
            Disturbance::Trouble(name) => {
                let path = format!("/sandbox/troubles/{}", name.name());
                let client =
                    (*name != TroubleName::Midnight && *name != TroubleName::KeyRotated).then_some(self.client);
                self.sandbox.control.post::<TroubleAnswer>(&path, &TroubleRequest { client, lasts: None })?;
                Ok(())
            }
            Disturbance::Throttle { requests_per_second, burst } => self.change(&ClientPatch {
                requests_per_second: Some(Rate::from(*requests_per_second)),
                burst: Some(u64::from(*burst)),
                ..ClientPatch::default()
            }),
            Disturbance::TokenLifetime(seconds) => {
                self.change(&ClientPatch { token_ttl: Some(*seconds), ..ClientPatch::default() })
            }
            Disturbance::TakeScope(taken) => self.take_scope(taken),
            // The command's environment has it.
            Disturbance::ForeignCertificate => Ok(()),
            Disturbance::Effect(_) | Disturbance::Passing(..) => {
                bail!("a fault happens to requests, and not at a moment")
            }
        }
    }

    fn take_scope(&self, taken: &str) -> anyhow::Result<()> {
        let client: Client = self.sandbox.admin()?.get(&format!("/admin/clients/{}", self.client), &[])?;
        let left: Vec<&str> = client.scope.iter().filter(|scope| *scope != taken).collect();
        let scope = if left.is_empty() { USELESS_SCOPE.to_owned() } else { left.join(" ") };
        self.change(&ClientPatch { scope: Some(scope), ..ClientPatch::default() })
    }

    fn change(&self, patch: &ClientPatch) -> anyhow::Result<()> {
        let client = format!("/admin/clients/{}", self.client);
        self.sandbox.admin()?.patch::<Client>(&client, patch).map(drop)
    }
}

impl Armed {
    /// Holds this answer, and changes what is done meanwhile.
    fn hold(&mut self, at: HeldRequest, change: impl FnOnce(&mut Hold)) {
        if let Some(hold) = self.holds.iter_mut().find(|hold| hold.at == at) {
            change(hold);
        } else {
            let name = format!("{HOLD}-{}", self.holds.len() + 1);
            let mut hold = Hold { name, at, actions: Vec::new(), has_clock: false, is_done: false, made_at: None };
            change(&mut hold);
            self.holds.push(hold);
        }
    }

    /// Whether a held answer had ended before its trouble was made.
    pub(super) fn is_late(&self, requests: &[RecordedRequest]) -> bool {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration is not negative")]
        let end = |request: &RecordedRequest| request.line.real_at.get() + request.line.duration_ms.max(0.0) as u64;
        self.holds.iter().any(|hold| {
            let is_held =
                |request: &&RecordedRequest| request.line.fault.as_ref().is_some_and(|fault| fault.name == hold.name);
            let held = requests.iter().find(is_held);
            held.zip(hold.made_at).is_some_and(|(held, made_at)| end(held) < made_at.get())
        })
    }

    /// Whether there is anything that still has to be watched.
    pub(super) fn is_waiting(&self) -> bool {
        self.runs_on_at.is_some()
            || self.holds.iter().any(|hold| !hold.is_done)
            || self.passing.iter().any(|passing| !passing.is_over)
    }
}

impl Hold {
    /// The rule that holds the answer. One rule alone disturbs a request, so it does too what another of `rules` would.
    fn rule(&self, rules: &[FaultRule], hold: Span) -> FaultRule {
        let HeldRequest { phase, method, number } = &self.at;
        let is_same = |rule: &&FaultRule| {
            let RequestMatch { phase: of_rule, method: method_of_rule, requests, .. } = &rule.matching;
            *of_rule == Some(*phase)
                && method_of_rule == method
                && requests.is_some_and(|range| range.contains(*number))
        };
        let mut effect = rules.iter().find(is_same).map(|rule| rule.effect.clone()).unwrap_or_default();
        effect.delay = Some(Delay::Fixed(hold));
        let requests = Requests { phase: *phase, method: method.clone(), range: RequestRange::only(*number) };
        rule(self.name.clone(), &requests, effect)
    }
}

/// The request during whose answer a trouble is made that is to come before the first of these; `None` if it is made before
/// the start.
fn held_before(requests: &Requests) -> Option<HeldRequest> {
    let Requests { phase, method, range } = requests;
    match (range.first(), phase) {
        (0 | 1, Phase::Token) => None,
        (0 | 1, Phase::Resource) => Some(FIRST_TOKEN),
        (first, phase) => Some(HeldRequest { phase: *phase, method: method.clone(), number: first - 1 }),
    }
}

fn rule(name: String, requests: &Requests, effect: Effect) -> FaultRule {
    let Requests { phase, method, range } = requests;
    let matching =
        RequestMatch { phase: Some(*phase), method: method.clone(), requests: Some(*range), ..RequestMatch::default() };
    unnumbered(name, matching, effect)
}

fn unnumbered(name: String, matching: RequestMatch, effect: Effect) -> FaultRule {
    FaultRule { name: Some(name), matching, probability: None, seed: None, times: None, lasts: None, effect }
}

fn now() -> UnixMillis {
    UnixMillis::after_epoch(SystemClock::new().since_epoch())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_made_during_the_answer_before() {
        let held = |text: &str| {
            let plan: Plan = format!("{text}=token-expires").parse().unwrap();
            match &plan.steps[0].at {
                Moment::Requests(requests) => held_before(requests),
                Moment::Start => None,
            }
        };
        let request = |phase, method: Option<&str>, number| {
            Some(HeldRequest { phase, method: method.map(str::to_owned), number })
        };
        for (text, expected) in [
            ("resource#2", request(Phase::Resource, None, 1)),
            ("resource.POST#3..", request(Phase::Resource, Some("POST"), 2)),
            ("resource#1", request(Phase::Token, None, 1)),
            ("token#2", request(Phase::Token, None, 1)),
            ("token#1", None),
            ("start", None),
        ] {
            assert_eq!(held(text), expected, "{text}");
        }
    }
}
