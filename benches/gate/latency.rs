//! Target 8: how long requests take under half of the highest load, while clients, keys and zones change.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::driver::{Call, Connection, Pace, Times};
use crate::gate::{DAILY_QUOTA, Gate, PUBLIC, access_token, registration, text};
use crate::load::median;
use crate::options::Options;
use crate::process::Apart;
use crate::report::{Line, Report};

const CONNECTIONS: usize = 32;
const P999_MS: f64 = 10.0;
/// The most rounds, and the length of each. A machine that pauses for 30 ms delays more than a thousandth of the requests
/// of a round.
const ROUNDS: usize = 9;
const LENGTH: Duration = Duration::from_secs(3);
/// Between two rotations of the signing key: at most a few dozen keys come together.
const ROTATION: Duration = Duration::from_secs(1);
/// How often in a second a client is registered, gets another secret and has a token revoked; and how often a
/// zone is created. Each of these four is a durable change, with a sync of its own.
const CHANGES_PER_SECOND: f64 = 40.0;
const ZONES_PER_SECOND: f64 = 40.0;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let gate = Gate::start_anew(options, &work.join("latency")).await?;
    let (zone, _) = gate.any_zone(&fresh(&gate).await?).await?;
    let call = Call::get(zone);

    let _apart = Apart::from(&[&gate.process])?;
    let half = closed_loop(&gate, &call.clone().with_token(&fresh(&gate).await?), Duration::from_secs(2)).await? / 2.0;
    let rounds = options.rounds.min(ROUNDS);
    let (mut quiet, mut busy, mut changes) = (vec![], vec![], 0);
    let (mut all_quiet, mut all) = (Times::default(), Times::default());
    for _ in 0..rounds {
        let mut times = paced(&gate, &call.clone().with_token(&fresh(&gate).await?), half).await?;
        quiet.push(times.quantile_ms(0.999));
        all_quiet.extend(times);
        let token = fresh(&gate).await?;
        let call = call.clone().with_token(&token);
        let (mut times, made) = while_changing(&gate, &token, paced(&gate, &call, half)).await?;
        busy.push(times.quantile_ms(0.999));
        all.extend(times);
        changes += made;
    }
    ensure!(changes > 0, "no change was made during the measurement");
    let what = "p99.9 at half of the highest load of driver and server; beside, without changes";
    let figure = median(&busy);
    let line = Line::new(8, what, figure, "ms").at_most(P999_MS).rounds(&busy);
    report.add(line.of(median(&quiet), figure, "ms"));
    report.add(Line::new(8, "requests a second in that load", half, ""));
    for (what, part) in
        [("p50 of all rounds together", 0.5), ("p99.9 of the same", 0.999), ("the longest of the same", 1.0)]
    {
        let figure = all.quantile_ms(part);
        report.add(Line::new(8, what, figure, "ms").of(all_quiet.quantile_ms(part), figure, "ms"));
    }
    #[allow(clippy::cast_precision_loss, reason = "at most nine")]
    let seconds = LENGTH.as_secs_f64() * rounds as f64;
    report.add(Line::new(8, "durable changes meanwhile, each second", f64::from(changes) / seconds, ""));
    Ok(())
}

/// A token of a client that has called little: it leases a block of a thousand units many times a second.
async fn fresh(gate: &Gate) -> anyhow::Result<String> {
    gate.token(&gate.register("bench", Some(DAILY_QUOTA)).await?).await
}

/// `times` while clients, secrets, tokens, keys and zones change; and how many changes were made.
async fn while_changing(
    gate: &Gate,
    token: &str,
    times: impl Future<Output = anyhow::Result<Times>>,
) -> anyhow::Result<(Times, u32)> {
    let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let changing = vec![
        tokio::spawn(change(gate.connect().await?, gate.admin_token().await?, stop.clone(), changes.clone())),
        tokio::spawn(rotate(gate.connect().await?, gate.admin_token().await?, stop.clone())),
        tokio::spawn(create(gate.connect().await?, token.to_owned(), stop.clone(), changes.clone())),
    ];
    let times = times.await;
    stop.store(true, Ordering::Relaxed);
    for changing in changing {
        changing.await??;
    }
    Ok((times?, changes.load(Ordering::Relaxed)))
}

