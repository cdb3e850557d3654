//! The rule for files and folders that hold secrets, and for files that are trusted: who may own, read and change them.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid, getgroups};

/// The rights of the owner, the group and all others.
const OWNER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
/// The rights of the group without those to change anything.
const GROUP_READS: u32 = 0o050;
/// The rights to change something that are not its owner's.
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const ROOT: u32 = 0;
/// Each folder that the server or `client sync` makes has at least one of these names in it.
const MADE_HERE: [&str; 6] =
    ["admin-credentials.json", "demo-clients.json", "server.json", "db", "client-secrets", ".lock"];

/// Who reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The server. The owner of a file that it reads could replace the file, and so become its administrator.
    Server,
    /// A command that acts for its caller; for root, also on files of the server's user.
    Operator,
}

/// What is wrong with a file or folder that must be private, or that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    wrong: String,
    mend: String,
}

impl Exposure {
    /// What is wrong, after the path: `is open to other users (mode 0644)`.
    #[must_use]
    pub(crate) fn wrong(&self) -> &str {
        &self.wrong
    }

    /// How to mend that; mostly a command.
    #[must_use]
    pub(crate) fn mend(&self) -> &str {
        &self.mend
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.wrong, self.mend)
    }
}

/// What is wrong with the file or folder at `path`; `None` when it is private.
pub(crate) fn exposure(path: &Path, reader: Reader) -> io::Result<Option<Exposure>> {
    Ok(exposure_of(path, &fs::metadata(path)?, reader))
}

/// The same for an opened file. Meanwhile another file may have its name.
#[must_use]
pub(crate) fn exposure_of(path: &Path, found: &Metadata, reader: Reader) -> Option<Exposure> {
    Rights::of(path, found).exposure(path, &Process::this(), reader)
}

/// Who else could change the opened file `found`, whose text is trusted. A descriptor is the choice of the caller who
/// passes it, and no one changes the text of a device such as `/dev/null`.
#[must_use]
pub(crate) fn distrust_of(path: &Path, found: &Metadata, reader: Reader) -> Option<Exposure> {
    if names_a_descriptor(path) || found.file_type().is_char_device() {
        return None;
    }
    Rights::of(path, found).distrust(path, &Process::this(), reader)
}

/// Whether `path` is `/dev/stdin`, `/dev/fd/63` or the like, which stands for a file at another place.
#[must_use]
pub(crate) fn names_a_descriptor(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent() == Some(Path::new("/dev")) || path.starts_with("/dev/fd") || path.starts_with("/proc")
}

