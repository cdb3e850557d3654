//! How commands on the same machine reach a server: each start writes this record into its data folder.

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
/// It includes the server's flags and variables, which another process cannot see: for `--listen 127.0.0.1:0` it has
/// the port that the system chose.
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
    /// The record of a server with these settings, this issuer and these addresses.
    pub(super) fn new(config: &Config, issuer: String, listen: Vec<SocketAddr>) -> Self {
        let absolute = |path: &Path| {
            let absolute = std::path::absolute(path).ok().filter(|path| path.to_str().is_some());
            absolute.unwrap_or_else(|| path.to_owned())
        };
        let certificate = config.tls.files.as_ref().map(|files| absolute(&files.certificate));
        Self { issuer, listen, certificate }
    }

    /// Reads the record in a data folder; `None` if there is none, or this user may not read it.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data_dir.join(FILE)).ok()?).ok()
    }

    /// Writes the record, unless the file has it already.
    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        if Self::read(data_dir).as_ref() == Some(self) {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(self)?;
        files::write_private(&data_dir.join(FILE), format!("{text}\n").as_bytes())
    }
}
