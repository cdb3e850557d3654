//! `boomgate report CLIENT`.

use super::set_up::json;
use super::{Running, stderr, stdout};

#[test]
fn a_report_of_what_ran_is_printed_and_written_in_each_form() {
    let server = Running::start("sandbox");
    assert!(server.call(&["token", "get", "--client", "demo-writer"]).status.success());
    let shown = server.call(&["report", "demo-writer"]);
    assert!(stdout(&shown).starts_with("# "), "{}{}", stdout(&shown), stderr(&shown));
    assert_eq!(json(&server.call(&["report", "demo-writer", "--json"]))["client"]["client_id"], "demo-writer");
    assert_eq!(json(&server.call(&["report", "demo-writer", "--format", "json"]))["method"], "watched");

    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("r.html", "<!doctype html>"), ("r.xml", "<?xml "), ("r.md", "# "), ("r.json", "{")] {
        let path = folder.path().join(name);
        let written = server.call(&["report", "demo-writer", "--out", path.to_str().unwrap()]);
        assert!(written.status.success() && stdout(&written).is_empty(), "{}", stderr(&written));
        assert!(stderr(&written).contains(name), "{}", stderr(&written));
        assert!(std::fs::read_to_string(&path).unwrap().trim_start().starts_with(start), "{name}");
    }
    let unknown = server.call(&["report", "demo-writer", "--out", "report.pdf"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("report.pdf ends like no form of a report: use .html"), "{}", stderr(&unknown));
}

#[test]
fn a_report_that_there_is_not_is_one_line() {
    let server = Running::start("sandbox");
    let unknown = server.call(&["report", "demo-writr"]);
    assert_eq!((unknown.status.code(), stdout(&unknown)), (Some(1), ""));
    assert!(stderr(&unknown).contains("Did you mean demo-writer?"), "{}", stderr(&unknown));
    let wrong = server.call(&["report", "demo-writer", "--out", "/dev/null/report.html"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("name another file with --out"), "{}", stderr(&wrong));
    assert_eq!(stderr(&wrong).trim_end().lines().count(), 1);
}
