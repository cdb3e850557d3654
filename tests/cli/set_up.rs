//! What looks after a set-up: settings, certificates, health, the doctor, the manual.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Running, boomgate, complaint, out};

fn json(output: &Output) -> Value {
    serde_json::from_str(out(output)).unwrap_or_else(|error| panic!("{error}: {} {}", out(output), complaint(output)))
}

#[test]
fn all_faults_of_the_settings_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = "worker = 2\nissuer = 'http://a.example'\n[token_endpoint]\nburst = 0\n[http]\nkeep_alive = 5\n";
    fs::write(folder.path().join("boomgate.toml"), file).unwrap();
    let check = ["config", "check", "--config", "boomgate.toml", "--listen", "somewhere"];
    let checked = boomgate(folder.path(), &check).env("BOOMGATE_WORKERS", "many").output().unwrap();
    assert_eq!((checked.status.code(), out(&checked)), (Some(1), ""));
    let said = complaint(&checked);
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
fn settings_are_checked_as_the_server_that_is_meant_would() {
    let folder = tempfile::tempdir().unwrap();
    let check =
        |arguments: &[&str]| boomgate(folder.path(), &[&["config", "check"], arguments].concat()).output().unwrap();
    let checked = check(&[]);
    assert!(checked.status.success(), "{}", complaint(&checked));
    assert!(out(&checked).starts_with("ok: serve on 127.0.0.1:8443 and [::1]:8443, data in data; 0 of "));
    assert_eq!(json(&check(&["--json", "--sandbox"]))["edition"], "sandbox");
    // For others a server may listen, a sandbox may not.
    assert!(check(&["--listen", "0.0.0.0:8443"]).status.success());
    let refused = check(&["--listen", "0.0.0.0:8443", "--sandbox"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("boomgate serve"), "{}", complaint(&refused));
    let bytes = OsStr::from_bytes(b"\xff");
    let refused = boomgate(folder.path(), &["config", "check"]).env("BOOMGATE_ISSUER", bytes).output().unwrap();
    assert!(complaint(&refused).ends_with(", not bytes that are not UTF-8"), "{}", complaint(&refused));
}

#[test]
fn every_setting_is_shown_with_where_it_was_given() {
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
    let rows: Vec<Vec<&str>> = out(&shown).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["SETTING", "VALUE", "FROM"]);
    for row in [["key_rotation_days", "7", "a.toml:2"], ["workers", "3", "BOOMGATE_WORKERS"]] {
        assert!(rows.iter().any(|found| *found == row), "{row:?} is not in: {}", out(&shown));
    }
    assert_eq!(rows.len(), keys.len() + 1);
}

