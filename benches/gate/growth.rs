//! Target 5: the cost of a request, a start and a record when there are many records.

use std::fs;
use std::path::Path;

use boomgate::limits::{Limits, Rate};

use crate::cost::{Cost, together};
use crate::fill::{CITY, Filler, credentials};
use crate::gate::{Credentials, DAILY_QUOTA, Gate, PUBLIC};
use crate::load::{Load, Script, Sender, compare, median};
use crate::options::{Options, STARTS};
use crate::report::{Line, Report};

const CLIENTS: usize = 100_000;
const REVOCATIONS: usize = 1_000_000;
const ZONES: usize = 100_000;
/// Clients with usage on 90 days.
const USERS: usize = 1_000;

/// The most that a request may cost, relative to the same request among few records.
const GROWN_AT_MOST: f64 = 1.05;
const READY_MS: f64 = 1_000.0;
/// The most starts, to measure when the server is ready.
const READY_STARTS: usize = 7;
/// The most bytes of memory for a record, beyond its JSON.
const CLIENT_BYTES: f64 = 400.0;
const REVOCATION_BYTES: f64 = 64.0;
const ZONE_BYTES: f64 = 600.0;

/// The limits of a client that is not measured.
pub(crate) const USUAL: Limits =
    Limits { requests_per_second: Rate::per_second(10), burst: 20, daily_quota: Some(10_000), enforce: true };

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (small_dir, grown_dir) = (work.join("few"), work.join("many"));
    let gate = Gate::start_anew(options, &small_dir).await?;
    let small_client = gate.register("bench", Some(DAILY_QUOTA)).await?;
    gate.process.stop()?;
    let (clients, revocations, zones) =
        (options.records(CLIENTS), options.records(REVOCATIONS), options.records(ZONES));

    let gate = Gate::start_anew(options, &grown_dir).await?;
    let grown_client = gate.register("bench", Some(DAILY_QUOTA)).await?;
    gate.process.stop()?;
    let mut rss = restarted(options, &grown_dir).await?.process.rss()?;

    let filler = Filler::open(&grown_dir)?;
    filler.clients(0..clients, USUAL).await?;
    let client_json = filler.json_bytes("clients/", clients).await?;
    filler.close().await?;
    let client_bytes = memory(options, &grown_dir, &mut rss, clients).await? - client_json;

    let filler = Filler::open(&grown_dir)?;
    filler.revocations(revocations).await?;
    let revocation_json = filler.json_bytes("revocations/", revocations).await?;
    filler.close().await?;
    let revocation_bytes = memory(options, &grown_dir, &mut rss, revocations).await? - revocation_json;

    let filler = Filler::open(&grown_dir)?;
    filler.zones(zones).await?;
    let zone_json = filler.json_bytes("zones/", zones).await?;
    filler.close().await?;
    let zone_bytes = memory(options, &grown_dir, &mut rss, zones).await? - zone_json;

    let filler = Filler::open(&grown_dir)?;
    let mut users: Vec<String> = (0..options.records(USERS)).map(|number| credentials(number).id).collect();
    users.push(grown_client.id.clone());
    filler.usage(&users).await?;
    filler.close().await?;

    let mut starts = Vec::new();
    for _ in 0..options.rounds.min(READY_STARTS) {
        let gate = restarted(options, &grown_dir).await?;
        starts.push(gate.ready.as_secs_f64() * 1e3);
        gate.process.stop()?;
    }
    let many = format!("{clients} clients, {revocations} revocations, {zones} zones");
    let ready = Line::new(5, format!("ready with {many}"), median(&starts), "ms");
    report.add(ready.at_most(READY_MS).rounds(&starts));
    for (what, json, bytes, limit) in [
        ("client", client_json, client_bytes, CLIENT_BYTES),
        ("revocation", revocation_json, revocation_bytes, REVOCATION_BYTES),
        ("zone", zone_json, zone_bytes, ZONE_BYTES),
    ] {
        let line = Line::new(5, format!("memory of a {what} beyond its JSON, whose size is beside"), bytes, "bytes");
        report.add(line.at_most(limit).of(json, json + bytes, "bytes"));
    }

    let mut costs = Vec::new();
    for start in 0..STARTS {
        eprintln!("start {} of {STARTS}", start + 1);
        let small = restarted(options, &small_dir).await?;
        let grown = restarted(options, &grown_dir).await?;
        costs =
            together(costs, beside_few(options, start, work, (&small, &small_client), (&grown, &grown_client)).await?);
        small.process.stop()?;
        grown.process.stop()?;
    }
    for cost in &costs {
        report.add(cost.line());
    }
    let bytes: u64 =
        fs::read_dir(grown_dir.join("db"))?.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
    #[allow(clippy::cast_precision_loss, reason = "megabytes")]
    report.add(Line::new(5, "all of it on the disk", bytes as f64 / 1e6, "MB"));
    Ok(())
}

/// The cost of requests among many records, compared with the same among few.
async fn beside_few(
    options: &Options,
    start: usize,
    work: &Path,
    (small, small_client): (&Gate, &Credentials),
    (grown, grown_client): (&Gate, &Credentials),
) -> anyhow::Result<Vec<Cost>> {
    let (small_token, grown_token) = (small.token(small_client).await?, grown.token(grown_client).await?);
    let (zone, _) = small.any_zone(&small_token).await?;
    let small_get = Script::get(work, "few.lua", &small_token)?;
    let grown_get = Script::get(work, "many.lua", &grown_token)?;
    let form = "application/x-www-form-urlencoded";
    let small_post = Script::post(work, "few-token.lua", form, &small_client.form(PUBLIC))?;
    let grown_post = Script::post(work, "many-token.lua", form, &grown_client.form(PUBLIC))?;
    let near = format!("/parking/zones?latitude={}&longitude={}&radius=500", CITY.0, CITY.1);
    let mut costs = Vec::new();
    for (what, path, few, many) in [
        ("`GET /parking/zones/{id}` among many, beside few", zone.as_str(), &small_get, &grown_get),
        ("a token among many, beside few", "/shared/access-tokens", &small_post, &grown_post),
        ("a page of 25 zones among many, beside few", "/parking/zones?limit=25", &small_get, &grown_get),
        ("a page of zones within 500 m among many, beside few", near.as_str(), &small_get, &grown_get),
    ] {
        let base = Load { server: &small.process, path, sender: Sender::Wrk(few) };
        let ours = Load { server: &grown.process, path, sender: Sender::Wrk(many) };
        let compared = compare(options, start, &base, &ours)?;
        costs.push(Cost { target: 5, what, at_most: GROWN_AT_MOST, compared });
    }
    Ok(costs)
}

/// The server on the filled folder. The first start reads a log that sled has not compacted yet, so the next start is the
/// cost of a restart.
async fn restarted(options: &Options, data_dir: &Path) -> anyhow::Result<Gate> {
    Gate::start(options, data_dir).await
}

/// Resident bytes that each of `count` records added since the last time.
#[allow(clippy::cast_precision_loss, reason = "at most a million")]
async fn memory(options: &Options, data_dir: &Path, rss: &mut f64, count: usize) -> anyhow::Result<f64> {
    let gate = restarted(options, data_dir).await?;
    let now = gate.process.rss()?;
    gate.process.stop()?;
    let each = (now - *rss) / count as f64;
    *rss = now;
    Ok(each)
}
