//! States of a sandbox that were saved under names, to go back to.
//!
//! [`GateState`] says what such a state is; here is where it is stored: in files of the data folder, so that it survives a
//! restart, or in memory. A file has the secrets of its store, so it is as private as the store. Both are bounded, in
//! number and in bytes.

mod file;
mod gate_state;
mod name;
mod saved;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

pub(crate) use self::file::FileFault;
pub(crate) use self::gate_state::GateState;
pub(crate) use self::name::{InvalidName, SnapshotName};
pub(crate) use self::saved::{Facts, Saved};
use crate::api::sandbox::snapshot::SnapshotList;
use crate::files;
use crate::store::StoreError;

/// The folder of the files, in the data folder.
pub(crate) const FOLDER: &str = "snapshots";
/// The most snapshots.
pub(crate) const MAX_SNAPSHOTS: usize = 32;
/// The most bytes of all snapshots together.
const MAX_BYTES: usize = 256 * 1_024 * 1_024;

/// The snapshots.
#[derive(Debug)]
pub struct Snapshots {
    /// Locked for the time of a change, so that the bounds hold.
    place: Mutex<Place>,
}

/// Where they are.
enum Place {
    Memory(BTreeMap<SnapshotName, Arc<Saved>>),
    Folder(PathBuf),
}

/// Why a snapshot is not saved, restored or removed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// There is none of this name.
    #[error("there is no snapshot of this name")]
    Unknown,
    /// There are as many as there may be.
    #[error("there are {MAX_SNAPSHOTS} snapshots, as many as there may be: remove one first")]
    TooMany,
    /// They are as large as they may be.
    #[error(
        "all snapshots together would have {0} bytes, and may have {MAX_BYTES}: remove some first, or some of the zones"
    )]
    TooLarge(usize),
    /// Its file is no snapshot.
    #[error("the file {path} {fault}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// It is of another installation.
    #[error("the snapshot is of another data folder: its secrets mean nothing to the clients of this one")]
    Foreign,
    /// The disk does not take or remove it.
    #[error("the file {path} was not changed: {cause}")]
    Disk {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// Other servers share the store.
    #[error("other servers share this store, so it has no snapshots")]
    SharedStore,
    /// The store did not answer. What was to be restored may have been, and is as a whole.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Snapshots {
    /// Snapshots that end with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { place: Mutex::new(Place::Memory(BTreeMap::new())) }
    }

    /// Snapshots in files, in a folder of the data folder.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self { place: Mutex::new(Place::Folder(data_dir.join(FOLDER))) }
    }

    /// All of them.
    pub(crate) async fn list(&self) -> Result<SnapshotList, SnapshotError> {
        let (known, unreadable) = self.place.lock().await.list().await?;
        let data = known.iter().map(|(name, facts)| facts.shown(name)).collect();
        Ok(SnapshotList { data, unreadable })
    }

    /// Saves `saved` under this name, in place of what has the name; returns whether it is new.
    pub(crate) async fn save(&self, name: SnapshotName, saved: Saved) -> Result<bool, SnapshotError> {
        let mut place = self.place.lock().await;
        let (known, unreadable) = place.list().await?;
        let is_new = !known.contains_key(&name) && !unreadable.iter().any(|unreadable| *unreadable == *name.as_str());
        if is_new && known.len() + unreadable.len() >= MAX_SNAPSHOTS {
            return Err(SnapshotError::TooMany);
        }
        let others = known.iter().filter(|(other, _)| **other != name).map(|(_, facts)| facts.bytes);
        let bytes = others.fold(saved.facts.bytes, usize::saturating_add);
        if bytes > MAX_BYTES {
            return Err(SnapshotError::TooLarge(bytes));
        }
        place.put(name, saved).await?;
        Ok(is_new)
    }

    /// What was saved under this name.
    pub(crate) async fn get(&self, name: &SnapshotName) -> Result<Arc<Saved>, SnapshotError> {
        let place = self.place.lock().await;
        match &*place {
            Place::Memory(saved) => saved.get(name).cloned().ok_or(SnapshotError::Unknown),
            Place::Folder(folder) => {
                let path = folder.join(name.as_str());
                let read = blocking(move || Ok(file::read(&path))).await?;
                read.map(Arc::new).map_err(|fault| unreadable(&folder.join(name.as_str()), fault))
            }
        }
    }

    /// Removes a snapshot, or a file of its name that is none.
    pub(crate) async fn remove(&self, name: &SnapshotName) -> Result<(), SnapshotError> {
        let mut place = self.place.lock().await;
        match &mut *place {
            Place::Memory(saved) => saved.remove(name).map(drop).ok_or(SnapshotError::Unknown),
            Place::Folder(folder) => {
                let path = folder.join(name.as_str());
                let file = path.clone();
                let removed = blocking(move || Ok(files::remove(&path))).await?;
                removed.map_err(|cause| {
                    if cause.kind() == io::ErrorKind::NotFound { SnapshotError::Unknown } else { disk(&file, cause) }
                })
            }
        }
    }
}

