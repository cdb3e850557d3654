//! The byte stream of one HTTP/1.1 connection: received bytes, bytes to send, and the rest of the current request's
//! body.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::error::PayloadError;
use actix_web::web::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use tokio::io::AsyncReadExt as _;

use super::chunks::{Chunks, Found};
use super::limits::ConnectionLimits;
use super::socket::Socket;
use super::stop::Stop;

/// The size of the receive buffer: an idle connection has little more memory than that.
const RECEIVE_BYTES: usize = 8 * 1_024;
/// How much of it is left before a new buffer is allocated.
const MIN_RECEIVE_BYTES: usize = 1_024;
/// The most memory that an answer leaves allocated.
const MAX_SPARE_BYTES: usize = 64 * 1_024;

/// How much is received while nothing reads it.
const MAX_AHEAD_BYTES: usize = 64 * 1_024;

/// How the rest of a request's body is framed (RFC 9112 section 6).
#[derive(Debug)]
pub(super) enum Framing {
    /// There is no more of it.
    End,
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// It is malformed or cut off: its end, and the next request, cannot be found.
    Broken,
}

/// One connection.
pub(super) struct Wire<T> {
    io: T,
    /// Received bytes that were not read yet.
    pub(super) received: BytesMut,
    /// Bytes to send.
    pub(super) to_send: BytesMut,
    /// The rest of the body of the current request.
    pub(super) framing: Framing,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) awaits_continue: bool,
    /// Whether the app has the body of the current request, and may still read it.
    pub(super) is_body_held: bool,
}

impl<T: Socket> Wire<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            received: BytesMut::new(),
            to_send: BytesMut::new(),
            framing: Framing::End,
            awaits_continue: false,
            is_body_held: false,
        }
    }

    /// Receives bytes; `false` at the end of the stream.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.received.capacity() - self.received.len() < MIN_RECEIVE_BYTES {
            self.received.reserve(RECEIVE_BYTES);
        }
        // It has no state, so each call may create it again.
        let receiving = pin!(self.io.read_buf(&mut self.received));
        receiving.poll(context).map_ok(|count| count > 0)
    }

    /// Sends all bytes in `to_send`.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.to_send.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(context, &self.to_send))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count if count == self.to_send.len() => self.to_send.clear(),
                count => self.to_send.advance(count),
            }
        }
        if self.to_send.capacity() > MAX_SPARE_BYTES {
            self.to_send = BytesMut::new();
        }
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Closes the sending side.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    /// Makes the end of the connection a reset.
    pub(super) fn reset_on_close(&self) -> io::Result<()> {
        self.io.reset_on_close()
    }

    /// Says that an answer asks for the silence of the connection.
    pub(super) fn excuse_silence(&self) {
        self.io.excuse_silence();
    }

    /// Ready when the client has gone. To see that, it receives what the client sends meanwhile, up to a limit.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.received.len() < MAX_AHEAD_BYTES {
            match ready!(self.poll_receive(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }

    /// The next part of the body among the received bytes; `Nothing` if more has to be received.
    pub(super) fn take(&mut self) -> Result<Found, PayloadError> {
        match &mut self.framing {
            Framing::End | Framing::Length(0) => {
                self.framing = Framing::End;
                Ok(Found::End)
            }
            Framing::Length(_) if self.received.is_empty() => Ok(Found::Nothing),
            Framing::Length(left) => {
                let here = self.received.len();
                let length = usize::try_from(*left).map_or(here, |left| left.min(here));
                *left -= length as u64;
                Ok(Found::Data(self.received.split_to(length).freeze()))
            }
            Framing::Chunked(chunks) => {
                let found = chunks.take(&mut self.received);
                if found.is_err() {
                    self.framing = Framing::Broken;
                } else if found == Ok(Found::End) {
                    self.framing = Framing::End;
                }
                found.map_err(|_| PayloadError::EncodingCorrupted)
            }
            Framing::Broken => Err(PayloadError::Incomplete(None)),
        }
    }

    /// The next part of the body.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<Found, PayloadError>> {
        loop {
            let found = self.take()?;
            if found != Found::Nothing {
                return Poll::Ready(Ok(found));
            }
            if self.awaits_continue {
                self.awaits_continue = false;
                self.to_send.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            if !self.to_send.is_empty() {
                ready!(self.poll_send(context))?;
            }
            if !ready!(self.poll_receive(context))? {
                self.framing = Framing::Broken;
            }
        }
    }

    /// Whether the next request may be read. An app that still holds the body after its answer could read into it.
    pub(super) fn is_body_over(&self) -> bool {
        matches!(self.framing, Framing::End) && !self.is_body_held
    }

    /// Drops the received part of the body, up to `most` bytes; returns whether the body has ended, or `None` if more
    /// of it has to be received.
    pub(super) fn drop_body(&mut self, most: &mut u64) -> Option<bool> {
        loop {
            let here = self.received.len();
            let found = self.take();
            *most = most.saturating_sub((here - self.received.len()) as u64);
            match found {
                Ok(Found::End) => return Some(true),
                Ok(Found::Data(_)) if *most > 0 => {}
                Ok(Found::Nothing) if *most > 0 => return None,
                Ok(_) | Err(_) => return Some(false),
            }
        }
    }
}

/// The body of one request, while the app may read it: after its request, on a connection that stays open, it could
/// read into the next one.
pub(super) struct Body<T> {
    wire: Rc<RefCell<Wire<T>>>,
    limits: ConnectionLimits,
    stop: Stop,
    /// Created when it is needed: most bodies come in one packet with their head.
    late: Option<LocalBoxFuture<'static, ()>>,
}

impl<T> Body<T> {
    pub(super) fn new(wire: &Rc<RefCell<Wire<T>>>, framing: Framing, limits: ConnectionLimits, stop: Stop) -> Self {
        {
            let mut wire = wire.borrow_mut();
            (wire.framing, wire.is_body_held) = (framing, true);
        }
        Self { wire: Rc::clone(wire), limits, stop, late: None }
    }
}

impl<T> Drop for Body<T> {
    fn drop(&mut self) {
        if let Ok(mut wire) = self.wire.try_borrow_mut() {
            wire.is_body_held = false;
        }
    }
}

impl<T: Socket> Stream for Body<T> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { wire, limits, stop, late } = self.get_mut();
        let read = wire.borrow_mut().poll_body(context);
        match read {
            Poll::Ready(Ok(Found::Data(data))) => Poll::Ready(Some(Ok(data))),
            Poll::Ready(Ok(_)) => Poll::Ready(None),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Pending => {
                let end = || stop.end_of_body(limits.silence_timeout, limits.disconnect_timeout);
                ready!(late.get_or_insert_with(end).as_mut().poll(context));
                Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
        }
    }
}
