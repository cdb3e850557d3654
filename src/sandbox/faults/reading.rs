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
use crate::sandbox::unknown_client::unknown_client;
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

/// The match in a search of what was requested. That disturbs nothing, so it may name any client and any path; and it has
/// members of its own, which its caller reads.
pub(crate) fn read_search(reader: &mut Reader<'_>) -> RequestMatch {
    RequestMatch {
        client: reader.optional("client", |value| string(value).map(str::to_owned)),
        phase: reader.optional("phase", word),
        method: reader.optional("method", |value| method(string(value)?)),
        path: reader.optional("path", |value| path_pattern(string(value)?).map(str::to_owned)),
        requests: None,
        unless_header: reader.optional("unless_header", |value| header(string(value)?)),
    }
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
    Err(unknown_client(id, (vocabulary.client_ids)().iter().map(String::as_str)))
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

fn path_pattern(text: &str) -> Result<&str, String> {
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !text.starts_with('/') || text.len() > MAX_PATH_BYTES || !text.bytes().all(is_part) {
        return Err(format!(
            "must be a path such as /parking/zones or /parking/zones/*, without a query, of at most {MAX_PATH_BYTES} \
             characters"
        ));
    }
    let mut segments = text.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.contains('*') && segment != "*" && !(segment == "**" && is_last) {
            return Err("may have * in place of a whole segment, and ** as the last one".to_owned());
        }
    }
    Ok(text)
}

