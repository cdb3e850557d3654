//! A rule, or the match of one, in the body of a request. Every fault of it is reported at once.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::area::Area;
use super::firing::PREFERRED;
use super::matcher::PathPattern;
use crate::api::problem::FieldFault;
use crate::api::sandbox::fault::{
    BodyChange, Close, Delay, Delivery, Dribble, Effect, FaultRule, InjectedAnswer, LogNormal, Phase, RequestMatch,
    RequestRange, Variation, Word,
};
use crate::json::{Reader, flag, string, whole_number};
use crate::text::closest_match;
use crate::time::{SPAN_FORM, Span};

const RULE_MEMBERS: [&str; 7] = ["name", "match", "probability", "seed", "times", "for", "effect"];
const MATCH_MEMBERS: [&str; 6] = ["client", "phase", "method", "path", "requests", "unless_header"];
const EFFECT_MEMBERS: [&str; 12] = [
    "delay",
    "problem",
    "status",
    "retry_after",
    "body",
    "variation",
    "dribble",
    "bandwidth",
    "truncate_after",
    "close",
    "timeout",
    "after_commit",
];
/// An effect has one of these at most, because one answer is all that a request gets.
const ANSWERS: [&str; 2] = ["problem", "status"];
/// And one of these, because an answer is delivered once.
const DELIVERIES: [&str; 5] = ["dribble", "bandwidth", "truncate_after", "close", "timeout"];
/// And one of these: both change the answer.
const CHANGES: [&str; 2] = ["body", "variation"];

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The longest name of a rule, in characters.
const MAX_NAME_CHARS: usize = 64;
/// The longest path of a rule, in bytes, and the longest name of a header.
const MAX_PATH_BYTES: usize = 256;
const MAX_HEADER_BYTES: usize = 64;
/// The largest number that every reader of JSON holds exactly.
const MAX_SEED: u64 = (1 << 53) - 1;
const TIMES: RangeInclusive<u64> = 1..=1_000_000;
/// How long a rule may last.
const LASTS: RangeInclusive<Span> = Span::from_millis(1)..=Span::from_days(30);
/// How long a request may be held up: longer than clients wait, and not for ever.
pub(super) const HELD_UP: RangeInclusive<Span> = Span::from_millis(0)..=Span::from_secs(5 * 60);
/// Also a 200, as a hotel's sign-in page has it.
const STATUSES: RangeInclusive<u64> = 200..=599;
const RETRY_AFTER: RangeInclusive<u64> = 0..=86_400;
const CHUNKS: RangeInclusive<u64> = 2..=1_000;
/// A body of 64 KiB takes five minutes at the least.
const BANDWIDTH: RangeInclusive<u64> = 200..=1_000_000_000;
const TRUNCATE_AFTER: RangeInclusive<u64> = 0..=1_000_000;
const MAX_SIGMA: f64 = 5.0;

/// What the names in a rule may be, where that is not for this room to know.
pub(crate) struct Vocabulary<'v> {
    /// The problems that can be injected.
    pub(crate) problems: &'v [KnownProblem],
    /// Whether a client has this id.
    pub(crate) is_client: &'v dyn Fn(&str) -> bool,
    /// Ids of clients, for the one that was probably meant.
    pub(crate) client_ids: &'v dyn Fn() -> Vec<String>,
}

/// A problem that can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownProblem {
    /// Its name.
    pub(crate) name: &'static str,
    /// The one phase in which a request can have it; `None` for both.
    pub(crate) phase: Option<Phase>,
}

