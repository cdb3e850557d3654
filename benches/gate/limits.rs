//! Target 7: a thousand clients at their limits get what the limits allow, and do not slow down other clients.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use boomgate::limits::{Limits, Rate};

use crate::driver::{Call, Connection, Pace, Times};
use crate::fill::{Filler, credentials};
use crate::gate::{Gate, PUBLIC, access_token};
use crate::load::median;
use crate::options::Options;
use crate::process::Apart;
use crate::report::{Line, Report};

/// Clients that are at their limits, and how many of them share a connection.
const CLIENTS: usize = 1_000;
const SHARING: usize = 20;
const REQUESTS_PER_SECOND: u32 = 2;
const LIMITS: Limits =
    Limits { requests_per_second: Rate::per_second(REQUESTS_PER_SECOND), burst: 5, daily_quota: None, enforce: true };
/// How much each asks for in a second: more than it may.
const ASKED_PER_SECOND: f64 = 3.0;
const SECONDS: u64 = 60;
/// How far the admitted requests may be off the limits: 1 %.
const OFF_AT_MOST: f64 = 1.0;

/// A neighbour that asks for far more than it may, and one that stays within its limits.
const GREEDY_PER_SECOND: f64 = 1_000.0;
const MODEST_PER_SECOND: f64 = 500.0;
const SLOWER_AT_MOST: f64 = 1.10;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let data_dir = work.join("crowd");
    Gate::start(options, &data_dir).await?.process.stop()?;
    let filler = Filler::open(&data_dir)?;
    filler.clients(0..CLIENTS, LIMITS).await?;
    filler.close().await?;
    let gate = Gate::start(options, &data_dir).await?;
    let grants = (0..CLIENTS).map(|number| credentials(number).grant(PUBLIC)).collect();
    let answers = gate.driver.send_each(gate.process.port, grants, 200).await?;
    let tokens: Vec<String> = answers.iter().map(|answer| access_token(answer)).collect::<anyhow::Result<_>>()?;
    let modest = gate.register("modest", None).await?;
    let modest = gate.token(&modest).await?;
    let (zone, _) = gate.any_zone(&modest).await?;
    let get = |token: &str| Call::get(zone.clone()).with_token(token);

    admitted(options, &gate, &tokens.iter().map(|token| get(token)).collect::<Vec<_>>(), report).await?;

    let _apart = Apart::from(&[&gate.process])?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let length = Duration::from_secs(2);
    let greedy = get(tokens.first().map_or("", String::as_str));
    for _ in 0..options.rounds {
        alone.push(p99_ms(&gate, &get(&modest), None, length).await?);
        beside.push(p99_ms(&gate, &get(&modest), Some(&greedy), length).await?);
    }
    let ratios: Vec<f64> = beside.iter().zip(&alone).map(|(beside, alone)| beside / alone).collect();
    let what = "p99 of a client beside one at its limit, and beside none";
    let line = Line::new(7, what, median(&ratios), "×").at_most(SLOWER_AT_MOST).rounds(&ratios);
    report.add(line.of(median(&alone), median(&beside), "ms"));
    Ok(())
}

