//! What the machine gives: time, space, files.

use std::path::Path;

use rustix::fs::statvfs;

use super::super::open_files;
use super::{Finding, Setup};
use crate::config::Config;
use crate::time::UnixSeconds;

/// A clock that says it is earlier was never set: this program is younger than that (2026-01-01).
const EARLIEST: UnixSeconds = UnixSeconds::new(1_767_225_600);
/// Nor will this program still be in use then (2100-01-01).
const LATEST: UnixSeconds = UnixSeconds::new(4_102_444_800);
const MIB: u64 = 1_024 * 1_024;
/// The store's log grows by segments of 2 MiB, and a commit that finds no room is refused.
const MIN_FREE: u64 = 64 * MIB;
const COMFORTABLE_FREE: u64 = 1_024 * MIB;
const MIN_INODES: u64 = 100;
const COMFORTABLE_INODES: u64 = 10_000;

pub(super) fn look(setup: &Setup<'_>) -> Vec<Finding> {
    let mut findings = vec![clock(setup.now)];
    findings.extend(space(&setup.config.data_dir));
    findings.push(open_files(open_files::most(), &setup.config));
    findings
}

fn clock(now: UnixSeconds) -> Finding {
    if (EARLIEST..LATEST).contains(&now) {
        return Finding::ok("clock", format!("{now}"));
    }
    let mend = "set it, or let it be set: timedatectl set-ntp true";
    Finding::fail("clock", format!("this machine's clock says {now}, so every token and certificate is wrong"), mend)
}

fn space(data_dir: &Path) -> Vec<Finding> {
    // Before the first start there is only what the folder will be in.
    let existing = data_dir.ancestors().find(|path| path.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = match statvfs(existing) {
        Ok(found) => found,
        Err(error) => return vec![Finding::warn("disk", format!("{}: {error}", existing.display()), "look by hand")],
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let inodes = (found.f_files > 0).then_some(found.f_favail);
    vec![disk(free), inode_count(inodes)]
}

fn disk(free: u64) -> Finding {
    let detail = format!("{} MiB are free for the data folder", free / MIB);
    let mend = "make room, or choose another folder with --data-dir; what cannot be written is refused";
    match free {
        ..MIN_FREE => Finding::fail("disk", detail, mend),
        MIN_FREE..COMFORTABLE_FREE => Finding::warn("disk", detail, mend),
        COMFORTABLE_FREE.. => Finding::ok("disk", detail),
    }
}

/// `None` where the file system has as many as it needs.
fn inode_count(free: Option<u64>) -> Finding {
    let Some(free) = free else { return Finding::ok("inodes", "as many as there is space for") };
    let detail = format!("{free} more files can be made");
    let mend = "remove files from that file system; the store makes some now and then";
    match free {
        ..MIN_INODES => Finding::fail("inodes", detail, mend),
        MIN_INODES..COMFORTABLE_INODES => Finding::warn("inodes", detail, mend),
        COMFORTABLE_INODES.. => Finding::ok("inodes", detail),
    }
}

/// The most that this process may be given; a service has a limit of its own.
fn open_files(most: Option<u64>, config: &Config) -> Finding {
    const CHECK: &str = "open files";
    let (connections, needed) = (open_files::connections(config), open_files::needed(config));
    let Some(most) = most.filter(|most| *most < needed) else {
        return Finding::ok(CHECK, format!("enough for {connections} connections"));
    };
    Finding::warn(
        CHECK,
        format!(
            "a server started here may open {most}, and http.max_connections on {} workers needs {needed}",
            config.workers
        ),
        format!(
            "raise the hard limit before the start (as root `ulimit -Hn {needed}`, under systemd LimitNOFILE={needed}), or \
             set http.max_connections to {}",
            open_files::connections_for(most, config)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Outcome::{Fail, Ok, Warn};
    use super::*;
    use crate::config::{Config, Edition};

    #[test]
    fn a_clock_that_was_never_set_fails() {
        for (now, outcome) in
            [("1970-01-01T00:10:00Z", Fail), ("2026-11-24T00:00:00Z", Ok), ("2106-01-01T00:00:00Z", Fail)]
        {
            assert_eq!(clock(UnixSeconds::parse(now).unwrap()).outcome, outcome, "{now}");
        }
    }

    #[test]
    fn little_space_warns_and_hardly_any_fails() {
        for (free, outcome) in [(0, Fail), (MIN_FREE - 1, Fail), (MIN_FREE, Warn), (u64::MAX, Ok)] {
            assert_eq!(disk(free).outcome, outcome, "{free}");
        }
        for (free, outcome) in [(Some(0), Fail), (Some(MIN_INODES), Warn), (Some(COMFORTABLE_INODES), Ok), (None, Ok)] {
            assert_eq!(inode_count(free).outcome, outcome, "{free:?}");
        }
    }

    #[test]
    fn fewer_files_than_connections_warn_and_say_what_would_fit() {
        let mut config = Config { workers: 2, ..Config::defaults(Edition::Serve) };
        config.http.max_connections = 500;
        let finding = open_files(Some(1_024), &config);
        assert_eq!(finding.outcome, Warn);
        assert!(finding.mend.unwrap().ends_with("set http.max_connections to 480"));
        config.http.max_connections = 480;
        for most in [Some(1_024), None] {
            assert_eq!(open_files(most, &config).outcome, Ok, "{most:?}");
        }
        // The default fits the limit that systemd gives, however many processors there are.
        let config = Config { workers: 128, ..Config::defaults(Edition::Serve) };
        assert_eq!(open_files(Some(524_288), &config).outcome, Ok);
    }
}
