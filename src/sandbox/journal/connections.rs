//! What each open connection has negotiated, by the address of its peer: a request names only that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use papaya::HashMap;

/// A connection over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionFacts {
    /// Its number in this run of the server.
    pub(crate) number: u64,
    /// The version of TLS, as `TLSv1.3`.
    pub(crate) tls: String,
    /// The cipher suite, by its name in the IANA registry.
    pub(crate) cipher: String,
    /// The name of the server that the client sent (SNI); `None` for an address.
    pub(crate) server_name: Option<String>,
}

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    opened: AtomicU64,
    open: HashMap<SocketAddr, Arc<ConnectionFacts>, RandomState>,
}

/// A connection until its end.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    connections: Arc<Connections>,
    peer: SocketAddr,
    number: u64,
}

impl Connections {
    /// Notes a connection that was opened. It is forgotten when the result is dropped.
    pub(crate) fn open(
        self: &Arc<Self>,
        peer: SocketAddr,
        tls: String,
        cipher: String,
        server_name: Option<String>,
    ) -> OpenConnection {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let facts = Arc::new(ConnectionFacts { number, tls, cipher, server_name });
        self.open.pin().insert(peer, facts);
        OpenConnection { connections: Arc::clone(self), peer, number }
    }

    /// The connection that a request from this address came on.
    pub(crate) fn of(&self, peer: SocketAddr) -> Option<Arc<ConnectionFacts>> {
        self.open.pin().get(&peer).cloned()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        // The peer may already have a new connection from the same address.
        let _removed = self.connections.open.pin().remove_if(&self.peer, |_, facts| facts.number == self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_from_its_handshake_to_its_end() {
        let connections = Arc::<Connections>::default();
        let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        let open = || connections.open(peer, "TLSv1.3".to_owned(), "TLS13_AES_256_GCM_SHA384".to_owned(), None);
        let first = open();
        assert_eq!(connections.of(peer).unwrap().number, 1);
        let second = open();
        drop(first);
        assert_eq!(connections.of(peer).unwrap().number, 2, "the later connection from the same address stays");
        drop(second);
        assert_eq!(connections.of(peer), None);
    }
}
