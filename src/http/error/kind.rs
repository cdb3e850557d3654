//! The kinds of problem. Each has a page of its own at `/problems/{slug}`, and one row in the table below: its doc, the
//! slug, the status, the title, what happened and why, and what to do about it.

use actix_web::http::StatusCode;

use crate::oauth::error::ErrorCode;

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $kind:ident: $slug:literal, $status:ident, $title:literal, $cause:literal,
            $remedy:literal;)+) => {
        /// What went wrong, as a kind that has a page of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind),+
        }

        impl ProblemKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            const fn row(self) -> (&'static str, StatusCode, &'static str, &'static str, &'static str) {
                match self {
                    $(Self::$kind => ($slug, StatusCode::$status, $title, $cause, $remedy)),+
                }
            }
        }
    };
}

problem_kinds! {
    /// No bearer token (RFC 6750 section 3.1).
    TokenMissing: "token-missing", UNAUTHORIZED,
        "An access token is required",
        "Only a client with an access token may call this resource, and the request had no Authorization header with \
         one.",
        "Request an access token from the token endpoint with your client_id and client_secret, and send it in the \
         header Authorization: Bearer. The address of the token endpoint is in \
         /.well-known/oauth-authorization-server.";
    /// A bearer token that is malformed, forged or for another API, or whose client is suspended or deleted.
    TokenInvalid: "token-invalid", UNAUTHORIZED,
        "The access token is not valid",
        "The request had an access token that this API does not accept. The token is cut off, forged or from another \
         server, it was issued for another audience, or its client is suspended or deleted.",
        "The detail says why. Check that you sent the whole token, that this server issued it, and that you requested \
         it for the audience of this API. Then request a new token. If the client is suspended, only the operator can \
         help.";
    /// A bearer token after its expiry.
    TokenExpired: "token-expired", UNAUTHORIZED,
        "The access token has expired",
        "The request had an access token of this server after the moment at which it ends. Every token ends after a \
         time: the operator sets how long a token of each client is valid.",
        "Request a new access token and send the request again. The answer of the token endpoint says in expires_in \
         how many seconds a token is valid: use one token until shortly before that, then request the next.";
    /// A bearer token that was revoked.
    TokenRevoked: "token-revoked", UNAUTHORIZED,
        "The access token was revoked",
        "The request had an access token of this server that was withdrawn before its end. A revoked token stays \
         revoked.",
        "Request a new access token. The client or the operator revoked this one, or the server revoked it because it \
         was sent over plain HTTP.";
    /// A bearer token in the query string, or more than one.
    TokenMisplaced: "token-misplaced", BAD_REQUEST,
        "The access token is in the wrong place",
        "The request had an access token in its query string, or more than one Authorization header. The server \
         refuses such a request, whatever the token is worth.",
        "Send exactly one access token, in the Authorization header. Never put a token in a URL: logs and browser \
         histories store URLs. Revoke a token that was in a URL.";
    /// A token without the scope token that the request needs.
    InsufficientScope: "insufficient-scope", FORBIDDEN,
        "The access token does not have the required scope",
        "The access token is valid, and it does not grant what this request does. To read zones takes read:zones, to \
         change them write:zones.",
        "The WWW-Authenticate header names the required scope. The operator assigns scopes when a client is \
         registered. If the client has this scope, request a token without narrowing its scope; if not, ask the \
         operator. To send the same request again does not help.";
    /// Over the requests per second.
    Throttled: "throttled", TOO_MANY_REQUESTS,
        "Too many requests per second",
        "The client sent more requests in a moment than its limit allows. Requests are given back at a steady rate, up to \
         the burst, and none was left.",
        "Wait for the number of seconds in Retry-After, then send the request again. The RateLimit header of every \
         answer says how many requests are left at this moment. This is the limit on requests per second, which \
         violated-policies calls second. The daily quota is another limit.";
    /// Over the daily quota.
    QuotaExceeded: "quota-exceeded", TOO_MANY_REQUESTS,
        "The daily quota is used up",
        "The client has sent all the requests that it may send in one day. The days of this server begin at midnight \
         UTC.",
        "A new quota starts at midnight UTC; Retry-After says in how many seconds. The RateLimit header of every \
         answer says how many requests are left today. For a larger quota, ask the operator. This is the quota that \
         violated-policies calls day. The limit on requests per second is another limit.";
    /// Plain HTTP.
    HttpsRequired: "https-required", FORBIDDEN,
        "HTTPS is required",
        "The request came over plain HTTP. This server answers HTTPS alone, and does not redirect, because a redirect \
         would hide that a credential was sent in the clear.",
        "Use the https:// address. Anyone on the way may have read a credential that you sent over plain HTTP. The \
         server has revoked an access token that came this way. Rotate a client secret that came this way.";
    /// No resource has the path, or no record has the identifier.
    NotFound: "not-found", NOT_FOUND,
        "Not found",
        "No resource of this server has the path of the request, or no record has the identifier in it. A record of \
         another client looks the same.",
        "Check the path and the identifier in it.";
    /// The resource does not have this method.
    MethodNotAllowed: "method-not-allowed", METHOD_NOT_ALLOWED,
        "The method is not allowed",
        "The resource exists, and does not have the method of the request.",
        "Use one of the methods in the Allow header.";
    /// The request is not well-formed HTTP: its host, or the framing of its body.
    MalformedRequest: "malformed-request", BAD_REQUEST,
        "The request is not well-formed HTTP",
        "The server could not tell what the request is: its host or the length of its body is missing, malformed or \
         said twice.",
        "The detail says what is wrong. If your own code writes the bytes of the request, RFC 9112 has the rules. If an \
         HTTP library wrote the request, check the proxies between the client and this server.";
    /// The body is not JSON, or not one object.
    MalformedBody: "malformed-body", BAD_REQUEST,
        "The body is not valid JSON",
        "The resource takes one JSON object, and the body is not one: it is empty, cut off, not UTF-8, or has a fault \
         in its syntax.",
        "The detail says at which line and column, and what is expected there. Send one JSON object in UTF-8. With \
         curl, put the body in single quotes after -d, or in a file: -d @FILE.";
    /// A parameter of the query string is unknown or has no valid value.
    MalformedQuery: "malformed-query", BAD_REQUEST,
        "The query string is not valid",
        "A parameter of the query string is unknown here, is there twice, or has a value that it cannot have.",
        "The detail names the parameter and its valid values.";
    /// The cursor is not one of this list.
    InvalidCursor: "invalid-cursor", BAD_REQUEST,
        "The cursor does not belong to this list",
        "A list comes in pages, and each page names the next by a cursor. The one in the request is changed, or \
         belongs to another list or to other filters.",
        "Send next_cursor exactly as you received it, with the same filters. To start from the first page, leave \
         cursor out.";
    /// The body is JSON, but some of its fields are not valid.
    InvalidFields: "invalid-fields", UNPROCESSABLE_ENTITY,
        "Some fields of the body are not valid",
        "The body is a JSON object, and some of its members are missing, unknown or have values that they cannot \
         have. Nothing was changed.",
        "Each entry of errors names one field, as a JSON Pointer, and says what is expected.";
    /// The current state does not allow the change.
    Conflict: "conflict", CONFLICT,
        "The request conflicts with the current state",
        "The request is right by itself, and does not fit what is stored: a name or number is taken, or the change \
         would remove the last of what must stay. Nothing was changed.",
        "The detail says what the conflict is, and what to do first or instead.";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed: "precondition-failed", PRECONDITION_FAILED,
        "The resource has changed since you read it",
        "The request named a state in If-Match or If-None-Match, and the resource is in another: someone changed it \
         in between. Nothing was changed.",
        "Read the resource again, apply your change to the new state, and send it with the new ETag in If-Match.";
    /// The client sent this `Idempotency-Key` before, with another request.
    IdempotencyKeyReused: "idempotency-key-reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another request",
        "The client sent another request with the same Idempotency-Key in the last 24 hours. The server cannot know \
         which of the two is meant, so it did nothing.",
        "Use a new key for each new request. Use the same key only to send exactly the same request again.";
    /// The `Idempotency-Key` is not one of 1 to 255 visible ASCII characters.
    IdempotencyKeyInvalid: "idempotency-key-invalid", BAD_REQUEST,
        "The Idempotency-Key is not valid",
        "The Idempotency-Key is empty, too long, has characters that it cannot have, or is there twice. Nothing was \
         changed.",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, for example a UUID.";
    /// The server remembers as many answers for the client's keys as the settings allow.
    TooManyIdempotencyKeys: "too-many-idempotency-keys", CONFLICT,
        "This client has used too many Idempotency-Keys",
        "For each Idempotency-Key the server stores an answer for 24 hours, and it stores no more for this client. \
         Nothing was changed.",
        "The server remembers an answer for 24 hours, and a limited number of answers for each client. Use a new key \
         only for each new request, wait until the server forgets the oldest answer, or send no key with a request that \
         needs none. For a higher limit, ask the operator: the setting is parking.max_idempotency_keys_per_client.";
    /// The client has created as many zones as the settings allow.
    TooManyZones: "too-many-zones", CONFLICT,
        "This client has created too many zones",
        "The server stores a limited number of zones for each client, and this client has created as many. Nothing \
         was changed.",
        "Delete zones of this client that you no longer need, then send the request again. To wait does not help. For a \
         higher limit, ask the operator: the setting is parking.max_zones_per_client.";
    /// The body is too large.
    PayloadTooLarge: "payload-too-large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        "The body of the request is larger than this resource accepts. The server did not read it to its end.",
        "The detail says how large a body may be.";
    /// The body did not arrive in time.
    RequestTimeout: "request-timeout", REQUEST_TIMEOUT,
        "The body did not arrive in time",
        "The head of the request arrived, and its body did not in time. Nothing was changed.",
        "Send the whole request again.";
    /// The media type or the coding of the body is not supported.
    UnsupportedMediaType: "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The media type of the body is not supported",
        "The body of the request is of a media type that this resource does not read, or it is compressed. Nothing \
         was changed.",
        "Send JSON, with Content-Type: application/json.";
    /// The store or the system's random source did not answer.
    Unavailable: "unavailable", SERVICE_UNAVAILABLE,
        "The server cannot do this right now",
        "A part of the server that this request needs, most likely its store, did not answer. The fault is the \
         server's, not the request's, and its log has the cause.",
        "Wait for the number of seconds in Retry-After, then send the request again; a POST with the same \
         Idempotency-Key. A change that was not confirmed may have been made all the same: without such a key, read \
         first.";
    /// `invalid_request` of an OAuth endpoint (RFC 6749 section 5.2).
    InvalidRequest: "invalid-request", BAD_REQUEST,
        "The OAuth request is not valid",
        "An OAuth endpoint could not read the request: a parameter is missing, is there twice or is malformed, or the \
         request names no audience.",
        "The error_description names the parameter and what is wrong with it. Send each parameter once, in the body, as \
         application/x-www-form-urlencoded or as one JSON object of strings.";
    /// `invalid_client`: client authentication failed.
    InvalidClient: "invalid-client", UNAUTHORIZED,
        "Client authentication failed",
        "The server could not establish which client sent the request: the credentials are missing, malformed, or not \
         those of a client.",
        "Check client_id and client_secret: each must be complete, without a space or a line end before or after it, \
         and registered at this server; and the secret must not be rotated since. Send them in Authorization: Basic or \
         in the body, not in both. The answer is the same for an unknown client_id and for a wrong secret.";
    /// `unauthorized_client`: the client may not do this.
    UnauthorizedClient: "unauthorized-client", BAD_REQUEST,
        "The client may not do this",
        "The client is who it says it is, and may not do this: it is suspended, or the token in the request belongs \
         to another client.",
        "The error_description says why: the client is suspended, or the token belongs to another client. Only the \
         operator of this API can change that.";
    /// `unsupported_grant_type`.
    UnsupportedGrantType: "unsupported-grant-type", BAD_REQUEST,
        "The grant type is not supported",
        "The token request has a grant_type that this server does not have. Here programs get tokens for themselves; \
         there are no users, codes or refresh tokens.",
        "Send grant_type=client_credentials. It is the only grant of this server.";
    /// `invalid_scope`: more than the client was assigned.
    InvalidScope: "invalid-scope", BAD_REQUEST,
        "The client does not have this scope",
        "The token request asks for a scope that the client was not assigned, or the list of scopes is malformed. No \
         token was issued.",
        "The error_description names the scope of the client. Request a part of it, or leave scope out to get all of \
         it. For more, ask the operator.";
    /// `invalid_target`: an API set that the client was not granted (RFC 8707 section 2).
    InvalidTarget: "invalid-target", BAD_REQUEST,
        "The client does not have this audience",
        "The token request names an audience or a resource that the client was not granted, or two that differ. No \
         token was issued.",
        "Check the spelling of audience (or resource). The operator who registered the client knows its audiences, and \
         can grant more.";
    /// Too many token requests from one address, or for one client.
    TooManyTokenRequests: "too-many-token-requests", TOO_MANY_REQUESTS,
        "Too many token requests",
        "Too many token requests came from one address without valid credentials, credentials of one client failed \
         too often, or one client asked for too many tokens.",
        "Wait for the number of seconds in Retry-After, then send the request again. Use each access token until \
         shortly before it expires, and do not request a token for each call; and do not repeat a request whose \
         credentials were refused. This limit is not the throttle or the quota of the API.";
    /// No control token of the sandbox, or another one.
    ControlTokenRequired: "control-token-required", UNAUTHORIZED,
        "The control token of the sandbox is required",
        "The request would control the sandbox, and did not have its control token. The clock, faults and snapshots \
         change what every client of the sandbox sees.",
        "Send the text of the file sandbox-token in the sandbox's data folder in the header Authorization: Bearer. The \
         sandbox prints the path of this file when it starts. An access token does not control the sandbox.";
    /// A control request for another host, or from a page of another site.
    ForeignRequest: "foreign-request", FORBIDDEN,
        "The request may come from another site",
        "The request would control the sandbox, and a browser may have sent it for a page of another site: its host \
         or its Origin is not one of this server's.",
        "Only programs of this machine control the sandbox. Call it as localhost, by a loopback address or by a name of \
         its certificate, and without the Origin of another site.";
    /// `unsupported_response_type`: a request to authorize in a browser (RFC 6749 section 4.1.2.1).
    UnsupportedResponseType: "unsupported-response-type", BAD_REQUEST,
        "This server has no sign-in page",
        "Something opened the address at which other servers let users sign in. A library that is set up for the \
         authorization code grant does this.",
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

    /// What happened, and why.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        self.row().3
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.row().4
    }

    /// Kinds that readers easily confuse with this one, or meet next: the page of this one links to them.
    #[must_use]
    pub const fn related(self) -> &'static [Self] {
        match self {
            Self::TokenMissing => &[Self::TokenInvalid, Self::InvalidClient],
            Self::TokenInvalid => &[Self::TokenExpired, Self::TokenRevoked],
            Self::TokenExpired => &[Self::TokenRevoked, Self::TokenInvalid],
            Self::TokenRevoked => &[Self::TokenExpired, Self::TokenInvalid],
            Self::TokenMisplaced => &[Self::TokenMissing],
            Self::InsufficientScope => &[Self::InvalidScope],
            // IANA's type of both limits is called quota-exceeded, whichever was exceeded.
            Self::Throttled => &[Self::QuotaExceeded, Self::TooManyTokenRequests],
            Self::QuotaExceeded | Self::Unavailable => &[Self::Throttled],
            Self::TooManyTokenRequests => &[Self::Throttled, Self::InvalidClient],
            Self::HttpsRequired => &[Self::TokenRevoked],
            Self::NotFound => &[Self::MethodNotAllowed],
            Self::MethodNotAllowed => &[Self::NotFound],
            Self::MalformedRequest => &[Self::MalformedBody, Self::InvalidRequest],
            Self::MalformedBody => &[Self::InvalidFields, Self::UnsupportedMediaType],
            Self::MalformedQuery => &[Self::InvalidCursor],
            Self::InvalidCursor => &[Self::MalformedQuery],
            Self::InvalidFields | Self::UnsupportedMediaType => &[Self::MalformedBody],
            Self::Conflict => &[Self::PreconditionFailed, Self::TooManyZones],
            Self::PreconditionFailed => &[Self::Conflict],
            Self::IdempotencyKeyReused => &[Self::IdempotencyKeyInvalid, Self::TooManyIdempotencyKeys],
            Self::IdempotencyKeyInvalid => &[Self::IdempotencyKeyReused],
            Self::TooManyIdempotencyKeys => &[Self::IdempotencyKeyReused, Self::TooManyZones],
            Self::TooManyZones => &[Self::TooManyIdempotencyKeys, Self::QuotaExceeded],
            Self::PayloadTooLarge | Self::RequestTimeout => &[Self::MalformedRequest],
            Self::InvalidRequest => &[Self::UnsupportedGrantType, Self::MalformedRequest],
            Self::InvalidClient => &[Self::UnauthorizedClient, Self::TooManyTokenRequests],
            Self::UnauthorizedClient => &[Self::InvalidClient, Self::TokenInvalid],
            Self::UnsupportedGrantType => &[Self::InvalidRequest, Self::UnsupportedResponseType],
            Self::InvalidScope => &[Self::InsufficientScope, Self::InvalidTarget],
            Self::InvalidTarget => &[Self::InvalidScope, Self::TokenInvalid],
            Self::ControlTokenRequired => &[Self::ForeignRequest],
            Self::ForeignRequest => &[Self::ControlTokenRequired],
            Self::UnsupportedResponseType => &[Self::UnsupportedGrantType],
        }
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
