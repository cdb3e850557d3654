//! What the failures would do in production, to who runs the API and to the partner.

use crate::api::exam::{CheckResult, CheckVerdict, Level};
use crate::counts::Label as _;

use super::super::check::{Check, CheckId, Group};
use super::super::run::{Examination, Run};
use super::super::scenario::ScenarioId;

/// The most sentences of a list.
const MAX_SENTENCES: usize = 12;

/// What would hurt who runs the API, in requests where they can be counted.
pub(super) fn to_api(examination: &Examination, checks: &[CheckResult]) -> Vec<String> {
    distinct(failed(checks).filter_map(|id| harms_api(id, examination)))
}

/// What would hurt the partner.
pub(super) fn to_partner(checks: &[CheckResult]) -> Vec<String> {
    distinct(failed(checks).filter_map(harms_partner))
}

fn failed(checks: &[CheckResult]) -> impl Iterator<Item = CheckId> {
    let has_failed = |check: &&CheckResult| check.verdict == CheckVerdict::Fail && check.level != Level::Off;
    checks.iter().filter(has_failed).filter_map(|check| Check::named(&check.id)).map(|check| check.id)
}

fn distinct(sentences: impl Iterator<Item = String>) -> Vec<String> {
    let mut list = Vec::new();
    for sentence in sentences {
        if !list.contains(&sentence) && list.len() < MAX_SENTENCES {
            list.push(sentence);
        }
    }
    list
}

#[allow(clippy::wildcard_enum_match_arm, reason = "most failures do not load the API")]
fn harms_api(id: CheckId, examination: &Examination) -> Option<String> {
    let plain = |text: &str| Some(text.to_owned());
    match id {
        CheckId::TokenReused => token_load(examination),
        CheckId::OneRenewal => {
            let renewals = examination.run(ScenarioId::ConcurrentRenewal)?.conversation.tokens().count();
            Some(format!("renews one token with many requests at once: {renewals} token requests in one run"))
        }
        CheckId::No401Loop => Some(load(examination, ScenarioId::Every401, "while its tokens are refused")),
        CheckId::SecretRevoked => Some(load(examination, ScenarioId::SecretRevoked, "after its secret was revoked")),
        CheckId::RetryAfterSeconds | CheckId::RetryAfterDate => plain("comes back before the time of `Retry-After`"),
        CheckId::NoStorm => Some(load(examination, ScenarioId::Storm, "while it is over its limit")),
        CheckId::PaceAfter429 => Some(refused(examination, ScenarioId::Pace)),
        CheckId::QuotaNotRetried => Some(refused(examination, ScenarioId::QuotaExhausted)),
        CheckId::QuotaDateNotRetried => Some(refused(examination, ScenarioId::QuotaExhaustedDate)),
        CheckId::NoRetryOn400 | CheckId::NoRetryOn403 | CheckId::NoRetryOn404 => {
            plain("repeats requests that are refused for good")
        }
        CheckId::GrowingWaits => {
            plain("does not wait longer from try to try: in an outage all its retries come at once")
        }
        CheckId::BoundedRetries => Some(load(examination, ScenarioId::Outage, "in an outage")),
        CheckId::ConnectionsReused => connections(examination.baseline()?),
        CheckId::NoSecretInUrl => plain("puts a secret or a token into URLs, and so into access logs"),
        CheckId::UserAgent => plain("cannot be recognized in logs: its `User-Agent` is that of a library"),
        CheckId::ScopesUsed => plain("holds scopes that it does not use: a token that leaks can do more than it must"),
        CheckId::IfMatch => plain("overwrites what others have changed in between"),
        CheckId::NoSecondZone | CheckId::SafeRetries | CheckId::SameKey => {
            plain("creates things twice, which somebody must clean up")
        }
        _ => None,
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "most of the rest loads the API alone")]
fn harms_partner(id: CheckId) -> Option<String> {
    let text = match id {
        CheckId::TokenReused => "spends a round trip for each token, and stops when token requests are limited",
        CheckId::TokenRenewedAhead => "has a refused request each time a token expires",
        CheckId::TokenRenewedOn401 | CheckId::TokenRevoked => "stops working when a token ends before its time",
        CheckId::KeyRotated => "stops working when the API changes its signing key",
        CheckId::SecretRotated => "stops working as soon as its secret is rotated",
        CheckId::SecretRevoked => "does not stop, or does not say so, when its secret is revoked",
        CheckId::RetryAfterSeconds | CheckId::RetryAfterDate | CheckId::NoStorm | CheckId::PaceAfter429 => {
            "stays refused for longer, because it does not wait"
        }
        CheckId::QuotaNotRetried | CheckId::QuotaDateNotRetried => "spends hours on requests that must be refused",
        CheckId::ScopeMissingReported => "does not say which scope it lacks",
        CheckId::Retries5xx => "one answer 503 loses the work of a run",
        CheckId::RetriesForeign5xx => "one error page of a proxy loses the work of a run",
        CheckId::RetriesDropped => "one lost connection loses the work of a run",
        CheckId::RetriesTruncated => "one body that was cut off loses the work of a run, or is taken as whole",
        CheckId::BoundedRetries => "does not end during an outage, and does not say so",
        CheckId::HasTimeout => "one answer that does not come holds it for as long as the connection stands",
        CheckId::SafeRetries => "an outage of 30 s loses writes, or makes them twice",
        CheckId::SameKey | CheckId::NoSecondZone => "one lost answer to a write makes it twice",
        CheckId::NoSecretInUrl => "whoever reads a log on the way can act in its name",
        CheckId::OnlyHttps => "whoever listens on the way can act in its name",
        CheckId::CertificateVerified => "whoever sits in between can read its secret and answer in the API's name",
        CheckId::TlsVersion => "its traffic is protected by a TLS version that is broken",
        CheckId::Pagination => "misses everything that is not on the first page of a list",
        CheckId::IfMatch => "loses changes that others make at the same time",
        _ => return variation(id),
    };
    Some(text.to_owned())
}

