//! The rules for faults that some troubles are.

use crate::api::sandbox::fault::{
    Close, Delay, Delivery, Effect, FaultRule, InjectedAnswer, LogNormal, Phase, RequestMatch,
};
use crate::oauth::credentials::ClientId;
use crate::time::Span;

/// How late an answer is on a slow network.
const SLOW: LogNormal = LogNormal { median: Span::from_millis(500), sigma: 0.7, cap: Span::from_secs(3) };

/// Refuses requests for resources as the throttle does. `Retry-After` is how long the rule lasts, so a client that obeys it
/// passes.
pub(super) fn throttled(client: Option<&ClientId>, lasts: Span) -> FaultRule {
    let retry_after = u32::try_from(lasts.as_millis().div_ceil(1_000)).ok();
    let effect = Effect { answer: Some(problem("throttled")), retry_after, ..Effect::default() };
    let matching = RequestMatch { phase: Some(Phase::Resource), ..requests_of(client) };
    FaultRule { lasts: Some(lasts), ..rule("throttled", client, matching, effect) }
}

/// Refuses all requests as a server does that cannot serve.
pub(super) fn outage(client: Option<&ClientId>, lasts: Span) -> FaultRule {
    let effect = Effect { answer: Some(problem("unavailable")), ..Effect::default() };
    FaultRule { lasts: Some(lasts), ..rule("outage", client, requests_of(client), effect) }
}

/// Delays all requests.
pub(super) fn slow_network(client: Option<&ClientId>, lasts: Span) -> FaultRule {
    let effect = Effect { delay: Some(Delay::LogNormal { log_normal: SLOW }), ..Effect::default() };
    FaultRule { lasts: Some(lasts), ..rule("slow-network", client, requests_of(client), effect) }
}

/// Loses the answer to the next POST, which alone is not safe to repeat (RFC 9110 section 9.2.2).
pub(super) fn answer_lost(client: Option<&ClientId>, _: Span) -> FaultRule {
    let delivery = Some(Delivery::Close(Close::BeforeHeaders));
    let effect = Effect { delivery, after_commit: true, ..Effect::default() };
    let phase = Some(Phase::Resource);
    let matching = RequestMatch { phase, method: Some("POST".to_owned()), ..requests_of(client) };
    FaultRule { times: Some(1), ..rule("answer-lost", client, matching, effect) }
}

fn problem(name: &'static str) -> InjectedAnswer {
    InjectedAnswer::Problem(name.into())
}

fn requests_of(client: Option<&ClientId>) -> RequestMatch {
    RequestMatch { client: client.map(ToString::to_string), ..RequestMatch::default() }
}

/// A rule whose name says which trouble it is, and whose.
fn rule(trouble: &str, client: Option<&ClientId>, matching: RequestMatch, effect: Effect) -> FaultRule {
    let name = match client {
        Some(client) => format!("{trouble}-{client}"),
        None => trouble.to_owned(),
    };
    FaultRule { name: Some(name), matching, probability: None, seed: None, times: None, lasts: None, effect }
}
