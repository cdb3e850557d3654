//! Files and folders that hold secrets: nobody but the owner reads them, and a crash leaves the old
//! content or the new, never half of one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Why a file of a secret is not read; said as `which …`.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFault {
    /// There is no such file.
    #[error("is not there")]
    Absent,
    /// Others may read it: it is no secret any more.
    #[error("is open to other users: chmod 600 it")]
    Exposed,
    /// It is no secret's size, or not UTF-8.
    #[error("is too large for a secret, or is not text")]
    Unfit,
    /// The system does not let it be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Makes a folder of mode 0700, and those above it. One that is there already is left as it is.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    sync_folder_of(path)
}

/// Whether anybody but the owner may read, write or enter it.
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// The text of a file that nobody but the owner may read, of at most `most` bytes.
pub fn read_private(path: &Path, most: usize) -> Result<Zeroizing<String>, PrivateFault> {
    let is_absent = |cause: &io::Error| cause.kind() == io::ErrorKind::NotFound;
    let file = File::open(path)
        .map_err(|cause| if is_absent(&cause) { PrivateFault::Absent } else { PrivateFault::Unreadable(cause) })?;
    // Of what was opened, not of what has its name by now.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(PrivateFault::Exposed);
    }
    // As large as it may get: a buffer that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(PrivateFault::Unfit);
    }
    str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| PrivateFault::Unfit)
}

/// Writes a file of mode 0600, whole or not at all; durable when this returns.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o600)
}

/// Writes a file of mode 0644, whole or not at all; durable when this returns.
pub fn write_public(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o644)
}

fn write_whole(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // A draft that a crash left behind may have another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder_of(path)
}

/// Makes the name of `path` itself durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
