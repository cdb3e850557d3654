//! Writing files and folders, so that a crash leaves the old content or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Creates a folder, and its parents, with mode 0700. A folder that exists is not changed.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    sync_folder_of(path)
}

/// Removes a file; durable when this returns.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder_of(path)
}

/// Writes a file of mode 0600, whole or not at all; durable when this returns.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o600)
}

/// Replaces the content of a file, whole or not at all; the owner and the mode stay. Follows a link. Durable when this
/// returns.
pub(crate) fn rewrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let before = fs::metadata(&path)?;
    write_whole_as(&path, content, before.mode() & 0o777, Some((before.uid(), before.gid())))
}

/// Writes a file of mode 0644, whole or not at all; durable when this returns.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o644)
}

fn write_whole(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    write_whole_as(path, content, mode, None)
}

fn write_whole_as(path: &Path, content: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // A crash may have left a draft of another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    if let Some((user, group)) = owner {
        let facts = file.metadata()?;
        if (facts.uid(), facts.gid()) != (user, group) {
            std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
        }
    }
    // The umask may have removed some rights.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder_of(path)
}

/// Makes the name of `path` durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
