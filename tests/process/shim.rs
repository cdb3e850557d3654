//! The library that is preloaded into a server to record what it asks of the disk, or to make that fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Site;

/// Compiles `shim.c`, once, with the C compiler that this project needs in any case.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (draft, library) = (folder.join(format!("shim.{}", std::process::id())), folder.join("shim.so"));
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&draft, &source])
            .args(["-ldl", "-lpthread"])
            .stdin(Stdio::null())
            .status();
        assert!(compiled.expect("a C compiler, `cc`").success(), "tests/process/shim.c is not compiled");
        // Whoever has the former one open keeps it.
        fs::rename(draft, &library).unwrap();
        library
    })
}

/// Makes calls of one server fail, from now on or never.
pub struct Faults {
    path: PathBuf,
    serial: AtomicU64,
}

/// Which calls: see `shim.c`.
pub const WRITES: &str = "ow";
pub const SYNCS: &str = "s";
pub const SYNC_RANGES: &str = "r";
pub const READS: &str = "p";
pub const LATE_SYNC_RANGES: &str = "rd";
pub const ALL: &str = "owsr";
/// All of them, and they do not fail but never return.
pub const ALL_HANG: &str = "owsrh";

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;
pub const EROFS: i32 = 30;

impl Faults {
    /// None yet, in the data folder of each server of `site` that is started from now on.
    pub fn of(site: &mut Site) -> Self {
        let path = site.folder().join("faults");
        site.set("SHIM_FOLDER", site.data_dir());
        site.set("SHIM_FAULTS", &path);
        site.set("LD_PRELOAD", library());
        Self { path, serial: AtomicU64::new(0) }
    }

    /// After `skip` more of these calls, the next `count` fail with this error number.
    pub fn start(&self, calls: &str, errno: i32, skip: u32, count: u32) {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst);
        let draft = self.path.with_extension("new");
        fs::write(&draft, format!("{calls} {errno} {skip} {count} {serial}")).unwrap();
        fs::rename(draft, &self.path).unwrap();
    }

    /// Everything succeeds again.
    pub fn stop(&self) {
        fs::remove_file(&self.path).unwrap();
    }
}
