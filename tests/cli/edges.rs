//! Stored text with line ends, white space or a byte order mark around it, or in UTF-16.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use super::{Running, boomgate, stderr, stdout};

const SECRET: &str = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn private(server: &Running, name: &str, content: &[u8]) {
    let path = server.folder.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn with_variables(server: &Running, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let arguments = [arguments, &["--server", &server.address]].concat();
    boomgate(server.folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn white_space_around_a_stored_secret_is_ignored() {
    let sandbox = Running::start_with("sandbox", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let get = |variables: &[(&str, &str)]| with_variables(&sandbox, &["token", "get"], variables);
    for (before, after) in [("", ""), ("", "\n"), ("", "\r\n"), ("\u{FEFF}", "\r\n"), (" ", " \n\n"), ("\t", "")] {
        let around = |text: &str| format!("{before}{text}{after}");
        let (id, secret) = (around("demo-reader"), around(SECRET));
        let got = get(&[("BOOMGATE_CLIENT_ID", &id), ("BOOMGATE_CLIENT_SECRET", &secret)]);
        assert!(got.status.success(), "{secret:?}: {}", stderr(&got));

        private(&sandbox, "secret", secret.as_bytes());
        let got = get(&[("BOOMGATE_CLIENT_ID", &id), ("BOOMGATE_CLIENT_SECRET_FILE", "secret")]);
        assert!(got.status.success(), "{secret:?}: {}", stderr(&got));

        let credentials = serde_json::json!({ "client_id": id, "client_secret": secret, "issuer": sandbox.address });
        private(&sandbox, "credentials.json", around(&credentials.to_string()).as_bytes());
        let got = sandbox.call(&["token", "get", "--credentials", "credentials.json"]);
        assert!(got.status.success(), "{secret:?}: {}", stderr(&got));
    }
    for (secret, reason) in
        [("one two", "a space"), ("one\ntwo", "two lines"), ("h\u{E9}", "not ASCII"), ("\u{A0}x", "U+A0")]
    {
        let refused = get(&[("BOOMGATE_CLIENT_ID", "demo-reader"), ("BOOMGATE_CLIENT_SECRET", secret)]);
        assert_eq!(refused.status.code(), Some(1), "{reason}");
        let says = "BOOMGATE_CLIENT_SECRET must hold one client secret: visible ASCII characters";
        assert!(stderr(&refused).contains(says), "{reason}: {}", stderr(&refused));
    }
}

#[test]
fn every_file_may_start_with_a_byte_order_mark_and_utf_16_is_refused_by_name() {
    let sandbox = Running::start_with("sandbox", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let data = |name: &str| fs::read_to_string(sandbox.folder.path().join("data").join(name)).unwrap();
    let credentials = serde_json::json!({ "client_id": "demo-admin",
        "client_secret": "bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY", "issuer": sandbox.address });
    let key = include_str!("../keys/rsa-2048-pkcs8.pem");
    let clients = "[[clients]]\r\nclient_id = 'bom'\r\nclient_name = 'Bom'\r\nscope = 'read:zones'\r\n\
                   secret = { file = 'own' }\r\n";
    let own = "correct-horse-battery-staple-4711\r\n";
    let token = stdout(&sandbox.call(&["token", "get", "--client", "demo-reader"])).to_owned();
    for (name, text, arguments) in [
        ("c.json", credentials.to_string(), &["client", "list", "--credentials", "c.json"][..]),
        ("ca.pem", data("tls/ca.pem"), &["client", "list", "--ca", "ca.pem"]),
        ("exported.pem", data("tls/ca.pem"), &["ca", "export", "--ca", "exported.pem"]),
        ("a.toml", "workers = 2\n".to_owned(), &["config", "show", "--config", "a.toml"]),
        ("key.pem", key.to_owned(), &["key", "import", "key.pem"]),
        ("own", own.to_owned(), &["client", "sync", "clients.toml", "--dry-run"]),
        ("clients.toml", clients.to_owned(), &["client", "sync", "clients.toml", "--dry-run"]),
        ("token", token, &["token", "explain", "token"]),
    ] {
        private(&sandbox, "own", own.as_bytes());
        private(&sandbox, "clients.toml", clients.as_bytes());
        private(&sandbox, name, format!("\u{FEFF}{text}").as_bytes());
        let done = sandbox.call(arguments);
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        private(&sandbox, name, &utf16(&text));
        let refused = sandbox.call(arguments);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(stderr(&refused).contains("is UTF-16: save it as UTF-8"), "{name}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(name), "{}", stderr(&refused));
    }
}

#[test]
fn a_line_end_after_the_value_of_a_variable_is_ignored() {
    let sandbox = Running::start("sandbox");
    let own = "[[clients]]\nclient_id = 'own'\nclient_name = 'Own'\nscope = 'read:zones'\nsecret = { env = 'OWN' }\n";
    private(&sandbox, "clients.toml", own.as_bytes());
    let secret = "correct-horse-battery-staple-4711";
    let synced = boomgate(sandbox.folder.path(), &["client", "sync", "clients.toml"])
        .env("OWN", format!("{secret}\n"))
        .output()
        .unwrap();
    assert!(synced.status.success(), "{}", stderr(&synced));
    let got = with_variables(
        &sandbox,
        &["token", "get"],
        &[("BOOMGATE_CLIENT_ID", "own"), ("BOOMGATE_CLIENT_SECRET", secret)],
    );
    assert!(got.status.success(), "{}", stderr(&got));
    // `docker run --env-file` reads a file from Windows so.
    let checked = boomgate(sandbox.folder.path(), &["config", "show"])
        .envs([("BOOMGATE_LOG__LEVEL", "debug\r"), ("BOOMGATE_DATA_DIR", "elsewhere\r\n"), ("BOOMGATE_WORKERS", "3\r")])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", stderr(&checked));
    let rows: Vec<Vec<&str>> = stdout(&checked).lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [["log.level", "\"debug\"", "BOOMGATE_LOG__LEVEL"], ["data_dir", "\"elsewhere\"", "BOOMGATE_DATA_DIR"]] {
        assert!(rows.iter().any(|found| *found == row), "{row:?} is not in {}", stdout(&checked));
    }
}

#[test]
fn a_byte_order_mark_from_a_pipe_is_ignored() {
    let sandbox = Running::start("sandbox");
    let token = sandbox.call(&["token", "get", "--client", "demo-reader"]);
    for (arguments, text) in [
        (&["token", "explain"][..], format!("\u{FEFF}{}\r\n", stdout(&token))),
        (&["client", "sync", "-"], "\u{FEFF}{\"clients\": []}".to_owned()),
    ] {
        let mut process = boomgate(sandbox.folder.path(), arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = process.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
    }
}
