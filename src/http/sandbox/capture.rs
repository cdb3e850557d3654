//! A request and its answer on their way into the journal.
//!
//! The bodies are copied as they pass, the request's as the handler reads it and the answer's as it is sent, and no more of
//! them than the journal stores. The request is recorded before the last bytes of its answer are handed over: a client
//! that has the answer finds it in the journal. If the answer ends before that, it is recorded then.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{AUTHORIZATION, CONTENT_ENCODING, HOST, HeaderMap};
use actix_web::http::{Method, Version};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::Stream;
use uuid::Uuid;

use super::effects::Delivered;
use crate::clients::Clients;
use crate::http::durations::method_name;
use crate::http::request_context::RequestContext;
use crate::listener::Break;
use crate::oauth::credentials::ClientId;
use crate::refusals::Facts;
use crate::sandbox::Sandbox;
use crate::sandbox::claims;
use crate::sandbox::faults::Firing;
use crate::sandbox::journal::recorded::{FiredFault, Recorded, Sent};
use crate::sandbox::journal::redaction::{self, Redactor, Sender};
use crate::sandbox::journal::texts::{Part, TextsWriter};
use crate::time::{Clock as _, SystemClock, UnixMillis, UnixSeconds};

/// How much is stored of a body, and of all fields of a message together, in bytes.
const MAX_BYTES: usize = 4 * 1_024;
/// How much is stored of a path, and of a query, in bytes.
const MAX_TARGET_BYTES: usize = 1_024;

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Capture {
    sandbox: Data<Sandbox>,
    /// Real time: the sandbox moves the other clock.
    clock: Rc<SystemClock>,
    at: UnixSeconds,
    real_at: UnixMillis,
    started: Duration,
    /// `None` for a request without a body.
    body: Option<Rc<RefCell<Copied>>>,
}

/// What was copied of a body.
#[derive(Debug, Default)]
struct Copied {
    start: Vec<u8>,
    bytes: u64,
    is_complete: bool,
}

impl Copied {
    fn add(&mut self, bytes: &[u8]) {
        let room = MAX_BYTES.saturating_sub(self.start.len());
        self.start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.bytes += bytes.len() as u64;
    }

    fn sent(&self, has_more_fields: bool) -> Sent {
        Sent {
            body_bytes: self.bytes,
            is_complete: self.is_complete,
            has_more_fields,
            has_more_body: self.bytes > MAX_BYTES as u64,
        }
    }
}

impl Capture {
    /// Notes when the request came, and copies its body while it is read.
    pub(super) fn begin(sandbox: &Data<Sandbox>, clock: &Rc<SystemClock>, request: &mut ServiceRequest) -> Self {
        let body = match request.take_payload() {
            Payload::Stream { payload } => {
                let copied = Rc::<RefCell<Copied>>::default();
                let payload = CopiedStream { payload, copied: Rc::clone(&copied) };
                request.set_payload(Payload::Stream { payload: Box::pin(payload) });
                Some(copied)
            }
            // The dispatchers give no body of another kind.
            other @ (Payload::None | Payload::H1 { .. } | Payload::H2 { .. }) => {
                request.set_payload(other);
                None
            }
        };
        Self {
            sandbox: sandbox.clone(),
            clock: Rc::clone(clock),
            at: sandbox.clock.now(),
            real_at: UnixMillis::after_epoch(clock.since_epoch()),
            started: clock.monotonic(),
            body,
        }
    }

    /// The answer, which is recorded as it is sent.
    pub(super) fn record(
        self,
        response: ServiceResponse<Delivered>,
        firing: Option<&Firing>,
    ) -> ServiceResponse<RecordedBody> {
        let fault = firing.map(|firing| FiredFault {
            name: firing.name.clone(),
            kind: firing.kind(),
            effect: firing.effect.clone(),
        });
        let request = response.request();
        let is_head = *request.method() == Method::HEAD;
        let recording = Recording::new(self, &response, fault);
        response.map_body(|_, body| {
            let size = body.size();
            RecordedBody { body, size, is_head, copied: Copied::default(), recording: Some(recording) }
        })
    }
}

/// The body of a request, which is copied while the handler reads it.
struct CopiedStream<S> {
    payload: S,
    copied: Rc<RefCell<Copied>>,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for CopiedStream<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.payload).poll_next(context));
        let mut copied = self.copied.borrow_mut();
        match &next {
            Some(Ok(bytes)) => copied.add(bytes),
            Some(Err(_)) => {}
            None => copied.is_complete = true,
        }
        drop(copied);
        Poll::Ready(next)
    }
}

