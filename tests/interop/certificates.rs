//! OpenSSL's judgement of the certificate, as it is on disk and as it is shown.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Sandbox, output};

#[test]
fn openssl_verifies_the_leaf_with_x509_strict() {
    let sandbox = Sandbox::start(&[]);
    let shown = output(s_client(&sandbox).args(["-showcerts"]));
    assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");

    let leaf = sandbox.site.data_dir().join("leaf-as-shown.pem");
    let pem = shown.find("-----BEGIN").zip(shown.find("-----END CERTIFICATE-----"));
    let (begin, end) = pem.expect("a certificate");
    std::fs::write(&leaf, format!("{}-----END CERTIFICATE-----\n", &shown[begin..end])).unwrap();
    for name in [["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]] {
        let verdict = output(verify(&sandbox.site.ca_path()).args(["-purpose", "sslserver"]).args(name).arg(&leaf));
        assert_eq!(verdict, format!("{}: OK\n", leaf.display()));
    }
    let other = verify(&sandbox.site.ca_path()).args(["-verify_hostname", "example.com"]).arg(&leaf).output().unwrap();
    assert!(!other.status.success(), "a certificate for any name");
}

#[test]
fn both_versions_of_tls_are_spoken_and_older_ones_are_not() {
    let sandbox = Sandbox::start(&[]);
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(output(s_client(&sandbox).arg(version)).contains("Verify return code: 0 (ok)"));
    }
    // Security level 0: OpenSSL itself would still speak it.
    let old = s_client(&sandbox).args(["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]).output().unwrap();
    assert!(!old.status.success(), "{}", String::from_utf8_lossy(&old.stdout));
}

fn verify(ca: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-CAfile"]).arg(ca);
    command
}

fn s_client(sandbox: &Sandbox) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &sandbox.site.address().to_string(), "-servername", "localhost"])
        .args(["-verify_return_error", "-x509_strict", "-verify_hostname", "localhost", "-CAfile"])
        .arg(sandbox.site.ca_path())
        .stdin(Stdio::null());
    command
}
