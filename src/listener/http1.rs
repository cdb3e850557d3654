//! HTTP/1.1 and 1.0 (RFC 9112) on actix-http's codec: one request after the other, and bounds on all of it.
//!
//! A head is read only once the answer before it is sent and the body before it has come to its end; so what follows
//! an answer with `Connection: close` is never read as a request (section 9.6). What is left of a body that the app
//! did not read is received and dropped, and the connection goes on; past `max_discarded_bytes` or
//! `discard_timeout` it is closed. An answer is made to its end even if its client has gone, so that a handler is
//! never cut off half way.
//!
//! The codec's own bounds are a head of 128 KiB and 96 fields (431). It reads heads and writes answers; bodies are
//! read by [`wire`](super::wire), which is stricter about chunks and knows how much of them is left.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_codec::{Decoder as _, Encoder as _};
use actix_http::body::{BodySize, MessageBody};
use actix_http::error::ParseError;
use actix_http::h1::{Codec, Message, MessageType};
use actix_http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use actix_http::{ConnectionType, KeepAlive, Method, Payload, Request, Response, ServiceConfig, StatusCode, Version};
use actix_server::GracefulShutdownSignal;
use actix_web::web::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::chunks::{Chunks, Found};
use super::wire::{Body, Framing, Wire};
use super::{Answers, Bounds, end_of_discard};

/// How much of a streamed answer is gathered before it is sent.
const SEND_BYTES: usize = 32 * 1_024;

/// The HTTP/1.1 side of one port on one worker.
pub(super) struct Http1<S> {
    app: Rc<S>,
    bounds: Bounds,
    config: ServiceConfig,
    stopping: GracefulShutdownSignal,
    is_stopping: Rc<Cell<bool>>,
}

/// What comes next on a connection.
enum Next {
    /// A request; its body has not been read.
    Request(Request),
    /// What cannot be read as one, or did not come in time.
    Refused(StatusCode),
    /// Nothing: the client has gone, has rested too long, or the server stops.
    Nothing,
}

impl<S> Http1<S> {
    pub(super) fn new(app: Rc<S>, keep_alive: KeepAlive, bounds: Bounds, stopping: GracefulShutdownSignal) -> Self {
        let config = ServiceConfig::new(keep_alive, bounds.request_timeout, bounds.disconnect_timeout, false, None);
        let is_stopping = Rc::<Cell<bool>>::default();
        tokio::task::spawn_local({
            let (stopping, is_stopping) = (stopping.clone(), Rc::clone(&is_stopping));
            async move {
                stopping.notified().await;
                is_stopping.set(true);
            }
        });
        Self { app, bounds, config, stopping, is_stopping }
    }