/// Whether a folder is the server's own, or empty. The rights of any other folder must not be changed for the server.
fn is_ours_alone(folder: &Path) -> bool {
    let holds_ours = |folder: &Path| MADE_HERE.iter().any(|name| folder.join(name).exists());
    let is_empty = || match fs::read_dir(folder) {
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    holds_ours(folder) || is_empty() || folder.parent().is_some_and(holds_ours)
}

/// The first file directly in a folder that belongs to another user than the server's or root.
pub(crate) fn foreign_within(folder: &Path) -> io::Result<Option<(PathBuf, Exposure)>> {
    let process = Process::this();
    for (path, found) in within(folder)? {
        if !process.trusts(found.uid(), Reader::Server) {
            let exposure = exposure_of(&path, &found, Reader::Server);
            return Ok(exposure.map(|exposure| (path, exposure)));
        }
    }
    Ok(None)
}

/// Removes the rights of group and others from the files and folders directly in a folder that belong to this process's
/// user: the umask may have left them.
pub(crate) fn make_private_within(folder: &Path) -> io::Result<()> {
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

/// The owner and the rights of a file or folder.
struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
    is_folder: bool,
    /// Whether it may be changed for the server: an ordinary file, or a folder of the server's own.
    is_ours: bool,
}

impl Rights {
    fn of(path: &Path, found: &Metadata) -> Self {
        Self {
            owner: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
            is_folder: found.is_dir(),
            is_ours: found.is_file() || (found.is_dir() && is_ours_alone(path)),
        }
    }

    fn distrust(&self, path: &Path, process: &Process, reader: Reader) -> Option<Exposure> {
        let path = quoted(&path.display().to_string());
        let is_of_group = process.groups.contains(&self.group) || process.is_root_operator(reader);
        let excess = self.mode & (OTHERS_WRITE | if is_of_group { 0 } else { GROUP_WRITES });
        let chmod = format!("chmod {:o} {path}", self.mode & !excess);
        let (wrong, mend) = if !process.trusts(self.owner, reader) {
            let also = if excess == 0 { String::new() } else { format!(" && {chmod}") };
            (
                format!("belongs to the user {}, who could change it and so become administrator", self.owner),
                format!("run this as that user, or chown {} {path}{also}", process.user),
            )
        } else if excess != 0 {
            let who = if excess & OTHERS_WRITE != 0 {
                "other users".to_owned()
            } else {
                format!("the group {}, which is not this process's", self.group)
            };
            let is_able = process.user == ROOT || process.user == self.owner;
            let (mode, as_root) = (self.mode, if is_able { "" } else { "as root, " });
            (
                format!("can be changed by {who} (mode {mode:04o}), who could so become administrators"),
                format!("{as_root}{chmod}"),
            )
        } else {
            return None;
        };
        Some(Exposure { wrong, mend })
    }

    fn exposure(&self, path: &Path, process: &Process, reader: Reader) -> Option<Exposure> {
        let path = quoted(&path.display().to_string());
        let allowed = OWNER | self.rights_of_group(process, reader);
        let mode = format!("(mode {:04o})", self.mode);
        let wrong = if !process.trusts(self.owner, reader) {
            format!("belongs to the user {}, who could read and replace it", self.owner)
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

    /// The command that makes it private and lets `process` use it.
    fn mend(&self, path: &str, process: &Process, reader: Reader, allowed: u32) -> String {
        let (tight, user) = (if self.is_folder { "700" } else { "600" }, process.user);
        let recursive = if self.is_folder { "-R " } else { "" };
        if !self.is_ours {
            let instead = if self.is_folder {
                "it holds other files, so leave it as it is and name a folder for the server alone"
            } else {
                "it is not an ordinary file, so leave it as it is and name one that is"
            };
            return instead.to_owned();
        }
        let mode_is_wrong = self.mode & !(allowed | OWNER) & (GROUP | OTHERS) != 0;
        if !process.trusts(self.owner, reader) {
            // Root could take the folder away from a service that works.
            if process.user == ROOT && self.is_folder {
                return format!("run this as that user, with sudo -u '#{}'", self.owner);
            }
            let chmod = if mode_is_wrong { format!(" && chmod {tight} {path}") } else { String::new() };
            return format!("run this as that user, or chown {recursive}{user} {path}{chmod}");
        }
        if self.owner == process.user || process.user == ROOT {
            return format!("chmod {tight} {path}");
        }
        // The file is root's: this process reads it by the rights of the group.
        if process.groups.contains(&self.group) {
            return format!("chmod {:o} {path}", self.mode & allowed);
        }
        format!("chown {recursive}{user} {path} && chmod {tight} {path}")
    }
}

/// `text` as one word of a shell.
#[must_use]
pub(crate) fn quoted(text: &str) -> String {
    // Fails for a NUL alone, which neither a path nor an argument can have.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
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
        let exposure =
            Rights { owner, group, mode, is_folder, is_ours: true }.exposure(Path::new("x"), &process, reader);
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
                Some("belongs to the user 1000, who could read and replace it: run this as that user, or chown 998 x"),
            ),
            (
                1_000,
                OWN_GROUP,
                0o644,
                Some(
                    "belongs to the user 1000, who could read and replace it: run this as that user, or chown 998 x && chmod 600 x",
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
                Some(
                    "belongs to the user 998, who could read and replace it: run this as that user, with sudo -u '#998'",
                ),
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

    #[test]
    fn a_trusted_file_is_for_all_to_read_and_for_its_owner_to_change() {
        let judged = |owner, group, mode, user, reader| {
            let process = Process { user, groups: vec![OWN_GROUP] };
            let found = Rights { owner, group, mode, is_folder: false, is_ours: true };
            found.distrust(Path::new("x"), &process, reader).map(|exposure| exposure.mend)
        };
        for (owner, group, mode, user, expected) in [
            (SERVER, OWN_GROUP, 0o644, SERVER, None),
            (SERVER, OWN_GROUP, 0o664, SERVER, None),
            (SERVER, FOREIGN, 0o644, SERVER, None),
            (ROOT, ROOT, 0o644, SERVER, None),
            (ROOT, FOREIGN, 0o640, SERVER, None),
            (ROOT, OWN_GROUP, 0o664, SERVER, None),
            (SERVER, OWN_GROUP, 0o666, SERVER, Some("chmod 664 x")),
            (SERVER, FOREIGN, 0o664, SERVER, Some("chmod 644 x")),
            (ROOT, FOREIGN, 0o664, SERVER, Some("as root, chmod 644 x")),
            (ROOT, ROOT, 0o646, ROOT, Some("chmod 644 x")),
            (FOREIGN, FOREIGN, 0o600, SERVER, Some("run this as that user, or chown 998 x")),
            (FOREIGN, FOREIGN, 0o644, ROOT, Some("run this as that user, or chown 0 x")),
            (FOREIGN, OWN_GROUP, 0o666, ROOT, Some("run this as that user, or chown 0 x && chmod 664 x")),
        ] {
            let mend = judged(owner, group, mode, user, Reader::Server);
            assert_eq!(mend.as_deref(), expected, "{owner}:{group} {mode:04o} for {user}");
        }
        assert_eq!(judged(FOREIGN, FOREIGN, 0o664, ROOT, Reader::Operator), None);
        assert!(judged(FOREIGN, FOREIGN, 0o666, ROOT, Reader::Operator).is_some(), "any user could change it");
    }

    #[test]
    fn a_folder_of_other_things_is_never_to_be_changed_for_the_server() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mend = || exposure(folder.path(), Reader::Server).unwrap().unwrap().mend;
        assert!(mend().starts_with("chmod 700 "), "an empty one is new");
        fs::write(folder.path().join("null"), "").unwrap();
        assert_eq!(mend(), "it holds other files, so leave it as it is and name a folder for the server alone");
        fs::write(folder.path().join(".lock"), "").unwrap();
        assert!(mend().starts_with("chmod 700 "), "sync made it");
    }
}
