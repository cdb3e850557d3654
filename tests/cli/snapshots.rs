//! `boomgate snapshot` and `boomgate reset`.

use super::set_up::json;
use super::{Running, stderr, stdout};

#[test]
fn a_sandbox_goes_back_to_a_snapshot_and_to_its_seed() {
    let server = Running::start("sandbox");
    let clients = || stdout(&server.call(&["client", "list"])).lines().count() - 1;
    let saved = server.call(&["snapshot", "save", "before"]);
    assert!(saved.status.success(), "{}", stderr(&saved));
    assert!(stdout(&saved).contains("clients   4\n"), "{}", stdout(&saved));
    assert!(stderr(&saved).contains("boomgate snapshot restore before"), "{}", stderr(&saved));
    let added = server.call(&["client", "add", "--name", "New", "--scope", "read:zones"]);
    assert!(added.status.success(), "{}", stderr(&added));
    assert_eq!(json(&server.call(&["snapshot", "save", "after", "--json"]))["clients"], 5);

    let restored = server.call(&["snapshot", "restore", "before"]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert!(stderr(&restored).contains("audit log"), "{}", stderr(&restored));
    assert_eq!(clients(), 4);
    assert_eq!(json(&server.call(&["snapshot", "restore", "after", "--json"]))["clients"], 5);
    assert_eq!(json(&server.call(&["reset", "--json"]))["clients"], 4);
    assert_eq!(clients(), 4);

    let listed = server.call(&["snapshot", "list"]);
    let rows: Vec<Vec<&str>> = stdout(&listed).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!([rows[1][0], rows[1][2], rows[2][0], rows[2][2]], ["after", "5", "before", "4"], "{rows:?}");
    assert!(server.call(&["snapshot", "remove", "after"]).status.success());
    assert_eq!(json(&server.call(&["snapshot", "list", "--json"]))["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_name_is_wrong_usage_and_an_unknown_one_a_refusal() {
    let server = Running::start("sandbox");
    let wrong = server.call(&["snapshot", "save", "../../escaped"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("letters, digits, hyphens and underscores"), "{}", stderr(&wrong));
    for command in ["restore", "remove"] {
        let unknown = server.call(&["snapshot", command, "unknown"]);
        assert_eq!((unknown.status.code(), stdout(&unknown)), (Some(1), ""));
        assert!(stderr(&unknown).contains("no snapshot of this name"), "{}", stderr(&unknown));
    }
}
