//! `boomgate fault`: docs/sandbox.md.

use serde_json::{Value, json};

use super::{Running, stderr, stdout};

#[test]
fn rules_are_added_listed_and_removed_in_words_that_people_remember() {
    let sandbox = Running::start("sandbox");
    let said = |arguments: &[&str]| {
        let output = sandbox.call(&[&["fault"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        (stdout(&output).to_owned(), stderr(&output).to_owned())
    };
    assert_eq!(said(&["list"]), (String::new(), "There is no rule: no request is disturbed.".to_owned()));
    said(&["add", "503", "--times", "2", "--client", "demo-writer"]);
    said(&["add", "drop", "--requests", "3", "--method", "post", "--path", "/parking/zones"]);
    said(&["add", "slow", "--delay", "100ms..2s", "--probability", "0.2", "--seed", "42", "--name", "slow"]);
    let (_, notes) = said(&["add", "goaway", "--phase", "token", "--unless-header", "If-Match"]);
    assert_eq!(notes, "goaway needs HTTP/2: over HTTP/1.1 the connection is closed before the headers");
    said(&["add", "lost", "--times", "1"]);
    insta::assert_snapshot!(said(&["list"]).0, @r"
    NAME     REQUESTS                      EFFECT                                          CHANCE        MATCHED  FIRED  LEFT
    fault-1  demo-writer                   unavailable                                     always        0        0      2 times
    fault-2  POST /parking/zones number 3  close before_headers                            always        0        0      -
    slow     all                           100ms to 2s later                               0.2, seed 42  0        0      -
    fault-4  token without if-match        close goaway                                    always        0        0      -
    fault-5  all                           close before_headers, after the change is made  always        0        0      once
    ");

    let removed = said(&["clear", "slow"]);
    assert_eq!(removed, (String::new(), "The rule slow is removed.".to_owned()));
    assert_eq!(said(&["list"]).0.lines().count(), 5);
    assert_eq!(said(&["clear"]).1, "All rules are removed: no request is disturbed any more.");
    assert_eq!(said(&["list", "--json"]).0, "{\n  \"data\": []\n}");
}

#[test]
fn what_was_added_is_printed_as_json_if_asked_for() {
    let sandbox = Running::start("sandbox");
    let added = sandbox.call(&["fault", "add", "429", "--phase", "token", "--retry-after", "2", "--json"]);
    let added: Value = serde_json::from_str(stdout(&added)).unwrap();
    let effect = json!({ "problem": "too-many-token-requests", "retry_after": 2 });
    assert_eq!((&added["effect"], &added["name"], &added["active"]), (&effect, &json!("fault-1"), &json!(true)));
}

#[test]
fn a_mistake_says_what_would_be_right() {
    let sandbox = Running::start("sandbox");
    for (arguments, code, part) in [
        (&["add", "token-revokd"][..], 2, "is no effect: did you mean token-revoked?"),
        (&["add", "503", "--requests", "5..3"], 2, "ends before it begins: did you mean \"3..5\"?"),
        (&["add", "503", "--for", "10"], 2, "must be a span such as 700ms"),
        (&["add", "503", "--client", "my-client"], 1, "is \"my-client\", the client_id of no client"),
        (&["add", "429", "--variation", "later"], 2, "must be one of unknown-members"),
        (&["add", "drop", "--over", "2s"], 1, "--over is for dribble and timeout"),
        (&["add", "503", "--client", "demo-wirter"], 1, "did you mean demo-writer?"),
        (&["add", "slow", "--delay", "9h"], 1, "effect/delay must be from 0s to 5m"),
        (&["add", "503", "--path", "/sandbox/clock"], 1, "no fault disturbs these"),
        (&["clear", "nothing"], 1, "No fault has this name"),
        (&["clear", "../clock"], 2, "a name has letters"),
    ] {
        let output = sandbox.call(&[&["fault"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
    }
}
