//! Every scenario: its name, and what happens to the client in it.
//!
//! [`ScenarioId`] and [`TABLE`] are made of the rows of `scenarios!`.

use crate::counts::{Label as _, label};

/// A row of the table.
#[derive(Debug)]
pub struct Scenario {
    /// Which one.
    pub id: ScenarioId,
    /// What happens, in a sentence.
    pub title: &'static str,
}

impl Scenario {
    /// The row of a name; each has one.
    #[must_use]
    pub fn of(id: ScenarioId) -> Option<&'static Self> {
        TABLE.get(id.index())
    }

    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ScenarioId::named(name).and_then(Self::of)
    }
}

/// Makes [`ScenarioId`] and [`TABLE`]: `Id = "name": "What happens."`.
macro_rules! scenarios {
    ($($id:ident = $name:literal: $title:literal,)+) => {
        label! {
            /// The name of a scenario.
            pub enum ScenarioId { $(#[doc = $title] $id = $name,)+ }
        }

        /// Every scenario, in the order in which it runs.
        pub const TABLE: [Scenario; ScenarioId::ALL.len()] =
            [$(Scenario { id: ScenarioId::$id, title: $title },)+];
    };
}

scenarios! {
    Preflight = "preflight": "The command runs undisturbed, for the first time.",
    Baseline = "baseline": "The command runs undisturbed.",
    ShortTokens = "short-tokens": "Tokens live for three seconds.",
    TokenExpires = "token-expires": "The token expires, by a clock that the client does not see.",
    TokenRevoked = "token-revoked": "The token is revoked.",
    KeyRotated = "key-rotated": "Another key signs.",
    ConcurrentRenewal = "concurrent-renewal": "The token expires while many requests are under way.",
    Every401 = "every-401": "Every token is refused as expired.",
    SecretRotated = "secret-rotated": "The secret is rotated, and the token is revoked; the old secret still works.",
    SecretRevoked = "secret-revoked": "The secret and the token are revoked.",
    Throttled = "throttled": "A request is over the throttle: 429 with Retry-After in seconds.",
    ThrottledDate = "throttled-date": "A request is over the throttle: 429 with Retry-After as a date.",
    Storm = "storm": "Every request is over the throttle for four seconds.",
    Pace = "pace": "The client may send one request a second.",
    QuotaExhausted = "quota-exhausted": "The daily quota is used up.",
    QuotaExhaustedDate = "quota-exhausted-date": "The daily quota is used up; Retry-After is a date.",
    BadRequest = "bad-request": "A request is refused as a bad one.",
    NotFound = "not-found": "What is asked for does not exist.",
    ScopeNarrowed = "scope-narrowed": "The client loses a scope.",
    Unavailable = "unavailable": "Two answers in a row are 503.",
    BadGateway = "bad-gateway": "A proxy answers 502 in HTML.",
    Dropped = "dropped": "A connection is closed before its answer.",
    Truncated = "truncated": "A body is cut off.",
    Outage = "outage": "Every answer is 503.",
    Slow = "slow": "An answer does not come.",
    WriteUnavailable = "write-unavailable": "The first POST is answered with 503.",
    AnswerLost = "answer-lost": "The first POST is done, and its answer is lost.",
    TokenUnavailable = "token-unavailable": "The first token request is answered with 503.",
    VariationUnknownMembers = "variation-unknown-members":
        "Every answer is unusual and lawful: unknown members of an answer are ignored.",
    VariationTokenTypeLowercase = "variation-token-type-lowercase":
        "Every answer is unusual and lawful: `token_type` is compared without case.",
    VariationNoExpiresIn = "variation-no-expires-in":
        "Every answer is unusual and lawful: a token without `expires_in` is used.",
    VariationNoScope = "variation-no-scope": "Every answer is unusual and lawful: a token answer without `scope` is read.",
    VariationReorderedMembers = "variation-reordered-members":
        "Every answer is unusual and lawful: the order of members means nothing.",
    VariationChunkedBody = "variation-chunked-body":
        "Every answer is unusual and lawful: a body without `Content-Length` is read.",
    VariationLowercaseFields = "variation-lowercase-fields":
        "Every answer is unusual and lawful: lower-case field names are read.",
    VariationTitleCaseFields = "variation-title-case-fields":
        "Every answer is unusual and lawful: title-case field names are read.",
    VariationConnectionClose = "variation-connection-close":
        "Every answer is unusual and lawful: a connection that closes after an answer is opened again.",
    WrongCertificate = "wrong-certificate": "The server shows a certificate that the client cannot trust.",
    Once = "once": "The command runs once, under a plan of many faults.",
    Replay = "replay": "The command runs under the plan that was given.",
    Own = "own": "A scenario of the profile.",
}
