//! Answers that break their connection, for a server that shows its clients what bad networks and dying servers do.
//!
//! A body asks for it by failing with a [`Break`]. The dispatchers look for one only where a body has failed, so no other
//! answer pays for it. Each body is polled before its head is sent, also the body of an answer to HEAD and an empty one.

use std::cell::Cell;
use std::error::Error;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What the error of a body asks its connection for, in place of the next part of the body.
///
/// As the first thing that a body gives, it comes before the head is sent. Later, what the body gave before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Sends nothing for this time, then polls the body again. Ends at once when the server stops. When the client goes
    /// away, the answer ends.
    #[error("an answer pauses for {0:?}")]
    Pause(Duration),
    /// Closes the connection without the answer, as a server closes an idle one: over HTTP/1.1 with TLS's
    /// `close_notify`, over HTTP/2 without GOAWAY.
    #[error("an answer closes its connection")]
    Close,
    /// Sends the first half of the head, then closes the connection without `close_notify`, as a process that dies. Over
    /// HTTP/2 a head is one frame, and nothing of it is sent.
    #[error("an answer cuts its connection in its head")]
    MidHeaders,
    /// Sends what it has of the answer, then closes the connection without `close_notify`, as a process that dies.
    #[error("an answer cuts its connection in its body")]
    MidBody,
    /// Resets the TCP connection.
    #[error("an answer resets its connection")]
    Reset,
    /// Over HTTP/2, ends the connection with GOAWAY and the code `INTERNAL_ERROR`. Over HTTP/1.1, as [`Close`](Self::Close).
    #[error("an answer ends its connection with GOAWAY")]
    GoAway,
    /// Over HTTP/2, resets the stream with the code `INTERNAL_ERROR`, and the connection goes on. Over HTTP/1.1, as
    /// [`Close`](Self::Close).
    #[error("an answer resets its stream")]
    RstStream,
    /// Ends the body. Over HTTP/2, the connection then takes no more requests, and ends with GOAWAY and the code
    /// `NO_ERROR`. Over HTTP/1.1, the head must have said so.
    #[error("an answer is the last of its connection")]
    Last,
}

impl Break {
    /// The break that a body failed with; the error itself if it is no break.
    pub(super) fn of(error: impl Into<Box<dyn Error>>) -> Result<Self, Box<dyn Error>> {
        error.into().downcast::<Self>().map(|asked| *asked)
    }
}

/// Tells the task of a connection that an answer on another task breaks the connection. Both tasks are on one thread.
#[derive(Default)]
pub(super) struct BreakSignal {
    asked: Cell<Option<Break>>,
    connection: Cell<Option<Waker>>,
}

impl BreakSignal {
    pub(super) fn send(&self, asked: Break) {
        self.asked.set(Some(asked));
        if let Some(connection) = self.connection.take() {
            connection.wake();
        }
    }

    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Break> {
        if let Some(asked) = self.asked.take() {
            return Poll::Ready(asked);
        }
        let same = self.connection.take().filter(|waker| waker.will_wake(context.waker()));
        self.connection.set(same.or_else(|| Some(context.waker().clone())));
        Poll::Pending
    }
}
