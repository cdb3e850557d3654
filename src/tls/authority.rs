//! The local CA under `DATA_DIR/tls`, and the certificate that it signs for this machine.
//!
//! The CA is valid for ten years and signs only for this server. Its certificate is written after its key and removed
//! before it, so `ca.pem` without `ca-key.pem` means damage, never an interrupted start. The private key is in memory
//! only while it signs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::constraints::{self, Constraints};
use super::pem::{check_folder, io_error, read_pair, read_secret_text};
use super::{Certificate, TlsError};
use crate::files::{self, Reader, write_private, write_public};
use crate::host::Host;
use crate::time::UnixSeconds;

/// How long the CA is valid, so that clients import it once.
const CA_LIFE: Duration = Duration::days(3_650);

/// With the hour before it, under the 398 days that Apple and Chromium allow.
const LEAF_LIFE: Duration = Duration::days(396);

/// So a client whose clock is a little behind accepts a new certificate.
const BACKDATED: Duration = Duration::hours(1);

/// The CA of one folder, and the names for its certificates.
pub(super) struct Authority {
    dir: PathBuf,
    names: BTreeSet<Host>,
    /// The name of the machine. It is not required, since a container has another name at each start.
    machine: Option<Host>,
}

/// The CA, ready to sign.
struct Ca {
    pem: String,
    subject: Vec<u8>,
    key_id: Vec<u8>,
    constraints: Constraints,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(dir: PathBuf, names: BTreeSet<Host>, machine: Option<Host>) -> Self {
        Self { dir, names, machine }
    }

    pub(super) fn ca_path(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The certificate to use: the one in the folder, if this CA signed it for these names and it is not due for
    /// renewal; otherwise a new one.
    pub(super) fn leaf(&self, now: UnixSeconds) -> Result<Certificate, TlsError> {
        files::make_folder(&self.dir).map_err(|source| io_error(&self.dir, source))?;
        check_folder(&self.dir)?;
        let ca = match self.stored_ca(now)? {
            Some(ca) => ca,
            None => self.make_ca(now)?,
        };
        let names = self.names_of_leaf(&ca)?;
        if let Some(leaf) = self.stored_leaf(&ca, &names, now)? {
            return Ok(leaf);
        }
        self.make_leaf(&ca, &names, now)
    }

    /// The error that [`leaf`](Self::leaf) would return; changes nothing.
    pub(super) fn check(&self, now: UnixSeconds) -> Result<(), TlsError> {
        if !self.dir.exists() {
            return Ok(());
        }
        check_folder(&self.dir)?;
        if let Some(ca) = self.stored_ca(now)? {
            let names = self.names_of_leaf(&ca)?;
            self.stored_leaf(&ca, &names, now)?;
        }
        Ok(())
    }

    /// The names for a leaf of this CA. Clients would refuse the whole certificate for one name that the CA may not
    /// sign.
    fn names_of_leaf(&self, ca: &Ca) -> Result<BTreeSet<Host>, TlsError> {
        if let Some(name) = self.names.iter().find(|name| !ca.constraints.permit(name)) {
            return Err(TlsError::OutsideAuthority { name: name.to_string(), ca: self.ca_path() });
        }
        let machine = self.machine.iter().filter(|name| ca.constraints.permit(name));
        Ok(self.names.iter().chain(machine).cloned().collect())
    }

    /// The CA in the folder; `None` if there is none, or if it ends too soon to sign another certificate.
    fn stored_ca(&self, now: UnixSeconds) -> Result<Option<Ca>, TlsError> {
        let (ca_path, key_path) = (self.ca_path(), self.ca_key_path());
        if !ca_path.exists() {
            return Ok(None);
        }
        let broken = |path: &Path, reason| self.broken(path, reason);
        let certificate = read_pair(&ca_path, &key_path, Reader::Server).map_err(|error| self.as_damage(error))?;
        if certificate.is_due(now) {
            return Ok(None);
        }
        let pem = crate::files::read_text(&ca_path).map_err(|source| io_error(&ca_path, source))?;
        let key =
            KeyPair::from_pem(&read_secret_text(&key_path)?).map_err(|error| broken(&key_path, error.to_string()))?;
        Ca::from_pem(pem, key).map(Some).map_err(|reason| broken(&ca_path, reason))
    }

    fn make_ca(&self, now: UnixSeconds) -> Result<Ca, TlsError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        // Two CAs of one machine must not share a name: some clients choose the issuer by name alone.
        let digest = digest(&SHA256, key.der_bytes());
        let mark = digest.as_ref().first_chunk().map_or(0, |chunk| u32::from_be_bytes(*chunk));
        let mut params = dated(now, CA_LIFE)?;
        params.distinguished_name = subject(format!("Boomgate local CA {mark:08x}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(constraints::for_names(self.names.iter().chain(&self.machine)));
        let pem = params.self_signed(&key)?.pem();
        remove(&self.ca_path())?;
        write_key(&self.ca_key_path(), &key)?;
        write_certificate(&self.ca_path(), &pem)?;
        Ca::from_pem(pem, key).map_err(|reason| self.broken(&self.ca_path(), reason))
    }

    /// The leaf in the folder, if it can be used. A damaged one counts as none, since a new one costs nothing.
    fn stored_leaf(&self, ca: &Ca, names: &BTreeSet<Host>, now: UnixSeconds) -> Result<Option<Certificate>, TlsError> {
        let leaf = match read_pair(&self.leaf_path(), &self.leaf_key_path(), Reader::Server) {
            Ok(leaf) => leaf,
            Err(error @ TlsError::Exposed { .. }) => return Err(error),
            Err(_) => return Ok(None),
        };
        let fits = leaf
            .chain_and_key
            .end_entity_cert()
            .is_ok_and(|der| ca.signed(der) && names_in(der).as_ref() == Some(names));
        Ok((fits && !leaf.is_due(now)).then_some(leaf))
    }

    fn make_leaf(&self, ca: &Ca, names: &BTreeSet<Host>, now: UnixSeconds) -> Result<Certificate, TlsError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = dated(now, LEAF_LIFE)?;
        params.distinguished_name = subject("Boomgate on localhost".to_owned());
        params.subject_alt_names = names.iter().map(san).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let pem = params.signed_by(&key, &ca.issuer)?.pem();
        write_key(&self.leaf_key_path(), &key)?;
        write_certificate(&self.leaf_path(), &format!("{pem}{}", ca.pem))?;
        read_pair(&self.leaf_path(), &self.leaf_key_path(), Reader::Server)
    }

    /// An error in the files of the CA as damage of the CA. A wrong mode or owner stays what it is, since that is easy
    /// to mend.
    fn as_damage(&self, error: TlsError) -> TlsError {
        match error {
            TlsError::Io { path, source } => self.broken(&path, source.to_string()),
            TlsError::NotAPair { private_key, .. } => self.broken(&private_key, "not the key of ca.pem".to_owned()),
            TlsError::BadCertificate { path, reason } | TlsError::BadKey { path, reason } => self.broken(&path, reason),
            TlsError::Exposed { .. }
            | TlsError::HalfSet { .. }
            | TlsError::Name(_)
            | TlsError::OutsideAuthority { .. }
            | TlsError::BrokenAuthority { .. }
            | TlsError::Issue(_)
            | TlsError::Rustls(_) => error,
        }
    }

    fn broken(&self, path: &Path, reason: String) -> TlsError {
        TlsError::BrokenAuthority { path: path.to_owned(), reason, ca: self.ca_path() }
    }

    fn ca_key_path(&self) -> PathBuf {
        self.dir.join("ca-key.pem")
    }

    fn leaf_path(&self) -> PathBuf {
        self.dir.join("leaf.pem")
    }

    fn leaf_key_path(&self) -> PathBuf {
        self.dir.join("leaf-key.pem")
    }
}

impl Ca {
    fn from_pem(pem: String, key: KeyPair) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        let subject = certificate.subject().as_raw().to_owned();
        let key_id = certificate.extensions().iter().find_map(|extension| {
            let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() else { return None };
            Some(id.0.to_owned())
        });
        let key_id = key_id.ok_or("it has no subject key identifier")?;
        let constraints = Constraints::of(&certificate)?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| error.to_string())?;
        Ok(Self { pem, subject, key_id, constraints, issuer })
    }

    /// Whether a certificate names this CA, by name and by key, as its issuer.
    fn signed(&self, der: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
        let names_our_key = certificate.extensions().iter().any(|extension| {
            let ParsedExtension::AuthorityKeyIdentifier(issuer) = extension.parsed_extension() else { return false };
            issuer.key_identifier.as_ref().is_some_and(|id| id.0 == self.key_id)
        });
        names_our_key && certificate.issuer().as_raw() == self.subject
    }
}

