//! How commands of the same machine reach a server: written into its data folder at each start.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::files;

/// The file's name in the data folder.
const FILE: &str = "server.json";

/// The server that started last on a data folder.
///
/// Its flags and variables count here, which another process cannot see: `--listen 127.0.0.1:0` is the port
/// that the system chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The issuer identifier.
    pub issuer: String,
    /// The addresses that serve HTTPS.
    pub listen: Vec<SocketAddr>,
    /// The PEM file of the chain that the server shows; `None` when its local CA signs the certificate.
    pub certificate: Option<PathBuf>,
}

impl ServerRecord {
    /// A server with these settings, which has this issuer and these addresses.
    pub(super) fn new(config: &Config, issuer: String, listen: Vec<SocketAddr>) -> Self {
        let absolute = |path: &Path| {
            let absolute = std::path::absolute(path).ok().filter(|path| path.to_str().is_some());
            absolute.unwrap_or_else(|| path.to_owned())
        };
        let certificate = config.tls.files.as_ref().map(|files| absolute(&files.certificate));
        Self { issuer, listen, certificate }
    }

    /// Reads the record of a data folder; `None` where there is none, or this user may not read it.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data_dir.join(FILE)).ok()?).ok()
    }

    /// Writes the record, unless it is there already.
    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        if Self::read(data_dir).as_ref() == Some(self) {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(self)?;
        files::write_private(&data_dir.join(FILE), format!("{text}\n").as_bytes())
    }
}
