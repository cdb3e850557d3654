//! A server with the operator's own certificate, and the commands that call it: where they connect, which name they
//! expect, which certificates they trust, and what they say when they trust none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{Running, boomgate, stderr, stdout};

/// The name that clients call. No resolver has it (RFC 6761).
const NAME: &str = "gate.example.test";
const ISSUER: &str = "https://gate.example.test";

/// A certificate with its key, in a folder of its own.
struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// A leaf for `name`, its intermediate and its root. The file has the leaf and the intermediate.
    fn private(name: &str) -> Self {
        Self::issued(name, |_| {}, true)
    }

    fn issued(name: &str, change: impl FnOnce(&mut CertificateParams), with_intermediate: bool) -> Self {
        let authority = |common_name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, common_name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            (params, key())
        };
        let (root, root_key) = authority("Example Root");
        let (middle, middle_key) = authority("Example Intermediate");
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let root = Issuer::new(root, root_key);
        let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
        let middle = Issuer::new(middle, middle_key);
        let (mut params, leaf_key) = (leaf(name), key());
        change(&mut params);
        let leaf_pem = params.signed_by(&leaf_key, &middle).unwrap().pem();
        let chain = if with_intermediate { format!("{leaf_pem}{middle_pem}") } else { leaf_pem };
        let made = Self::write(&chain, &leaf_key);
        fs::write(made.root(), root_pem).unwrap();
        made
    }

    /// A self-signed leaf; if it `may_sign`, as `openssl req -x509` makes it.
    fn self_signed(may_sign: bool) -> Self {
        let (mut params, key) = (leaf(NAME), key());
        if may_sign {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Self::write(&params.self_signed(&key).unwrap().pem(), &key)
    }

    fn write(chain: &str, key: &KeyPair) -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(made.chain(), chain).unwrap();
        fs::write(made.key(), key.serialize_pem()).unwrap();
        fs::set_permissions(made.key(), fs::Permissions::from_mode(0o600)).unwrap();
        made
    }

    fn chain(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A server with this certificate. Only the server has the settings, as variables.
    fn serve(&self) -> Running {
        let (chain, key) = (text(&self.chain()), text(&self.key()));
        let settings =
            [("BOOMGATE_TLS__CERTIFICATE", &*chain), ("BOOMGATE_TLS__PRIVATE_KEY", &key), ("BOOMGATE_ISSUER", ISSUER)];
        Running::start_with("serve", &[&settings[..], &UNLIMITED].concat())
    }
}

/// Each command fetches a token of its own, and all come from one address.
const UNLIMITED: [(&str, &str); 1] = [("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")];

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

