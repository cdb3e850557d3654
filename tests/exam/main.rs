//! The exam, end to end: each client of `examples/partners` is examined, and fails what its defect says and nothing else; and
//! its report says it in the words of a golden file.
//!
//! `make interop-setup` installs what the clients need; without it these tests fail and say so.

#![allow(unreachable_pub, reason = "a test program exports nothing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod golden;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use boomgate::api::exam::{CheckVerdict, Level, Report};
use serde::Deserialize;

/// Clients are examined side by side: an exam mostly waits.
const SIDE_BY_SIDE: usize = 3;
/// What a bad client is examined in beside what it is bad at.
const BESIDE: [&str; 2] = ["token-expires", "unavailable"];

/// `defects.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defects {
    client: Vec<Partner>,
}

/// A client, and what it is bad at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Partner {
    file: String,
    fails: BTreeSet<String>,
}

#[test]
fn a_good_client_is_ready_and_passes_all_that_is_required() {
    for_each(partners().iter().filter(|partner| partner.is_good()), |partner| {
        let examined = partner.examine();
        let missing = &examined.checks(Level::Required, CheckVerdict::NotExercised) - &partner.not_shown();
        let mut wrong = partner.difference(&examined);
        if !missing.is_empty() {
            writeln!(wrong, "not exercised: {missing:?}").unwrap();
        }
        wrong
    });
}

#[test]
fn a_bad_client_fails_the_checks_of_its_defect_and_no_others() {
    for_each(partners().iter().filter(|partner| !partner.is_good()), |partner| partner.difference(&partner.examine()));
}

/// Runs them side by side. Each returns what is wrong, or nothing.
fn for_each<'a>(partners: impl Iterator<Item = &'a Partner> + Send, examine: impl Fn(&Partner) -> String + Sync) {
    let partners = Mutex::new(partners);
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let Some(partner) = partners.lock().unwrap().next() else { break };
                    let found = examine(partner);
                    if !found.is_empty() {
                        writeln!(wrong.lock().unwrap(), "{}:\n{found}", partner.file).unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

impl Partner {
    fn is_good(&self) -> bool {
        Path::new(&self.file).file_stem().is_some_and(|stem| stem == "good")
    }

    /// What it cannot show.
    fn not_shown(&self) -> BTreeSet<String> {
        // Whoever sends one request at a time makes no stampede.
        let alone: &[&str] = if self.language() == "node" { &[] } else { &["one-renewal"] };
        alone.iter().chain(self.may_be_shown()).map(|check| (*check).to_owned()).collect()
    }

    /// What it shows on some machines: HTTP/2 has one case of field names, and where a new curl takes a second, nothing is
    /// throttled.
    fn may_be_shown(&self) -> &'static [&'static str] {
        match self.language() {
            "bash" if self.is_good() => {
                &["pace-after-429", "variation-lowercase-fields", "variation-title-case-fields"]
            }
            _ => &[],
        }
    }

    fn language(&self) -> &str {
        self.file.split_once('/').unwrap().0
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boomgate"));
        let extension = Path::new(&self.file).extension().and_then(|extension| extension.to_str());
        let interpreter = match extension.unwrap() {
            "py" => installed("target/interop/venv").join("bin/python"),
            "mjs" => {
                installed("examples/partners/node/node_modules");
                "node".into()
            }
            "sh" => "bash".into(),
            other => panic!("no interpreter for .{other}"),
        };
        command.args(["exam", "demo-writer", "--report", "report"]);
        if !self.is_good() {
            let only: Vec<_> = self.fails.iter().map(String::as_str).chain(BESIDE).collect();
            command.args(["--only", &only.join(",")]);
        }
        command.arg("--").arg(interpreter).arg(folder().join(&self.file));
        command
    }

    fn examine(&self) -> Examined {
        let working_directory = tempfile::tempdir().unwrap();
        let mut command = self.command();
        let output =
            command.current_dir(&working_directory).env("NO_PROXY", "*").stdin(Stdio::null()).output().unwrap();
        let report = std::fs::read(working_directory.path().join("report/report.json"));
        let report = report.ok().map(|report| serde_json::from_slice(&report).unwrap());
        Examined { output, report }
    }

    /// What the report says and should not, or does not say and should.
    fn difference(&self, examined: &Examined) -> String {
        let mut difference = String::new();
        let failed_of = |level| examined.checks(level, CheckVerdict::Fail);
        let failed = &failed_of(Level::Required) | &failed_of(Level::Advised);
        for check in failed.difference(&self.fails) {
            writeln!(difference, "false alarm: {}", examined.finding(check)).unwrap();
        }
        for check in self.fails.difference(&failed) {
            writeln!(difference, "missed: {}", examined.finding(check)).unwrap();
        }
        let ready = failed_of(Level::Required).is_empty();
        let code = examined.output.status.code();
        if code != Some(i32::from(!ready)) {
            let complaint = String::from_utf8_lossy(&examined.output.stderr);
            writeln!(difference, "exit code {code:?}: {complaint}").unwrap();
        }
        // The words of a wrong verdict say nothing more.
        if let Some(report) = examined.report.clone().filter(|_| difference.is_empty()) {
            let compared = || golden::assert_golden(&self.file, report, self.may_be_shown(), self.is_good());
            if catch_unwind(AssertUnwindSafe(compared)).is_err() {
                writeln!(difference, "its report is not the golden one: the difference is above").unwrap();
            }
        }
        difference
    }
}

/// What an exam ended with.
struct Examined {
    output: Output,
    report: Option<Report>,
}

impl Examined {
    /// The checks of this level with this verdict.
    fn checks(&self, level: Level, verdict: CheckVerdict) -> BTreeSet<String> {
        let checks = self.report.iter().flat_map(|report| &report.checks);
        let found = checks.filter(|check| check.level == level && check.verdict == verdict);
        found.map(|check| check.id.clone().into_owned()).collect()
    }

    fn finding(&self, id: &str) -> String {
        let check = self.report.iter().flat_map(|report| &report.checks).find(|check| check.id == id);
        check.map_or_else(|| format!("{id}: not in the report"), |check| serde_json::to_string_pretty(check).unwrap())
    }
}

fn partners() -> Vec<Partner> {
    let text = std::fs::read_to_string(folder().join("defects.toml")).unwrap();
    toml::from_str::<Defects>(&text).unwrap().client
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/partners")
}

/// A folder that the Makefile has filled.
fn installed(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert!(folder.join("ready").exists(), "{} is not complete: run `make interop-setup`", folder.display());
    folder
}
