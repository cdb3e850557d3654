//! Faults: which requests a rule disturbs, how often, for how long, and what happens to them.
//!
//! An answer shows a rule as a request would write it, with what the sandbox filled in: its name, its seed, the phase.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Span;

/// A closed set of words on the wire.
pub trait Word: Copy + 'static {
    /// Every word, in the order of the documentation.
    const ALL: &'static [Self];

    /// The word itself.
    fn name(self) -> &'static str;
}

/// Makes an enum that is a [`Word`]: `Variant = "word"`, one a line.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$of])* #[serde(rename = $word)] $variant,)+ }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

/// A rule of `POST /sandbox/faults`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// Its name, unique among the active rules; the sandbox makes one for a rule without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which requests it is for; without it, all requests of partners.
    #[serde(default, rename = "match", skip_serializing_if = "RequestMatch::is_empty")]
    pub matching: RequestMatch,
    /// How likely each of these requests is disturbed, from 0 to 1; always without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Determines which ones: the same seed disturbs the same requests again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// After so many faults the rule has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// After so long the rule has ended, by the sandbox's clock.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// What happens to a request.
    pub effect: Effect,
}

/// Which requests; a member that is absent leaves it open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestMatch {
    /// Those of this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Those to the token endpoint, or those to resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Those with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Those with this path: `/parking/zones`, `/parking/zones/*` for one segment more, `/parking/**` for all beneath.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Those without this header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless_header: Option<String>,
    /// Of all those, these by their number, from 1: `3`, `3..5`, `3..`. Both ends are included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestRange>,
}

impl RequestMatch {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

words! {
    /// The two phases of a client's life; each fails on its own terms.
    Phase {
        /// Requests with client credentials: the token endpoint, revocation and introspection.
        Token = "token",
        /// Requests with an access token.
        Resource = "resource",
    }
}

/// Requests by their number, from 1, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRange {
    first: u64,
    last: Option<u64>,
}

/// Not a [`RequestRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeFault {
    /// Not one of its forms.
    #[error("must be a range of requests, counted from 1: \"3\", \"3..5\" (the third to the fifth) or \"3..\"")]
    Form,
    /// `5..3`.
    #[error("ends before it begins: did you mean \"{last}..{first}\"?")]
    Reversed {
        /// The first number of the text.
        first: u64,
        /// The last one.
        last: u64,
    },
}

impl RequestRange {
    /// The request with this number alone.
    #[must_use]
    pub const fn only(number: u64) -> Self {
        Self { first: number, last: Some(number) }
    }

    /// The number of the first one.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The requests up to the one with this number.
    #[must_use]
    pub const fn up_to(number: u64) -> Self {
        Self { first: 1, last: Some(number) }
    }

    /// Whether the request with this number is one of them.
    #[must_use]
    pub fn contains(self, number: u64) -> bool {
        self.first <= number && !self.is_over_before(number)
    }

    /// Whether all of them come before the request with this number.
    #[must_use]
    pub fn is_over_before(self, number: u64) -> bool {
        self.last.is_some_and(|last| last < number)
    }
}

impl FromStr for RequestRange {
    type Err = RangeFault;

    fn from_str(text: &str) -> Result<Self, RangeFault> {
        let number = |text: &str| -> Result<u64, RangeFault> {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| is_number && *number > 0);
            number.ok_or(RangeFault::Form)
        };
        let Some((first, last)) = text.split_once("..") else { return Ok(Self::only(number(text)?)) };
        let first = number(first)?;
        match last {
            "" => Ok(Self { first, last: None }),
            last => match number(last)? {
                last if last < first => Err(RangeFault::Reversed { first, last }),
                last => Ok(Self { first, last: Some(last) }),
            },
        }
    }
}

impl fmt::Display for RequestRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(out, "{last}"),
            Some(last) => write!(out, "{}..{last}", self.first),
            None => write!(out, "{}..", self.first),
        }
    }
}

