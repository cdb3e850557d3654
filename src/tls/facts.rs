//! What a certificate file says, for whoever looks after it; nothing is served from here.

use std::path::Path;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

use super::TlsError;
use super::pem::{read_chain, read_pair, validity};
use crate::time::UnixSeconds;

/// The first certificate of a PEM file.
#[derive(Debug)]
pub struct CertificateFacts {
    /// The certificate itself, DER.
    pub der: Vec<u8>,
    /// From when on clients accept it.
    pub not_before: UnixSeconds,
    /// The last moment at which they do.
    pub not_after: UnixSeconds,
}

impl CertificateFacts {
    /// Reads a certificate; with its key, the two must be a pair and the key nobody else's to read.
    pub fn read(certificate: &Path, private_key: Option<&Path>) -> Result<Self, TlsError> {
        if let Some(private_key) = private_key {
            read_pair(certificate, private_key)?;
        }
        let bad = |reason: String| TlsError::BadCertificate { path: certificate.to_owned(), reason };
        let first = read_chain(certificate)?.into_iter().next();
        let first = first.ok_or_else(|| bad("no certificate in it".to_owned()))?;
        let (not_before, not_after) = validity(&first).map_err(bad)?;
        Ok(Self { der: first.to_vec(), not_before, not_after })
    }

    /// Whether a client that calls this host, a name or an address, accepts it.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let der = CertificateDer::from(self.der.as_slice());
        let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(&der), ServerName::try_from(host)) else {
            return false;
        };
        verify_server_name(&certificate, &name).is_ok()
    }
}
