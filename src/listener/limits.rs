//! How much of the server one client, or all of them together, may use.

use std::time::Duration;

/// The limits of connections and of the requests on them.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Threads that serve; each has its own instance of the apps. 1 to 512.
    pub workers: usize,
    /// Open connections on each worker; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// From the accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// For the head of a request: of the first on a connection from the handshake on, of a later one from its first
    /// byte on.
    pub request_timeout: Duration,
    /// How long a connection may be idle between requests; over HTTP/2, up to twice as long.
    pub keep_alive: Duration,
    /// How much of a body is received and dropped after its request was answered. Many clients lose an early answer if
    /// the rest of their body is refused; beyond this limit it is refused.
    pub max_discarded_bytes: u64,
    /// How long that may take; once the server stops, no longer than `disconnect_timeout`.
    pub discard_timeout: Duration,
    /// How long a client may pause within that.
    pub discard_silence_timeout: Duration,
    /// How long a client may take to close: after GOAWAY over HTTP/2, after the last answer over HTTP/1.1. Once the
    /// server stops, also how long a client may take to send the rest of a body.
    pub disconnect_timeout: Duration,
    /// An HTTP/1.1 connection to which nothing was written for one to two times this is closed: it ends slow bodies,
    /// clients that do not read, and answers that never come. Over HTTP/2, how long a body may take, and how long a
    /// client may take to make room for more of an answer. Must be longer than the longest wait of any handler; at
    /// least `keep_alive`.
    pub silence_timeout: Duration,
    /// How long a graceful stop waits for answers under way; whole seconds.
    pub shutdown_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 4_000,
            handshake_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            max_discarded_bytes: 16 * 1_024 * 1_024,
            discard_timeout: Duration::from_secs(10),
            discard_silence_timeout: Duration::from_secs(2),
            disconnect_timeout: Duration::from_secs(2),
            silence_timeout: Duration::from_secs(90),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
