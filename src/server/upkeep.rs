//! The work of a server beside requests: it removes what has expired, and writes to the store what only memory has.
//!
//! A timer does it each minute, and a jump of a sandbox's clock does it at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::parts::Parts;
use crate::failures::FailureSummary;
use crate::keys::PUBLISHED_FOR_S;
use crate::sandbox::{JumpFault, Upkeep, record_clock};
use crate::store::{Store, StoreError};
use crate::time::{Clock as _, SECONDS_PER_DAY, SandboxClock, UnixSeconds};
use crate::tls::{Refreshed, Tls, TlsError};

/// How often expired records are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How many batches of expired idempotency keys one sweep removes; a batch is a thousand.
const IDEMPOTENCY_SWEEPS: usize = 10;
/// How often the certificate is renewed if it is due, or its files are read again if they have changed.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(30);
/// The most moments at which a jump of the clock halts to rotate keys.
const MAX_HALTS: usize = 8;

/// Removes what has expired, rotates signing keys, and keeps the certificate current; until it is aborted.
pub(super) async fn sweep(parts: Parts, tls: Arc<Tls>) {
    let mut expired = tokio::time::interval(SWEEP_INTERVAL);
    let mut certificates = tokio::time::interval(CERTIFICATE_INTERVAL);
    loop {
        tokio::select! {
            _ = expired.tick() => {
                // A sandbox that goes back to another state meanwhile must not find half of this done in it.
                let _until_it_is_done = match &parts.sandbox {
                    Some(sandbox) => Some(sandbox.enter().await),
                    None => None,
                };
                do_what_is_due(&parts).await;
            }
            _ = certificates.tick() => {
                log_refreshed(&tls.refresh());
            }
        }
    }
}

/// Does everything that is due by the clock. A failure is logged and does not keep the rest from being done; returns
/// whether there was none.
async fn do_what_is_due(parts: &Parts) -> bool {
    let now = parts.clock.now();
    let mut is_done = true;
    if let Err(error) = parts.revocation.sweep(now).await {
        is_done = false;
        tracing::warn!(%error, "expired revocations were not removed; it is tried again");
    }
    if let Err(error) = parts.revocation.pack().await {
        is_done = false;
        tracing::warn!(%error, "revocations were not packed; it is tried again");
    }
    if let Err(error) = forget_idempotency_keys(parts, now).await {
        is_done = false;
        tracing::warn!(%error, "expired idempotency keys were not removed; it is tried again");
    }
    if let Err(error) = parts.administration.finish_deletions().await {
        is_done = false;
        tracing::warn!(%error, "records of deleted clients were not removed; it is tried again");
    }
    if let Err(error) = parts.clients.write_back_uses().await {
        is_done = false;
        tracing::warn!(%error, "the last uses of secrets were not written; it is tried again");
    }
    if let Err(error) = parts.administration.settle_limits().await {
        is_done = false;
        tracing::warn!(%error, "clients whose report has expired still have their limits; it is tried again");
    }
    is_done &= maintain_keys(parts).await;
    if let Err(error) = write_summaries(parts, parts.failures.due()).await {
        is_done = false;
        tracing::warn!(%error, "failed authentications are not in the audit log yet; it is tried again");
    }
    parts.source_limit.forget_quiet();
    parts.client_credentials.forget_unregistered();
    parts.admission.forget_unregistered();
    is_done
}

async fn maintain_keys(parts: &Parts) -> bool {
    let maintained = parts.administration.maintain_keys(&parts.key_schedule).await;
    if let Err(error) = &maintained {
        tracing::warn!(%error, "signing keys were not rotated; it is tried again");
    }
    maintained.is_ok()
}

/// What a jump of the sandbox's clock makes due.
pub(super) struct JumpUpkeep(pub(super) Parts);

#[async_trait(?Send)]
impl Upkeep for JumpUpkeep {
    async fn advance(&self, clock: &SandboxClock, by: Duration) -> Result<(), JumpFault> {
        let Self(parts) = self;
        clock.check_advance(by)?;
        let end = clock.since_epoch() + by;
        let mut is_done = rotate_on_the_way(parts, clock, end).await?;
        clock.advance(end.saturating_sub(clock.since_epoch()))?;
        if let Err(error) = self.record(clock).await {
            is_done = false;
            tracing::warn!(%error, "the clock is not in the store: a restart takes it back");
        }
        if let Err(error) = parts.admission.settle_past_days().await {
            is_done = false;
            tracing::warn!(%error, "unspent units of a past day still count as used");
        }
        is_done &= do_what_is_due(parts).await;
        if is_done { Ok(()) } else { Err(JumpFault::Overdue) }
    }

    async fn record(&self, clock: &SandboxClock) -> Result<(), StoreError> {
        record_clock(&*self.0.readiness.store, clock).await
    }
}

/// Halts where a key is published, so that it signs from its own moment on, as it would without a jump. A jump over many
/// rotations does the last ones alone: no token of a key before them is valid any more.
async fn rotate_on_the_way(parts: &Parts, clock: &SandboxClock, end: Duration) -> Result<bool, JumpFault> {
    let (end_s, rotation_s) = (UnixSeconds::new(end.as_secs()), parts.key_schedule.rotation_days * SECONDS_PER_DAY);
    let mut is_done = true;
    for _ in 0..MAX_HALTS {
        let now = clock.now();
        let next_signs_from = parts.keys.list(now).last().map_or(now, |next| next.signs_from.max(now));
        let Some(published_at) = parts.keys.published_at(&parts.key_schedule, next_signs_from) else { break };
        if published_at.plus(PUBLISHED_FOR_S) > end_s {
            break;
        }
        let skips_to = UnixSeconds::new(end_s.get().saturating_sub(rotation_s.saturating_mul(2)));
        let halt = published_at.max(next_signs_from).max(skips_to);
        if halt > end_s {
            break;
        }
        if halt > now {
            clock.set(halt)?;
        }
        is_done &= maintain_keys(parts).await;
    }
    Ok(is_done)
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
