//! How a client connected: what the journal, which has requests only, cannot show.

use super::sandbox::Sandbox;
use crate::api::audit::{Action, Line, NewestEntries};
use crate::exam::PlainHttp;

/// The metric that counts connections by what they speak.
const CONNECTIONS: &str = "boomgate_connections_total{protocol=";
/// The entries of the audit log that are read: the newest ones.
const ENTRIES: &str = "100";

/// Connections so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// With a TLS handshake that was completed.
    pub(super) secure: u64,
    /// In the clear.
    pub(super) plain: u64,
    /// Closed before or during the handshake, as by a client that does not trust the certificate.
    pub(super) failed: u64,
}

impl Traffic {
    /// Those of a sandbox, the exam's own included.
    pub(super) fn of(sandbox: &Sandbox) -> anyhow::Result<Self> {
        Ok(Self::parse(&sandbox.admin()?.get_text("/metrics")?))
    }

    fn parse(metrics: &str) -> Self {
        let mut traffic = Self::default();
        for line in metrics.lines().filter_map(|line| line.strip_prefix(CONNECTIONS)) {
            let Some((protocol, count)) = line.split_once("} ") else { continue };
            let count = count.trim().parse().unwrap_or_default();
            match protocol.trim_matches('"') {
                "http1" | "http2" => traffic.secure += count,
                "clear" => traffic.plain = count,
                "failed" | "timed_out" => traffic.failed += count,
                _ => {}
            }
        }
        traffic
    }

    /// Those after `before`.
    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            secure: self.secure.saturating_sub(before.secure),
            plain: self.plain.saturating_sub(before.plain),
            failed: self.failed.saturating_sub(before.failed),
        }
    }

    /// The plain HTTP of a run. A connection in the clear carries one request.
    pub(super) fn plain_http(self, sandbox: &Sandbox) -> anyhow::Result<PlainHttp> {
        if self.plain == 0 {
            return Ok(PlainHttp::default());
        }
        let entries: NewestEntries = sandbox.admin()?.get("/admin/audit", &[("limit", ENTRIES)])?;
        let is_exposure = |action: Action| matches!(action, Action::TokenBurned | Action::SecretExposed);
        let exposed = entries.data.iter().filter(|line| match line {
            Line::Entry(entry) => is_exposure(entry.event.action),
            Line::Broken(_) => false,
        });
        Ok(PlainHttp { requests: self.plain, exposed: exposed.count() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_what_they_speak() {
        let metrics = "# HELP boomgate_connections_total x\nboomgate_connections_total{protocol=\"http1\"} 3\n\
             boomgate_connections_total{protocol=\"http2\"} 1\nboomgate_connections_total{protocol=\"clear\"} 2\n\
             boomgate_connections_total{protocol=\"failed\"} 4\nboomgate_connections_total{protocol=\"timed_out\"} 1\n\
             boomgate_connections_open 9\n";
        let traffic = Traffic::parse(metrics);
        assert_eq!(traffic, Traffic { secure: 4, plain: 2, failed: 5 });
        let before = Traffic { secure: 3, plain: 2, failed: 0 };
        assert_eq!(traffic.since(&before), Traffic { secure: 1, plain: 0, failed: 5 });
    }
}