fn leaf(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The address in the server's record.
fn address(server: &Running) -> String {
    let record: Value =
        serde_json::from_slice(&fs::read(server.folder.path().join("data/server.json")).unwrap()).unwrap();
    record.pointer("/listen/0").unwrap().as_str().unwrap().to_owned()
}

/// A settings file for that server, away from its folder.
fn settings_file(server: &Running, certificate: &Certificate, listen: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boomgate.toml");
    let settings = format!(
        "listen = ['{listen}']\nissuer = '{ISSUER}'\ndata_dir = '{}'\n[tls]\ncertificate = '{}'\nprivate_key = '{}'\n",
        server.folder.path().join("data").display(),
        certificate.chain().display(),
        certificate.key().display()
    );
    fs::write(&file, settings).unwrap();
    (folder, text(&file))
}

/// Runs a command as on another machine, without settings and data folder.
fn elsewhere(arguments: &[&str], roots: &Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    boomgate(folder.path(), arguments).env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR").output().unwrap()
}

fn succeeds(done: &Output) -> String {
    assert!(done.status.success(), "{} {}", stdout(done), stderr(done));
    stdout(done).to_owned()
}

fn fails(done: &Output) -> String {
    assert_eq!((done.status.code(), stdout(done)), (Some(1), ""), "{}", stderr(done));
    assert_eq!(stderr(done).lines().count(), 1, "{}", stderr(done));
    stderr(done).to_owned()
}

#[test]
fn every_command_reaches_a_server_whose_public_name_does_not_resolve() {
    let certificate = Certificate::private(NAME);
    let mut server = certificate.serve();
    assert_eq!(succeeds(&server.call(&["healthcheck"])), format!("{ISSUER} is ready"));
    for command in [
        &["client", "list"][..],
        &["client", "show", "admin"],
        &["key", "list"],
        &["audit"],
        &["audit", "verify"],
        &["token", "get"],
    ] {
        succeeds(&server.call(command));
    }
    // The line that the start prints.
    let mut line = String::new();
    while !line.contains("client add") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut server.process.output, &mut line).unwrap(), 0);
    }
    let added = Command::new("bash").current_dir(server.folder.path()).args(["-eu", "-c", &line]).output().unwrap();
    let added = (succeeds(&added), stderr(&added).to_owned());
    let member =
        |name: &str| added.0.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    // The line that this command prints.
    let (_, line) = added.1.split_once("then: boomgate ").unwrap();
    let got = boomgate(server.folder.path(), &line.split_whitespace().collect::<Vec<_>>())
        .env("BOOMGATE_CLIENT_ID", member("client_id").unwrap())
        .env("BOOMGATE_CLIENT_SECRET", member("client_secret").unwrap())
        .output()
        .unwrap();
    assert_eq!(succeeds(&got).split('.').count(), 3);

    let token = succeeds(&server.call(&["token", "get"]));
    let file = server.folder.path().join("token.txt");
    fs::write(&file, token).unwrap();
    succeeds(&server.call(&["token", "explain", "token.txt"]));
    succeeds(&server.call(&["token", "revoke", "token.txt"]));
}

#[test]
fn the_settings_say_where_the_server_is_and_what_it_shows() {
    let certificate = Certificate::private(NAME);
    let server = certificate.serve();
    let address = address(&server);
    // The settings listen on all addresses, and the folder has no record.
    let port = address.rsplit_once(':').unwrap().1;
    let (folder, file) = settings_file(&server, &certificate, &format!("0.0.0.0:{port}"));
    fs::remove_file(server.folder.path().join("data/server.json")).unwrap();

    for command in ["healthcheck", "client list", "key list", "audit", "token get"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        succeeds(&boomgate(folder.path(), &arguments).env("BOOMGATE_CONFIG", &file).output().unwrap());
        succeeds(&boomgate(folder.path(), &[&arguments[..], &["--config", &file]].concat()).output().unwrap());
    }
    let export = boomgate(folder.path(), &["ca", "export", "--config", &file]).output().unwrap();
    assert!(fails(&export).contains("which no local authority has signed"), "{}", stderr(&export));
    // An offline command finds the folder too, which the server has in use.
    let offline = boomgate(folder.path(), &["audit", "verify", "--offline", "--config", &file]).output().unwrap();
    assert!(!fails(&offline).contains("there is no store"), "{}", stderr(&offline));
}

#[test]
fn connect_wins_over_a_variable_and_a_variable_over_the_file() {
    let certificate = Certificate::private(NAME);
    let server = certificate.serve();
    let address = address(&server);
    let (folder, file) = settings_file(&server, &certificate, "127.0.0.1:1");
    fs::remove_file(server.folder.path().join("data/server.json")).unwrap();
    let check = |more: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["healthcheck", "--config", &file], more].concat();
        boomgate(folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap()
    };
    let refused = fails(&check(&[], &[]));
    assert!(refused.contains(&format!("no server answers at {ISSUER} at 127.0.0.1:1")), "{refused}");
    succeeds(&check(&[], &[("BOOMGATE_LISTEN", &address)]));
    succeeds(&check(&["--connect", &address], &[("BOOMGATE_LISTEN", "127.0.0.1:2")]));
    let refused = fails(&check(&["--connect", "localhost:3"], &[("BOOMGATE_LISTEN", &address)]));
    assert!(refused.contains(&format!("{ISSUER} at localhost:3")), "{refused}");
    // A server of --server is called at its name, which does not resolve here.
    let refused = fails(&check(&["--server", ISSUER], &[("BOOMGATE_LISTEN", &address)]));
    assert!(refused.contains("does not resolve here") && refused.contains("--connect"), "{refused}");
    succeeds(&check(&["--server", ISSUER, "--connect", &address], &[]));
}

