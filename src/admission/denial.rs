//! Why a request may not reach its handler.

use std::time::Duration;

use crate::counts::label;
use crate::oauth::bearer::BearerFault;
use crate::oauth::scope::ScopeToken;
use crate::quota::Units;
use crate::store::StoreError;
use crate::tokens::TokenFault;

/// Why a request may not reach its handler, in the order of the checks.
#[derive(Clone, Debug)]
pub enum Denial {
    /// No bearer token. 401 without an error code (RFC 6750 section 3.1).
    TokenMissing,
    /// A bearer token in the wrong place, or more than one. 400 `invalid_request`.
    TokenMisplaced(BearerFault),
    /// Malformed, forged, of another issuer, or expired. 401 `invalid_token`.
    Token(TokenFault),
    /// Genuine, but for another API. 401 `invalid_token`.
    WrongAudience,
    /// Revoked before its expiry. 401 `invalid_token`.
    Revoked,
    /// Its client may no longer call that API. 401 `invalid_token`.
    AudienceWithdrawn,
    /// Its client is suspended. 401 `invalid_token`.
    ClientSuspended,
    /// Its client is no longer registered. 401 `invalid_token`.
    ClientUnknown,
    /// Over the requests per second; the next request is within them after this time. 429.
    Throttled(Duration),
    /// Over the daily quota. 429.
    QuotaExceeded(Units),
    /// The token does not carry this scope token, or its client may no longer have it. 403 `insufficient_scope`.
    InsufficientScope(ScopeToken),
    /// The store did not answer, so the quota is unknown: the server's fault. 503.
    Store(StoreError),
}

label! {
    /// A [`Denial`], as a label of metrics.
    pub enum Reason {
        /// [`Denial::TokenMissing`]
        TokenMissing = "token_missing",
        /// [`Denial::TokenMisplaced`]
        TokenMisplaced = "token_misplaced",
        /// [`TokenFault::Malformed`]
        TokenMalformed = "token_malformed",
        /// [`TokenFault::UnknownKey`]
        UnknownKey = "unknown_key",
        /// [`TokenFault::BadSignature`]
        BadSignature = "bad_signature",
        /// [`TokenFault::WrongIssuer`]
        WrongIssuer = "wrong_issuer",
        /// [`TokenFault::Expired`]
        TokenExpired = "token_expired",
        /// [`TokenFault::NotYetValid`]
        TokenNotYetValid = "token_not_yet_valid",
        /// [`Denial::WrongAudience`]
        WrongAudience = "wrong_audience",
        /// [`Denial::Revoked`]
        TokenRevoked = "token_revoked",
        /// [`Denial::AudienceWithdrawn`]
        AudienceWithdrawn = "audience_withdrawn",
        /// [`Denial::ClientSuspended`]
        ClientSuspended = "client_suspended",
        /// [`Denial::ClientUnknown`]
        ClientUnknown = "client_unknown",
        /// [`Denial::Throttled`]
        Throttled = "throttled",
        /// [`Denial::QuotaExceeded`]
        QuotaExceeded = "quota_exceeded",
        /// [`Denial::InsufficientScope`]
        InsufficientScope = "insufficient_scope",
        /// [`Denial::Store`]
        StoreUnavailable = "store_unavailable",
    }
}

impl Denial {
    /// The label that counts it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TokenMissing => Reason::TokenMissing,
            Self::TokenMisplaced(_) => Reason::TokenMisplaced,
            Self::Token(TokenFault::Malformed) => Reason::TokenMalformed,
            Self::Token(TokenFault::UnknownKey) => Reason::UnknownKey,
            Self::Token(TokenFault::BadSignature) => Reason::BadSignature,
            Self::Token(TokenFault::WrongIssuer) => Reason::WrongIssuer,
            Self::Token(TokenFault::Expired) => Reason::TokenExpired,
            Self::Token(TokenFault::NotYetValid) => Reason::TokenNotYetValid,
            Self::WrongAudience => Reason::WrongAudience,
            Self::Revoked => Reason::TokenRevoked,
            Self::AudienceWithdrawn => Reason::AudienceWithdrawn,
            Self::ClientSuspended => Reason::ClientSuspended,
            Self::ClientUnknown => Reason::ClientUnknown,
            Self::Throttled(_) => Reason::Throttled,
            Self::QuotaExceeded(_) => Reason::QuotaExceeded,
            Self::InsufficientScope(_) => Reason::InsufficientScope,
            Self::Store(_) => Reason::StoreUnavailable,
        }
    }
}
