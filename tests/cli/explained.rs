//! Tokens explained and revoked, and credentials that come from files.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Running, boomgate, stderr, stdout};

/// All commands request tokens from one address.
const UNLIMITED: (&str, &str) = ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0");

/// Runs a command with this standard input.
fn piped(running: &Running, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = boomgate(running.folder.path(), arguments);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The command may close it before it has read everything.
    let _closed_early = process.stdin.take().unwrap().write_all(input);
    process.wait_with_output().unwrap()
}

fn token(running: &Running, client: &str) -> String {
    let got = running.call(&["token", "get", "--client", client]);
    assert!(got.status.success(), "{}", stderr(&got));
    stdout(&got).to_owned()
}

/// The status of a request with this token.
fn status(running: &Running, token: &str) -> String {
    let address = format!("{}/parking/zones?limit=1", running.address);
    let authorization = format!("Authorization: Bearer {token}");
    let arguments =
        ["-sS", "--cacert", "data/tls/ca.pem", "-o", "/dev/null", "-w", "%{http_code}", "-H", &authorization, &address];
    let answered =
        std::process::Command::new("curl").current_dir(running.folder.path()).args(arguments).output().unwrap();
    stdout(&answered).to_owned()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn a_valid_token_is_explained_and_never_printed() {
    let sandbox = Running::start_with("sandbox", &[UNLIMITED]);
    let token = token(&sandbox, "demo-reader");
    let explained = piped(&sandbox, &["token", "explain"], format!("Bearer {token}\r\n").as_bytes());
    let text = stdout(&explained);
    assert!(explained.status.success(), "{}", stderr(&explained));
    for words in
        ["client_id  demo-reader", "Z (in ", "typ  at+jwt", "genuine: ES256", "active: ", "scope read:zones", "current"]
    {
        assert!(text.contains(words), "{words} is not in: {text}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    for part in &parts {
        assert!(!text.contains(part), "a part of the token is printed: {text}");
    }

    std::fs::write(sandbox.folder.path().join("token.txt"), &token).unwrap();
    let explained = sandbox.call(&["token", "explain", "token.txt", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&explained)).unwrap();
    assert_eq!(answer["claims"]["client_id"], "demo-reader");
    assert!(answer["times"]["exp"].as_str().unwrap().ends_with('Z'));
    for finding in ["type", "time", "issuer", "signature", "server"] {
        assert_eq!(answer["findings"][finding]["verdict"], "good", "{answer:#}");
    }
    assert!(!stdout(&explained).contains(parts[2]));

    // A client may not learn whether another client's token is active, so that is open.
    let explained = piped(&sandbox, &["token", "explain", "--client", "demo-limited"], token.as_bytes());
    assert!(explained.status.success() && stdout(&explained).contains("its own tokens only"), "{}", stdout(&explained));
    // Without a server the signature is not checked.
    let explained =
        piped(&sandbox, &["token", "explain", "--offline", "--server", "https://nowhere.invalid"], token.as_bytes());
    assert!(explained.status.success() && stdout(&explained).contains("not checked"), "{}", stdout(&explained));
}

#[test]
fn the_explanation_of_an_invalid_token_has_the_reason() {
    let (sandbox, another) = (Running::start_with("sandbox", &[UNLIMITED]), Running::start("sandbox"));
    let good = token(&sandbox, "demo-writer");
    let [header, claims, signature] = *good.split('.').collect::<Vec<_>>() else { panic!("three parts") };
    let mut elevated: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    elevated["scope"] = json!("read:admin");
    let elevated = encoded(&elevated);
    let mut unknown: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    unknown["kid"] = json!("\u{1b}[2J");
    let unknown = encoded(&unknown);
    let unsigned = encoded(&json!({ "alg": "none", "typ": "at+jwt" }));
    let other_type = encoded(&json!({ "alg": "ES256", "typ": "JWT" }));
    for (token, says) in [
        (token(&another, "demo-writer"), "issued by https://localhost:"),
        (format!("{header}.{elevated}.{signature}"), "not genuine: the token was changed, or forged"),
        (format!("{unknown}.{claims}.{signature}"), "by a key that this server does not have"),
        (format!("{unsigned}.{claims}."), "alg is none"),
        (format!("{other_type}.{claims}.{signature}"), "typ is JWT"),
        (
            format!("{header}.{}.{signature}", encoded(&json!({ "iss": sandbox.address }))),
            "exp, when it expires, is missing",
        ),
        (format!("{header}.{claims}"), "2 parts, not three"),
        (format!("{header}.{claims}!.{signature}"), "the claims, the second part, is not base64url"),
        (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("{")), "is not JSON"),
        ("garbage".to_owned(), "1 parts, not three"),
        (String::new(), "the input is empty"),
        ("bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY".to_owned(), "this is a client secret"),
        ("x".repeat(70_000), "is over 65536 bytes"),
    ] {
        let explained = piped(&sandbox, &["token", "explain"], token.as_bytes());
        let said = stderr(&explained);
        assert_eq!(explained.status.code(), Some(1), "{says}: {said}");
        assert!(said.starts_with("boomgate: ") && said.contains(says), "{says} is not in: {said}");
        assert!(!stdout(&explained).contains('\u{1b}') && !said.contains('\u{1b}'), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let binary = piped(&sandbox, &["token", "explain"], b"\xff\xfe");
    assert!(stderr(&binary).contains("it is UTF-16: save it as UTF-8"), "{}", stderr(&binary));
    // A token as an argument is refused, and the message does not show it.
    let argument = sandbox.call(&["token", "explain", &good]);
    assert_eq!(argument.status.code(), Some(1));
    assert!(stderr(&argument).contains("never an argument") && !stderr(&argument).contains(&good));
}

#[test]
fn the_explanation_of_an_expired_token_says_how_long_ago() {
    let sandbox = Running::start_with("sandbox", &[UNLIMITED, ("BOOMGATE_CLIENT_DEFAULTS__TOKEN_TTL", "1")]);
    let token = token(&sandbox, "demo-reader");
    let explain = |arguments: &[&str]| piped(&sandbox, &[&["token", "explain"], arguments].concat(), token.as_bytes());
    // The process has the system's clock, so it runs until the second is over.
    let expired = (0..10_000).any(|_| !explain(&["--offline"]).status.success());
    assert!(expired);
    let explained = explain(&[]);
    assert_eq!(explained.status.code(), Some(1));
    assert!(
        stdout(&explained).contains("expired ") && stdout(&explained).contains("not active: "),
        "{}",
        stdout(&explained)
    );
    assert!(stdout(&explained).contains("genuine"), "{}", stdout(&explained));
}

#[test]
fn a_revoked_token_is_refused_at_the_next_request() {
    let sandbox = Running::start_with("sandbox", &[UNLIMITED]);
    // As the administrator, and as the token's own client.
    for arguments in [&["token", "revoke"][..], &["token", "revoke", "--client", "demo-reader", "--json"]] {
        let token = token(&sandbox, "demo-reader");
        assert_eq!(status(&sandbox, &token), "200");
        let revoked = piped(&sandbox, arguments, token.as_bytes());
        assert!(revoked.status.success(), "{}", stderr(&revoked));
        assert_eq!(stderr(&revoked), "The token is refused from now on.");
        assert_eq!(status(&sandbox, &token), "401");
        let explained = piped(&sandbox, &["token", "explain"], token.as_bytes());
        assert!(stderr(&explained).contains("not active: The access token was revoked"), "{}", stderr(&explained));
        // The walk of the refused request, as `boomgate why` shows it.
        let walk = stdout(&explained);
        assert!(walk.contains("  ✗ revocation") && walk.ends_with("It would have passed with a new token."), "{walk}");
        if arguments.contains(&"--json") {
            let answer: Value = serde_json::from_str(stdout(&revoked)).unwrap();
            assert!(answer["jti"].is_string() && answer["expires_at"].as_str().unwrap().ends_with('Z'), "{answer}");
        }
    }
    // A client may not revoke another client's token, but an administrator may.
    let token = token(&sandbox, "demo-writer");
    let refused = piped(&sandbox, &["token", "revoke", "--client", "demo-reader"], token.as_bytes());
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("only that client may revoke it"), "{}", stderr(&refused));
    assert_eq!(status(&sandbox, &token), "200");
    assert!(piped(&sandbox, &["token", "revoke", "--client", "demo-admin"], token.as_bytes()).status.success());
    assert_eq!(status(&sandbox, &token), "401");
    let again = piped(&sandbox, &["token", "revoke"], token.as_bytes());
    assert!(again.status.success(), "a revoked token can be revoked again: {}", stderr(&again));
    let garbage = piped(&sandbox, &["token", "revoke"], b"garbage");
    assert_eq!((garbage.status.code(), stderr(&garbage).lines().count()), (Some(1), 1));
}

#[test]
fn a_secret_may_be_in_a_file_that_a_variable_names() {
    const SECRET: &str = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";
    let sandbox = Running::start("sandbox");
    let path = sandbox.folder.path().join("secret");
    let write = |text: &str, mode| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let get = |more: &[(&str, &str)]| {
        let mut command = boomgate(sandbox.folder.path(), &["token", "get", "--server", &sandbox.address]);
        command.env("BOOMGATE_CLIENT_ID", "demo-reader").env("BOOMGATE_CLIENT_SECRET_FILE", &path);
        command.envs(more.iter().copied()).output().unwrap()
    };
    for text in [format!("{SECRET}\n"), SECRET.to_owned(), format!("{SECRET}\r\n"), format!("\u{FEFF}{SECRET}\n\n")] {
        write(&text, 0o600);
        let got = get(&[]);
        assert!(got.status.success(), "{text:?}: {}", stderr(&got));
    }
    let refused = |got: &Output, says: &str| {
        assert_eq!(got.status.code(), Some(1));
        assert!(stderr(got).contains(says) && !stderr(got).contains(SECRET), "{}", stderr(got));
    };
    refused(&get(&[("BOOMGATE_CLIENT_SECRET", SECRET)]), "are both set");
    write("\n", 0o600);
    refused(&get(&[]), "must hold one client secret");
    write(SECRET, 0o644);
    refused(&get(&[]), "chmod 600");
    std::fs::remove_file(&path).unwrap();
    refused(&get(&[]), "there is no file");
    // A server accepts the variable, which is not a setting.
    let check = ["config", "check", "--listen", "127.0.0.1:0"];
    let checked = boomgate(Path::new("/"), &check).env("BOOMGATE_CLIENT_SECRET_FILE", "x").output().unwrap();
    assert!(checked.status.success(), "{}", stderr(&checked));
}
