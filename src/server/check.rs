//! The checks of a start, before it changes anything.
//!
//! [`Server::open`](super::Server::open) begins with them, and `boomgate config check` runs only them, so that both
//! report the same. They take no port for longer than a moment, create no file and do not open the store: it is no
//! fault here that another server runs on the folder.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rustix::fs::{Access, access};
use tokio::net::TcpSocket;

use super::declared;
use super::error::StartError;
use super::first_start::{ADMIN_CREDENTIALS, DEMO_CREDENTIALS};
use super::record::ServerRecord;
use crate::config::{Config, Edition};
use crate::declared::{Declared, SECRETS_FOLDER};
use crate::files::{self, Reader};
use crate::passports::read_trusted_keys;
use crate::store::{SledStore, StoreError};
use crate::time::UnixSeconds;
use crate::tls::{CertificateFacts, Tls, TlsSettings};

/// What the checks found.
pub struct Checked {
    /// Any of them refuses the start.
    pub faults: Vec<StartError>,
    /// What is valid and hardly ever intended; one line each.
    pub warnings: Vec<String>,
    /// The clients that `clients_file` declares.
    pub(super) declared: Option<Vec<Declared>>,
}

impl Checked {
    /// The declared secrets that are easy to guess. The start warns of one that its client has already; it refuses to
    /// register or rotate with any other. Which of the two applies, only the store knows.
    #[must_use]
    pub(crate) fn weak_secrets(&self) -> Vec<String> {
        let declared = self.declared.iter().flatten();
        declared.filter_map(|client| client.secret.weakness(&client.client_id)).collect()
    }
}

/// Checks the data folder, the declared clients, the trusted keys and the certificate that these settings name, and the
/// certificate as of `now`.
#[must_use]
pub fn check(config: &Config, now: UnixSeconds) -> Checked {
    let mut faults = Vec::new();
    let declared = declared::read(config).unwrap_or_else(|error| {
        faults.push(error);
        None
    });
    let trusted_keys = config.reports.trusted_keys.as_deref().map(read_trusted_keys);
    faults.extend(trusted_keys.and_then(Result::err).map(StartError::from));
    let folder = check_folder(&config.data_dir).and_then(|()| check_edition(config));
    let is_usable = folder.is_ok();
    faults.extend(folder.err());
    // The local CA is in the folder.
    if is_usable || config.tls.files.is_some() {
        faults.extend(Tls::check(tls_settings(config), now).err().map(StartError::from));
    }
    let mut warnings = config.warnings();
    warnings.extend(certificate_warnings(config, now));
    Checked { faults, warnings, declared }
}

/// Why the server could not listen: the machine does not have an address, this user may not use a port, or another
/// program has it. The server that runs on the folder may have it. A server that starts at this moment is not
/// disturbed.
#[must_use]
pub(crate) fn check_addresses(config: &Config) -> Vec<StartError> {
    let of_listen = config.listen.iter().enumerate().map(|(index, address)| (*address, "--listen", index > 0));
    let own_server = is_running(config).then(|| ServerRecord::read(&config.data_dir));
    let others = [(config.http_listen, "http_listen"), (config.ops_listen, "ops_listen")];
    let others = others.into_iter().filter_map(|(address, setting)| Some((address?, setting, false)));
    let fault = |(address, setting, is_optional): (SocketAddr, &'static str, bool)| {
        let cause = try_port(address).err()?;
        if cause.kind() == io::ErrorKind::AddrInUse {
            let is_own = own_server.as_ref().is_some_and(|record| may_have(record.as_ref(), address, setting));
            return (!is_own).then_some(StartError::PortInUse { address, setting });
        }
        let is_missing = cause.kind() == io::ErrorKind::AddrNotAvailable;
        let is_fault = cause.kind() == io::ErrorKind::PermissionDenied || (is_missing && !is_optional);
        is_fault.then_some(StartError::Listen { address, setting, cause })
    };
    of_listen.chain(others).filter_map(fault).collect()
}

