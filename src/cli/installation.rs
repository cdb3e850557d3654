//! The server of this machine, as its settings and its data folder describe it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;

use super::credentials::{self, ADMIN_FILE, DEMO_FILE};
use crate::config::{Config, ConfigError, Edition, Environment, Flags, Origin, Setting};
use crate::files::{self, Reader};
use crate::server::ServerRecord;

/// The settings that say where a server listens, and its name and certificate.
const DESCRIBING: [&str; 3] = ["listen", "issuer", "tls.certificate"];

/// The paths of a server's settings and data folder.
#[derive(Args, Clone)]
pub(super) struct InstallationOptions {
    /// The server's data folder [default: data_dir of the settings, else data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Connection")]
    pub(super) data_dir: Option<PathBuf>,
    /// The server's settings (TOML), for its folder, address, name and certificate [default: the file that
    /// BOOMGATE_CONFIG names, else none]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(super) config: Option<PathBuf>,
}

/// The settings as far as they can be read, and the record that the server wrote into its folder.
pub(super) struct Installation {
    config: Config,
    record: Option<ServerRecord>,
    /// Whether the settings describe a server: defaults alone do not.
    is_described: bool,
    fault: Option<ConfigError>,
}

impl Installation {
    /// Reads the settings, and the record in the data folder.
    ///
    /// The file of `--config` must have no fault. The file that the environment names may have faults, or be readable
    /// by the server's user alone: then the command uses what it can read.
    pub(super) fn find(options: &InstallationOptions, environment: &Environment) -> anyhow::Result<Self> {
        let InstallationOptions { data_dir, config } = options.clone();
        let is_named = config.is_some();
        let flags = Flags { listen: Vec::new(), data_dir, file: config };
        let (mut config, mut settings, mut fault) =
            Config::load_partly(Edition::Serve, &flags, environment, Reader::Operator);
        if is_of_a_sandbox(&config.data_dir) {
            (config, settings, fault) = Config::load_partly(Edition::Sandbox, &flags, environment, Reader::Operator);
        }
        match fault {
            Some(fault) if is_named => bail!(fault),
            fault => Ok(Self::new(config, &settings, fault)),
        }
    }

    pub(super) fn new(config: Config, settings: &[Setting], fault: Option<ConfigError>) -> Self {
        let describes = |setting: &Setting| DESCRIBING.contains(&setting.key) && setting.origin != Origin::Default;
        let is_described = settings.iter().any(describes);
        let record = ServerRecord::read(&config.data_dir);
        Self { config, record, is_described, fault }
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The server's issuer and addresses; `None` if neither the record nor the settings have them. The record counts
    /// first, because the settings may have changed since the start.
    pub(super) fn own_server(&self) -> Option<(String, Vec<SocketAddr>)> {
        if let Some(record) = &self.record {
            return Some((record.issuer.clone(), record.listen.clone()));
        }
        let listen: Vec<SocketAddr> =
            self.config.listen.iter().copied().filter(|address| address.port() != 0).collect();
        let port = listen.first().filter(|_| self.is_described)?.port();
        let issuer = self.config.issuer.clone().unwrap_or_else(|| format!("https://localhost:{port}"));
        Some((issuer, listen))
    }

    /// The issuer that the credentials in the folder are for.
    pub(super) fn issuer_of_credentials(&self) -> Option<String> {
        credentials::issuer_in(self.data_dir())
    }

    /// The path of the local certificate authority, which may not exist.
    pub(super) fn authority(&self) -> PathBuf {
        self.data_dir().join("tls").join("ca.pem")
    }

    /// The operator's certificate chains: the one that the server shows, and the one that it will show after its next
    /// start.
    pub(super) fn chains(&self) -> Vec<PathBuf> {
        let shown = self.record.as_ref().and_then(|record| record.certificate.clone());
        let configured = self.config.tls.files.as_ref().map(|files| files.certificate.clone());
        let absolute = |path: &PathBuf| std::path::absolute(path).ok();
        let is_same = shown.as_ref().and_then(absolute) == configured.as_ref().and_then(absolute);
        shown.into_iter().chain(configured.filter(|_| !is_same)).collect()
    }

    /// Why the settings could not be read, for the end of an error message.
    pub(super) fn caveat(&self) -> Option<String> {
        match self.fault.as_ref()? {
            ConfigError::Unreadable { path, source } => {
                Some(format!("the settings in {} could not be read: {source}", path.display()))
            }
            ConfigError::Exposed { .. } | ConfigError::Faults(_) => {
                Some("some settings are wrong, see `boomgate config check`".to_owned())
            }
        }
    }

    /// Reads the certificate authority in the file `named`, else the local one.
    pub(super) fn read_authority(&self, named: Option<&Path>) -> anyhow::Result<(PathBuf, Vec<u8>)> {
        if let (None, Some(chain)) = (named, self.chains().first()) {
            bail!(
                "the server shows the certificate in {}, which no local authority has signed: name its authority with --ca, \
                 or that file if it is self-signed",
                chain.display()
            );
        }
        let path = named.map_or_else(|| self.authority(), Path::to_owned);
        let pem = files::read_pem(&path).map_err(|error| {
            anyhow!(
                "cannot read the certificate authority {}: {error}; name the server's folder with --data-dir, or the file \
                 with --ca",
                path.display()
            )
        })?;
        Ok((path, pem))
    }
}

/// Whether a sandbox made the folder: no other server writes the demo clients' file.
pub(super) fn is_of_a_sandbox(data_dir: &Path) -> bool {
    data_dir.join(DEMO_FILE).exists() && !data_dir.join(ADMIN_FILE).exists()
}