/// Requests a second that are answered when each connection sends the next at once.
async fn closed_loop(gate: &Gate, call: &Call, length: Duration) -> anyhow::Result<f64> {
    let end = Instant::now() + length;
    let mut senders = Vec::new();
    for mut connection in gate.driver.connect_all(gate.process.port, CONNECTIONS).await? {
        let call = call.clone();
        senders.push(tokio::spawn(async move {
            let mut answered = 0_u32;
            while Instant::now() < end {
                connection.expect(&call, 200).await?;
                answered += 1;
            }
            anyhow::Ok(answered)
        }));
    }
    let mut answered = 0.0;
    for sender in senders {
        answered += f64::from(sender.await??);
    }
    Ok(answered / length.as_secs_f64())
}

/// The times of requests at an even pace, each from when it was due.
async fn paced(gate: &Gate, call: &Call, per_second: f64) -> anyhow::Result<Times> {
    #[allow(clippy::cast_precision_loss, reason = "32")]
    let each = per_second / CONNECTIONS as f64;
    let mut senders = Vec::new();
    for (number, mut connection) in
        gate.driver.connect_all(gate.process.port, CONNECTIONS).await?.into_iter().enumerate()
    {
        let call = call.clone();
        #[allow(clippy::cast_precision_loss, reason = "32")]
        let offset = Duration::from_secs_f64(number as f64 / per_second);
        senders.push(tokio::spawn(async move {
            let (mut times, mut pace) = (Times::default(), Pace::new(each, offset));
            let end = Instant::now() + LENGTH;
            loop {
                let due = pace.beat().await;
                if due > end {
                    return anyhow::Ok(times);
                }
                connection.expect(&call, 200).await?;
                times.note(due);
            }
        }));
    }
    let mut times = Times::default();
    for sender in senders {
        times.extend(sender.await??);
    }
    ensure!(times.count() > 1_000, "too few requests for a p99.9");
    Ok(times)
}

/// Registers clients, replaces their secrets, fetches their tokens and revokes these, one after another.
async fn change(
    mut connection: Connection,
    admin: String,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU32>,
) -> anyhow::Result<()> {
    let mut pace = Pace::new(CHANGES_PER_SECOND, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        pace.beat().await;
        let made = connection.expect(&registration("a new partner", None).with_token(&admin), 201).await?;
        let id = text(&serde_json::from_slice(&made)?, "/client_id")?;
        let rotated = Call::json(format!("/admin/clients/{id}/secrets"), &json!({})).with_token(&admin);
        let rotated: Value = serde_json::from_slice(&connection.expect(&rotated, 201).await?)?;
        let client = crate::gate::Credentials { id, secret: text(&rotated, "/client_secret")? };
        let token = access_token(&connection.expect(&client.grant(PUBLIC), 200).await?)?;
        let revoked = Call::json("/admin/revocations", &json!({ "token": token })).with_token(&admin);
        let answer = connection.send(&revoked).await?;
        ensure!(answer.status / 100 == 2, "a revocation was answered {}", answer.status);
        changes.fetch_add(3, Ordering::Relaxed);
    }
    Ok(())
}

/// Replaces the signing key, again and again.
async fn rotate(mut connection: Connection, admin: String, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let call = Call::json("/admin/keys/rotate", &json!({ "immediately": true })).with_token(&admin);
        let answer = connection.send(&call).await?;
        ensure!(answer.status / 100 == 2, "a rotation was answered {}", answer.status);
        tokio::time::sleep(ROTATION).await;
    }
    Ok(())
}

/// Creates zones.
async fn create(
    mut connection: Connection,
    token: String,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU32>,
) -> anyhow::Result<()> {
    let mut pace = Pace::new(ZONES_PER_SECOND, Duration::from_millis(5));
    while !stop.load(Ordering::Relaxed) {
        pace.beat().await;
        let zone = json!({
            "number": Uuid::new_v4().simple().to_string(), "name": "A new zone", "operator_id": "bench",
            "session_type": "space", "location": {"latitude": 10.0, "longitude": 20.0},
        });
        connection.expect(&Call::json("/parking/zones", &zone).with_token(&token), 201).await?;
        changes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
