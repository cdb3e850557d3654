//! The error codes that OAuth registers, in the RFCs' own words.

/// `error` of a token endpoint's answer (RFC 6749 section 5.2, RFC 8707 section 2).
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
    /// or maintenance of the server." (RFC 6749 section 4.1.2.1; there is no such code in 5.2)
    TemporarilyUnavailable,
}

impl ErrorCode {
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
        }
    }
}