/// All that is stored of a request but the bodies.
struct Recording {
    capture: Capture,
    texts: TextsWriter,
    /// `None` once it is sure that no head is sent.
    status: Option<u16>,
    http: &'static str,
    peer: Option<SocketAddr>,
    walk: Option<Facts>,
    fault: Option<FiredFault>,
    /// To find out whose identifiers the bodies have.
    clients: Option<Data<Clients>>,
    is_coded: bool,
    has_more_request_fields: bool,
    has_more_answer_fields: bool,
}

impl Recording {
    fn new(capture: Capture, response: &ServiceResponse<Delivered>, fault: Option<FiredFault>) -> Self {
        let request = response.request();
        let context: Option<&RequestContext> = request.app_data();
        let walk = context.and_then(RequestContext::facts).cloned();
        let jti = walk.as_ref().and_then(verified_jti);
        let clients: Option<&Data<Clients>> = request.app_data();
        let is_client = |client_id: &str| clients.is_some_and(|clients| clients.get(client_id).is_some());
        let redactor = Redactor { is_client: &is_client };
        let mut texts = TextsWriter::new();
        texts.write(Part::RequestId, |out| {
            let _infallible = context.map(|context| write!(out, "{context}"));
        });
        texts.write(Part::Client, |out| push_client(out, request, context, walk.as_ref(), &capture, redactor));
        texts.write(Part::Method, |out| out.push_str(method_name(request.method())));
        let target = request.uri();
        texts.write(Part::Path, |out| out.push_str(&redaction::path(cut(target.path()))));
        texts.write(Part::Query, |out| {
            out.extend(target.query().map(|query| redactor.query(cut(query))));
        });
        let (mut has_more_request_fields, mut has_more_answer_fields) = (false, false);
        texts.write(Part::RequestFields, |out| {
            // HTTP/2 has it as a pseudo-header.
            if let Some(authority) = target.authority().filter(|_| !request.headers().contains_key(HOST)) {
                let _infallible = writeln!(out, "host: {}", redaction::path(cut(authority.as_str())));
            }
            has_more_request_fields = push_fields(out, request.headers(), jti, Sender::Client, redactor);
        });
        texts.write(Part::AnswerFields, |out| {
            has_more_answer_fields = push_fields(out, response.headers(), None, Sender::Server, redactor);
        });
        Self {
            texts,
            status: Some(response.status().as_u16()),
            http: version_name(request.head().version),
            peer: request.peer_addr(),
            fault,
            clients: clients.cloned(),
            is_coded: request.headers().contains_key(CONTENT_ENCODING),
            has_more_request_fields,
            has_more_answer_fields,
            walk,
            capture,
        }
    }

    /// Records the request. `last` is the part of the answer's body that was not copied.
    fn finish(self, answer: &Copied, last: &[u8]) {
        let Self { capture, mut texts, peer, clients, .. } = self;
        let is_client = |client_id: &str| clients.as_ref().is_some_and(|clients| clients.get(client_id).is_some());
        let redactor = Redactor { is_client: &is_client };
        let Capture { sandbox, clock, at, real_at, started, body } = capture;
        let body = match body {
            Some(body) => body.take(),
            None => Copied { is_complete: true, ..Copied::default() },
        };
        texts.write(Part::RequestBody, |out| {
            if self.is_coded && !body.start.is_empty() {
                redaction::push_coded_body(out);
            } else {
                redactor.push_body(out, &body.start, Sender::Client);
            }
        });
        texts.write(Part::AnswerBody, |out| {
            let start = if answer.start.is_empty() { last } else { &answer.start };
            redactor.push_body(out, start.get(..MAX_BYTES).unwrap_or(start), Sender::Server);
        });
        sandbox.journal.record(Recorded {
            texts: texts.finish(),
            at,
            real_at,
            took: clock.monotonic().saturating_sub(started),
            status: self.status,
            http: self.http,
            request: body.sent(self.has_more_request_fields),
            answer: answer.sent(self.has_more_answer_fields),
            peer,
            connection: peer.and_then(|peer| sandbox.journal.connections.of(peer)),
            walk: self.walk,
            fault: self.fault,
        });
    }
}

/// The body of an answer, which is copied while it is sent. Not boxed: a [`BoxBody`] passes on one error only, and a
/// [`Delivered`] may ask for several breaks.
pub(crate) struct RecordedBody {
    body: Delivered,
    size: BodySize,
    is_head: bool,
    copied: Copied,
    /// Until the request is recorded, if it is recorded at all.
    recording: Option<Recording>,
}