#[test]
fn the_health_of_a_server_is_an_exit_code() {
    let mut server = Running::start("serve");
    let healthy = server.call(&["healthcheck"]);
    assert!(healthy.status.success(), "{}", complaint(&healthy));
    assert_eq!(out(&healthy), format!("{} is ready", server.address));
    // It needs no credentials: the address and the authority are enough.
    let ca = server.folder.path().join("data/tls/ca.pem");
    let bare = tempfile::tempdir().unwrap();
    let named = ["healthcheck", "--server", &server.address, "--ca", ca.to_str().unwrap(), "--timeout", "20"];
    assert!(boomgate(bare.path(), &named).output().unwrap().status.success());

    let another = Running::start("sandbox");
    let another_ca = another.folder.path().join("data/tls/ca.pem");
    let untrusted = server.call(&["healthcheck", "--ca", another_ca.to_str().unwrap()]);
    assert_eq!(untrusted.status.code(), Some(1));
    assert!(complaint(&untrusted).contains("cannot be trusted"), "{}", complaint(&untrusted));
    assert_eq!(server.call(&["healthcheck", "--timeout", "0"]).status.code(), Some(2));

    server.signal("TERM");
    server.process.wait().unwrap();
    let gone = server.call(&["healthcheck"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(complaint(&gone).contains("no server answers"), "{}", complaint(&gone));
}

/// What the doctor says of one check: the worst, where there are several.
fn outcome(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    let outcomes: Vec<&str> = findings.map(|finding| finding["outcome"].as_str().unwrap()).collect();
    let worst = ["fail", "warn", "ok"].into_iter().find(|outcome| outcomes.contains(outcome));
    worst.unwrap_or("nothing").to_owned()
}

#[test]
fn a_good_set_up_has_nothing_broken() {
    for edition in ["serve", "sandbox"] {
        let server = Running::start(edition);
        let address = server.address.replace("https://localhost", "127.0.0.1");
        let looked = server.call(&["doctor", "--listen", &address, "--json"]);
        assert!(looked.status.success(), "{}", complaint(&looked));
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
        let told = server.call(&["doctor", "--listen", &address]);
        assert!(told.status.success());
        let lines: Vec<&str> = out(&told).lines().collect();
        assert_eq!(lines.len(), report["findings"].as_array().unwrap().len());
        // How much room there is, is this machine's.
        let (fine, tight): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("[ok]   "));
        assert!(tight.iter().all(|line| line.contains(" disk ") || line.contains(" inodes ")), "{lines:#?}");
        assert!(fine.iter().any(|line| line.contains(" open files ")), "{lines:#?}");
        let last = match tight.len() {
            0 => "Everything is fine.".to_owned(),
            1 => format!("1 of {} checks needs attention.", lines.len()),
            tight => format!("{tight} of {} checks need attention.", lines.len()),
        };
        assert_eq!(complaint(&told).trim(), last);
        assert!(out(&told).contains("is served by boomgate"), "{lines:#?}");
    }
}

#[test]
fn a_server_raises_its_limit_of_open_files_and_the_doctor_says_when_that_cannot_be_enough() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |limits: &str, arguments: &str| {
        let line = format!("{limits}; exec {} {arguments}", env!("CARGO_BIN_EXE_boomgate"));
        let mut bash = Command::new("bash");
        bash.current_dir(folder.path()).args(["-euc", &line]).env_clear().env("BOOMGATE_WORKERS", "2");
        bash
    };
    let mut server = limited("ulimit -Sn 64", "sandbox --listen 127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let limits: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert!(limits[3] != "64" && limits[3] == limits[4], "{limits:?}");

    let doctor = limited("ulimit -n 512", "doctor --sandbox --listen 127.0.0.1:0").output().unwrap();
    assert!(doctor.status.success(), "{}", complaint(&doctor));
    let line = out(&doctor).lines().find(|line| line.contains(" open files ")).unwrap();
    assert!(line.starts_with("[warn] ") && line.contains("may open 512"), "{line}");
    assert!(line.ends_with("or set http.max_connections to 224"), "{line}");
}

#[test]
fn a_broken_set_up_is_told_with_the_way_to_mend_it() {
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
        (vec!["--data-dir", "a-file"], "data folder", "is no folder"),
        (vec!["--data-dir", "empty", "--listen", &taken], "port", "is in use by another program"),
        (vec!["--data-dir", "empty", "--listen", &another_port], "port", "is in use by another program"),
        (vec!["--data-dir", "empty", "--config", "ops.toml"], "port", "is in use by another program"),
        (vec!["--data-dir", "a-file/below"], "data folder", "a-file/below"),
    ] {
        let arguments = [vec!["doctor", "--json"], arguments].concat();
        let looked = server.call(&arguments);
        assert_eq!(looked.status.code(), Some(1), "{arguments:?}: {}", out(&looked));
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
        let line = out(&looked).lines().find(|line| line.starts_with("[fail] ") && line.contains(check)).unwrap();
        assert!(line.ends_with(&format!(": chmod {tight:o} {path}")), "{line}");
        assert_eq!(looked.status.code(), Some(1));
        assert!(complaint(&looked).contains("failed: mend them from the top"), "{}", complaint(&looked));
        mode(path, tight);
    }
    assert!(server.call(&["doctor"]).status.success(), "mended as it was told");
}

