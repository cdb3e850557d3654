//! `make bench`: the cost of Boomgate, a line for each figure with its target.
//!
//! The server and the bare handlers of `examples/bare.rs` have one worker each, the same TLS and the same bytes, and answer
//! the same requests in turns, so that other load on the machine affects both. The measure is the server's CPU time for a
//! request, which does not depend on the speed of the client. Under load the server has one core, and the driver has the
//! others. In order: `options` says what to measure, `gate` starts the servers, `load` and `driver` send requests, each of
//! the other modules measures a target, `report` prints and writes the figures, and
//! `chart` draws them.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the real clock, and waits for processes to come up")]

mod chart;
mod cost;
mod driver;
mod exam;
mod fill;
mod gate;
mod growth;
mod latency;
mod limits;
mod load;
mod options;
mod process;
mod report;
mod sandbox;
mod starting;
mod verification;

use std::process::Command;

use anyhow::bail;
use tempfile::TempDir;

use crate::options::Options;
use crate::report::Report;

fn main() -> anyhow::Result<()> {
    let options = Options::parse()?;
    for (tool, package, version) in [("wrk", "wrk", "-v"), ("h2load", "nghttp2-client", "--version")] {
        if Command::new(tool).arg(version).output().is_err() {
            bail!("this needs {tool}: apt-get install -y {package}");
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let work = TempDir::new()?;
    let mut report = Report::new(options);
    println!("{}", Report::head());
    if [1, 2, 3].into_iter().any(|target| options.wants(target)) {
        cost::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(4) {
        verification::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(5) {
        growth::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(6) {
        starting::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(7) {
        limits::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(8) {
        latency::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(9) {
        sandbox::measure(options, work.path(), &mut report).await?;
    }
    if options.wants(10) {
        exam::measure(options, work.path(), &mut report)?;
    }
    report.finish(options)?;
    if options.is_whole() {
        chart::write()?;
    }
    Ok(())
}
