//! Every check: its name, how much it counts, and what to do about a failure.

use super::Finding;
use super::checks;
use super::run::Examination;
use super::scenario::ScenarioId;
use crate::api::exam::Level;
use crate::counts::{Label as _, label};

/// A row of the table.
#[derive(Debug)]
pub struct Check {
    /// Which one.
    pub id: CheckId,
    /// Its group.
    pub group: Group,
    /// What it is about, in few words.
    pub title: &'static str,
    /// How much it counts unless the profile says otherwise.
    pub level: Level,
    /// What it rests on; empty if nothing but sense.
    pub rfc: &'static str,
    /// What to do about a failure.
    pub remedy: &'static str,
    /// The scenarios whose runs it judges.
    pub scenarios: &'static [ScenarioId],
    /// Judges.
    pub judge: fn(&Examination) -> Finding,
}

label! {
    /// What checks are about.
    pub enum Group {
        /// Tokens, keys and secrets.
        Token = "token",
        /// The throttle and the daily quota.
        Limits = "limits",
        /// What is refused for good.
        Refusals = "refusals",
        /// What fails for a while.
        Faults = "faults",
        /// Answers that are lawful but unusual.
        Variations = "variations",
        /// What is good practice, seen in an undisturbed run.
        Hygiene = "hygiene",
    }
}

label! {
    /// The name of a check.
    pub enum CheckId {
        /// A token is used while it lives.
        TokenReused = "token-reused",
        /// A token is renewed before it expires.
        TokenRenewedAhead = "token-renewed-ahead",
        /// After a 401 the client gets a new token and asks again.
        TokenRenewedOn401 = "token-renewed-on-401",
        /// Many requests at once renew the token once.
        OneRenewal = "one-renewal",
        /// A 401 that stays leads to one renewal and one retry, never to a loop.
        No401Loop = "no-401-loop",
        /// A client whose token was revoked gets a new one.
        TokenRevoked = "token-revoked",
        /// Another signing key changes nothing.
        KeyRotated = "key-rotated",
        /// The old secret works until its end.
        SecretRotated = "secret-rotated",
        /// A revoked secret ends the client, and it says so.
        SecretRevoked = "secret-revoked",
        /// `Retry-After` in seconds is honoured.
        RetryAfterSeconds = "retry-after-seconds",
        /// `Retry-After` as a date is honoured.
        RetryAfterDate = "retry-after-date",
        /// A client that is refused does not send more than before.
        NoStorm = "no-storm",
        /// After the first 429 the client keeps below the limit.
        PaceAfter429 = "pace-after-429",
        /// A used-up daily quota is not asked again before its time.
        QuotaNotRetried = "quota-not-retried",
        /// The same, where `Retry-After` is a date.
        QuotaDateNotRetried = "quota-date-not-retried",
        /// A bad request is not repeated.
        NoRetryOn400 = "no-retry-on-400",
        /// A forbidden request is not repeated.
        NoRetryOn403 = "no-retry-on-403",
        /// A request for what does not exist is not repeated.
        NoRetryOn404 = "no-retry-on-404",
        /// A missing scope is reported.
        ScopeMissingReported = "scope-missing-reported",
        /// A 503 is retried.
        Retries5xx = "retries-5xx",
        /// A 502 of a proxy is retried.
        RetriesForeign5xx = "retries-foreign-5xx",
        /// A dropped connection is retried.
        RetriesDropped = "retries-dropped",
        /// A body that was cut off is retried.
        RetriesTruncated = "retries-truncated",
        /// The waits between retries grow.
        GrowingWaits = "growing-waits",
        /// An outage ends the retries.
        BoundedRetries = "bounded-retries",
        /// A request that is not answered is given up.
        HasTimeout = "has-timeout",
        /// Only what is safe to repeat is retried.
        SafeRetries = "safe-retries",
        /// A retry has the same `Idempotency-Key`.
        SameKey = "same-key",
        /// A lost answer makes no second zone.
        NoSecondZone = "no-second-zone",
        /// A token request is retried after a 503.
        TokenRequestRetried = "token-request-retried",
        /// Unknown members of an answer are ignored.
        VariationUnknownMembers = "variation-unknown-members",
        /// `token_type` is compared without case.
        VariationTokenTypeLowercase = "variation-token-type-lowercase",
        /// A token without `expires_in` is used.
        VariationNoExpiresIn = "variation-no-expires-in",
        /// A token answer without `scope` is read.
        VariationNoScope = "variation-no-scope",
        /// The order of members means nothing.
        VariationReorderedMembers = "variation-reordered-members",
        /// A body without `Content-Length` is read.
        VariationChunkedBody = "variation-chunked-body",
        /// Lower-case field names are read.
        VariationLowercaseFields = "variation-lowercase-fields",
        /// Title-case field names are read.
        VariationTitleCaseFields = "variation-title-case-fields",
        /// A connection that closes after an answer is opened again.
        VariationConnectionClose = "variation-connection-close",
        /// No secret and no token is in a URL.
        NoSecretInUrl = "no-secret-in-url",
        /// Nothing is sent in the clear.
        OnlyHttps = "only-https",
        /// TLS is 1.2 or newer.
        TlsVersion = "tls-version",
        /// A wrong certificate is refused.
        CertificateVerified = "certificate-verified",
        /// Connections are used again.
        ConnectionsReused = "connections-reused",
        /// `User-Agent` names the partner.
        UserAgent = "user-agent",
        /// Lists are read to their end.
        Pagination = "pagination",
        /// Changes say which version they change.
        IfMatch = "if-match",
        /// No scope is held that is never used.
        ScopesUsed = "scopes-used",
        /// Every operation that the client may use is exercised.
        OperationsExercised = "operations-exercised",
    }
}

