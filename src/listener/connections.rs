//! How many connections there were and are, and what a stop cut off.

use std::any::Any;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConnection;
use tokio::time::{sleep, timeout};

use super::breaks::{Break, BreakSignal};
use crate::counts::{Counter, Counts, label};

/// How often a stop checks whether the last connection has ended.
const END_LOOK: Duration = Duration::from_millis(10);

label! {
    /// The protocol of an accepted connection, or why it has none.
    pub enum Opening {
        /// HTTP/1.1 or 1.0 over TLS.
        Http1 = "http1",
        /// HTTP/2 over TLS.
        Http2 = "http2",
        /// Plain HTTP, on any port.
        Plain = "clear",
        /// It sent nothing, or the TLS handshake failed.
        Failed = "failed",
        /// It took too long to open.
        TimedOut = "timed_out",
    }
}

/// Is called once for each TLS connection, with its peer and what was negotiated. What it returns is dropped when the
/// connection ends.
pub type Observer = Arc<dyn Fn(SocketAddr, &ServerConnection) -> Box<dyn Any> + Send + Sync>;

/// How many connections there were and are.
#[derive(Debug, Default)]
pub struct Connections {
    opened: Counts<Opening>,
    ended: Counter,
    cut_off: Counter,
}

impl Connections {
    /// Connections so far, by their protocol.
    pub fn opened(&self) -> impl Iterator<Item = (Opening, u64)> + '_ {
        self.opened.totals()
    }

    /// How many connections are open now, from the end of their handshake on.
    #[must_use]
    pub fn open(&self) -> u64 {
        // The ended ones are read first, so that the result is never below zero.
        let ended = self.ended.total();
        let is_open = |opening: &Opening| !matches!(opening, Opening::Failed | Opening::TimedOut);
        let opened: u64 = self.opened().filter(|(opening, _)| is_open(opening)).map(|(_, count)| count).sum();
        opened.saturating_sub(ended)
    }

    /// How many requests a stop has cut off: they were under way when the threads that serve ended. Waits for that end,
    /// up to `limit`.
    pub(crate) async fn cut_off(&self, limit: Duration) -> u64 {
        let all_ended = async {
            while self.open() > 0 {
                sleep(END_LOOK).await;
            }
        };
        match timeout(limit, all_ended).await {
            Ok(()) => self.cut_off.total(),
            // They hang, and none of them will be answered.
            Err(_) => self.cut_off.total() + self.open(),
        }
    }

    /// Counts a connection that was not opened.
    pub(super) fn add_unopened(&self, opening: Opening) {
        self.opened.add_one(opening);
    }

    pub(super) fn begin(self: &Arc<Self>, opening: Opening) -> Rc<Open> {
        self.opened.add_one(opening);
        Rc::new(Open { connections: Arc::clone(self), breaks: BreakSignal::default() })
    }
}

/// An open connection: its socket is open, or an answer of it is under way.
pub(super) struct Open {
    connections: Arc<Connections>,
    /// Sent by an answer that breaks the connection.
    pub(super) breaks: BreakSignal,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.ended.add_one();
    }
}

/// Unfinished work of a connection. Dropped before it is finished, it counts as cut off.
pub(super) struct Work(Option<Rc<Open>>);

impl Work {
    pub(super) fn of(open: &Rc<Open>) -> Self {
        Self(Some(Rc::clone(open)))
    }

    /// Breaks the connection.
    pub(super) fn break_off(&self, asked: Break) {
        if let Some(open) = &self.0 {
            open.breaks.send(asked);
        }
    }

    pub(super) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            open.connections.cut_off.add_one();
        }
    }
}
