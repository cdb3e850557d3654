//! The program as people and scripts call it: a real process, its output, its exit code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has failed")]

#[path = "cli/config_check.rs"]
mod config_check;
#[path = "cli/edges.rs"]
mod edges;
#[path = "cli/exam.rs"]
mod exam;
#[path = "cli/explained.rs"]
mod explained;
#[cfg(target_os = "linux")]
#[path = "cli/hardened.rs"]
mod hardened;
#[path = "cli/lost.rs"]
mod lost;
#[path = "cli/manual.rs"]
mod manual;
#[path = "cli/own_certificate.rs"]
mod own_certificate;
#[path = "cli/pasted.rs"]
mod pasted;
#[path = "cli/private_files.rs"]
mod private_files;
mod program;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/sandbox_control.rs"]
mod sandbox_control;
#[path = "cli/sandbox_fault.rs"]
mod sandbox_fault;
#[path = "cli/sandbox_requests.rs"]
mod sandbox_requests;
#[path = "cli/set_up.rs"]
mod set_up;
#[path = "cli/snapshots.rs"]
mod snapshots;
#[path = "cli/troubles.rs"]
mod troubles;
#[path = "cli/watched.rs"]
mod watched;
#[path = "cli/why.rs"]
mod why;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use self::program::{Server, boomgate, stderr, stdout};

/// A copy of the program in `folder`, where every user may start it. Another process writes it: a child that a test beside
/// this one starts meanwhile would inherit this process's open file, and an executable that is open for writing does not
/// start ("Text file busy").
fn copied_program(folder: &Path) -> PathBuf {
    let program = folder.join("boomgate");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_boomgate")).arg(&program).status().unwrap();
    assert!(copied.success(), "{copied}");
    program
}

/// A server of this edition on a free port, with a folder of its own.
struct Running {
    folder: TempDir,
    process: Server,
    address: String,
}

impl Running {
    fn start(edition: &str) -> Self {
        Self::start_with(edition, &[])
    }

    fn start_with(edition: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = boomgate(folder.path(), &[edition, "--listen", "127.0.0.1:0"]);
        command.envs(settings.iter().copied());
        let process = Server::start(command);
        let address = process.first_line.split_whitespace().find(|word| word.starts_with("https://"));
        Self { address: address.unwrap().to_owned(), folder, process }
    }

    fn call(&self, arguments: &[&str]) -> Output {
        boomgate(self.folder.path(), arguments).output().unwrap()
    }
}

/// The error in the last line of a server's log, as a command prints it.
fn end_in_log(log: &str) -> String {
    let last = log.lines().last().unwrap();
    let event: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {last}"));
    let member = |name| event.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} is not in {last}"));
    assert_eq!(member("level"), "ERROR", "{log}");
    format!("boomgate: {}", member("message"))
}

#[test]
fn token_get_prints_the_token_and_nothing_else() {
    let sandbox = Running::start("sandbox");
    let got = sandbox.call(&["token", "get", "--client", "demo-reader"]);
    assert!(got.status.success(), "{}", stderr(&got));
    assert_eq!(stdout(&got).split('.').count(), 3, "a JWT and nothing else");
    assert_eq!(stderr(&got), "");

    let got = sandbox.call(&["token", "get", "--client", "demo-writer", "--scope", "write:zones", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&got)).unwrap();
    assert_eq!((&answer["token_type"], &answer["scope"]), (&"Bearer".into(), &"write:zones".into()));
}

