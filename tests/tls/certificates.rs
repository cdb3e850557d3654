//! Who accepts the certificate, how it is stored and renewed, and the errors for files that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boomgate::listener::ConnectionLimits;
use boomgate::time::{Clock, ManualClock, SharedClock, SystemClock, UnixSeconds};
use boomgate::tls::{Refreshed, Tls, TlsError, TlsSettings};

use crate::small_server::{Pair, Server, der, describe, folder, mode, open, real_clock, run, shown};

const DAY: Duration = Duration::from_secs(86_400);

// --- What stock clients accept ---

#[test]
fn openssl_accepts_the_certificate_under_its_strict_rules() {
    let server = Server::start(&[], ConnectionLimits::default());
    let dir = server.dir.path();
    let verified = run(
        "openssl",
        &["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile"],
        &[&dir.join("ca.pem"), &dir.join("leaf.pem")],
    );
    assert!(verified.status.success(), "{verified:?}");
    let verified = run(
        "openssl",
        &["verify", "-x509_strict", "-verify_ip", "::1", "-CAfile"],
        &[&dir.join("ca.pem"), &dir.join("leaf.pem")],
    );
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn curl_accepts_the_certificate_once_it_has_the_ca() {
    let server = Server::start(&[], ConnectionLimits::default());
    let ca = server.ca_text();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/hello", server.port());
        let answer = run("curl", &["-sS", "--max-time", "20", "--ipv4", "--cacert", &ca, &url], &[]);
        assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1", "{answer:?}");
    }
    let url = format!("https://localhost:{}/hello", server.port());
    let stranger = run("curl", &["-sS", "--max-time", "20", "--ipv4", &url], &[]);
    assert_eq!(stranger.status.code(), Some(60), "without the CA it must be refused: {stranger:?}");
}