    /// Answers what comes over one connection until either side ends it.
    pub(super) async fn serve<T, B>(&self, io: T, peer: Option<SocketAddr>) -> io::Result<()>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let wire = Rc::new(RefCell::new(Wire::new(io)));
        let mut codec = Codec::new(self.config.clone());
        let mut patience = Patience::new(&self.bounds);
        let mut stopping = pin!(self.stopping.notified());
        loop {
            let next = poll_fn(|context| {
                let next = poll_head(&mut wire.borrow_mut(), &mut codec, context);
                if next.is_ready() {
                    return next;
                }
                if stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(Next::Nothing));
                }
                patience.poll(!wire.borrow().received.is_empty(), context).map(Ok)
            });
            match next.await? {
                Next::Request(request) => {
                    if !self.answer(request, &wire, &mut codec, peer).await? {
                        return self.close(&wire).await;
                    }
                    patience.rest();
                }
                Next::Refused(status) => {
                    let mut refusal = Response::with_body(status, ());
                    refusal.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                    send(refusal, &wire, &mut Codec::new(self.config.clone()), false).await?;
                    return self.close(&wire).await;
                }
                Next::Nothing => {
                    let end = poll_fn(|context| wire.borrow_mut().poll_shutdown(context));
                    return timeout(self.bounds.disconnect_timeout, end).await.unwrap_or(Ok(()));
                }
            }
        }
    }

    /// Answers a request and comes to the end of its body; whether the connection may go on.
    async fn answer<T, B>(
        &self,
        mut request: Request,
        wire: &Rc<RefCell<Wire<T>>>,
        codec: &mut Codec,
        peer: Option<SocketAddr>,
    ) -> io::Result<bool>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let has_body = codec.message_type() != MessageType::None;
        // The codec would read the body now: the next head is for a new one.
        let mut of_body = has_body.then(|| std::mem::replace(codec, Codec::new(self.config.clone())));
        let is_tunnel = of_body.as_ref().is_some_and(|codec| codec.message_type() == MessageType::Stream);
        let codec = of_body.as_mut().unwrap_or(codec);

        request.head_mut().peer_addr = peer;
        if has_body {
            wire.borrow_mut().begin(framing(&request), request.head().expect());
            *request.payload() = Payload::Stream { payload: Box::pin(Body::new(wire)) };
        }
        let mut exchange = Exchange {
            is_head: request.method() == Method::HEAD,
            is_http_1_0: request.version() == Version::HTTP_10,
            // What would follow a CONNECT or an upgrade to WebSocket is no HTTP, and nothing here is upgraded.
            is_last: is_tunnel || request.head().connection_type() == ConnectionType::Upgrade,
            max_discarded: self.bounds.max_discarded_bytes,
        };
        let answer = self.app.call(request).await;
        exchange.is_last |= self.is_stopping.get();
        match answer {
            Ok(response) => exchange.send(response.into(), wire, codec).await?,
            Err(error) => exchange.send(Response::from(error), wire, codec).await?,
        }
        Ok(codec.keep_alive() && (!has_body || self.discard(wire).await))
    }

    /// Receives and drops the rest of a body, up to the bounds; whether it came to its end.
    async fn discard<T: AsyncRead + AsyncWrite + Unpin>(&self, wire: &RefCell<Wire<T>>) -> bool {
        let mut most = self.bounds.max_discarded_bytes;
        let end = poll_fn(|context| wire.borrow_mut().poll_discard(&mut most, context));
        tokio::select! {
            biased;
            has_ended = end => has_ended,
            () = end_of_discard(self.bounds, self.stopping.clone()) => false,
        }
    }

    /// Closes a connection after the last answer on it. A socket that is closed with bytes unread is reset, and the
    /// client may lose the answer: so what it still sends is received first, up to the bounds (RFC 9112 section 9.6).
    async fn close<T: AsyncRead + AsyncWrite + Unpin>(&self, wire: &RefCell<Wire<T>>) -> io::Result<()> {
        // A client that is still to be told to go on sends nothing.
        let is_sent = !wire.borrow().awaits_continue;
        if is_sent {
            self.discard(wire).await;
        }
        let mut most = self.bounds.max_discarded_bytes;
        let end = async {
            poll_fn(|context| wire.borrow_mut().poll_shutdown(context)).await?;
            poll_fn(|context| wire.borrow_mut().poll_drain(&mut most, context)).await;
            Ok(())
        };
        timeout(self.bounds.disconnect_timeout, end).await.unwrap_or(Ok(()))
    }
}

/// Reads the next head.
fn poll_head<T: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<T>,
    codec: &mut Codec,
    context: &mut Context<'_>,
) -> Poll<io::Result<Next>> {
    loop {
        // Some clients end a body with an empty line more than its length says (RFC 9112 section 2.2).
        while wire.received.starts_with(b"\r\n") {
            wire.received.advance(2);
        }
        if !wire.received.is_empty() {
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
            return Poll::Ready(Ok(Next::Nothing));
        }
    }
}

/// How the body of a request is framed, whose head the codec has found to be right.
fn framing(request: &Request) -> Framing {
    let headers = request.head().headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        return Framing::Chunked(Chunks::new());
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    length.map_or(Framing::End, Framing::Length)
}

/// What an answer has to know of its request.
struct Exchange {
    is_head: bool,
    is_http_1_0: bool,
    /// Whether the connection ends after it, whatever the client wishes.
    is_last: bool,
    /// How much of a body is dropped after it.
    max_discarded: u64,
}

