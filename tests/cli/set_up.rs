//! The commands for an installation: config, ca, healthcheck, doctor, completions, man.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Running, Server, boomgate, stderr, stdout};

pub(super) fn json(output: &Output) -> Value {
    serde_json::from_str(stdout(output))
        .unwrap_or_else(|error| panic!("{error}: {} {}", stdout(output), stderr(output)))
}

#[test]
fn all_faults_of_the_settings_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = "worker = 2\nissuer = 'http://a.example'\n[token_endpoint]\nburst = 0\n[http]\nkeep_alive = 5\n";
    fs::write(folder.path().join("boomgate.toml"), file).unwrap();
    let check = ["config", "check", "--config", "boomgate.toml", "--listen", "somewhere"];
    let checked = boomgate(folder.path(), &check).env("BOOMGATE_WORKERS", "many").output().unwrap();
    assert_eq!((checked.status.code(), stdout(&checked)), (Some(1), ""));
    let said = stderr(&checked);
    for fault in [
        "boomgate: 6 settings are wrong",
        "boomgate.toml:1: worker is not a setting; did you mean workers?",
        "boomgate.toml:2: issuer must be https://HOST",
        "boomgate.toml:4: token_endpoint.burst must be a whole number from 1 to 1000000, not 0",
        "boomgate.toml:6: http.keep_alive is not a setting; did you mean http.keep_alive_s?",
        "BOOMGATE_WORKERS: workers must be a whole number from 0 to 512, not \"many\"",
        "--listen: listen must be an address and a port",
    ] {
        assert!(said.contains(fault), "{fault} is not in: {said}");
    }
    assert_eq!(said.lines().count(), 7, "{said}");
}

