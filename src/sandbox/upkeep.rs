//! What a jump of the clock makes due.

use std::time::Duration;

use async_trait::async_trait;

use crate::store::StoreError;
use crate::time::{ClockFault, SandboxClock};

/// Does by the clock what a server does beside requests. The server that has all the parts implements it.
#[async_trait(?Send)]
pub trait Upkeep: Send + Sync {
    /// Moves the clock forward. What becomes due on the way has happened when this returns: keys are rotated at their own
    /// moments, what has expired is removed, and the units of past days are back in the store.
    ///
    /// The caller holds the sandbox [quiet](super::Sandbox::quiet). After [`JumpFault::Clock`] nothing has changed.
    async fn advance(&self, clock: &SandboxClock, by: Duration) -> Result<(), JumpFault>;

    /// Records the clock as it is now, so that the next process goes on with it.
    async fn record(&self, clock: &SandboxClock) -> Result<(), StoreError>;
}

/// Why a jump is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JumpFault {
    /// The clock does not go there.
    #[error(transparent)]
    Clock(#[from] ClockFault),
    /// The clock has moved, and the store did not take everything that became due; the log says what. It is tried again.
    #[error("the clock has moved, but the store did not take everything that became due: it is tried again")]
    Overdue,
}
