//! A plan as text: `resource#3=503,token#2=drop`.
//!
//! A moment is `start`, or `PHASE#N` with a phase of `token` or `resource`; `.METHOD` before the `#` narrows it, and `N` may be
//! a range. What happens is one word, or several parts of one fault with `+` between them. What a plan writes, it reads back.

use std::fmt;
use std::str::FromStr;

use super::{Disturbance, Moment, Plan, Requests, Step};
use crate::api::sandbox::fault::{
    BodyChange, Close, Delay, Delivery, Dribble, Effect, InjectedAnswer, LogNormal, Phase, RequestRange, Variation,
    Word,
};
use crate::api::sandbox::trouble::TroubleName;
use crate::counts::Label as _;
use crate::text::closest_match;
use crate::time::{SPAN_FORM, Span};

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?} is no step of a plan: {why}")]
pub struct PlanFault {
    step: String,
    why: String,
}

const FORM: &str = "write MOMENT=WHAT, such as resource#3=503, token#2=drop or resource.POST#1=answer-lost";

/// The statuses that this gate answers by itself, with the name of the problem: for resources, and for tokens.
const OWN: [(Phase, u16, &str); 10] = [
    (Phase::Resource, 400, "malformed-request"),
    (Phase::Resource, 401, "token-expired"),
    (Phase::Resource, 403, "insufficient-scope"),
    (Phase::Resource, 404, "not-found"),
    (Phase::Resource, 429, "throttled"),
    (Phase::Resource, 503, "unavailable"),
    (Phase::Token, 400, "invalid-request"),
    (Phase::Token, 401, "invalid-client"),
    (Phase::Token, 429, "too-many-token-requests"),
    (Phase::Token, 503, "unavailable"),
];

/// The words of parts that have a value, for suggestions.
const PREFIXES: [&str; 14] = [
    "foreign:",
    "problem:",
    "retry-after:",
    "delay:",
    "body:",
    "close:",
    "truncate:",
    "timeout:",
    "bandwidth:",
    "dribble:",
    "for:",
    "throttle:",
    "token-lifetime:",
    "take-scope:",
];
/// The words without one, beside troubles and variations.
const WORDS: [&str; 4] = ["throttled", "drop", "after-commit", "foreign-certificate"];

impl FromStr for Plan {
    type Err = PlanFault;

    fn from_str(text: &str) -> Result<Self, PlanFault> {
        let steps = text.split(',').map(str::trim).filter(|step| !step.is_empty());
        steps.map(str::parse).collect::<Result<_, _>>().map(|steps| Self { steps })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{step}")?;
        }
        Ok(())
    }
}

impl FromStr for Step {
    type Err = PlanFault;