/// The rule that is the object `members`, at this place of the body: `""` for the body itself.
pub(crate) fn read_rule(
    members: &Map<String, Value>,
    pointer: &str,
    vocabulary: &Vocabulary<'_>,
) -> Result<FaultRule, Vec<FieldFault>> {
    let mut reader = Reader::at(members, pointer).ignoring_nulls();
    for name in EFFECT_MEMBERS {
        reader.refuse(name, "is a member of effect");
    }
    for name in MATCH_MEMBERS {
        reader.refuse(name, "is a member of match");
    }
    reader.refuse_unknown(&RULE_MEMBERS);
    let name = reader.optional("name", |value| string(value).map_err(str::to_owned).and_then(name));
    let matching = reader.object("match", |reader| matching(reader, vocabulary)).unwrap_or_default();
    let probability = reader.optional("probability", |value| number(value, &(0.0..=1.0)));
    let seed = reader.optional("seed", |value| whole_number(value, &(0..=MAX_SEED)));
    let times = reader.optional("times", |value| whole_number(value, &TIMES));
    let lasts = reader.optional("for", |value| span(value, &LASTS));
    reader.require("effect", "is required: it says what happens, such as {\"problem\": \"unavailable\"}");
    let says_nothing = |effect: &Map<String, Value>| effect.values().all(|value| value.is_null() || *value == false);
    if members.get("effect").and_then(Value::as_object).is_some_and(says_nothing) {
        reader.fault("effect", format!("must say what happens, with one of {}", EFFECT_MEMBERS.join(", ")));
    }
    let effect = reader.object("effect", |reader| effect(reader, vocabulary)).unwrap_or_default();
    let mut rule = FaultRule { name, matching, probability, seed, times, lasts, effect };
    settle_phase(&mut reader, &mut rule, vocabulary);
    reader.finish(Some(rule))
}

/// The match that is the object `members`.
pub(crate) fn read_match(
    members: &Map<String, Value>,
    vocabulary: &Vocabulary<'_>,
) -> Result<RequestMatch, Vec<FieldFault>> {
    let mut reader = Reader::new(members).ignoring_nulls();
    let matching = matching(&mut reader, vocabulary);
    reader.finish(Some(matching))
}

/// A name may be in a path and in a header as it is.
fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if text == PREFERRED {
        return Err(format!("{PREFERRED} is the name of what a request asks for itself: choose another"));
    }
    if starts && text.len() <= MAX_NAME_CHARS && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be 1 to {MAX_NAME_CHARS} letters, digits, dots, underscores or hyphens, with a letter or digit first"
    ))
}

fn matching(reader: &mut Reader<'_>, vocabulary: &Vocabulary<'_>) -> RequestMatch {
    reader.refuse_unknown(&MATCH_MEMBERS);
    RequestMatch {
        client: reader.optional("client", |value| client(string(value)?, vocabulary)),
        phase: reader.optional("phase", word),
        method: reader.optional("method", |value| method(string(value)?)),
        path: reader.optional("path", |value| path(string(value)?)),
        requests: reader.optional("requests", requests),
        unless_header: reader.optional("unless_header", |value| header(string(value)?)),
    }
}

fn client(id: &str, vocabulary: &Vocabulary<'_>) -> Result<String, String> {
    if (vocabulary.is_client)(id) {
        return Ok(id.to_owned());
    }
    Err(match closest_match(id, (vocabulary.client_ids)().iter().map(String::as_str)) {
        Some(meant) => format!("is the id of no client: did you mean {meant}?"),
        None => "is the id of no client".to_owned(),
    })
}

fn method(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) { Ok(upper) } else { Err(format!("must be one of {}", METHODS.join(", "))) }
}

fn header(name: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=MAX_HEADER_BYTES).contains(&name.len()) && name.bytes().all(is_part) {
        return Ok(name.to_ascii_lowercase());
    }
    Err(format!("must be the name of a header, such as Idempotency-Key, of at most {MAX_HEADER_BYTES} characters"))
}

fn path(text: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !text.starts_with('/') || text.len() > MAX_PATH_BYTES || !text.bytes().all(is_part) {
        return Err(format!(
            "must be a path such as /parking/zones or /parking/zones/*, without a query, of at most {MAX_PATH_BYTES} \
             characters"
        ));
    }
    let mut segments = text.split('/').skip(1).peekable();
    let first = segments.peek().copied().unwrap_or_default();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.contains('*') && segment != "*" && !(segment == "**" && is_last) {
            return Err("may have * in place of a whole segment, and ** as the last one".to_owned());
        }
    }
    let below_version = text.strip_prefix("/v3/").and_then(|rest| rest.split('/').next());
    let first = below_version.unwrap_or(first);
    if first.eq_ignore_ascii_case("sandbox") || first.contains('*') {
        return Err("would match requests that control the sandbox, and no fault disturbs these: start it with \
                    /parking, /shared, /oauth2 or /admin"
            .to_owned());
    }
    if !PathPattern::new(text).can_be_disturbed() {
        return Err("is the path of no request that a fault can disturb: those start with /parking, /shared, /oauth2 \
                    or /admin"
            .to_owned());
    }
    Ok(text.to_owned())
}

