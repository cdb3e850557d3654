//! HTTP/1.1 and 1.0 (RFC 9112) on actix-http's codec: one request after the other, with limits on everything.
//!
//! A head is read only after the previous answer was sent and the previous body has ended, so bytes after an answer
//! with `Connection: close` are never read as a request (section 9.6). If the app did not read all of a body, the rest
//! is received and dropped, and the connection stays open; beyond `max_discarded_bytes` or `discard_timeout`, or when
//! no more of it comes, the connection is closed. A handler always runs to its end, even if its client has gone.
//!
//! The codec limits a head to 128 KiB and 96 fields (431). It reads heads and writes answers; [`wire`](super::wire)
//! reads bodies, is stricter about chunks and knows how much of a body is left.

mod send;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_codec::Decoder as _;
use actix_http::body::MessageBody;
use actix_http::error::ParseError;
use actix_http::h1::{Codec, Message, MessageType};
use actix_http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use actix_http::{ConnectionType, KeepAlive, Method, Payload, Request, Response, ServiceConfig, StatusCode, Version};
use actix_web::web::{Buf as _, BytesMut};
use futures_util::future::{LocalBoxFuture, MaybeDone, maybe_done};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use self::send::{RequestFacts, Unsent, send};
use super::Answers;
use super::breaks::Break;
use super::chunks::Chunks;
use super::limits::ConnectionLimits;
use super::socket::Socket;
use super::stop::Stop;
use super::wire::{Body, Framing, Wire};

/// The length of a head at which the codec refuses it.
const MAX_HEAD_BYTES: usize = 128 * 1_024;

/// The HTTP/1.1 side of one port on one worker.
pub(super) struct Http1<S> {
    app: Rc<S>,
    limits: ConnectionLimits,
    config: ServiceConfig,
    stop: Stop,
}

/// How much a client may still send before its connection is closed: one budget for everything that is dropped.
struct Budget {
    bytes: u64,
    /// The end of its time; may be polled again afterwards.
    over: MaybeDone<LocalBoxFuture<'static, ()>>,
}

/// What comes next on a connection.
enum Next {
    /// A request; its body has not been read.
    Request(Request),
    /// A head that cannot be read, or that did not come in time.
    Refused(StatusCode),
    /// The end: the client has gone, the connection was idle for too long, or the server stops.
    End,
}

impl<S> Http1<S> {
    pub(super) fn new(app: Rc<S>, keep_alive: KeepAlive, limits: ConnectionLimits, stop: Stop) -> Self {
        let config = ServiceConfig::new(keep_alive, limits.request_timeout, limits.disconnect_timeout, false, None);
        Self { app, limits, config, stop }
    }

