//! The answers that a fault injects: those of the gate and of its handlers, made from the same errors, so that no client
//! can tell them from real ones by their status, their fields or their body.

use std::time::Duration;

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use uuid::Uuid;

use super::{BodyFault, OauthError, Problem, ProblemKind as Kind};
use crate::admission::Denial;
use crate::api::problem::FieldFault;
use crate::api::sandbox::fault::Phase;
use crate::client_credentials::TokenError;
use crate::idempotency::{DEFAULT_MAX_KEYS, InvalidKey};
use crate::oauth::bearer::BearerFault;
use crate::oauth::scope::{READ_ZONES, Scope, ScopeToken};
use crate::oauth::token_request::RequestFault;
use crate::parking::{DEFAULT_MAX_ZONES, ParkingError};
use crate::quota::Units;
use crate::time::UnixSeconds;
use crate::tokens::TokenFault;

/// What an injected answer says beyond its kind.
pub(in crate::http) struct Occasion {
    /// The sandbox's time.
    pub(in crate::http) now: UnixSeconds,
    /// The scope token that the request needs, if it needs one.
    pub(in crate::http) scope_token: Option<ScopeToken>,
    /// The client's scope, if the client is known.
    pub(in crate::http) assigned: Option<Scope>,
    /// `Retry-After` in seconds, in place of the usual one.
    pub(in crate::http) retry_after: Option<u32>,
}

/// How long a limit makes a client wait, as an injected answer has it.
const WAIT: Duration = Duration::from_secs(1);
/// The largest bodies, in bytes, as [`crate::http::body`] reads them.
const MAX_BYTES: usize = 64 * 1_024;
const MAX_OAUTH_BYTES: usize = 16 * 1_024;

/// The answer of this kind to a request of this phase; `None` if no request of the phase ever gets it.
pub(in crate::http) fn injected(kind: Kind, phase: Phase, occasion: &Occasion) -> Option<actix_web::Error> {
    match phase {
        Phase::Token => oauth_error(kind, occasion).map(Into::into),
        Phase::Resource => problem(kind, occasion).map(Into::into),
    }
}

/// The kind of problem that the gate answers with this status in this phase, if there is one. Of several it is the one
/// that clients meet most.
pub(crate) fn kind_of_status(status: u16, phase: Phase) -> Option<Kind> {
    Some(match (status, phase) {
        (400, Phase::Resource) => Kind::MalformedRequest,
        (401, Phase::Resource) => Kind::TokenInvalid,
        (403, Phase::Resource) => Kind::InsufficientScope,
        (404, Phase::Resource) => Kind::NotFound,
        (409, Phase::Resource) => Kind::Conflict,
        (412, Phase::Resource) => Kind::PreconditionFailed,
        (422, Phase::Resource) => Kind::InvalidFields,
        (429, Phase::Resource) => Kind::Throttled,
        (400, Phase::Token) => Kind::InvalidRequest,
        (401, Phase::Token) => Kind::InvalidClient,
        (429, Phase::Token) => Kind::TooManyTokenRequests,
        (405, _) => Kind::MethodNotAllowed,
        (408, _) => Kind::RequestTimeout,
        (413, _) => Kind::PayloadTooLarge,
        (415, _) => Kind::UnsupportedMediaType,
        (503, _) => Kind::Unavailable,
        _ => return None,
    })
}

fn problem(kind: Kind, occasion: &Occasion) -> Option<Problem> {
    let gate = |denial: Denial| Problem::from(denial).needing(occasion.scope_token.clone());
    let problem = match kind {
        Kind::TokenMissing => gate(Denial::TokenMissing),
        Kind::TokenInvalid => gate(Denial::Token(TokenFault::BadSignature)),
        Kind::TokenExpired => gate(Denial::Token(TokenFault::Expired)),
        Kind::TokenRevoked => gate(Denial::Revoked),
        Kind::TokenMisplaced => gate(Denial::TokenMisplaced(BearerFault::InQuery)),
        Kind::InsufficientScope => Denial::InsufficientScope(occasion.scope_token.clone().unwrap_or(READ_ZONES)).into(),
        Kind::Throttled => gate(Denial::Throttled(WAIT)),
        Kind::QuotaExceeded => gate(Denial::QuotaExceeded(used_up(occasion.now))),
        Kind::NotFound => ParkingError::NotFound.into(),
        Kind::MethodNotAllowed => Problem::method_not_allowed("GET, HEAD"),
        Kind::MalformedRequest => BodyFault::Malformed.into(),
        Kind::MalformedBody => Problem::new(kind, "The body is not JSON: it is empty at line 1 column 1."),
        Kind::MalformedQuery => Problem::new(kind, "limit is a whole number from 1 to 100."),
        Kind::InvalidCursor => Problem::new(kind, "Send next_cursor as you received it, with the same filters."),
        Kind::InvalidFields => Problem::invalid_fields(vec![FieldFault::new("/name", "is required")]),
        Kind::Conflict => ParkingError::NumberTaken { zone_id: Uuid::nil() }.into(),
        Kind::PreconditionFailed => ParkingError::PreconditionFailed.into(),
        Kind::IdempotencyKeyReused => ParkingError::KeyReused.into(),
        Kind::IdempotencyKeyInvalid => InvalidKey.into(),
        Kind::TooManyIdempotencyKeys => ParkingError::TooManyKeys { max_keys: DEFAULT_MAX_KEYS }.into(),
        Kind::TooManyZones => ParkingError::TooManyZones { max_zones: DEFAULT_MAX_ZONES }.into(),
        Kind::PayloadTooLarge => BodyFault::TooLarge(MAX_BYTES).into(),
        Kind::RequestTimeout => BodyFault::Late.into(),
        Kind::UnsupportedMediaType => BodyFault::Coded.into(),
        // As a store that does not answer; only a real one has a cause for the log.
        Kind::Unavailable => Problem::unavailable("The server's store did not answer."),
        Kind::HttpsRequired
        | Kind::InvalidRequest
        | Kind::InvalidClient
        | Kind::UnauthorizedClient
        | Kind::UnsupportedGrantType
        | Kind::InvalidScope
        | Kind::InvalidTarget
        | Kind::TooManyTokenRequests
        | Kind::UnsupportedResponseType
        | Kind::ControlTokenRequired
        | Kind::ForeignRequest => return None,
    };
    Some(match occasion.retry_after {
        Some(seconds) => problem.replacing_header(RETRY_AFTER, HeaderValue::from(seconds)),
        None => problem,
    })
}

