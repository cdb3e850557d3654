//! Which certificates a command accepts, and what it says when it accepts none.
//!
//! Besides certificate authorities, a command can trust a certificate itself, as OpenSSL does: the one that the server's
//! settings name, or one of `--ca`. A self-signed certificate needs this: no authority has signed it, and webpki refuses
//! one that may sign others, as `openssl req -x509` makes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{anyhow, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::files;
use crate::time::{Clock as _, SystemClock, UnixSeconds};
use crate::tls::CertificateFacts;

/// A source of certificates to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Trusted {
    /// The file of `--ca`: each certificate as an authority, and itself.
    Named(PathBuf),
    /// The local authority that the server made.
    Authority(PathBuf),
    /// The certificate chain that the settings name: the last certificate as an authority, and the first itself.
    Chain(PathBuf),
    /// The system's roots.
    System,
}

impl fmt::Display for Trusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(path) | Self::Authority(path) => write!(out, "{}", path.display()),
            Self::Chain(path) => write!(out, "the certificates in {}", path.display()),
            Self::System => out.write_str("the system's roots"),
        }
    }
}

/// Why a certificate was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct VerifiedBy {
    pub(in crate::cli) source: Trusted,
    /// Whether the certificate itself is trusted, and no authority has signed it.
    pub(in crate::cli) is_itself: bool,
}

/// The verifier for rustls, which remembers the last certificate.
pub(super) struct Trust {
    sources: Vec<Loading>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    certificate: Option<CertificateDer<'static>>,
    verified_by: Option<VerifiedBy>,
}

/// A source that is read when no source before it accepts the certificate: the system's roots are some hundred files.
struct Loading {
    source: Trusted,
    loaded: OnceLock<Loaded>,
}

struct Loaded {
    roots: RootCertStore,
    themselves: Vec<CertificateDer<'static>>,
    /// Why it has no certificates.
    fault: Option<String>,
}

impl Trust {
    /// Trusts these sources, in this order. The file of `--ca` must exist and have certificates.
    pub(super) fn new(sources: Vec<Trusted>) -> anyhow::Result<Arc<Self>> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let sources: Vec<Loading> =
            sources.into_iter().map(|source| Loading { source, loaded: OnceLock::new() }).collect();
        for Loading { source, loaded } in &sources {
            if let Trusted::Named(path) = source {
                let _first = loaded.set(Loaded::named(path)?);
            }
        }
        Ok(Arc::new(Self { sources, algorithms, seen: Mutex::default() }))
    }

    /// Settings for a TLS connection that this verifies.
    pub(super) fn client_config(self: &Arc<Self>) -> Result<ClientConfig, rustls::Error> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let verifier: Arc<Self> = Arc::clone(self);
        Ok(ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            // rustls has no other way to trust a certificate itself. The verifier below uses rustls's own functions.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth())
    }

    /// Why the server's last certificate was accepted.
    pub(super) fn verified_by(&self) -> Option<VerifiedBy> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).verified_by.clone()
    }

    /// The server's last certificate.
    pub(super) fn shown(&self) -> Option<CertificateFacts> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        CertificateFacts::parse(seen.certificate.as_ref()?).ok()
    }

    /// Says why the server's last certificate is not accepted, and how to fix that.
    pub(super) fn explain(&self, cause: &CertificateError, host: &str, is_own: bool) -> String {
        let tried = || self.sources.iter().map(Loading::to_string).collect::<Vec<_>>().join(", ");
        let Some(shown) = self.shown() else {
            return format!("its certificate cannot be parsed ({cause}): look at the server's certificate file");
        };
        let now = SystemClock::new().now();
        #[allow(clippy::wildcard_enum_match_arm, reason = "the text of any other error says what is wrong")]
        match cause {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = shown.names();
                let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
                let fix = if is_own {
                    "set issuer to the name that clients call, or give the server a certificate for it".to_owned()
                } else {
                    "use that name with --server https://NAME, and say where it listens with --connect ADDRESS:PORT"
                        .to_owned()
                };
                format!("{host} was expected, and its certificate is for {names}: {fix}")
            }
            _ if shown.not_after < now => {
                format!(
                    "its certificate expired at {}: renew it; the server reads the new files by itself",
                    shown.not_after
                )
            }
            _ if shown.not_before > now => {
                format!(
                    "its certificate is not valid before {}: set the clock of this machine, or wait",
                    shown.not_before
                )
            }
            CertificateError::UnknownIssuer | CertificateError::Other(_) if shown.is_self_signed() => format!(
                "its certificate is self-signed, so clients must trust the certificate itself: name its file with --ca (tried: {})",
                tried()
            ),
            // An authority of the same name with another key may have signed it.
            CertificateError::UnknownIssuer | CertificateError::BadSignature if self.verified_by().is_none() => {
                format!(
                    "its certificate is issued by {}, which none of these has: {}. Name the certificate authority with --ca, \
                 the server's folder with --data-dir, or its settings with --config",
                    shown.issuer(),
                    tried()
                )
            }
            cause => format!("its certificate is wrong ({cause}); tried: {}", tried()),
        }
    }
}

