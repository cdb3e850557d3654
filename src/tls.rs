//! The certificate that this server shows, and the TLS settings around it.
//!
//! [`Tls`] owns one certificate with its key: from PEM files that the operator renews, or from a local CA that it
//! creates under `DATA_DIR/tls`. Connections read it through an atomic pointer, so [`Tls::refresh`] replaces it under
//! load. A certificate that does not parse never replaces one that works. TLS 1.2 and 1.3 on ring; no client
//! certificates.

mod authority;
mod constraints;
mod facts;
mod pem;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use self::authority::Authority;
pub use self::facts::CertificateFacts;
use self::pem::PemFiles;
use crate::files::Exposure;
use crate::host::Host;
use crate::time::{SharedClock, UnixSeconds};

/// Where the certificate comes from.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The folder of the local CA and its certificates, `DATA_DIR/tls`; created if missing, with mode 0700. Not used
    /// when `certificate` is set.
    pub dir: PathBuf,
    /// A PEM file: this server's certificate first, then the intermediates.
    pub certificate: Option<PathBuf>,
    /// The PEM file of its private key, private by the rule of [`crate::files`].
    pub private_key: Option<PathBuf>,
    /// Names for the certificate of the local CA, beside `localhost`, the loopback addresses and the name of the
    /// machine: host names, wildcards such as `*.example.com`, IP addresses. The CA is created for these names and may
    /// sign for no others.
    pub names: Vec<String>,
}

/// The certificate in use, and how it is renewed.
pub struct Tls {
    source: Source,
    clock: SharedClock,
    shown: Arc<Shown>,
    config: rustls::ServerConfig,
}

enum Source {
    Local { authority: Authority, ca_path: PathBuf },
    Files(Mutex<PemFiles>),
}

/// The result of [`Tls::refresh`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refreshed {
    /// There was nothing to do.
    Unchanged,
    /// The local CA has signed a new certificate for new connections; it is valid until this time.
    Renewed(UnixSeconds),
    /// The files had changed, and new connections get the certificate in them; it is valid until this time.
    Reloaded(UnixSeconds),
}

impl Tls {
    /// Reads the certificate that the settings name; without one, reads or creates the local CA and its certificate,
    /// with fsync.
    ///
    /// `clock` decides when to renew. It must be the real clock, since clients check the dates by theirs.
    pub fn open(settings: TlsSettings, clock: SharedClock) -> Result<Self, TlsError> {
        let (source, certificate) = match (settings.certificate, settings.private_key) {
            (None, None) => {
                let authority = Authority::new(settings.dir, wanted_names(&settings.names)?, machine_name());
                let leaf = authority.leaf(clock.now())?;
                let ca_path = authority.ca_path();
                (Source::Local { authority, ca_path }, leaf)
            }
            (Some(certificate), Some(private_key)) => {
                let (files, certificate) = PemFiles::open(certificate, private_key)?;
                (Source::Files(Mutex::new(files)), certificate)
            }
            (Some(_), None) => return Err(TlsError::HalfSet { set: "certificate", missing: "private_key" }),
            (None, Some(_)) => return Err(TlsError::HalfSet { set: "private_key", missing: "certificate" }),
        };
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certificate)));
        let config = server_config(Arc::clone(&shown))?;
        Ok(Self { source, clock, shown, config })
    }

    /// The error that [`Tls::open`] would return at `now`; changes nothing.
    pub fn check(settings: TlsSettings, now: UnixSeconds) -> Result<(), TlsError> {
        match (settings.certificate, settings.private_key) {
            (Some(certificate), Some(private_key)) => PemFiles::open(certificate, private_key).map(drop),
            (None, None) => Authority::new(settings.dir, wanted_names(&settings.names)?, machine_name()).check(now),
            (Some(_), None) => Err(TlsError::HalfSet { set: "certificate", missing: "private_key" }),
            (None, Some(_)) => Err(TlsError::HalfSet { set: "private_key", missing: "certificate" }),
        }
    }

    /// Whether the local CA signs for this name or address with these settings.
    #[must_use]
    pub(crate) fn has_local_name(settings: &TlsSettings, host: &str) -> bool {
        let Some(host) = Host::parse(host) else { return false };
        let asked_for = settings.names.iter().filter_map(|name| Host::parse(name));
        let names = wanted_names(&[]).into_iter().flatten().chain(asked_for).chain(machine_name());
        names.into_iter().any(|name| name.covers(&host))
    }

    /// The configuration for accepting connections; it follows every later [`Tls::refresh`]. The listener sets ALPN. A
    /// session may be resumed for some hours by its ticket, whose keys are only in memory.
    #[must_use]
    pub fn server_config(&self) -> rustls::ServerConfig {
        self.config.clone()
    }

    /// The local CA's certificate, for clients to trust; `None` when the certificate came from files.
    #[must_use]
    pub fn ca_path(&self) -> Option<&Path> {
        match &self.source {
            Source::Local { ca_path, .. } => Some(ca_path),
            Source::Files(_) => None,
        }
    }

    /// The host names and addresses that the certificate in use is for.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<String> {
        let shown = self.shown.0.load();
        let leaf = shown.chain_and_key.cert.first().and_then(|leaf| CertificateFacts::parse(leaf).ok());
        leaf.map(|leaf| leaf.names()).unwrap_or_default()
    }

    /// Until when clients accept the certificate in use.
    #[must_use]
    pub fn not_after(&self) -> UnixSeconds {
        self.shown.0.load().not_after
    }

    /// Renews the local certificate if it is due, or reads the files again if they have changed.
    ///
    /// Cheap when there is nothing to do: at most two calls of `stat`. After an `Err` the old certificate is still in
    /// use; files that could not be used are tried again when they change, so that each fault is reported once.
    pub fn refresh(&self) -> Result<Refreshed, TlsError> {
        match &self.source {
            Source::Local { authority, .. } => {
                let now = self.clock.now();
                if !self.shown.0.load().is_due(now) {
                    return Ok(Refreshed::Unchanged);
                }
                Ok(Refreshed::Renewed(self.show(authority.leaf(now)?)))
            }
            Source::Files(files) => {
                let changed = files.lock().unwrap_or_else(PoisonError::into_inner).changed()?;
                Ok(changed.map_or(Refreshed::Unchanged, |certificate| Refreshed::Reloaded(self.show(certificate))))
            }
        }
    }

    fn show(&self, certificate: Certificate) -> UnixSeconds {
        let not_after = certificate.not_after;
        self.shown.0.store(Arc::new(certificate));
        not_after
    }
}

