//! `boomgate why`: a refused request as people read it.

use std::process::Command;

use serde_json::Value;

use super::{Running, stderr, stdout};

/// Sends a request with curl, with this id; returns its status.
fn curl(running: &Running, id: &str, arguments: &[&str]) -> String {
    curl_at(running, "/parking/zones?limit=1", id, arguments)
}

/// The same, at this path.
fn curl_at(running: &Running, path: &str, id: &str, arguments: &[&str]) -> String {
    let address = format!("{}{path}", running.address);
    let id = format!("X-Request-Id: {id}");
    let fixed = ["-sS", "--cacert", "data/tls/ca.pem", "-o", "/dev/null", "-w", "%{http_code}", "-H", &id, &address];
    let answered =
        Command::new("curl").current_dir(running.folder.path()).args(fixed).args(arguments).output().unwrap();
    stdout(&answered).to_owned()
}

#[test]
fn a_refused_request_is_shown_check_by_check() {
    let sandbox = Running::start("sandbox");
    let token = sandbox.call(&["token", "get", "--client", "demo-reader"]);
    let bearer = format!("Authorization: Bearer {}", stdout(&token).trim());
    assert_eq!(curl(&sandbox, "order/17", &["-H", &bearer, "-X", "POST"]), "403");
    assert_eq!(curl(&sandbox, "nobody's", &[]), "401");

    // The journal of a sandbox has every request. The administrator reads every refusal, a client its own.
    let of_refusal = "request  POST /parking/zones\nanswer   403 insufficient_scope\nclient   demo-reader\nat       ";
    for (client, starts) in [
        (&[][..], "POST /parking/zones?limit=1 of demo-reader: 403 insufficient-scope"),
        (&["--client", "demo-reader"], of_refusal),
        (&["--client", "demo-admin"], of_refusal),
    ] {
        let shown = sandbox.call(&[&["why", "order/17"], client].concat());
        assert!(shown.status.success(), "{client:?}: {}", stderr(&shown));
        let text = stdout(&shown);
        let (head, walk) = text.split_once("\n\n").unwrap();
        assert!(head.starts_with(starts), "{head}");
        let lines: Vec<&str> = walk.lines().collect();
        assert_eq!(lines.len(), 16, "{walk}");
        assert_eq!(lines[0], "  ✓ bearer token      one access token", "{walk}");
        assert!(lines[..12].iter().all(|line| line.starts_with("  ✓ ")), "{walk}");
        assert_eq!(
            lines[12..].join("\n"),
            "  ✗ scope             expected the scope write:zones\n                      but got  the scope read:zones\n\n\
             It would have passed if the operator assigned the scope `write:zones` to the client, and a new token had it.",
            "{walk}"
        );
    }
    let as_operator = ["--client", "demo-admin"];
    let shown = sandbox.call(&[&["why", "nobody's"][..], &as_operator].concat());
    let text = stdout(&shown);
    assert!(text.starts_with("request  GET /parking/zones\nanswer   401 token_missing\nclient   unknown\n"), "{text}");
    assert!(text.contains("\nfrom     127.0.0.1\n"), "{text}");
    assert!(
        text.contains("  · signature\n") && text.ends_with("It would have passed with a token of this server."),
        "{text}"
    );

    let json: Value =
        serde_json::from_str(stdout(&sandbox.call(&[&["why", "order/17", "--json"][..], &as_operator].concat())))
            .unwrap();
    assert_eq!((&json["check"], &json["explanation"]["passed"]), (&"scope".into(), &false.into()));

    for (arguments, says) in [
        (&["why", "never"][..], "no refused request has the id never"),
        (&["why", "order/17", "--client", "demo-writer"], "no refused request of demo-writer has the id order/17"),
    ] {
        let refused = sandbox.call(arguments);
        assert_eq!((refused.status.code(), stderr(&refused).lines().count()), (Some(1), 1), "{}", stderr(&refused));
        assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
    }
}

#[test]
fn a_disturbed_request_names_its_rule_and_one_that_is_not_checked_says_so() {
    let sandbox = Running::start("sandbox");
    let token = sandbox.call(&["token", "get", "--client", "demo-reader"]);
    let bearer = format!("Authorization: Bearer {}", stdout(&token).trim());
    let why = |id: &str| {
        let shown = sandbox.call(&["why", id]);
        assert!(shown.status.success(), "{id}: {}", stderr(&shown));
        stdout(&shown).to_owned()
    };

    let added = sandbox.call(&["fault", "add", "503", "--times", "1"]);
    assert!(added.status.success(), "{}", stderr(&added));
    // The commands of the operator leave the fault to the partner.
    assert!(sandbox.call(&["client", "list"]).status.success());
    assert_eq!(curl(&sandbox, "inj1", &["-H", &bearer]), "503");
    assert_eq!(
        why("inj1"),
        "GET /parking/zones?limit=1 of demo-reader: 503 unavailable\n\n\
         503 unavailable: the rule fault-1 answered it in place of the gate. Remove it with: boomgate fault clear"
    );

    assert!(
        sandbox.call(&["fault", "add", "slow", "--delay", "1ms", "--name", "late", "--times", "1"]).status.success()
    );
    assert_eq!(curl(&sandbox, "slow1", &["-H", &bearer]), "200");
    let text = why("slow1");
    assert!(
        text.contains("  ✓ bearer token ")
            && text.ends_with(
                "It passed every check.\n\n200: the rule late disturbed its answer. Remove it with: boomgate fault \
                 clear"
            ),
        "{text}"
    );

    assert_eq!(curl(&sandbox, "asked1", &["-H", &bearer, "-H", "Prefer: code=503"]), "503");
    assert!(why("asked1").ends_with(
        "503 unavailable: its own field Prefer answered it in place of the gate. Send it without that field."
    ));

    assert_eq!(curl_at(&sandbox, "/no/such/path", "none1", &[]), "404");
    assert_eq!(why("none1"), "GET /no/such/path: 404 not-found\n\nNo check of the gate applies to it.");
}

#[test]
fn who_asks_for_an_id_that_several_requests_have_is_told_so() {
    let sandbox = Running::start("sandbox");
    // Also the name of a search of the journal.
    let id = "count";
    for path in ["/parking/zones", "/oauth2/usage", "/parking/zones"] {
        assert_eq!(curl_at(&sandbox, path, id, &[]), "401");
    }
    let journal = "\n2 other requests have the same id: this is the newest. `boomgate requests list` shows each.\n\n";
    let refusals = "\n2 other refused requests have the same id: this is the newest, or the newest of a client that proved \
                    itself. An operator reads each at /admin/refusals.\n\n";
    for (command, expected) in [
        (["requests", "show", id].as_slice(), journal),
        (&["why", id], journal),
        (&["why", id, "--client", "demo-admin"], refusals),
    ] {
        let shown = sandbox.call(command);
        assert!(stdout(&shown).contains(expected), "{command:?}: {}{}", stdout(&shown), stderr(&shown));
        assert!(stdout(&shown).contains("GET /parking/zones"), "{}", stdout(&shown));
    }
    let shown: Value = serde_json::from_str(stdout(&sandbox.call(&["why", id, "--json"]))).unwrap();
    assert_eq!(shown["others"], 2);
}