#[test]
fn an_unreadable_settings_file_stops_a_command_only_if_config_names_it() {
    let certificate = Certificate::private(NAME);
    let server = certificate.serve();
    let call = |arguments: &[&str]| {
        boomgate(server.folder.path(), arguments).env("BOOMGATE_CONFIG", "/nowhere/boomgate.toml").output().unwrap()
    };
    succeeds(&call(&["client", "list"]));
    succeeds(&call(&["healthcheck"]));
    let refused = fails(&call(&["healthcheck", "--connect", "127.0.0.1:1"]));
    assert!(refused.contains("the settings in /nowhere/boomgate.toml could not be read: "), "{refused}");
    let refused = fails(&server.call(&["client", "list", "--config", "/nowhere/boomgate.toml"]));
    assert!(refused.contains("cannot read the settings in /nowhere/boomgate.toml"), "{refused}");
    // Faults that do not concern this command.
    fs::write(server.folder.path().join("wrong.toml"), "worker = 1").unwrap();
    succeeds(&boomgate(server.folder.path(), &["healthcheck"]).env("BOOMGATE_CONFIG", "wrong.toml").output().unwrap());
    let refused = fails(&server.call(&["healthcheck", "--config", "wrong.toml"]));
    assert!(refused.contains("did you mean workers?"), "{refused}");
}

#[test]
fn a_server_of_another_machine_is_trusted_through_the_system_s_roots_or_ca() {
    let certificate = Certificate::private(NAME);
    let server = certificate.serve();
    let address = address(&server);
    let stranger = Certificate::private(NAME);
    let check = |roots: &Path, more: &[&str]| {
        elsewhere(&[&["healthcheck", "--server", ISSUER, "--connect", &address], more].concat(), roots)
    };
    succeeds(&check(&certificate.root(), &[]));
    succeeds(&check(&stranger.root(), &["--ca", &text(&certificate.root())]));
    let refused = fails(&check(&stranger.root(), &[]));
    for said in [
        &*format!("{ISSUER} at {address} cannot be trusted"),
        "issued by CN=Example Intermediate",
        "data/tls/ca.pem (No such file",
        "the system's roots",
        "--ca",
    ] {
        assert!(refused.contains(said), "{said} is not in: {refused}");
    }
    // Only the file of --ca is trusted, as with curl.
    let refused = fails(&check(&certificate.root(), &["--ca", &text(&stranger.root())]));
    assert!(refused.contains(&text(&stranger.root())) && !refused.contains("the system's roots"), "{refused}");
    let refused = fails(&check(Path::new("/nowhere.pem"), &[]));
    assert!(refused.contains("the system's roots (there are none"), "{refused}");
    let refused = elsewhere(&["healthcheck", "--connect", "nowhere"], &certificate.root());
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}