fn server_config(shown: Arc<Shown>) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(config)
}

/// Keys do not print.
impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tls").field("ca_path", &self.ca_path()).field("not_after", &self.not_after()).finish()
    }
}

/// The certificate in use, which every handshake reads.
struct Shown(ArcSwap<Certificate>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().chain_and_key))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shown")
    }
}

/// A chain and its key, which belong together.
struct Certificate {
    chain_and_key: Arc<CertifiedKey>,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
}

impl Certificate {
    /// Clients and operators have 30 days in which the old certificate has not expired.
    const RENEW_BEFORE_SECONDS: u64 = 30 * crate::time::SECONDS_PER_DAY;

    /// Whether it ends soon, or was created by a clock that was ahead of this one.
    fn is_due(&self, now: UnixSeconds) -> bool {
        self.not_after.since(now) <= Self::RENEW_BEFORE_SECONDS || now < self.not_before
    }
}

fn wanted_names(asked_for: &[String]) -> Result<BTreeSet<Host>, TlsError> {
    let mut names = BTreeSet::new();
    names.extend(["localhost", "127.0.0.1", "::1"].into_iter().filter_map(Host::parse));
    for text in asked_for {
        names.insert(Host::parse(text).ok_or_else(|| TlsError::Name(text.clone()))?);
    }
    Ok(names)
}

/// The name of the machine, if the system has one and a certificate can have it.
fn machine_name() -> Option<Host> {
    let text =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|path| std::fs::read_to_string(path).ok())?;
    Host::parse(text.trim())
}

/// Why there is no certificate to use: one line that names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system does not allow to read or write it.
    #[error("{path}: {source}: check that the file exists and that this user may read and write it", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A secret that other users of the machine can read, change or replace.
    #[error("{path} {exposure}", path = .path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and how to mend that.
        exposure: Exposure,
    },
    /// One of the two settings is missing.
    #[error("tls.{set} is set but tls.{missing} is not: set both, or neither to use the local CA")]
    HalfSet {
        /// The setting that is set.
        set: &'static str,
        /// The setting that is missing.
        missing: &'static str,
    },
    /// A configured name that no certificate can have.
    #[error("tls.names: \"{}\" is neither a host name nor an IP address", .0.escape_debug())]
    Name(String),
    /// A configured name that the local CA may not sign for, since it was created for others.
    #[error(
        "tls.names: the certificate authority {ca} was made for other names and may not sign for {name}: delete that file \
         and start again for a new authority, which every client then has to trust (`boomgate ca trust`), or remove the \
         name",
        ca = .ca.display()
    )]
    OutsideAuthority {
        /// The name.
        name: String,
        /// The CA's certificate.
        ca: PathBuf,
    },
    /// The certificate file is not a chain of certificates.
    #[error("{path}: {reason}: it must hold PEM certificates, this server's own first, then the intermediates", path = .path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key file has no key that the server can use.
    #[error("{path}: {reason}: it must hold one PEM private key (ECDSA P-256 or P-384, Ed25519, or RSA) without a passphrase", path = .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key are not a pair.
    #[error(
        "the key in {private_key} is not the key of the first certificate in {certificate}: give the pair that was issued \
         together, this server's own certificate first in its file",
        certificate = .certificate.display(), private_key = .private_key.display()
    )]
    NotAPair {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        private_key: PathBuf,
    },
    /// The local CA's files do not fit together, and a new CA would lose the trust of every client.
    #[error("{path}: {reason}: put the file back from a backup, or delete {ca} to start over with a new CA", path = .path.display(), ca = .ca.display())]
    BrokenAuthority {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The CA's certificate.
        ca: PathBuf,
    },
    /// A certificate could not be created: a fault of this program.
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// The TLS configuration was refused: a fault of this program.
    #[error("TLS could not be set up: {0}")]
    Rustls(#[from] rustls::Error),
}