#[test]
fn the_doctor_looks_into_the_folder_that_the_file_names() {
    let sandbox = Running::start("sandbox");
    let elsewhere = tempfile::tempdir().unwrap();
    let data_dir = sandbox.folder.path().join("data");
    let file =
        format!("data_dir = '{}'\nlisten = ['127.0.0.1:0']\nclient_defaults.token_ttl = 60\n", data_dir.display());
    fs::write(elsewhere.path().join("boomgate.toml"), &file).unwrap();
    let doctor = ["doctor", "--config", "boomgate.toml", "--json", "--sandbox"];
    let looked = boomgate(elsewhere.path(), &doctor).output().unwrap();
    assert!(looked.status.success(), "{}", out(&looked));
    assert!(out(&looked).contains("of `boomgate sandbox`"), "{}", out(&looked));
    // Whose folder it is, is found out where it is not told.
    fs::write(elsewhere.path().join("boomgate.toml"), file.replace("client_defaults.token_ttl = 60\n", "")).unwrap();
    let looked = json(&boomgate(elsewhere.path(), &doctor[..4]).output().unwrap());
    assert_eq!((outcome(&looked, "credentials"), outcome(&looked, "data folder")), ("ok".to_owned(), "ok".to_owned()));
}

#[test]
fn before_the_first_start_the_doctor_warns_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let looked = boomgate(folder.path(), &["doctor", "--listen", "127.0.0.1:0", "--json"]).output().unwrap();
    assert!(looked.status.success(), "{}", complaint(&looked));
    let report = json(&looked);
    assert_eq!((outcome(&report, "data folder"), outcome(&report, "server")), ("warn".to_owned(), "warn".to_owned()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it looks and changes nothing");
}

#[test]
fn the_authority_is_exported_and_the_commands_that_trust_it_are_told() {
    let sandbox = Running::start("sandbox");
    let kept = fs::read_to_string(sandbox.folder.path().join("data/tls/ca.pem")).unwrap();
    assert_eq!(out(&sandbox.call(&["ca", "export"])), kept.trim_end());
    assert!(sandbox.call(&["ca", "export", "exported.pem"]).status.success());
    assert_eq!(fs::read_to_string(sandbox.folder.path().join("exported.pem")).unwrap(), kept);
    for arguments in [&["ca", "export", "--ca", "data/tls/ca-key.pem"][..], &["ca", "trust", "--data-dir", "elsewhere"]]
    {
        let refused = sandbox.call(arguments);
        assert_eq!((refused.status.code(), out(&refused)), (Some(1), ""), "{}", complaint(&refused));
    }
    for command in ["trust", "untrust"] {
        let home = sandbox.folder.path();
        let told = boomgate(home, &["ca", command]).env("HOME", home).output().unwrap();
        let makes_one = out(&told).contains(&format!("mkdir -p {}/.pki/nssdb && certutil", home.display()));
        assert_eq!(makes_one, command == "trust", "Chromium asks a database of its own: {}", out(&told));
        assert!(told.status.success(), "{}", complaint(&told));
        let commands: String = out(&told).lines().filter(|line| !line.starts_with('#')).collect();
        assert!(commands.starts_with("sudo "), "{commands}");
        let parsed = Command::new("bash").args(["-n", "-c", out(&told)]).status().unwrap();
        assert!(parsed.success(), "{commands}");
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let printed = boomgate(folder.path(), &["completions", shell]).output().unwrap();
        assert!(printed.status.success(), "{}", complaint(&printed));
        for word in ["healthcheck", "rotate-secret", "--data-dir"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(out(&printed).contains(word), "{shell}: {word}");
        }
        let script = folder.path().join(shell);
        fs::write(&script, out(&printed)).unwrap();
        // zsh and fish are not on every machine; bash is what these tests need anyway.
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
    assert!(printed.status.success(), "{}", complaint(&printed));
    assert!(out(&printed).contains(".TH boomgate 1") && out(&printed).contains("\\-\\-config boomgate.toml"));
    let written = boomgate(folder.path(), &["man", "man1"]).output().unwrap();
    assert!(written.status.success(), "{}", complaint(&written));
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
    // Every page that another names is there.
    let names: Vec<String> = page("boomgate.1")
        .lines()
        .filter_map(|line| Some(line.strip_suffix("(1)")?.replace('\\', "") + ".1"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    assert!(names.iter().all(|name| Path::new(folder.path()).join("man1").join(name).exists()), "{names:?}");
    // A folder that cannot be made is a line.
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = boomgate(folder.path(), &["man", "file/man1"]).output().unwrap();
    assert_eq!((refused.status.code(), complaint(&refused).lines().count()), (Some(1), 1));
}

/// What `config check` and a start say of this file, which must be the same; and that the one changes nothing.
fn refused(settings: &str, prepare: impl Fn(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("boomgate.toml"), settings).unwrap();
    prepare(folder.path());
    let all = |folder: &Path| {
        let listed =
            Command::new("find").args([".", "-printf", "%p %m %s %T@\n"]).current_dir(folder).output().unwrap();
        String::from_utf8(listed.stdout).unwrap()
    };
    let before = all(folder.path());
    let call = |command: &[&str]| {
        let called = boomgate(folder.path(), &[command, &["--config", "boomgate.toml"]].concat()).output().unwrap();
        assert_eq!((called.status.code(), out(&called)), (Some(1), ""), "{command:?} {}", complaint(&called));
        complaint(&called).lines().filter(|line| !line.starts_with("warning: ")).collect::<Vec<_>>().join("\n")
    };
    let checked = call(&["config", "check"]);
    assert_eq!(all(folder.path()), before, "a check changes nothing");
    let started = call(&["serve"]);
    let started: Vec<&str> = started.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(checked, started.join("\n"));
    checked.trim_start_matches("boomgate: ").to_owned()
}

/// Settings, what is in the folder beside them, and a part of the refusal.
type Row<'r> = (String, &'r dyn Fn(&Path), &'r str);

#[test]
fn what_a_start_would_refuse_the_check_of_the_settings_says_in_the_same_words() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let own = rcgen::CertificateParams::new(vec!["gate.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let listen = "listen = ['127.0.0.1:0']\n";
    let files = format!("{listen}[tls]\ncertificate = 'chain.pem'\nprivate_key = 'key.pem'\n");
    let pair = |folder: &Path, key: &rcgen::KeyPair, mode: u32| {
        fs::write(folder.join("chain.pem"), own.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
    };
    let private = |folder: &Path| {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    };
    let nothing = |_: &Path| ();
    let rows: [Row<'_>; 13] = [
        (
            format!("{listen}[tls]\nnames = ['a..b']\n"),
            &nothing,
            "tls.names must be a host name or an IP address, not \"a..b\"",
        ),
        (files.clone(), &nothing, "chain.pem: No such file or directory"),
        (
            files.clone(),
            &|folder| pair(folder, &other, 0o600),
            "key.pem is not the key of the first certificate in chain.pem",
        ),
        (
            files.clone(),
            &|folder| pair(folder, &key, 0o644),
            "key.pem is open to other users (mode 0644): chmod 600 key.pem",
        ),
        (format!("{listen}clients_file = 'none.toml'"), &nothing, "cannot read the clients in none.toml"),
        (
            format!("{listen}clients_file = 'clients.toml'"),
            &|folder| fs::write(folder.join("clients.toml"), "[[clients]]\nclient_id = 'a'\nscope = 'x'\n").unwrap(),
            "2 faults, so nothing was changed",
        ),
        (
            format!("{listen}data_dir = 'a-file'"),
            &|folder| fs::write(folder.join("a-file"), "").unwrap(),
            "cannot use a-file",
        ),
        (
            format!("{listen}data_dir = 'a-file/below'"),
            &|folder| fs::write(folder.join("a-file"), "").unwrap(),
            "cannot use a-file/below",
        ),
        (
            format!("{listen}data_dir = 'link'"),
            &|folder| std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap(),
            "cannot use link: it is a link to a folder that is not there",
        ),
        (
            listen.to_owned(),
            &|folder| {
                private(&folder.join("data"));
                fs::set_permissions(folder.join("data"), fs::Permissions::from_mode(0o755)).unwrap();
            },
            "data is open to other users (mode 0755): chmod 700 data",
        ),
        (
            listen.to_owned(),
            &|folder| {
                private(&folder.join("data"));
                fs::create_dir(folder.join("data/db")).unwrap();
                fs::set_permissions(folder.join("data/db"), fs::Permissions::from_mode(0o755)).unwrap();
            },
            "data/db is open to other users (mode 0755): chmod 700 data/db",
        ),
        (
            listen.to_owned(),
            &|folder| {
                private(&folder.join("data"));
                private(&folder.join("data/tls"));
                fs::write(folder.join("data/tls/ca.pem"), own.pem()).unwrap();
            },
            "data/tls/ca-key.pem: No such file or directory",
        ),
        ("listen = ['192.0.2.1:8443']".to_owned(), &nothing, "cannot listen on 192.0.2.1:8443"),
    ];
    for (settings, prepare, says) in rows {
        let said = refused(&settings, prepare);
        assert!(said.contains(says), "{settings}: {said}");
    }
}

#[test]
fn a_folder_of_the_other_kind_of_server_is_refused_by_the_check_too() {
    for (edition, other) in [("serve", "sandbox"), ("sandbox", "serve")] {
        let server = Running::start(edition);
        let check = |more: &[&str]| server.call(&[&["config", "check"], more].concat());
        let (own, of_other) =
            if edition == "serve" { (vec![], vec!["--sandbox"]) } else { (vec!["--sandbox"], vec![]) };
        let checked = check(&own);
        assert!(checked.status.success(), "while the server runs: {}", complaint(&checked));
        let refusal = complaint(&check(&of_other)).to_owned();
        assert_eq!(
            refusal,
            format!("boomgate: data was made by `boomgate {edition}`: choose another folder with --data-dir")
        );
        assert_eq!(complaint(&server.call(&[other, "--listen", "127.0.0.1:0"])).lines().last().unwrap(), refusal);
    }
}

#[test]
fn the_names_that_compose_gives_containers_can_be_used() {
    let server = Running::start_with("serve", &[("BOOMGATE_TLS__NAMES", "my_service, gate.my_stack_default")]);
    let port = server.address.rsplit(':').next().unwrap();
    let ca = server.folder.path().join("data/tls/ca.pem");
    for name in ["my_service", "gate.my_stack_default"] {
        let asked = Command::new("curl")
            .args(["-sS", "--max-time", "20", "--cacert", ca.to_str().unwrap()])
            .args(["--resolve", &format!("{name}:{port}:127.0.0.1"), &format!("https://{name}:{port}/livez")])
            .output()
            .unwrap();
        assert!(asked.status.success(), "{}", complaint(&asked));
    }
}

#[test]
fn a_server_that_others_reach_under_a_name_of_this_machine_alone_is_a_warning_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ["--listen", "0.0.0.0:0"];
    let says = "listen answers other machines at 0.0.0.0:0, and issuer is the default";
    let checked = boomgate(folder.path(), &[&["config", "check"], &listen[..]].concat()).output().unwrap();
    assert!(checked.status.success() && complaint(&checked).starts_with("warning: "), "{}", complaint(&checked));
    assert!(complaint(&checked).contains(says), "{}", complaint(&checked));
    let checked = boomgate(folder.path(), &[&["config", "check", "--json"], &listen[..]].concat()).output().unwrap();
    assert!(json(&checked)["warnings"][0].as_str().unwrap().contains(says));
    let looked = boomgate(folder.path(), &[&["doctor", "--json"], &listen[..]].concat()).output().unwrap();
    assert_eq!(outcome(&json(&looked), "settings"), "warn");
    assert!(out(&looked).contains(says));
    // A server that starts says it in its log.
    fs::write(folder.path().join("data"), "no folder").unwrap();
    let mut server = Running::start_with("serve", &[("BOOMGATE_OPS_LISTEN", "0.0.0.0:0")]);
    server.signal("TERM");
    let mut log = String::new();
    server.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("ops_listen answers /metrics without a token"), "{log}");
}

#[test]
fn a_path_that_only_a_shell_understands_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0", "--data-dir=~/boom"][..],
        &["sandbox", "--listen", "127.0.0.1:0", "--data-dir=$HOME/boom"],
        &["ca", "export", "--data-dir=~/boom"],
        &["man", "~/man"],
        &["client", "list", "--credentials=~/admin.json"],
        &["config", "check", "--config=~/boomgate.toml"],
    ] {
        let refused = boomgate(folder.path(), arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(complaint(&refused).contains("write the path in full"), "{}", complaint(&refused));
    }
    for (name, value) in [("BOOMGATE_DATA_DIR", "~/boom"), ("BOOMGATE_CONFIG", "file:///etc/boomgate.toml")] {
        for command in
            [&["serve", "--listen", "127.0.0.1:0"][..], &["client", "list"], &["doctor"], &["config", "check"]]
        {
            let refused = boomgate(folder.path(), command).env(name, value).output().unwrap();
            assert_eq!(refused.status.code(), Some(1), "{command:?}");
            assert!(complaint(&refused).contains("write the path in full"), "{}", complaint(&refused));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
}
