//! The platform's documentation, as its readers paste it.

use std::process::Command;

use serde_json::Value;

use crate::process::demo_secret;
use crate::{Sandbox, output};

/// The documentation's first request, to the letter: its closing brace and quote are missing.
const TOKEN_REQUEST: &str = r#"curl -X POST 'https://<api_host>/shared/access-tokens' \
-H 'Content-Type: application/json' \
-d '{
    "grant_type": "client_credentials",
    "client_id": "<your_client_id>",
    "client_secret": "<your_client_secret>",
    "audience": "public.api.passportinc.com"
"#;

/// Its second, to the letter: a tab after a backslash, a backquote at the end, and no `Content-Type`.
const ZONE_REQUEST: &str = "curl -X POST \\\n  https://.../parking/zones \\\n  -H 'Cache-Control: no-cache' \\\t\n  \
                            -H 'Authorization: Bearer <your_access_token>' \\\n  -d '...'`\n";

const ZONE: &str = r#"{
    "number": "4711", "name": "Kornhausplatz", "operator_id": "op-1", "session_type": "vehicle",
    "location": { "latitude": 46.9485, "longitude": 7.4474 }
}"#;

#[test]
fn the_documented_requests_work_as_they_stand() {
    let sandbox = Sandbox::start(&[]);
    let token_request = TOKEN_REQUEST
        .replace("https://<api_host>", &sandbox.site.base)
        .replace("<your_client_id>", "demo-writer")
        .replace("<your_client_secret>", demo_secret("demo-writer"));
    let token: Value = serde_json::from_str(&paste(&sandbox, &format!("{token_request}}}'"))).unwrap();
    assert_eq!(
        (token["scope"].as_str(), token["token_type"].as_str(), token["expires_at"].as_str().map(str::len)),
        (Some("read:zones write:zones"), Some("Bearer"), Some("2021-01-25T15:13:21Z".len())),
        "{token}"
    );

    let zone_request = ZONE_REQUEST
        .replace("https://...", &sandbox.site.base)
        .replace("<your_access_token>", token["access_token"].as_str().unwrap())
        .replace("\\\t\n", "\\\n");
    // Whoever pastes the dots too is told that they are no JSON.
    let refused: Value = serde_json::from_str(&paste(&sandbox, zone_request.trim_end_matches(['`', '\n']))).unwrap();
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("The body is not JSON: expected value at line 1 column 1. Send a zone"), "{refused}");
    let zone_request = zone_request.replace("'...'`", &format!("'{ZONE}'"));
    let zone: Value = serde_json::from_str(&paste(&sandbox, &zone_request)).unwrap();
    assert_eq!((&zone["number"], &zone["name"]), (&"4711".into(), &"Kornhausplatz".into()), "{zone}");
}

#[test]
fn curl_gets_a_token_and_zones_over_both_protocols() {
    let sandbox = Sandbox::start(&[]);
    let secret = demo_secret("demo-reader");
    for protocol in ["--http1.1", "--http2"] {
        let form = "grant_type=client_credentials&audience=public.api.passportinc.com";
        let url = format!("{}/oauth2/token", sandbox.site.base);
        let asked = format!("curl -sS {protocol} -u 'demo-reader:{secret}' -d '{form}' '{url}'");
        let token: Value = serde_json::from_str(&paste(&sandbox, &asked)).unwrap();
        let token = token["access_token"].as_str().unwrap();
        let asked = format!(
            "curl -sS {protocol} -w '\\n%{{http_code}} %{{http_version}}' -H 'Authorization: Bearer {token}' '{}/parking/zones?limit=1'",
            sandbox.site.base
        );
        let printed = paste(&sandbox, &asked);
        let version = if protocol == "--http2" { "2" } else { "1.1" };
        assert_eq!(printed.lines().last(), Some(format!("200 {version}").as_str()), "{printed}");
    }
}

/// What a shell makes of it, where curl trusts the sandbox's CA.
fn paste(sandbox: &Sandbox, line: &str) -> String {
    let mut shell = Command::new("sh");
    output(shell.args(["-c", line]).env("CURL_CA_BUNDLE", sandbox.site.ca_path()).env("NO_PROXY", "*"))
}

/// An answer often comes before the request's body has ended. Debian 12's curl loses it if the stream is reset then.
#[test]
fn curl_shows_every_early_answer() {
    let unlimited = [("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")];
    let sandbox = Sandbox::start(&unlimited);
    let base = &sandbox.site.base;
    let form = "grant_type=client_credentials&audience=public.api.passportinc.com";
    let token = |client_id: &str| {
        let secret = demo_secret(client_id);
        let asked = format!("curl -sS -u '{client_id}:{secret}' -d '{form}' '{base}/oauth2/token'");
        let token: Value = serde_json::from_str(&paste(&sandbox, &asked)).unwrap();
        format!("-H 'Authorization: Bearer {}'", token["access_token"].as_str().unwrap())
    };
    let (reader, limited) = (token("demo-reader"), token("demo-limited"));
    let long = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(long.path(), "a".repeat(300_000)).unwrap();
    let long = format!("-d '@{}'", long.path().display());
    for (asked, expected) in [
        (format!("{base}/oauth2/tokens -d a=b"), &["404"][..]),
        (format!("{base}/oauth2/tokens {long}"), &["404"]),
        (format!("{base}/oauth2/token -X PUT -d a=b"), &["405"]),
        (format!("{base}/livez {long}"), &["405"]),
        (format!("{base}/oauth2/token {long}"), &["413"]),
        (format!("{base}/oauth2/token -H 'Content-Encoding: gzip' {long}"), &["415"]),
        (format!("{base}/oauth2/token -H 'Content-Type: text/xml' -d a"), &["415"]),
        (format!("'{base}/oauth2/token?client_secret=a' {long}"), &["400"]),
        (format!("{base}/parking/zones {long}"), &["401"]),
        (format!("{base}/parking/zones {reader} {long}"), &["403", "429"]),
        (format!("{base}/parking/zones {limited} {long}"), &["403", "429"]),
    ] {
        for protocol in ["--http2", "--http1.1"] {
            for _ in 0..10 {
                let status = paste(&sandbox, &format!("curl -sS -o /dev/null -w '%{{http_code}}' {protocol} {asked}"));
                assert!(expected.contains(&status.as_str()), "{protocol} {asked}: {status}");
            }
        }
    }
}