    /// Answers the requests on one connection until either side ends it.
    pub(super) async fn serve<T, B>(&self, io: T, peer: Option<SocketAddr>) -> io::Result<()>
    where
        T: Socket + 'static,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let wire = Rc::new(RefCell::new(Wire::new(io)));
        let mut codec = Codec::new(self.config.clone());
        let mut patience = Patience::new(&self.limits);
        let mut search = HeadSearch::default();
        let mut stopping = pin!(self.stop.signal.notified());
        loop {
            let next = poll_fn(|context| {
                let next = poll_head(&mut wire.borrow_mut(), &mut codec, &mut search, context);
                if next.is_ready() {
                    return next;
                }
                if stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(Next::End));
                }
                patience.poll(!wire.borrow().received.is_empty(), context).map(Ok)
            });
            match next.await? {
                Next::Request(request) => {
                    if let Some(budget) = self.answer(request, &wire, &mut codec, peer).await? {
                        return self.close(&wire, budget).await;
                    }
                    patience.rest();
                    search = HeadSearch::default();
                    if !wire.borrow().received.is_empty() {
                        // Between pipelined requests, other connections of this worker have their turn.
                        tokio::task::yield_now().await;
                    }
                }
                Next::Refused(status) => {
                    let mut refusal = Response::with_body(status, ());
                    refusal.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                    send(refusal, &wire, &mut Codec::new(self.config.clone()), false, &self.stop).await?;
                    return self.close(&wire, self.budget()).await;
                }
                Next::End => {
                    let end = poll_fn(|context| wire.borrow_mut().poll_shutdown(context));
                    return timeout(self.limits.disconnect_timeout, end).await.unwrap_or(Ok(()));
                }
            }
        }
    }

    /// Answers a request and reads to the end of its body; `None` if the connection may stay open.
    async fn answer<T, B>(
        &self,
        mut request: Request,
        wire: &Rc<RefCell<Wire<T>>>,
        codec: &mut Codec,
        peer: Option<SocketAddr>,
    ) -> io::Result<Option<Budget>>
    where
        T: Socket + 'static,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let has_body = codec.message_type() != MessageType::None;
        // The codec would read the body next; the next head needs a new codec.
        let mut of_body = has_body.then(|| std::mem::replace(codec, Codec::new(self.config.clone())));
        let is_tunnel = of_body.as_ref().is_some_and(|codec| codec.message_type() == MessageType::Stream);
        let codec = of_body.as_mut().unwrap_or(codec);

        request.head_mut().peer_addr = peer;
        if has_body {
            wire.borrow_mut().awaits_continue = request.head().expect();
            let framing = if is_tunnel { Framing::End } else { framing(&request) };
            let body = Body::new(wire, framing, self.limits, self.stop.clone());
            *request.payload() = Payload::Stream { payload: Box::pin(body) };
        }
        let mut facts = RequestFacts {
            is_head: request.method() == Method::HEAD,
            is_http_1_0: request.version() == Version::HTTP_10,
            // The bytes after a CONNECT or an upgrade to WebSocket are not HTTP, and this server upgrades nothing.
            is_last: is_tunnel,
            max_discarded: self.limits.max_discarded_bytes,
        };
        if !is_tunnel && request.head().connection_type() == ConnectionType::Upgrade {
            facts.is_last |= facts.is_http_1_0;
            *codec = self.codec_without_upgrade(facts.is_head)?;
        }
        let answer = self.app.call(request).await;
        facts.is_last |= self.stop.has_begun();
        let sent = match answer {
            Ok(response) => facts.send(response.into(), wire, codec, &self.stop).await,
            Err(error) => facts.send(Response::from(error), wire, codec, &self.stop).await,
        };
        match sent {
            Ok(()) => {}
            Err(Unsent::Broken(asked)) => return self.break_off(wire, asked).await,
            Err(Unsent::Failed(error)) => return Err(error),
        }
        let may_go_on = codec.keep_alive();
        if may_go_on && wire.borrow().is_body_over() {
            return Ok(None);
        }
        let mut budget = self.budget();
        let has_ended = self.discard(wire, &mut budget).await;
        Ok(if may_go_on && has_ended && wire.borrow().is_body_over() { None } else { Some(budget) })
    }

    /// Ends a connection as the body of its last answer asks for.
    async fn break_off<T: Socket>(&self, wire: &RefCell<Wire<T>>, asked: Break) -> io::Result<Option<Budget>> {
        let mut budget = self.budget();
        match asked {
            Break::Reset => wire.borrow().reset_on_close()?,
            // A socket that is closed with unread bytes is reset.
            Break::MidHeaders | Break::MidBody => drop(self.discard(wire, &mut budget).await),
            Break::Close | Break::GoAway | Break::RstStream | Break::Last | Break::Pause(_) => return Ok(Some(budget)),
        }
        Err(io::Error::other(asked))
    }

    /// A codec that ignores the client's offer of an upgrade (RFC 9110 section 7.8): it has read a head without the
    /// offer.
    fn codec_without_upgrade(&self, is_head: bool) -> io::Result<Codec> {
        let head: &[u8] =
            if is_head { b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" } else { b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" };
        let mut codec = Codec::new(self.config.clone());
        codec.decode(&mut BytesMut::from(head)).map_err(io::Error::other)?;
        Ok(codec)
    }

    fn budget(&self) -> Budget {
        let over = self.stop.end_of_body(self.limits.discard_timeout, self.limits.disconnect_timeout);
        Budget { bytes: self.limits.max_discarded_bytes, over: maybe_done(over) }
    }

    /// Receives and drops the rest of a body, up to the budget; returns whether the body has ended.
    async fn discard<T: Socket>(&self, wire: &RefCell<Wire<T>>, budget: &mut Budget) -> bool {
        let Budget { bytes, over } = budget;
        let end = async {
            loop {
                if let Some(has_ended) = wire.borrow_mut().drop_body(bytes) {
                    return has_ended;
                }
                // A client that awaits `100 Continue` sends nothing.
                if wire.borrow().awaits_continue || !self.receive(wire).await {
                    return false;
                }
            }
        };
        tokio::select! {
            biased;
            has_ended = end => has_ended,
            () = over => false,
        }
    }

    /// Receives more; `false` if the client is silent for too long.
    async fn receive<T: Socket>(&self, wire: &RefCell<Wire<T>>) -> bool {
        let received = poll_fn(|context| wire.borrow_mut().poll_receive(context));
        matches!(timeout(self.limits.discard_silence_timeout, received).await, Ok(Ok(true)))
    }

    /// Closes a connection after its last answer. The system resets a socket that is closed with unread bytes, and then
    /// the client may lose the answer: so everything that it still sends is received first, up to the budget (RFC 9112
    /// section 9.6).
    async fn close<T: Socket>(&self, wire: &RefCell<Wire<T>>, budget: Budget) -> io::Result<()> {
        let Budget { mut bytes, over } = budget;
        let end = async {
            poll_fn(|context| wire.borrow_mut().poll_shutdown(context)).await?;
            loop {
                {
                    let received = &mut wire.borrow_mut().received;
                    bytes = bytes.saturating_sub(received.len() as u64);
                    received.clear();
                }
                if bytes == 0 || !self.receive(wire).await {
                    return Ok(());
                }
            }
        };
        tokio::select! {
            biased;
            ended = timeout(self.limits.disconnect_timeout, end) => ended.unwrap_or(Ok(())),
            () = over => Ok(()),
        }
    }
}

