//! The report of a run: a line for each figure, with its target; a table, a JSON document, a list of missed targets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boomgate::time::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::options::{Options, STARTS};

/// Where results go, from the root of the project.
const FOLDER: &str = "target/bench";
/// Where the documents of whole runs go, in that folder.
const RUNS: &str = "runs";

/// One run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) date: String,
    commit: String,
    machine: String,
    rounds: usize,
    seconds: u32,
    pub(crate) lines: Vec<Line>,
}

/// One figure.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The number of its target.
    pub(crate) target: u8,
    pub(crate) what: String,
    /// The reference and the measured value; `None` where the figure alone is enough.
    beside: Option<String>,
    ours: Option<String>,
    pub(crate) figure: f64,
    /// The target: the largest figure that meets it; `None` if the figure has no target.
    pub(crate) at_most: Option<f64>,
    unit: String,
    /// The figure of each round.
    rounds: Vec<f64>,
}

impl Line {
    pub(crate) fn new(target: u8, what: impl Into<String>, figure: f64, unit: &str) -> Self {
        let (what, unit) = (what.into(), unit.to_owned());
        Self { target, what, beside: None, ours: None, figure, at_most: None, unit, rounds: Vec::new() }
    }

    pub(crate) fn at_most(mut self, limit: f64) -> Self {
        self.at_most = Some(limit);
        self
    }

    /// The two values that were compared, with their unit.
    pub(crate) fn of(mut self, beside: f64, ours: f64, unit: &str) -> Self {
        self.beside = Some(shown(beside, unit));
        self.ours = Some(shown(ours, unit));
        self
    }

    pub(crate) fn rounds(mut self, rounds: &[f64]) -> Self {
        self.rounds = rounds.to_vec();
        self
    }

    /// Whether the figure, as it is printed, meets its target.
    fn is_met(&self) -> Option<bool> {
        self.at_most.map(|limit| rounded(self.figure, &self.unit) <= limit)
    }

    fn row(&self) -> String {
        let dash = || "–".to_owned();
        let (beside, ours) = (self.beside.clone().unwrap_or_else(dash), self.ours.clone().unwrap_or_else(dash));
        let limit = self.at_most.map_or_else(dash, |limit| format!("≤ {}", shown(limit, &self.unit)));
        let met = match self.is_met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let figure = shown(self.figure, &self.unit);
        format!("| {} | {} | {beside} | {ours} | {figure} | {limit} | {met} |", self.target, self.what)
    }
}

fn decimals(value: f64, unit: &str) -> usize {
    match unit {
        "×" => 2,
        "µs" if value < 100.0 => 2,
        "ms" if value < 10.0 => 2,
        "%" | "MB" => 1,
        _ => 0,
    }
}

/// Rounded to the digits of the table: a figure never misses its target by less than the table shows.
fn rounded(value: f64, unit: &str) -> f64 {
    format!("{value:.*}", decimals(value, unit)).parse().unwrap_or(value)
}

fn shown(value: f64, unit: &str) -> String {
    format!("{value:.*} {unit}", decimals(value, unit)).trim_end().to_owned()
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
        };
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let unknown = || "unknown".to_owned();
        Self {
            date: SystemClock::new().now().to_string(),
            commit: said("git", &["describe", "--always", "--dirty"]).unwrap_or_else(unknown),
            machine: format!("{cores} cores, {}", model.trim_start_matches([' ', '\t', ':'])),
            rounds: options.rounds,
            seconds: options.seconds,
            lines: Vec::new(),
        }
    }

    /// Adds the line and prints it at once: a run takes minutes.
    pub(crate) fn add(&mut self, line: Line) {
        println!("{}", line.row());
        self.lines.push(line);
    }

    pub(crate) fn head() -> &'static str {
        "| | what | beside | boomgate | figure | target | met |\n|---|---|---:|---:|---:|---:|---|"
    }

    /// Writes the table and the document; then prints which targets were missed.
    pub(crate) fn finish(&self, options: &Options) -> anyhow::Result<()> {
        let folder = folder();
        let runs = folder.join(RUNS);
        fs::create_dir_all(&runs)?;
        let document = serde_json::to_string_pretty(self)?;
        fs::write(folder.join("bench.json"), &document)?;
        let rows: Vec<String> = self.lines.iter().map(Line::row).collect();
        let about = format!(
            "`make bench` on {} at {} ({}); medians of {} rounds of {} s in turns, {} of targets 1, 2, 3 and 5, from {STARTS} starts; one worker.",
            self.machine,
            self.date,
            self.commit,
            self.rounds,
            self.seconds,
            options.rounds_of_costs()
        );
        fs::write(folder.join("bench.md"), format!("{about}\n\n{}\n{}\n", Self::head(), rows.join("\n")))?;
        // The chart shows whole runs only.
        if options.is_whole() {
            fs::write(runs.join(format!("{}.json", self.date.replace(':', "-"))), &document)?;
        }
        println!("\n{about}\nwritten to {FOLDER}: bench.md, bench.json");
        let missed: Vec<&Line> = self.lines.iter().filter(|line| line.is_met() == Some(false)).collect();
        if missed.is_empty() {
            println!("every measured target is met");
        }
        for line in missed {
            let limit = shown(line.at_most.unwrap_or(f64::NAN), &line.unit);
            let figure = shown(line.figure, &line.unit);
            println!("target {} missed: {figure}, the target is at most {limit}: {}", line.target, line.what);
        }
        Ok(())
    }
}

/// The folder of the results.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER)
}

/// All whole runs so far, the oldest first.
pub(crate) fn runs() -> anyhow::Result<Vec<Report>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder().join(RUNS))?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    paths.sort();
    // A run of another version of this program may have another form.
    Ok(paths.iter().filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect())
}
