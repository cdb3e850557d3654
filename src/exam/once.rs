//! `--once`: one plan with many disturbances at different requests, by a seed; and its run, as a run for each of them.
//!
//! A check looks at the run of a scenario, in which one thing happens. [`parts`] gives it such a run for each disturbance that
//! the client met: the whole conversation, without the requests that the other disturbances spoiled. So what the client
//! did about one of them is judged by itself; how the command ended is held against the last one alone.

use super::conversation::{Conversation, Exchange};
use super::plan::{Disturbance, Moment, Plan, Requests, Step};
use super::reference::Reference;
use super::run::{Ended, Run};
use super::scenario::ScenarioId;
use crate::api::sandbox::fault::{Phase, RequestRange};
use crate::counts::Label as _;

/// What may happen at a request for a resource, as a plan has it, and the scenario in which the same happens. Each is
/// something that a client has to survive.
const DISTURBANCES: [(&str, ScenarioId); 8] = [
    ("503", ScenarioId::Unavailable),
    ("502", ScenarioId::BadGateway),
    ("drop", ScenarioId::Dropped),
    ("throttled+retry-after:1", ScenarioId::Throttled),
    ("token-expires", ScenarioId::TokenExpires),
    ("token-revoked", ScenarioId::TokenRevoked),
    ("key-rotated", ScenarioId::KeyRotated),
    ("truncate:20", ScenarioId::Truncated),
];
/// How many requests there are between two disturbances: a client has to get through one before it meets the next.
const DISTANCE: u64 = 2;

/// A plan for a client whose undisturbed run is the reference. The same seed gives the same plan.
#[must_use]
pub fn plan(reference: &Reference, seed: u64) -> Plan {
    let mut order: Vec<_> = DISTURBANCES.iter().filter_map(|(what, _)| disturbance(what)).collect();
    let mut random = seed;
    for last in (1..order.len()).rev() {
        order.swap(last, usize::try_from(next(&mut random) % (last as u64 + 1)).unwrap_or_default());
    }
    let first = 1 + next(&mut random) % DISTANCE;
    let numbers = (0..).map(|met| (met, first + met * DISTANCE));
    // Each disturbance leads to one request more.
    let numbers = numbers.take_while(|(met, number)| *number <= reference.resources + met);
    Plan::of(
        numbers
            .zip(order)
            .map(|((_, number), what)| Step::at(Requests::new(Phase::Resource, RequestRange::only(number)), what)),
    )
}

fn disturbance(text: &str) -> Option<Disturbance> {
    let step: Option<Step> = format!("resource#1={text}").parse().ok();
    step.map(|step| step.what)
}

/// The next of a row of numbers that look random (`SplitMix64`, Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A run of many disturbances, as a run of its scenario for each of those that the client met.
#[must_use]
pub fn parts(run: &Run) -> Vec<Run> {
    let met: Vec<_> = run.plan.steps.iter().filter_map(|step| Met::of(run, step)).collect();
    let last = met.iter().map(|met| met.at).max();
    met.iter()
        .map(|this| Run {
            scenario: this.scenario,
            own: Some(run.scenario.name().to_owned()),
            plan: Plan::of([this.step.clone()]),
            conversation: without(&run.conversation, met.iter().filter(|other| other.at != this.at)),
            ended: if run.ended.is_survival() || Some(this.at) == last { run.ended } else { Ended::WentOn },
            ..run.clone()
        })
        .collect()
}

/// The conversation without the requests that these spoiled.
fn without<'m>(conversation: &Conversation, others: impl Iterator<Item = &'m Met<'m>>) -> Conversation {
    let spoiled: Vec<u64> = others.flat_map(|other| other.spoiled.iter().copied()).collect();
    let all = conversation.all().iter().map(|exchange| &exchange.recorded);
    Conversation::new(all.filter(|recorded| !spoiled.contains(&recorded.line.number)).cloned().collect())
}

/// A disturbance that the client met.
struct Met<'r> {
    step: &'r Step,
    scenario: ScenarioId,
    /// Which request was the first to meet it.
    at: usize,
    /// The numbers of the requests that it spoiled.
    spoiled: Vec<u64>,
}