impl Exchange {
    /// Sends an answer, which says whether the connection goes on after it.
    async fn send<T: AsyncRead + AsyncWrite + Unpin, B: MessageBody>(
        &self,
        response: Response<B>,
        wire: &Rc<RefCell<Wire<T>>>,
        codec: &mut Codec,
    ) -> io::Result<()> {
        let mut response = response;
        // An app that still holds the body may read it for its answer.
        let is_dropped = Rc::strong_count(wire) == 1;
        let mut is_last = self.is_last || !self.may_end(&mut wire.borrow_mut(), is_dropped);
        if self.is_http_1_0 && response.body().size() == BodySize::Stream {
            // Its end is that of the connection (RFC 9112 section 6.3).
            response.head_mut().no_chunking(true);
            is_last = true;
        }
        if is_last {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        send(response, wire, codec, self.is_head).await
    }

    /// Whether the connection may go on after the body: its end is near enough, and on its way.
    fn may_end<T: AsyncRead + AsyncWrite + Unpin>(&self, wire: &mut Wire<T>, is_dropped: bool) -> bool {
        while is_dropped && matches!(wire.take(), Ok(Found::Data(_))) {}
        match wire.framing {
            Framing::End => true,
            Framing::Length(left) => left <= self.max_discarded && !wire.awaits_continue,
            Framing::Chunked(_) => !wire.awaits_continue,
            Framing::Broken => false,
        }
    }
}

async fn send<T: AsyncRead + AsyncWrite + Unpin, B: MessageBody>(
    response: Response<B>,
    wire: &RefCell<Wire<T>>,
    codec: &mut Codec,
    is_head: bool,
) -> io::Result<()> {
    let (head, body) = response.into_parts();
    let size = body.size();
    codec.encode(Message::Item((head, size)), &mut wire.borrow_mut().to_send)?;
    if !is_head && !size.is_eof() {
        let mut body = pin!(body);
        while let Some(chunk) = poll_fn(|context| poll_chunk(body.as_mut(), wire, context)).await {
            let is_much = {
                let mut wire = wire.borrow_mut();
                codec.encode(Message::Chunk(Some(chunk?)), &mut wire.to_send)?;
                wire.to_send.len() >= SEND_BYTES
            };
            if is_much {
                poll_fn(|context| wire.borrow_mut().poll_send(context)).await?;
            }
        }
        codec.encode(Message::Chunk(None), &mut wire.borrow_mut().to_send)?;
    }
    poll_fn(|context| wire.borrow_mut().poll_send(context)).await
}

/// The next part of an answer; what was gathered before is sent while that is waited for.
fn poll_chunk<T: AsyncRead + AsyncWrite + Unpin, B: MessageBody>(
    body: Pin<&mut B>,
    wire: &RefCell<Wire<T>>,
    context: &mut Context<'_>,
) -> Poll<Option<io::Result<Bytes>>> {
    match body.poll_next(context) {
        Poll::Ready(chunk) => {
            Poll::Ready(chunk.map(|chunk| chunk.map_err(|error| io::Error::other(error.into().to_string()))))
        }
        Poll::Pending => match wire.borrow_mut().poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        },
    }
}

/// How long the next head is waited for.
struct Patience<'a> {
    bounds: &'a Bounds,
    awaited: Awaited,
    timer: Pin<Box<Sleep>>,
    /// When the last answer was sent.
    rests_since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// The head of the connection's first request, from the first moment on.
    First,
    /// The first byte of a later one. The timer is not set anew for each, only looked at when it has run out.
    Another,
    /// The rest of a later one.
    Rest,
}

impl<'a> Patience<'a> {
    fn new(bounds: &'a Bounds) -> Self {
        let timer = Box::pin(sleep(bounds.request_timeout));
        Self { bounds, awaited: Awaited::First, timer, rests_since: Instant::now() }
    }

    /// An answer was sent.
    fn rest(&mut self) {
        self.rests_since = Instant::now();
        if self.awaited != Awaited::Another {
            self.awaited = Awaited::Another;
            self.timer.set(sleep(self.bounds.keep_alive));
        }
    }

    /// Ready when it is over.
    fn poll(&mut self, has_begun: bool, context: &mut Context<'_>) -> Poll<Next> {
        if has_begun && self.awaited == Awaited::Another {
            self.awaited = Awaited::Rest;
            self.timer.set(sleep(self.bounds.request_timeout));
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let end = self.rests_since + self.bounds.keep_alive;
            if self.awaited != Awaited::Another {
                return Poll::Ready(Next::Refused(StatusCode::REQUEST_TIMEOUT));
            }
            if Instant::now() >= end {
                return Poll::Ready(Next::Nothing);
            }
            self.timer.set(sleep_until(end));
        }
    }
}