/// How many requests of each client were admitted, compared with its limits in the time that it asked.
async fn admitted(options: &Options, gate: &Gate, calls: &[Call], report: &mut Report) -> anyhow::Result<()> {
    let length = Duration::from_secs(if options.quick { SECONDS / 3 } else { SECONDS });
    let mut askers = Vec::new();
    for (number, group) in calls.chunks(SHARING).enumerate() {
        let connection = gate.connect().await?;
        #[allow(clippy::cast_precision_loss, reason = "twenty")]
        let per_second = ASKED_PER_SECOND * group.len() as f64;
        // Connections do not all send at the same moment.
        #[allow(clippy::cast_possible_truncation, reason = "fifty")]
        let offset = Duration::from_micros(97) * number as u32;
        askers.push(tokio::spawn(ask(connection, group.to_vec(), Pace::new(per_second, offset), length)));
    }
    let (mut allowed, mut admitted, mut above) = (0.0, 0.0, 0_u32);
    for asker in askers {
        for asked in asker.await?? {
            // The server measured a time between these two.
            above += u32::from(f64::from(asked.admitted) > admits(asked.last_answered - asked.first_sent));
            allowed += admits(asked.last_sent.saturating_duration_since(asked.first_answered));
            admitted += f64::from(asked.admitted);
        }
    }
    let (clients, seconds) = (calls.len(), length.as_secs());
    let what = format!("{clients} clients at their limits for {seconds} s: admitted, off what rate and burst allow");
    let off = (admitted / allowed - 1.0).abs() * 100.0;
    report.add(Line::new(7, what, off, "%").at_most(OFF_AT_MOST).of(allowed, admitted, ""));
    report.add(Line::new(7, "of them, clients that were admitted more than that", f64::from(above), "").at_most(0.0));
    Ok(())
}

/// When a client asked, and what it got.
#[derive(Clone, Copy)]
struct Asked {
    first_sent: Instant,
    first_answered: Instant,
    last_sent: Instant,
    last_answered: Instant,
    admitted: u32,
}

/// The generic cell rate algorithm: the burst, and the whole permits that this time restores.
fn admits(time: Duration) -> f64 {
    (f64::from(LIMITS.burst) + f64::from(REQUESTS_PER_SECOND) * time.as_secs_f64()).floor()
}

/// Sends the calls in turns, at this pace, until `length` is over.
async fn ask(
    mut connection: Connection,
    calls: Vec<Call>,
    mut pace: Pace,
    length: Duration,
) -> anyhow::Result<Vec<Asked>> {
    let mut asked: Vec<Option<Asked>> = vec![None; calls.len()];
    let end = Instant::now() + length;
    while Instant::now() < end {
        for (call, asked) in calls.iter().zip(&mut asked) {
            pace.beat().await;
            let sent = Instant::now();
            let status = connection.send(call).await?.status;
            ensure!(status == 200 || status == 429, "a client at its limit was answered {status}");
            let answered = Instant::now();
            let (first_sent, first_answered, before) =
                asked.map_or((sent, answered, 0), |asked| (asked.first_sent, asked.first_answered, asked.admitted));
            let admitted = before + u32::from(status == 200);
            *asked = Some(Asked { first_sent, first_answered, last_sent: sent, last_answered: answered, admitted });
        }
    }
    Ok(asked.into_iter().flatten().collect())
}

/// The 99th percentile of a client's answers while its neighbour, if it has one, is at its limit.
async fn p99_ms(gate: &Gate, call: &Call, greedy: Option<&Call>, length: Duration) -> anyhow::Result<f64> {
    let neighbour = match greedy {
        Some(call) => {
            let (mut connection, call) = (gate.connect().await?, call.clone());
            Some(tokio::spawn(async move {
                let mut pace = Pace::new(GREEDY_PER_SECOND, Duration::ZERO);
                let mut refused = 0_u32;
                let end = Instant::now() + length;
                while Instant::now() < end {
                    pace.beat().await;
                    refused += u32::from(connection.send(&call).await?.status == 429);
                }
                anyhow::Ok(refused)
            }))
        }
        None => None,
    };
    let (mut connection, mut times) = (gate.connect().await?, Times::default());
    let mut pace = Pace::new(MODEST_PER_SECOND, Duration::from_micros(500));
    let end = Instant::now() + length;
    while Instant::now() < end {
        pace.beat().await;
        let sent = Instant::now();
        connection.expect(call, 200).await?;
        times.note(sent);
    }
    if let Some(neighbour) = neighbour {
        ensure!(neighbour.await?? > 0, "the neighbour was never at its limit");
    }
    Ok(times.quantile_ms(0.99))
}