impl<'r> Met<'r> {
    fn of(run: &'r Run, step: &'r Step) -> Option<Self> {
        let (_, scenario) = DISTURBANCES.iter().find(|(text, _)| disturbance(text).as_ref() == Some(&step.what))?;
        let number = match &step.at {
            Moment::Requests(requests) => requests.range.first(),
            Moment::Start => return None,
        };
        let resources = || run.conversation.resources().enumerate();
        let reasons = [(ScenarioId::TokenExpires, "token-expired"), (ScenarioId::TokenRevoked, "token-revoked")];
        let reason = reasons.iter().find(|(of, _)| of == scenario).map(|(_, reason)| *reason);
        let is_spoiled = |exchange: &Exchange| match (step.what.effect(), reason) {
            (Some(effect), _) => exchange.fault().is_some_and(|fault| fault.effect == *effect),
            (None, Some(reason)) => exchange.has_status(401) && exchange.reason() == Some(reason),
            (None, None) => false,
        };
        let spoiled: Vec<_> = resources().filter(|(_, exchange)| is_spoiled(exchange)).collect();
        let leaves_no_trace = step.what.effect().is_none() && reason.is_none();
        let (at, first) = match spoiled.first() {
            Some(first) => *first,
            None => resources().find(|(at, _)| leaves_no_trace && *at as u64 + 1 == number)?,
        };
        Some(Self {
            step,
            scenario: of_write(*scenario, &first.recorded.line.method)?,
            at,
            spoiled: spoiled.iter().map(|(_, exchange)| exchange.recorded.line.number).collect(),
        })
    }
}

/// The scenario in which the same happens to a request with this method; `None` if no scenario has that.
fn of_write(scenario: ScenarioId, method: &str) -> Option<ScenarioId> {
    match (scenario, method) {
        (ScenarioId::Unavailable | ScenarioId::BadGateway | ScenarioId::Dropped, "POST") => {
            Some(ScenarioId::WriteUnavailable)
        }
        // It was done, and the client has the status: it need not send it again.
        (ScenarioId::Truncated, "POST" | "PATCH" | "DELETE") => None,
        (scenario, _) => Some(scenario),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::testing::{Request, get, post, run, token};

    const LIST: &str = "/parking/zones";

    #[test]
    fn a_seed_gives_one_plan_that_fits_the_client() {
        let reference = |resources| Reference { resources, ..Reference::default() };
        let long = plan(&reference(20), 7);
        assert_eq!(long, plan(&reference(20), 7));
        assert_ne!(long, plan(&reference(20), 8));
        assert_eq!(long.steps.len(), DISTURBANCES.len());
        let numbers: Vec<_> = plan(&reference(3), 7).steps.iter().map(|step| step.at.clone()).collect();
        assert!(!numbers.is_empty() && numbers.len() < DISTURBANCES.len());
        assert_eq!(long.to_string().parse::<Plan>().unwrap(), long);
    }

    fn faulty(request: Request, what: &str) -> Request {
        let effect = disturbance(what).unwrap().effect().cloned().unwrap_or_default();
        request.injected("problem").edit(|request| {
            if let Some(fault) = &mut request.line.fault {
                fault.effect = effect;
            }
        })
    }

    fn once(plan: &str, requests: Vec<Request>) -> Run {
        Run { plan: plan.parse().unwrap(), own: Some("once".to_owned()), ..run(ScenarioId::Once, requests) }
    }

    /// What each part is of, how many requests it has, and how it ended.
    fn seen(run: &Run) -> Vec<(&'static str, usize, Ended)> {
        parts(run).iter().map(|part| (part.scenario.name(), part.conversation.all().len(), part.ended)).collect()
    }

    #[test]
    fn each_part_has_all_but_what_the_others_spoiled() {
        let list = || get(LIST).with("a");
        let requests = vec![
            token("a"),
            faulty(list(), "503").status(503),
            list(),
            list().refused(401, "token-revoked"),
            token("b"),
            get(LIST).with("b"),
            get(LIST).with("b"),
        ];
        let plan = "resource#1=503,resource#3=token-revoked,resource#5=key-rotated,resource#9=502";
        let all = once(plan, requests);
        let end = Ended::Exit(0);
        assert_eq!(seen(&all), [("unavailable", 6, end), ("token-revoked", 6, end), ("key-rotated", 5, end)]);
        let [unavailable, ..] = &parts(&all)[..] else { panic!("no part") };
        assert_eq!(
            (unavailable.own.as_deref(), unavailable.plan.to_string().as_str()),
            (Some("once"), "resource#1=503")
        );
    }

    #[test]
    fn the_end_of_the_command_is_held_against_the_last_part_alone() {
        let list = || get(LIST).with("a");
        let requests = vec![token("a"), faulty(list(), "503").status(503), list(), faulty(list(), "502").status(502)];
        let all = once("resource#1=503,resource#3=502", requests).exit(1);
        assert_eq!(seen(&all), [("unavailable", 3, Ended::WentOn), ("bad-gateway", 3, Ended::Exit(1))]);
    }

    #[test]
    fn a_fault_of_a_post_is_that_of_a_write() {
        let create = |what: &str| seen(&once(&format!("resource#1={what}"), vec![faulty(post(LIST), what)]));
        assert_eq!(create("503"), [("write-unavailable", 1, Ended::Exit(0))]);
        assert_eq!(create("truncate:20"), []);
    }
}