fn requests(value: &Value) -> Result<RequestRange, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    RequestRange::from_str(&text).map_err(|fault| fault.to_string())
}

fn effect(reader: &mut Reader<'_>, vocabulary: &Vocabulary<'_>) -> Effect {
    reader.refuse_unknown(&EFFECT_MEMBERS);
    for group in [&ANSWERS[..], &DELIVERIES, &CHANGES] {
        let mut named = group.iter().filter(|name| reader.has(name));
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            reader.fault(second, format!("goes not together with {first}: name one of {}", group.join(", ")));
        }
    }
    let problem = reader.optional("problem", |value| problem(string(value)?, vocabulary));
    let status = reader.optional("status", |value| whole_number(value, &STATUSES));
    let retry_after = reader.optional("retry_after", |value| whole_number(value, &RETRY_AFTER));
    if retry_after.is_some() && !ANSWERS.iter().any(|name| reader.has(name)) {
        reader.fault("retry_after", "needs a problem or a status, whose answer it is for");
    }
    let after_commit = reader.optional("after_commit", flag).unwrap_or_default();
    let dribble = reader.object("dribble", dribble).flatten().map(Delivery::Dribble);
    let bandwidth = reader.optional("bandwidth", |value| {
        whole_number(value, &BANDWIDTH).map_err(|fault| format!("{fault}: bytes in a second"))
    });
    let truncate_after = reader.optional("truncate_after", |value| {
        whole_number(value, &TRUNCATE_AFTER).map_err(|fault| format!("{fault}: bytes of the body"))
    });
    let close = reader.optional("close", word::<Close>);
    let timeout = reader.optional("timeout", |value| span(value, &HELD_UP));
    let delivery = dribble
        .or(bandwidth.map(Delivery::Bandwidth))
        .or(truncate_after.map(Delivery::TruncateAfter))
        .or(close.map(Delivery::Close))
        .or(timeout.map(Delivery::Timeout));
    // That the answer is lost after the change is what this alone means.
    let is_lost = after_commit && !EFFECT_MEMBERS.iter().any(|name| *name != "after_commit" && reader.has(name));
    Effect {
        delay: reader.has("delay").then(|| delay(reader)).flatten(),
        answer: problem.map(InjectedAnswer::Problem).or(status.map(InjectedAnswer::Status)),
        retry_after,
        body: reader.optional("body", word::<BodyChange>),
        variation: reader.optional("variation", word::<Variation>),
        delivery: delivery.or(is_lost.then_some(Delivery::Close(Close::BeforeHeaders))),
        after_commit,
    }
}

