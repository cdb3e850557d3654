//! Every check: its name, how much it counts, and what to do about a failure.
//!
//! A row of `checks!` is all there is to say of one; [`CheckId`] and [`TABLE`] are made of the rows.

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

impl Check {
    /// Its name, such as `token-reused`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.id.name()
    }

    /// The check of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CheckId::named(name).and_then(|id| TABLE.get(id.index()))
    }
}

/// Makes [`CheckId`] and [`TABLE`]: `Group in module { Id = "name" { … } … }`, where the module has the judges of the group.
macro_rules! checks {
    ($($group:ident in $module:ident { $($id:ident = $name:literal {
        title: $title:literal,
        level: $level:ident,
        rfc: $rfc:literal,
        remedy: $remedy:literal,
        judge: $judge:ident in $($scenario:ident)+,
    })+ })+) => {
        label! {
            /// The name of a check.
            pub enum CheckId { $($(#[doc = $title] $id = $name,)+)+ }
        }

        /// Every check, in the order of the documentation.
        pub const TABLE: [Check; CheckId::ALL.len()] = [$($(Check {
            id: CheckId::$id,
            group: Group::$group,
            title: $title,
            level: Level::$level,
            rfc: $rfc,
            remedy: $remedy,
            scenarios: &[$(ScenarioId::$scenario),+],
            judge: checks::$module::$judge,
        },)+)+];
    };
}

checks! {
    Token in token {
        TokenReused = "token-reused" {
            title: "a token is used while it lives",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Keep the token, and ask for the next one when it is about to expire.",
            judge: token_reused in Baseline,
        }
        TokenRenewedAhead = "token-renewed-ahead" {
            title: "a token is renewed before it expires",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Remember when the token was received, add `expires_in`, and renew it some seconds before that.",
            judge: token_renewed_ahead in ShortTokens,
        }
        TokenRenewedOn401 = "token-renewed-on-401" {
            title: "after a 401 the client gets a new token and asks again",
            level: Required,
            rfc: "RFC 6750 section 3.1",
            remedy: "After 401 with `invalid_token`, drop the token, get another one, and send the request once more.",
            judge: token_renewed_on_401 in TokenExpires,
        }
        OneRenewal = "one-renewal" {
            title: "many requests at once renew the token once",
            level: Required,
            rfc: "RFC 6749 section 4.4",
            remedy: "Let one request renew the token, and let the others wait for it (single flight).",
            judge: one_renewal in ConcurrentRenewal,
        }
        No401Loop = "no-401-loop" {
            title: "a 401 that stays leads to one renewal and one retry, never to a loop",
            level: Required,
            rfc: "RFC 6750 section 3.1",
            remedy: "After the second 401 for the same request, give up and report it.",
            judge: no_401_loop in Every401,
        }
        TokenRevoked = "token-revoked" {
            title: "a client whose token was revoked gets a new one",
            level: Required,
            rfc: "RFC 6750 section 3.1",
            remedy: "Treat `invalid_token` alike, whatever its reason: get a new token, and ask once more.",
            judge: token_revoked in TokenRevoked,
        }
        KeyRotated = "key-rotated" {
            title: "another signing key changes nothing",
            level: Required,
            rfc: "RFC 9068 section 4",
            remedy: "Treat the token as opaque. If you verify it, read the JWK Set again for an unknown `kid`.",
            judge: key_rotated in KeyRotated,
        }
        SecretRotated = "secret-rotated" {
            title: "the old secret works until its end",
            level: Required,
            rfc: "RFC 6749 section 2.3.1",
            remedy: "Read the secret from the environment, and change it within the overlap.",
            judge: secret_rotated in SecretRotated,
        }
        SecretRevoked = "secret-revoked" {
            title: "a revoked secret ends the client, and it says so",
            level: Required,
            rfc: "RFC 6749 section 5.2",
            remedy: "Do not retry `invalid_client`: say so, and end with an exit code that is not 0.",
            judge: secret_revoked in SecretRevoked,
        }
    }
    Limits in limits {
        RetryAfterSeconds = "retry-after-seconds" {
            title: "`Retry-After` in seconds is honoured",
            level: Required,
            rfc: "RFC 9110 section 10.2.3",
            remedy: "Wait as many seconds as `Retry-After` says before the next request.",
            judge: retry_after_seconds in Throttled,
        }
        RetryAfterDate = "retry-after-date" {
            title: "`Retry-After` as a date is honoured",
            level: Required,
            rfc: "RFC 9110 section 10.2.3",
            remedy: "Read both forms of `Retry-After`: seconds, and an HTTP date.",
            judge: retry_after_date in ThrottledDate,
        }
        NoStorm = "no-storm" {
            title: "a client that is refused does not send more than before",
            level: Required,
            rfc: "RFC 6585 section 4",
            remedy: "Bound the retries, and wait between them.",
            judge: no_storm in Storm,
        }
        PaceAfter429 = "pace-after-429" {
            title: "after the first 429 the client keeps below the limit",
            level: Required,
            rfc: "RFC 6585 section 4",
            remedy: "Slow all requests down after a 429, not only the one that was refused.",
            judge: pace_after_429 in Pace,
        }
        QuotaNotRetried = "quota-not-retried" {
            title: "a used-up daily quota is not asked again before its time",
            level: Required,
            rfc: "RFC 9110 section 10.2.3",
            remedy: "If `Retry-After` is longer than you can wait, end and say so.",
            judge: quota_not_retried in QuotaExhausted,
        }
        QuotaDateNotRetried = "quota-date-not-retried" {
            title: "the same, where `Retry-After` is a date",
            level: Required,
            rfc: "RFC 9110 section 10.2.3",
            remedy: "Read both forms of `Retry-After`: seconds, and an HTTP date.",
            judge: quota_date_not_retried in QuotaExhaustedDate,
        }
    }
    Refusals in refusals {
        NoRetryOn400 = "no-retry-on-400" {
            title: "a bad request is not repeated",
            level: Required,
            rfc: "RFC 9110 section 15.5.1",
            remedy: "Do not retry 400: the same request is refused again.",
            judge: no_retry_on_400 in BadRequest,
        }
        NoRetryOn403 = "no-retry-on-403" {
            title: "a forbidden request is not repeated",
            level: Required,
            rfc: "RFC 9110 section 15.5.4",
            remedy: "Do not retry 403: the token does not allow it.",
            judge: no_retry_on_403 in ScopeNarrowed,
        }
        NoRetryOn404 = "no-retry-on-404" {
            title: "a request for what does not exist is not repeated",
            level: Required,
            rfc: "RFC 9110 section 15.5.5",
            remedy: "Do not retry 404.",
            judge: no_retry_on_404 in NotFound,
        }
        ScopeMissingReported = "scope-missing-reported" {
            title: "a missing scope is reported",
            level: Required,
            rfc: "RFC 6750 section 3.1",
            remedy: "End with an error that names `insufficient_scope` and the scope of the challenge.",
            judge: scope_missing_reported in ScopeNarrowed,
        }
    }
    Faults in faults {
        Retries5xx = "retries-5xx" {
            title: "a 503 is retried",
            level: Required,
            rfc: "RFC 9110 section 15.6.4",
            remedy: "Retry idempotent requests after 5xx, with growing waits and a bound.",
            judge: retries_5xx in Unavailable,
        }
        RetriesForeign5xx = "retries-foreign-5xx" {
            title: "a 502 of a proxy is retried",
            level: Required,
            rfc: "RFC 9110 section 15.6.3",
            remedy: "Retry by the status: the body of a proxy is HTML.",
            judge: retries_foreign_5xx in BadGateway,
        }
        RetriesDropped = "retries-dropped" {
            title: "a dropped connection is retried",
            level: Required,
            rfc: "RFC 9110 section 9.2.2",
            remedy: "Retry idempotent requests whose connection was closed before an answer.",
            judge: retries_dropped in Dropped,
        }
        RetriesTruncated = "retries-truncated" {
            title: "a body that was cut off is retried",
            level: Required,
            rfc: "RFC 9112 section 8",
            remedy: "Check that a body is whole, and retry idempotent requests if it is not.",
            judge: retries_truncated in Truncated,
        }
        GrowingWaits = "growing-waits" {
            title: "the waits between retries grow",
            level: Required,
            rfc: "RFC 9110 section 10.2.3",
            remedy: "Double the wait after each retry, with some randomness.",
            judge: growing_waits in Outage,
        }
        BoundedRetries = "bounded-retries" {
            title: "an outage ends the retries",
            level: Required,
            rfc: "RFC 9110 section 15.6.4",
            remedy: "Give up after some tries, and report it.",
            judge: bounded_retries in Outage,
        }
        HasTimeout = "has-timeout" {
            title: "a request that is not answered is given up",
            level: Required,
            rfc: "RFC 9110 section 15.5.9",
            remedy: "Set a time limit for each request.",
            judge: has_timeout in Slow,
        }
        SafeRetries = "safe-retries" {
            title: "only what is safe to repeat is retried",
            level: Required,
            rfc: "RFC 9110 section 9.2.2",
            remedy: "Retry a POST only with an `Idempotency-Key`.",
            judge: safe_retries in WriteUnavailable AnswerLost,
        }
        SameKey = "same-key" {
            title: "a retry has the same `Idempotency-Key`",
            level: Required,
            rfc: "draft-ietf-httpapi-idempotency-key-header section 2.6",
            remedy: "Make the key before the first try, and send it with each one.",
            judge: same_key in WriteUnavailable AnswerLost,
        }
        NoSecondZone = "no-second-zone" {
            title: "a lost answer makes no second zone",
            level: Required,
            rfc: "RFC 9110 section 9.2.2",
            remedy: "Send an `Idempotency-Key` with each POST, and the same one with its retry.",
            judge: no_second_zone in AnswerLost,
        }
        TokenRequestRetried = "token-request-retried" {
            title: "a token request is retried after a 503",
            level: Advised,
            rfc: "RFC 9110 section 15.6.4",
            remedy: "Retry token requests after 5xx as any other.",
            judge: token_request_retried in TokenUnavailable,
        }
    }
    Variations in variations {
        VariationUnknownMembers = "variation-unknown-members" {
            title: "unknown members of an answer are ignored",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Ignore members that you do not know.",
            judge: variation_unknown_members in VariationUnknownMembers,
        }
        VariationTokenTypeLowercase = "variation-token-type-lowercase" {
            title: "`token_type` is compared without case",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Compare `token_type` without case.",
            judge: variation_token_type_lowercase in VariationTokenTypeLowercase,
        }
        VariationNoExpiresIn = "variation-no-expires-in" {
            title: "a token without `expires_in` is used",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Without `expires_in` assume a short life, and renew on 401.",
            judge: variation_no_expires_in in VariationNoExpiresIn,
        }
        VariationNoScope = "variation-no-scope" {
            title: "a token answer without `scope` is read",
            level: Required,
            rfc: "RFC 6749 section 5.1",
            remedy: "Without `scope`, the scope is the one that you asked for.",
            judge: variation_no_scope in VariationNoScope,
        }
        VariationReorderedMembers = "variation-reordered-members" {
            title: "the order of members means nothing",
            level: Required,
            rfc: "RFC 8259 section 4",
            remedy: "Read JSON with a parser.",
            judge: variation_reordered_members in VariationReorderedMembers,
        }
        VariationChunkedBody = "variation-chunked-body" {
            title: "a body without `Content-Length` is read",
            level: Required,
            rfc: "RFC 9112 section 7.1",
            remedy: "Read a body to its end, whatever its framing.",
            judge: variation_chunked_body in VariationChunkedBody,
        }
        VariationLowercaseFields = "variation-lowercase-fields" {
            title: "lower-case field names are read",
            level: Required,
            rfc: "RFC 9110 section 5.1",
            remedy: "Compare field names without case.",
            judge: variation_lowercase_fields in VariationLowercaseFields,
        }
        VariationTitleCaseFields = "variation-title-case-fields" {
            title: "title-case field names are read",
            level: Required,
            rfc: "RFC 9110 section 5.1",
            remedy: "Compare field names without case.",
            judge: variation_title_case_fields in VariationTitleCaseFields,
        }
        VariationConnectionClose = "variation-connection-close" {
            title: "a connection that closes after an answer is opened again",
            level: Required,
            rfc: "RFC 9112 section 9.6",
            remedy: "Open another connection when the server closes one.",
            judge: variation_connection_close in VariationConnectionClose,
        }
    }
    Hygiene in hygiene {
        NoSecretInUrl = "no-secret-in-url" {
            title: "no secret and no token is in a URL",
            level: Required,
            rfc: "RFC 6750 section 2.3",
            remedy: "Send the token in `Authorization`, and the secret in the body or by Basic.",
            judge: no_secret_in_url in Baseline,
        }
        OnlyHttps = "only-https" {
            title: "nothing is sent in the clear",
            level: Required,
            rfc: "RFC 6750 section 5.3",
            remedy: "Use the https URL; do not try http first.",
            judge: only_https in Baseline,
        }
        TlsVersion = "tls-version" {
            title: "TLS is 1.2 or newer",
            level: Advised,
            rfc: "RFC 9325 section 3.1.1",
            remedy: "Allow TLS 1.2 and 1.3 alone.",
            judge: tls_version in Baseline,
        }
        CertificateVerified = "certificate-verified" {
            title: "a wrong certificate is refused",
            level: Required,
            rfc: "RFC 9110 section 4.3.4",
            remedy: "Verify the certificate, and give the client the file of the authority instead of switching that off.",
            judge: certificate_verified in WrongCertificate,
        }
        ConnectionsReused = "connections-reused" {
            title: "connections are used again",
            level: Advised,
            rfc: "RFC 9112 section 9.3",
            remedy: "Use one HTTP client for all requests.",
            judge: connections_reused in Baseline,
        }
        UserAgent = "user-agent" {
            title: "`User-Agent` names the partner",
            level: Advised,
            rfc: "RFC 9110 section 10.1.5",
            remedy: "Send a `User-Agent` such as `curbside/1.4`.",
            judge: user_agent in Baseline,
        }
        Pagination = "pagination" {
            title: "lists are read to their end",
            level: Required,
            rfc: "",
            remedy: "Follow `next_cursor` until it is null.",
            judge: pagination in Baseline,
        }
        IfMatch = "if-match" {
            title: "changes say which version they change",
            level: Advised,
            rfc: "RFC 9110 section 13.1.1",
            remedy: "Send the `ETag` that you read as `If-Match` with PUT, PATCH and DELETE.",
            judge: if_match in Baseline,
        }
        ScopesUsed = "scopes-used" {
            title: "no scope is held that is never used",
            level: Advised,
            rfc: "RFC 9700 section 2.3",
            remedy: "Ask for the scopes that you use, and have the others taken away.",
            judge: scopes_used in Baseline,
        }
        OperationsExercised = "operations-exercised" {
            title: "every operation that the client may use is exercised",
            level: Advised,
            rfc: "",
            remedy: "Let the command call each operation that you will use.",
            judge: operations_exercised in Baseline,
        }
    }
}
