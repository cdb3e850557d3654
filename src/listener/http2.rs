//! HTTP/2 (RFC 9113) on the h2 crate: one task for each request, with limits on everything.
//!
//! A connection may have [`MAX_STREAMS`] requests under way. It may be idle for one to two times `keep_alive`; then,
//! and when the server stops, it gets GOAWAY. A body, and each wait for the client to make room, may take
//! `silence_timeout`. A handler always runs to its end, even if its client has gone.
//!
//! RFC 9113 section 8.1 allows to reset a stream after an early answer. But curl 7.88 then often loses the answer, and
//! Java's client waits for ever. So the rest of the body is received and dropped, up to `max_discarded_bytes` and
//! `discard_timeout`, and only then the stream is reset (`NO_ERROR`).

mod send;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Method, Payload, Request, Response, ServiceConfig, Version};
use actix_web::web::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use tokio::time::{sleep, timeout};
use tracing::debug;

use self::send::Sender;
use super::Answers;
use super::breaks::Break;
use super::connections::{Open, Work};
use super::limits::ConnectionLimits;
use super::socket::{Resettable, Socket};
use super::stop::Stop;

/// Requests under way on one connection; RFC 9113 section 6.5.2 recommends no fewer.
const MAX_STREAMS: u32 = 100;

/// The size of a request's header list, as for HTTP/1.1; h2 answers a larger one with 431.
const MAX_HEADER_BYTES: u32 = 128 * 1024;

/// How much one stream may send before the app reads it: no request of this API is larger.
const STREAM_WINDOW: u32 = 64 * 1024 - 1;

/// How much all streams of a connection may send before the app reads it.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How much is received and dropped of all answered streams of a connection at a time, in `max_discarded_bytes`.
const DISCARDED_AT_ONCE: u64 = 2;

/// How long a connection that an answer breaks has for its last bytes.
const LAST_BYTES_TIME: Duration = Duration::from_millis(100);

/// The cost of a DATA frame beside its data.
const FRAME_BYTES: u64 = 9;

/// The HTTP/2 side of one port on one worker.
pub(super) struct Http2<S> {
    app: Rc<S>,
    limits: ConnectionLimits,
    stop: Stop,
    dates: ServiceConfig,
}

impl<S> Http2<S> {
    pub(super) fn new(app: Rc<S>, limits: ConnectionLimits, stop: Stop) -> Self {
        Self { app, limits, stop, dates: ServiceConfig::default() }
    }

    /// Answers the requests on one connection until either side ends it.
    pub(super) async fn serve<T, B>(&self, io: T, peer: Option<SocketAddr>, open: Rc<Open>) -> Result<(), h2::Error>
    where
        T: Socket,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let (io, resets) = Resettable::new(io);
        let handshake = Builder::new()
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(io);
        let Ok(connection) = timeout(self.limits.request_timeout, handshake).await else { return Ok(()) };
        let mut connection = connection?;
        if let Some(asked) = self.accept(&mut connection, peer, open).await? {
            resets.set(asked == Break::Reset);
            self.break_off(&mut connection, asked).await;
        }
        Ok(())
    }

    /// Answers requests until either side ends the connection, or an answer breaks it.
    async fn accept<T, B>(
        &self,
        connection: &mut Connection<Resettable<T>, Bytes>,
        peer: Option<SocketAddr>,
        open: Rc<Open>,
    ) -> Result<Option<Break>, h2::Error>
    where
        T: Socket,
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        // How much was dropped of the bodies of answered requests.
        let discarded = Rc::<Cell<u64>>::default();
        let mut stopping = pin!(self.stop.signal.notified());
        let mut tick = pin!(sleep(self.limits.keep_alive));
        let mut goes_away = false;
        // Whether no request was under way at the last tick, and none has come since.
        let mut is_idle = false;
        loop {
            tokio::select! {
                biased;
                asked = poll_fn(|context| open.breaks.poll(context)) => {
                    if asked != Break::Last {
                        return Ok(Some(asked));
                    }
                    goes_away = true;
                }
                next = connection.accept() => {
                    let Some(next) = next else { return Ok(None) };
                    let (request, respond) = next?;
                    is_idle = false;
                    // h2 no longer counts a stream that the client has reset, but its handler still runs.
                    if under_way(&open) >= MAX_STREAMS as usize * 2 {
                        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                        continue;
                    }
                    let discarded = Rc::clone(&discarded);
                    tokio::task::spawn_local(self.answer(request, respond, peer, Work::of(&open), discarded));
                    continue;
                }
                () = &mut stopping, if !goes_away => goes_away = true,
                () = &mut tick => match (is_idle, goes_away) {
                    (true, true) => return Ok(None),
                    (true, false) => goes_away = true,
                    (false, _) => {}
                },
            }
            is_idle = under_way(&open) == 0;
            if goes_away {
                connection.graceful_shutdown();
            }
            tick.set(sleep(if goes_away { self.limits.disconnect_timeout } else { self.limits.keep_alive }));
        }
    }

    /// Ends a connection as an answer asks for: after that, its socket is closed.
    async fn break_off<T: Socket>(&self, connection: &mut Connection<Resettable<T>, Bytes>, asked: Break) {
        match asked {
            Break::GoAway => {
                connection.abrupt_shutdown(Reason::INTERNAL_ERROR);
                let ended = poll_fn(|context| connection.poll_closed(context));
                let _is_late = timeout(self.limits.disconnect_timeout, ended).await;
            }
            Break::Close | Break::MidHeaders | Break::MidBody => {
                // What was given so far is sent. And what the client sends about it is received: a socket that is closed
                // with unread bytes is reset.
                let ended = poll_fn(|context| connection.poll_closed(context));
                let _is_late = timeout(LAST_BYTES_TIME, ended).await;
            }
            Break::Reset | Break::Pause(_) | Break::RstStream | Break::Last => {}
        }
    }

    fn answer<B>(
        &self,
        request: http::Request<RecvStream>,
        respond: SendResponse<Bytes>,
        peer: Option<SocketAddr>,
        work: Work,
        discarded: Rc<Cell<u64>>,
    ) -> impl Future<Output = ()> + 'static
    where
        S: Answers<B>,
        B: MessageBody + 'static,
    {
        let (limit, stop) = (self.limits.silence_timeout, self.stop.clone());
        let is_head = request.method() == Method::HEAD;
        let (request, body) = received(request, peer, self.limits, &self.stop);
        let body = body.map(|body| (body, self.limits, self.stop.clone()));
        let answer = self.app.call(request);
        let dates = self.dates.clone();
        async move {
            let answering = async {
                let sender = Sender { work: &work, stop: &stop, limit, dates: &dates };
                match answer.await {
                    Ok(response) => sender.send(response.into(), respond, is_head).await,
                    Err(error) => sender.send(Response::from(error), respond, is_head).await,
                }
            };
            let sent = match &body {
                Some((body, ..)) => pulling(body, answering).await,
                None => answering.await,
            };
            if let Err(error) = sent {
                debug!(?peer, %error, "an answer was not sent");
            } else if let Some((body, limits, stop)) = body {
                discard(&body, limits, &stop, &discarded).await;
            }
            work.finish();
        }
    }
}