#[test]
fn a_registered_client_is_listed_shown_and_gets_tokens() {
    let server = Running::start("serve");
    let added = server.call(&["client", "add", "--name", "Curbside", "--daily-quota", "unlimited", "--burst", "7"]);
    assert!(added.status.success(), "{}", stderr(&added));
    let member = |name: &str| {
        let line = stdout(&added).lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    let (client_id, client_secret) = (member("client_id"), member("client_secret"));
    assert_eq!(client_secret.len(), 59);
    assert!(!stderr(&added).contains(&client_secret), "the message does not repeat the secret");

    let listed = server.call(&["client", "list"]);
    let rows: Vec<&str> = stdout(&listed).lines().collect();
    assert_eq!(rows.len(), 3, "a head, the administrator and the new client: {rows:#?}");
    assert!(rows.iter().any(|row| row.starts_with(&client_id) && row.ends_with("unlimited")), "{rows:#?}");
    let listed: Value = serde_json::from_str(stdout(&server.call(&["client", "list", "--json"]))).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let shown: Value = serde_json::from_str(stdout(&server.call(&["client", "show", &client_id, "--json"]))).unwrap();
    assert_eq!((&shown["burst"], &shown["daily_quota"]), (&7.into(), &Value::Null));
    assert!(!shown.to_string().contains("bg_secret_"));

    let got = boomgate(server.folder.path(), &["token", "get", "--server", &server.address])
        .env("BOOMGATE_CLIENT_ID", &client_id)
        .env("BOOMGATE_CLIENT_SECRET", &client_secret)
        .output()
        .unwrap();
    assert!(got.status.success(), "{}", stderr(&got));
}

#[test]
fn a_client_is_changed_rotated_stopped_and_removed() {
    let server = Running::start("serve");
    let json = |arguments: &[&str]| -> Value {
        let done = server.call(&[arguments, &["--json"]].concat());
        assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
        serde_json::from_str(stdout(&done)).unwrap()
    };
    let added = json(&["client", "add", "--name", "Curbside"]);
    let client_id = added["client_id"].as_str().unwrap();
    let token = |secret: &str| {
        let mut get = boomgate(server.folder.path(), &["token", "get", "--server", &server.address]);
        get.env("BOOMGATE_CLIENT_ID", client_id).env("BOOMGATE_CLIENT_SECRET", secret).output().unwrap()
    };
    let secret = |answer: &Value| answer["client_secret"].as_str().unwrap().to_owned();

    let edited =
        json(&["client", "edit", client_id, "--daily-quota", "unlimited", "--name", "Kerb", "--enforce", "false"]);
    assert_eq!((&edited["daily_quota"], &edited["client_name"]), (&Value::Null, &"Kerb".into()));
    assert_eq!((&edited["burst"], &edited["enforce"]), (&added["burst"], &false.into()));
    assert_eq!(json(&["client", "list", "--search", "kerb"]).as_array().unwrap().len(), 1);
    assert_eq!(json(&["client", "list", "--search", "curbside"]).as_array().unwrap().len(), 0);

    let rotated = json(&["client", "rotate-secret", client_id, "--previous-expires-in", "3600"]);
    assert!(token(&secret(&added)).status.success() && token(&secret(&rotated)).status.success());
    let third = server.call(&["client", "rotate-secret", client_id]);
    assert_eq!(third.status.code(), Some(1));
    assert!(stderr(&third).contains(added["secrets"][0]["secret_id"].as_str().unwrap()), "{}", stderr(&third));
    let at_once = server.call(&["client", "rotate-secret", client_id, "--previous-expires-in", "0"]);
    assert!(stderr(&at_once).contains("The previous one is refused from now on"), "{}", stderr(&at_once));
    assert!(stdout(&at_once).contains("client_secret  bg_secret_") && !stderr(&at_once).contains("bg_secret_"));
    assert!(!token(&secret(&added)).status.success() && !token(&secret(&rotated)).status.success());
    let shown = server.call(&["client", "show", client_id]);
    assert!(
        stdout(&shown).contains("never used") && stdout(&shown).contains("counted, not refused"),
        "{}",
        stdout(&shown)
    );

    assert_eq!(json(&["client", "suspend", client_id])["status"], "suspended");
    assert_eq!(json(&["client", "resume", client_id])["status"], "active");
    assert_eq!(json(&["client", "revoke-tokens", client_id])["client_id"], client_id);
    let usage = server.call(&["client", "usage", "admin", "--days", "2"]);
    let rows: Vec<&str> = stdout(&usage).lines().collect();
    assert_eq!(rows.len(), 3, "a head and two days: {rows:#?}");
    assert!(rows[1].split_whitespace().nth(1).is_some_and(|used| used != "0"), "{rows:#?}");

    assert!(server.call(&["client", "remove", client_id]).status.success());
    assert_eq!(server.call(&["client", "show", client_id]).status.code(), Some(1));
    let last = server.call(&["client", "remove", "admin"]);
    assert_eq!(last.status.code(), Some(1));
    assert!(stderr(&last).contains("register another administrator first"), "{}", stderr(&last));
}

#[test]
fn a_list_of_many_pages_has_every_client_once() {
    let sandbox = Running::start_with(
        "sandbox",
        &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"), ("BOOMGATE_CLIENT_DEFAULTS__BURST", "1000")],
    );
    for number in 0..105 {
        let added = sandbox.call(&["client", "add", "--name", &format!("Partner {number}")]);
        assert!(added.status.success(), "{}", stderr(&added));
    }
    let listed: Value = serde_json::from_str(stdout(&sandbox.call(&["client", "list", "--json"]))).unwrap();
    let mut ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 105 + 4);
    assert_eq!(stdout(&sandbox.call(&["client", "list"])).lines().count(), 1 + 105 + 4);
}

