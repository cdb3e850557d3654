//! Certificates and keys in PEM files: their modes are checked, and that they are a pair.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::{Certificate, TlsError};
use crate::files::{self, Reader};
use crate::text::{self, TextFault};
use crate::time::UnixSeconds;

/// Far more than any chain or key has.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A certificate and a key that the operator replaces in place.
pub(super) struct PemFiles {
    certificate: PathBuf,
    private_key: PathBuf,
    seen: [Stamp; 2],
}

impl PemFiles {
    pub(super) fn open(certificate: PathBuf, private_key: PathBuf) -> Result<(Self, Certificate), TlsError> {
        // The stamps first: a change between them and the read is then found by the next look.
        let seen = [Stamp::of(&certificate)?, Stamp::of(&private_key)?];
        let read = read_pair(&certificate, &private_key, Reader::Server)?;
        Ok((Self { certificate, private_key, seen }, read))
    }

    /// The certificate in the files, if they changed since the last look.
    pub(super) fn changed(&mut self) -> Result<Option<Certificate>, TlsError> {
        let now = [Stamp::of(&self.certificate)?, Stamp::of(&self.private_key)?];
        if now == self.seen {
            return Ok(None);
        }
        self.seen = now;
        read_pair(&self.certificate, &self.private_key, Reader::Server).map(Some)
    }
}

/// Metadata that changes whenever a file is written or replaced.
#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// The user, the group and the mode: a file may be refused for one of them until it changes.
    access: (u32, u32, u32),
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, TlsError> {
        let found = fs::metadata(path).map_err(|source| io_error(path, source))?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            access: (found.uid(), found.gid(), found.mode()),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// Reads a chain and its key, which must be a pair.
pub(super) fn read_pair(certificate: &Path, private_key: &Path, reader: Reader) -> Result<Certificate, TlsError> {
    let chain = read_chain(certificate)?;
    let key = read_key(private_key, reader)?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|error| TlsError::BadKey { path: private_key.to_owned(), reason: error.to_string() })?;
    let bad_certificate = |reason: String| TlsError::BadCertificate { path: certificate.to_owned(), reason };
    let leaf = chain.first().ok_or_else(|| bad_certificate("no certificate in it".to_owned()))?;
    let (not_before, not_after) = validity(leaf).map_err(bad_certificate)?;
    let chain_and_key = CertifiedKey::new(chain, key);
    match chain_and_key.keys_match() {
        Ok(()) => Ok(Certificate { chain_and_key: Arc::new(chain_and_key), not_before, not_after }),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::NotAPair { certificate: certificate.to_owned(), private_key: private_key.to_owned() })
        }
        Err(error) => Err(bad_certificate(error.to_string())),
    }
}

pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_bounded(path, None)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    chain.map_err(|error| TlsError::BadCertificate { path: path.to_owned(), reason: pem_reason(&error) })
}

fn read_key(path: &Path, reader: Reader) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read_bounded(path, Some(reader))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let encrypted = text.windows(9).any(|window| window == b"ENCRYPTED");
        let reason = if encrypted { "the key in it is encrypted".to_owned() } else { pem_reason(&error) };
        TlsError::BadKey { path: path.to_owned(), reason }
    })
}

/// Reads a private file of text.
pub(super) fn read_secret_text(path: &Path) -> Result<Zeroizing<String>, TlsError> {
    let bytes = read_bounded(path, Some(Reader::Server))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| io_error(path, io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads a file; a secret one must be private for the reader `secret_for`.
fn read_bounded(path: &Path, secret_for: Option<Reader>) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = || -> io::Result<(Metadata, Zeroizing<Vec<u8>>)> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        // Reserved at once: a vector that grows leaves copies of the key in memory.
        let size = usize::try_from(found.len().min(MAX_FILE_BYTES)).unwrap_or(0);
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok((found, bytes))
    };
    let (found, mut bytes) = read().map_err(|source| io_error(path, source))?;
    if let Some(exposure) = secret_for.and_then(|reader| files::exposure_of(path, &found, reader)) {
        return Err(TlsError::Exposed { path: path.to_owned(), exposure });
    }
    if text::is_utf16(&bytes) {
        let reason = format!("it {}", TextFault::Utf16);
        return Err(io_error(path, io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    // A PEM parser does not find the first line after a byte order mark.
    let mark = bytes.len() - text::without_mark(&bytes).len();
    bytes.drain(..mark);
    Ok(bytes)
}

fn pem_reason(error: &PemError) -> String {
    if matches!(error, PemError::NoItemsFound) { "nothing of that kind in it".to_owned() } else { error.to_string() }
}

/// From when until when a certificate is valid.
pub(super) fn validity(der: &[u8]) -> Result<(UnixSeconds, UnixSeconds), String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| format!("a certificate in it does not parse ({error})"))?;
    let moment = |seconds: i64| UnixSeconds::new(u64::try_from(seconds).unwrap_or(0));
    let validity = certificate.validity();
    Ok((moment(validity.not_before.timestamp()), moment(validity.not_after.timestamp())))
}

/// Checks that a folder is private.
pub(super) fn check_folder(path: &Path) -> Result<(), TlsError> {
    match files::exposure(path, Reader::Server).map_err(|source| io_error(path, source))? {
        Some(exposure) => Err(TlsError::Exposed { path: path.to_owned(), exposure }),
        None => Ok(()),
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> TlsError {
    TlsError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_byte_order_mark_before_a_certificate_or_a_key_is_skipped() {
        let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        for (before, after) in [("\u{FEFF}", "\r\n"), ("", "")] {
            for (path, pem) in [(&certificate, made.cert.pem()), (&key, made.signing_key.serialize_pem())] {
                fs::write(path, format!("{before}{pem}{after}")).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            assert!(read_pair(&certificate, &key, Reader::Server).is_ok());
        }
        let utf16: Vec<u8> = made.cert.pem().encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&certificate, utf16).unwrap();
        let error = read_pair(&certificate, &key, Reader::Server).err().unwrap().to_string();
        assert!(error.contains("it is UTF-16: save it as UTF-8"), "{error}");
    }
}
