//! The error codes that OAuth registers, in the RFCs' own words.

/// `error` of an answer: the one list of the codes that this server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// "The request is missing a required parameter, includes an unsupported parameter value (other than
    /// grant type), repeats a parameter, includes multiple credentials, utilizes more than one mechanism
    /// for authenticating the client, or is otherwise malformed."
    InvalidRequest,
    /// "Client authentication failed (e.g., unknown client, no client authentication included, or
    /// unsupported authentication method)."
    InvalidClient,
    /// "The authenticated client is not authorized to use this authorization grant type."
    UnauthorizedClient,
    /// "The authorization grant type is not supported by the authorization server."
    UnsupportedGrantType,
    /// "The requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource
    /// owner."
    InvalidScope,
    /// "The requested resource is invalid, missing, unknown, or malformed." (RFC 8707)
    InvalidTarget,
    /// "The authorization server is currently unable to handle the request due to a temporary overloading
    /// or maintenance of the server." (RFC 6749 section 4.1.2.1; section 5.2 has no such code)
    TemporarilyUnavailable,
    /// "The access token provided is expired, revoked, malformed, or invalid for other reasons." (RFC 6750 section 3.1)
    InvalidToken,
    /// "The request requires higher privileges than provided by the access token." (RFC 6750 section 3.1)
    InsufficientScope,
}

impl ErrorCode {
    /// The codes of a token endpoint's answers (RFC 6749 section 5.2, RFC 8707 section 2).
    pub(crate) const OF_TOKEN_ENDPOINT: &'static [Self] = &[
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::TemporarilyUnavailable,
    ];

    /// The code as it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}
