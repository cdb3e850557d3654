//! The header fields of answers, as the OpenAPI document and the pages of problems explain them.

/// Name, meaning, example.
#[rustfmt::skip]
pub(super) const ANSWER_FIELDS: [(&str, &str, &str); 21] = [
    ("Accept", "The media type that a body may have.", "application/json"),
    ("Accept-Encoding", "`identity`: send the body without a coding.", "identity"),
    ("Accept-Patch", "The media types that a patch may have (RFC 5789).", "application/merge-patch+json, application/json"),
    ("Access-Control-Allow-Methods", "The methods that pages of any origin may use.", "GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Origin", "`*`: pages of any origin may read the answer.", "*"),
    ("Allow", "The methods of the path.", "GET, HEAD, OPTIONS"),
    ("Cache-Control", "Whether and for how long the answer may be stored.", "private, no-cache"),
    ("Content-Security-Policy", "What the page may load.", "default-src 'none'; script-src 'self'; style-src 'self'; frame-ancestors 'none'"),
    ("ETag", "The state that the answer shows, for `If-Match` and `If-None-Match`.", "\"v1\""),
    ("Idempotent-Replayed", "`true` where the answer was given before, under the same `Idempotency-Key`.", "true"),
    ("Location", "Where the new resource is.", "/parking/zones/5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54"),
    ("Passport-Labs-Client-Trace-Id", "The same as in the request.", "trace-1"),
    ("Pragma", "`no-cache`, as RFC 6749 asks for.", "no-cache"),
    ("RateLimit", "What is left of each limit (draft-ietf-httpapi-ratelimit-headers).", "\"second\";r=39;t=1, \"day\";r=9421;t=31415"),
    ("RateLimit-Policy", "The limits of the client.", "\"second\";q=40;w=2, \"day\";q=10000;w=86400"),
    ("Retry-After", "After how many seconds to try again.", "1"),
    ("Strict-Transport-Security", "Only HTTPS from now on; not for local hosts.", "max-age=31536000"),
    ("Vary", "The fields of the request that decide which form the answer has.", "Accept, Accept-Encoding"),
    ("WWW-Authenticate", "How to authenticate (RFC 6750, RFC 9728, RFC 7617).", "Bearer realm=\"https://localhost:8443\""),
    ("X-Content-Type-Options", "`nosniff`: the media type is as `Content-Type` says.", "nosniff"),
    ("X-Request-Id", "The request, as the server's log names it.", "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c"),
];

/// The name of a field as it is usually spelt, and what it says.
pub(super) fn meaning(name: &str) -> Option<(&'static str, &'static str)> {
    let field = ANSWER_FIELDS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    field.map(|(name, meaning, _)| (*name, *meaning))
}
