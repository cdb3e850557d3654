//! Which pages of other origins may call the partner API from a browser (the Fetch standard, CORS protocol): those of
//! `cors_origins`, by default none.
//!
//! A browser asks first, by `OPTIONS`; the answer needs no token and costs nothing of any limit. Then each answer of the
//! API, a refusal too, says that the page may read it. Credentials of the browser are never allowed: this server has no
//! cookies, and a page must send a token that it holds. The administration and the sandbox's control are not part of this.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::{HttpResponse, dev::RequestHead};

/// In the settings, in place of all origins.
pub(crate) const ANY: &str = "*";

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// The fields of requests that the partner API reads, beside those that a page may always send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Passport-Labs-Client-Trace-Id, Prefer, \
     traceparent, X-Request-Id",
);
/// The fields of answers, beside those that a page may always read.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Accept-Encoding, Accept-Patch, Allow, ETag, Idempotent-Replayed, Location, Passport-Labs-Client-Trace-Id, \
     RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
);
/// For how long a browser may remember the answer to a preflight, in seconds: two hours, the most that Chromium accepts.
const PREFLIGHT_MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");
/// A cache between the page and this server has an answer for each of these.
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// Which origins may call which paths.
#[derive(Debug)]
pub(crate) struct CorsPolicy {
    origins: Vec<String>,
    /// What the paths start with.
    prefixes: Vec<String>,
}

impl CorsPolicy {
    /// For these origins; `None` if there are none. The paths start with these prefixes.
    pub(crate) fn new(origins: &[String], prefixes: Vec<String>) -> Option<Self> {
        (!origins.is_empty()).then(|| Self { origins: origins.to_owned(), prefixes })
    }
}

/// The same as one worker compares and answers it: values of its own, so that no worker waits for another to count them.
#[derive(Debug)]
pub(super) struct Cors {
    allowed: Allowed,
    prefixes: Vec<String>,
}

#[derive(Debug)]
enum Allowed {
    Any,
    These(Vec<HeaderValue>),
}

impl Cors {
    pub(super) fn new(policy: &CorsPolicy) -> Self {
        let CorsPolicy { origins, prefixes } = policy;
        let allowed = if origins.iter().any(|origin| origin == ANY) {
            Allowed::Any
        } else {
            Allowed::These(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
        };
        Self { allowed, prefixes: prefixes.clone() }
    }

    fn covers(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }

    /// What an answer says to the origin of a request.
    fn origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        match &self.allowed {
            Allowed::Any => Some(HeaderValue::from_static(ANY)),
            Allowed::These(origins) => {
                let origin = request.get(ORIGIN)?;
                origins.iter().find(|allowed| *allowed == origin).cloned()
            }
        }
    }

    /// The answer to a browser that asks whether a page of an allowed origin may call. Any other request goes on, to be
    /// refused as if there were no CORS.
    pub(super) fn preflight(&self, head: &RequestHead) -> Option<HttpResponse> {
        let is_preflight = head.method == Method::OPTIONS
            && head.headers.contains_key(ORIGIN)
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight || !self.covers(head.uri.path()) {
            return None;
        }
        let origin = self.origin(&head.headers)?;
        let mut response = HttpResponse::NoContent();
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S),
            (VARY, PREFLIGHT_VARY),
        ] {
            response.insert_header((name, value));
        }
        Some(response.finish())
    }

    /// Lets a page of an allowed origin read an answer of the partner API.
    pub(super) fn allow(&self, head: &RequestHead, response: &mut HeaderMap) {
        if !self.covers(head.uri.path()) || response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        // Also where no origin is allowed: else a cache would give that answer to a page that may read it.
        if matches!(self.allowed, Allowed::These(_)) {
            response.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.origin(&head.headers) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{answer_fields, openapi};

    #[test]
    fn without_origins_there_is_no_cors() {
        assert!(CorsPolicy::new(&[], vec!["/parking/".to_owned()]).is_none());
    }

    #[test]
    fn a_page_may_read_every_field_that_the_document_names() {
        // Those that it may always read, those of CORS itself, and those that are for the browser alone.
        let others = ["Cache-Control", "Pragma", "Strict-Transport-Security", "X-Content-Type-Options", "Vary"];
        let exposed = RESPONSE_HEADERS;
        let exposed: Vec<&str> = exposed.to_str().unwrap().split(", ").collect();
        let document = serde_json::to_value(openapi::document("")).unwrap();
        for name in document["components"]["headers"].as_object().unwrap().keys() {
            let is_other =
                others.contains(&name.as_str()) || name.starts_with("Access-Control-") || name.contains("Policy");
            assert!(exposed.contains(&name.as_str()) || (is_other && name != "RateLimit-Policy"), "{name}");
        }
        assert!(exposed.iter().all(|name| answer_fields::meaning(name).is_some()), "{exposed:?}");
    }
}
