//! The answer to each error of the floors below.

use std::time::Duration;

use super::{OauthError, Problem, ProblemKind as Kind, sentence};
use crate::administration::ChangeError;
use crate::admission::Denial;
use crate::api::problem::FieldFault;
use crate::client_credentials::TokenError;
use crate::idempotency::InvalidKey;
use crate::keys::KeyError;
use crate::oauth::bearer::BearerFault;
use crate::oauth::credentials::AuthenticationFault;
use crate::oauth::error::ErrorCode;
use crate::oauth::parameters::ParameterFault;
use crate::oauth::token_request::RequestFault;
use crate::parking::{ParkingError, QueryFault};
use crate::passports::PassportFault;
use crate::store::StoreError;
use crate::tokens::TokenFault;

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::TokenMissing => Self::new(Kind::TokenMissing, "The request has no access token."),
            Denial::TokenMisplaced(BearerFault::InQuery) => {
                Self::new(Kind::TokenMisplaced, "The access token is in the query string: send it in the header alone.")
            }
            Denial::TokenMisplaced(_) => {
                Self::new(Kind::TokenMisplaced, "The request has more than one Authorization header: send one.")
            }
            Denial::Token(TokenFault::Expired) => Self::new(Kind::TokenExpired, sentence(&TokenFault::Expired)),
            Denial::Token(fault) => Self::new(Kind::TokenInvalid, sentence(&fault)),
            Denial::WrongAudience => {
                Self::new(Kind::TokenInvalid, "The access token was issued for another audience than this API's.")
            }
            Denial::AudienceWithdrawn => {
                Self::new(Kind::TokenInvalid, "The client may no longer call this API: ask the operator.")
            }
            Denial::Revoked => Self::new(Kind::TokenRevoked, "The access token was revoked: request a new one."),
            Denial::ClientSuspended => {
                Self::new(Kind::TokenInvalid, "The client is suspended: ask the operator of this API.")
            }
            Denial::ClientUnknown => Self::new(Kind::TokenInvalid, "The client is no longer registered here."),
            Denial::Throttled(wait) => {
                Self::new(Kind::Throttled, "The client sent more requests per second than it may send.")
                    .retry_after(wait)
            }
            Denial::QuotaExceeded(units) => {
                let detail = format!(
                    "The client has used all requests of its daily quota; a new quota starts at {}.",
                    units.resets_at
                );
                Self::new(Kind::QuotaExceeded, detail).retry_after(Duration::from_secs(units.resets_in_s))
            }
            Denial::InsufficientScope(scope_token) => {
                let detail = format!("This needs the scope {scope_token}, which the access token does not have.");
                Self::new(Kind::InsufficientScope, detail).needing(Some(scope_token))
            }
            Denial::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::caused_by(error, "The server's store did not answer.")
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let detail = sentence(&error);
        match error {
            ChangeError::AlreadyRegistered
            | ChangeError::LastAdministrator
            | ChangeError::TooManySecrets { .. }
            | ChangeError::SecretKnown
            | ChangeError::LastSecret
            | ChangeError::RegisteredGone
            | ChangeError::RegisteredSecretGone => Self::new(Kind::Conflict, detail),
            ChangeError::ClientUnknown | ChangeError::SecretUnknown | ChangeError::ReportUnknown => {
                Self::new(Kind::NotFound, detail)
            }
            ChangeError::PassportWithdrawn(_) => {
                Self::invalid_fields(vec![FieldFault::new("/passport", error.to_string())])
            }
            ChangeError::PreconditionFailed => Self::new(Kind::PreconditionFailed, detail),
            ChangeError::KeyReused => Self::new(Kind::IdempotencyKeyReused, detail),
            ChangeError::KeyTooShort => Self::new(Kind::IdempotencyKeyInvalid, detail),
            ChangeError::TooManyKeys(_) => Self::new(Kind::TooManyIdempotencyKeys, detail),
            ChangeError::Contended => Self::unavailable(detail),
            ChangeError::NoRandomness => Self::caused_by(error, detail),
            ChangeError::Store(error) => error.into(),
            ChangeError::Key(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let detail = sentence(&error);
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Crypto => Self::caused_by(error, detail),
            KeyError::Unusable(why) => Self::invalid_fields(vec![FieldFault::new("/private_key", why)]),
            KeyError::Unknown => Self::new(Kind::NotFound, detail),
            KeyError::AlreadyHere(_) | KeyError::AnotherWaits(_) | KeyError::NoSuccessor => {
                Self::new(Kind::Conflict, detail)
            }
            KeyError::Busy => Self::unavailable(detail),
        }
    }
}

impl From<PassportFault> for Problem {
    fn from(fault: PassportFault) -> Self {
        match fault {
            PassportFault::NoKeys(cause) => {
                Self::caused_by(cause, "The keys that sign reports cannot be read: ask the operator of this API.")
            }
            PassportFault::Malformed
            | PassportFault::OtherType
            | PassportFault::UnknownKey
            | PassportFault::NoTrustedKey
            | PassportFault::BadSignature
            | PassportFault::OtherClaims
            | PassportFault::Expired(_)
            | PassportFault::OtherClient(_)
            | PassportFault::NotReady(_) => Self::invalid_fields(vec![FieldFault::new("/passport", fault.to_string())]),
        }
    }
}