#[test]
fn settings_are_checked_for_the_kind_of_server() {
    let folder = tempfile::tempdir().unwrap();
    let check =
        |arguments: &[&str]| boomgate(folder.path(), &[&["config", "check"], arguments].concat()).output().unwrap();
    let free = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0"];
    let checked = check(&free);
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(stdout(&checked).starts_with("ok: serve on 127.0.0.1:0 and [::1]:0, data in data; 1 of "), "{checked:?}");
    let sandbox = check(&[&["--json", "--sandbox"], free.as_slice()].concat());
    assert_eq!(json(&sandbox)["edition"], "sandbox");
    // The addresses by default, which another server of this machine may have.
    let shown = json(&boomgate(folder.path(), &["config", "show", "--json"]).output().unwrap());
    let listen = shown.as_array().unwrap().iter().find(|setting| setting["key"] == "listen").unwrap();
    assert_eq!(listen["value"].to_string(), r#"["127.0.0.1:8443","[::1]:8443"]"#);
    // A server may listen on all addresses, a sandbox may not.
    assert!(check(&["--listen", "0.0.0.0:0"]).status.success());
    let refused = check(&["--listen", "0.0.0.0:8443", "--sandbox"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("boomgate serve"), "{}", stderr(&refused));
    let bytes = OsStr::from_bytes(b"\xff");
    let refused = boomgate(folder.path(), &["config", "check"]).env("BOOMGATE_ISSUER", bytes).output().unwrap();
    assert!(stderr(&refused).ends_with(", not bytes that are not UTF-8"), "{}", stderr(&refused));
}

#[test]
fn every_setting_is_shown_with_the_place_of_its_value() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "\nkey_rotation_days = 7\nworkers = 1\n[tls]\nnames = ['a.example']\n")
        .unwrap();
    let show = |more: &[&str]| {
        let arguments = [&["config", "show", "--config", "a.toml", "--data-dir", "elsewhere"], more].concat();
        boomgate(folder.path(), &arguments).env("BOOMGATE_WORKERS", "3").output().unwrap()
    };
    let shown = json(&show(&["--json"]));
    let settings = shown.as_array().unwrap();
    for (key, value, origin) in [
        ("key_rotation_days", "7", r#"{"file":"a.toml","kind":"file","line":2}"#),
        ("tls.names", r#"["a.example"]"#, r#"{"file":"a.toml","kind":"file","line":5}"#),
        ("workers", "3", r#"{"kind":"variable","name":"BOOMGATE_WORKERS"}"#),
        ("data_dir", "\"elsewhere\"", r#"{"kind":"flag","name":"--data-dir"}"#),
        ("token_endpoint.burst", "20", r#"{"kind":"default"}"#),
        ("default_audience", "null", r#"{"kind":"default"}"#),
        ("sample_zones", "false", r#"{"kind":"default"}"#),
    ] {
        let setting = settings.iter().find(|setting| setting["key"] == key).unwrap();
        assert_eq!(
            (setting["value"].to_string(), setting["origin"].to_string()),
            (value.to_owned(), origin.to_owned())
        );
    }
    let keys: Vec<&str> = settings.iter().map(|setting| setting["key"].as_str().unwrap()).collect();
    assert_eq!(keys, boomgate::config::Config::keys().into_iter().collect::<Vec<_>>());

    let shown = show(&[]);
    let rows: Vec<Vec<&str>> = stdout(&shown).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["SETTING", "VALUE", "FROM"]);
    for row in [["key_rotation_days", "7", "a.toml:2"], ["workers", "3", "BOOMGATE_WORKERS"]] {
        assert!(rows.iter().any(|found| *found == row), "{row:?} is not in: {}", stdout(&shown));
    }
    assert_eq!(rows.len(), keys.len() + 1);
}

#[test]
fn the_health_of_a_server_is_an_exit_code() {
    let mut server = Running::start("serve");
    let healthy = server.call(&["healthcheck"]);
    assert!(healthy.status.success(), "{}", stderr(&healthy));
    assert_eq!(stdout(&healthy), format!("{} is ready", server.address));
    // It needs no credentials, only the address and the authority.
    let ca = server.folder.path().join("data/tls/ca.pem");
    let bare = tempfile::tempdir().unwrap();
    let named = ["healthcheck", "--server", &server.address, "--ca", ca.to_str().unwrap(), "--timeout", "20"];
    assert!(boomgate(bare.path(), &named).output().unwrap().status.success());

    let another = Running::start("sandbox");
    let another_ca = another.folder.path().join("data/tls/ca.pem");
    let untrusted = server.call(&["healthcheck", "--ca", another_ca.to_str().unwrap()]);
    assert_eq!(untrusted.status.code(), Some(1));
    assert!(stderr(&untrusted).contains("cannot be trusted"), "{}", stderr(&untrusted));
    assert_eq!(server.call(&["healthcheck", "--timeout", "0"]).status.code(), Some(2));

    server.process.stop();
    let gone = server.call(&["healthcheck"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(stderr(&gone).contains("no server answers"), "{}", stderr(&gone));
}

/// The result of one check of the doctor; of several, the worst.
pub(super) fn outcome(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    let outcomes: Vec<&str> = findings.map(|finding| finding["outcome"].as_str().unwrap()).collect();
    let worst = ["fail", "warn", "ok"].into_iter().find(|outcome| outcomes.contains(outcome));
    worst.unwrap_or("nothing").to_owned()
}

#[test]
fn a_good_installation_has_no_failure() {
    for edition in ["serve", "sandbox"] {
        let server = Running::start(edition);
        let address = server.address.replace("https://localhost", "127.0.0.1");
        let looked = server.call(&["doctor", "--listen", &address, "--json"]);
        assert!(looked.status.success(), "{}", stderr(&looked));
        let report = json(&looked);
        assert_eq!(report["ok"], true);
        for check in [
            "settings",
            "clock",
            "data folder",
            "secret files",
            "store",
            "authority",
            "certificate",
            "port",
            "server",
            "clocks",
            "credentials",
        ] {
            assert_eq!(outcome(&report, check), "ok", "{edition} {check}: {report:#}");
        }
        let looked = server.call(&["doctor", "--listen", &address]);
        assert!(looked.status.success());
        let lines: Vec<&str> = stdout(&looked).lines().collect();
        assert_eq!(lines.len(), report["findings"].as_array().unwrap().len());
        // The free space depends on this machine.
        let (fine, tight): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("[ok]   "));
        assert!(tight.iter().all(|line| line.contains(" disk ") || line.contains(" inodes ")), "{lines:#?}");
        assert!(fine.iter().any(|line| line.contains(" open files ")), "{lines:#?}");
        let last = match tight.len() {
            0 => "Everything is fine.".to_owned(),
            1 => format!("1 of {} checks needs attention.", lines.len()),
            tight => format!("{tight} of {} checks need attention.", lines.len()),
        };
        assert_eq!(stderr(&looked).trim(), last);
        assert!(stdout(&looked).contains("is served by boomgate"), "{lines:#?}");
    }
}

#[test]
fn a_server_raises_its_limit_of_open_files_and_the_doctor_warns_of_a_low_hard_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |limits: &str, arguments: &str| {
        let line = format!("{limits}; exec {} {arguments}", env!("CARGO_BIN_EXE_boomgate"));
        let mut bash = Command::new("bash");
        bash.current_dir(folder.path()).args(["-euc", &line]).env_clear().env("BOOMGATE_WORKERS", "2");
        bash
    };
    let server = Server::start(limited("ulimit -Sn 64", "sandbox --listen 127.0.0.1:0"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let limits: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert!(limits[3] != "64" && limits[3] == limits[4], "{limits:?}");

    let doctor = limited("ulimit -n 512", "doctor --sandbox --listen 127.0.0.1:0").output().unwrap();
    assert!(doctor.status.success(), "{}", stderr(&doctor));
    let line = stdout(&doctor).lines().find(|line| line.contains(" open files ")).unwrap();
    assert!(line.starts_with("[warn] ") && line.contains("may open 512"), "{line}");
    assert!(line.ends_with("or set http.max_connections to 224"), "{line}");
}

#[test]
fn the_doctor_says_how_to_fix_a_broken_installation() {
    let (server, another) = (Running::start("serve"), Running::start("sandbox"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let another_ca = another.folder.path().join("data/tls/ca.pem").to_str().unwrap().to_owned();
    let another_port = another.address.replace("https://localhost", "127.0.0.1");
    fs::write(server.folder.path().join("a-file"), "").unwrap();
    fs::write(server.folder.path().join("wrong.toml"), "worker = 1").unwrap();
    fs::write(server.folder.path().join("ops.toml"), format!("listen = [\"127.0.0.1:0\"]\nops_listen = \"{taken}\""))
        .unwrap();
    let wrong = r#"{"client_id": "admin", "client_secret": "not-the-secret"}"#;
    fs::write(server.folder.path().join("wrong.json"), wrong).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(server.folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("wrong.json", 0o600);
    let stranger = "https://localhost:1";

    for (arguments, check, says) in [
        (vec!["--ca", &another_ca], "server", "cannot be trusted"),
        (vec!["--server", stranger], "server", "no server answers"),
        (vec!["--config", "wrong.toml"], "settings", "did you mean workers?"),
        (vec!["--credentials", "wrong.json", "--server", &server.address], "credentials", "does not accept"),
        (vec!["--sandbox"], "data folder", "was made by `boomgate serve`"),
        (vec!["--data-dir", "a-file"], "data folder", "is not a folder"),
        (vec!["--data-dir", "empty", "--listen", &taken], "port", "is in use by another program"),
        (vec!["--data-dir", "empty", "--listen", &another_port], "port", "is in use by another program"),
        (vec!["--data-dir", "empty", "--config", "ops.toml"], "port", "is in use by another program"),
        (vec!["--data-dir", "a-file/below"], "data folder", "a-file/below"),
    ] {
        let arguments = [vec!["doctor", "--json"], arguments].concat();
        let looked = server.call(&arguments);
        assert_eq!(looked.status.code(), Some(1), "{arguments:?}: {}", stdout(&looked));
        let report = json(&looked);
        assert_eq!(outcome(&report, check), "fail", "{arguments:?}: {report:#}");
        assert!(report.to_string().contains(says), "{says} is not in: {report:#}");
        assert!(!report.to_string().contains("not-the-secret"), "{report:#}");
    }

    for (path, loose, tight, check) in [
        ("data", 0o755, 0o700, "data folder"),
        ("data/tls", 0o755, 0o700, "secret files"),
        ("data/tls/leaf-key.pem", 0o604, 0o600, "secret files"),
        ("data/admin-credentials.json", 0o604, 0o600, "secret files"),
    ] {
        mode(path, loose);
        let looked = server.call(&["doctor"]);
        let line = stdout(&looked).lines().find(|line| line.starts_with("[fail] ") && line.contains(check)).unwrap();
        assert!(line.ends_with(&format!(": chmod {tight:o} {path}")), "{line}");
        assert_eq!(looked.status.code(), Some(1));
        assert!(stderr(&looked).contains("failed: start with the first one"), "{}", stderr(&looked));
        mode(path, tight);
    }
    assert!(server.call(&["doctor"]).status.success(), "fixed as the doctor says");
}

#[test]
fn the_doctor_checks_the_folder_that_the_settings_name() {
    let sandbox = Running::start("sandbox");
    let elsewhere = tempfile::tempdir().unwrap();
    let data_dir = sandbox.folder.path().join("data");
    let file =
        format!("data_dir = '{}'\nlisten = ['127.0.0.1:0']\nclient_defaults.token_ttl = 60\n", data_dir.display());
    fs::write(elsewhere.path().join("boomgate.toml"), &file).unwrap();
    let doctor = ["doctor", "--config", "boomgate.toml", "--json", "--sandbox"];
    let looked = boomgate(elsewhere.path(), &doctor).output().unwrap();
    assert!(looked.status.success(), "{}", stdout(&looked));
    assert!(stdout(&looked).contains("of `boomgate sandbox`"), "{}", stdout(&looked));
    // The folder says which kind of server it is for.
    fs::write(elsewhere.path().join("boomgate.toml"), file.replace("client_defaults.token_ttl = 60\n", "")).unwrap();
    let looked = json(&boomgate(elsewhere.path(), &doctor[..4]).output().unwrap());
    assert_eq!((outcome(&looked, "credentials"), outcome(&looked, "data folder")), ("ok".to_owned(), "ok".to_owned()));
}

#[test]
fn before_the_first_start_the_doctor_only_warns() {
    let folder = tempfile::tempdir().unwrap();
    let looked = boomgate(folder.path(), &["doctor", "--listen", "127.0.0.1:0", "--json"]).output().unwrap();
    assert!(looked.status.success(), "{}", stderr(&looked));
    let report = json(&looked);
    assert_eq!((outcome(&report, "data folder"), outcome(&report, "server")), ("warn".to_owned(), "warn".to_owned()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it changes nothing");
}

#[test]
fn the_authority_is_exported_and_the_commands_that_trust_it_are_printed() {
    let sandbox = Running::start("sandbox");
    let pem = fs::read_to_string(sandbox.folder.path().join("data/tls/ca.pem")).unwrap();
    assert_eq!(stdout(&sandbox.call(&["ca", "export"])), pem.trim_end());
    assert!(sandbox.call(&["ca", "export", "exported.pem"]).status.success());
    assert_eq!(fs::read_to_string(sandbox.folder.path().join("exported.pem")).unwrap(), pem);
    for arguments in [&["ca", "export", "--ca", "data/tls/ca-key.pem"][..], &["ca", "trust", "--data-dir", "elsewhere"]]
    {
        let refused = sandbox.call(arguments);
        assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{}", stderr(&refused));
    }
    for command in ["trust", "untrust"] {
        let home = sandbox.folder.path();
        let printed = boomgate(home, &["ca", command]).env("HOME", home).output().unwrap();
        let makes_one = stdout(&printed).contains(&format!("mkdir -p {}/.pki/nssdb && certutil", home.display()));
        assert_eq!(makes_one, command == "trust", "Chromium uses its own database: {}", stdout(&printed));
        assert!(printed.status.success(), "{}", stderr(&printed));
        let commands = stdout(&printed);
        assert!(commands.starts_with("sudo ") && !commands.contains('#'), "{commands}");
        assert!(
            stderr(&printed).contains("this system"),
            "the purpose of a command is not pasted with it: {printed:?}"
        );
        let parsed = Command::new("bash").args(["-n", "-c", stdout(&printed)]).status().unwrap();
        assert!(parsed.success(), "{commands}");
    }
}

#[test]
fn completions_are_valid_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let printed = boomgate(folder.path(), &["completions", shell]).output().unwrap();
        assert!(printed.status.success(), "{}", stderr(&printed));
        for word in ["healthcheck", "rotate-secret", "--data-dir"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(stdout(&printed).contains(word), "{shell}: {word}");
        }
        let script = folder.path().join(shell);
        fs::write(&script, stdout(&printed)).unwrap();
        // Not every machine has zsh and fish; these tests need bash.
        if let Ok(parsed) = Command::new(shell).arg("-n").arg(&script).status() {
            assert!(parsed.success(), "{shell}");
        }
    }
    assert!(fs::read_to_string(folder.path().join("zsh")).unwrap().starts_with("#compdef boomgate"));
    assert_eq!(boomgate(folder.path(), &["completions", "tcl"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let printed = boomgate(folder.path(), &["man"]).output().unwrap();
    assert!(printed.status.success(), "{}", stderr(&printed));
    assert!(stdout(&printed).contains(".TH boomgate 1") && stdout(&printed).contains("\\-\\-config boomgate.toml"));
    let written = boomgate(folder.path(), &["man", "man1"]).output().unwrap();
    assert!(written.status.success(), "{}", stderr(&written));
    let page = |name: &str| fs::read_to_string(folder.path().join("man1").join(name)).unwrap();
    for (name, words) in [
        ("boomgate.1", "boomgate\\-doctor(1)"),
        ("boomgate-token.1", "explain"),
        ("boomgate-token-explain.1", "\\-\\-offline"),
        ("boomgate-client-rotate-secret.1", "previous\\-expires\\-in"),
    ] {
        let page = page(name);
        assert!(page.contains(&format!(".TH {} 1", name.trim_end_matches(".1"))), "{name}");
        assert!(page.contains(".SH NAME") && page.contains(words) && page.is_ascii(), "{name}: {page}");
        assert!(page.contains(".SH EXAMPLES\n.nf\n"), "{name}: {page}");
    }
    // Every page that another page names exists.
    let names: Vec<String> = page("boomgate.1")
        .lines()
        .filter_map(|line| Some(line.strip_suffix("(1)")?.replace('\\', "") + ".1"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    assert!(names.iter().all(|name| Path::new(folder.path()).join("man1").join(name).exists()), "{names:?}");
    // A folder that cannot be created is one line.
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = boomgate(folder.path(), &["man", "file/man1"]).output().unwrap();
    assert_eq!((refused.status.code(), stderr(&refused).lines().count()), (Some(1), 1));
}
