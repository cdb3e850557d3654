//! Wrong tokens and troubles from the command line.

use serde_json::Value;

use super::{Running, stderr, stdout};

#[test]
fn token_forge_prints_the_wrong_token_and_nothing_else() {
    let sandbox = Running::start("sandbox");
    let forged = sandbox.call(&["token", "forge", "expired", "--client", "demo-writer"]);
    assert!(forged.status.success(), "{}", stderr(&forged));
    assert_eq!((stdout(&forged).split('.').count(), stderr(&forged)), (3, ""), "a JWT and nothing else");

    let forged = sandbox.call(&["token", "forge", "missing-scope", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&forged)).unwrap();
    assert_eq!((&answer["client_id"], &answer["expected_status"]), (&"demo-reader".into(), &403.into()));

    let unknown = sandbox.call(&["token", "forge", "expird"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("expired"), "{}", stderr(&unknown));
}

#[test]
fn a_trouble_is_started_listed_and_cleared() {
    let sandbox = Running::start("sandbox");
    let list = || {
        let listed = sandbox.call(&["trouble", "list"]);
        assert!(listed.status.success(), "{}", stderr(&listed));
        stdout(&listed).to_owned()
    };
    let nothing_on = list();
    assert_eq!(nothing_on.lines().count(), 14, "a head and a line for each: {nothing_on}");

    let suspended = sandbox.call(&["trouble", "client-suspended", "--client", "demo-reader"]);
    assert!(suspended.status.success(), "{}", stderr(&suspended));
    assert!(stderr(&suspended).contains("boomgate trouble clear"), "{}", stderr(&suspended));
    let refused = sandbox.call(&["token", "get", "--client", "demo-reader"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(list().lines().any(|line| line.starts_with("client-suspended") && line.contains("demo-reader")));

    let outage = sandbox.call(&["trouble", "outage", "--for", "10m", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&outage)).unwrap();
    assert_eq!((&answer["ends_in"], answer.get("client")), (&"10m".into(), None));

    let cleared = sandbox.call(&["trouble", "clear"]);
    assert_eq!(stdout(&cleared).lines().count(), 3, "a head and both: {}", stdout(&cleared));
    assert!(sandbox.call(&["token", "get", "--client", "demo-reader"]).status.success());
    assert_eq!(list(), nothing_on);
    assert_eq!(stderr(&sandbox.call(&["trouble", "clear"])), "No trouble is on.");
}

#[test]
fn a_trouble_without_its_client_or_of_another_name_is_refused() {
    let sandbox = Running::start("sandbox");
    let missing = sandbox.call(&["trouble", "token-expires"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("client is required"), "{}", stderr(&missing));
    for arguments in [["trouble", "outtage"].as_slice(), &["trouble"]] {
        assert_eq!(sandbox.call(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