#[test]
fn python_accepts_the_certificate_under_its_strict_rules() {
    let server = Server::start(&[], ConnectionLimits::default());
    let script = "import ssl, sys, urllib.request\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN\n\
        print(urllib.request.urlopen(sys.argv[2], context=context, timeout=20).read().decode())";
    let url = format!("https://127.0.0.1:{}/hello", server.port());
    let answer = run("python3", &["-c", script, &server.ca_text(), &url], &[]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1\n", "{answer:?}");
}

#[test]
fn node_accepts_the_certificate_once_it_has_the_ca() {
    let server = Server::start(&[], ConnectionLimits::default());
    let script = "require('https').get({host: '127.0.0.1', servername: 'localhost', port: process.argv[2], path: '/hello', \
        ca: require('fs').readFileSync(process.argv[1])}, response => response.pipe(process.stdout)).on('error', error => \
        { console.error(error); process.exit(1) })";
    let answer = run("node", &["-e", script, &server.ca_text(), &server.port().to_string()], &[]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "hello 127.0.0.1", "{answer:?}");
}

// --- The local CA and what it signs ---

#[test]
fn the_certificate_carries_the_names_that_were_asked_for() {
    let dir = folder();
    open(dir.path(), &["Gate.Example.com", "*.lot.example", "192.0.2.7", "my_service"], &real_clock()).unwrap();
    let text = describe(&dir.path().join("leaf.pem"));
    for name in [
        "DNS:localhost",
        "DNS:gate.example.com",
        "DNS:*.lot.example",
        "DNS:my_service",
        "IP Address:127.0.0.1",
        "IP Address:192.0.2.7",
        "IP Address:0:0:0:0:0:0:0:1",
    ] {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
    for field in ["TLS Web Server Authentication", "Digital Signature", "X509v3 Authority Key Identifier"] {
        assert!(text.contains(field), "{field} is missing: {text}");
    }
    let error = open(dir.path(), &["https://gate.example.com"], &real_clock()).unwrap_err();
    assert_eq!(error.to_string(), "tls.names: \"https://gate.example.com\" is neither a host name nor an IP address");
}

#[test]
fn the_ca_may_sign_for_servers_and_nothing_below_itself() {
    let dir = folder();
    open(dir.path(), &[], &real_clock()).unwrap();
    let text = describe(&dir.path().join("ca.pem"));
    for field in [
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
        "X509v3 Name Constraints: critical",
        "DNS:localhost",
        "IP:127.0.0.1/255.255.255.255",
    ] {
        assert!(text.contains(field), "{field} is missing: {text}");
    }
}

#[test]
fn what_the_ca_signs_for_other_names_no_client_accepts() {
    let dir = folder();
    open(dir.path(), &["gate.example.com"], &real_clock()).unwrap();
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(dir.path().join("ca-key.pem")).unwrap()).unwrap();
    let ca = rcgen::Issuer::from_ca_cert_pem(&fs::read_to_string(dir.path().join("ca.pem")).unwrap(), key).unwrap();
    for (name, accepted) in [
        ("localhost", true),
        ("below.localhost", true),
        ("gate.example.com", true),
        ("127.0.0.1", true),
        ("bank.example.com", false),
        ("example.com", false),
        ("192.0.2.1", false),
        ("127.0.0.2", false),
    ] {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let leaf = dir.path().join("signed-by-a-thief.pem");
        fs::write(&leaf, params.signed_by(&leaf_key, &ca).unwrap().pem()).unwrap();
        let verified = run("openssl", &["verify", "-CAfile"], &[&dir.path().join("ca.pem"), &leaf]);
        assert_eq!(verified.status.success(), accepted, "{name}: {verified:?}");
        let why = String::from_utf8_lossy(&verified.stderr).contains("permitted subtree violation");
        assert_eq!(why, !accepted, "{name}: {verified:?}");
    }
}

#[test]
fn a_name_that_the_ca_was_not_made_for_is_refused_with_the_way_to_another_ca() {
    let dir = folder();
    open(dir.path(), &["*.lot.example"], &real_clock()).unwrap();
    let ca = fs::read(dir.path().join("ca.pem")).unwrap();
    for below in ["lot.example", "a.lot.example", "gate.localhost"] {
        open(dir.path(), &[below], &real_clock()).unwrap();
    }
    for other in ["gate.example.com", "*.example", "192.0.2.1"] {
        let error = open(dir.path(), &[other], &real_clock()).unwrap_err().to_string();
        let (path, expected) = (dir.path().join("ca.pem"), format!("may not sign for {other}: delete that file"));
        assert!(error.contains(&expected) && error.contains(path.to_str().unwrap()), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), ca, "a refusal changes nothing");
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    open(dir.path(), &["gate.example.com"], &real_clock()).unwrap();
    assert_ne!(fs::read(dir.path().join("ca.pem")).unwrap(), ca, "mended as it was said");
}

#[test]
fn a_ca_of_an_earlier_version_signs_for_any_name() {
    let dir = folder();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Boomgate local CA of before");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    fs::write(dir.path().join("ca.pem"), &ca).unwrap();
    fs::write(dir.path().join("ca-key.pem"), key.serialize_pem()).unwrap();
    fs::set_permissions(dir.path().join("ca-key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    open(dir.path(), &["gate.example.com"], &real_clock()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("ca.pem")).unwrap(), ca);
    assert!(describe(&dir.path().join("leaf.pem")).contains("DNS:gate.example.com"));
}

#[test]
fn keys_are_readable_by_their_owner_alone() {
    let dir = folder();
    let tls_dir = dir.path().join("data/tls");
    open(&tls_dir, &[], &real_clock()).unwrap();
    assert_eq!(mode(&tls_dir), 0o700);
    assert_eq!(mode(&tls_dir.join("ca-key.pem")), 0o600);
    assert_eq!(mode(&tls_dir.join("leaf-key.pem")), 0o600);
    assert_eq!(fs::read_dir(&tls_dir).unwrap().count(), 4, "no drafts are left");
}

#[test]
fn a_restart_keeps_the_ca_and_the_certificate() {
    let dir = folder();
    let stored = |name: &str| fs::read(dir.path().join(name)).unwrap();
    open(dir.path(), &["gate.example"], &real_clock()).unwrap();
    let before = (stored("ca.pem"), stored("leaf.pem"));
    open(dir.path(), &["gate.example"], &real_clock()).unwrap();
    assert_eq!((stored("ca.pem"), stored("leaf.pem")), before);
    open(dir.path(), &["other.gate.example"], &real_clock()).unwrap();
    assert_eq!(stored("ca.pem"), before.0);
    assert_ne!(stored("leaf.pem"), before.1, "other names need another certificate");
}

#[test]
fn the_certificate_is_renewed_when_30_days_are_left_and_the_ca_is_kept() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    let tls = open(dir.path(), &[], &shared).unwrap();
    let (ca, first) = (fs::read(dir.path().join("ca.pem")).unwrap(), tls.not_after());
    assert_eq!(first.since(clock.now()), 396 * 86_400);
    clock.advance(365 * DAY + Duration::from_secs(86_399));
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged);
    clock.advance(Duration::from_secs(1));
    let renewed = first.plus(366 * 86_400);
    assert_eq!(tls.refresh().unwrap(), Refreshed::Renewed(renewed));
    assert_eq!((tls.not_after(), tls.refresh().unwrap()), (renewed, Refreshed::Unchanged));
    assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), ca);
}

#[test]
fn the_ca_is_replaced_before_it_ends() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    open(dir.path(), &[], &shared).unwrap();
    let ca = fs::read(dir.path().join("ca.pem")).unwrap();
    clock.advance(3_620 * DAY);
    let tls = open(dir.path(), &[], &shared).unwrap();
    assert_ne!(fs::read(dir.path().join("ca.pem")).unwrap(), ca);
    assert_eq!(tls.not_after().since(clock.now()), 396 * 86_400);
}

#[test]
fn a_certificate_from_the_future_is_replaced() {
    let dir = folder();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let shared: SharedClock = clock.clone();
    let early = clock.now();
    open(dir.path(), &[], &shared).unwrap();
    clock.set_wall(UnixSeconds::new(early.get() - 40 * 86_400));
    let tls = open(dir.path(), &[], &shared).unwrap();
    assert_eq!(tls.not_after().since(clock.now()), 396 * 86_400);
}

