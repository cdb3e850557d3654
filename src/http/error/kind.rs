//! What can go wrong, as kinds: each has a page of its own, at `/problems/{slug}`.

use actix_web::http::StatusCode;

use crate::oauth::error::ErrorCode;

/// What went wrong, as a kind that has a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No bearer token (RFC 6750 section 3.1).
    TokenMissing,
    /// A bearer token that is no good: malformed, forged, for another API, or its client is gone.
    TokenInvalid,
    /// A bearer token whose time is over.
    TokenExpired,
    /// A bearer token that was revoked.
    TokenRevoked,
    /// A bearer token in the query string, or more than one.
    TokenMisplaced,
    /// A token without the scope token that is needed.
    InsufficientScope,
    /// Over the requests per second.
    Throttled,
    /// Over the daily quota.
    QuotaExceeded,
    /// Plain HTTP.
    HttpsRequired,
    /// Nothing is there.
    NotFound,
    /// Something is there, but not for this method.
    MethodNotAllowed,
    /// The request is not right as HTTP: its host, or how its body is framed.
    MalformedRequest,
    /// The body cannot be read.
    MalformedBody,
    /// The query string cannot be read.
    MalformedQuery,
    /// The cursor is of another list, or of none.
    InvalidCursor,
    /// The body can be read, but members of it are wrong.
    InvalidFields,
    /// What is there already stands in the way.
    Conflict,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// An `Idempotency-Key` that came before with another request.
    IdempotencyKeyReused,
    /// An `Idempotency-Key` that cannot be read.
    IdempotencyKeyInvalid,
    /// The client has as many answers remembered for its keys as it may have.
    TooManyIdempotencyKeys,
    /// The client has created as many zones as it may have.
    TooManyZones,
    /// The body is too large.
    PayloadTooLarge,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body's media type is not known here.
    UnsupportedMediaType,
    /// The store did not answer.
    Unavailable,
    /// `invalid_request` of an OAuth endpoint (RFC 6749 section 5.2).
    InvalidRequest,
    /// `invalid_client`: client authentication failed.
    InvalidClient,
    /// `unauthorized_client`: the client may not do this.
    UnauthorizedClient,
    /// `unsupported_grant_type`.
    UnsupportedGrantType,
    /// `invalid_scope`: more than the client was assigned.
    InvalidScope,
    /// `invalid_target`: an API set that the client was not granted (RFC 8707 section 2).
    InvalidTarget,
    /// Too many token requests from one address, or for one client.
    TooManyTokenRequests,
    /// `unsupported_response_type`: a request to authorize in a browser (RFC 6749 section 4.1.2.1).
    UnsupportedResponseType,
}

