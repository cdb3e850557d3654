//! The byte stream of a connection, which can be reset.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// The byte stream of a connection.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// Makes the system send RST, and drop what it has not sent, when the socket is closed.
    fn reset_on_close(&self) -> io::Result<()>;

    /// Keeps a limit on silence, if there is one, from closing it.
    fn excuse_silence(&self) {}
}

impl Socket for TcpStream {
    fn reset_on_close(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl<T: Socket> Socket for TlsStream<T> {
    fn reset_on_close(&self) -> io::Result<()> {
        self.get_ref().0.reset_on_close()
    }
}

/// A stream whose owner does not give it back: whether it is reset is said from outside.
pub(super) struct Resettable<T: Socket> {
    io: T,
    resets: Rc<Cell<bool>>,
}

impl<T: Socket> Resettable<T> {
    /// The stream, and what makes its end a reset.
    pub(super) fn new(io: T) -> (Self, Rc<Cell<bool>>) {
        let resets = Rc::<Cell<bool>>::default();
        (Self { io, resets: Rc::clone(&resets) }, resets)
    }
}

impl<T: Socket> Drop for Resettable<T> {
    fn drop(&mut self) {
        if self.resets.get()
            && let Err(error) = self.io.reset_on_close()
        {
            debug!(%error, "a connection was closed and not reset");
        }
    }
}

impl<T: Socket> AsyncRead for Resettable<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<T: Socket> AsyncWrite for Resettable<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
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