impl From<ParkingError> for Problem {
    fn from(error: ParkingError) -> Self {
        let detail = sentence(&error);
        match error {
            ParkingError::NotFound => Self::new(Kind::NotFound, detail),
            ParkingError::PreconditionFailed => Self::new(Kind::PreconditionFailed, detail),
            ParkingError::NumberTaken { .. } => Self::new(Kind::Conflict, detail),
            ParkingError::Invalid(faults) => Self::invalid_fields(faults),
            ParkingError::KeyReused => Self::new(Kind::IdempotencyKeyReused, detail),
            ParkingError::TooManyZones { .. } => Self::new(Kind::TooManyZones, detail),
            ParkingError::TooManyKeys { .. } => Self::new(Kind::TooManyIdempotencyKeys, detail),
            ParkingError::Contended => Self::unavailable(detail),
            ParkingError::Store(error) => error.into(),
        }
    }
}

impl From<QueryFault> for Problem {
    fn from(fault: QueryFault) -> Self {
        // The detail starts with the name of a parameter, which has no capital letter.
        match fault {
            QueryFault::Parameters(detail) => Self::new(Kind::MalformedQuery, detail),
            QueryFault::Cursor(fault) => Self::new(Kind::InvalidCursor, format!("{fault}.")),
        }
    }
}

impl From<InvalidKey> for Problem {
    fn from(fault: InvalidKey) -> Self {
        Self::new(Kind::IdempotencyKeyInvalid, sentence(&fault))
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Request(fault) => fault.into(),
            TokenError::RequestOfClient(fault) => Self::from(fault).of_client(),
            TokenError::NotAuthenticated => Self::invalid_client(
                "No client has this client_id, or the secret is wrong: check client_id and client_secret.",
            ),
            TokenError::TooManyFailures(wait) => Self::too_many_requests(
                "Client authentication failed too often from this address: check client_id and client_secret.",
                wait,
            ),
            TokenError::TooManyTokens(wait) => Self::too_many_requests(
                "The client requests too many tokens: use one token until it expires, as expires_in says.",
                wait,
            ),
            TokenError::TooManyRevocations(wait) => Self::too_many_requests(
                "The client revokes too many tokens at once: the operator can revoke all its tokens with one request.",
                wait,
            ),
            TokenError::Suspended => {
                Self::new(ErrorCode::UnauthorizedClient, "The client is suspended: ask the operator of this API.")
                    .of_client()
            }
            TokenError::AudienceMissing => Self::new(
                ErrorCode::InvalidRequest,
                "audience is missing: name the API set that the token is for, such as public.api.passportinc.com.",
            )
            .of_client(),
            TokenError::AudienceNotGranted => Self::new(
                ErrorCode::InvalidTarget,
                "The client was not granted this audience, or none of these resources: check them, or ask the operator.",
            )
            .of_client(),
            TokenError::TwoTargets => Self::new(
                ErrorCode::InvalidTarget,
                "audience and resource name different API sets: a token is for one.",
            )
            .of_client(),
            TokenError::ScopeNotAssigned { assigned } => Self::new(
                ErrorCode::InvalidScope,
                format!("The client has the scope: {assigned}. A request may only narrow it."),
            )
            .of_client(),
            TokenError::Signing(error) => Self::caused_by(error),
        }
    }
}

impl From<RequestFault> for OauthError {
    fn from(fault: RequestFault) -> Self {
        use ErrorCode::{InvalidRequest, InvalidScope, UnsupportedGrantType};
        match fault {
            RequestFault::Parameters(fault) => fault.into(),
            RequestFault::Authentication(AuthenticationFault::Missing) => {
                Self::invalid_client("Client authentication is missing: send client_id and client_secret.")
            }
            RequestFault::Authentication(AuthenticationFault::Malformed) => Self::invalid_client(
                "Client authentication cannot be read: send client_id and client_secret in the body, or in \
                 Authorization: Basic.",
            ),
            RequestFault::Authentication(AuthenticationFault::Repeated) => {
                Self::new(InvalidRequest, "The request has more than one client authentication: send one.")
            }
            RequestFault::GrantTypeMissing => {
                Self::new(InvalidRequest, "grant_type is missing: send client_credentials.")
            }
            RequestFault::GrantTypeUnsupported => {
                Self::new(UnsupportedGrantType, "Only the grant type client_credentials is supported.")
            }
            RequestFault::Scope => {
                Self::new(InvalidScope, "scope is not a list of scope tokens with one space between them.")
            }
            RequestFault::TokenMissing => Self::new(InvalidRequest, "token is missing."),
        }
    }
}

impl From<ParameterFault> for OauthError {
    fn from(fault: ParameterFault) -> Self {
        let description = match fault {
            ParameterFault::Syntax { .. } => {
                format!("{} Send an object such as {{\"grant_type\": \"client_credentials\"}}.", sentence(&fault))
            }
            ParameterFault::MediaType | ParameterFault::Utf16 => sentence(&fault),
            // The text starts with the name of a parameter, which has no capital letter.
            ParameterFault::NotText(_) | ParameterFault::Repeated(_) => format!("{fault}."),
        };
        let error = Self::new(ErrorCode::InvalidRequest, description);
        if fault == ParameterFault::MediaType { error.with_kind(Kind::UnsupportedMediaType) } else { error }
    }
}

impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        Self::caused_by(error)
    }
}

impl From<ChangeError> for OauthError {
    fn from(error: ChangeError) -> Self {
        Self::caused_by(error)
    }
}
