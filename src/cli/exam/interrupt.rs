//! Ctrl-C: everything that waits is woken, and ends what it has started.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Whether the exam is to end. Who waits, waits here.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt {
    /// Sets it for a signal of this process: SIGINT, SIGTERM or SIGHUP.
    pub(super) fn on_signals(interrupt: &'static Self) -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _entered = runtime.enter();
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal)
        };
        let [interrupted, terminated, hung_up] = signals;
        let (mut interrupted, mut terminated, mut hung_up) = (interrupted?, terminated?, hung_up?);
        let listen = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                    _ = hung_up.recv() => {}
                }
            });
            interrupt.set();
        };
        thread::Builder::new().name("signals".into()).spawn(listen)?;
        Ok(())
    }

    pub(super) fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is set; and says whether it is.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_set, limit, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Waits so long, whatever happens: for what ends within moments.
pub(super) fn pause(limit: Duration) {
    Interrupt::default().wait(limit);
}
