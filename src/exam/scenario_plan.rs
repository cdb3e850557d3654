//! How scenarios become plans: what disturbs a run, by what the undisturbed run shows.
//!
//! A scenario that the client's own requests cannot show, such as a lost answer to a POST of a client that sends none, is not
//! run; the reason says what the command would have to do.

use std::str::FromStr as _;

use super::plan::{Disturbance, Moment, Plan, Requests, Step};
use super::reference::Reference;
use super::scenario::ScenarioId;
use crate::api::sandbox::fault::{
    Close, Delay, Delivery, Effect, InjectedAnswer, Phase, RequestRange, Variation, Word as _,
};
use crate::api::sandbox::trouble::TroubleName;
use crate::counts::Label as _;
use crate::time::Span;

/// How long a token lives that has to be renewed during a run, in seconds.
const SHORT_LIFE_S: u64 = 2;
/// How long an answer waits, so that the token before the next request has expired by every clock: that of the server, which
/// counts whole seconds, and that of the client, which counts from the answer. Clients have a limit for answers.
const OUTLIVED: Span = Span::from_millis(2_400);
const MOST_HELD: u64 = 4;
/// How long the token answer waits when many requests want a token.
const HELD_RENEWAL: Span = Span::from_millis(500);
/// `Retry-After` of one refused request, in seconds; as a date, which has whole seconds, it is longer, so that a client that
/// cannot read it comes too early for certain.
const ONE_WAIT_S: u32 = 2;
const ONE_DATED_WAIT_S: u32 = 4;
/// How long every request is refused, and the `Retry-After` of that time in seconds.
const STORM: Span = Span::from_secs(4);
const STORM_WAIT_S: u32 = 1;
/// How many bytes are left of a body that is cut off.
const TRUNCATED_AFTER: u32 = 20;
/// How long no byte of an answer comes: longer than a client may wait.
const SILENCE: Span = Span::from_secs(65);

/// Variations that only answers of the token endpoint can have.
const TOKENS_ALONE: [Variation; 3] = [Variation::TokenTypeLowercase, Variation::NoExpiresIn, Variation::NoScope];
/// Methods that are safe to repeat (RFC 9110 section 9.2.2), in the order in which they are disturbed.
const IDEMPOTENT: [&str; 4] = ["GET", "PUT", "DELETE", "HEAD"];
const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// How long the runs take that need more time than the command does.
const WAITS: [(ScenarioId, &str); 9] = [
    (ScenarioId::ShortTokens, "about 3 s more"),
    (ScenarioId::Throttled, "2 s more"),
    (ScenarioId::ThrottledDate, "4 s more"),
    (ScenarioId::Storm, "about 5 s more"),
    (ScenarioId::Pace, "a second for each request, at most 15 s"),
    (ScenarioId::QuotaExhausted, "5 s more, if the client waits"),
    (ScenarioId::QuotaExhaustedDate, "5 s more, if the client waits"),
    (ScenarioId::Outage, "while the client retries, at most the deadline"),
    (ScenarioId::Slow, "while the client waits, at most 65 s"),
];