/// Binds an address as a server does, and does not listen on it, so that a server can still take it.
fn try_port(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else the last connections of an ended server would look like another program.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

fn is_running(config: &Config) -> bool {
    matches!(SledStore::is_held(&config.data_dir.join("db")), Ok(Some(true)))
}

/// Whether the server that runs on the folder may be the one that has an address. Its record has the HTTPS addresses
/// only.
fn may_have(record: Option<&ServerRecord>, address: SocketAddr, setting: &str) -> bool {
    let serves = |record: &ServerRecord| record.listen.iter().any(|own| own.port() == address.port());
    setting != "--listen" || record.is_none_or(serves)
}

/// Where the certificate comes from.
pub(super) fn tls_settings(config: &Config) -> TlsSettings {
    TlsSettings {
        dir: config.data_dir.join("tls"),
        certificate: config.tls.files.as_ref().map(|files| files.certificate.clone()),
        private_key: config.tls.files.as_ref().map(|files| files.private_key.clone()),
        names: config.tls.names.clone(),
    }
}

/// The folder is private and can be written, or can be created.
fn check_folder(data_dir: &Path) -> Result<(), StartError> {
    let unfit = |path: &Path, cause: io::Error| StartError::Folder { path: path.to_owned(), cause };
    match fs::metadata(data_dir) {
        Ok(found) if !found.is_dir() => return Err(unfit(data_dir, io::ErrorKind::NotADirectory.into())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return check_parent(data_dir),
        Err(error) => return Err(unfit(data_dir, error)),
    }
    for name in ["", ADMIN_CREDENTIALS, DEMO_CREDENTIALS, SECRETS_FOLDER] {
        let path = if name.is_empty() { data_dir.to_owned() } else { data_dir.join(name) };
        refuse_exposed(&path)?;
    }
    access(data_dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| unfit(data_dir, error.into()))?;
    let store = data_dir.join("db");
    let exposed = files::exposure(&store, Reader::Server).ok().flatten().map(|exposure| (store.clone(), exposure));
    let exposed = exposed.or_else(|| files::foreign_within(&store).ok().flatten());
    match exposed {
        Some((path, exposure)) => Err(StoreError::Exposed { dir: path.display().to_string().into(), exposure }.into()),
        None => Ok(()),
    }
}

/// A folder that does not exist yet can be created.
fn check_parent(data_dir: &Path) -> Result<(), StartError> {
    if data_dir.is_symlink() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "it is a link to a folder that does not exist");
        return Err(StartError::Folder { path: data_dir.to_owned(), cause });
    }
    let parent = data_dir.ancestors().skip(1).find(|path| path.exists());
    let parent = parent.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let writable = if parent.is_dir() {
        access(parent, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    };
    writable.map_err(|cause| StartError::Folder { path: data_dir.to_owned(), cause })
}

/// Guesses the edition from the credentials in the folder. The store knows for sure, once it is open.
fn check_edition(config: &Config) -> Result<(), StartError> {
    let has = |name: &str| config.data_dir.join(name).exists();
    let is_other = match config.edition {
        Edition::Serve => has(DEMO_CREDENTIALS) && !has(ADMIN_CREDENTIALS),
        Edition::Sandbox => has(ADMIN_CREDENTIALS),
    };
    if is_other {
        return Err(StartError::OtherEdition(config.data_dir.clone(), config.edition.other().name()));
    }
    Ok(())
}

/// The file or folder at `path` is private, if it exists.
fn refuse_exposed(path: &Path) -> Result<(), StartError> {
    match files::exposure(path, Reader::Server) {
        Ok(Some(exposure)) => Err(StartError::Exposed { path: path.to_owned(), exposure }),
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(StartError::Folder { path: path.to_owned(), cause })
        }
        Ok(None) | Err(_) => Ok(()),
    }
}

/// What clients will find wrong with the certificate.
fn certificate_warnings(config: &Config, now: UnixSeconds) -> Vec<String> {
    let host = config.issuer_host();
    let Some(files) = &config.tls.files else {
        let is_for_host = Tls::has_local_name(&tls_settings(config), host);
        let missing = format!(
            "clients call {host}, and the certificate that the server makes is not for that name: add it to \
             tls.names, or set tls.certificate and tls.private_key"
        );
        return if is_for_host { Vec::new() } else { vec![missing] };
    };
    // A certificate that cannot be read is a fault already.
    let Ok(facts) = CertificateFacts::read(&files.certificate, None) else { return Vec::new() };
    let path = files.certificate.display();
    let mut warnings = Vec::new();
    if facts.not_after < now {
        warnings.push(format!("{path} expired at {}, so no client accepts it: renew it", facts.not_after));
    }
    if facts.not_before > now {
        warnings.push(format!("{path} is valid only from {} on, so no client accepts it yet", facts.not_before));
    }
    // Without an issuer another warning says to set one.
    if config.issuer.is_some() && !facts.is_for(host) {
        warnings.push(format!(
            "clients call {host}, and {path} is not for that name: use another certificate, or set issuer"
        ));
    }
    warnings
}
