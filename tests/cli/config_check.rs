//! `config check` reports the faults that would stop a start, in the same words, and warns of probable mistakes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::set_up::{json, outcome};
use super::{Running, boomgate, end_in_log, stderr, stdout};

/// The error of `config check` and of a start with this file, which must be the same. The check must change nothing.
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
        assert_eq!((called.status.code(), stdout(&called)), (Some(1), ""), "{command:?} {}", stderr(&called));
        stderr(&called).to_owned()
    };
    let checked = call(&["config", "check"]);
    let checked = checked.lines().filter(|line| !line.starts_with("warning: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(all(folder.path()), before, "a check changes nothing");
    assert_eq!(checked, end_in_log(&call(&["serve"])));
    checked.trim_start_matches("boomgate: ").to_owned()
}

/// Settings, what to create in the folder beside them, and a part of the error.
type Row<'r> = (String, &'r dyn Fn(&Path), &'r str);

#[test]
fn the_check_reports_the_faults_of_a_start_in_the_same_words() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let own = rcgen::CertificateParams::new(vec!["gate.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let listen = "listen = ['127.0.0.1:0']\n";
    let other_program = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other_program.local_addr().unwrap();
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
    let rows: [Row<'_>; 15] = [
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
            "cannot use link: it is a link to a folder that does not exist",
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
        (
            format!("listen = ['{taken}']"),
            &nothing,
            "is in use by another program: stop that one, or choose another address with --listen",
        ),
        (
            format!("{listen}ops_listen = '{taken}'"),
            &nothing,
            "is in use by another program: stop that one, or choose another address with ops_listen",
        ),
        ("listen = ['192.0.2.1:8443']".to_owned(), &nothing, "cannot listen on 192.0.2.1:8443"),
    ];
    for (settings, prepare, says) in rows {
        let said = refused(&settings, prepare);
        assert!(said.contains(says), "{settings}: {said}");
    }
}

#[test]
fn the_check_refuses_a_folder_of_the_other_kind_of_server() {
    for (edition, other) in [("serve", "sandbox"), ("sandbox", "serve")] {
        let server = Running::start(edition);
        let listen = server.address.replace("https://localhost", "127.0.0.1");
        let check = |more: &[&str]| server.call(&[&["config", "check", "--listen", &listen], more].concat());
        let (own, of_other) =
            if edition == "serve" { (vec![], vec!["--sandbox"]) } else { (vec!["--sandbox"], vec![]) };
        let checked = check(&own);
        assert!(checked.status.success(), "while the server runs: {}", stderr(&checked));
        let refusal = stderr(&check(&of_other)).to_owned();
        assert_eq!(
            refusal,
            format!("boomgate: data was made by `boomgate {edition}`: choose another folder with --data-dir")
        );
        assert_eq!(end_in_log(stderr(&server.call(&[other, "--listen", "127.0.0.1:0"]))), refusal);
    }
}

#[test]
fn a_port_in_use_is_a_fault_unless_the_folder_s_own_server_uses_it() {
    let (server, another) = (Running::start("serve"), Running::start("serve"));
    let listen = |server: &Running| server.address.replace("https://localhost", "127.0.0.1");
    let checked = server.call(&["config", "check", "--listen", &listen(&server)]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    let checked = server.call(&["config", "check", "--listen", &listen(&another)]);
    assert!(stderr(&checked).contains("is in use by another program"), "{}", stderr(&checked));
}

#[test]
fn the_names_of_compose_services_can_be_used() {
    let server = Running::start_with("serve", &[("BOOMGATE_TLS__NAMES", "my_service, gate.my_stack_default")]);
    let port = server.address.rsplit(':').next().unwrap();
    let ca = server.folder.path().join("data/tls/ca.pem");
    for name in ["my_service", "gate.my_stack_default"] {
        let asked = Command::new("curl")
            .args(["-sS", "--max-time", "20", "--cacert", ca.to_str().unwrap()])
            .args(["--resolve", &format!("{name}:{port}:127.0.0.1"), &format!("https://{name}:{port}/livez")])
            .output()
            .unwrap();
        assert!(asked.status.success(), "{}", stderr(&asked));
    }
}

#[test]
fn a_default_issuer_that_other_machines_cannot_call_is_a_warning_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ["--listen", "0.0.0.0:0"];
    let says = "listen answers other machines at 0.0.0.0:0, and issuer is the default";
    let checked = boomgate(folder.path(), &[&["config", "check"], &listen[..]].concat()).output().unwrap();
    assert!(checked.status.success() && stderr(&checked).starts_with("warning: "), "{}", stderr(&checked));
    assert!(stderr(&checked).contains(says), "{}", stderr(&checked));
    let checked = boomgate(folder.path(), &[&["config", "check", "--json"], &listen[..]].concat()).output().unwrap();
    assert!(json(&checked)["warnings"][0].as_str().unwrap().contains(says));
    let looked = boomgate(folder.path(), &[&["doctor", "--json"], &listen[..]].concat()).output().unwrap();
    assert_eq!(outcome(&json(&looked), "settings"), "warn");
    assert!(stdout(&looked).contains(says));
    // A starting server logs it.
    fs::write(folder.path().join("data"), "no folder").unwrap();
    let mut server = Running::start_with("serve", &[("BOOMGATE_OPS_LISTEN", "0.0.0.0:0")]);
    let log = server.process.stop();
    assert!(log.contains("ops_listen answers /metrics without a token"), "{log}");
}

#[test]
fn a_path_that_only_a_shell_expands_is_refused_and_creates_no_folder() {
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
        assert!(stderr(&refused).contains("write the path in full"), "{}", stderr(&refused));
    }
    for (name, value) in [("BOOMGATE_DATA_DIR", "~/boom"), ("BOOMGATE_CONFIG", "file:///etc/boomgate.toml")] {
        for command in
            [&["serve", "--listen", "127.0.0.1:0"][..], &["client", "list"], &["doctor"], &["config", "check"]]
        {
            let refused = boomgate(folder.path(), command).env(name, value).output().unwrap();
            assert_eq!(refused.status.code(), Some(1), "{command:?}");
            assert!(stderr(&refused).contains("write the path in full"), "{}", stderr(&refused));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
}
