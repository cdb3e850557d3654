//! What the server around the rules counts: connections, lines of the log, the certificate.

use std::sync::Arc;

use crate::http::metrics::Exposition;
use crate::listener::Connections;
use crate::telemetry;
use crate::tls::Tls;

/// The sources of these metrics.
#[derive(Clone)]
pub(super) struct HostMetrics {
    pub(super) tls: Arc<Tls>,
    pub(super) connections: Arc<Connections>,
}

impl HostMetrics {
    pub(super) fn write(&self, exposition: &mut Exposition) {
        exposition.counters(
            "boomgate_connections_total",
            "Connections that were accepted, by what they speak.",
            "protocol",
            self.connections.opened(),
        );
        exposition.gauge("boomgate_connections_open", "Connections that are open.", self.connections.open());
        exposition.counter(
            "boomgate_log_lines_dropped_total",
            "Lines of the log that were dropped, because it was not read or could not be written.",
            telemetry::dropped_lines(),
        );
        exposition.gauge(
            "boomgate_certificate_expiry_timestamp_seconds",
            "Until when clients accept the certificate.",
            self.tls.not_after().get(),
        );
    }
}
