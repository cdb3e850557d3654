//! `boomgate why`: a refused request as people read it.

use std::process::Command;

use serde_json::Value;

use super::{Running, stderr, stdout};

/// Sends a request with curl, with this id; returns its status.
fn curl(running: &Running, id: &str, arguments: &[&str]) -> String {
    let address = format!("{}/parking/zones?limit=1", running.address);
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
