//! The kinds of problem. Each has a page of its own at `/problems/{slug}`, and one row in the table below: its doc, the
//! slug, the status, the title and what to do about it.

use actix_web::http::StatusCode;

use crate::oauth::error::ErrorCode;

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $kind:ident: $slug:literal, $status:ident, $title:literal, $remedy:literal;)+) => {
        /// What went wrong, as a kind that has a page of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind),+
        }

        impl ProblemKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            const fn row(self) -> (&'static str, StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$kind => ($slug, StatusCode::$status, $title, $remedy)),+
                }
            }
        }
    };
}

problem_kinds! {
    /// No bearer token (RFC 6750 section 3.1).
    TokenMissing: "token-missing", UNAUTHORIZED,
        "An access token is required",
        "Request an access token from the token endpoint with your client_id and client_secret, and send it in the \
         header Authorization: Bearer. The address of the token endpoint is in \
         /.well-known/oauth-authorization-server.";
    /// A bearer token that is malformed, forged or for another API, or whose client is suspended or deleted.
    TokenInvalid: "token-invalid", UNAUTHORIZED,
        "The access token is not valid",
        "The detail says why. Check that you sent the whole token, that this server issued it, and that you requested \
         it for the audience of this API. Then request a new token. If the client is suspended, only the operator can \
         help.";
    /// A bearer token after its expiry.
    TokenExpired: "token-expired", UNAUTHORIZED,
        "The access token has expired",
        "Request a new access token and send the request again. The answer of the token endpoint says in expires_in \
         how many seconds a token is valid: use one token until shortly before that, then request the next.";
    /// A bearer token that was revoked.
    TokenRevoked: "token-revoked", UNAUTHORIZED,
        "The access token was revoked",
        "Request a new access token. The client or the operator revoked this one, or the server revoked it because it \
         was sent over plain HTTP.";
    /// A bearer token in the query string, or more than one.
    TokenMisplaced: "token-misplaced", BAD_REQUEST,
        "The access token is in the wrong place",
        "Send exactly one access token, in the Authorization header. Never put a token in a URL: logs and browser \
         histories store URLs. Revoke a token that was in a URL.";
    /// A token without the scope token that the request needs.
    InsufficientScope: "insufficient-scope", FORBIDDEN,
        "The access token does not have the required scope",
        "The WWW-Authenticate header names the required scope. The operator assigns scopes when a client is \
         registered. If the client has this scope, request a token without narrowing its scope; if not, ask the \
         operator. To send the same request again does not help.";
    /// Over the requests per second.
    Throttled: "throttled", TOO_MANY_REQUESTS,
        "Too many requests per second",
        "Wait for the number of seconds in Retry-After, then send the request again. The RateLimit header of every \
         answer says how many requests are left at this moment. This is the limit on requests per second, which \
         violated-policies calls second. The daily quota is another limit.";
    /// Over the daily quota.
    QuotaExceeded: "quota-exceeded", TOO_MANY_REQUESTS,
        "The daily quota is used up",
        "A new quota starts at midnight UTC; Retry-After says in how many seconds. The RateLimit header of every \
         answer says how many requests are left today. For a larger quota, ask the operator. This is the quota that \
         violated-policies calls day. The limit on requests per second is another limit.";
    /// Plain HTTP.
    HttpsRequired: "https-required", FORBIDDEN,
        "HTTPS is required",
        "Use the https:// address. Anyone on the way may have read a credential that you sent over plain HTTP. The \
         server has revoked an access token that came this way. Rotate a client secret that came this way.";
    /// No resource has the path, or no record has the identifier.
    NotFound: "not-found", NOT_FOUND,
        "Not found",
        "Check the path and the identifier in it.";
    /// The resource does not have this method.
    MethodNotAllowed: "method-not-allowed", METHOD_NOT_ALLOWED,
        "The method is not allowed",
        "Use one of the methods in the Allow header.";
    /// The request is not well-formed HTTP: its host, or the framing of its body.
    MalformedRequest: "malformed-request", BAD_REQUEST,
        "The request is not well-formed HTTP",
        "The detail says what is wrong. If your own code writes the bytes of the request, RFC 9112 has the rules. If an \
         HTTP library wrote the request, check the proxies between the client and this server.";
    /// The body is not JSON, or not one object.
    MalformedBody: "malformed-body", BAD_REQUEST,
        "The body is not valid JSON",
        "The detail says at which line and column, and what is expected there. Send one JSON object in UTF-8. With \
         curl, put the body in single quotes after -d, or in a file: -d @FILE.";
    /// A parameter of the query string is unknown or has no valid value.
    MalformedQuery: "malformed-query", BAD_REQUEST,
        "The query string is not valid",
        "The detail names the parameter and its valid values.";
    /// The cursor is not one of this list.
    InvalidCursor: "invalid-cursor", BAD_REQUEST,
        "The cursor does not belong to this list",
        "Send next_cursor exactly as you received it, with the same filters. To start from the first page, leave \
         cursor out.";
    /// The body is JSON, but some of its fields are not valid.
    InvalidFields: "invalid-fields", UNPROCESSABLE_ENTITY,
        "Some fields of the body are not valid",
        "Each entry of errors names one field, as a JSON Pointer, and says what is expected.";
    /// The current state does not allow the change.
    Conflict: "conflict", CONFLICT,
        "The request conflicts with the current state",
        "The detail says what the conflict is, and what to do first or instead.";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed: "precondition-failed", PRECONDITION_FAILED,
        "The resource has changed since you read it",
        "Read the resource again, apply your change to the new state, and send it with the new ETag in If-Match.";
    /// The client sent this `Idempotency-Key` before, with another request.
    IdempotencyKeyReused: "idempotency-key-reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another request",
        "Use a new key for each new request. Use the same key only to send exactly the same request again.";
    /// The `Idempotency-Key` is not one of 1 to 255 visible ASCII characters.
    IdempotencyKeyInvalid: "idempotency-key-invalid", BAD_REQUEST,
        "The Idempotency-Key is not valid",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, for example a UUID.";
    /// The server remembers as many answers for the client's keys as the settings allow.
    TooManyIdempotencyKeys: "too-many-idempotency-keys", CONFLICT,
        "This client has used too many Idempotency-Keys",
        "The server remembers an answer for 24 hours, and a limited number of answers for each client. Use a new key \
         only for each new request, wait until the server forgets the oldest answer, or send no key with a request that \
         needs none. For a higher limit, ask the operator: the setting is parking.max_idempotency_keys_per_client.";
    /// The client has created as many zones as the settings allow.
    TooManyZones: "too-many-zones", CONFLICT,
        "This client has created too many zones",
        "Delete zones of this client that you no longer need, then send the request again. To wait does not help. For a \
         higher limit, ask the operator: the setting is parking.max_zones_per_client.";
    /// The body is too large.
    PayloadTooLarge: "payload-too-large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        "The detail says how large a body may be.";
    /// The body did not arrive in time.
    RequestTimeout: "request-timeout", REQUEST_TIMEOUT,
        "The body did not arrive in time",
        "Send the whole request again.";
    /// The media type or the coding of the body is not supported.
    UnsupportedMediaType: "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The media type of the body is not supported",
        "Send JSON, with Content-Type: application/json.";
    /// The store or the system's random source did not answer.
    Unavailable: "unavailable", SERVICE_UNAVAILABLE,
        "The server cannot do this right now",
        "Wait for the number of seconds in Retry-After, then send the request again; a POST with the same \
         Idempotency-Key. A change that was not confirmed may have been made all the same: without such a key, read \
         first.";
    /// `invalid_request` of an OAuth endpoint (RFC 6749 section 5.2).
    InvalidRequest: "invalid-request", BAD_REQUEST,
        "The OAuth request is not valid",
        "The error_description names the parameter and what is wrong with it. Send each parameter once, in the body, as \
         application/x-www-form-urlencoded or as one JSON object of strings.";
    /// `invalid_client`: client authentication failed.
    InvalidClient: "invalid-client", UNAUTHORIZED,
        "Client authentication failed",
        "Check client_id and client_secret: each must be complete, without a space or a line end before or after it, \
         and registered at this server; and the secret must not be rotated since. Send them in Authorization: Basic or \
         in the body, not in both. The answer is the same for an unknown client_id and for a wrong secret.";
    /// `unauthorized_client`: the client may not do this.
    UnauthorizedClient: "unauthorized-client", BAD_REQUEST,
        "The client may not do this",
        "The error_description says why: the client is suspended, or the token belongs to another client. Only the \
         operator of this API can change that.";
    /// `unsupported_grant_type`.
    UnsupportedGrantType: "unsupported-grant-type", BAD_REQUEST,
        "The grant type is not supported",
        "Send grant_type=client_credentials. It is the only grant of this server.";
    /// `invalid_scope`: more than the client was assigned.
    InvalidScope: "invalid-scope", BAD_REQUEST,
        "The client does not have this scope",
        "The error_description names the scope of the client. Request a part of it, or leave scope out to get all of \
         it. For more, ask the operator.";
    /// `invalid_target`: an API set that the client was not granted (RFC 8707 section 2).
    InvalidTarget: "invalid-target", BAD_REQUEST,
        "The client does not have this audience",
        "Check the spelling of audience (or resource). The operator who registered the client knows its audiences, and \
         can grant more.";
    /// Too many token requests from one address, or for one client.
    TooManyTokenRequests: "too-many-token-requests", TOO_MANY_REQUESTS,
        "Too many token requests",
        "Wait for the number of seconds in Retry-After, then send the request again. Use each access token until \
         shortly before it expires, and do not request a token for each call; and do not repeat a request whose \
         credentials were refused. This limit is not the throttle or the quota of the API.";
    /// No control token of the sandbox, or another one.
    ControlTokenRequired: "control-token-required", UNAUTHORIZED,
        "The control token of the sandbox is required",
        "Send the text of the file sandbox-token in the sandbox's data folder in the header Authorization: Bearer. The \
         sandbox prints the path of this file when it starts. An access token does not control the sandbox.";
    /// A control request for another host, or from a page of another site.
    ForeignRequest: "foreign-request", FORBIDDEN,
        "The request may come from another site",
        "Only programs of this machine control the sandbox. Call it as localhost, by a loopback address or by a name of \
         its certificate, and without the Origin of another site.";
    /// `unsupported_response_type`: a request to authorize in a browser (RFC 6749 section 4.1.2.1).
    UnsupportedResponseType: "unsupported-response-type", BAD_REQUEST,
        "This server has no sign-in page",
        "This server issues tokens to programs and has no users who could sign in. Configure the client for the client \
         credentials grant, with the token_endpoint of /.well-known/oauth-authorization-server.";
}

