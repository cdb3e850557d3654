//! A private folder that lives as long as its value.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ring::rand::{SecureRandom as _, SystemRandom};

/// A folder of mode 0700, which is removed with all that is in it when this is dropped, or before.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    is_removed: AtomicBool,
}

impl TemporaryFolder {
    /// A new folder below `parent`. Nobody can guess its name, and it did not exist before.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        let mut random = [0_u8; 8];
        SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("the system gives no randomness"))?;
        let mut name = "boomgate-".to_owned();
        for byte in random {
            // Writing to a string does not fail.
            let _written = write!(name, "{byte:02x}");
        }
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, is_removed: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it; a second call does nothing.
    pub(crate) fn remove(&self) {
        if self.is_removed.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary folder was not removed");
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_temporary_folder_is_private_and_goes_with_its_value() {
        let parent = tempfile::tempdir().unwrap();
        let folder = TemporaryFolder::new(parent.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(path.join("tls")).unwrap();
        fs::write(path.join("tls/ca.pem"), "a").unwrap();
        drop(folder);
        assert!(!path.exists());
        assert!(TemporaryFolder::new(&path).is_err(), "its parent is gone");
    }
}