/// The path of requests that a fault may disturb.
fn path(text: &str) -> Result<String, String> {
    let text = path_pattern(text)?;
    let below_version = text.strip_prefix("/v3/").or_else(|| text.strip_prefix('/'));
    let first = below_version.and_then(|rest| rest.split('/').next()).unwrap_or_default();
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
            reader.fault(second, format!("cannot go with {first}: name only one of {}", group.join(", ")));
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
            reader.fault("log_normal", "cannot go with uniform: name only one of them");
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<FaultRule, Vec<FieldFault>> {
        let problems = [
            KnownProblem { name: "unavailable", phase: None },
            KnownProblem { name: "token-revoked", phase: Some(Phase::Resource) },
            KnownProblem { name: "invalid-client", phase: Some(Phase::Token) },
        ];
        let vocabulary = Vocabulary {
            problems: &problems,
            is_client: &|id| id == "demo-writer",
            client_ids: &|| vec!["demo-writer".to_owned()],
        };
        read_rule(body.as_object().unwrap(), "", &vocabulary)
    }

    fn lines(body: &Value) -> String {
        let faults = read(body).err().unwrap_or_default();
        let lines = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_rule_reads_as_the_documentation_writes_it() {
        let whole = json!({
            "name": "flaky-writes",
            "match": { "client": "demo-writer", "phase": "resource", "method": "POST", "path": "/parking/zones",
                "requests": "3..5", "unless_header": "idempotency-key" },
            "probability": 0.2, "seed": 42, "times": 3, "for": "10m",
            "effect": { "problem": "unavailable", "retry_after": 2 },
        });
        assert_eq!(serde_json::to_value(read(&whole).unwrap()).unwrap(), whole);
    }

    #[test]
    fn what_can_be_written_in_several_ways_is_shown_in_one() {
        let rule = |matching: Value| {
            let rule = read(&json!({ "match": matching, "effect": { "problem": "unavailable" } })).unwrap();
            serde_json::to_value(rule.matching).unwrap()
        };
        assert_eq!(rule(json!({ "method": "post" })), json!({ "method": "POST" }));
        assert_eq!(rule(json!({ "requests": 3 })), json!({ "requests": "3" }));
        assert_eq!(rule(json!({ "unless_header": "If-Match" })), json!({ "unless_header": "if-match" }));
        assert_eq!(rule(json!({ "client": null })), json!({}));
    }

    #[test]
    fn every_fault_of_a_rule_is_reported_at_once() {
        insta::assert_snapshot!(lines(&json!({
            "nmae": "x", "name": "a b", "problem": "unavailable", "client": "demo-writer",
            "match": { "clent": "x", "client": "demo-wirter", "phase": "tokens", "method": "BREW", "path": "parking",
                "requests": "5..3", "unless_header": "a b" },
            "probability": 2, "seed": -1, "times": 0, "for": "1y",
            "effect": { "delay": "365d", "problem": "unavailabel", "status": 99, "retry_after": -1, "body": "xml",
                "variation": "retry-after", "dribble": { "chunks": 1, "in": "2s" }, "bandwidth": 0, "close": "go_away",
                "truncate_after": "5", "timeout": true, "after_commit": 1, "delya": 1 },
        })), @r#"
        /problem is a member of effect
        /client is a member of match
        /nmae is not a member: did you mean name?
        /name must be 1 to 64 letters, digits, dots, underscores or hyphens, with a letter or digit first
        /match/clent is not a member: did you mean client?
        /match/client is "demo-wirter", the client_id of no client: did you mean demo-writer?
        /match/phase is none of token, resource: did you mean token?
        /match/method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
        /match/path must be a path such as /parking/zones or /parking/zones/*, without a query, of at most 256 characters
        /match/requests ends before it begins: did you mean "3..5"?
        /match/unless_header must be the name of a header, such as Idempotency-Key, of at most 64 characters
        /probability must be a number from 0 to 1
        /seed must be a whole number from 0 to 9007199254740991
        /times must be a whole number from 1 to 1000000
        /for must be a span such as 700ms, 10s, 90m, 1h30m or 2d
        /effect/delya is not a member: did you mean delay?
        /effect/status cannot go with problem: name only one of problem, status
        /effect/bandwidth cannot go with dribble: name only one of dribble, bandwidth, truncate_after, close, timeout
        /effect/variation cannot go with body: name only one of body, variation
        /effect/problem is the name of no problem that a fault can give: did you mean unavailable?
        /effect/status must be a whole number from 200 to 599
        /effect/retry_after must be a whole number from 0 to 86400
        /effect/after_commit must be true or false
        /effect/dribble/in is not a member: these are chunks, over
        /effect/dribble/chunks must be a whole number from 2 to 1000
        /effect/dribble/over is required
        /effect/bandwidth must be a whole number from 200 to 1000000000: bytes in a second
        /effect/truncate_after must be a whole number from 0 to 1000000: bytes of the body
        /effect/close is none of before_headers, mid_headers, mid_body, reset, goaway, rst_stream: did you mean goaway?
        /effect/timeout must be a span such as 700ms, 10s, 90m, 1h30m or 2d
        /effect/delay must be from 0s to 5m
        /effect/body is none of empty, html, not_json, wrong_content_type: did you mean html?
        "#);
    }

    #[test]
    fn each_value_is_bounded_and_says_its_bounds() {
        let effect = |effect: Value| lines(&json!({ "effect": effect }));
        let all: Vec<String> = [
            effect(json!({})),
            effect(json!({ "after_commit": false })),
            effect(json!("goaway")),
            lines(&json!({})),
            effect(json!({ "delay": 700 })),
            effect(json!({ "delay": { "uniform": ["2s", "1s"] } })),
            effect(json!({ "delay": { "uniform": ["2s"] } })),
            effect(json!({ "delay": { "normal": 1 } })),
            effect(json!({ "delay": { "log_normal": { "median": "1s", "sigma": 9 } } })),
            effect(json!({ "delay": { "uniform": ["1s", "1h"], "log_normal": {} } })),
            effect(json!({ "timeout": "6m" })),
            effect(json!({ "retry_after": 2 })),
            effect(json!({ "retry_after": 2, "problem": "unavailable" })),
        ]
        .into();
        insta::assert_snapshot!(all.join("\n"), @r#"
        /effect must say what happens, with one of delay, problem, status, retry_after, body, variation, dribble, bandwidth, truncate_after, close, timeout, after_commit
        /effect must say what happens, with one of delay, problem, status, retry_after, body, variation, dribble, bandwidth, truncate_after, close, timeout, after_commit
        /effect must be an object
        /effect is required: it says what happens, such as {"problem": "unavailable"}
        /effect/delay must be a span such as 700ms, 10s, 90m, 1h30m or 2d
        /effect/delay/uniform ends before it begins: did you mean ["1s", "2s"]?
        /effect/delay/uniform must be the shortest and the longest delay, such as ["100ms", "2s"]
        /effect/delay/normal is not a member: these are uniform, log_normal
        /effect/delay/log_normal/sigma must be a number from 0 to 5
        /effect/delay/log_normal/cap is required
        /effect/delay/uniform must be from 0s to 5m
        /effect/delay/log_normal cannot go with uniform: name only one of them
        /effect/delay/log_normal/median is required
        /effect/delay/log_normal/sigma is required
        /effect/delay/log_normal/cap is required
        /effect/timeout must be from 0s to 5m
        /effect/retry_after needs a problem or a status, whose answer it is for
        "#);
    }

    #[test]
    fn no_rule_is_for_requests_that_control_the_sandbox() {
        let path = |path: &str| lines(&json!({ "match": { "path": path }, "effect": { "status": 502 } }));
        for control in
            ["/sandbox", "/sandbox/faults", "/Sandbox/clock", "/v3/sandbox/clock", "/*/clock", "/**", "/v3/*"]
        {
            assert!(path(control).starts_with("/match/path would match requests that control"), "{control}");
        }
        for nobody in ["/livez", "/parkin/zones", "/", "/%73andbox/clock", "/shared/tokens", "/oauth2/authorize"] {
            assert!(path(nobody).starts_with("/match/path is the path of no request"), "{nobody}");
        }
        for wrong in ["/parking/zo*", "/parking/**/x", "parking", "/parking?x=1", "/parking zones", ""] {
            assert!(path(wrong).starts_with("/match/path m"), "{wrong}");
        }
        for right in ["/parking/zones", "/v3/shared/zones/*", "/oauth2/*", "/shared/**", "/admin/clients/{client_id}"] {
            assert_eq!(path(right), "", "{right}");
        }
    }

    #[test]
    fn a_rule_is_for_the_phase_in_which_its_effect_can_be_seen() {
        let phase = |matching: Value, effect: Value| {
            let body = json!({ "match": matching, "effect": effect });
            read(&body).map(|rule| rule.matching.phase).map_err(|faults| faults[0].pointer.clone())
        };
        let anywhere = json!({});
        let (token, resource) = (Ok(Some(Phase::Token)), Ok(Some(Phase::Resource)));
        assert_eq!(phase(anywhere.clone(), json!({ "problem": "unavailable" })), Ok(None));
        assert_eq!(phase(anywhere.clone(), json!({ "problem": "invalid-client" })), token);
        assert_eq!(phase(anywhere.clone(), json!({ "problem": "token-revoked" })), resource);
        assert_eq!(phase(anywhere, json!({ "variation": "no-expires-in" })), token);
        assert_eq!(phase(json!({ "path": "/parking/zones" }), json!({ "status": 502 })), resource);
        let path_of_tokens = json!({ "path": "/oauth2/token" });
        let refused = |pointer: &str| Err(pointer.to_owned());
        assert_eq!(phase(path_of_tokens, json!({ "problem": "token-revoked" })), refused("/effect/problem"));
        assert_eq!(
            phase(json!({ "phase": "resource" }), json!({ "variation": "no-scope" })),
            refused("/effect/variation")
        );
        let both = json!({ "phase": "token", "path": "/parking/zones" });
        assert_eq!(phase(both, json!({ "status": 502 })), refused("/match/path"));
    }

    #[test]
    fn an_effect_has_one_answer_and_one_delivery() {
        let pointer = |effect: Value| {
            read(&json!({ "effect": effect })).map_or_else(|faults| faults[0].pointer.clone(), |_| String::new())
        };
        for (effect, at) in [
            (json!({ "problem": "unavailable", "status": 502 }), "/effect/status"),
            (json!({ "close": "reset", "timeout": "1s" }), "/effect/timeout"),
            (json!({ "body": "html", "variation": "chunked-body" }), "/effect/variation"),
            (
                json!({ "delay": "1s", "problem": "unavailable", "retry_after": 1, "variation": "retry-after-date", "bandwidth": 500 }),
                "",
            ),
        ] {
            assert_eq!(pointer(effect.clone()), at, "{effect}");
        }
        let lost = read(&json!({ "effect": { "after_commit": true } })).unwrap().effect;
        assert_eq!(lost.delivery, Some(Delivery::Close(Close::BeforeHeaders)), "that is what it means alone");
        let late = read(&json!({ "effect": { "after_commit": true, "delay": "1s" } })).unwrap().effect;
        assert_eq!(late.delivery, None);
    }
}