#[test]
fn damage_in_the_folder_is_mended_or_named() {
    type Row<'a> = (&'a str, &'a dyn Fn(&Path), Option<&'a str>);
    let write = |text: &'static str| move |path: &Path| fs::write(path, text).unwrap();
    let other_key = |path: &Path| fs::copy(path.with_file_name("leaf-key.pem"), path).map(drop).unwrap();
    let loose = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o604)).unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let table: [Row<'_>; 11] = [
        ("leaf.pem", &remove, None),
        ("leaf.pem", &write("garbage"), None),
        ("leaf-key.pem", &remove, None),
        ("leaf-key.pem", &write("garbage"), None),
        ("leaf-key.pem", &loose, Some("open to other users (mode 0604): chmod 600 ")),
        (
            "ca-key.pem",
            &remove,
            Some("ca-key.pem: No such file or directory (os error 2): put the file back from a backup, or delete "),
        ),
        ("ca-key.pem", &write("garbage"), Some("ca-key.pem: nothing of that kind in it: put the file back")),
        ("ca-key.pem", &other_key, Some("ca-key.pem: not the key of ca.pem: put the file back")),
        ("ca-key.pem", &loose, Some("ca-key.pem is open to other users (mode 0604): chmod 600 ")),
        ("ca.pem", &write("garbage"), Some("ca.pem: no certificate in it: put the file back")),
        ("ca.pem", &remove, None),
    ];
    for (name, damage, expected) in table {
        let dir = folder();
        open(dir.path(), &[], &real_clock()).unwrap();
        damage(&dir.path().join(name));
        match (open(dir.path(), &[], &real_clock()), expected) {
            (Ok(_), None) => assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "{name}"),
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{name}: {error}"),
            (outcome, expected) => panic!("{name}: {outcome:?}, not {expected:?}"),
        }
    }
    let dir = folder();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = open(dir.path(), &[], &real_clock()).unwrap_err().to_string();
    assert!(error.ends_with(&format!("(mode 0755): chmod 700 {}", dir.path().display())), "{error}");
}

// --- Certificates from files ---

#[test]
fn each_fault_in_the_files_is_one_line_that_says_what_to_do() {
    let pair = Pair::new();
    let other = Pair::new();
    let rsa_key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let (certificate, key) = (text(&pair.certificate), text(&pair.private_key));
    let truncated = certificate.replace("-----END CERTIFICATE-----", "");
    let table: [(&str, &str, u32, &str); 8] = [
        ("", &key, 0o600, "no certificate in it"),
        (&key, &key, 0o600, "no certificate in it"),
        (&truncated, &key, 0o600, "it must hold PEM certificates"),
        ("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", &key, 0o600, "does not parse"),
        (&certificate, &certificate, 0o600, "nothing of that kind in it"),
        (&certificate, rsa_key, 0o600, "the key in it is encrypted"),
        (&certificate, &text(&other.private_key), 0o600, "is not the key of the first certificate in"),
        (&certificate, &key, 0o644, "(mode 0644): chmod 600 "),
    ];
    for (certificate, key, mode, expected) in table {
        let broken = Pair::new();
        broken.write(certificate, key, mode);
        let error = broken.open().unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(broken.dir.path().to_str().unwrap()), "{expected}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    fs::remove_file(&pair.certificate).unwrap();
    let error = pair.open().unwrap_err().to_string();
    assert!(error.contains("No such file or directory"), "{error}");
    let half = TlsSettings { certificate: Some(pair.certificate.clone()), ..TlsSettings::default() };
    let error = Tls::open(half, real_clock()).unwrap_err().to_string();
    assert_eq!(error, "tls.certificate is set but tls.private_key is not: set both, or neither to use the local CA");
}

#[test]
fn files_that_change_are_read_again_and_bad_ones_keep_the_old_certificate() {
    let (pair, next) = (Pair::new(), Pair::new());
    let tls = pair.open().unwrap();
    let server = Server::over(&tls, ConnectionLimits::default());
    assert_eq!(tls.ca_path(), None);
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged);
    let shown_first = shown(server.address);
    assert_eq!(shown_first, der(&pair.certificate));

    pair.write("garbage", &fs::read_to_string(&pair.private_key).unwrap(), 0o600);
    assert!(matches!(tls.refresh(), Err(TlsError::BadCertificate { .. })));
    assert_eq!(tls.refresh().unwrap(), Refreshed::Unchanged, "a fault is reported once");
    assert_eq!(shown(server.address), shown_first);

    let text = |path: &Path| fs::read_to_string(path).unwrap();
    pair.write(&text(&next.certificate), &text(&next.private_key), 0o600);
    assert!(matches!(tls.refresh(), Ok(Refreshed::Reloaded(_))));
    assert_eq!(shown(server.address), der(&next.certificate));
}
