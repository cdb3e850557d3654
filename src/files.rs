//! Files and folders that hold secrets: who may own, read and change them, and how they are written.
//!
//! The rule is that of `PostgreSQL` for its key files. The owner is this process's user or root. Others have no rights at
//! all. A group has them where it is one of this process's own, as with Kubernetes' `fsGroup`; and what root owns, a
//! group of root's choice may read, as with Debian's `ssl-cert`. A crash leaves the old content of a file or the new
//! one, never half of one.

use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{getegid, geteuid, getgroups};
use zeroize::Zeroizing;

use crate::text::{self, TextFault};

/// The rights of the owner, the group and all others.
const OWNER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
/// The rights of the group without those to change anything.
const GROUP_READS: u32 = 0o050;
const ROOT: u32 = 0;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The server. Whoever owns what it reads could exchange it, and so become its administrator.
    Server,
    /// A command that acts for its caller: for root also on files of the server's own user.
    Operator,
}

/// What is wrong with a file or folder that must be private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    wrong: String,
    mend: String,
}

impl Exposure {
    /// What is wrong, after the path: `is open to other users (mode 0644)`.
    #[must_use]
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// The command that mends it.
    #[must_use]
    pub fn mend(&self) -> &str {
        &self.mend
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.wrong, self.mend)
    }
}

/// Why a file of a secret is not read; said as `which …`.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFault {
    /// There is no such file.
    #[error("is not there")]
    Absent,
    /// Others may read it: it is no secret any more.
    #[error("{0}")]
    Exposed(Exposure),
    /// It is no secret's size.
    #[error("is too large for a secret")]
    TooLarge,
    /// It is in another encoding than UTF-8.
    #[error(transparent)]
    NotText(#[from] TextFault),
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

/// What is wrong with what is at `path`, a file or a folder; `None` when it is private.
pub fn exposure(path: &Path, reader: Reader) -> io::Result<Option<Exposure>> {
    Ok(exposure_of(path, &fs::metadata(path)?, reader))
}

/// The same for what was opened, which may not be what has its name by now.
#[must_use]
pub fn exposure_of(path: &Path, found: &Metadata, reader: Reader) -> Option<Exposure> {
    let found =
        Found { owner: found.uid(), group: found.gid(), mode: found.mode() & 0o7777, is_folder: found.is_dir() };
    found.exposure(path, &Process::this(), reader)
}

/// What is right in a folder and belongs to another user than the server's or root.
pub fn foreign_within(folder: &Path) -> io::Result<Option<(PathBuf, Exposure)>> {
    let process = Process::this();
    for (path, found) in within(folder)? {
        if !process.trusts(found.uid(), Reader::Server) {
            let exposure = exposure_of(&path, &found, Reader::Server);
            return Ok(exposure.map(|exposure| (path, exposure)));
        }
    }
    Ok(None)
}

/// Takes all rights but the owner's from what is right in a folder and belongs to this process's user, whatever the
/// umask was when it was made.
pub fn make_private_within(folder: &Path) -> io::Result<()> {
    let process = Process::this();
    for (path, found) in within(folder)? {
        let is_ours = found.uid() == process.user && !found.is_symlink();
        if is_ours && found.mode() & (GROUP | OTHERS) != 0 {
            fs::set_permissions(&path, Permissions::from_mode(if found.is_dir() { 0o700 } else { 0o600 }))?;
        }
    }
    Ok(())
}

fn within(folder: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match fs::symlink_metadata(&path) {
            // It was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => all.push((path, found?)),
        }
    }
    Ok(all)
}

/// The user and the groups of a process.
struct Process {
    user: u32,
    groups: Vec<u32>,
}

impl Process {
    fn this() -> Self {
        let mut groups: Vec<u32> =
            getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.push(getegid().as_raw());
        Self { user: geteuid().as_raw(), groups }
    }

    fn trusts(&self, owner: u32, reader: Reader) -> bool {
        owner == ROOT || owner == self.user || self.is_root_operator(reader)
    }

    fn is_root_operator(&self, reader: Reader) -> bool {
        self.user == ROOT && reader == Reader::Operator
    }
}

/// What the system says of a file or folder.
struct Found {
    owner: u32,
    group: u32,
    mode: u32,
    is_folder: bool,
}