#[test]
fn keys_are_listed_rotated_imported_and_revoked() {
    // Each command fetches a token of its own, and all come from one address.
    let server = Running::start_with("serve", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let done = |arguments: &[&str]| {
        let done = server.call(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
        stdout(&done).to_owned()
    };
    let states = || {
        let listed: Value = serde_json::from_str(&done(&["key", "list", "--json"])).unwrap();
        let state = |key: &Value| (key["kid"].as_str().unwrap().to_owned(), key["state"].as_str().unwrap().to_owned());
        listed["data"].as_array().unwrap().iter().map(state).collect::<Vec<_>>()
    };
    let (first, _) = states().remove(0);
    let refused = server.call(&["key", "revoke", &first]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("rotate first"), "{}", stderr(&refused));

    assert!(done(&["key", "rotate", "--immediately"]).contains("signing"));
    done(&["key", "revoke", &first]);
    assert!(states().iter().all(|(kid, _)| *kid != first));

    let rsa = server.folder.path().join("rsa.pem");
    std::fs::write(&rsa, include_str!("keys/rsa-2048-pkcs8.pem")).unwrap();
    std::fs::set_permissions(&rsa, Permissions::from_mode(0o604)).unwrap();
    let exposed = server.call(&["key", "import", "rsa.pem"]);
    assert!(stderr(&exposed).contains("chmod 600 rsa.pem"), "{}", stderr(&exposed));
    std::fs::set_permissions(&rsa, Permissions::from_mode(0o600)).unwrap();
    let imported = done(&["key", "import", "rsa.pem"]);
    assert!(imported.contains("RS256") && imported.contains("next") && !imported.contains("PRIVATE"), "{imported}");
    let listed = done(&["key", "list"]);
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 3, "{listed}");
    assert!(rows[2].contains("RS256 (imported)") && rows[2].contains("next"), "{listed}");
    // The next key waits for its time, unless --immediately.
    assert!(done(&["key", "rotate"]).contains("RS256"));
    assert!(done(&["key", "rotate", "--immediately"]).contains("signing"));
    assert!(done(&["token", "get"]).starts_with("eyJhbGciOiJSUzI1NiI"));
    let missing = server.call(&["key", "import", "nowhere.pem"]);
    assert_eq!((missing.status.code(), stderr(&missing).lines().count()), (Some(1), 1));
}

#[test]
fn a_throttled_command_waits_as_the_server_asks() {
    let [rate, burst] =
        ["CLIENT_REQUESTS_PER_SECOND", "CLIENT_BURST"].map(|name| format!("BOOMGATE_TOKEN_ENDPOINT__{name}"));
    let limits = [(rate.as_str(), "1"), (burst.as_str(), "1")];
    let sandbox = Running::start_with("sandbox", &limits);
    for _ in 0..2 {
        let got = sandbox.call(&["token", "get", "--client", "demo-reader"]);
        assert!(got.status.success(), "{}", stderr(&got));
    }
}

#[test]
fn a_refusal_is_one_line_and_exit_code_1() {
    let (sandbox, another) = (Running::start("sandbox"), Running::start("sandbox"));
    let another_ca = another.folder.path().join("data/tls/ca.pem");
    for (arguments, says) in [
        (
            vec!["client", "add", "--name", "X", "--scope", "nope", "--burst", "0"],
            "boomgate: nothing was changed: scope nope is not offered here; offered are: introspect read:admin read:zones write:admin \
             write:zones; burst must be a whole number from 1",
        ),
        (
            vec!["client", "add", "--name", "X", "--scope", "read:zones,write:zones"],
            "scope tokens have a space between them, no comma",
        ),
        (vec!["token", "get", "--client", "demo-writer", "--scope", "read:zones,write:zones"], "--scope once for each"),
        (vec!["client", "show", "nobody"], "No client of this client_id"),
        (vec!["token", "get", "--client", "nobody"], "--credentials"),
        (vec!["token", "get", "--client", "demo-reader", "--scope", "write:zones"], "invalid_scope"),
        (vec!["token", "get", "--client", "demo-reader", "--audience", "admin.api.boomgate"], "--audience"),
        (vec!["client", "list", "--server", "http://localhost:1"], "https://HOST:PORT"),
        (vec!["client", "list", "--ca", "nowhere.pem"], "--ca"),
        (vec!["client", "list", "--ca", "data/demo-clients.json"], "has no certificate"),
        (vec!["client", "list", "--ca", another_ca.to_str().unwrap()], "cannot be trusted"),
        (vec!["client", "list", "--credentials", "nowhere.json"], "there is no file nowhere.json"),
        (vec!["client", "list", "--credentials", "data/tls/ca.pem"], "chmod 600 data/tls/ca.pem"),
        (vec!["client", "list", "--credentials", "data/tls/leaf-key.pem"], "holds no credentials"),
        (vec!["client", "list", "--data-dir", "elsewhere"], "--data-dir"),
    ] {
        let refused = sandbox.call(&arguments);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("boomgate: ") && said.contains(says), "{arguments:?}: {said}");
        assert_eq!((said.lines().count(), stdout(&refused)), (1, ""), "{arguments:?}: {said}");
    }
}