impl Loading {
    fn get(&self) -> &Loaded {
        self.loaded.get_or_init(|| match &self.source {
            Trusted::Named(path) => Loaded::named(path).unwrap_or_else(|error| Loaded::empty(&error)),
            Trusted::Authority(path) => Loaded::authority(path).unwrap_or_else(|error| Loaded::empty(&error)),
            Trusted::Chain(path) => Loaded::chain(path).unwrap_or_else(|error| Loaded::empty(&error)),
            Trusted::System => Loaded::system(),
        })
    }
}

/// The source, with the reason why it has no certificates.
impl fmt::Display for Loading {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.source)?;
        match &self.get().fault {
            Some(fault) => write!(out, " ({fault})"),
            None => Ok(()),
        }
    }
}

impl Loaded {
    fn empty(fault: &dyn fmt::Display) -> Self {
        Self { roots: RootCertStore::empty(), themselves: Vec::new(), fault: Some(fault.to_string()) }
    }

    fn new(authorities: Vec<CertificateDer<'static>>, themselves: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        Self { roots, themselves, fault: None }
    }

    fn named(path: &Path) -> anyhow::Result<Self> {
        const FIX: &str = "name the certificate authority's certificate with --ca";
        let pem = files::read_pem(path)
            .map_err(|error| anyhow!("cannot read the certificate authority {}: {error}; {FIX}", path.display()))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates.map_err(|_| anyhow!("{} is not PEM: {FIX}", path.display()))?;
        if certificates.is_empty() {
            bail!("{} has no certificate: {FIX}", path.display());
        }
        Ok(Self::new(certificates.clone(), certificates))
    }

    fn authority(path: &Path) -> Result<Self, String> {
        Ok(Self::new(read(path)?, Vec::new()))
    }

    /// The file does not have the root, which clients have; so the chain's last certificate is trusted in its place.
    fn chain(path: &Path) -> Result<Self, String> {
        let mut chain = read(path)?.into_iter();
        let (first, last) = (chain.next(), chain.next_back());
        Ok(Self::new(last.into_iter().collect(), first.into_iter().collect()))
    }

    fn system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let loaded = Self::new(found.certs, Vec::new());
        if !loaded.roots.is_empty() {
            return loaded;
        }
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        Self::empty(&format!("there are none{why}"))
    }

    fn verify(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<bool, rustls::Error> {
        let certificate = ParsedCertificate::try_from(shown)?;
        let signed =
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms.all);
        let is_itself = match signed {
            Ok(()) => false,
            Err(_) if self.themselves.iter().any(|trusted| trusted == shown) => {
                check_dates(shown, now)?;
                true
            }
            Err(error) => return Err(error),
        };
        verify_server_name(&certificate, name)?;
        Ok(is_itself)
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = files::read_pem(path).map_err(|error| error.to_string())?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    certificates.map_err(|_| "not PEM".to_owned())
}

fn check_dates(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let facts = CertificateFacts::parse(shown).map_err(|_| CertificateError::BadEncoding)?;
    let now = UnixSeconds::new(now.as_secs());
    if facts.not_before > now {
        return Err(CertificateError::NotValidYet.into());
    }
    if facts.not_after < now { Err(CertificateError::Expired.into()) } else { Ok(()) }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { certificate: Some(end_entity.clone().into_owned()), verified_by: None };
        let is_unknown = |error: &rustls::Error| {
            [CertificateError::UnknownIssuer, CertificateError::BadSignature]
                .into_iter()
                .any(|cause| *error == cause.into())
        };
        let mut refusal = rustls::Error::from(CertificateError::UnknownIssuer);
        for loading in &self.sources {
            match loading.get().verify(end_entity, intermediates, server_name, now, self.algorithms) {
                Ok(is_itself) => {
                    seen.verified_by = Some(VerifiedBy { source: loading.source.clone(), is_itself });
                    return Ok(ServerCertVerified::assertion());
                }
                // A source that has the issuer says better what is wrong.
                Err(error) => {
                    if is_unknown(&refusal) {
                        refusal = error;
                    }
                }
            }
        }
        Err(refusal)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.sources.iter().map(|loading| &loading.source)).finish()
    }
}