impl Serialize for RequestRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What happens to a request, in this order: it gets an answer, that of the gate unless another is named; the answer is
/// changed; it waits; it is delivered, or not. What is not delivered does not reach the gate, unless `after_commit` says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// How long its answer waits. The gate and the handler have done their part before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// The answer in place of the gate's; none leaves that of the gate.
    #[serde(flatten)]
    pub answer: Option<InjectedAnswer>,
    /// `Retry-After` of this answer, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Another body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyChange>,
    /// A lawful but unusual form of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation: Option<Variation>,
    /// How the answer is delivered; none delivers it whole and at once.
    #[serde(flatten)]
    pub delivery: Option<Delivery>,
    /// Whether the gate and the handler do their part first: a change is made and durable, then the answer is lost. An
    /// effect that names this alone closes the connection before the headers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub after_commit: bool,
}

/// An answer in place of the gate's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectedAnswer {
    /// The problem with this name, as the gate answers it.
    Problem(Cow<'static, str>),
    /// A foreign answer with this status, as a proxy sends it.
    Status(u16),
}

/// How long a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Delay {
    /// Always the same.
    Fixed(Span),
    /// Between two, each as likely as the other.
    Uniform {
        /// The shortest and the longest.
        uniform: [Span; 2],
    },
    /// As networks are: mostly near the median, now and then much longer.
    LogNormal {
        /// The distribution.
        log_normal: LogNormal,
    },
}

/// A log-normal distribution with a longest value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogNormal {
    /// Half of the values are shorter.
    pub median: Span,
    /// How far they spread: 0 is not at all.
    pub sigma: f64,
    /// The longest value.
    pub cap: Span,
}

words! {
    /// A body that is wrong in one way.
    BodyChange {
        /// No byte.
        Empty = "empty",
        /// A page, as proxies send it.
        Html = "html",
        /// Named JSON, but cut off in the middle.
        NotJson = "not_json",
        /// The right body, named as plain text.
        WrongContentType = "wrong_content_type",
    }
}

words! {
    /// An answer that is lawful but unusual, which a client must survive.
    Variation {
        /// Members that no document names.
        UnknownMembers = "unknown-members",
        /// `token_type` is `bearer`: its case does not count (RFC 6749 section 5.1).
        TokenTypeLowercase = "token-type-lowercase",
        /// No `expires_in`, which is only recommended (RFC 6749 section 5.1).
        NoExpiresIn = "no-expires-in",
        /// `Retry-After` as an HTTP date (RFC 9110 section 10.2.3).
        RetryAfterDate = "retry-after-date",
        /// No `scope`, which is optional where it is as requested (RFC 6749 section 5.1).
        NoScope = "no-scope",
        /// The members in another order.
        ReorderedMembers = "reordered-members",
        /// A body in chunks, without `Content-Length`.
        ChunkedBody = "chunked-body",
        /// Lower-case field names on HTTP/1.1: their case does not count (RFC 9110 section 5.1). This server always sends them.
        LowercaseFields = "lowercase-fields",
        /// Field names as other servers send them on HTTP/1.1: `Content-Type`.
        TitleCaseFields = "title-case-fields",
        /// The connection is closed after the answer.
        ConnectionClose = "connection-close",
    }
}

/// How an answer is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The body in some pieces over some time.
    Dribble(Dribble),
    /// At most so many bytes of the body in a second.
    Bandwidth(u32),
    /// The connection is closed after so many bytes of the body.
    TruncateAfter(u32),
    /// The connection, or the stream, ends.
    Close(Close),
    /// No byte for so long; then the connection is closed.
    Timeout(Span),
}

/// A body in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dribble {
    /// How many pieces.
    pub chunks: u32,
    /// How long all of them take.
    pub over: Span,
}