impl ProblemKind {
    /// The last segment of its page's path.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// What happened, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.row().3
    }

    /// A kind that readers easily confuse with this one: the page of this one links to it.
    #[must_use]
    pub fn related(self) -> Option<Self> {
        // IANA's type of both limits is called quota-exceeded, whichever was exceeded.
        let looks_like_the_throttle = matches!(self, Self::QuotaExceeded | Self::TooManyTokenRequests);
        let looks_like_the_quota = (self == Self::Throttled).then_some(Self::QuotaExceeded);
        looks_like_the_throttle.then_some(Self::Throttled).or(looks_like_the_quota)
    }

    /// The kind that an error code of an OAuth endpoint stands for.
    #[must_use]
    pub(crate) const fn of_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidRequest => Self::InvalidRequest,
            ErrorCode::InvalidClient => Self::InvalidClient,
            ErrorCode::UnauthorizedClient => Self::UnauthorizedClient,
            ErrorCode::UnsupportedGrantType => Self::UnsupportedGrantType,
            ErrorCode::InvalidScope => Self::InvalidScope,
            ErrorCode::InvalidTarget => Self::InvalidTarget,
            ErrorCode::TemporarilyUnavailable => Self::Unavailable,
            ErrorCode::InvalidToken => Self::TokenInvalid,
            ErrorCode::InsufficientScope => Self::InsufficientScope,
        }
    }

    /// `error` of a challenge, where RFC 6750 section 3.1 has a code for the kind.
    #[must_use]
    pub(crate) const fn bearer_code(self) -> Option<ErrorCode> {
        if matches!(self, Self::TokenInvalid | Self::TokenExpired | Self::TokenRevoked) {
            Some(ErrorCode::InvalidToken)
        } else if matches!(self, Self::TokenMisplaced) {
            Some(ErrorCode::InvalidRequest)
        } else if matches!(self, Self::InsufficientScope) {
            Some(ErrorCode::InsufficientScope)
        } else {
            None
        }
    }
}
