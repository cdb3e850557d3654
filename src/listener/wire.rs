//! The byte stream of one HTTP/1.1 connection: what was received and not read, what is to be sent, and how much of
//! the present request's body is still to come.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::error::PayloadError;
use actix_web::web::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::chunks::{Chunks, Found};

/// Room to receive into: little more is left unused on a connection at rest.
const RECEIVE_BYTES: usize = 8 * 1_024;
/// What is left of that room before new room is made.
const MIN_RECEIVE_BYTES: usize = 1_024;
/// The most that an answer leaves allocated.
const MAX_SPARE_BYTES: usize = 64 * 1_024;

/// How the rest of a request's body is framed (RFC 9112 section 6).
#[derive(Debug)]
pub(super) enum Framing {
    /// Nothing more comes.
    End,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// It was malformed, or cut off: where it ends, and what comes next, is anybody's guess.
    Broken,
}

/// One connection.
pub(super) struct Wire<T> {
    io: T,
    /// What was received and not read yet.
    pub(super) received: BytesMut,
    /// What is to be sent.
    pub(super) to_send: BytesMut,
    /// The rest of the body of the present request.
    pub(super) framing: Framing,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) awaits_continue: bool,
    /// The number of the present request.
    number: u64,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            received: BytesMut::new(),
            to_send: BytesMut::new(),
            framing: Framing::End,
            awaits_continue: false,
            number: 0,
        }
    }

    /// Receives some; `false` at the end of the stream.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.received.capacity() - self.received.len() < MIN_RECEIVE_BYTES {
            self.received.reserve(RECEIVE_BYTES);
        }
        // It holds no state, and may be made anew each time.
        let receiving = pin!(self.io.read_buf(&mut self.received));
        receiving.poll(context).map_ok(|count| count > 0)
    }

    /// Sends all that is to be sent.
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

    /// Says that nothing more is sent.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    /// The next part of the body that is here already; `Nothing` if more has to be received.
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

    /// Receives the rest of the body and drops it, up to `most` bytes; whether it came to its end.
    pub(super) fn poll_discard(&mut self, most: &mut u64, context: &mut Context<'_>) -> Poll<bool> {
        loop {
            let here = self.received.len();
            let found = self.take();
            *most = most.saturating_sub((here - self.received.len()) as u64);
            match found {
                Ok(Found::End) => return Poll::Ready(true),
                Ok(_) if *most == 0 => return Poll::Ready(false),
                Ok(Found::Data(_)) => {}
                Ok(Found::Nothing) => match ready!(self.poll_receive(context)) {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return Poll::Ready(false),
                },
                Err(_) => return Poll::Ready(false),
            }
        }
    }

    /// Receives whatever comes and drops it, up to `most` bytes, until the client ends the connection.
    pub(super) fn poll_drain(&mut self, most: &mut u64, context: &mut Context<'_>) -> Poll<()> {
        while *most > 0 {
            *most = most.saturating_sub(self.received.len() as u64);
            self.received.clear();
            if !ready!(self.poll_receive(context)).unwrap_or(false) {
                break;
            }
        }
        Poll::Ready(())
    }

    /// Another request begins, with this body.
    pub(super) fn begin(&mut self, framing: Framing, awaits_continue: bool) {
        self.number += 1;
        (self.framing, self.awaits_continue) = (framing, awaits_continue);
    }
}

/// The body of one request.
pub(super) struct Body<T> {
    wire: Rc<RefCell<Wire<T>>>,
    number: u64,
}

impl<T> Body<T> {
    pub(super) fn new(wire: &Rc<RefCell<Wire<T>>>) -> Self {
        Self { wire: Rc::clone(wire), number: wire.borrow().number }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for Body<T> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut wire = self.wire.borrow_mut();
        // An app that holds a body beyond its answer must not read into the next one.
        if wire.number != self.number {
            return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
        }
        match ready!(wire.poll_body(context)) {
            Ok(Found::Data(data)) => Poll::Ready(Some(Ok(data))),
            Ok(_) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
