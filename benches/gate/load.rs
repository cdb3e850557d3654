//! Closed loops of `wrk` and `h2load` against one server, and the comparison of two servers in turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::options::{Options, STARTS};
use crate::process::{Apart, Process};

/// Keep-alive connections that `wrk` holds.
const CONNECTIONS: u32 = 32;

/// One kind of request to one server, sent as fast as it is answered.
pub(crate) struct Load<'a> {
    pub(crate) server: &'a Process,
    pub(crate) path: &'a str,
    pub(crate) sender: Sender<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Sender<'a> {
    /// HTTP/1.1 by `wrk`.
    Wrk(&'a Script),
    /// HTTP/2 by `h2load`: connections, streams on each, a token.
    H2load(u32, u32, &'a str),
}

/// The measurements of one run.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_us_per_request: f64,
}

/// Two loads that ran in turns: the measurements of each round.
pub(crate) struct Compared {
    base: Vec<Sample>,
    ours: Vec<Sample>,
    /// The rounds' ratios of CPU per request.
    pub(crate) ratios: Vec<f64>,
}

impl Compared {
    /// The median of the ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios)
    }

    /// The cost of a request, in microseconds of CPU: the medians of the two.
    pub(crate) fn cpu_us_per_request(&self) -> (f64, f64) {
        let of = |samples: &[Sample]| Sample::median(samples).cpu_us_per_request;
        (of(&self.base), of(&self.ours))
    }

    /// Adds more rounds.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.base.extend(more.base);
        self.ours.extend(more.ours);
        self.ratios.extend(more.ratios);
        self
    }
}

/// Loads both in turns, so that other load on the machine affects both. The rounds are those of one of [`STARTS`].
pub(crate) fn compare(options: &Options, start: usize, base: &Load<'_>, ours: &Load<'_>) -> anyhow::Result<Compared> {
    let _apart = Apart::from(&[base.server, ours.server])?;
    // The first run pays for cold caches and for growing buffers.
    base.run(1)?;
    ours.run(1)?;
    let mut compared = Compared { base: Vec::new(), ours: Vec::new(), ratios: Vec::new() };
    for round in 0..options.rounds_of_costs() / STARTS {
        // Each is first in turn.
        let (one, other) = if (start + round).is_multiple_of(2) {
            let one = base.run(options.seconds)?;
            (one, ours.run(options.seconds)?)
        } else {
            let other = ours.run(options.seconds)?;
            (base.run(options.seconds)?, other)
        };
        compared.ratios.push(other.cpu_us_per_request / one.cpu_us_per_request);
        compared.base.push(one);
        compared.ours.push(other);
    }
    Ok(compared)
}

impl Load<'_> {
    pub(crate) fn run(&self, seconds: u32) -> anyhow::Result<Sample> {
        let url = format!("https://localhost:{}{}", self.server.port, self.path);
        let mut command = match self.sender {
            Sender::Wrk(script) => {
                let mut wrk = Command::new("wrk");
                wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"]).arg(&script.0).arg(&url);
                wrk
            }
            Sender::H2load(connections, streams, token) => {
                let mut h2load = Command::new("h2load");
                let field = format!("authorization: Bearer {token}");
                h2load.args(["-t1", &format!("-c{connections}"), &format!("-m{streams}"), &format!("-D{seconds}")]);
                h2load.args(["-H", &field]).arg(&url);
                h2load
            }
        };
        let before = self.server.cpu()?;
        let output = command.output()?;
        let cpu_seconds = self.server.cpu_since(&before)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let answered = match self.sender {
            Sender::Wrk(_) if said.contains("Non-2xx") || said.contains("Socket errors") => None,
            Sender::Wrk(_) => number_before(&said, " requests in "),
            Sender::H2load(..) => number_before(&said, " 2xx, ").filter(|_| said.contains(" 0 failed, 0 errored, ")),
        };
        let clean = output.status.success();
        let requests = answered.filter(|requests| clean && *requests > 0.0);
        let requests = requests.with_context(|| format!("{url} did not answer every request with success:\n{said}"))?;
        Ok(Sample {
            requests_per_second: requests / f64::from(seconds),
            cpu_us_per_request: cpu_seconds * 1e6 / requests,
        })
    }
}

impl Sample {
    fn median(samples: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(&samples.iter().map(value).collect::<Vec<_>>());
        Self {
            requests_per_second: of(|sample| sample.requests_per_second),
            cpu_us_per_request: of(|sample| sample.cpu_us_per_request),
        }
    }
}

/// The median; not a number if there are no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
}

fn number_before(text: &str, mark: &str) -> Option<f64> {
    text.split(mark).next()?.split_whitespace().next_back()?.parse().ok()
}

/// A Lua script for `wrk`: fields and bodies that its command line cannot carry.
pub(crate) struct Script(PathBuf);

impl Script {
    fn new(path: PathBuf, text: &str) -> anyhow::Result<Self> {
        fs::write(&path, text)?;
        Ok(Self(path))
    }

    /// Sends a token.
    pub(crate) fn get(folder: &Path, name: &str, token: &str) -> anyhow::Result<Self> {
        Self::new(folder.join(name), &format!("wrk.headers[\"Authorization\"] = \"Bearer {token}\"\n"))
    }

    /// Posts a body.
    pub(crate) fn post(folder: &Path, name: &str, media_type: &str, body: &str) -> anyhow::Result<Self> {
        ensure!(!body.contains("]]"), "the body would end Lua's long string");
        let head = format!("wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"{media_type}\"\n");
        Self::new(folder.join(name), &format!("{head}wrk.body = [[{body}]]\n"))
    }
}
