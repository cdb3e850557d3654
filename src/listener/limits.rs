//! How much of the server one client, or all of them together, may use.

use std::time::Duration;

/// How much of the server one client, or all of them, may hold.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Threads that serve; each runs its own instance of the apps. 1 to 512.
    pub workers: usize,
    /// Open connections on each worker; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// From the accept to the end of the TLS handshake, the first byte included.
    pub handshake_timeout: Duration,
    /// For the head of a connection's first request, from the handshake on; for a later one, from its first
    /// bytes on.
    pub request_timeout: Duration,
    /// How long a connection may rest between requests; over HTTP/2, up to twice as long.
    pub keep_alive: Duration,
    /// How much of a body is received and dropped once its request is answered: many clients lose an answer
    /// that comes before they have sent all of it, if what they send is then refused. Past this, it is.
    pub max_discarded_bytes: u64,
    /// How long that may take, until the connection is closed where it does not go on; once the server stops, no
    /// longer than `disconnect_timeout`.
    pub discard_timeout: Duration,
    /// How long a client may pause while it sends that: one that stays silent holds a stream for no longer.
    pub discard_silence_timeout: Duration,
    /// How long a client may take over its goodbye: to go after GOAWAY over HTTP/2, and to close its side of a
    /// connection whose last answer was sent over HTTP/1.1. Once the server stops, also how long a client may take to
    /// send the rest of a body.
    pub disconnect_timeout: Duration,
    /// An HTTP/1.1 connection to which nothing was written for one to two of these is closed: that ends
    /// slow bodies, readers that stopped, and answers that never come. Over
    /// HTTP/2, how long a body may take, and a client to make room for more of an answer. Must be longer
    /// than the longest wait of any handler; taken as `keep_alive` where it is shorter than that.
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
