//! The machine: its clock, and free disk space.

use std::path::Path;

use rustix::fs::statvfs;

use super::Finding;
use crate::time::UnixSeconds;

/// A clock before 2026-01-01 was never set: this program is younger.
const EARLIEST: UnixSeconds = UnixSeconds::new(1_767_225_600);
/// A clock after 2100-01-01 is wrong too.
const LATEST: UnixSeconds = UnixSeconds::new(4_102_444_800);
const MIB: u64 = 1_024 * 1_024;
/// The store's log grows by segments of 2 MiB, and the store refuses a commit that has no room.
const MIN_FREE: u64 = 64 * MIB;
const COMFORTABLE_FREE: u64 = 1_024 * MIB;
const MIN_INODES: u64 = 100;
const COMFORTABLE_INODES: u64 = 10_000;

/// Whether the clock was set at all.
pub(crate) fn clock(now: UnixSeconds) -> Finding {
    if (EARLIEST..LATEST).contains(&now) {
        return Finding::ok("clock", format!("{now}"));
    }
    let fix = "set it, or let the system set it: timedatectl set-ntp true";
    Finding::fail("clock", format!("this machine's clock says {now}, so every token and certificate is wrong"), fix)
}

/// What is left on the file system of the data folder.
pub(crate) fn space(data_dir: &Path) -> Vec<Finding> {
    // Before the first start, the data folder does not exist: look at the folder above it.
    let existing = data_dir.ancestors().find(|path| path.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = match statvfs(existing) {
        Ok(found) => found,
        Err(error) => {
            return vec![Finding::warn("disk", format!("{}: {error}", existing.display()), "check it by hand")];
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let inodes = (found.f_files > 0).then_some(found.f_favail);
    vec![disk(free), inode_count(inodes)]
}

fn disk(free: u64) -> Finding {
    let detail = format!("{} MiB are free for the data folder", free / MIB);
    let fix =
        "free some space, or choose another folder with --data-dir; the server refuses changes that it cannot write";
    match free {
        ..MIN_FREE => Finding::fail("disk", detail, fix),
        MIN_FREE..COMFORTABLE_FREE => Finding::warn("disk", detail, fix),
        COMFORTABLE_FREE.. => Finding::ok("disk", detail),
    }
}

/// `None` means that the file system has no limit.
fn inode_count(free: Option<u64>) -> Finding {
    let Some(free) = free else { return Finding::ok("inodes", "no limit") };
    let detail = format!("{free} more files can be created");
    let fix = "remove files from that file system: the store creates new ones";
    match free {
        ..MIN_INODES => Finding::fail("inodes", detail, fix),
        MIN_INODES..COMFORTABLE_INODES => Finding::warn("inodes", detail, fix),
        COMFORTABLE_INODES.. => Finding::ok("inodes", detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::health::Outcome::{Fail, Ok, Warn};

    #[test]
    fn a_clock_that_was_never_set_fails() {
        for (now, outcome) in
            [("1970-01-01T00:10:00Z", Fail), ("2026-11-24T00:00:00Z", Ok), ("2106-01-01T00:00:00Z", Fail)]
        {
            assert_eq!(clock(UnixSeconds::parse(now).unwrap()).outcome, outcome, "{now}");
        }
    }

    #[test]
    fn little_free_space_is_a_warning_and_very_little_a_failure() {
        for (free, outcome) in [(0, Fail), (MIN_FREE - 1, Fail), (MIN_FREE, Warn), (u64::MAX, Ok)] {
            assert_eq!(disk(free).outcome, outcome, "{free}");
        }
        for (free, outcome) in [(Some(0), Fail), (Some(MIN_INODES), Warn), (Some(COMFORTABLE_INODES), Ok), (None, Ok)] {
            assert_eq!(inode_count(free).outcome, outcome, "{free:?}");
        }
    }
}
