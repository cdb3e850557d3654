//! Each effect and each variation of the sandbox, as curl over both protocols and Python's requests see it.

use std::process::Command;

use crate::process::{AUDIENCE, demo_secret};
use crate::scripts::installed;
use crate::{Sandbox, output};

const CLIENT: &str = "demo-reader";

/// What is asked for, and what curl over HTTP/1.1, curl over HTTP/2 and requests say among other things.
type Row = (&'static str, [&'static str; 3]);

/// The same for all of them.
const fn all(effect: &'static str, said: &'static str) -> Row {
    (effect, [said; 3])
}

const ROWS: [Row; 33] = [
    all(r#"{"problem":"unavailable","retry_after":2}"#, "503, retry-after: 2, application/problem+json JSON"),
    all(r#"{"problem":"token-expired"}"#, "401, www-authenticate: Bearer realm="),
    all(r#"{"problem":"throttled"}"#, "429, retry-after: 1, application/problem+json JSON"),
    all(r#"{"problem":"invalid-client"}"#, "401, www-authenticate: Basic realm="),
    all(r#"{"problem":"unavailable"}"#, "503, retry-after: 1, application/json JSON"),
    all(r#"{"status":502}"#, "502, server: nginx, text/html"),
    all(r#"{"delay":"400ms"}"#, "200, application/json JSON, late"),
    all(r#"{"delay":{"uniform":["400ms","450ms"]}}"#, "200, application/json JSON, late"),
    all(
        r#"{"delay":{"log_normal":{"median":"500ms","sigma":0.01,"cap":"600ms"}}}"#,
        "200, application/json JSON, late",
    ),
    all(r#"{"dribble":{"chunks":5,"over":"400ms"}}"#, "200, application/json JSON, late"),
    all(r#"{"bandwidth":1600}"#, "200, application/json JSON, late"),
    (r#"{"truncate_after":10}"#, ["after 200 and 10 bytes", "after 200 and 10 bytes", "ChunkedEncodingError"]),
    all(r#"{"body":"empty"}"#, "200, application/json 0 bytes, no JSON"),
    all(r#"{"body":"html"}"#, "200, text/html 132 bytes, no JSON"),
    all(r#"{"body":"not_json"}"#, "bytes, no JSON"),
    all(r#"{"body":"wrong_content_type"}"#, "200, text/plain JSON"),
    (r#"{"close":"before_headers"}"#, ["(52) Empty reply", "was not closed cleanly", "ConnectionError"]),
    (r#"{"close":"mid_headers"}"#, ["(18) transfer closed", "was not closed cleanly", "ChunkedEncodingError"]),
    (r#"{"close":"mid_body"}"#, ["(18) transfer closed", "was not closed cleanly", "ChunkedEncodingError"]),
    (r#"{"close":"reset"}"#, ["reset by peer", "reset by peer", "ConnectionError"]),
    (r#"{"close":"goaway"}"#, ["(52) Empty reply", "was not closed cleanly", "ConnectionError"]),
    (r#"{"close":"rst_stream"}"#, ["(52) Empty reply", "INTERNAL_ERROR", "ConnectionError"]),
    (r#"{"timeout":"30s"}"#, ["(28) Operation timed out", "(28) Operation timed out", "ReadTimeout"]),
    all(
        r#"{"variation":"unknown-members"}"#,
        "Bearer x_boomgate_unknown,token_type,expires_in,scope,x_boomgate_unknown_too",
    ),
    all(r#"{"variation":"token-type-lowercase"}"#, "200, application/json bearer token_type,expires_in,scope"),
    all(r#"{"variation":"no-expires-in"}"#, "200, application/json Bearer token_type,scope"),
    all(r#"{"variation":"no-scope"}"#, "200, application/json Bearer token_type,expires_in"),
    all(r#"{"variation":"reordered-members"}"#, "200, application/json Bearer scope,expires_in,token_type"),
    all(
        r#"{"problem":"throttled","retry_after":30,"variation":"retry-after-date"}"#,
        " TIME GMT, application/problem+json JSON",
    ),
    (r#"{"variation":"chunked-body"}"#, ["200, chunked, no length", "200, no length", "200, chunked, no length"]),
    all(r#"{"variation":"lowercase-fields"}"#, "200, application/json JSON"),
    (
        r#"{"variation":"title-case-fields"}"#,
        ["200, title-case fields", "200, application/json JSON", "200, title-case fields"],
    ),
    (
        r#"{"variation":"connection-close"}"#,
        ["200, connection: close", "200, application/json JSON", "200, connection: close"],
    ),
];

#[test]
fn curl_and_requests_see_each_effect_and_each_variation() {
    let sandbox = Sandbox::start(&[]);
    let ca = sandbox.site.ca_path();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/python/fault_effects.py");
    let mut python = Command::new(installed("target/interop/venv").join("bin/python"));
    python.arg(script).env("BASE", &sandbox.site.base).env("REQUESTS_CA_BUNDLE", &ca).env("AUDIENCE", AUDIENCE);
    python.env("CLIENT_ID", CLIENT).env("CLIENT_SECRET", demo_secret(CLIENT)).env("NO_PROXY", "*");
    python.env("CONTROL_TOKEN", std::fs::read_to_string(sandbox.site.data_dir().join("sandbox-token")).unwrap().trim());
    let printed = output(&mut python);
    println!("| effect | phase | curl --http1.1 | curl --http2 | requests |\n|---|---|---|---|---|");
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split('\t').collect()).collect();
    for cells in &lines {
        println!("| {} |", cells.join(" | "));
    }
    assert_eq!(lines.len(), ROWS.len());
    for (cells, (effect, expected)) in lines.iter().zip(ROWS) {
        assert_eq!(cells[0], effect);
        for (said, expected) in cells[2..].iter().zip(expected) {
            assert!(said.contains(expected), "{effect}: {said}, without {expected}");
        }
    }
}