/// Searches for the end of a head in the received bytes. The codec reads a head from its start at each call: for a head
/// that arrives byte by byte, it would cost the square of its length.
#[derive(Debug, Default)]
struct HeadSearch {
    /// The length at which the codec last found no end.
    tried: usize,
    searched: usize,
}

impl HeadSearch {
    /// Whether to call the codec: for a whole head, for one that is too long, and after twice as many bytes as at the
    /// last call, so that bytes which are no head are refused early.
    fn is_due(&mut self, received: &[u8]) -> bool {
        let length = received.len();
        let new = received.get(self.searched.saturating_sub(2)..).unwrap_or(received);
        let is_due = length >= 2 * self.tried || length >= MAX_HEAD_BYTES || has_empty_line(new);
        self.searched = length;
        if is_due {
            self.tried = length;
        }
        is_due
    }
}

/// Whether there is an empty line. The codec accepts a bare LF as the end of a line too.
fn has_empty_line(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|end| end == b"\n\n") || bytes.windows(3).any(|end| end == b"\n\r\n")
}

/// Reads the next head.
fn poll_head<T: Socket>(
    wire: &mut Wire<T>,
    codec: &mut Codec,
    search: &mut HeadSearch,
    context: &mut Context<'_>,
) -> Poll<io::Result<Next>> {
    loop {
        // Some clients send an empty line after a body (RFC 9112 section 2.2).
        while let Some(empty) = [&b"\r\n"[..], b"\n"].into_iter().find(|line| wire.received.starts_with(line)) {
            wire.received.advance(empty.len());
            *search = HeadSearch::default();
        }
        if !wire.received.is_empty() && search.is_due(&wire.received) {
            match codec.decode(&mut wire.received) {
                Ok(Some(Message::Item(request))) => return Poll::Ready(Ok(Next::Request(request))),
                Ok(None) => {}
                Err(ParseError::TooLarge) => {
                    return Poll::Ready(Ok(Next::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)));
                }
                Err(_) | Ok(Some(Message::Chunk(_))) => {
                    return Poll::Ready(Ok(Next::Refused(StatusCode::BAD_REQUEST)));
                }
            }
        }
        if !ready!(wire.poll_receive(context))? {
            return Poll::Ready(Ok(Next::End));
        }
    }
}