/// The plan of a scenario for a client whose undisturbed run is the reference; or why it is not run.
#[allow(clippy::too_many_lines, reason = "a row for each scenario")]
#[allow(clippy::wildcard_enum_match_arm, reason = "every other scenario is a variation, and is found by its name")]
pub fn plan(scenario: ScenarioId, reference: &Reference) -> Result<Plan, &'static str> {
    use TroubleName as Trouble;
    if reference.resources == 0 && !matches!(scenario, ScenarioId::Preflight | ScenarioId::Baseline) {
        return Err("the command sends no request for a resource");
    }
    // In the middle of the run; before its only request, if it has one alone.
    let middle = reference.middle();
    let from_middle = || resources(from(middle));
    let troubles = |names: &[TroubleName]| {
        Plan::of(names.iter().map(|name| Step::at(resources(only(middle)), Disturbance::Trouble(*name))))
    };
    Ok(match scenario {
        ScenarioId::Preflight | ScenarioId::Baseline | ScenarioId::Once | ScenarioId::Replay | ScenarioId::Own => {
            Plan::default()
        }
        ScenarioId::ShortTokens => short_tokens(reference)?,
        ScenarioId::TokenExpires => troubles(&[Trouble::TokenExpires]),
        ScenarioId::TokenRevoked => troubles(&[Trouble::TokenRevoked]),
        ScenarioId::KeyRotated => troubles(&[Trouble::KeyRotated]),
        ScenarioId::ConcurrentRenewal if reference.concurrency < 2 => {
            return Err("the command sends one request at a time");
        }
        ScenarioId::ConcurrentRenewal => {
            // Where many requests are under way, not before.
            let first = only(reference.busy_from.max(1));
            let held = Effect { delay: Some(Delay::Fixed(HELD_RENEWAL)), ..Effect::default() };
            Plan::of([
                Step::at(resources(first), Disturbance::Trouble(Trouble::TokenExpires)),
                faulty(tokens(from(reference.tokens_before_busy.max(1) + 1)), held),
            ])
        }
        ScenarioId::Every401 => Plan::of([faulty(from_middle(), problem("token-expired"))]),
        ScenarioId::SecretRotated => troubles(&[Trouble::SecretRotated, Trouble::TokenRevoked]),
        ScenarioId::SecretRevoked => troubles(&[Trouble::SecretRevoked, Trouble::TokenRevoked]),
        ScenarioId::Throttled => Plan::of([faulty(resources(only(middle)), throttled(ONE_WAIT_S))]),
        ScenarioId::ThrottledDate => {
            let effect = Effect { variation: Some(Variation::RetryAfterDate), ..throttled(ONE_DATED_WAIT_S) };
            Plan::of([faulty(resources(only(middle)), effect)])
        }
        ScenarioId::Storm => {
            let effect = Box::new(throttled(STORM_WAIT_S));
            Plan::of([Step::at(from_middle(), Disturbance::Passing(effect, STORM))])
        }
        ScenarioId::Pace if reference.resources < 2 => return Err("the command sends one request for a resource"),
        ScenarioId::Pace => Plan::of([Step::at_start(Disturbance::Throttle { requests_per_second: 1, burst: 1 })]),
        ScenarioId::QuotaExhausted => troubles(&[Trouble::QuotaExhausted]),
        ScenarioId::QuotaExhaustedDate => {
            let mut plan = troubles(&[Trouble::QuotaExhausted]);
            plan.steps.push(faulty(resources(from(1)), varied(Variation::RetryAfterDate)));
            plan
        }
        ScenarioId::BadRequest => bad_request(reference),
        ScenarioId::NotFound => {
            let method = reference.first_method(&["GET"]);
            Plan::of([faulty(first(reference, method, 1), problem("not-found"))])
        }
        ScenarioId::ScopeNarrowed => {
            let taken = taken_scope(reference).ok_or("no request needs a scope that the client holds")?;
            Plan::of([Step::at(resources(only(1)), Disturbance::TakeScope(taken))])
        }
        ScenarioId::Unavailable => on_idempotent(reference, 2, problem("unavailable"))?,
        ScenarioId::BadGateway => on_idempotent(reference, 1, foreign(502))?,
        ScenarioId::Dropped => on_idempotent(reference, 1, delivered(Delivery::Close(Close::BeforeHeaders)))?,
        ScenarioId::Truncated => on_readable(reference, delivered(Delivery::TruncateAfter(TRUNCATED_AFTER)))?,
        // That of a proxy, which has no `Retry-After`: how long to wait is left to the client.
        ScenarioId::Outage => Plan::of([faulty(resources(from(1)), foreign(503))]),
        ScenarioId::Slow => {
            let method = reference.first_method(&IDEMPOTENT);
            let effect = delivered(Delivery::Timeout(SILENCE));
            Plan::of([faulty(first(reference, method, 1), effect)])
        }
        ScenarioId::WriteUnavailable => {
            let first = first_post(reference)?;
            Plan::of([faulty(first, problem("unavailable"))])
        }
        ScenarioId::AnswerLost => {
            let first = first_post(reference)?;
            Plan::of([Step::at(first, Disturbance::Trouble(Trouble::AnswerLost))])
        }
        ScenarioId::TokenUnavailable => Plan::of([faulty(tokens(only(1)), problem("unavailable"))]),
        ScenarioId::WrongCertificate => Plan::of([Step::at_start(Disturbance::ForeignCertificate)]),
        variation => {
            let name = variation.name().strip_prefix("variation-").unwrap_or_default();
            let found = Variation::ALL.iter().find(|variation| variation.name() == name);
            let variation = *found.ok_or("the sandbox has no such variation")?;
            let of_tokens = faulty(tokens(from(1)), varied(variation));
            let of_resources =
                (!TOKENS_ALONE.contains(&variation)).then(|| faulty(resources(from(1)), varied(variation)));
            Plan::of([of_tokens].into_iter().chain(of_resources))
        }
    })
}