#[test]
fn a_self_signed_certificate_is_trusted_itself_and_reported_as_self_signed() {
    for may_sign in [false, true] {
        let certificate = Certificate::self_signed(may_sign);
        let server = certificate.serve();
        succeeds(&server.call(&["healthcheck"]));
        succeeds(&server.call(&["client", "list"]));
        let doctor = server.call(&["doctor"]);
        assert!(stdout(&doctor).contains("expected self-signed certificate"), "{}", stdout(&doctor));

        let address = address(&server);
        let (folder, file) = settings_file(&server, &certificate, &address);
        let doctor = boomgate(folder.path(), &["doctor", "--config", &file]).output().unwrap();
        let said = succeeds(&doctor);
        assert!(said.contains("self-signed, so clients must trust the certificate itself"), "{said}");
        assert_eq!(said.contains("[warn] certificate"), may_sign, "{said}");

        let bundle = Certificate::private(NAME);
        let named = ["healthcheck", "--server", ISSUER, "--connect", &address];
        let refused = fails(&elsewhere(&named, &bundle.root()));
        assert!(
            refused.contains("its certificate is self-signed, so clients must trust the certificate itself"),
            "{refused}"
        );
        succeeds(&elsewhere(&[&named[..], &["--ca", &text(&certificate.chain())]].concat(), &bundle.root()));
        // One of the same name, but of another key.
        let other = Certificate::self_signed(may_sign);
        let refused = fails(&elsewhere(&[&named[..], &["--ca", &text(&other.chain())]].concat(), &bundle.root()));
        assert!(refused.contains("cannot be trusted"), "{refused}");
    }
}

#[test]
fn a_certificate_for_another_name_or_another_time_is_refused_with_both() {
    let past = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 2);
    };
    let future = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    for (certificate, says) in [
        (
            Certificate::private("other.example.test"),
            &["gate.example.test was expected", "is for other.example.test"][..],
        ),
        (Certificate::issued(NAME, past, true), &["expired at 2025-01-02T00:00:00Z", "renew it"]),
        (Certificate::issued(NAME, past, false), &["expired at 2025-01-02T00:00:00Z", "renew it"]),
        (Certificate::issued(NAME, future, true), &["is not valid before 2090-01-01T00:00:00Z"]),
    ] {
        let server = certificate.serve();
        for command in [&["healthcheck"][..], &["client", "list"]] {
            let refused = fails(&server.call(command));
            for said in says.iter().chain([&"at 127.0.0.1:", &"cannot be trusted"]) {
                assert!(refused.contains(said), "{said} is not in: {refused}");
            }
        }
        let doctor = server.call(&["doctor"]);
        assert_eq!(doctor.status.code(), Some(1), "{}", stdout(&doctor));
        assert!(stdout(&doctor).contains(says[0]), "{}", stdout(&doctor));
    }
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_good_installation() {
    let certificate = Certificate::private(NAME);
    let server = certificate.serve();
    let (folder, file) = settings_file(&server, &certificate, &address(&server));
    let doctor = |roots: &Path| {
        let mut doctor = boomgate(folder.path(), &["doctor", "--config", &file]);
        doctor.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR").output().unwrap()
    };
    let said = succeeds(&doctor(&Certificate::private(NAME).root()));
    assert!(said.contains("is served by boomgate"), "{said}");
    assert!(said.contains("clients must trust its root"), "{said}");
    let looked = doctor(&certificate.root());
    assert!(succeeds(&looked).contains("trusted through the system's roots"), "{}", stdout(&looked));
    // The free space depends on this machine.
    let wrong = |line: &&str| !line.starts_with("[ok] ") && !line.contains(" disk ") && !line.contains(" inodes ");
    assert_eq!(stdout(&looked).lines().find(wrong), None);
    if stdout(&looked).lines().all(|line| line.starts_with("[ok] ")) {
        assert_eq!(stderr(&looked).trim(), "Everything is fine.");
    }
}

#[test]
fn the_doctor_warns_of_a_missing_intermediate_certificate() {
    let certificate = Certificate::issued(NAME, |_| {}, false);
    let server = certificate.serve();
    succeeds(&server.call(&["healthcheck"]));
    let doctor = server.call(&["doctor"]);
    let warned = stdout(&doctor).lines().find(|line| line.starts_with("[warn] server")).unwrap_or_default();
    assert!(
        warned.contains("issued by CN=Example Intermediate") && warned.contains("add the intermediate"),
        "{warned}"
    );
    succeeds(&doctor);
}