impl Found {
    fn exposure(&self, path: &Path, process: &Process, reader: Reader) -> Option<Exposure> {
        let path = quoted(&path.display().to_string());
        let allowed = OWNER | self.rights_of_group(process, reader);
        let mode = format!("(mode {:04o})", self.mode);
        let wrong = if !process.trusts(self.owner, reader) {
            format!("belongs to the user {}, who could read and exchange it", self.owner)
        } else if self.mode & OTHERS != 0 {
            format!("is open to other users {mode}")
        } else if self.mode & GROUP & !allowed != 0 {
            format!("is open to the group {}, which is not this process's {mode}", self.group)
        } else {
            return None;
        };
        Some(Exposure { wrong, mend: self.mend(&path, process, reader, allowed) })
    }

    fn rights_of_group(&self, process: &Process, reader: Reader) -> u32 {
        if process.groups.contains(&self.group) || process.is_root_operator(reader) {
            GROUP
        } else if self.owner == ROOT {
            GROUP_READS
        } else {
            0
        }
    }

    /// The command after which `process` can use it, and it is private.
    fn mend(&self, path: &str, process: &Process, reader: Reader, allowed: u32) -> String {
        let (tight, user) = (if self.is_folder { "700" } else { "600" }, process.user);
        let recursive = if self.is_folder { "-R " } else { "" };
        let mode_is_wrong = self.mode & !(allowed | OWNER) & (GROUP | OTHERS) != 0;
        if !process.trusts(self.owner, reader) {
            let chmod = if mode_is_wrong { format!(" && chmod {tight} {path}") } else { String::new() };
            return format!("run this as that user, or chown {recursive}{user} {path}{chmod}");
        }
        if self.owner == process.user || process.user == ROOT {
            return format!("chmod {tight} {path}");
        }
        // Root's file: without a right of its group this process could not read it any more.
        if process.groups.contains(&self.group) {
            return format!("chmod {:o} {path}", self.mode & allowed);
        }
        format!("chown {recursive}{user} {path} && chmod {tight} {path}")
    }
}

/// `text` as one word of a shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text of a private file, of at most `most` bytes.
pub fn read_private(path: &Path, most: usize, reader: Reader) -> Result<Zeroizing<String>, PrivateFault> {
    let is_absent = |cause: &io::Error| cause.kind() == io::ErrorKind::NotFound;
    let file = File::open(path)
        .map_err(|cause| if is_absent(&cause) { PrivateFault::Absent } else { PrivateFault::Unreadable(cause) })?;
    if let Some(exposure) = exposure_of(path, &file.metadata()?, reader) {
        return Err(PrivateFault::Exposed(exposure));
    }
    // As large as it may get: a buffer that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(PrivateFault::TooLarge);
    }
    Ok(Zeroizing::new(text::decode(&bytes)?.to_owned()))
}

/// The text of a file, without a byte order mark before it; in another encoding than UTF-8 it is `InvalidData`.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    Ok(text::decode(&bytes).map_err(not_text)?.to_owned())
}

/// The same of PEM, whose lines may have bytes of any encoding between them.
pub fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if text::is_utf16(&bytes) { Err(not_text(TextFault::Utf16)) } else { Ok(text::without_mark(&bytes).to_vec()) }
}

fn not_text(fault: TextFault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it {fault}"))
}

/// How long [`lock`] waits for another process: it holds the lock for as long as one file takes.
const LOCK_TRIES: usize = 1_500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Keeps other processes that ask for the same lock out, until what is returned is dropped or this process ends, in
/// whatever way. Waits up to 30 s for them. `path` is a file for this alone, which is made and stays.
#[allow(clippy::disallowed_methods, reason = "no event says that another process has let go of a file")]
pub fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another process has it locked"))
}

/// Removes a file; durable when this returns.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder_of(path)
}

/// Writes a file of mode 0600, whole or not at all; durable when this returns.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o600)
}

/// Writes a file that is there anew, whole or not at all, for the same owner and with the same mode; a link stays, and
/// what it points to is written. Durable when this returns.
pub fn rewrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let before = fs::metadata(&path)?;
    write_whole_as(&path, content, before.mode() & 0o777, Some((before.uid(), before.gid())))
}

/// Writes a file of mode 0644, whole or not at all; durable when this returns.
pub fn write_public(path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole(path, content, 0o644)
}

fn write_whole(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    write_whole_as(path, content, mode, None)
}

