//! Every scenario: its name, and what happens to the client in it.

use crate::counts::{Label as _, label};

/// A row of the table.
#[derive(Debug)]
pub struct Scenario {
    /// Which one.
    pub id: ScenarioId,
    /// What happens, in a sentence.
    pub title: &'static str,
}

label! {
    /// The name of a scenario.
    pub enum ScenarioId {
        /// The command runs undisturbed, for the first time.
        Preflight = "preflight",
        /// The command runs undisturbed.
        Baseline = "baseline",
        /// Tokens live for three seconds.
        ShortTokens = "short-tokens",
        /// The token expires, by a clock that the client does not see.
        TokenExpires = "token-expires",
        /// The token is revoked.
        TokenRevoked = "token-revoked",
        /// Another key signs.
        KeyRotated = "key-rotated",
        /// The token expires while many requests are under way.
        ConcurrentRenewal = "concurrent-renewal",
        /// Every token is refused as expired.
        Every401 = "every-401",
        /// The secret is rotated, and the token is revoked; the old secret still works.
        SecretRotated = "secret-rotated",
        /// The secret and the token are revoked.
        SecretRevoked = "secret-revoked",
        /// A request is over the throttle: 429 with Retry-After in seconds.
        Throttled = "throttled",
        /// A request is over the throttle: 429 with Retry-After as a date.
        ThrottledDate = "throttled-date",
        /// Every request is over the throttle for four seconds.
        Storm = "storm",
        /// The client may send one request a second.
        Pace = "pace",
        /// The daily quota is used up.
        QuotaExhausted = "quota-exhausted",
        /// The daily quota is used up; Retry-After is a date.
        QuotaExhaustedDate = "quota-exhausted-date",
        /// A request is refused as a bad one.
        BadRequest = "bad-request",
        /// What is asked for does not exist.
        NotFound = "not-found",
        /// The client loses a scope.
        ScopeNarrowed = "scope-narrowed",
        /// Two answers in a row are 503.
        Unavailable = "unavailable",
        /// A proxy answers 502 in HTML.
        BadGateway = "bad-gateway",
        /// A connection is closed before its answer.
        Dropped = "dropped",
        /// A body is cut off.
        Truncated = "truncated",
        /// Every answer is 503.
        Outage = "outage",
        /// An answer does not come.
        Slow = "slow",
        /// The first POST is answered with 503.
        WriteUnavailable = "write-unavailable",
        /// The first POST is done, and its answer is lost.
        AnswerLost = "answer-lost",
        /// The first token request is answered with 503.
        TokenUnavailable = "token-unavailable",
        /// Every answer is unusual and lawful: unknown members of an answer are ignored.
        VariationUnknownMembers = "variation-unknown-members",
        /// Every answer is unusual and lawful: `token_type` is compared without case.
        VariationTokenTypeLowercase = "variation-token-type-lowercase",
        /// Every answer is unusual and lawful: a token without `expires_in` is used.
        VariationNoExpiresIn = "variation-no-expires-in",
        /// Every answer is unusual and lawful: a token answer without `scope` is read.
        VariationNoScope = "variation-no-scope",
        /// Every answer is unusual and lawful: the order of members means nothing.
        VariationReorderedMembers = "variation-reordered-members",
        /// Every answer is unusual and lawful: a body without `Content-Length` is read.
        VariationChunkedBody = "variation-chunked-body",
        /// Every answer is unusual and lawful: lower-case field names are read.
        VariationLowercaseFields = "variation-lowercase-fields",
        /// Every answer is unusual and lawful: title-case field names are read.
        VariationTitleCaseFields = "variation-title-case-fields",
        /// Every answer is unusual and lawful: a connection that closes after an answer is opened again.
        VariationConnectionClose = "variation-connection-close",
        /// The server shows a certificate that the client cannot trust.
        WrongCertificate = "wrong-certificate",
        /// The command runs once, under a plan of many faults.
        Once = "once",
        /// The command runs under the plan that was given.
        Replay = "replay",
        /// A scenario of the profile.
        Own = "own",
    }
}

impl Scenario {
    /// The row of a name; each has one.
    #[must_use]
    pub fn of(id: ScenarioId) -> Option<&'static Self> {
        TABLE.iter().find(|scenario| scenario.id == id)
    }

    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|scenario| scenario.id.name() == name)
    }
}