#[test]
fn the_error_of_wrong_credentials_names_their_source_and_never_shows_them() {
    let sandbox = Running::start("sandbox");
    let refused = boomgate(sandbox.folder.path(), &["token", "get", "--server", &sandbox.address])
        .env("BOOMGATE_CLIENT_ID", "demo-reader")
        .env("BOOMGATE_CLIENT_SECRET", "not-the-secret")
        .output()
        .unwrap();
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET") && !said.contains("not-the-secret"),
        "{said}"
    );
}

#[test]
fn the_error_of_a_missing_server_says_how_to_start_one() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut sandbox = Running::start("sandbox");
    sandbox.process.stop();
    let refused = sandbox.call(&["client", "list", "--server", &format!("https://localhost:{port}")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("boomgate sandbox"), "{}", stderr(&refused));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["client", "add"][..],
        &["client", "show", "../secrets"],
        &["client", "edit", "demo-reader"],
        &["client", "edit", "demo-reader", "--enforce", "maybe"],
        &["client", "add", "--name", "X", "--daily-quota", "some"],
        &["token", "get", "--client-secret", "x"],
        &["fly"],
        &[],
    ] {
        let refused = boomgate(folder.path(), arguments).output().unwrap();
        assert_eq!((refused.status.code(), stdout(&refused)), (Some(2), ""), "{arguments:?}");
    }
    let help = boomgate(folder.path(), &["token", "get", "--help"]).output().unwrap();
    assert!(help.status.success() && stdout(&help).starts_with("Print an access token"), "{}", stdout(&help));
    assert!(stdout(&help).contains("\nExamples:\n"), "{}", stdout(&help));
    let help = boomgate(folder.path(), &["--help"]).output().unwrap();
    assert!(stdout(&help).starts_with("OAuth 2.0 client credentials, scopes"), "{}", stdout(&help));
}

#[test]
fn a_server_that_cannot_start_says_why_in_one_line() {
    let sandbox = Running::start("sandbox");
    let taken = sandbox.address.replace("https://localhost", "127.0.0.1");
    let other = tempfile::tempdir().unwrap();
    for (folder, arguments, says) in [
        (other.path(), vec!["sandbox", "--listen", &taken], "is in use by another program"),
        (sandbox.folder.path(), vec!["sandbox", "--listen", "127.0.0.1:0"], "--data-dir"),
        (other.path(), vec!["sandbox", "--listen", "0.0.0.0:0"], "boomgate serve"),
        (other.path(), vec!["serve", "--listen", "somewhere"], "--listen: listen must be an address and a port"),
        (other.path(), vec!["serve", "--config", "nowhere.toml"], "cannot read the settings in nowhere.toml"),
    ] {
        let refused = boomgate(folder, &arguments).output().unwrap();
        let said = stderr(&refused);
        assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{arguments:?}: {said}");
        assert!(said.lines().count() == 1 && said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn both_signals_end_a_server_cleanly_and_it_starts_again_on_its_folder() {
    for signal in ["TERM", "INT"] {
        let mut server = Running::start("serve");
        server.process.signal(signal);
        assert!(server.process.process.wait().unwrap().success(), "{signal}");
        let again = Server::start(boomgate(server.folder.path(), &["serve", "--listen", "127.0.0.1:0"]));
        let first = &again.first_line;
        assert!(first.starts_with("Boomgate serves https://localhost:"), "{first}");
        // It has another port now, and commands find it.
        assert!(!first.contains(&server.address), "{first}");
        let healthy = server.call(&["healthcheck"]);
        assert!(healthy.status.success() && first.contains(stdout(&healthy).trim_end_matches(" is ready")), "{first}");
    }
}
