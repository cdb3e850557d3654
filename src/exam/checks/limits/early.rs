//! Requests that come before `Retry-After` of a refusal allows them.

use crate::exam::retry_after::RetryAfter;
use crate::exam::{Examination, Exchange, Run};
use crate::time::UnixMillis;

/// A request that was refused until some time.
pub(super) struct Refusal<'r> {
    pub(super) refused: &'r Exchange,
    /// When the next request may come, but for the tolerance.
    pub(super) until: UnixMillis,
    /// The earliest moment that is not held against the client.
    tolerated_from: UnixMillis,
}

impl<'r> Refusal<'r> {
    /// The first request of a run that was refused with 429 and a `Retry-After`.
    pub(super) fn first_of(examination: &Examination, run: &'r Run) -> Option<Self> {
        run.conversation.resources().filter(|exchange| exchange.has_status(429)).find_map(|refused| {
            let until = refused.retry_not_before()?;
            let tolerance_ms = match refused.retry_after()? {
                RetryAfter::Seconds(_) => examination.thresholds.retry_after_early_ms,
                RetryAfter::Date(_) => examination.thresholds.retry_after_date_early_ms,
            };
            let tolerated_from = UnixMillis::new(until.get().saturating_sub(tolerance_ms));
            Some(Self { refused, until, tolerated_from })
        })
    }

    /// Whether a request came late enough.
    pub(super) fn allows(&self, exchange: &Exchange) -> bool {
        self.tolerated_from <= exchange.started_at
    }

    /// The requests that came too early, those that repeat the refused one first.
    pub(super) fn early(&self, run: &'r Run) -> Early<'r> {
        let after = run.conversation.resources_after(self.refused);
        let early = after.filter(|exchange| !self.allows(exchange));
        let (repeats, others) = early.partition(|exchange| exchange.is_repeat_of(self.refused));
        Early { repeats, others }
    }
}

/// Requests that came too early.
pub(super) struct Early<'r> {
    /// The refused one once more.
    pub(super) repeats: Vec<&'r Exchange>,
    /// Others.
    pub(super) others: Vec<&'r Exchange>,
}

impl<'r> Early<'r> {
    /// The first one of them.
    pub(super) fn first(&self) -> Option<&'r Exchange> {
        let all = self.repeats.iter().chain(&self.others).copied();
        all.min_by_key(|exchange| (exchange.started_at, exchange.recorded.line.number))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.repeats.len() + self.others.len()
    }
}
