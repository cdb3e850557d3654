//! The work of a server beside requests: it removes what has expired, and writes to the store what only memory has.

use std::sync::Arc;
use std::time::Duration;

use super::parts::Parts;
use crate::failures::FailureSummary;
use crate::store::{Store, StoreError};
use crate::time::UnixSeconds;
use crate::tls::{Refreshed, Tls, TlsError};

/// How often expired records are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How many batches of expired idempotency keys one sweep removes; a batch is a thousand.
const IDEMPOTENCY_SWEEPS: usize = 10;
/// How often the certificate is renewed if it is due, or its files are read again if they have changed.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(30);

/// Removes what has expired, rotates signing keys, and keeps the certificate current; until it is aborted.
pub(super) async fn sweep(parts: Parts, tls: Arc<Tls>) {
    let mut expired = tokio::time::interval(SWEEP_INTERVAL);
    let mut certificates = tokio::time::interval(CERTIFICATE_INTERVAL);
    loop {
        tokio::select! {
            _ = expired.tick() => {
                // Between two states of a sandbox, it would do in one what is due in the other.
                let _in_one_state = match &parts.sandbox {
                    Some(sandbox) => Some(sandbox.enter().await),
                    None => None,
                };
                let now = parts.clock.now();
                if let Err(error) = parts.revocation.sweep(now).await {
                    tracing::warn!(%error, "expired revocations were not removed; it is tried again");
                }
                if let Err(error) = parts.revocation.pack().await {
                    tracing::warn!(%error, "revocations were not packed; it is tried again");
                }
                if let Err(error) = forget_idempotency_keys(&parts, now).await {
                    tracing::warn!(%error, "expired idempotency keys were not removed; it is tried again");
                }
                if let Err(error) = parts.administration.finish_deletions().await {
                    tracing::warn!(%error, "records of deleted clients were not removed; it is tried again");
                }
                if let Err(error) = parts.clients.write_back_uses().await {
                    tracing::warn!(%error, "the last uses of secrets were not written; it is tried again");
                }
                if let Err(error) = parts.administration.maintain_keys(&parts.key_schedule).await {
                    tracing::warn!(%error, "signing keys were not rotated; it is tried again");
                }
                if let Err(error) = write_summaries(&parts, parts.failures.due()).await {
                    tracing::warn!(%error, "failed authentications are not in the audit log yet; it is tried again");
                }
                parts.source_limit.forget_quiet();
                parts.client_credentials.forget_unregistered();
                parts.admission.forget_unregistered();
            }
            _ = certificates.tick() => {
                log_refreshed(&tls.refresh());
            }
        }
    }
}

async fn forget_idempotency_keys(parts: &Parts, now: UnixSeconds) -> Result<(), StoreError> {
    for _ in 0..IDEMPOTENCY_SWEEPS {
        parts.parking.idempotency().sweep(now).await?;
    }
    Ok(())
}

fn log_refreshed(refreshed: &Result<Refreshed, TlsError>) {
    match refreshed {
        Ok(Refreshed::Unchanged) => {}
        Ok(Refreshed::Renewed(until)) => tracing::info!(%until, "the certificate was renewed"),
        Ok(Refreshed::Reloaded(until)) => tracing::info!(%until, "the certificate was reloaded: its files had changed"),
        Err(error) => tracing::error!(%error, "the certificate was not renewed: the old one is still used"),
    }
}

/// Writes to the store what only memory has, returns unspent quota, and closes the store. A failure does not keep the
/// rest from being done.
pub(super) async fn close(parts: &Parts, store: &dyn Store) -> Result<(), StoreError> {
    let written = parts.clients.write_back_uses().await;
    let summarised = write_summaries(parts, parts.failures.remaining()).await;
    let returned = parts.admission.close().await;
    store.close().await?;
    written?;
    summarised?;
    returned
}

/// The audit log has failed authentications as summaries.
async fn write_summaries(parts: &Parts, failures: Vec<FailureSummary>) -> Result<(), StoreError> {
    for sum in failures {
        parts.administration.authentications_failed(&sum).await?;
        parts.failures.mark_logged(&sum);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::time::UnixSeconds;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_changed_certificate_is_logged_at_info_and_an_unchanged_one_is_not() {
        let written = Written::default();
        let out = written.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || out.clone()).finish();
        tracing::subscriber::with_default(log, || {
            log_refreshed(&Ok(Refreshed::Unchanged));
            log_refreshed(&Ok(Refreshed::Reloaded(UnixSeconds::new(0))));
            log_refreshed(&Ok(Refreshed::Renewed(UnixSeconds::new(0))));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let [reloaded, renewed] = &lines[..] else { panic!("{text}") };
        for (line, words) in [(reloaded, "was reloaded"), (renewed, "was renewed")] {
            assert!(line.contains(" INFO ") && line.contains(words), "{line}");
            assert!(line.contains("until=1970-01-01T00:00:00Z"), "{line}");
        }
    }
}
