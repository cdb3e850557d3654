//! The system's clock is set back and forth while clients send requests: quotas and throttles stay exact (docs/architecture.md#time).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boomgate::time::{Clock as _, UnixSeconds};
use reqwest::Client;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::harness::{AUDIENCE, TestServer, answer};

/// How many callers send requests at the same time, each on a connection of its own.
const CALLERS: usize = 8;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// How many answers the callers have had so far.
#[derive(Clone, Copy, Default)]
struct Answers {
    admitted: u64,
    /// Refused since the clock was last set.
    refused: u64,
}

/// A client that sends requests over many connections at the same time, without a pause.
struct Crowd {
    server: Arc<TestServer>,
    answers: watch::Sender<Answers>,
    stop: Arc<AtomicBool>,
    calling: JoinSet<()>,
}

impl Crowd {
    async fn of(limits: serde_json::Value) -> Self {
        let server = Arc::new(TestServer::start().await);
        let (id, secret) = server.register(limits).await;
        let (answers, stop) = (watch::Sender::new(Answers::default()), Arc::<AtomicBool>::default());
        let mut calling = JoinSet::new();
        for number in 0..CALLERS {
            let (server, answers, stop) = (server.clone(), answers.clone(), stop.clone());
            let (id, secret) = (id.clone(), secret.clone());
            calling.spawn(async move {
                let client = server.another_client(number % 2 == 0);
                let mut token = server.token_with(&id, &secret, AUDIENCE, None).await;
                while !stop.load(Ordering::Relaxed) {
                    if !call(&client, &server.base, &token, &answers).await {
                        token = server.token_with(&id, &secret, AUDIENCE, None).await;
                    }
                }
            });
        }
        Self { server, answers, stop, calling }
    }

    /// Waits until so many were admitted.
    async fn admits(&self, least: u64) {
        self.answers.subscribe().wait_for(|answers| answers.admitted >= least).await.unwrap();
    }

    /// Waits until the quota is used up, and each caller has been refused.
    async fn is_refused(&self) {
        let refused = 4 * CALLERS as u64;
        self.answers.subscribe().wait_for(|answers| answers.refused >= refused).await.unwrap();
    }

    fn set_clock(&self, to: UnixSeconds) {
        self.server.clock.set_wall(to);
        self.answers.send_modify(|answers| answers.refused = 0);
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.calling.join_all().await;
        self.answers.borrow().admitted
    }
}

/// Sends one request; `false` if its token has expired.
async fn call(client: &Client, base: &str, token: &str, answers: &watch::Sender<Answers>) -> bool {
    let answer = answer(client.get(format!("{base}/parking/zones?limit=1")).bearer_auth(token)).await;
    match answer.status {
        200 => answers.send_modify(|answers| answers.admitted += 1),
        429 => {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=DAY_S).contains(&wait), "{answer:?}");
            answers.send_modify(|answers| answers.refused += 1);
        }
        401 => {
            assert_eq!(answer.problem(), "token-expired");
            return false;
        }
        _ => panic!("{answer:?}"),
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_under_load_admits_no_request_over_the_quota() {
    const QUOTA: u64 = 150;
    let limits = json!({ "requests_per_second": 100_000, "burst": 100_000, "daily_quota": QUOTA });
    let crowd = Crowd::of(limits).await;
    let noon = crowd.server.clock.now();

    // Back an hour and forward again: the day is the same, and so is its remaining quota.
    crowd.admits(30).await;
    crowd.set_clock(UnixSeconds::new(noon.get() - HOUR_S));
    crowd.admits(60).await;
    crowd.set_clock(noon);
    crowd.admits(80).await;
    // Forward a day, while units of the first day are leased; back before that day is used up; forward again.
    crowd.set_clock(noon.plus(DAY_S));
    crowd.admits(110).await;
    crowd.set_clock(noon);
    crowd.is_refused().await;
    crowd.set_clock(noon.plus(DAY_S));
    crowd.is_refused().await;
    let of_two_days = crowd.answers.borrow().admitted;
    // Over midnight, in a single second.
    let midnight = noon.plus(DAY_S).day().end();
    crowd.set_clock(UnixSeconds::new(midnight.get() - 1));
    crowd.is_refused().await;
    assert_eq!(crowd.answers.borrow().admitted, of_two_days, "a second before midnight nothing is left");
    crowd.set_clock(midnight);
    crowd.is_refused().await;
    // All three days are used up, whichever of them the clock says.
    for day in [noon, noon.plus(DAY_S), midnight] {
        crowd.set_clock(day);
        crowd.is_refused().await;
    }

    let admitted = crowd.stop().await;
    // Units that return to a day while its last ones are leased may stay counted as used: two blocks (here of one unit
    // each) for each change of the day.
    assert!((3 * QUOTA - 2 * 8..=3 * QUOTA).contains(&admitted), "{admitted} of {}", 3 * QUOTA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_under_load_does_not_lift_the_throttle() {
    const BURST: u64 = 60;
    let crowd = Crowd::of(json!({ "requests_per_second": 10, "burst": BURST, "daily_quota": null })).await;
    let noon = crowd.server.clock.now();
    crowd.admits(20).await;
    for to in [noon.get() - HOUR_S, noon.get() + DAY_S, noon.get() + DAY_S - 1, noon.get()] {
        crowd.set_clock(UnixSeconds::new(to));
        crowd.is_refused().await;
    }
    assert_eq!(crowd.answers.borrow().admitted, BURST, "time that was set has not gone by");
    // Nor does it block the client: real time counts, whatever the clock says.
    crowd.set_clock(UnixSeconds::new(noon.get() - HOUR_S));
    crowd.server.clock.advance(Duration::from_secs(1));
    crowd.admits(BURST + 10).await;
    crowd.set_clock(noon);
    crowd.is_refused().await;
    assert_eq!(crowd.stop().await, BURST + 10);
}