/// The names of a certificate; `None` if it cannot be read or has names of another kind.
fn names_in(der: &[u8]) -> Option<BTreeSet<Host>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().map(name_in).collect()
}

fn name_in(name: &GeneralName<'_>) -> Option<Host> {
    if let GeneralName::DNSName(host) = name {
        return Host::parse(host);
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    address(bytes).map(Host::Ip)
}

/// An address in the form that certificates have.
pub(super) fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    <[u8; 4]>::try_from(bytes).map(Into::into).or_else(|_| <[u8; 16]>::try_from(bytes).map(Into::into)).ok()
}

fn san(name: &Host) -> Result<SanType, rcgen::Error> {
    Ok(match name {
        Host::Dns(host) => SanType::DnsName(host.as_str().try_into()?),
        Host::Ip(address) => SanType::IpAddress(*address),
    })
}

/// The parameters of every certificate here: its validity, and a random serial number, positive and of 16 bytes.
fn dated(now: UnixSeconds, life: Duration) -> Result<CertificateParams, TlsError> {
    let seconds = i64::try_from(now.get()).unwrap_or(i64::MAX);
    let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| rcgen::Error::Time)?;
    let mut serial = [0; 16];
    SystemRandom::new().fill(&mut serial).map_err(|_| rcgen::Error::RingUnspecified)?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    let mut params = CertificateParams::default();
    params.not_before = now.saturating_sub(BACKDATED);
    params.not_after = now.saturating_add(life);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn subject(common_name: String) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Boomgate");
    subject.push(DnType::CommonName, common_name);
    subject
}

fn write_key(path: &Path, key: &KeyPair) -> Result<(), TlsError> {
    let text = Zeroizing::new(key.serialize_pem());
    write_private(path, text.as_bytes()).map_err(|source| io_error(path, source))
}

fn write_certificate(path: &Path, text: &str) -> Result<(), TlsError> {
    write_public(path, text.as_bytes()).map_err(|source| io_error(path, source))
}

/// Removes a file if it exists. The next write in the folder makes that durable.
fn remove(path: &Path) -> Result<(), TlsError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
