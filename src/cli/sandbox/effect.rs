//! Effects of faults in words that people remember: `503`, `drop`, `slow`, `token-revoked`.

use crate::api::sandbox::fault::{
    BodyChange, Close, Delay, Delivery, Dribble, Effect, InjectedAnswer, LogNormal, Phase, Variation, Word as _,
};
use crate::http::error::{ProblemKind, kind_of_status};
use crate::text::closest_match;
use crate::time::Span;

/// What `slow` adds if nothing says how much.
const SLOW: Span = Span::from_secs(2);
/// How long `timeout` and `dribble` take if nothing says so.
const TIMEOUT: Span = Span::from_secs(30);
const DRIBBLE: Dribble = Dribble { chunks: 10, over: Span::from_secs(5) };
/// How many bytes `truncate` leaves, and how many `bandwidth` lets through in a second.
const TRUNCATED_AFTER: u32 = 20;
const BYTES_PER_SECOND: u32 = 1_000;

/// One word for what happens to a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum EffectWord {
    /// A status of HTTP.
    Status(u16),
    /// An effect with what is usual for it.
    Usual(Box<Effect>),
}

/// What the words stand for, in the order of the help.
fn words() -> Vec<(String, Effect)> {
    let closing = |close| Effect { delivery: Some(Delivery::Close(close)), ..Effect::default() };
    let delivering = |delivery| Effect { delivery: Some(delivery), ..Effect::default() };
    let mut words = vec![
        ("slow".to_owned(), Effect { delay: Some(Delay::Fixed(SLOW)), ..Effect::default() }),
        ("timeout".to_owned(), delivering(Delivery::Timeout(TIMEOUT))),
        ("dribble".to_owned(), delivering(Delivery::Dribble(DRIBBLE))),
        ("bandwidth".to_owned(), delivering(Delivery::Bandwidth(BYTES_PER_SECOND))),
        ("truncate".to_owned(), delivering(Delivery::TruncateAfter(TRUNCATED_AFTER))),
        ("drop".to_owned(), closing(Close::BeforeHeaders)),
        ("lost".to_owned(), Effect { after_commit: true, ..closing(Close::BeforeHeaders) }),
    ];
    words.extend(Close::ALL.iter().map(|close| (close.name().replace('_', "-"), closing(*close))));
    let body = |body: &BodyChange| Effect { body: Some(*body), ..Effect::default() };
    words.extend(BodyChange::ALL.iter().map(|change| (change.name().replace('_', "-"), body(change))));
    let variation = |variation: &Variation| Effect { variation: Some(*variation), ..Effect::default() };
    words.extend(Variation::ALL.iter().map(|word| (word.name().to_owned(), variation(word))));
    words.extend(ProblemKind::ALL.iter().map(|kind| (kind.slug().to_owned(), of_problem(*kind))));
    words
}

fn of_problem(kind: ProblemKind) -> Effect {
    Effect { answer: Some(InjectedAnswer::Problem(kind.slug().into())), ..Effect::default() }
}

impl EffectWord {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 3
            && let Ok(status) = text.parse()
        {
            return Ok(Self::Status(status));
        }
        let words = words();
        if let Some((_, effect)) = words.iter().find(|(word, _)| word == text) {
            return Ok(Self::Usual(Box::new(effect.clone())));
        }
        Err(match closest_match(text, words.iter().map(|(word, _)| word.as_str())) {
            Some(meant) => format!("is no effect: did you mean {meant}?"),
            None => "is no effect: `boomgate fault add --help` lists them".to_owned(),
        })
    }

    /// The effect; a status is the gate's own answer in this phase, if the gate has one.
    pub(super) fn to_effect(&self, phase: Option<Phase>) -> Effect {
        match self {
            Self::Usual(effect) => (**effect).clone(),
            Self::Status(status) => match kind_of_status(*status, phase.unwrap_or(Phase::Resource)) {
                Some(kind) => of_problem(kind),
                None => Effect { answer: Some(InjectedAnswer::Status(*status)), ..Effect::default() },
            },
        }
    }
}

/// `--variation`.
pub(super) fn variation(text: &str) -> Result<Variation, String> {
    let names = || Variation::ALL.iter().map(|variation| variation.name());
    let found = Variation::ALL.iter().copied().find(|variation| variation.name() == text);
    found.ok_or_else(|| format!("must be one of {}", names().collect::<Vec<_>>().join(", ")))
}