type Known = (BTreeMap<SnapshotName, Facts>, Vec<String>);

impl Place {
    /// The facts of those that can be read, and the names of the others.
    async fn list(&self) -> Result<Known, SnapshotError> {
        match self {
            Self::Memory(saved) => {
                let facts = |(name, saved): (&SnapshotName, &Arc<Saved>)| (name.clone(), saved.facts.clone());
                Ok((saved.iter().map(facts).collect(), Vec::new()))
            }
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || list_folder(&folder)).await
            }
        }
    }

    async fn put(&mut self, name: SnapshotName, saved: Saved) -> Result<(), SnapshotError> {
        match self {
            Self::Memory(all) => drop(all.insert(name, Arc::new(saved))),
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || write(&folder, &name, &saved)).await?;
            }
        }
        Ok(())
    }
}

fn list_folder(folder: &Path) -> Result<Known, SnapshotError> {
    let (mut known, mut unreadable) = (BTreeMap::new(), Vec::new());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((known, unreadable)),
        Err(cause) => return Err(disk(folder, cause)),
        Ok(entries) => entries,
    };
    for entry in entries {
        let path = entry.map_err(|cause| disk(folder, cause))?.path();
        // What has another name, such as a draft, is no business of the snapshots.
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| SnapshotName::parse(name).ok());
        let Some(name) = name else { continue };
        match file::read_facts(&path) {
            Ok(facts) => drop(known.insert(name, facts)),
            // It was removed meanwhile.
            Err(fault) if fault.is_absent() => {}
            Err(_) => unreadable.push(name.to_string()),
        }
    }
    unreadable.sort();
    Ok((known, unreadable))
}

/// Writes a file as a whole or not at all.
fn write(folder: &Path, name: &SnapshotName, saved: &Saved) -> Result<(), SnapshotError> {
    files::make_folder(folder).map_err(|cause| disk(folder, cause))?;
    let path = folder.join(name.as_str());
    files::write_private(&path, &file::encode(saved)).map_err(|cause| {
        // A draft would take the room that a full disk does not have.
        let _absent = fs::remove_file(folder.join(format!("{name}.new")));
        disk(&path, cause)
    })
}

fn disk(path: &Path, cause: io::Error) -> SnapshotError {
    SnapshotError::Disk { path: path.display().to_string(), cause }
}

fn unreadable(path: &Path, fault: FileFault) -> SnapshotError {
    if fault.is_absent() {
        return SnapshotError::Unknown;
    }
    SnapshotError::Unreadable { path: path.display().to_string(), fault }
}

/// Runs `work` on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    spawn_blocking(work).await.unwrap_or_else(|cause| Err(StoreError::Unavailable(cause.to_string().into()).into()))
}

impl std::fmt::Debug for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(saved) => write!(out, "{} snapshots in memory", saved.len()),
            Self::Folder(folder) => write!(out, "snapshots in {}", folder.display()),
        }
    }
}