/// Every scenario, in the order in which it runs.
pub const TABLE: [Scenario; 41] = [
    Scenario { id: ScenarioId::Preflight, title: "The command runs undisturbed, for the first time." },
    Scenario { id: ScenarioId::Baseline, title: "The command runs undisturbed." },
    Scenario { id: ScenarioId::ShortTokens, title: "Tokens live for three seconds." },
    Scenario { id: ScenarioId::TokenExpires, title: "The token expires, by a clock that the client does not see." },
    Scenario { id: ScenarioId::TokenRevoked, title: "The token is revoked." },
    Scenario { id: ScenarioId::KeyRotated, title: "Another key signs." },
    Scenario { id: ScenarioId::ConcurrentRenewal, title: "The token expires while many requests are under way." },
    Scenario { id: ScenarioId::Every401, title: "Every token is refused as expired." },
    Scenario {
        id: ScenarioId::SecretRotated,
        title: "The secret is rotated, and the token is revoked; the old secret still works.",
    },
    Scenario { id: ScenarioId::SecretRevoked, title: "The secret and the token are revoked." },
    Scenario { id: ScenarioId::Throttled, title: "A request is over the throttle: 429 with Retry-After in seconds." },
    Scenario {
        id: ScenarioId::ThrottledDate,
        title: "A request is over the throttle: 429 with Retry-After as a date.",
    },
    Scenario { id: ScenarioId::Storm, title: "Every request is over the throttle for four seconds." },
    Scenario { id: ScenarioId::Pace, title: "The client may send one request a second." },
    Scenario { id: ScenarioId::QuotaExhausted, title: "The daily quota is used up." },
    Scenario { id: ScenarioId::QuotaExhaustedDate, title: "The daily quota is used up; Retry-After is a date." },
    Scenario { id: ScenarioId::BadRequest, title: "A request is refused as a bad one." },
    Scenario { id: ScenarioId::NotFound, title: "What is asked for does not exist." },
    Scenario { id: ScenarioId::ScopeNarrowed, title: "The client loses a scope." },
    Scenario { id: ScenarioId::Unavailable, title: "Two answers in a row are 503." },
    Scenario { id: ScenarioId::BadGateway, title: "A proxy answers 502 in HTML." },
    Scenario { id: ScenarioId::Dropped, title: "A connection is closed before its answer." },
    Scenario { id: ScenarioId::Truncated, title: "A body is cut off." },
    Scenario { id: ScenarioId::Outage, title: "Every answer is 503." },
    Scenario { id: ScenarioId::Slow, title: "An answer does not come." },
    Scenario { id: ScenarioId::WriteUnavailable, title: "The first POST is answered with 503." },
    Scenario { id: ScenarioId::AnswerLost, title: "The first POST is done, and its answer is lost." },
    Scenario { id: ScenarioId::TokenUnavailable, title: "The first token request is answered with 503." },
    Scenario {
        id: ScenarioId::VariationUnknownMembers,
        title: "Every answer is unusual and lawful: unknown members of an answer are ignored.",
    },
    Scenario {
        id: ScenarioId::VariationTokenTypeLowercase,
        title: "Every answer is unusual and lawful: `token_type` is compared without case.",
    },
    Scenario {
        id: ScenarioId::VariationNoExpiresIn,
        title: "Every answer is unusual and lawful: a token without `expires_in` is used.",
    },
    Scenario {
        id: ScenarioId::VariationNoScope,
        title: "Every answer is unusual and lawful: a token answer without `scope` is read.",
    },
    Scenario {
        id: ScenarioId::VariationReorderedMembers,
        title: "Every answer is unusual and lawful: the order of members means nothing.",
    },
    Scenario {
        id: ScenarioId::VariationChunkedBody,
        title: "Every answer is unusual and lawful: a body without `Content-Length` is read.",
    },
    Scenario {
        id: ScenarioId::VariationLowercaseFields,
        title: "Every answer is unusual and lawful: lower-case field names are read.",
    },
    Scenario {
        id: ScenarioId::VariationTitleCaseFields,
        title: "Every answer is unusual and lawful: title-case field names are read.",
    },
    Scenario {
        id: ScenarioId::VariationConnectionClose,
        title: "Every answer is unusual and lawful: a connection that closes after an answer is opened again.",
    },
    Scenario {
        id: ScenarioId::WrongCertificate,
        title: "The server shows a certificate that the client cannot trust.",
    },
    Scenario { id: ScenarioId::Once, title: "The command runs once, under a plan of many faults." },
    Scenario { id: ScenarioId::Replay, title: "The command runs under the plan that was given." },
    Scenario { id: ScenarioId::Own, title: "A scenario of the profile." },
];
