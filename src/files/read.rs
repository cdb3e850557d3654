//! Reading files: secrets, trusted texts, PEM.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::exposure::{Exposure, Reader, distrust_of, exposure_of};
use crate::text::{self, TextFault};

/// Why a secret is not read from a file. The text continues a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivateFault {
    /// There is no such file.
    #[error("does not exist")]
    Absent,
    /// Other users may read it, so it is no longer a secret.
    #[error("{0}")]
    Exposed(Exposure),
    /// No secret is so long.
    #[error("is too large for a secret")]
    TooLarge,
    /// It is in another encoding than UTF-8.
    #[error(transparent)]
    NotText(#[from] TextFault),
    /// The system does not let it be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// The text of a private file, of at most `most` bytes.
pub(crate) fn read_private(path: &Path, most: usize, reader: Reader) -> Result<Zeroizing<String>, PrivateFault> {
    let is_absent = |cause: &io::Error| cause.kind() == io::ErrorKind::NotFound;
    let file = File::open(path)
        .map_err(|cause| if is_absent(&cause) { PrivateFault::Absent } else { PrivateFault::Unreadable(cause) })?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if let Some(exposure) = exposure_of(path, &found, reader) {
        return Err(PrivateFault::Exposed(exposure));
    }
    // Reserved at once: a buffer that grows leaves copies in memory that are not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(PrivateFault::TooLarge);
    }
    Ok(Zeroizing::new(text::decode(&bytes)?.to_owned()))
}

/// The text of a file, without a byte order mark before it; in another encoding than UTF-8 it is `InvalidData`.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    Ok(text::decode(&bytes).map_err(not_text)?.to_owned())
}

/// The text of a trusted file that holds no secret, and who else could change the file.
pub(crate) fn read_trusted(path: &Path, reader: Reader) -> io::Result<(String, Option<Exposure>)> {
    let mut file = File::open(path)?;
    let distrust = distrust_of(path, &file.metadata()?, reader);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((text::decode(&bytes).map_err(not_text)?.to_owned(), distrust))
}

/// The bytes of a PEM file, which may have comments of any encoding.
pub(crate) fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if text::is_utf16(&bytes) { Err(not_text(TextFault::Utf16)) } else { Ok(text::without_mark(&bytes).to_vec()) }
}

fn not_text(fault: TextFault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it {fault}"))
}
