//! Changes whose output is lost: the error says what is done and what is lost, and how to go on.

use std::fs::File;
use std::io;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Running, boomgate, stderr, stdout};

/// A pipe without a reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn call(server: &Running, arguments: &[&str], stdout: Stdio) -> Output {
    boomgate(server.folder.path(), arguments).stdout(stdout).output().unwrap()
}

/// Runs the command in backticks in a shell that has the program on its path.
fn advised(server: &Running, said: &str) -> Output {
    let command = said.split('`').nth(1).unwrap_or_else(|| panic!("no command: {said}"));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_boomgate")).parent().unwrap();
    let line = format!("PATH={}:$PATH; {command}", program.display());
    Command::new("bash").current_dir(server.folder.path()).args(["-c", &line]).output().unwrap()
}

fn clients(server: &Running) -> Vec<Value> {
    serde_json::from_str(stdout(&server.call(&["client", "list", "--json"]))).unwrap()
}

#[test]
fn the_error_of_a_lost_secret_has_the_command_that_creates_another() {
    let server = Running::start_with("serve", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    for (pipe, json, why) in [
        (closed_pipe(), true, "Broken pipe"),
        (closed_pipe(), false, "Broken pipe"),
        (full(), true, "No space left on device"),
        (full(), false, "No space left on device"),
    ] {
        let before = clients(&server).len();
        let arguments = ["client", "add", "--name", "Curbside", "--data-dir", "data", "--json"];
        let arguments = if json { &arguments[..] } else { &arguments[..6] };
        let added = call(&server, arguments, pipe);
        let said = stderr(&added);
        assert_eq!(added.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("boomgate: cannot write to standard output: {why}")), "{said}");
        assert!(said.contains("is registered anyway, but its secret is lost: create another with `"), "{said}");
        assert_eq!((said.lines().count(), clients(&server).len()), (1, before + 1));
        let rotated = advised(&server, said);
        assert!(stdout(&rotated).contains("client_secret  bg_secret_"), "{rotated:?}");

        // A rotation too. A later one does not hinder the advised command.
        let client_id = stdout(&rotated).split_whitespace().nth(1).unwrap();
        let lost = call(&server, &["client", "rotate-secret", client_id], full());
        let said = stderr(&lost);
        assert_eq!(lost.status.code(), Some(1), "{said}");
        assert!(said.contains("is rotated anyway, and the new one is lost: create another with `"), "{said}");
        assert!(stdout(&advised(&server, said)).contains("client_secret  bg_secret_"));
    }
}

#[test]
fn a_closed_standard_output_is_refused_before_a_secret_is_created() {
    let server = Running::start("serve");
    let shell = |line: &str| {
        let line = format!("exec {} {line}", env!("CARGO_BIN_EXE_boomgate"));
        Command::new("bash").current_dir(server.folder.path()).args(["-c", &line]).output().unwrap()
    };
    for line in ["client add --name Curbside >&-", "client rotate-secret admin --json >&-"] {
        let refused = shell(line);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(stderr(&refused).contains("standard output is closed"), "{refused:?}");
    }
    let clients = clients(&server);
    assert_eq!((clients.len(), clients[0]["secrets"].as_array().unwrap().len()), (1, 1), "nothing was changed");
    // The null device is the user's choice, so it is a message.
    let added = shell("client add --name Curbside > /dev/null");
    assert!(added.status.success(), "{added:?}");
    assert!(
        stderr(&added).contains("went to /dev/null: create another with `boomgate client rotate-secret"),
        "{added:?}"
    );
}

#[test]
fn the_error_of_a_change_whose_output_is_lost_says_what_was_done() {
    let server = Running::start_with("serve", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let added: Value = serde_json::from_str(stdout(&server.call(&["client", "add", "--name", "X", "--json"]))).unwrap();
    let client_id = added["client_id"].as_str().unwrap();
    for (arguments, says) in [
        (&["client", "edit", client_id, "--burst", "7"][..], "is changed anyway"),
        (&["client", "suspend", client_id], "is suspended anyway"),
        (&["client", "resume", client_id, "--json"], "is active anyway"),
        (&["client", "revoke-tokens", client_id, "--json"], "are revoked anyway"),
        (&["client", "remove", client_id, "--json"], "is deleted anyway"),
        (&["key", "rotate", "--immediately"], "is signing anyway"),
        (&["token", "get"], "The token is lost: get another"),
        (&["token", "get", "--json"], "The token is lost: get another"),
    ] {
        for stdout in [closed_pipe(), full()] {
            // A deleted client cannot be deleted again.
            if arguments[1] == "remove" && clients(&server).len() == 1 {
                continue;
            }
            let done = call(&server, arguments, stdout);
            let said = stderr(&done);
            assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains("cannot write to standard output: ") && said.contains(says), "{arguments:?}: {said}");
        }
    }
    // If nothing was changed, a reader that closes the pipe is no error.
    for arguments in
        [&["client", "list"][..], &["client", "list", "--json"], &["key", "list"], &["completions", "bash"]]
    {
        assert!(call(&server, arguments, closed_pipe()).status.success(), "{arguments:?}");
        let said = call(&server, arguments, full());
        assert_eq!((said.status.code(), stderr(&said).lines().count()), (Some(1), 1), "{said:?}");
        assert!(stderr(&said).contains("cannot write to standard output: No space left"), "{said:?}");
    }
    std::fs::write(
        server.folder.path().join("clients.json"),
        "{\"clients\": [{\"client_id\": \"a\", \"client_name\": \
        \"a\", \"scope\": \"read:zones\"}]}",
    )
    .unwrap();
    let unread = call(&server, &["client", "sync", "clients.json"], closed_pipe());
    assert_eq!(unread.status.code(), Some(1));
    assert!(stderr(&unread).contains("Broken pipe (os error 32). Nothing was changed"), "{unread:?}");
    assert!(clients(&server).iter().all(|client| client["client_id"] != "a"));
}