fn problem(name: &str, vocabulary: &Vocabulary<'_>) -> Result<Cow<'static, str>, String> {
    let names = || vocabulary.problems.iter().map(|problem| problem.name);
    if let Some(known) = names().find(|known| *known == name) {
        return Ok(known.into());
    }
    Err(match closest_match(name, names()) {
        Some(meant) => format!("is the name of no problem that a fault can give: did you mean {meant}?"),
        None => format!(
            "is the name of no problem that a fault can give: these are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn delay(reader: &mut Reader<'_>) -> Option<Delay> {
    if !reader.is_object("delay") {
        return reader.optional("delay", |value| span(value, &HELD_UP)).map(Delay::Fixed);
    }
    let distribution = reader.object("delay", |reader| {
        reader.refuse_unknown(&["uniform", "log_normal"]);
        let uniform = reader.optional("uniform", uniform);
        if reader.has("uniform") && reader.has("log_normal") {
            reader.fault("log_normal", "goes not together with uniform: name one of them");
        }
        let log_normal = reader.object("log_normal", log_normal).flatten();
        uniform
            .map(|uniform| Delay::Uniform { uniform })
            .or(log_normal.map(|log_normal| Delay::LogNormal { log_normal }))
    });
    distribution.flatten()
}

fn uniform(value: &Value) -> Result<[Span; 2], String> {
    let detail = "must be the shortest and the longest delay, such as [\"100ms\", \"2s\"]";
    let Some([shortest, longest]) = value.as_array().map(Vec::as_slice) else { return Err(detail.to_owned()) };
    let (shortest, longest) = (span(shortest, &HELD_UP)?, span(longest, &HELD_UP)?);
    if longest < shortest {
        return Err(format!("ends before it begins: did you mean [\"{longest}\", \"{shortest}\"]?"));
    }
    Ok([shortest, longest])
}

fn log_normal(reader: &mut Reader<'_>) -> Option<LogNormal> {
    reader.refuse_unknown(&["median", "sigma", "cap"]);
    let median = reader.required("median", |value| span(value, &HELD_UP));
    let sigma = reader.required("sigma", |value| number(value, &(0.0..=MAX_SIGMA)));
    let cap = reader.required("cap", |value| span(value, &HELD_UP));
    Some(LogNormal { median: median?, sigma: sigma?, cap: cap? })
}

fn dribble(reader: &mut Reader<'_>) -> Option<Dribble> {
    reader.refuse_unknown(&["chunks", "over"]);
    let chunks = reader.required("chunks", |value| whole_number(value, &CHUNKS));
    let over = reader.required("over", |value| span(value, &HELD_UP));
    Some(Dribble { chunks: chunks?, over: over? })
}

/// Names the phase of the rule where its path or its effect has only one, and refuses a rule that would never fire.
fn settle_phase(reader: &mut Reader<'_>, rule: &mut FaultRule, vocabulary: &Vocabulary<'_>) {
    let area = rule.matching.path.as_deref().and_then(|path| PathPattern::new(path).area());
    let of_path = area.map(Area::phase);
    if let (Some(named), Some(of_path)) = (rule.matching.phase, of_path)
        && named != of_path
    {
        let detail = format!("is the path of requests of the phase {}, and phase is {}", of_path.name(), named.name());
        reader.object("match", |reader| reader.fault("path", detail));
        return;
    }
    let (member, of_effect) = effect_phase(&rule.effect, vocabulary);
    let phase = rule.matching.phase.or(of_path);
    match (phase, of_effect) {
        (Some(phase), Some(of_effect)) if phase != of_effect => {
            let detail = format!(
                "is for answers of the phase {}, and the rule is for requests of the phase {}",
                of_effect.name(),
                phase.name()
            );
            reader.object("effect", |reader| reader.fault(member, detail));
        }
        (phase, of_effect) => rule.matching.phase = phase.or(of_effect),
    }
}

/// The one phase that an effect can be seen in, if it is one, and the member that says so.
fn effect_phase(effect: &Effect, vocabulary: &Vocabulary<'_>) -> (&'static str, Option<Phase>) {
    if let Some(InjectedAnswer::Problem(name)) = &effect.answer {
        let known = vocabulary.problems.iter().find(|known| known.name == name);
        if let Some(phase) = known.and_then(|known| known.phase) {
            return ("problem", Some(phase));
        }
    }
    let is_about_tokens =
        matches!(effect.variation, Some(Variation::TokenTypeLowercase | Variation::NoExpiresIn | Variation::NoScope));
    ("variation", is_about_tokens.then_some(Phase::Token))
}

/// One of a closed set of words.
fn word<W: Word>(value: &Value) -> Result<W, String> {
    let names = || W::ALL.iter().map(|word| word.name());
    let text = string(value)?;
    W::ALL.iter().copied().find(|word| word.name() == text).ok_or_else(|| match closest_match(text, names()) {
        Some(meant) => format!("is none of {}: did you mean {meant}?", names().collect::<Vec<_>>().join(", ")),
        None => format!("must be one of {}", names().collect::<Vec<_>>().join(", ")),
    })
}

fn number(value: &Value, range: &RangeInclusive<f64>) -> Result<f64, String> {
    let number = value.as_f64().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
}

fn span(value: &Value, range: &RangeInclusive<Span>) -> Result<Span, String> {
    let span: Span =
        string(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| format!("must be {SPAN_FORM}"))?;
    if range.contains(&span) { Ok(span) } else { Err(format!("must be from {} to {}", range.start(), range.end())) }
}
