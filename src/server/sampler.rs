//! The task that samples what clients do, every few seconds.

use std::time::Duration;

use actix_web::web::Data;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::activity::BUCKET_S;
use crate::http::activity::ActivitySampler;

/// Samples until it is aborted.
pub(super) async fn sample(sampler: Data<ActivitySampler>) {
    let mut ticks = interval(Duration::from_secs(BUCKET_S));
    // After a stall one sample has all that came in it: several at once would say that nothing came.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        sampler.sample();
    }
}
