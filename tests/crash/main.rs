//! A real server process under real requests, killed at a random moment, again and again: clients with all
//! that was changed of them, zones, revocations and keys that were acknowledged are there, the audit log is
//! unbroken, and no quota is exceeded. And the same process, stopped as it should be.
//!
//! What the kernel holds outlives the process: this does not try a power cut (`tests/powercut` does).
//!
//! `make crash` runs 200 rounds; `BOOMGATE_CRASH_ROUNDS` sets another number, and `BOOMGATE_CRASH_SEED`
//! repeats the choices of another run (moments are the machine's own).

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program exports nothing, and a test that cannot go on fails"
)]

mod audit;
mod clients;
mod gate;
mod ledger;
mod load;
#[path = "../process/mod.rs"]
mod process;
mod quotas;
mod random;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Gate;
use crate::ledger::Ledger;
use crate::process::Site;
use crate::quotas::Quotas;
use crate::random::Random;

/// Few enough for every `cargo test`.
const DEFAULT_ROUNDS: u64 = 12;
/// Rounds between two words of progress.
const PROGRESS_ROUNDS: u64 = 50;
/// The longest that a server lives under load, in milliseconds.
const MAX_LIFE_MS: u64 = 500;
/// The longest that a server lives which is killed while it starts.
const MAX_START_MS: u64 = 150;
/// One start in so many is cut short.
const STARTS_CUT_SHORT: u64 = 8;

/// No limit but the quotas that are looked at.
const SETTINGS: [(&str, &str); 7] = [
    ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_CLIENT_DEFAULTS__REQUESTS_PER_SECOND", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__BURST", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__DAILY_QUOTA", "unlimited"),
    ("BOOMGATE_WORKERS", "2"),
    ("BOOMGATE_LOG__LEVEL", "warn"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_moment_loses_nothing_acknowledged_and_admits_nothing_above_a_quota() {
    let rounds = setting("BOOMGATE_CRASH_ROUNDS").unwrap_or(DEFAULT_ROUNDS);
    let seed = setting("BOOMGATE_CRASH_SEED").unwrap_or_else(random::seed);
    println!("crash: {rounds} rounds with BOOMGATE_CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let site = Site::new(&SETTINGS);
    let (mut ledger, mut quotas) = (Ledger::default(), Quotas::new());
    let mut starts_cut_short = 0;

    for round in 0..rounds {
        // The very first start makes keys and certificates: it is always among these.
        if round == 0 || random.below(STARTS_CUT_SHORT) == 0 {
            let process = site.spawn();
            tokio::time::sleep(Duration::from_millis(random.below(MAX_START_MS))).await;
            process.kill();
            starts_cut_short += 1;
        }
        let process = site.start();
        let gate = Arc::new(Gate::open(&site).await);
        ledger.verify(&gate, Some(&mut random)).await;
        quotas.verify(&gate, Some(&mut random)).await;
        quotas.replenish(&gate, &mut random).await;

        let load = load::start(&gate, quotas.under_load(), &mut random);
        // Nothing is waited for: the moment is what is tried out.
        tokio::time::sleep(Duration::from_millis(random.below(MAX_LIFE_MS))).await;
        gate.will_be_killed();
        process.kill();
        let (facts, spent) = load.finish().await;
        ledger.add(facts);
        quotas.add(&spent);
        if (round + 1).is_multiple_of(PROGRESS_ROUNDS) {
            println!("crash: {} rounds; {ledger}", round + 1);
        }
    }

    let process = site.start();
    let gate = Arc::new(Gate::open(&site).await);
    ledger.verify(&gate, None).await;
    quotas.exhaust(&gate).await;
    quotas.verify(&gate, None).await;
    process.terminate();
    let (status, _) = process.wait();
    assert!(status.success(), "{status}");
    println!(
        "crash: {rounds} rounds of kill -9 under load, {starts_cut_short} more while starting; lost 0 of {ledger}; {quotas}"
    );
}

/// A number from a variable that the caller of the tests may set.
fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not the server's")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not {value:?}")))
}
