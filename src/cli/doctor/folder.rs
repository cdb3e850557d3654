//! Checks of the data folder: who may read it, and the store.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, access};

use super::super::credentials::{ADMIN_FILE, DEMO_FILE};
use super::{Finding, Setup};
use crate::files::{self, Reader};
use crate::server::checkup::{certificates, secret_files};
use crate::store::SledStore;

pub(super) fn check(setup: &Setup<'_>, must_be_sandbox: bool) -> Vec<Finding> {
    let data_dir = &setup.config.data_dir;
    let mut findings = vec![folder(data_dir, must_be_sandbox)];
    if data_dir.exists() && access(data_dir, Access::READ_OK | Access::EXEC_OK).is_err() {
        // Its content cannot be read, which the finding above says already.
        return findings;
    }
    if data_dir.is_dir() {
        findings.push(secret_files(&setup.config, setup.connection.credentials.clone()));
        findings.push(store(&data_dir.join("db")));
    }
    findings.extend(certificates(&setup.config, setup.now));
    findings
}

fn folder(data_dir: &Path, must_be_sandbox: bool) -> Finding {
    const CHECK: &str = "data folder";
    let shown = data_dir.display();
    let found = match fs::metadata(data_dir) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(data_dir),
        Err(error) => return Finding::fail(CHECK, format!("{shown}: {error}"), "run this as the server's own user"),
    };
    if !found.is_dir() {
        return Finding::fail(CHECK, format!("{shown} is not a folder"), "name another with --data-dir");
    }
    if let Some(exposure) = files::exposure_of(data_dir, &found, Reader::Operator) {
        return Finding::fail(CHECK, format!("{shown} {}", exposure.wrong()), exposure.mend());
    }
    if access(data_dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let fix = format!("run this, and the server, as the user {}, or make it yours with chown", found.uid());
        return Finding::fail(CHECK, format!("{shown} cannot be written by this user"), fix);
    }
    // Only root gets here with another user's folder.
    if let Some(exposure) = files::exposure_of(data_dir, &found, Reader::Server) {
        let detail = format!("{shown} belongs to the user {}, and you are root", found.uid());
        return Finding::warn(CHECK, detail, format!("to start the server, {}", exposure.mend()));
    }
    match (data_dir.join(ADMIN_FILE).exists(), data_dir.join(DEMO_FILE).exists()) {
        (true, _) if must_be_sandbox => {
            let fix = "choose another folder for the sandbox with --data-dir";
            Finding::fail(CHECK, format!("{shown} was made by `boomgate serve`"), fix)
        }
        (true, _) => Finding::ok(CHECK, format!("{shown}, of `boomgate serve`")),
        (false, true) => Finding::ok(CHECK, format!("{shown}, of `boomgate sandbox`")),
        (false, false) => Finding::ok(CHECK, format!("{shown} can be used")),
    }
}

/// There is no data folder yet.
fn missing(data_dir: &Path) -> Finding {
    let parent = data_dir.ancestors().skip(1).find(|path| path.exists());
    let parent = parent.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let detail = format!("there is no folder {}", data_dir.display());
    if access(parent, Access::WRITE_OK | Access::EXEC_OK).is_err() || !parent.is_dir() {
        let fix = format!("it cannot be created in {}: name another with --data-dir", parent.display());
        return Finding::fail("data folder", detail, fix);
    }
    Finding::warn("data folder", detail, "the first start creates it; if it is elsewhere, name it with --data-dir")
}

fn store(dir: &Path) -> Finding {
    match SledStore::is_held(dir) {
        Ok(Some(true)) => Finding::ok("store", format!("{} is in use by a running server", dir.display())),
        Ok(Some(false)) => Finding::ok("store", format!("{} is free: no server runs on it", dir.display())),
        Ok(None) => Finding::ok("store", "none yet: the first start creates it"),
        Err(error) => Finding::fail(
            "store",
            format!("{}: {error}", dir.join("lock").display()),
            "run this as the server's own user, and give the folder to that user",
        ),
    }
}
