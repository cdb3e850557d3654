//! What is known of a request on its way to its answer, beside what it says itself.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::future::Future;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;
use uuid::Uuid;

use crate::admission::Standing;
use crate::oauth::credentials::{ClientId, SECRET_PREFIX};

/// Names a request, in it and in its answer.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where the line of each request goes; `log.access` says whether it is written.
pub const ACCESS: &str = "boomgate::access";

/// Whether anybody reads what is told of each request: one look at what the log has settled on.
pub(super) fn is_logged() -> bool {
    tracing::enabled!(target: ACCESS, tracing::Level::INFO) || tracing::enabled!(tracing::Level::DEBUG)
}

/// The longest id of a caller's that is kept, in characters.
const MAX_ID_CHARS: usize = 128;

tokio::task_local! {
    /// That of the request whose answer is being made.
    static CONTEXT: RequestContext;
}

/// A request's companion: one for each, there for whoever has a part in its answer, for as long as that is being
/// made. It is not kept with the request, which would be a map and two allocations for each.
#[derive(Debug)]
pub struct RequestContext {
    id: RequestId,
    standing: Cell<Option<Standing>>,
    caller: OnceCell<ClientId>,
}

/// The id of a request: 1 to 128 visible ASCII characters.
#[derive(Debug)]
enum RequestId {
    /// The caller's own.
    Given(HeaderValue),
    /// Ours.
    Made(Uuid),
}

impl RequestContext {
    /// That of a request with these headers, whose id is kept if it may be.
    pub(super) fn begin(headers: &HeaderMap) -> Self {
        let id = accepted_request_id(headers, &X_REQUEST_ID)
            .map_or_else(|| RequestId::Made(Uuid::new_v4()), RequestId::Given);
        Self { id, standing: Cell::new(None), caller: OnceCell::new() }
    }

    /// Goes with the making of an answer.
    pub(super) fn with<F: Future>(self, answering: F) -> TaskLocalFuture<Self, F> {
        CONTEXT.scope(self, answering)
    }

    /// The id, as its header carries it.
    pub(super) fn id(&self) -> HeaderValue {
        match &self.id {
            RequestId::Given(id) => id.clone(),
            RequestId::Made(id) => {
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                HeaderValue::from_str(id.hyphenated().encode_lower(&mut text))
                    .unwrap_or(HeaderValue::from_static("unknown"))
            }
        }
    }

    /// Where the caller stands, if it is authenticated.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.standing.get()
    }

    /// Who the caller is, if that was [noted](note_caller).
    pub(super) fn caller(&self) -> Option<&ClientId> {
        self.caller.get()
    }
}

/// As [`RequestContext::id`] has it.
impl fmt::Display for RequestContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            RequestId::Given(id) => out.write_str(id.to_str().unwrap_or_default()),
            RequestId::Made(id) => write!(out, "{}", id.hyphenated()),
        }
    }
}

/// The id of the request whose answer is being made; `None` outside of a server's application.
#[must_use]
pub fn request_id() -> Option<String> {
    CONTEXT.try_with(ToString::to_string).ok()
}

/// Notes where the caller stands, for the `RateLimit` fields.
pub fn note_standing(standing: Standing) {
    // Outside of a server's application there is nobody to tell.
    let _ = CONTEXT.try_with(|context| context.standing.set(Some(standing)));
}

/// Notes who the caller is, where the log wants to know: what counts who holds a client is shared by all
/// workers, and no request should wait for it in vain.
pub fn note_caller(client_id: &ClientId) {
    if !is_logged() {
        return;
    }
    // Who called is known once; a second word of it says the same.
    let _ = CONTEXT.try_with(|context| context.caller.set(client_id.clone()));
}

/// A caller's own id, if it is there once and may be kept. It is logged, so it must not be a secret.
pub(super) fn accepted_request_id(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let secret = value.as_bytes().windows(SECRET_PREFIX.len()).any(|part| part == SECRET_PREFIX.as_bytes());
    (visible && !secret && (1..=MAX_ID_CHARS).contains(&value.len())).then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_kept_only_if_it_is_harmless() {
        let begin = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_REQUEST_ID, HeaderValue::from_str(value).unwrap());
            }
            RequestContext::begin(&headers).to_string()
        };
        assert_eq!(begin(&["order-17/\"retry\""]), "order-17/\"retry\"");
        assert_eq!(begin(&[&"a".repeat(128)]), "a".repeat(128));
        for refused in ["", "two words", "a-bg_secret_b", &"a".repeat(129), "\u{e9}"] {
            assert!(Uuid::parse_str(&begin(&[refused])).is_ok(), "{refused}");
        }
        assert!(Uuid::parse_str(&begin(&["a", "b"])).is_ok());
    }
}
