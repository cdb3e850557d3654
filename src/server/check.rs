//! What a start looks at before it changes anything.
//!
//! [`Server::open`](super::Server::open) begins with it, and `boomgate config check` is nothing else, so that the one
//! says what the other does. It takes no port for longer than a moment, makes no file and does not open the store: that
//! another server runs on the folder is no fault here.

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
use crate::store::{SledStore, StoreError};
use crate::time::UnixSeconds;
use crate::tls::{CertificateFacts, Tls, TlsSettings};

/// What was found.
pub struct Checked {
    /// Each of them refuses the start.
    pub faults: Vec<StartError>,
    /// What a start would do, and hardly anybody means; one line each.
    pub warnings: Vec<String>,
    /// The clients that `clients_file` declares.
    pub(super) declared: Option<Vec<Declared>>,
}

impl Checked {
    /// The declared secrets that are easy to guess. What a start does about each only the store can tell: it warns
    /// where the client has the secret already, and else refuses that client's registration or rotation.
    #[must_use]
    pub(crate) fn weak_secrets(&self) -> Vec<String> {
        let declared = self.declared.iter().flatten();
        declared.filter_map(|client| client.secret.weakness(&client.client_id)).collect()
    }
}

/// Looks at the data folder, the declared clients and the certificate that these settings name; `now` is the moment
/// by which clients judge a certificate.
#[must_use]
pub fn check(config: &Config, now: UnixSeconds) -> Checked {
    let mut faults = Vec::new();
    let declared = declared::read(config).unwrap_or_else(|error| {
        faults.push(error);
        None
    });
    let in_folder = check_folder(&config.data_dir).and_then(|()| check_edition(config));
    let can_be_entered = in_folder.is_ok();
    faults.extend(in_folder.err());
    // Of what is in a folder that is not to be used there is nothing to say.
    if can_be_entered || config.tls.files.is_some() {
        faults.extend(Tls::check(tls_settings(config), now).err().map(StartError::from));
    }
    let mut warnings = config.warnings();
    warnings.extend(of_certificate(config, now));
    Checked { faults, warnings, declared }
}

/// Why this machine would not let the server listen: it does not have an address, this user may not use a port, or
/// another program has it. That the folder's own server runs is no fault. Nothing is taken for it that a server needs.
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

/// Binds an address as a server does, and does not listen there: a server that starts at this moment gets it.
fn try_port(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // What a port's last connections leave behind is no other program.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

fn is_running(config: &Config) -> bool {
    matches!(SledStore::is_held(&config.data_dir.join("db")), Ok(Some(true)))
}

/// Whether the server that runs on the folder may be what has an address. It writes down where it serves HTTPS alone.
fn may_have(record: Option<&ServerRecord>, address: SocketAddr, setting: &str) -> bool {
    let serves = |record: &ServerRecord| record.listen.iter().any(|own| own.port() == address.port());
    setting != "--listen" || record.is_none_or(serves)
}

/// Where the certificate is from.
pub(super) fn tls_settings(config: &Config) -> TlsSettings {
    TlsSettings {
        dir: config.data_dir.join("tls"),
        certificate: config.tls.files.as_ref().map(|files| files.certificate.clone()),
        private_key: config.tls.files.as_ref().map(|files| files.private_key.clone()),
        names: config.tls.names.clone(),
    }
}

/// The folder is private and can be written, or can be made.
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

/// A folder that is not there yet can be made.
fn check_parent(data_dir: &Path) -> Result<(), StartError> {
    if data_dir.is_symlink() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "it is a link to a folder that does not exist");
        return Err(StartError::Folder { path: data_dir.to_owned(), cause });
    }
    let parent = data_dir.ancestors().skip(1).find(|path| path.exists());
    let parent = parent.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = if parent.is_dir() {
        access(parent, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    };
    made.map_err(|cause| StartError::Folder { path: data_dir.to_owned(), cause })
}

/// As the credentials in the folder tell; the store, which is asked once it is open, knows for sure.
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

/// What is at `path`, if anything is, is private.
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
fn of_certificate(config: &Config, now: UnixSeconds) -> Vec<String> {
    let host = config.issuer_host();
    let Some(files) = &config.tls.files else {
        let is_for_host = Tls::has_local_name(&tls_settings(config), host);
        let missing = format!(
            "the certificate made here is not for {host}, which clients call: add it to tls.names, or set \
             tls.certificate and tls.private_key"
        );
        return if is_for_host { Vec::new() } else { vec![missing] };
    };
    // That it cannot be read is a fault already.
    let Ok(facts) = CertificateFacts::read(&files.certificate, None) else { return Vec::new() };
    let path = files.certificate.display();
    let mut warnings = Vec::new();
    if facts.not_after < now {
        warnings.push(format!("{path} expired at {}, so no client accepts it: renew it", facts.not_after));
    }
    if facts.not_before > now {
        warnings.push(format!("{path} counts from {} on, so no client accepts it yet", facts.not_before));
    }
    // Where no issuer is set, that is what to set.
    if config.issuer.is_some() && !facts.is_for(host) {
        warnings.push(format!("{path} is not for {host}, which clients call: use one that is, or set issuer"));
    }
    warnings
}
