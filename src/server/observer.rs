//! What a sandbox notes of each connection, so that its journal can say what was negotiated.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConnection;

use crate::listener::Observer;
use crate::sandbox::Connections;

/// Notes each TLS connection until its end.
pub(super) fn observer(connections: &Arc<Connections>) -> Observer {
    let connections = Arc::clone(connections);
    Arc::new(move |peer: SocketAddr, tls: &ServerConnection| {
        // rustls names versions and suites as the IANA registry does, with `_` for `.`.
        let version = tls.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        let cipher = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        let server_name = tls.server_name().map(str::to_owned);
        let opened = connections.open(peer, version.replace('_', "."), cipher.to_owned(), server_name);
        Box::new(opened) as Box<dyn Any>
    })
}
