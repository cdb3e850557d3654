//! Passports, verified by stock libraries of Python and Node that know the JWK Set and nothing else of this server.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use boomgate::api::passport::sha256_of;
use boomgate::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::json;

use crate::harness::{TestServer, WRITER, answer};
use crate::scripts::installed;

#[tokio::test]
async fn jose_and_pyjwt_accept_a_passport_and_refuse_one_with_another_byte() {
    let server = TestServer::start().await;
    // The libraries compare exp with the time of the machine.
    server.clock.advance(Duration::from_secs(SystemClock::new().now().since(server.clock.now())));
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/exam/report.json");
    let body = json!({ "sub": WRITER, "profile": { "name": "built-in" }, "verdict": "ready", "exam_at": 1_700_000_000,
        "report_sha256": sha256_of(&fs::read(&report).unwrap()), "boomgate_version": "0.1.0" });
    let signed = server.post_json("/admin/reports/sign", &server.admin_token().await, &body).await;
    let passport = signed.json()["passport"].as_str().unwrap().to_owned();
    let token = server.token(WRITER).await;
    let key_set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await;
    let jwks = server.data_dir().join("jwks.json");
    fs::write(&jwks, key_set.body).unwrap();

    // One byte in each part, and a passport of another report, and an access token of the same key.
    let dots: Vec<usize> = passport.match_indices('.').map(|(place, _)| place).collect();
    let altered = [9, dots[0] + 9, dots[1] + 9].map(|place| {
        let mut altered = passport.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(altered).unwrap()
    });
    let mut of_other = body.clone();
    of_other["report_sha256"] = sha256_of(b"another report").into();
    let of_other = server.post_json("/admin/reports/sign", &server.admin_token().await, &of_other).await;
    let of_other = of_other.json()["passport"].as_str().unwrap().to_owned();

    let wrong = [&altered[..], &[of_other, token]].concat();
    for (name, program, script) in [
        ("jose", "node".into(), "node/passport.mjs"),
        ("PyJWT", installed("target/interop/venv").join("bin/python"), "python/passport.py"),
    ] {
        installed("tests/interop/node_modules");
        let ca = server.data_dir().join("tls/ca.pem");
        let mut child = Command::new(&program)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script))
            .env("BASE", &server.base)
            .env("REPORT", &report)
            .env("JWKS", &jwks)
            .env("SSL_CERT_FILE", &ca)
            .env("NODE_EXTRA_CA_CERTS", &ca)
            .env("NO_PROXY", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = [std::slice::from_ref(&passport), &wrong].concat().join("\n") + "\n";
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        // The server is in this process, so nothing here may wait on its thread.
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        let printed = String::from_utf8(ended.stdout).unwrap();
        let verdicts: Vec<&str> = printed.lines().collect();
        assert_eq!(verdicts.len(), 1 + wrong.len(), "{name}: {printed}");
        assert_eq!(verdicts[0], "genuine", "{name}: {printed}");
        assert!(!verdicts[1..].contains(&"genuine"), "{name}: {printed}");
    }
}