impl MessageBody for RecordedBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let next = ready!(Pin::new(&mut self.body).poll_next(context));
        match &next {
            Some(Ok(bytes)) => self.pass(bytes),
            Some(Err(error)) => self.fail(error.as_ref()),
            None => self.end(&[]),
        }
        Poll::Ready(next)
    }
}

impl RecordedBody {
    /// The body of an answer that is not recorded.
    pub(super) fn unrecorded(body: BoxBody) -> Self {
        let body = Delivered::Whole(body);
        Self { size: body.size(), body, is_head: false, copied: Copied::default(), recording: None }
    }

    fn pass(&mut self, bytes: &[u8]) {
        if self.is_head || self.recording.is_none() {
            return;
        }
        let is_last = matches!(self.size, BodySize::Sized(size) if self.copied.bytes + bytes.len() as u64 >= size);
        if is_last && self.copied.start.is_empty() {
            // Most bodies are one part, which need not be copied twice.
            self.copied.bytes += bytes.len() as u64;
            self.end(bytes);
        } else {
            self.copied.add(bytes);
            if is_last {
                self.end(&[]);
            }
        }
    }

    /// Nothing more is sent, unless it only pauses, or was sent to its end.
    fn fail(&mut self, error: &(dyn Error + 'static)) {
        let asked = error.downcast_ref::<Break>();
        if matches!(asked, Some(Break::Pause(_) | Break::Last)) {
            return;
        }
        let Some(mut recording) = self.recording.take() else { return };
        if asked.is_some_and(|asked| *asked != Break::MidBody) && self.copied.bytes == 0 {
            recording.status = None;
        }
        recording.finish(&self.copied, &[]);
    }

    fn end(&mut self, last: &[u8]) {
        self.copied.is_complete = true;
        if let Some(recording) = self.recording.take() {
            recording.finish(&self.copied, last);
        }
    }
}

/// The connection has ended, or the answer needs no body.
impl Drop for RecordedBody {
    fn drop(&mut self) {
        if let Some(recording) = self.recording.take() {
            self.copied.is_complete = self.is_head || self.size.is_eof();
            recording.finish(&self.copied, &[]);
        }
    }
}

/// The `jti` of the one token that the gate has verified.
fn verified_jti(walk: &Facts) -> Option<&Uuid> {
    match walk {
        Facts::Request(facts) => facts.token().map(|token| &token.jti),
        Facts::TokenRequest(_) => None,
    }
}

/// The client that the request proves to be from, else the one that it names: a walk has looked at what that is, or it is
/// looked at here.
fn push_client(
    out: &mut String,
    request: &HttpRequest,
    context: Option<&RequestContext>,
    walk: Option<&Facts>,
    capture: &Capture,
    redactor: Redactor<'_>,
) {
    let known = walk.and_then(Facts::named_client).or_else(|| context.and_then(RequestContext::caller));
    if let Some(client_id) = known {
        out.push_str(client_id.as_str());
    } else if let Some(client_id) = claimed_client(request, capture.body.as_deref()) {
        out.push_str(&redactor.client_id(client_id.as_str()));
    }
}

fn claimed_client(request: &HttpRequest, body: Option<&RefCell<Copied>>) -> Option<ClientId> {
    let credentials = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    credentials.and_then(claims::of_credentials).or_else(|| claims::of_body(&body?.borrow().start))
}

/// Appends the fields of a message, and returns whether there are more.
fn push_fields(
    out: &mut String,
    headers: &HeaderMap,
    jti: Option<&Uuid>,
    sender: Sender,
    redactor: Redactor<'_>,
) -> bool {
    let start = out.len();
    let mut has_more = false;
    for (name, value) in headers {
        let name = name.as_str();
        if out.len() - start + name.len() + value.len() + ": \n".len() > MAX_BYTES {
            has_more = true;
            continue;
        }
        out.push_str(name);
        out.push_str(": ");
        let value = String::from_utf8_lossy(value.as_bytes());
        if redaction::is_credentials_field(name) {
            redactor.push_credentials(out, &value, jti);
        } else {
            out.push_str(&value);
        }
        out.push('\n');
    }
    let redacted = out.get(start..).and_then(|lines| redactor.fields(lines, sender));
    if let Some(redacted) = redacted {
        out.truncate(start);
        out.push_str(&redacted);
    }
    has_more
}

/// At most the first [`MAX_TARGET_BYTES`] of a text.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_TARGET_BYTES {
        return text;
    }
    let end = (0..=MAX_TARGET_BYTES).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        Version::HTTP_09 => "0.9",
        _ => "1.1",
    }
}
