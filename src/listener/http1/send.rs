//! How an answer is sent over HTTP/1.1, and how the body of one may [break](Break) it off.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_codec::Encoder as _;
use actix_http::body::{BodySize, MessageBody};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, Response};
use actix_web::web::Bytes;
use tokio::time::sleep;

use super::super::breaks::Break;
use super::super::chunks::Found;
use super::super::socket::Socket;
use super::super::stop::Stop;
use super::super::wire::{Framing, Wire};

/// How much of a streamed answer is collected before it is sent.
const SEND_BYTES: usize = 32 * 1_024;

/// What an answer needs to know of its request.
pub(super) struct RequestFacts {
    pub(super) is_head: bool,
    pub(super) is_http_1_0: bool,
    /// Whether the connection ends after it in any case.
    pub(super) is_last: bool,
    /// How much of a body may be dropped after it.
    pub(super) max_discarded: u64,
}

/// Why an answer was not sent to its end.
pub(super) enum Unsent {
    /// Its body asks for this.
    Broken(Break),
    Failed(io::Error),
}

impl From<io::Error> for Unsent {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unsent> for io::Error {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Broken(asked) => Self::other(asked),
            Unsent::Failed(error) => error,
        }
    }
}

impl RequestFacts {
    /// Sends an answer, which says whether the connection stays open after it.
    pub(super) async fn send<T: Socket, B: MessageBody>(
        &self,
        response: Response<B>,
        wire: &RefCell<Wire<T>>,
        codec: &mut Codec,
        stop: &Stop,
    ) -> Result<(), Unsent> {
        let mut response = response;
        let mut is_last = self.is_last || !self.may_end(&mut wire.borrow_mut());
        if self.is_http_1_0 && response.body().size() == BodySize::Stream {
            // The end of the connection is the end of the body (RFC 9112 section 6.3).
            response.head_mut().no_chunking(true);
            is_last = true;
        }
        if is_last {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        send(response, wire, codec, self.is_head, stop).await
    }

    /// Whether the connection may stay open after the body: the rest is short enough, and the client sends it.
    fn may_end<T: Socket>(&self, wire: &mut Wire<T>) -> bool {
        // If the app still holds the body, it may read it for its answer.
        while !wire.is_body_held && matches!(wire.take(), Ok(Found::Data(_))) {}
        match wire.framing {
            Framing::End => true,
            Framing::Length(left) => left <= self.max_discarded && !wire.awaits_continue,
            Framing::Chunked(_) => !wire.awaits_continue,
            Framing::Broken => false,
        }
    }
}

pub(super) async fn send<T: Socket, B: MessageBody>(
    response: Response<B>,
    wire: &RefCell<Wire<T>>,
    codec: &mut Codec,
    is_head: bool,
    stop: &Stop,
) -> Result<(), Unsent> {
    let (head, body) = response.into_parts();
    let size = body.size();
    let has_body = !is_head && !size.is_eof();
    let head_at = wire.borrow().to_send.len();
    codec.encode(Message::Item((head, size)), &mut wire.borrow_mut().to_send)?;
    let mut body = pin!(body);
    let mut is_begun = false;
    while let Some(chunk) = poll_fn(|context| poll_chunk(body.as_mut(), has_body, wire, context)).await {
        match chunk {
            Ok(_) if !has_body => break,
            // The codec takes it for the end.
            Ok(chunk) if chunk.is_empty() => is_begun = true,
            Ok(chunk) => {
                is_begun = true;
                let is_much = {
                    let mut wire = wire.borrow_mut();
                    codec.encode(Message::Chunk(Some(chunk)), &mut wire.to_send)?;
                    wire.to_send.len() >= SEND_BYTES
                };
                if is_much {
                    poll_fn(|context| wire.borrow_mut().poll_send(context)).await?;
                }
            }
            Err(Unsent::Broken(Break::Last)) => break,
            Err(Unsent::Broken(Break::Pause(time))) => {
                // The head waits for the first part of the body.
                if is_begun {
                    poll_fn(|context| wire.borrow_mut().poll_send(context)).await?;
                }
                pause(time, wire, stop).await?;
            }
            Err(Unsent::Broken(asked)) => {
                if !is_begun {
                    cut_head(asked, head_at, &mut wire.borrow_mut());
                }
                poll_fn(|context| wire.borrow_mut().poll_send(context)).await?;
                return Err(Unsent::Broken(asked));
            }
            Err(failed) => return Err(failed),
        }
    }
    if has_body {
        codec.encode(Message::Chunk(None), &mut wire.borrow_mut().to_send)?;
    }
    Ok(poll_fn(|context| wire.borrow_mut().poll_send(context)).await?)
}

/// The next part of an answer; meanwhile the parts before it are sent. An answer without a body is asked for a [`Break`]
/// only.
fn poll_chunk<T: Socket, B: MessageBody>(
    body: Pin<&mut B>,
    has_body: bool,
    wire: &RefCell<Wire<T>>,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Unsent>>> {
    match body.poll_next(context) {
        Poll::Ready(chunk) => Poll::Ready(chunk.map(|chunk| {
            chunk.map_err(|error| match Break::of(error) {
                Ok(asked) => Unsent::Broken(asked),
                Err(error) => Unsent::Failed(io::Error::other(error.to_string())),
            })
        })),
        Poll::Pending if !has_body => Poll::Ready(None),
        Poll::Pending => match wire.borrow_mut().poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        },
    }
}

/// Takes back what a break does not send of a head.
fn cut_head<T: Socket>(asked: Break, head_at: usize, wire: &mut Wire<T>) {
    let whole = wire.to_send.len();
    wire.to_send.truncate(match asked {
        Break::MidBody => whole,
        Break::MidHeaders => head_at.midpoint(whole),
        Break::Pause(_) | Break::Close | Break::Reset | Break::GoAway | Break::RstStream | Break::Last => head_at,
    });
}

/// Waits for this time, or until the server stops.
async fn pause<T: Socket>(time: Duration, wire: &RefCell<Wire<T>>, stop: &Stop) -> io::Result<()> {
    let asked_silence = async {
        let mut rest = time;
        while !rest.is_zero() {
            let next = rest.min(Duration::from_secs(10));
            sleep(next).await;
            wire.borrow().excuse_silence();
            rest = rest.saturating_sub(next);
        }
    };
    tokio::select! {
        biased;
        gone = poll_fn(|context| wire.borrow_mut().poll_gone(context)) => Err(gone),
        () = stop.signal.notified() => Ok(()),
        () = asked_silence => Ok(()),
    }
}