/// The framing of a body, for a request of which the codec says that it has one. `Broken` for a head that the codec
/// should have refused.
fn framing(request: &Request) -> Framing {
    let headers = request.head().headers();
    let mut codings = headers.get_all(TRANSFER_ENCODING);
    let length = headers.get(CONTENT_LENGTH);
    match (codings.next(), length) {
        (Some(coding), None)
            if request.version() == Version::HTTP_11
                && codings.next().is_none()
                && coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") =>
        {
            Framing::Chunked(Chunks::new())
        }
        (None, Some(length)) => {
            let length = length.to_str().ok().and_then(|length| length.trim().parse().ok());
            length.map_or(Framing::Broken, Framing::Length)
        }
        _ => Framing::Broken,
    }
}

/// The time limit for the next head.
struct Patience<'a> {
    limits: &'a ConnectionLimits,
    awaited: Awaited,
    timer: Pin<Box<Sleep>>,
    /// When the last answer was sent.
    rests_since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// The head of the first request on the connection.
    First,
    /// The first byte of a later one. The timer is not set for each; when it runs out, the time since the last answer
    /// counts.
    Another,
    /// The rest of the head of a later one.
    Rest,
}

impl<'a> Patience<'a> {
    fn new(limits: &'a ConnectionLimits) -> Self {
        let timer = Box::pin(sleep(limits.request_timeout));
        Self { limits, awaited: Awaited::First, timer, rests_since: Instant::now() }
    }

    /// An answer was sent.
    fn rest(&mut self) {
        self.rests_since = Instant::now();
        if self.awaited != Awaited::Another {
            self.awaited = Awaited::Another;
            self.timer.set(sleep(self.limits.keep_alive));
        }
    }

    /// Ready when the time is over.
    fn poll(&mut self, has_begun: bool, context: &mut Context<'_>) -> Poll<Next> {
        if has_begun && self.awaited == Awaited::Another {
            self.awaited = Awaited::Rest;
            self.timer.set(sleep(self.limits.request_timeout));
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let end = self.rests_since + self.limits.keep_alive;
            if self.awaited != Awaited::Another {
                // A client that connects early would take a refusal for the answer to its later request.
                let is_begun = has_begun || self.awaited == Awaited::Rest;
                let late = Next::Refused(StatusCode::REQUEST_TIMEOUT);
                return Poll::Ready(if is_begun { late } else { Next::End });
            }
            if Instant::now() >= end {
                return Poll::Ready(Next::End);
            }
            self.timer.set(sleep_until(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_reads_a_head_that_trickles_a_few_times_only_and_misses_no_end() {
        let fields = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(100_000));
        for end in ["\r\n\r\n", "\n\n", "\r\n\n", "\n\r\n"] {
            let head = format!("{fields}{end}").into_bytes();
            for step in [1, 2, 3, 7, 8] {
                let mut search = HeadSearch::default();
                let lengths = (step..head.len()).step_by(step).chain([head.len()]);
                let tries: Vec<_> = lengths.filter(|&length| search.is_due(&head[..length])).collect();
                assert!(tries.len() < 24, "{tries:?}");
                assert_eq!(tries.last(), Some(&head.len()), "{end:?}");
            }
        }
    }
}