words! {
    /// How a connection ends.
    Close {
        /// Closed in place of an answer.
        BeforeHeaders = "before_headers",
        /// Closed in the middle of the fields of the answer.
        MidHeaders = "mid_headers",
        /// Closed in the middle of the body.
        MidBody = "mid_body",
        /// Reset by TCP in place of an answer.
        Reset = "reset",
        /// HTTP/2: the server says that it takes no more streams (GOAWAY) and closes.
        Goaway = "goaway",
        /// HTTP/2: the stream alone is reset (`RST_STREAM`).
        RstStream = "rst_stream",
    }
}

impl Close {
    /// Whether only HTTP/2 has it.
    #[must_use]
    pub fn needs_http2(self) -> bool {
        matches!(self, Self::Goaway | Self::RstStream)
    }
}

/// A rule as an answer shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The rule.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// Whether it can still fire.
    pub active: bool,
    /// How many requests it was for, whether it fired or not; `requests` counts these.
    pub matched: u64,
    /// How often it fired.
    pub fired: u64,
    /// How long until it has ended by `for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in: Option<Span>,
    /// What to know about the effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Cow<'static, str>>,
}

/// Rules, in the order in which they are tried: the first that matches and fires is the one that acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultList {
    /// The rules.
    pub data: Vec<Fault>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_range_of_requests_includes_both_ends() {
        for (text, shown, first, last) in [("3", "3", 3, 3), ("3..5", "3..5", 3, 5), ("2..2", "2", 2, 2)] {
            let range: RequestRange = text.parse().unwrap();
            assert_eq!(range.to_string(), shown);
            let contained: Vec<u64> = (0..10).filter(|number| range.contains(*number)).collect();
            assert_eq!(contained, (first..=last).collect::<Vec<_>>(), "{text}");
            assert!(!range.is_over_before(last) && range.is_over_before(last + 1));
        }
        let open: RequestRange = "3..".parse().unwrap();
        assert!(!open.contains(2) && open.contains(3) && open.contains(u64::MAX) && !open.is_over_before(u64::MAX));
        for text in ["", "0", "-1", "+3", "3...5", "3..5..7", "..", "a", "3 .. 5", "0..5", "99999999999999999999"] {
            assert_eq!(text.parse::<RequestRange>(), Err(RangeFault::Form), "{text}");
        }
        let reversed = "5..3".parse::<RequestRange>().unwrap_err();
        assert_eq!(reversed.to_string(), "ends before it begins: did you mean \"3..5\"?");
    }

    #[test]
    fn an_effect_is_one_object_and_reads_back() {
        for effect in [
            json!({ "problem": "unavailable", "retry_after": 2 }),
            json!({ "status": 502, "body": "html" }),
            json!({ "delay": "700ms" }),
            json!({ "delay": { "uniform": ["100ms", "2s"] }, "close": "mid_body" }),
            json!({ "delay": { "log_normal": { "median": "100ms", "sigma": 0.5, "cap": "2s" } } }),
            json!({ "dribble": { "chunks": 5, "over": "2s" } }),
            json!({ "bandwidth": 1024 }),
            json!({ "truncate_after": 0, "after_commit": true }),
            json!({ "timeout": "30s" }),
            json!({ "variation": "retry-after-date" }),
        ] {
            let read: Effect = serde_json::from_value(effect.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), effect);
        }
    }

    #[test]
    fn a_shown_rule_has_the_members_of_a_request_and_reads_back() {
        let shown = json!({
            "name": "flaky-writes",
            "match": { "client": "demo-writer", "phase": "resource", "requests": "3..5" },
            "probability": 0.2, "seed": 42, "times": 3, "for": "10m",
            "effect": { "problem": "unavailable" },
            "active": true, "matched": 4, "fired": 1, "ends_in": "9m58s",
        });
        let fault: Fault = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(fault.rule.effect.answer, Some(InjectedAnswer::Problem("unavailable".into())));
        assert_eq!(serde_json::to_value::<Fault>(fault).unwrap(), shown as Value);
    }
}