impl Check {
    /// Its name, such as `token-reused`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.id.name()
    }

    /// The check of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|check| check.id.name() == name)
    }
}

/// Every check, in the order of the documentation.
pub const TABLE: [Check; 49] = [
    Check {
        id: CheckId::TokenReused,
        group: Group::Token,
        title: "a token is used while it lives",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Keep the token, and ask for the next one when it is about to expire.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::token::token_reused,
    },
    Check {
        id: CheckId::TokenRenewedAhead,
        group: Group::Token,
        title: "a token is renewed before it expires",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Remember when the token was received, add `expires_in`, and renew it some seconds before that.",
        scenarios: &[ScenarioId::ShortTokens],
        judge: checks::token::token_renewed_ahead,
    },
    Check {
        id: CheckId::TokenRenewedOn401,
        group: Group::Token,
        title: "after a 401 the client gets a new token and asks again",
        level: Level::Required,
        rfc: "RFC 6750 section 3.1",
        remedy: "After 401 with `invalid_token`, drop the token, get another one, and send the request once more.",
        scenarios: &[ScenarioId::TokenExpires],
        judge: checks::token::token_renewed_on_401,
    },
    Check {
        id: CheckId::OneRenewal,
        group: Group::Token,
        title: "many requests at once renew the token once",
        level: Level::Required,
        rfc: "RFC 6749 section 4.4",
        remedy: "Let one request renew the token, and let the others wait for it (single flight).",
        scenarios: &[ScenarioId::ConcurrentRenewal],
        judge: checks::token::one_renewal,
    },
    Check {
        id: CheckId::No401Loop,
        group: Group::Token,
        title: "a 401 that stays leads to one renewal and one retry, never to a loop",
        level: Level::Required,
        rfc: "RFC 6750 section 3.1",
        remedy: "After the second 401 for the same request, give up and report it.",
        scenarios: &[ScenarioId::Every401],
        judge: checks::token::no_401_loop,
    },
    Check {
        id: CheckId::TokenRevoked,
        group: Group::Token,
        title: "a client whose token was revoked gets a new one",
        level: Level::Required,
        rfc: "RFC 6750 section 3.1",
        remedy: "Treat `invalid_token` alike, whatever its reason: get a new token, and ask once more.",
        scenarios: &[ScenarioId::TokenRevoked],
        judge: checks::token::token_revoked,
    },
    Check {
        id: CheckId::KeyRotated,
        group: Group::Token,
        title: "another signing key changes nothing",
        level: Level::Required,
        rfc: "RFC 9068 section 4",
        remedy: "Treat the token as opaque. If you verify it, read the JWK Set again for an unknown `kid`.",
        scenarios: &[ScenarioId::KeyRotated],
        judge: checks::token::key_rotated,
    },
    Check {
        id: CheckId::SecretRotated,
        group: Group::Token,
        title: "the old secret works until its end",
        level: Level::Required,
        rfc: "RFC 6749 section 2.3.1",
        remedy: "Read the secret from the environment, and change it within the overlap.",
        scenarios: &[ScenarioId::SecretRotated],
        judge: checks::token::secret_rotated,
    },
    Check {
        id: CheckId::SecretRevoked,
        group: Group::Token,
        title: "a revoked secret ends the client, and it says so",
        level: Level::Required,
        rfc: "RFC 6749 section 5.2",
        remedy: "Do not retry `invalid_client`: end with an error that names it.",
        scenarios: &[ScenarioId::SecretRevoked],
        judge: checks::token::secret_revoked,
    },
    Check {
        id: CheckId::RetryAfterSeconds,
        group: Group::Limits,
        title: "`Retry-After` in seconds is honoured",
        level: Level::Required,
        rfc: "RFC 9110 section 10.2.3",
        remedy: "Wait as many seconds as `Retry-After` says before the next request.",
        scenarios: &[ScenarioId::Throttled],
        judge: checks::limits::retry_after_seconds,
    },
    Check {
        id: CheckId::RetryAfterDate,
        group: Group::Limits,
        title: "`Retry-After` as a date is honoured",
        level: Level::Required,
        rfc: "RFC 9110 section 10.2.3",
        remedy: "Read both forms of `Retry-After`: seconds, and an HTTP date.",
        scenarios: &[ScenarioId::ThrottledDate],
        judge: checks::limits::retry_after_date,
    },
    Check {
        id: CheckId::NoStorm,
        group: Group::Limits,
        title: "a client that is refused does not send more than before",
        level: Level::Required,
        rfc: "RFC 6585 section 4",
        remedy: "Bound the retries, and wait between them.",
        scenarios: &[ScenarioId::Storm],
        judge: checks::limits::no_storm,
    },
    Check {
        id: CheckId::PaceAfter429,
        group: Group::Limits,
        title: "after the first 429 the client keeps below the limit",
        level: Level::Required,
        rfc: "RFC 6585 section 4",
        remedy: "Slow all requests down after a 429, not only the one that was refused.",
        scenarios: &[ScenarioId::Pace],
        judge: checks::limits::pace_after_429,
    },
    Check {
        id: CheckId::QuotaNotRetried,
        group: Group::Limits,
        title: "a used-up daily quota is not asked again before its time",
        level: Level::Required,
        rfc: "RFC 9110 section 10.2.3",
        remedy: "If `Retry-After` is longer than you can wait, end and say so.",
        scenarios: &[ScenarioId::QuotaExhausted],
        judge: checks::limits::quota_not_retried,
    },
    Check {
        id: CheckId::QuotaDateNotRetried,
        group: Group::Limits,
        title: "the same, where `Retry-After` is a date",
        level: Level::Required,
        rfc: "RFC 9110 section 10.2.3",
        remedy: "Read both forms of `Retry-After`: seconds, and an HTTP date.",
        scenarios: &[ScenarioId::QuotaExhaustedDate],
        judge: checks::limits::quota_date_not_retried,
    },
    Check {
        id: CheckId::NoRetryOn400,
        group: Group::Refusals,
        title: "a bad request is not repeated",
        level: Level::Required,
        rfc: "RFC 9110 section 15.5.1",
        remedy: "Do not retry 400: the same request is refused again.",
        scenarios: &[ScenarioId::BadRequest],
        judge: checks::refusals::no_retry_on_400,
    },
    Check {
        id: CheckId::NoRetryOn403,
        group: Group::Refusals,
        title: "a forbidden request is not repeated",
        level: Level::Required,
        rfc: "RFC 9110 section 15.5.4",
        remedy: "Do not retry 403: the token does not allow it.",
        scenarios: &[ScenarioId::ScopeNarrowed],
        judge: checks::refusals::no_retry_on_403,
    },
    Check {
        id: CheckId::NoRetryOn404,
        group: Group::Refusals,
        title: "a request for what does not exist is not repeated",
        level: Level::Required,
        rfc: "RFC 9110 section 15.5.5",
        remedy: "Do not retry 404.",
        scenarios: &[ScenarioId::NotFound],
        judge: checks::refusals::no_retry_on_404,
    },
    Check {
        id: CheckId::ScopeMissingReported,
        group: Group::Refusals,
        title: "a missing scope is reported",
        level: Level::Required,
        rfc: "RFC 6750 section 3.1",
        remedy: "End with an error that names `insufficient_scope` and the scope of the challenge.",
        scenarios: &[ScenarioId::ScopeNarrowed],
        judge: checks::refusals::scope_missing_reported,
    },
    Check {
        id: CheckId::Retries5xx,
        group: Group::Faults,
        title: "a 503 is retried",
        level: Level::Required,
        rfc: "RFC 9110 section 15.6.4",
        remedy: "Retry idempotent requests after 5xx, with growing waits and a bound.",
        scenarios: &[ScenarioId::Unavailable],
        judge: checks::faults::retries_5xx,
    },
    Check {
        id: CheckId::RetriesForeign5xx,
        group: Group::Faults,
        title: "a 502 of a proxy is retried",
        level: Level::Required,
        rfc: "RFC 9110 section 15.6.3",
        remedy: "Retry by the status: the body of a proxy is HTML.",
        scenarios: &[ScenarioId::BadGateway],
        judge: checks::faults::retries_foreign_5xx,
    },
    Check {
        id: CheckId::RetriesDropped,
        group: Group::Faults,
        title: "a dropped connection is retried",
        level: Level::Required,
        rfc: "RFC 9110 section 9.2.2",
        remedy: "Retry idempotent requests whose connection was closed before an answer.",
        scenarios: &[ScenarioId::Dropped],
        judge: checks::faults::retries_dropped,
    },
    Check {
        id: CheckId::RetriesTruncated,
        group: Group::Faults,
        title: "a body that was cut off is retried",
        level: Level::Required,
        rfc: "RFC 9112 section 8",
        remedy: "Check that a body is whole, and retry idempotent requests if it is not.",
        scenarios: &[ScenarioId::Truncated],
        judge: checks::faults::retries_truncated,
    },
    Check {
        id: CheckId::GrowingWaits,
        group: Group::Faults,
        title: "the waits between retries grow",
        level: Level::Required,
        rfc: "RFC 9110 section 10.2.3",
        remedy: "Double the wait after each retry, with some randomness.",
        scenarios: &[ScenarioId::Outage],
        judge: checks::faults::growing_waits,
    },
    Check {
        id: CheckId::BoundedRetries,
        group: Group::Faults,
        title: "an outage ends the retries",
        level: Level::Required,
        rfc: "RFC 9110 section 15.6.4",
        remedy: "Give up after some tries, and report it.",
        scenarios: &[ScenarioId::Outage],
        judge: checks::faults::bounded_retries,
    },
    Check {
        id: CheckId::HasTimeout,
        group: Group::Faults,
        title: "a request that is not answered is given up",
        level: Level::Required,
        rfc: "RFC 9110 section 15.5.9",
        remedy: "Set a time limit for each request.",
        scenarios: &[ScenarioId::Slow],
        judge: checks::faults::has_timeout,
    },
    Check {
        id: CheckId::SafeRetries,
        group: Group::Faults,
        title: "only what is safe to repeat is retried",
        level: Level::Required,
        rfc: "RFC 9110 section 9.2.2",
        remedy: "Retry a POST only with an `Idempotency-Key`.",
        scenarios: &[ScenarioId::WriteUnavailable, ScenarioId::AnswerLost],
        judge: checks::faults::safe_retries,
    },
    Check {
        id: CheckId::SameKey,
        group: Group::Faults,
        title: "a retry has the same `Idempotency-Key`",
        level: Level::Required,
        rfc: "draft-ietf-httpapi-idempotency-key-header section 2.6",
        remedy: "Make the key before the first try, and send it with each one.",
        scenarios: &[ScenarioId::WriteUnavailable, ScenarioId::AnswerLost],
        judge: checks::faults::same_key,
    },
    Check {
        id: CheckId::NoSecondZone,
        group: Group::Faults,
        title: "a lost answer makes no second zone",
        level: Level::Required,
        rfc: "RFC 9110 section 9.2.2",
        remedy: "Send an `Idempotency-Key` with each POST, and the same one with its retry.",
        scenarios: &[ScenarioId::AnswerLost],
        judge: checks::faults::no_second_zone,
    },
    Check {
        id: CheckId::TokenRequestRetried,
        group: Group::Faults,
        title: "a token request is retried after a 503",
        level: Level::Advised,
        rfc: "RFC 9110 section 15.6.4",
        remedy: "Retry token requests after 5xx as any other.",
        scenarios: &[ScenarioId::TokenUnavailable],
        judge: checks::faults::token_request_retried,
    },
    Check {
        id: CheckId::VariationUnknownMembers,
        group: Group::Variations,
        title: "unknown members of an answer are ignored",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Ignore members that you do not know.",
        scenarios: &[ScenarioId::VariationUnknownMembers],
        judge: checks::variations::variation_unknown_members,
    },
    Check {
        id: CheckId::VariationTokenTypeLowercase,
        group: Group::Variations,
        title: "`token_type` is compared without case",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Compare `token_type` without case.",
        scenarios: &[ScenarioId::VariationTokenTypeLowercase],
        judge: checks::variations::variation_token_type_lowercase,
    },
    Check {
        id: CheckId::VariationNoExpiresIn,
        group: Group::Variations,
        title: "a token without `expires_in` is used",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Without `expires_in` assume a short life, and renew on 401.",
        scenarios: &[ScenarioId::VariationNoExpiresIn],
        judge: checks::variations::variation_no_expires_in,
    },
    Check {
        id: CheckId::VariationNoScope,
        group: Group::Variations,
        title: "a token answer without `scope` is read",
        level: Level::Required,
        rfc: "RFC 6749 section 5.1",
        remedy: "Without `scope`, the scope is the one that you asked for.",
        scenarios: &[ScenarioId::VariationNoScope],
        judge: checks::variations::variation_no_scope,
    },
    Check {
        id: CheckId::VariationReorderedMembers,
        group: Group::Variations,
        title: "the order of members means nothing",
        level: Level::Required,
        rfc: "RFC 8259 section 4",
        remedy: "Read JSON with a parser.",
        scenarios: &[ScenarioId::VariationReorderedMembers],
        judge: checks::variations::variation_reordered_members,
    },
    Check {
        id: CheckId::VariationChunkedBody,
        group: Group::Variations,
        title: "a body without `Content-Length` is read",
        level: Level::Required,
        rfc: "RFC 9112 section 7.1",
        remedy: "Read a body to its end, whatever its framing.",
        scenarios: &[ScenarioId::VariationChunkedBody],
        judge: checks::variations::variation_chunked_body,
    },
    Check {
        id: CheckId::VariationLowercaseFields,
        group: Group::Variations,
        title: "lower-case field names are read",
        level: Level::Required,
        rfc: "RFC 9110 section 5.1",
        remedy: "Compare field names without case.",
        scenarios: &[ScenarioId::VariationLowercaseFields],
        judge: checks::variations::variation_lowercase_fields,
    },
    Check {
        id: CheckId::VariationTitleCaseFields,
        group: Group::Variations,
        title: "title-case field names are read",
        level: Level::Required,
        rfc: "RFC 9110 section 5.1",
        remedy: "Compare field names without case.",
        scenarios: &[ScenarioId::VariationTitleCaseFields],
        judge: checks::variations::variation_title_case_fields,
    },
    Check {
        id: CheckId::VariationConnectionClose,
        group: Group::Variations,
        title: "a connection that closes after an answer is opened again",
        level: Level::Required,
        rfc: "RFC 9112 section 9.6",
        remedy: "Open another connection when the server closes one.",
        scenarios: &[ScenarioId::VariationConnectionClose],
        judge: checks::variations::variation_connection_close,
    },
    Check {
        id: CheckId::NoSecretInUrl,
        group: Group::Hygiene,
        title: "no secret and no token is in a URL",
        level: Level::Required,
        rfc: "RFC 6750 section 2.3",
        remedy: "Send the token in `Authorization`, and the secret in the body or by Basic.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::no_secret_in_url,
    },
    Check {
        id: CheckId::OnlyHttps,
        group: Group::Hygiene,
        title: "nothing is sent in the clear",
        level: Level::Required,
        rfc: "RFC 6750 section 5.3",
        remedy: "Use the https URL; do not try http first.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::only_https,
    },
    Check {
        id: CheckId::TlsVersion,
        group: Group::Hygiene,
        title: "TLS is 1.2 or newer",
        level: Level::Advised,
        rfc: "RFC 9325 section 3.1.1",
        remedy: "Allow TLS 1.2 and 1.3 alone.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::tls_version,
    },
    Check {
        id: CheckId::CertificateVerified,
        group: Group::Hygiene,
        title: "a wrong certificate is refused",
        level: Level::Required,
        rfc: "RFC 9110 section 4.3.4",
        remedy: "Verify the certificate, and give the client the file of the authority instead of switching that off.",
        scenarios: &[ScenarioId::WrongCertificate],
        judge: checks::hygiene::certificate_verified,
    },
    Check {
        id: CheckId::ConnectionsReused,
        group: Group::Hygiene,
        title: "connections are used again",
        level: Level::Advised,
        rfc: "RFC 9112 section 9.3",
        remedy: "Use one HTTP client for all requests.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::connections_reused,
    },
    Check {
        id: CheckId::UserAgent,
        group: Group::Hygiene,
        title: "`User-Agent` names the partner",
        level: Level::Advised,
        rfc: "RFC 9110 section 10.1.5",
        remedy: "Send a `User-Agent` such as `curbside/1.4`.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::user_agent,
    },
    Check {
        id: CheckId::Pagination,
        group: Group::Hygiene,
        title: "lists are read to their end",
        level: Level::Required,
        rfc: "",
        remedy: "Follow `next_cursor` until it is null.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::pagination,
    },
    Check {
        id: CheckId::IfMatch,
        group: Group::Hygiene,
        title: "changes say which version they change",
        level: Level::Advised,
        rfc: "RFC 9110 section 13.1.1",
        remedy: "Send the `ETag` that you read as `If-Match` with PUT, PATCH and DELETE.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::if_match,
    },
    Check {
        id: CheckId::ScopesUsed,
        group: Group::Hygiene,
        title: "no scope is held that is never used",
        level: Level::Advised,
        rfc: "RFC 9700 section 2.3",
        remedy: "Ask for the scopes that you use, and have the others taken away.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::scopes_used,
    },
    Check {
        id: CheckId::OperationsExercised,
        group: Group::Hygiene,
        title: "every operation that the client may use is exercised",
        level: Level::Advised,
        rfc: "",
        remedy: "Let the command call each operation that you will use.",
        scenarios: &[ScenarioId::Baseline],
        judge: checks::hygiene::operations_exercised,
    },
];
