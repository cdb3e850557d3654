//! A limit on HTTP/1.1 connections that actix-http does not have: the time without a write of the server.
//!
//! While a client sends a head or a body byte by byte, or does not read the answer, the server cannot write. So the
//! bytes written are counted, and a connection whose count does not change is closed. It costs an addition for each
//! write and a timer for each connection, and reads no clock.

use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

use super::socket::Socket;

/// Serves a connection until it ends, or until nothing was written to it for one to two times `limit`; then drops it
/// with its socket.
pub(super) async fn until_silent<T, F, E>(limit: Duration, io: T, serve: impl FnOnce(Metered<T>) -> F)
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let written = Rc::new(Cell::new(0));
    let served = serve(Metered { io, written: Rc::clone(&written) });
    tokio::select! {
        biased;
        ended = served => if let Err(error) = ended {
            debug!(%error, "an HTTP/1.1 connection ended early");
        },
        () = silence(limit, &written) => debug!("a silent HTTP/1.1 connection was closed"),
    }
}

async fn silence(limit: Duration, written: &Cell<u64>) {
    loop {
        let before = written.get();
        tokio::time::sleep(limit).await;
        if written.get() == before {
            return;
        }
    }
}

/// A stream that counts what is written to it.
pub(super) struct Metered<T> {
    io: T,
    written: Rc<Cell<u64>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.count(count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write_vectored(context, slices))?;
        self.count(count)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl<T: Socket> Socket for Metered<T> {
    fn reset_on_close(&self) -> io::Result<()> {
        self.io.reset_on_close()
    }

    fn excuse_silence(&self) {
        self.written.set(self.written.get().wrapping_add(1));
    }
}

impl<T> Metered<T> {
    fn count(&self, bytes: usize) -> Poll<io::Result<usize>> {
        self.written.set(self.written.get().wrapping_add(bytes as u64));
        Poll::Ready(Ok(bytes))
    }
}
