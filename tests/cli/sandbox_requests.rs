//! `boomgate requests`, and `boomgate why` of a sandbox: docs/sandbox.md.

use boomgate::api::sandbox::request::RequestLine;
use serde_json::Value;

use super::{Running, stderr, stdout};

#[test]
fn requests_are_listed_shown_explained_and_forgotten() {
    let sandbox = Running::start("sandbox");
    let said = |arguments: &[&str]| {
        let output = sandbox.call(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        (stdout(&output).to_owned(), stderr(&output).to_owned())
    };
    let (none, message) = said(&["requests", "list"]);
    assert_eq!((none.as_str(), message.as_str()), ("", "The journal has no such request."));
    said(&["token", "get", "--client", "demo-reader"]);
    let refused = sandbox.call(&["token", "get", "--client", "demo-reader", "--scope", "write:zones"]);
    assert!(!refused.status.success());

    let (listed, _) = said(&["requests", "list", "--client", "demo-reader"]);
    let (head, rows) = listed.split_once('\n').unwrap();
    let columns: Vec<_> = head.split_whitespace().collect();
    assert_eq!(columns, ["WHEN", "CLIENT", "REQUEST", "STATUS", "MS", "FAULT", "REASON", "ID"]);
    let statuses: Vec<_> = rows.lines().map(|row| row.split_whitespace().nth(4).unwrap()).collect();
    assert_eq!(statuses, ["200", "400"], "{listed}");

    let (listed, _) = said(&["requests", "list", "--status", "4xx", "--json"]);
    let line: RequestLine = serde_json::from_str(&listed).unwrap();
    assert_eq!(line.reason.as_deref(), Some("invalid_scope"));
    let (shown, _) = said(&["requests", "show", &line.request_id]);
    for part in [
        "demo-reader: 400 invalid_scope\n",
        "TLSv1.3",
        "scope ",
        "\n> content-type: ",
        "\n< 400\n",
        "[secret:\u{2026}G1iY]",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("bg_secret_"), "{shown}");
    let (shown, _) = said(&["requests", "show", &line.request_id, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let (explained, _) = said(&["why", &line.request_id, "--json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!((&explained["explanation"], &explained["path"]), (&shown["explanation"], &shown["path"]));
    assert!(said(&["why", &line.request_id]).0.starts_with("POST /"));

    assert_eq!(said(&["requests", "clear"]), (String::new(), "The journal is empty.".to_owned()));
    let unknown = sandbox.call(&["requests", "show", &line.request_id]);
    assert!(stderr(&unknown).contains("The journal has no request with this id"), "{}", stderr(&unknown));
    let wrong = sandbox.call(&["requests", "list", "--status", "abc"]);
    assert!(stderr(&wrong).contains("status must be a status such as 429"), "{}", stderr(&wrong));
}
