//! The files and folders with secrets: no other user may read them.

use std::path::PathBuf;

use super::Finding;
use crate::config::Config;
use crate::declared::SECRETS_FOLDER;
use crate::files::{self, Reader};
use crate::server::first_start::{ADMIN_CREDENTIALS, DEMO_CREDENTIALS};

/// Those of the data folder, those that the settings name, and `others`.
pub(crate) fn secret_files(config: &Config, others: impl IntoIterator<Item = PathBuf>) -> Finding {
    const CHECK: &str = "secret files";
    let data_dir = &config.data_dir;
    let mut paths: Vec<PathBuf> = ["db", "db/db", "tls", ADMIN_CREDENTIALS, DEMO_CREDENTIALS, SECRETS_FOLDER]
        .map(|name| data_dir.join(name))
        .to_vec();
    paths.extend(["ca-key.pem", "leaf-key.pem"].map(|name| data_dir.join("tls").join(name)));
    paths.extend(config.tls.files.iter().map(|files| files.private_key.clone()));
    paths.extend(others);
    let mut count = 0;
    let (mut wrong, mut fixes) = (Vec::new(), Vec::new());
    for path in paths {
        // Other checks report files that are missing or that this user cannot see.
        let Ok(found) = files::exposure(&path, Reader::Operator) else { continue };
        count += 1;
        if let Some(exposure) = found {
            wrong.push(format!("{} {}", path.display(), exposure.wrong()));
            fixes.push(exposure.mend().to_owned());
        }
    }
    if wrong.is_empty() {
        return Finding::ok(CHECK, format!("{count} files and folders, none open to other users"));
    }
    Finding::fail(CHECK, wrong.join(", "), fixes.join(" && "))
}