/// How long the run of a scenario takes that needs more time than the command does, for `--list`.
#[must_use]
pub fn waits_for(scenario: ScenarioId) -> Option<&'static str> {
    WAITS.iter().find(|(id, _)| *id == scenario).map(|(_, wait)| *wait)
}

/// Lets a token expire between two requests: a client that looks at its age renews it before the second one.
fn short_tokens(reference: &Reference) -> Result<Plan, &'static str> {
    // Requests that are under way together wait together.
    if reference.resources <= reference.concurrency.max(1) {
        return Err("the command sends too few requests one after the other for a token to expire between two");
    }
    let life = Step::at_start(Disturbance::TokenLifetime(SHORT_LIFE_S));
    let held = Effect { delay: Some(Delay::Fixed(OUTLIVED)), ..Effect::default() };
    // Each of the first requests that may be under way together; a few, in case they come one after the other.
    let first = RequestRange::up_to(reference.concurrency.clamp(1, MOST_HELD));
    Ok(Plan::of([life, faulty(resources(first), held)]))
}

/// Refuses a write as a bad request, or the first request of a client that writes nothing.
fn bad_request(reference: &Reference) -> Plan {
    let method = reference.first_method(&WRITES);
    let refusal = match method {
        Some("POST" | "PUT" | "PATCH") => problem("malformed-body"),
        _ => problem("malformed-request"),
    };
    Plan::of([faulty(first(reference, method, 1), refusal)])
}

/// The scope token to take: one that a request needed, and rather one whose loss leaves the client something to do.
fn taken_scope(reference: &Reference) -> Option<String> {
    let writes = reference.used_scopes.iter().find(|scope| scope.starts_with("write:"));
    writes.or_else(|| reference.used_scopes.first()).cloned()
}

fn on_idempotent(reference: &Reference, times: u64, effect: Effect) -> Result<Plan, &'static str> {
    let method = reference.first_method(&IDEMPOTENT).ok_or("the command sends no request that is safe to repeat")?;
    Ok(Plan::of([faulty(first(reference, Some(method), times), effect)]))
}

/// On a request whose answer has a body.
fn on_readable(reference: &Reference, effect: Effect) -> Result<Plan, &'static str> {
    let method = reference.first_method(&["GET", "PUT"]).ok_or("the command sends no GET and no PUT")?;
    Ok(Plan::of([faulty(first(reference, Some(method), 1), effect)]))
}

fn first_post(reference: &Reference) -> Result<Requests, &'static str> {
    let post = reference.first_method(&["POST"]).ok_or("the command sends no POST for a resource")?;
    Ok(first(reference, Some(post), 1))
}

fn faulty(requests: Requests, effect: Effect) -> Step {
    Step { at: Moment::Requests(requests), what: Disturbance::Effect(Box::new(effect)) }
}

fn resources(range: RequestRange) -> Requests {
    Requests::new(Phase::Resource, range)
}

fn tokens(range: RequestRange) -> Requests {
    Requests::new(Phase::Token, range)
}

/// The first request with this method that usually succeeds, and those after it, so many together.
fn first(reference: &Reference, method: Option<&str>, times: u64) -> Requests {
    let number = reference.first_served(method);
    let range = if times > 1 { upto(number, number + times - 1) } else { only(number) };
    match method {
        Some(method) => resources(range).with_method(method),
        None => resources(range),
    }
}

fn only(number: u64) -> RequestRange {
    RequestRange::only(number)
}

fn from(first: u64) -> RequestRange {
    RequestRange::from_str(&format!("{first}..")).unwrap_or(RequestRange::only(first))
}

fn upto(first: u64, last: u64) -> RequestRange {
    RequestRange::from_str(&format!("{first}..{last}")).unwrap_or(RequestRange::only(first))
}

fn problem(name: &'static str) -> Effect {
    Effect { answer: Some(InjectedAnswer::Problem(name.into())), ..Effect::default() }
}

fn foreign(status: u16) -> Effect {
    Effect { answer: Some(InjectedAnswer::Status(status)), ..Effect::default() }
}

fn throttled(retry_after_s: u32) -> Effect {
    Effect { retry_after: Some(retry_after_s), ..problem("throttled") }
}

fn varied(variation: Variation) -> Effect {
    Effect { variation: Some(variation), ..Effect::default() }
}

