//! Why a server does not start, and why it ends in another way than by its stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::administration::ChangeError;
use crate::declared::{DeclarationError, SecretError};
use crate::files::Exposure;
use crate::passports::TrustedKeysError;
use crate::store::StoreError;
use crate::tls::TlsError;

/// Why a server did not start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program has the port.
    #[error("{address} is in use by another program: stop that one, or choose another address with {setting}")]
    PortInUse {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The system does not let the server listen on the address.
    #[error("cannot listen on {address}: {cause}; choose another address with {setting}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use {path}: {cause}; choose another folder with --data-dir")]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The store does not open, or holds records that this version cannot read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file that `clients_file` names cannot be used.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// The file that `reports.trusted_keys` names cannot be used.
    #[error(transparent)]
    TrustedKeys(#[from] TrustedKeysError),
    /// The secret of a declared client could not be generated or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The first key or the first client could not be created.
    #[error("the first start could not be finished: {0}")]
    First(#[from] ChangeError),
    /// The folder belongs to the other edition.
    #[error("{0} was made by `boomgate {1}`: choose another folder with --data-dir")]
    OtherEdition(PathBuf, &'static str),
    /// Other users may read, change or replace a file or folder that only the server may use.
    #[error("{} {exposure}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and how to mend that.
        exposure: Exposure,
    },
    /// A setting that the program cannot work with.
    #[error("{0}")]
    Setting(String),
}

/// Why a server ended in another way than by a clean stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener or a worker failed.
    #[error("the server stopped: {0}")]
    Listener(#[from] io::Error),
    /// The store failed to close. Every acknowledged change is on disk.
    #[error("the store could not be closed cleanly: {0}")]
    Store(#[from] StoreError),
    /// The store did not close in its time. Every acknowledged change is on disk.
    #[error(
        "the store did not close within {0} s (store_close_timeout_s): nothing that was acknowledged is lost, quota \
         that was set aside is not returned"
    )]
    StoreHangs(u64),
    /// A thread that serves requests did not end in its time.
    #[error("the stop was held up by a thread that serves requests: the store is closed all the same")]
    WorkersHang,
    /// Everything is closed, but the stop cut off requests: their clients have to send them again.
    #[error("stopped, and {0} requests under way were cut off: their time was over (http.shutdown_timeout_s)")]
    CutOff(u64),
}
