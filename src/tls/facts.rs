//! The content of a certificate file, for commands and checks. The server does not use it to serve.

use std::path::Path;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::TlsError;
use super::authority::address;
use super::constraints::Constraints;
use super::pem::{read_chain, read_pair, validity};
use crate::files::Reader;
use crate::host::Host;
use crate::time::UnixSeconds;

/// The first certificate of a PEM file.
#[derive(Debug)]
pub struct CertificateFacts {
    /// The certificate itself, DER.
    pub der: Vec<u8>,
    /// From when on clients accept it.
    pub not_before: UnixSeconds,
    /// Until when they do.
    pub not_after: UnixSeconds,
}

impl CertificateFacts {
    /// Reads a certificate for a command. With a key, the two must be a pair, and the key file private.
    pub fn read(certificate: &Path, private_key: Option<&Path>) -> Result<Self, TlsError> {
        if let Some(private_key) = private_key {
            read_pair(certificate, private_key, Reader::Operator)?;
        }
        let bad = |reason: String| TlsError::BadCertificate { path: certificate.to_owned(), reason };
        let first = read_chain(certificate)?.into_iter().next();
        let first = first.ok_or_else(|| bad("no certificate in it".to_owned()))?;
        Self::parse(&first).map_err(bad)
    }

    /// Reads one certificate, DER.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let (not_before, not_after) = validity(der)?;
        Ok(Self { der: der.to_vec(), not_before, not_after })
    }

    /// Whether a client that calls this host, a name or an address, accepts it.
    #[must_use]
    pub(crate) fn is_for(&self, host: &str) -> bool {
        let der = CertificateDer::from(self.der.as_slice());
        let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(&der), ServerName::try_from(host)) else {
            return false;
        };
        verify_server_name(&certificate, &name).is_ok()
    }

    /// The host names and addresses that it is for.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = self.parsed(|certificate| {
            let names = certificate.subject_alternative_name().ok().flatten()?;
            Some(names.value.general_names.iter().filter_map(name).collect())
        });
        names.unwrap_or_default()
    }

    /// Whether it is its own issuer: clients must trust this very certificate.
    #[must_use]
    pub(crate) fn is_self_signed(&self) -> bool {
        self.parsed(|certificate| Some(certificate.issuer().as_raw() == certificate.subject().as_raw()))
            .unwrap_or(false)
    }

    /// Whether it may sign others. Some clients (rustls) refuse a server with such a certificate.
    #[must_use]
    pub(crate) fn is_authority(&self) -> bool {
        self.parsed(|certificate| Some(certificate.is_ca())).unwrap_or(false)
    }

    /// Who issued it, as `CN=…, O=…`.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.parsed(|certificate| Some(certificate.issuer().to_string())).unwrap_or_default()
    }

    /// Whether it is a CA that may sign for any name, as CAs of earlier versions may.
    #[must_use]
    pub(crate) fn may_sign_for_any_name(&self) -> bool {
        self.constraints().is_some_and(|constraints| constraints.are_missing())
    }

    /// Whether it is a CA that may sign for this name or address.
    #[must_use]
    pub(crate) fn may_sign_for(&self, name: &str) -> bool {
        let name = Host::parse(name);
        name.is_some_and(|name| self.constraints().is_some_and(|constraints| constraints.permit(&name)))
    }

    fn constraints(&self) -> Option<Constraints> {
        self.parsed(|certificate| Constraints::of(certificate).ok())
    }

    fn parsed<T>(&self, read: impl FnOnce(&X509Certificate<'_>) -> Option<T>) -> Option<T> {
        let (_, certificate) = X509Certificate::from_der(&self.der).ok()?;
        read(&certificate)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(host) = name {
        return Some((*host).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    address(bytes).map(|address| address.to_string())
}
