//! The scripts of the pages without a browser: what their pure modules compute, by the test runner of Node, and that each
//! module that one imports is there. No build step would say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_pure_modules_compute_what_their_tests_say() {
    // Node takes a module for one by the package that it is in, and the pages have none.
    let package = tempfile::tempdir().unwrap();
    copy(&Path::new(ROOT).join("static/js"), &package.path().join("js"));
    copy(&Path::new(ROOT).join("tests/scripts"), &package.path().join("tests"));
    fs::write(package.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    let tests = files(&package.path().join("tests"));
    assert!(!tests.is_empty(), "there are no tests");
    let ran = Command::new("node").arg("--test").args(tests).output().expect("node runs");
    let (printed, complained) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{printed}{complained}");
}

#[test]
fn every_module_that_a_script_imports_is_there() {
    let scripts = Path::new(ROOT).join("static/js");
    let mut missing = Vec::new();
    let mut count = 0;
    for file in files(&scripts) {
        for imported in imports(&fs::read_to_string(&file).unwrap()) {
            count += 1;
            if !file.parent().unwrap().join(&imported).is_file() {
                missing.push(format!("{}: {imported}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 100, "only {count} imports were found");
}

/// The relative paths after `from` and in `import(…)`.
fn imports(script: &str) -> Vec<String> {
    let after = |start: &'static str| script.split(start).skip(1);
    let quoted = after(" from '").chain(after("import('")).filter_map(|rest| rest.split('\'').next());
    quoted.filter(|path| path.starts_with('.')).map(str::to_owned).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}
