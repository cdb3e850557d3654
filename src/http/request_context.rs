//! What belongs to one request until its answer is sent: its id, and what the gate finds out about its caller.
//!
//! The context travels with the request, so extractors, handlers and the writer of the answer find it there. The
//! request's own extensions would cost two allocations for each request. So the context is in a data container of the
//! request, and each worker uses its [containers](Contexts) again.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::administration::Actor;
use crate::admission::Standing;
use crate::http::access_log::is_logged;
use crate::oauth::credentials::{ClientId, SECRET_PREFIX};
use crate::refusals::Facts;
use crate::sandbox::CONTROL_TOKEN_PREFIX;

/// Names a request, in it and in its answer.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a caller that is accepted, in characters.
const MAX_ID_CHARS: usize = 128;
/// How many unused containers a worker keeps: as many as actix-web keeps requests.
const MAX_UNUSED: usize = 128;

/// One for each request.
#[derive(Debug)]
pub(super) struct RequestContext {
    id: RequestId,
    standing: Cell<Option<Standing>>,
    caller: OnceCell<ClientId>,
    /// What its walk saw, if it was refused, or if somebody asked.
    facts: OnceCell<Facts>,
    wants_facts: Cell<bool>,
    /// Whether a fault of the sandbox answers it in place of the gate.
    is_injected: Cell<bool>,
}

/// The id of a request: 1 to 128 visible ASCII characters.
#[derive(Debug)]
enum RequestId {
    /// The caller sent it.
    Accepted(HeaderValue),
    Generated(Uuid),
}

impl RequestContext {
    fn new(headers: &HeaderMap) -> Self {
        let accepted = accepted_id(headers, &X_REQUEST_ID).map(RequestId::Accepted);
        let id = accepted.unwrap_or_else(|| RequestId::Generated(Uuid::new_v4()));
        Self {
            id,
            standing: Cell::new(None),
            caller: OnceCell::new(),
            facts: OnceCell::new(),
            wants_facts: Cell::new(false),
            is_injected: Cell::new(false),
        }
    }

    /// The id, as its header carries it.
    pub(super) fn id(&self) -> HeaderValue {
        match &self.id {
            RequestId::Accepted(id) => id.clone(),
            RequestId::Generated(id) => {
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                HeaderValue::from_str(id.hyphenated().encode_lower(&mut text))
                    .unwrap_or(HeaderValue::from_static("unknown"))
            }
        }
    }

    /// What the caller has left of its limits, if the caller is authenticated.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.standing.get()
    }

    /// Whether a fault of the sandbox answers it in place of the gate: such an answer counts as no real one.
    pub(super) fn is_injected(&self) -> bool {
        self.is_injected.get()
    }

    /// The client that sent the request, if that was [noted](note_caller).
    pub(super) fn caller(&self) -> Option<&ClientId> {
        self.caller.get()
    }

    /// Whether there is a page that explains the answer, whatever it is: somebody [asked](ask_for_facts) for what it shows.
    pub(super) fn is_explained(&self) -> bool {
        self.wants_facts.get()
    }

    /// What the walk of the request saw: always if it was refused, else if somebody [asked](ask_for_facts).
    pub(super) fn facts(&self) -> Option<&Facts> {
        self.facts.get()
    }
}

/// The id of the request.
impl fmt::Display for RequestContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            RequestId::Accepted(id) => out.write_str(id.to_str().unwrap_or_default()),
            RequestId::Generated(id) => write!(out, "{}", id.hyphenated()),
        }
    }
}

/// The context of a request; `None` outside of a server's application.
fn of(request: &HttpRequest) -> Option<&RequestContext> {
    request.app_data()
}

/// Notes what the caller has left of its limits, for the `RateLimit` fields. Returns whether the facts of every walk are
/// wanted.
pub(super) fn note_standing(request: &HttpRequest, standing: Standing) -> bool {
    of(request).is_some_and(|context| {
        context.standing.set(Some(standing));
        context.wants_facts.get()
    })
}

/// Asks for the facts of the walk, whether or not it refuses the request. `serve` never does.
pub(super) fn ask_for_facts(request: &HttpRequest) {
    if let Some(context) = of(request) {
        context.wants_facts.set(true);
    }
}

/// Whether the facts of the walk are wanted if it lets the request through.
pub(super) fn wants_facts(request: &HttpRequest) -> bool {
    of(request).is_some_and(|context| context.wants_facts.get())
}

/// Notes what the walk of the request saw.
pub(super) fn note_facts(request: &HttpRequest, facts: Facts) {
    if let Some(context) = of(request) {
        // A request takes one walk.
        let _ = context.facts.set(facts);
    }
}

