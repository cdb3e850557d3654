//! The server's stop, as each worker sees it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_server::GracefulShutdownSignal;
use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, sleep, sleep_until};

/// The server's stop, for one worker.
#[derive(Clone)]
pub(super) struct Stop {
    pub(super) signal: GracefulShutdownSignal,
    began: Rc<Cell<Option<Instant>>>,
}

impl Stop {
    pub(super) fn of(signal: GracefulShutdownSignal) -> Self {
        let stop = Self { signal, began: Rc::default() };
        tokio::task::spawn_local({
            let stop = stop.clone();
            async move {
                stop.signal.notified().await;
                stop.began.set(Some(Instant::now()));
            }
        });
        stop
    }

    pub(super) fn has_begun(&self) -> bool {
        self.began.get().is_some()
    }

    /// Ready after `limit`, or `grace` after the stop began: the time in which a client has to send a body.
    pub(super) fn end_of_body(&self, limit: Duration, grace: Duration) -> LocalBoxFuture<'static, ()> {
        let stop = self.clone();
        Box::pin(async move {
            let late = sleep(limit);
            let stopped = async {
                stop.signal.notified().await;
                sleep_until(stop.began.get().unwrap_or_else(Instant::now) + grace).await;
            };
            tokio::select! {
                () = late => {}
                () = stopped => {}
            }
        })
    }
}