fn delivered(delivery: Delivery) -> Effect {
    Effect { delivery: Some(delivery), ..Effect::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(resources: u64, methods: &[(&str, u64)], concurrency: u64) -> Reference {
        let scopes = vec!["read:zones".to_owned(), "write:zones".to_owned()];
        Reference {
            resources,
            methods: methods.iter().map(|(method, count)| ((*method).to_owned(), *count)).collect(),
            tokens: 1,
            concurrency,
            used_scopes: scopes.clone(),
            scopes,
            ..Reference::default()
        }
    }

    fn written(scenario: ScenarioId, reference: &Reference) -> String {
        plan(scenario, reference).map_or_else(|why| format!("not run: {why}"), |plan| plan.to_string())
    }

    #[test]
    fn a_client_that_reads_and_writes_meets_every_scenario() {
        let reference = reference(5, &[("GET", 3), ("POST", 2)], 2);
        let plans = ScenarioId::ALL
            .iter()
            .map(|id| format!("{}: {}", id.name(), written(*id, &reference)).trim_end().to_owned());
        insta::assert_snapshot!(plans.collect::<Vec<_>>().join("\n"), @r#"
        preflight:
        baseline:
        short-tokens: start=token-lifetime:2s,resource#1..2=delay:2s400ms
        token-expires: resource#2=token-expires
        token-revoked: resource#2=token-revoked
        key-rotated: resource#2=key-rotated
        concurrent-renewal: resource#1=token-expires,token#2..=delay:500ms
        every-401: resource#2..=401
        secret-rotated: resource#2=secret-rotated,resource#2=token-revoked
        secret-revoked: resource#2=secret-revoked,resource#2=token-revoked
        throttled: resource#2=throttled+retry-after:2
        throttled-date: resource#2=throttled+retry-after:4+retry-after-date
        storm: resource#2..=throttled+retry-after:1+for:4s
        pace: start=throttle:1/1
        quota-exhausted: resource#2=quota-exhausted
        quota-exhausted-date: resource#2=quota-exhausted,resource#1..=retry-after-date
        bad-request: resource.POST#1=problem:malformed-body
        not-found: resource.GET#1=404
        scope-narrowed: resource#1=take-scope:write:zones
        unavailable: resource.GET#1..2=503
        bad-gateway: resource.GET#1=502
        dropped: resource.GET#1=drop
        truncated: resource.GET#1=truncate:20
        outage: resource#1..=foreign:503
        slow: resource.GET#1=timeout:1m5s
        write-unavailable: resource.POST#1=503
        answer-lost: resource.POST#1=answer-lost
        token-unavailable: token#1=503
        variation-unknown-members: token#1..=unknown-members,resource#1..=unknown-members
        variation-token-type-lowercase: token#1..=token-type-lowercase
        variation-no-expires-in: token#1..=no-expires-in
        variation-no-scope: token#1..=no-scope
        variation-reordered-members: token#1..=reordered-members,resource#1..=reordered-members
        variation-chunked-body: token#1..=chunked-body,resource#1..=chunked-body
        variation-lowercase-fields: token#1..=lowercase-fields,resource#1..=lowercase-fields
        variation-title-case-fields: token#1..=title-case-fields,resource#1..=title-case-fields
        variation-connection-close: token#1..=connection-close,resource#1..=connection-close
        wrong-certificate: start=foreign-certificate
        once:
        replay:
        own:
        "#);
    }

    #[test]
    fn what_a_client_with_one_get_cannot_show_is_not_run() {
        let reference = reference(1, &[("GET", 1)], 1);
        let plans = ScenarioId::ALL.iter().map(|id| (id.name(), written(*id, &reference)));
        let not_run = plans.filter(|(_, plan)| plan.starts_with("not run"));
        let lines: Vec<_> = not_run.map(|(name, plan)| format!("{name}: {plan}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        short-tokens: not run: the command sends too few requests one after the other for a token to expire between two
        concurrent-renewal: not run: the command sends one request at a time
        pace: not run: the command sends one request for a resource
        write-unavailable: not run: the command sends no POST for a resource
        answer-lost: not run: the command sends no POST for a resource
        "#);
        assert_eq!(written(ScenarioId::TokenExpires, &reference), "resource#1=token-expires");
        assert_eq!(written(ScenarioId::Every401, &reference), "resource#1..=401");
    }

    #[test]
    fn every_plan_is_read_back_as_it_was_written() {
        let reference = reference(5, &[("GET", 3), ("POST", 2)], 2);
        for id in ScenarioId::ALL {
            let Ok(plan) = plan(*id, &reference) else { continue };
            assert_eq!(plan.to_string().parse::<Plan>().as_ref(), Ok(&plan), "{}", id.name());
        }
    }
}
