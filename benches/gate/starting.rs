//! Target 6: how soon the server answers, and how much memory it takes at rest.

use std::path::Path;

use crate::fill::Filler;
use crate::gate::Gate;
use crate::growth::USUAL;
use crate::load::median;
use crate::options::Options;
use crate::report::{Line, Report};

const SMALL_MS: f64 = 60.0;
const SMALL_MB: f64 = 16.0;
const LARGER_CLIENTS: usize = 10_000;
const LARGER_MS: f64 = 300.0;
const LARGER_MB: f64 = 30.0;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let data_dir = work.join("starts");
    Gate::start(options, &data_dir).await?.process.stop()?;
    starts(options, &data_dir, "an existing folder", (SMALL_MS, SMALL_MB), report).await?;
    let filler = Filler::open(&data_dir)?;
    filler.clients(0..LARGER_CLIENTS, USUAL).await?;
    filler.close().await?;
    let what = format!("a folder with {LARGER_CLIENTS} clients");
    starts(options, &data_dir, &what, (LARGER_MS, LARGER_MB), report).await
}

async fn starts(
    options: &Options,
    data_dir: &Path,
    what: &str,
    (ms, mb): (f64, f64),
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut ready, mut rss) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(5) {
        let gate = Gate::start(options, data_dir).await?;
        ready.push(gate.ready.as_secs_f64() * 1e3);
        rss.push(gate.process.rss()? / 1e6);
        gate.process.stop()?;
    }
    let line = Line::new(6, format!("from exec to the first 200 over HTTPS, on {what}"), median(&ready), "ms");
    report.add(line.at_most(ms).rounds(&ready));
    let line = Line::new(6, format!("resident memory at rest, on {what}"), median(&rss), "MB");
    report.add(line.at_most(mb).rounds(&rss));
    Ok(())
}
