//! A stored request as the control plane shows it. What was left for later when it was stored is worked out here.

use std::borrow::Cow;

use serde::Deserialize;

use super::Found;
use super::recorded::{Recorded, Sent};
use super::texts::Part;
use crate::admission;
use crate::api::explanation::{Check, CheckOutcome, Explanation};
use crate::api::sandbox::fault::Effect;
use crate::api::sandbox::request::{
    ExplainedAnswer, Field, InjectedFault, LimitAround, LimitsAround, Message, RecordedRequest, RequestLine,
};
use crate::counts::Label as _;
use crate::refusals::Facts;

/// A request in short.
pub(crate) fn line(number: u64, request: &Recorded) -> RequestLine {
    let text = |part| Some(request.text(part).to_owned()).filter(|text| !text.is_empty());
    let connection = request.connection.as_deref();
    let user_agent = fields(request.text(Part::RequestFields)).find(|(name, _)| *name == "user-agent");
    RequestLine {
        number,
        request_id: request.text(Part::RequestId).to_owned(),
        at: request.at,
        real_at: request.real_at,
        client: text(Part::Client),
        method: request.text(Part::Method).to_owned(),
        path: request.text(Part::Path).to_owned(),
        query: text(Part::Query),
        status: request.status,
        reason: reason(request),
        duration_ms: milliseconds(request),
        fault: request.fault.as_ref().map(|fault| InjectedFault {
            name: fault.name.to_string(),
            kind: fault.kind.name().to_owned(),
            effect: Effect::clone(&fault.effect),
        }),
        connection: connection.map(|connection| connection.number),
        http: request.http.to_owned(),
        tls: connection.map(|connection| connection.tls.clone()),
        user_agent: user_agent.map(|(_, value)| value.to_owned()),
    }
}

/// What the page about a request shows.
pub(crate) fn explained(found: &Found) -> ExplainedAnswer {
    let Found { number, request, others } = found;
    let line = line(*number, request);
    ExplainedAnswer {
        at: line.at,
        client: line.client,
        detail: refusal(request).and_then(|refusal| refusal.detail.or(refusal.error_description)).map(Cow::into_owned),
        explanation: explanation(request),
        fault: line.fault,
        method: line.method,
        others: *others,
        path: line.path,
        query: line.query,
        reason: line.reason,
        request_id: line.request_id,
        status: line.status,
    }
}

/// Each check of a request, and what would have let it through. A request that a fault kept from the gate, or that the gate
/// does not check, is explained without checks.
pub(crate) fn explanation(request: &Recorded) -> Explanation {
    request.walk.as_ref().map_or_else(Explanation::without_checks, Facts::explain)
}

/// All of a request.
pub(crate) fn whole(number: u64, request: &Recorded) -> RecordedRequest {
    let connection = request.connection.as_deref();
    let walk = request.walk.as_ref().map(Facts::explain);
    let limits = match (&request.walk, &walk) {
        (Some(Facts::Request(facts)), Some(walk)) => limits(facts, walk),
        (Some(Facts::TokenRequest(_)) | None, _) | (_, None) => None,
    };
    RecordedRequest {
        line: line(number, request),
        source: request.peer.map(|peer| peer.to_string()),
        cipher: connection.map(|connection| connection.cipher.clone()),
        server_name: connection.and_then(|connection| connection.server_name.clone()),
        request: message(request.text(Part::RequestFields), request.text(Part::RequestBody), request.request),
        answer: request
            .status
            .map(|_| message(request.text(Part::AnswerFields), request.text(Part::AnswerBody), request.answer)),
        limits,
        explanation: walk,
    }
}

/// The facts are of the moment after the request. What it has used of a limit is one, if it passed the check.
fn limits(facts: &admission::Facts, walk: &Explanation) -> Option<LimitsAround> {
    let has_passed = |wanted| walk.checks.iter().any(|it| it.check == wanted && it.outcome == CheckOutcome::Passed);
    facts.client()?;
    let second = facts.permits().map(|permits| {
        let is_used = has_passed(Check::Throttle) && permits.wait.is_none();
        let after = u64::from(permits.remaining);
        LimitAround { limit: Some(permits.burst.into()), before: Some(after + u64::from(is_used)), after: Some(after) }
    });
    let day = facts.units().map(|units| {
        let is_spent = has_passed(Check::Quota) && units.admitted;
        let before = units.remaining.map(|remaining| remaining + u64::from(is_spent));
        LimitAround { limit: units.daily_quota, before, after: units.remaining }
    });
    Some(LimitsAround { second, day })
}

/// With three decimals: the rest is noise.
fn milliseconds(request: &Recorded) -> f64 {
    let micros = u32::try_from(request.took.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1_000.0
}

fn message(lines: &str, body: &str, sent: Sent) -> Message {
    let mut fields: Vec<Field> =
        fields(lines).map(|(name, value)| Field { name: name.to_owned(), value: value.to_owned() }).collect();
    // Two of one name stay in their order.
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    Message {
        fields,
        has_more_fields: sent.has_more_fields,
        body: body.to_owned(),
        body_bytes: sent.body_bytes,
        has_more_body: sent.has_more_body,
        is_complete: sent.is_complete,
    }
}

/// The names and values of stored fields.
pub(crate) fn fields(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines.lines().filter_map(|line| line.split_once(": "))
}

/// What the body of a refusal says of its kind.
#[derive(Deserialize)]
struct Refusal<'a> {
    /// The address of the page of a problem, which ends with its kind.
    #[serde(borrow)]
    documentation: Option<Cow<'a, str>>,
    /// The code of an OAuth error.
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_description: Option<Cow<'a, str>>,
}

fn refusal(request: &Recorded) -> Option<Refusal<'_>> {
    request.status.filter(|status| *status >= 400)?;
    serde_json::from_str(request.text(Part::AnswerBody)).ok()
}

fn reason(request: &Recorded) -> Option<String> {
    let refusal = refusal(request)?;
    let kind = refusal.documentation.and_then(|page| Some(page.rsplit_once("/problems/")?.1.to_owned()));
    kind.or_else(|| refusal.error.map(Cow::into_owned))
}