    fn from_str(text: &str) -> Result<Self, PlanFault> {
        let fault = |why: String| PlanFault { step: crate::text::truncated(text).into_owned(), why };
        let (at, what) = text.split_once('=').ok_or_else(|| fault(FORM.to_owned()))?;
        let at = at.trim().parse().map_err(fault)?;
        let phase = match &at {
            Moment::Start => Phase::Resource,
            Moment::Requests(requests) => requests.phase,
        };
        let what = disturbance(what.trim(), phase).map_err(fault)?;
        match (&at, &what) {
            (Moment::Start, Disturbance::Effect(_) | Disturbance::Passing(..)) => Err(fault(
                "a fault disturbs requests: write resource#1.. or token#1.. in the place of start".to_owned(),
            )),
            (Moment::Requests(_), Disturbance::ForeignCertificate) => {
                Err(fault("the client reads which certificate to trust when it starts: write start=…".to_owned()))
            }
            _ => Ok(Self { at, what }),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.at {
            Moment::Start => Phase::Resource,
            Moment::Requests(requests) => requests.phase,
        };
        write!(out, "{}=", self.at)?;
        match &self.what {
            Disturbance::Effect(effect) => out.write_str(&parts(effect, phase).join("+")),
            Disturbance::Passing(effect, lasts) => write!(out, "{}+for:{lasts}", parts(effect, phase).join("+")),
            Disturbance::Trouble(name) => out.write_str(name.name()),
            Disturbance::Throttle { requests_per_second, burst } => {
                write!(out, "throttle:{requests_per_second}/{burst}")
            }
            Disturbance::TokenLifetime(seconds) => write!(out, "token-lifetime:{seconds}s"),
            Disturbance::TakeScope(scope) => write!(out, "take-scope:{scope}"),
            Disturbance::ForeignCertificate => out.write_str("foreign-certificate"),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "start" {
            return Ok(Self::Start);
        }
        let (kind, range) = text.split_once('#').ok_or(FORM)?;
        let (phase, method) = kind.split_once('.').map_or((kind, None), |(phase, method)| (phase, Some(method)));
        let phase = word::<Phase>(phase).ok_or_else(|| format!("{phase:?} is neither token nor resource"))?;
        let range: RequestRange = range.parse().map_err(|fault| format!("{range:?} {fault}"))?;
        let is_method = |method: &str| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        match method {
            Some(method) if !is_method(method) => Err(format!("{method:?} is no method: write it as POST")),
            method => Ok(Self::Requests(Requests { phase, method: method.map(str::to_owned), range })),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => out.write_str("start"),
            Self::Requests(Requests { phase, method, range }) => {
                let dot = if method.is_some() { "." } else { "" };
                write!(out, "{}{dot}{}#{range}", phase.name(), method.as_deref().unwrap_or_default())
            }
        }
    }
}

fn word<W: Word>(text: &str) -> Option<W> {
    W::ALL.iter().copied().find(|word| word.name() == text || word.name().replace('_', "-") == text)
}

/// What a step does, at requests of this phase.
fn disturbance(text: &str, phase: Phase) -> Result<Disturbance, String> {
    // A trouble of the same name as a problem is the trouble; `throttled` alone is not, because it ends by the clock.
    if let Some(trouble) = TroubleName::named(text).filter(|name| *name != TroubleName::Throttled) {
        return Ok(Disturbance::Trouble(trouble));
    }
    if text == "foreign-certificate" {
        return Ok(Disturbance::ForeignCertificate);
    }
    if let Some((name, value)) = text.split_once(':') {
        match name {
            "throttle" => return throttle(value),
            "token-lifetime" => return lifetime(value),
            "take-scope" if !value.is_empty() => return Ok(Disturbance::TakeScope(value.to_owned())),
            _ => {}
        }
    }
    let (mut effect, mut lasts) = (Effect::default(), None);
    for part in text.split('+') {
        match part.strip_prefix("for:") {
            Some(text) => lasts = Some(span(text)?),
            None => add_part(&mut effect, part, phase)?,
        }
    }
    if effect == Effect::default() {
        return Err(format!("{text:?} says when it ends, and not what happens"));
    }
    let effect = Box::new(effect);
    Ok(match lasts {
        Some(lasts) => Disturbance::Passing(effect, lasts),
        None => Disturbance::Effect(effect),
    })
}

fn throttle(value: &str) -> Result<Disturbance, String> {
    let parsed = value.split_once('/').and_then(|(rate, burst)| Some((rate.parse().ok()?, burst.parse().ok()?)));
    let (requests_per_second, burst) =
        parsed.filter(|(rate, burst)| (1..=1_000_000).contains(rate) && (1..=1_000_000).contains(burst)).ok_or_else(
            || format!("{value:?} is no throttle: write requests per second and burst, such as throttle:1/1"),
        )?;
    Ok(Disturbance::Throttle { requests_per_second, burst })
}

fn lifetime(value: &str) -> Result<Disturbance, String> {
    let seconds = span(value)?.as_millis() / 1_000;
    if seconds == 0 { Err("a token lives for 1s at least".to_owned()) } else { Ok(Disturbance::TokenLifetime(seconds)) }
}

fn span(text: &str) -> Result<Span, String> {
    text.parse().map_err(|_| format!("{text:?} is not {SPAN_FORM}"))
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}

fn add_part(effect: &mut Effect, part: &str, phase: Phase) -> Result<(), String> {
    if let Some(variation) = word::<Variation>(part) {
        effect.variation = Some(variation);
        return Ok(());
    }
    match part {
        "drop" => effect.delivery = Some(Delivery::Close(Close::BeforeHeaders)),
        "after-commit" => effect.after_commit = true,
        "throttled" => effect.answer = Some(InjectedAnswer::Problem("throttled".into())),
        _ => match part.split_once(':') {
            Some((name, value)) => add_value(effect, name, value, part)?,
            None => effect.answer = Some(status(part).ok_or_else(|| unknown(part)).map(|status| own(status, phase))?),
        },
    }
    Ok(())
}

fn add_value(effect: &mut Effect, name: &str, value: &str, part: &str) -> Result<(), String> {
    match name {
        "foreign" => effect.answer = Some(InjectedAnswer::Status(status(value).ok_or_else(|| unknown(part))?)),
        "problem" => effect.answer = Some(InjectedAnswer::Problem(value.to_owned().into())),
        "retry-after" => effect.retry_after = Some(number(value)?),
        "delay" => {
            effect.delay = Some(match value.split_once("..") {
                Some((shortest, longest)) => Delay::Uniform { uniform: [span(shortest)?, span(longest)?] },
                None => Delay::Fixed(span(value)?),
            });
        }
        "body" => effect.body = Some(word::<BodyChange>(value).ok_or_else(|| unknown(part))?),
        "close" => effect.delivery = Some(Delivery::Close(word::<Close>(value).ok_or_else(|| unknown(part))?)),
        "truncate" => effect.delivery = Some(Delivery::TruncateAfter(number(value)?)),
        "timeout" => effect.delivery = Some(Delivery::Timeout(span(value)?)),
        "bandwidth" => effect.delivery = Some(Delivery::Bandwidth(number(value)?)),
        "dribble" => {
            let (chunks, over) = value.split_once('/').ok_or_else(|| format!("{part:?}: write it as dribble:10/5s"))?;
            effect.delivery = Some(Delivery::Dribble(Dribble { chunks: number(chunks)?, over: span(over)? }));
        }
        _ => return Err(unknown(part)),
    }
    Ok(())
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..=599).contains(status))
}