fn oauth_error(kind: Kind, occasion: &Occasion) -> Option<OauthError> {
    let error: OauthError = match kind {
        Kind::InvalidRequest => TokenError::AudienceMissing.into(),
        Kind::InvalidClient => TokenError::NotAuthenticated.into(),
        Kind::UnauthorizedClient => TokenError::Suspended.into(),
        Kind::UnsupportedGrantType => RequestFault::GrantTypeUnsupported.into(),
        Kind::InvalidScope => {
            let assigned = occasion.assigned.clone().or_else(|| Scope::parse(&READ_ZONES).ok())?;
            TokenError::ScopeNotAssigned { assigned }.into()
        }
        Kind::InvalidTarget => TokenError::AudienceNotGranted.into(),
        Kind::TooManyTokenRequests => TokenError::TooManyTokens(WAIT).into(),
        Kind::MethodNotAllowed => OauthError::method_not_allowed(),
        Kind::MalformedRequest => BodyFault::Malformed.into(),
        Kind::PayloadTooLarge => BodyFault::TooLarge(MAX_OAUTH_BYTES).into(),
        Kind::RequestTimeout => BodyFault::Late.into(),
        Kind::UnsupportedMediaType => BodyFault::Coded.into(),
        Kind::Unavailable => OauthError::unavailable(),
        Kind::TokenMissing
        | Kind::TokenInvalid
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenMisplaced
        | Kind::InsufficientScope
        | Kind::Throttled
        | Kind::QuotaExceeded
        | Kind::HttpsRequired
        | Kind::NotFound
        | Kind::MalformedBody
        | Kind::MalformedQuery
        | Kind::InvalidCursor
        | Kind::InvalidFields
        | Kind::Conflict
        | Kind::PreconditionFailed
        | Kind::IdempotencyKeyReused
        | Kind::IdempotencyKeyInvalid
        | Kind::TooManyIdempotencyKeys
        | Kind::TooManyZones
        | Kind::UnsupportedResponseType
        | Kind::ControlTokenRequired
        | Kind::ForeignRequest => return None,
    };
    Some(match occasion.retry_after {
        Some(seconds) => error.replacing_header(RETRY_AFTER, HeaderValue::from(seconds)),
        None => error,
    })
}

/// A daily quota that is used up at this moment.
fn used_up(now: UnixSeconds) -> Units {
    let resets_at = now.day().end();
    let resets_in_s = resets_at.since(now);
    Units { admitted: false, daily_quota: None, used: 0, remaining: Some(0), resets_at, resets_in_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCCASION: Occasion =
        Occasion { now: UnixSeconds::new(86_390), scope_token: None, assigned: None, retry_after: None };

    #[test]
    fn every_kind_is_injected_with_its_own_status() {
        let never =
            [Kind::HttpsRequired, Kind::UnsupportedResponseType, Kind::ControlTokenRequired, Kind::ForeignRequest];
        for kind in Kind::ALL {
            let answers = [Phase::Token, Phase::Resource].map(|phase| injected(kind, phase, &OCCASION));
            assert_eq!(answers.iter().all(Option::is_none), never.contains(&kind), "{kind:?}");
            for answer in answers.into_iter().flatten() {
                assert_eq!(answer.as_response_error().status_code(), kind.status(), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_status_stands_for_a_kind_that_has_it() {
        for phase in [Phase::Token, Phase::Resource] {
            for status in 400..=599 {
                let Some(kind) = kind_of_status(status, phase) else { continue };
                assert_eq!(kind.status().as_u16(), status);
                assert!(injected(kind, phase, &OCCASION).is_some(), "{status} in {phase:?}");
            }
            assert_eq!(kind_of_status(502, phase), None, "that is a proxy's");
        }
    }

    #[test]
    fn retry_after_is_the_usual_one_or_the_one_asked_for() {
        let sent = |kind, phase, retry_after| {
            let answer = injected(kind, phase, &Occasion { retry_after, ..OCCASION }).unwrap();
            let fields = answer.error_response();
            let values: Vec<_> =
                fields.headers().get_all(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned()).collect();
            values.join(", ")
        };
        assert_eq!(sent(Kind::Throttled, Phase::Resource, None), "1");
        assert_eq!(sent(Kind::QuotaExceeded, Phase::Resource, None), "10", "until midnight");
        assert_eq!(sent(Kind::TooManyTokenRequests, Phase::Token, Some(0)), "0");
        assert_eq!(sent(Kind::Unavailable, Phase::Resource, Some(7)), "7");
        assert_eq!(sent(Kind::TokenRevoked, Phase::Resource, None), "");
    }
}