/// Notes that a fault of the sandbox answers the request. `serve` never does.
pub(super) fn note_injected(request: &HttpRequest) {
    if let Some(context) = of(request) {
        context.is_injected.set(true);
    }
}

/// Notes which client sent the request, if a log line will name it: the reference count of a client id is shared by all
/// workers, and no request should wait for it in vain.
pub(super) fn note_caller(request: &HttpRequest, client_id: &ClientId) {
    if !is_logged() {
        return;
    }
    if let Some(context) = of(request) {
        // A second call names the same client.
        let _ = context.caller.set(client_id.clone());
    }
}

/// The client, the address and the id of a request, for the audit log.
pub(super) fn actor(client_id: Option<&ClientId>, request: &HttpRequest) -> Actor {
    Actor {
        client_id: client_id.cloned(),
        source: request.peer_addr().map(|address| address.ip()),
        request_id: of(request).map(ToString::to_string),
    }
}

/// The address that a request comes from. Every connection of this server has a peer.
pub(super) fn source(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}

/// The id in this header, if there is exactly one and it is safe to repeat. Logs contain it, so it must not be a secret. Paths
/// contain it too, so it must not be one of their dot segments (RFC 3986 section 3.3).
pub(super) fn accepted_id(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let has = |prefix: &str| value.as_bytes().windows(prefix.len()).any(|part| part == prefix.as_bytes());
    let secret = has(SECRET_PREFIX) || has(CONTROL_TOKEN_PREFIX);
    let leads_elsewhere = matches!(value.as_bytes(), b"." | b"..");
    (visible && !secret && !leads_elsewhere && (1..=MAX_ID_CHARS).contains(&value.len())).then(|| value.clone())
}

/// The containers of one worker that no request uses right now.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    unused: RefCell<Vec<Rc<Extensions>>>,
}

impl Contexts {
    /// Gives a request its context. The container is to be [released](Self::release) after the answer.
    pub(super) fn attach(&self, request: &mut ServiceRequest) -> Rc<Extensions> {
        let context = RequestContext::new(request.headers());
        // A request that outlives its answer still has its container: that one is not used again.
        let unused = self.unused.borrow_mut().pop().filter(|container| Rc::strong_count(container) == 1);
        let mut container = unused.unwrap_or_default();
        if let Some(extensions) = Rc::get_mut(&mut container) {
            match extensions.get_mut::<RequestContext>() {
                Some(last) => *last = context,
                None => drop(extensions.insert(context)),
            }
        }
        request.add_data_container(Rc::clone(&container));
        container
    }

    /// Takes back the container of a request that is answered.
    pub(super) fn release(&self, container: Rc<Extensions>) {
        let mut unused = self.unused.borrow_mut();
        if unused.len() < MAX_UNUSED {
            unused.push(container);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_id_of_a_caller_is_accepted_only_if_it_is_harmless() {
        let id = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_REQUEST_ID, HeaderValue::from_str(value).unwrap());
            }
            RequestContext::new(&headers).to_string()
        };
        assert_eq!(id(&["order-17/\"retry\""]), "order-17/\"retry\"");
        assert_eq!(id(&[&"a".repeat(128)]), "a".repeat(128));
        for refused in ["", "two words", "a-bg_secret_b", "bg_sandbox_a", ".", "..", &"a".repeat(129), "\u{e9}"] {
            assert!(Uuid::parse_str(&id(&[refused])).is_ok(), "{refused}");
        }
        assert!(Uuid::parse_str(&id(&["a", "b"])).is_ok());
    }

    #[test]
    fn a_container_is_used_again_once_its_request_is_gone_and_not_before() {
        let contexts = Contexts::default();
        let request = |id: &'static str| TestRequest::get().insert_header((X_REQUEST_ID, id)).to_srv_request();
        let id = |request: &ServiceRequest| of(request.request()).unwrap().to_string();
        let client_id = ClientId::parse("client-1").unwrap();

        let mut first = request("1");
        let container = contexts.attach(&mut first);
        let address = Rc::as_ptr(&container);
        of(first.request()).unwrap().caller.set(client_id).unwrap();
        contexts.release(container);
        let mut second = request("2");
        let other = contexts.attach(&mut second);
        assert_ne!(Rc::as_ptr(&other), address, "the first request still has it");
        assert_eq!((id(&first), id(&second)), ("1".to_owned(), "2".to_owned()));

        let address = Rc::as_ptr(&other);
        drop(second);
        contexts.release(other);
        let mut third = request("3");
        assert_eq!(Rc::as_ptr(&contexts.attach(&mut third)), address);
        assert_eq!(id(&third), "3");
        assert!(of(third.request()).unwrap().caller().is_none(), "nothing of the request before");
    }
}