fn write_whole_as(path: &Path, content: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // A draft that a crash left behind may have another mode.
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
    // The process's umask may have taken some of it away.
    file.set_permissions(Permissions::from_mode(mode))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's user and its groups; and a group that is not one of them.
    const SERVER: u32 = 998;
    const OWN_GROUP: u32 = 997;
    const FS_GROUP: u32 = 2_000;
    const FOREIGN: u32 = 110;

    fn judged(owner: u32, group: u32, mode: u32, is_folder: bool, user: u32, reader: Reader) -> Option<String> {
        let process = Process { user, groups: vec![OWN_GROUP, FS_GROUP] };
        let exposure = Found { owner, group, mode, is_folder }.exposure(Path::new("x"), &process, reader);
        exposure.map(|exposure| exposure.to_string())
    }

    #[test]
    fn a_file_is_private_by_its_owner_its_group_and_its_mode() {
        for (owner, group, mode, expected) in [
            (SERVER, OWN_GROUP, 0o600, None),
            (SERVER, FS_GROUP, 0o660, None),
            (SERVER, OWN_GROUP, 0o640, None),
            (SERVER, FOREIGN, 0o600, None),
            (
                SERVER,
                FOREIGN,
                0o640,
                Some("is open to the group 110, which is not this process's (mode 0640): chmod 600 x"),
            ),
            (SERVER, OWN_GROUP, 0o604, Some("is open to other users (mode 0604): chmod 600 x")),
            (SERVER, OWN_GROUP, 0o601, Some("is open to other users (mode 0601): chmod 600 x")),
            (ROOT, FS_GROUP, 0o440, None),
            (ROOT, FOREIGN, 0o640, None),
            (ROOT, ROOT, 0o600, None),
            (ROOT, FS_GROUP, 0o660, None),
            (ROOT, FS_GROUP, 0o644, Some("is open to other users (mode 0644): chmod 640 x")),
            (ROOT, ROOT, 0o644, Some("is open to other users (mode 0644): chown 998 x && chmod 600 x")),
            (
                ROOT,
                FOREIGN,
                0o660,
                Some("is open to the group 110, which is not this process's (mode 0660): chown 998 x && chmod 600 x"),
            ),
            (
                1_000,
                OWN_GROUP,
                0o600,
                Some("belongs to the user 1000, who could read and exchange it: run this as that user, or chown 998 x"),
            ),
            (
                1_000,
                OWN_GROUP,
                0o644,
                Some(
                    "belongs to the user 1000, who could read and exchange it: run this as that user, or chown 998 x && chmod 600 x",
                ),
            ),
        ] {
            let found = judged(owner, group, mode, false, SERVER, Reader::Server);
            assert_eq!(found.as_deref(), expected, "{owner}:{group} {mode:04o}");
        }
    }

    #[test]
    fn a_folder_may_be_that_of_a_group_and_root_is_no_other_user() {
        for (owner, group, mode, user, expected) in [
            (SERVER, OWN_GROUP, 0o700, SERVER, None),
            (ROOT, FS_GROUP, 0o2770, SERVER, None),
            (SERVER, FS_GROUP, 0o2770, SERVER, None),
            (
                ROOT,
                FOREIGN,
                0o2770,
                ROOT,
                Some("is open to the group 110, which is not this process's (mode 2770): chmod 700 x"),
            ),
            (SERVER, OWN_GROUP, 0o755, SERVER, Some("is open to other users (mode 0755): chmod 700 x")),
            (SERVER, OWN_GROUP, 0o1777, SERVER, Some("is open to other users (mode 1777): chmod 700 x")),
            (
                SERVER,
                OWN_GROUP,
                0o700,
                ROOT,
                Some("belongs to the user 998, who could read and exchange it: run this as that user, or chown -R 0 x"),
            ),
        ] {
            let found = judged(owner, group, mode, true, user, Reader::Server);
            assert_eq!(found.as_deref(), expected, "{owner}:{group} {mode:04o} for {user}");
        }
    }

    #[test]
    fn a_command_of_root_reads_what_the_server_s_user_owns() {
        assert_eq!(judged(1_000, FOREIGN, 0o640, false, ROOT, Reader::Operator), None);
        assert!(judged(1_000, FOREIGN, 0o600, false, SERVER, Reader::Operator).is_some(), "only root");
        assert!(judged(1_000, FOREIGN, 0o604, false, ROOT, Reader::Operator).is_some(), "no secret any more");
    }
}