/// `--delay`: one span, or two with `..` between them.
pub(super) fn delay(text: &str) -> Result<Delay, String> {
    let span = |text: &str| text.parse::<Span>().map_err(|fault| fault.to_string());
    match text.split_once("..") {
        Some((shortest, longest)) => Ok(Delay::Uniform { uniform: [span(shortest)?, span(longest)?] }),
        None => span(text).map(Delay::Fixed),
    }
}

/// An effect in a few words, for a table.
pub(super) fn described(effect: &Effect) -> String {
    let mut parts = Vec::new();
    if let Some(delay) = &effect.delay {
        parts.push(match delay {
            Delay::Fixed(span) => format!("{span} later"),
            Delay::Uniform { uniform: [shortest, longest] } => format!("{shortest} to {longest} later"),
            Delay::LogNormal { log_normal: LogNormal { median, cap, .. } } => {
                format!("about {median}, at most {cap} later")
            }
        });
    }
    match &effect.answer {
        Some(InjectedAnswer::Problem(name)) => parts.push(name.to_string()),
        Some(InjectedAnswer::Status(status)) => parts.push(format!("status {status}")),
        None => {}
    }
    parts.extend(effect.retry_after.map(|seconds| format!("Retry-After {seconds}")));
    parts.extend(effect.body.map(|body| format!("body {}", body.name())));
    parts.extend(effect.variation.map(|variation| variation.name().to_owned()));
    parts.extend(effect.delivery.map(|delivery| match delivery {
        Delivery::Dribble(Dribble { chunks, over }) => format!("{chunks} chunks over {over}"),
        Delivery::Bandwidth(bytes) => format!("{bytes} bytes a second"),
        Delivery::TruncateAfter(bytes) => format!("cut after {bytes} bytes"),
        Delivery::Close(close) => format!("close {}", close.name()),
        Delivery::Timeout(span) => format!("no answer for {span}"),
    }));
    let after = if effect.after_commit { ", after the change is made" } else { "" };
    parts.join(", ") + after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(word: &str, phase: Option<Phase>) -> String {
        serde_json::to_string(&EffectWord::parse(word).unwrap().to_effect(phase)).unwrap()
    }

    #[test]
    fn a_word_stands_for_an_effect() {
        for (word, json) in [
            ("503", r#"{"problem":"unavailable"}"#),
            ("429", r#"{"problem":"throttled"}"#),
            ("502", r#"{"status":502}"#),
            ("token-revoked", r#"{"problem":"token-revoked"}"#),
            ("drop", r#"{"close":"before_headers"}"#),
            ("reset", r#"{"close":"reset"}"#),
            ("mid-body", r#"{"close":"mid_body"}"#),
            ("lost", r#"{"close":"before_headers","after_commit":true}"#),
            ("slow", r#"{"delay":"2s"}"#),
            ("not-json", r#"{"body":"not_json"}"#),
            ("retry-after-date", r#"{"variation":"retry-after-date"}"#),
            ("timeout", r#"{"timeout":"30s"}"#),
        ] {
            assert_eq!(effect(word, None), json, "{word}");
        }
        assert_eq!(effect("429", Some(Phase::Token)), r#"{"problem":"too-many-token-requests"}"#);
    }

    #[test]
    fn no_two_effects_have_one_word() {
        let words: Vec<_> = words().into_iter().map(|(word, _)| word).collect();
        let mut unique = words.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), words.len());
    }

    #[test]
    fn a_word_that_is_no_effect_is_refused_with_the_one_that_was_meant() {
        assert_eq!(EffectWord::parse("token-revokd").unwrap_err(), "is no effect: did you mean token-revoked?");
        assert!(EffectWord::parse("everything").unwrap_err().contains("--help"));
    }

    #[test]
    fn an_effect_is_described_in_a_few_words() {
        let described = |json: &str| described(&serde_json::from_str(json).unwrap());
        assert_eq!(described(r#"{"problem":"unavailable","retry_after":2}"#), "unavailable, Retry-After 2");
        assert_eq!(described(r#"{"delay":{"uniform":["100ms","2s"]},"status":502}"#), "100ms to 2s later, status 502");
        let lost = described(r#"{"close":"before_headers","after_commit":true}"#);
        assert_eq!(lost, "close before_headers, after the change is made");
    }
}
