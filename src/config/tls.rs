//! `[tls]`: which certificate the server shows.

use std::path::PathBuf;

use super::raw::Raw;
use crate::host::Host;

/// `[tls]`: by default a certificate for localhost, which the first start makes in `DATA_DIR/tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `certificate` and `private_key`: PEM files; the server's own certificate is the first of its chain.
    pub files: Option<CertificateFiles>,
    /// `names`: host names and addresses for the certificate that the server makes itself, beside `localhost`,
    /// `127.0.0.1`, `::1` and the name of the machine.
    pub names: Vec<String>,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key of the chain's first certificate.
    pub private_key: PathBuf,
}

impl Tls {
    pub(super) fn read(raw: &mut Raw) -> Self {
        const KEYS: [&str; 2] = ["tls.certificate", "tls.private_key"];
        let [certificate, private_key] = KEYS.map(|key| raw.path(key, "the path of a PEM file"));
        match KEYS.map(|key| raw.is_given(key)) {
            [true, false] => raw.fault(KEYS[0], format!("needs {} beside it", KEYS[1])),
            [false, true] => raw.fault(KEYS[1], format!("needs {} beside it", KEYS[0])),
            [true, true] | [false, false] => {}
        }
        let files = certificate.zip(private_key);
        let host = |text: &str| Host::parse(text).map(|_| text.to_owned());
        let names = raw.list("tls.names", "a host name or an IP address", host).unwrap_or_default();
        raw.set_effective("tls.names", names.as_slice());
        Self { files: files.map(|(certificate, private_key)| CertificateFiles { certificate, private_key }), names }
    }
}
