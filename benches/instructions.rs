//! `make bench-instructions`: how many instructions the two walks take, without HTTP and without a clock.
//!
//! `valgrind --tool=callgrind` counts the instructions of `examples/walk.rs`, for two counts of each operation; the
//! difference is the cost of the operations. The figures hardly depend on other load, so a change of a few percent is a
//! change of the code. They do depend on the compiler and the processor. `benches/instructions.json` has the saved
//! figures; `--save` replaces them.

#![allow(clippy::disallowed_methods, reason = "a measurement reads its own arguments")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// An operation of `examples/walk.rs`, and two counts of it.
const OPERATIONS: [(&str, u64, u64); 3] = [("admit", 10_000, 30_000), ("first-use", 100, 400), ("grant", 100, 400)];

/// The increase from which on a figure is marked, in percent.
const MARKED_FROM: f64 = 5.0;

/// The figures of one run.
#[derive(Default, Serialize, Deserialize)]
struct Figures {
    /// The compiler.
    rustc: String,
    /// Instructions of one operation.
    instructions: BTreeMap<String, u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let save = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--save"] => true,
        _ => bail!("the only argument is --save"),
    };
    if Command::new("valgrind").arg("--version").output().is_err() {
        bail!("this needs valgrind: apt-get install -y valgrind");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json");
    let saved: Figures = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).context(path.display().to_string())?,
        Err(_) => Figures::default(),
    };
    let mut now = Figures { rustc: rustc()?, instructions: BTreeMap::new() };
    println!("| walk | instructions | saved | change |\n|---|---:|---:|---:|");
    for (operation, few, many) in OPERATIONS {
        let difference = executed(operation, many)?.saturating_sub(executed(operation, few)?);
        let each = difference / (many - few);
        ensure!(each > 0, "{operation} took no instructions");
        now.instructions.insert(operation.to_owned(), each);
        let (before, change) = match saved.instructions.get(operation) {
            Some(before) => (before.to_string(), changed(*before, each)),
            None => ("–".to_owned(), "–".to_owned()),
        };
        println!("| {operation} | {each} | {before} | {change} |");
    }
    if !saved.rustc.is_empty() && saved.rustc != now.rustc {
        println!("\nthe saved figures are of {}, these of {}", saved.rustc, now.rustc);
    }
    if save {
        fs::write(&path, serde_json::to_string_pretty(&now)? + "\n")?;
        println!("\nsaved in benches/instructions.json");
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn changed(before: u64, now: u64) -> String {
    let percent = (now as f64 / before as f64 - 1.0) * 100.0;
    let mark = if percent >= MARKED_FROM { " **slower**" } else { "" };
    format!("{percent:+.1} %{mark}")
}

/// Instructions of one run.
fn executed(operation: &str, count: u64) -> anyhow::Result<u64> {
    let program = Path::new(env!("CARGO_BIN_EXE_boomgate")).with_file_name("examples").join("walk");
    ensure!(program.exists(), "{} is not built: run `make bench-instructions`", program.display());
    let found = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", found.path().display()))
        .arg(&program)
        .args([operation, &count.to_string()])
        .output()?;
    ensure!(output.status.success(), "walk {operation} failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(found.path())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    Ok(total.context("callgrind wrote no total")?.trim().parse()?)
}

fn rustc() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
