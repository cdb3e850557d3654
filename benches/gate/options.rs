//! The arguments of a run.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

const USAGE: &str = "--quick, --rounds N, --seconds N, --target N (1 to 10, may be repeated), --binary PATH";

/// How often compared servers start anew. The layout of code and memory differs from start to start, and changes the cost
/// by some percent.
pub(crate) const STARTS: usize = 5;

/// How long and how much to measure.
pub(crate) struct Options {
    /// Turns of each comparison.
    pub(crate) rounds: usize,
    /// Seconds of one load in one turn.
    pub(crate) seconds: u32,
    /// A tenth of the records and shorter loads, to see whether everything works.
    pub(crate) quick: bool,
    /// The program that is measured.
    pub(crate) binary: PathBuf,
    targets: Vec<u8>,
}

impl Options {
    pub(crate) fn parse() -> anyhow::Result<Self> {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_boomgate"));
        let mut options = Self { rounds: 0, seconds: 0, quick: false, binary, targets: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
                "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
                "--target" => options.targets.push(value()?.parse().context("--target")?),
                "--binary" => options.binary = std::path::absolute(value()?)?,
                // An argument that cargo adds.
                "--bench" => {}
                _ => bail!("{argument} is unknown: {USAGE}"),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 15 };
        }
        if options.seconds == 0 {
            options.seconds = 1;
        }
        ensure!(options.targets.iter().all(|target| (1..=10).contains(target)), "--target is 1 to 10");
        Ok(options)
    }

    /// The cost of a request needs more rounds, as many in each of [`STARTS`]: one round is off by a tenth, and the targets
    /// are closer than that.
    pub(crate) fn rounds_of_costs(&self) -> usize {
        (self.rounds * 3).next_multiple_of(STARTS)
    }

    /// Whether this target is to be measured.
    pub(crate) fn wants(&self, target: u8) -> bool {
        self.targets.is_empty() || self.targets.contains(&target)
    }

    /// Whether all targets are measured, in full length.
    pub(crate) fn is_whole(&self) -> bool {
        self.targets.is_empty() && !self.quick
    }

    /// `full`, or a tenth of it in a quick run.
    pub(crate) fn records(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }
}