fn variation(id: CheckId) -> Option<String> {
    let check = Check::named(id.name()).filter(|check| check.group == Group::Variations)?;
    Some(format!("stops working at a lawful change of the API: it does not see that {}", check.title))
}

fn token_load(examination: &Examination) -> Option<String> {
    let baseline = &examination.baseline()?.conversation;
    let (tokens, resources) = (baseline.tokens().count(), baseline.resources().count());
    if tokens >= resources {
        Some(format!("asks for a token on every call: {tokens} times the needed load on the token endpoint"))
    } else {
        Some(format!("asks for {tokens} tokens where 1 would do: {tokens} times the needed load on the token endpoint"))
    }
}

fn load(examination: &Examination, scenario: ScenarioId, when: &str) -> String {
    let requests = |run: &Run| run.conversation.all().len();
    let usual = examination.baseline().map_or(0, requests);
    let then = examination.run(scenario).map_or(0, requests);
    match then.checked_div(usual) {
        Some(times) if times >= 2 => {
            format!("sends {then} requests {when}, where an undisturbed run sends {usual}: {times} times the load")
        }
        Some(_) | None => format!("sends {then} requests {when}, where an undisturbed run sends {usual}"),
    }
}

fn refused(examination: &Examination, scenario: ScenarioId) -> String {
    let resources = examination.run(scenario).into_iter().flat_map(|run| run.conversation.resources());
    let refused = resources.filter(|exchange| exchange.status() == Some(429)).count();
    format!("goes on above its limit: {refused} requests were refused in one run")
}

fn connections(baseline: &Run) -> Option<String> {
    let exchanges = baseline.conversation.all();
    let mut numbers: Vec<_> = exchanges.iter().filter_map(|exchange| exchange.recorded.line.connection).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (opened, requests) = (numbers.len(), exchanges.len());
    (opened > 1).then(|| format!("opens {opened} TLS connections for {requests} requests, where 1 would do"))
}