impl ProblemKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 34] = [
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::TokenMisplaced,
        Self::InsufficientScope,
        Self::Throttled,
        Self::QuotaExceeded,
        Self::HttpsRequired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::MalformedRequest,
        Self::MalformedBody,
        Self::MalformedQuery,
        Self::InvalidCursor,
        Self::InvalidFields,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::IdempotencyKeyReused,
        Self::IdempotencyKeyInvalid,
        Self::TooManyIdempotencyKeys,
        Self::TooManyZones,
        Self::PayloadTooLarge,
        Self::RequestTimeout,
        Self::UnsupportedMediaType,
        Self::Unavailable,
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::TooManyTokenRequests,
        Self::UnsupportedResponseType,
    ];

    /// The last segment of its page's path.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.facts().0
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().1
    }

    /// What happened, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.facts().3
    }

    /// Another kind that this one is easily taken for: its page is named on this one's.
    #[must_use]
    pub const fn related(self) -> Option<Self> {
        // IANA's type of both limits is called quota-exceeded, whichever was exceeded.
        if matches!(self, Self::QuotaExceeded | Self::TooManyTokenRequests) {
            Some(Self::Throttled)
        } else if matches!(self, Self::Throttled) {
            Some(Self::QuotaExceeded)
        } else {
            None
        }
    }

    /// The kind that an error code of an OAuth endpoint stands for.
    #[must_use]
    pub const fn of_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidRequest => Self::InvalidRequest,
            ErrorCode::InvalidClient => Self::InvalidClient,
            ErrorCode::UnauthorizedClient => Self::UnauthorizedClient,
            ErrorCode::UnsupportedGrantType => Self::UnsupportedGrantType,
            ErrorCode::InvalidScope => Self::InvalidScope,
            ErrorCode::InvalidTarget => Self::InvalidTarget,
            ErrorCode::TemporarilyUnavailable => Self::Unavailable,
        }
    }

    /// `error`, where OAuth has a code for it (RFC 6750 section 3.1).
    #[must_use]
    pub fn error_code(self) -> Option<&'static str> {
        let invalid_token = [Self::TokenInvalid, Self::TokenExpired, Self::TokenRevoked].contains(&self);
        let invalid_request = (self == Self::TokenMisplaced).then_some("invalid_request");
        let insufficient_scope = (self == Self::InsufficientScope).then_some("insufficient_scope");
        invalid_token.then_some("invalid_token").or(invalid_request).or(insufficient_scope)
    }

    #[allow(clippy::too_many_lines, reason = "a table: one row for each kind")]
    const fn facts(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Self::TokenMissing => (
                "token-missing",
                StatusCode::UNAUTHORIZED,
                "An access token is required",
                "Fetch an access token from the token endpoint with your client_id and client_secret, and send it in \
                 the header Authorization: Bearer. The address of the token endpoint is in \
                 /.well-known/oauth-authorization-server.",
            ),
            Self::TokenInvalid => (
                "token-invalid",
                StatusCode::UNAUTHORIZED,
                "The access token is not valid here",
                "The detail says why. Check that the whole token was sent, that it came from this server, and that it \
                 was requested for this API's audience. Then fetch a new one. If the client is suspended, only the \
                 operator can help.",
            ),
            Self::TokenExpired => (
                "token-expired",
                StatusCode::UNAUTHORIZED,
                "The access token has expired",
                "Fetch a new access token and send the request again. The token endpoint's answer says in expires_in \
                 how many seconds a token lives: keep it until shortly before, then fetch the next.",
            ),
            Self::TokenRevoked => (
                "token-revoked",
                StatusCode::UNAUTHORIZED,
                "The access token was revoked",
                "Fetch a new access token. A token is revoked at its client's wish, by the operator, or because it was \
                 sent over plain HTTP.",
            ),
            Self::TokenMisplaced => (
                "token-misplaced",
                StatusCode::BAD_REQUEST,
                "The access token is in the wrong place",
                "Send exactly one access token, in the Authorization header. Never put it in a URL: it would be kept \
                 in logs and histories. A token that was in a URL should be revoked.",
            ),
            Self::InsufficientScope => (
                "insufficient-scope",
                StatusCode::FORBIDDEN,
                "The access token does not carry the needed scope",
                "The WWW-Authenticate header names the scope that is needed. Scopes are assigned when a client is \
                 registered: if the client has this one, request a token without narrowing its scope; if not, ask the \
                 operator. Sending the request again changes nothing.",
            ),
            Self::Throttled => (
                "throttled",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests per second",
                "Wait for the seconds that Retry-After names, then send the request again. The RateLimit header of \
                 every answer says how many requests are left at this moment. This is the limit on requests per \
                 second, which violated-policies calls second. The daily quota is another limit.",
            ),
            Self::QuotaExceeded => (
                "quota-exceeded",
                StatusCode::TOO_MANY_REQUESTS,
                "The daily quota is used up",
                "The quota starts anew at midnight UTC; Retry-After says in how many seconds. The RateLimit header of \
                 every answer says how many requests are left today. For a larger quota, ask the operator. This is \
                 the quota that violated-policies calls day. The limit on requests per second is another.",
            ),
            Self::HttpsRequired => (
                "https-required",
                StatusCode::FORBIDDEN,
                "Only HTTPS is answered",
                "Use the https:// address. A credential that was sent in the clear may have been read on its way: an \
                 access token sent so has been revoked, and a client secret sent so should be rotated.",
            ),
            Self::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "Check the path and the identifier in it.",
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
                "The Allow header names the methods that are.",
            ),
            Self::MalformedRequest => (
                "malformed-request",
                StatusCode::BAD_REQUEST,
                "The request is not well-formed HTTP",
                "The detail says what is wrong. Whoever writes requests byte by byte finds the rules in RFC 9112; if an \
                 HTTP library wrote this one, look at what stands between it and this server.",
            ),
            Self::MalformedBody => (
                "malformed-body",
                StatusCode::BAD_REQUEST,
                "The body cannot be read",
                "The detail says at which line and column, and what was expected there. The body is one JSON object \
                 in UTF-8. With curl, put it between single quotes after -d, or into a file: -d @FILE.",
            ),
            Self::MalformedQuery => (
                "malformed-query",
                StatusCode::BAD_REQUEST,
                "The query string cannot be read",
                "The detail names the parameter and what it takes.",
            ),
            Self::InvalidCursor => (
                "invalid-cursor",
                StatusCode::BAD_REQUEST,
                "The cursor is not one of this list",
                "Use next_cursor as it was answered, with the same filters; to start anew, leave it out.",
            ),
            Self::InvalidFields => (
                "invalid-fields",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Some members of the body are not right",
                "Each entry of errors names one member, as a JSON pointer, and what would be right.",
            ),
            Self::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "What is there already stands in the way",
                "The detail says what it is, and what to do first or instead.",
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "It has changed since you read it",
                "Read it again, apply your change to what you read, and send that with its ETag in If-Match.",
            ),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key came with another request",
                "Use a new key for each new request, and the same key only to send the very same request again.",
            ),
            Self::IdempotencyKeyInvalid => (
                "idempotency-key-invalid",
                StatusCode::BAD_REQUEST,
                "The Idempotency-Key cannot be used",
                "Send one Idempotency-Key of 1 to 255 visible ASCII characters; a UUID is a good one.",
            ),
            Self::TooManyIdempotencyKeys => (
                "too-many-idempotency-keys",
                StatusCode::CONFLICT,
                "This client has used too many Idempotency-Keys",
                "Answers are remembered for 24 hours, a bounded number of them for each client. Use a new key for each new \
                 request only, wait until the first is forgotten, or send requests that need no key without one. For more, \
                 ask the operator, whose setting is parking.max_idempotency_keys_per_client.",
            ),
            Self::TooManyZones => (
                "too-many-zones",
                StatusCode::CONFLICT,
                "This client has created as many zones as it may have",
                "Delete zones that this client created and that are no longer needed, then send the request again. Waiting \
                 changes nothing. For more, ask the operator, whose setting is parking.max_zones_per_client.",
            ),
            Self::PayloadTooLarge => (
                "payload-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "The detail says how large it may be.",
            ),
            Self::RequestTimeout => (
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time",
                "Send the request again, whole.",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body's media type is not known here",
                "Send JSON, with Content-Type: application/json.",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot do this right now",
                "Nothing was changed that was not confirmed. Wait for the seconds that Retry-After names, then send the \
                 request again; a POST with the same Idempotency-Key.",
            ),
            Self::InvalidRequest => (
                "invalid-request",
                StatusCode::BAD_REQUEST,
                "The OAuth request cannot be read",
                "The error_description names the parameter and what is wrong with it. Send each parameter once, in the \
                 body, as application/x-www-form-urlencoded or as one JSON object of strings.",
            ),
            Self::InvalidClient => (
                "invalid-client",
                StatusCode::UNAUTHORIZED,
                "The client did not prove who it is",
                "Check client_id and client_secret: both whole, without a space or a line end at either edge, of this \
                 server, and not rotated since. Send them in Authorization: Basic or in the body, not in both. An \
                 unknown client_id and a wrong secret get the same answer.",
            ),
            Self::UnauthorizedClient => (
                "unauthorized-client",
                StatusCode::BAD_REQUEST,
                "The client may not do this",
                "The error_description says why: the client is suspended, or the token belongs to another client. Only \
                 the operator of this API can change that.",
            ),
            Self::UnsupportedGrantType => (
                "unsupported-grant-type",
                StatusCode::BAD_REQUEST,
                "The grant type is not supported",
                "Send grant_type=client_credentials. It is the only grant of this server.",
            ),
            Self::InvalidScope => (
                "invalid-scope",
                StatusCode::BAD_REQUEST,
                "The scope is more than the client was assigned",
                "The error_description names the scope that the client was assigned. Ask for a part of it, or leave \
                 scope out and get all of it. For more, ask the operator.",
            ),
            Self::InvalidTarget => (
                "invalid-target",
                StatusCode::BAD_REQUEST,
                "The client was not granted this audience",
                "Check the spelling of audience (or resource). The operator who registered the client knows which API \
                 sets it was granted, and can grant more.",
            ),
            Self::TooManyTokenRequests => (
                "too-many-token-requests",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many token requests",
                "Wait for the seconds that Retry-After names, then send the request again. Use each access token until \
                 shortly before expires_in is over, and not one token for each request; and do not repeat a request \
                 with credentials that were refused. This limit is not the throttle or the quota of the API.",
            ),
            Self::UnsupportedResponseType => (
                "unsupported-response-type",
                StatusCode::BAD_REQUEST,
                "This server has no sign-in page",
                "This server issues tokens to programs and has no users who could sign in. Configure the client for \
                 the client credentials grant, with the token_endpoint of /.well-known/oauth-authorization-server.",
            ),
        }
    }
}
