//! The ports that a server takes, before it opens anything else.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::error::StartError;
use crate::config::Config;

/// The ports that were taken.
pub(super) struct Listeners {
    pub(super) https: Vec<TcpListener>,
    pub(super) http: Option<TcpListener>,
    pub(super) ops: Option<TcpListener>,
}

impl Listeners {
    pub(super) fn bind(config: &Config) -> Result<Self, StartError> {
        let mut https: Vec<TcpListener> = Vec::new();
        for address in &config.listen {
            // For port 0 the system chooses one, which all addresses with port 0 share.
            let chosen = https.first().and_then(|listener| listener.local_addr().ok()).map(|first| first.port());
            let port = if address.port() == 0 { chosen.unwrap_or(0) } else { address.port() };
            let address = SocketAddr::new(address.ip(), port);
            match listen(address, "--listen") {
                Ok(listener) => https.push(listener),
                // A machine without IPv6 still has the other loopback address.
                Err(StartError::Listen { cause, .. })
                    if cause.kind() == io::ErrorKind::AddrNotAvailable && !https.is_empty() =>
                {
                    tracing::warn!(%address, "this machine does not have this address, so the server does not use it");
                }
                Err(error) => return Err(error),
            }
        }
        let http = config.http_listen.map(|address| listen(address, "http_listen")).transpose()?;
        let ops = config.ops_listen.map(|address| listen(address, "ops_listen")).transpose()?;
        Ok(Self { https, http, ops })
    }

    /// The addresses that serve HTTPS.
    pub(super) fn https_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.https.iter().filter_map(|listener| listener.local_addr().ok())
    }
}

fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|cause| {
        let in_use = cause.kind() == io::ErrorKind::AddrInUse;
        if in_use { StartError::PortInUse { address, setting } } else { StartError::Listen { address, setting, cause } }
    })
}