#[test]
fn the_json_of_a_new_secret_is_a_credentials_file() {
    let server = Running::start("serve");
    let added = server.call(&["client", "add", "--name", "Curbside", "--json"]);
    let credentials: Value = serde_json::from_str(stdout(&added)).unwrap();
    assert_eq!(credentials["issuer"], server.address.as_str());
    let client_id = credentials["client_id"].as_str().unwrap();
    let rotated = server.call(&["client", "rotate-secret", client_id, "--json"]);
    for (name, answer) in [("added.json", &added), ("rotated.json", &rotated)] {
        let path = server.folder.path().join(name);
        std::fs::write(&path, &answer.stdout).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        // Without --server: the file has the address.
        let got = server.call(&["token", "get", "--credentials", name]);
        assert!(got.status.success(), "{}", stderr(&got));
    }
    let scopes = ["client", "add", "--name", "Two", "--scope", "read:zones", "--scope", "write:zones", "--json"];
    let added: Value = serde_json::from_str(stdout(&server.call(&scopes))).unwrap();
    assert_eq!(added["scope"], "read:zones write:zones");
}

#[test]
fn a_rotation_of_the_credentials_in_use_leaves_them_working() {
    let server = Running::start_with("serve", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let file = server.folder.path().join("data/admin-credentials.json");
    let secret_in_file = || {
        let credentials: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(credentials["issuer"], server.address.as_str(), "the rest of the file stays");
        credentials["client_secret"].as_str().unwrap().to_owned()
    };
    let at_once = ["client", "rotate-secret", "admin", "--previous-expires-in", "0"];
    let first = secret_in_file();
    let rotated = server.call(&[&at_once[..], &["--json"]].concat());
    assert!(rotated.status.success(), "{}", stderr(&rotated));
    assert!(stderr(&rotated).contains("data/admin-credentials.json already has the new one"), "{rotated:?}");
    let printed: Value = serde_json::from_str(stdout(&rotated)).unwrap();
    assert_eq!(printed["client_secret"], secret_in_file().as_str());
    assert_ne!(first, secret_in_file());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // The secret is in the file, so it is not lost.
    for stdout in [full(), closed_pipe(), Stdio::null()] {
        let before = secret_in_file();
        let lost = call(&server, &at_once, stdout);
        assert!(stderr(&lost).contains("is in ") && !stderr(&lost).contains("lost"), "{lost:?}");
        assert_ne!(before, secret_in_file());
        assert_eq!(clients(&server).len(), 1);
    }

    // A link to the file stays a link, and the file of --credentials is written.
    let link = server.folder.path().join("linked.json");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let rotated = server.call(&[&at_once[..], &["--credentials", "linked.json"]].concat());
    assert!(rotated.status.success(), "{}", stderr(&rotated));
    assert!(link.is_symlink());
    assert_eq!(clients(&server).len(), 1);
}

#[test]
fn a_secret_that_the_command_cannot_store_is_not_ended_at_once() {
    let server = Running::start_with("serve", &[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let file = server.folder.path().join("data/admin-credentials.json");
    let text = std::fs::read(&file).unwrap();
    let credentials: Value = serde_json::from_slice(&text).unwrap();
    let with_variables = |arguments: &[&str]| {
        let mut command = boomgate(server.folder.path(), arguments);
        command.env("BOOMGATE_CLIENT_ID", "admin");
        command.env("BOOMGATE_CLIENT_SECRET", credentials["client_secret"].as_str().unwrap());
        command.output().unwrap()
    };
    let refused = with_variables(&["client", "rotate-secret", "admin", "--previous-expires-in", "0"]);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{refused:?}");
    let said = stderr(&refused);
    assert!(said.contains("Nothing was changed: leave out --previous-expires-in 0"), "{said}");
    assert_eq!(clients(&server)[0]["secrets"].as_array().unwrap().len(), 1);

    let rotated = with_variables(&["client", "rotate-secret", "admin"]);
    assert!(rotated.status.success(), "{}", stderr(&rotated));
    assert!(stderr(&rotated).contains("put the new secret there"), "{rotated:?}");
    assert_eq!(std::fs::read(&file).unwrap(), text, "the file is not written");
    // The rotation of another client's secret does not concern the command's credentials.
    let added: Value = serde_json::from_str(stdout(&server.call(&["client", "add", "--name", "X", "--json"]))).unwrap();
    let client_id = added["client_id"].as_str().unwrap();
    let rotated = with_variables(&["client", "rotate-secret", client_id, "--previous-expires-in", "0"]);
    assert!(rotated.status.success(), "{}", stderr(&rotated));
}