/// How many answers one connection has under way: each has a reference to it.
fn under_way(open: &Rc<Open>) -> usize {
    Rc::strong_count(open) - 1
}

/// A body that the app reads; the rest of it is dropped after the answer.
type SharedBody = Rc<RefCell<Incoming>>;

/// A body as it arrives. It is copied out of h2 before the app asks for it: h2 needs some 240 bytes for each unread
/// DATA frame, and its flow control does not count a frame without data (RUSTSEC-2026-0258). The stream's window limits
/// the copy.
struct Incoming {
    stream: RecvStream,
    pulled: BytesMut,
}

impl Incoming {
    /// Copies what has arrived.
    fn pull(&mut self, context: &mut Context<'_>) {
        // h2 returns an end or an error again at the next call.
        while let Poll::Ready(Some(Ok(bytes))) = self.stream.poll_data(context) {
            self.pulled.extend_from_slice(&bytes);
        }
    }

    /// The next bytes; the client may then send as many more.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let next = if self.pulled.is_empty() {
            ready!(self.stream.poll_data(context))
        } else {
            Some(Ok(self.pulled.split().freeze()))
        };
        Poll::Ready(next.map(|bytes| {
            let bytes = bytes?;
            self.stream.flow_control().release_capacity(bytes.len())?;
            Ok(bytes)
        }))
    }
}

/// Runs `answering`, and pulls the body meanwhile.
async fn pulling<T>(body: &SharedBody, answering: impl Future<Output = T>) -> T {
    let mut answering = pin!(answering);
    poll_fn(|context| {
        body.borrow_mut().pull(context);
        answering.as_mut().poll(context)
    })
    .await
}

/// The request in the form that apps have, and its body, if it has one.
fn received(
    request: http::Request<RecvStream>,
    peer: Option<SocketAddr>,
    limits: ConnectionLimits,
    stop: &Stop,
) -> (Request, Option<SharedBody>) {
    let (parts, body) = request.into_parts();
    let mut request = Request::new();
    let body =
        (!body.is_end_stream()).then(|| Rc::new(RefCell::new(Incoming { stream: body, pulled: BytesMut::new() })));
    if let Some(body) = &body {
        let late = stop.end_of_body(limits.silence_timeout, limits.disconnect_timeout);
        let body: BoxedPayloadStream = Box::pin(Body { body: Rc::clone(body), late });
        *request.payload() = Payload::Stream { payload: body };
    }
    let head = request.head_mut();
    head.method = parts.method;
    head.uri = parts.uri;
    head.version = Version::HTTP_2;
    head.headers = parts.headers.into();
    head.peer_addr = peer;
    (request, body)
}

/// A request body with a time limit.
struct Body {
    body: SharedBody,
    late: LocalBoxFuture<'static, ()>,
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let received = self.body.borrow_mut().poll_data(context);
        match received {
            Poll::Ready(received) => Poll::Ready(received.map(|bytes| bytes.map_err(PayloadError::from))),
            Poll::Pending => {
                let late = self.late.as_mut().poll(context);
                late.map(|()| Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
        }
    }
}

/// Receives the rest of a body and drops it, until it ends or a limit is reached; then h2 resets the stream. `at_once`
/// counts the dropped bytes of this and the other bodies of the connection.
async fn discard(body: &SharedBody, limits: ConnectionLimits, stop: &Stop, at_once: &Cell<u64>) {
    let most = limits.max_discarded_bytes;
    let mut discarded = 0;
    let end = async {
        let next = || timeout(limits.discard_silence_timeout, poll_fn(|context| body.borrow_mut().poll_data(context)));
        while let Ok(Some(Ok(bytes))) = next().await {
            let cost = bytes.len() as u64 + FRAME_BYTES;
            discarded += cost;
            at_once.set(at_once.get() + cost);
            if discarded > most || at_once.get() > most.saturating_mul(DISCARDED_AT_ONCE) {
                break;
            }
        }
    };
    tokio::select! {
        biased;
        () = end => {}
        () = stop.end_of_body(limits.discard_timeout, limits.disconnect_timeout) => {}
    }
    at_once.set(at_once.get() - discarded);
}