/// The answer of this gate with this status, if it has one, else a foreign one.
fn own(status: u16, phase: Phase) -> InjectedAnswer {
    let found = OWN.iter().find(|(of, own, _)| *of == phase && *own == status);
    found.map_or(InjectedAnswer::Status(status), |(_, _, problem)| InjectedAnswer::Problem((*problem).into()))
}

fn unknown(part: &str) -> String {
    let troubles = TroubleName::ALL.iter().map(|trouble| trouble.name());
    let variations = Variation::ALL.iter().map(|variation| variation.name());
    let known = WORDS.into_iter().chain(troubles).chain(variations);
    // A part with a value is meant to be one with a value.
    let meant = match part.split_once(':') {
        Some((name, _)) => closest_match(&format!("{name}:"), PREFIXES),
        None => closest_match(part, known),
    };
    match meant {
        Some(meant) => format!("{part:?} is nothing that can happen: did you mean {meant}?"),
        None => format!("{part:?} is nothing that can happen"),
    }
}

/// The parts of a fault at requests of this phase.
fn parts(effect: &Effect, phase: Phase) -> Vec<String> {
    let mut parts = Vec::new();
    match &effect.answer {
        Some(InjectedAnswer::Problem(name)) if name == "throttled" => parts.push("throttled".to_owned()),
        Some(InjectedAnswer::Problem(name)) => {
            let own = OWN.iter().find(|(of, _, problem)| *of == phase && problem == name);
            parts.push(own.map_or_else(|| format!("problem:{name}"), |(_, status, _)| status.to_string()));
        }
        Some(foreign @ InjectedAnswer::Status(status)) if own(*status, phase) == *foreign => {
            parts.push(status.to_string());
        }
        Some(InjectedAnswer::Status(status)) => parts.push(format!("foreign:{status}")),
        None => {}
    }
    parts.extend(effect.retry_after.map(|seconds| format!("retry-after:{seconds}")));
    parts.extend(effect.body.map(|body| format!("body:{}", body.name())));
    parts.extend(effect.variation.map(|variation| variation.name().to_owned()));
    parts.extend(effect.delay.map(|delay| match delay {
        Delay::Fixed(span) | Delay::LogNormal { log_normal: LogNormal { median: span, .. } } => format!("delay:{span}"),
        Delay::Uniform { uniform: [shortest, longest] } => format!("delay:{shortest}..{longest}"),
    }));
    parts.extend(effect.delivery.map(|delivery| match delivery {
        Delivery::Close(Close::BeforeHeaders) => "drop".to_owned(),
        Delivery::Close(close) => format!("close:{}", close.name()),
        Delivery::TruncateAfter(bytes) => format!("truncate:{bytes}"),
        Delivery::Timeout(span) => format!("timeout:{span}"),
        Delivery::Bandwidth(bytes) => format!("bandwidth:{bytes}"),
        Delivery::Dribble(Dribble { chunks, over }) => format!("dribble:{chunks}/{over}"),
    }));
    parts.extend(effect.after_commit.then(|| "after-commit".to_owned()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        for text in [
            "",
            "resource#3=503",
            "resource#3..=throttled+retry-after:2+retry-after-date",
            "resource#2..=throttled+retry-after:1+for:4s",
            "resource.POST#1=answer-lost",
            "resource.GET#1..2=503,token#2=503",
            "resource#1=502,resource#2=foreign:503",
            "resource#2..=401",
            "token#1=problem:invalid-target",
            "token#2=delay:500ms",
            "resource#1=delay:100ms..2s+drop",
            "resource.GET#1=truncate:20",
            "resource.GET#1=timeout:1m5s",
            "resource#1=close:mid_body+after-commit",
            "resource#1=body:html+dribble:3/2s,resource#2=bandwidth:100",
            "start=throttle:1/1",
            "start=token-lifetime:3s",
            "resource#2=take-scope:write:zones",
            "start=foreign-certificate",
            "resource#2=secret-revoked,resource#2=token-revoked",
        ] {
            let plan: Plan = text.parse().unwrap();
            assert_eq!(plan.to_string(), text);
        }
        let other: Plan = " resource#1 = problem:unavailable ".parse().unwrap();
        assert_eq!(other.to_string(), "resource#1=503", "the shorter of two ways to say it");
    }

    #[test]
    fn what_is_no_step_is_named_with_what_was_meant() {
        let fault = |text: &str| text.parse::<Plan>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                "resource3=503", "resource#3", "resorce#3=503", "resource#0=503", "resource#3=token-expire",
                "resource#3=99", "resource#3=delays:2s", "resource#3=delay:2", "resource.post#1=503", "start=503",
                "resource#1=for:3s", "start=throttle:1", "resource#1=foreign-certificate",
            ]
            .map(fault)
            .join("\n"),
            @r#"
            "resource3=503" is no step of a plan: write MOMENT=WHAT, such as resource#3=503, token#2=drop or resource.POST#1=answer-lost
            "resource#3" is no step of a plan: write MOMENT=WHAT, such as resource#3=503, token#2=drop or resource.POST#1=answer-lost
            "resorce#3=503" is no step of a plan: "resorce" is neither token nor resource
            "resource#0=503" is no step of a plan: "0" must be a range of requests, counted from 1: "3", "3..5" (the third to the fifth) or "3.."
            "resource#3=token-expire" is no step of a plan: "token-expire" is nothing that can happen: did you mean token-expires?
            "resource#3=99" is no step of a plan: "99" is nothing that can happen
            "resource#3=delays:2s" is no step of a plan: "delays:2s" is nothing that can happen: did you mean delay:?
            "resource#3=delay:2" is no step of a plan: "2" is not a span such as 700ms, 10s, 90m, 1h30m or 2d
            "resource.post#1=503" is no step of a plan: "post" is no method: write it as POST
            "start=503" is no step of a plan: a fault disturbs requests: write resource#1.. or token#1.. in the place of start
            "resource#1=for:3s" is no step of a plan: "for:3s" says when it ends, and not what happens
            "start=throttle:1" is no step of a plan: "1" is no throttle: write requests per second and burst, such as throttle:1/1
            "resource#1=foreign-certificate" is no step of a plan: the client reads which certificate to trust when it starts: write start=…
            "#
        );
    }
}
