//! Where a declared client's secret is: generated here and stored in a file, or in a place that the operator names.
//!
//! A generated secret is written to `SECRETS_DIR/CLIENT_ID.json` before the client is registered with it. So a crash in
//! between loses nothing: the next run finds the file and registers the same secret. If several runs start at the same
//! time, one of them writes the file, under a lock, and the others read it.

use std::fs::File;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use serde_json::Value;
use zeroize::Zeroizing;

use super::ReadContext;
use crate::api::credentials::{CredentialsFile, to_text};
use crate::files::{self, PrivateFault, Reader};
use crate::oauth::credentials::{ClientId, ClientSecret, WeakSecret};
use crate::text;

/// The fault of a secret in the file.
pub(super) const NEVER_HERE: &str = "must never be in this file, where others can read it (replace that secret now): \
     say secret = \"generate\", { env = \"VARIABLE\" } or { file = \"PATH\" }";
const GENERATE: &str = "generate";
/// The file in the folder of secrets that a run locks before it writes there.
const LOCK: &str = ".lock";
/// The largest file of a secret, in bytes.
const MAX_SECRET_BYTES: usize = 4_096;

/// What the declaration says about a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// Nothing: a new client gets a generated one, and a registered client's secret is not managed.
    Undeclared,
    /// `"generate"`
    Generate,
    /// `{ env = "…" }`
    Variable(String),
    /// `{ file = "…" }`
    File(String),
}

/// A declared client's secret, and its place.
#[derive(Debug)]
pub(crate) struct DeclaredSecret {
    storage: Storage,
    /// Whether the declaration has a `secret`.
    is_declared: bool,
}

#[derive(Debug)]
enum Storage {
    /// A file in the folder of secrets; `None` until the secret is generated.
    Generated(PathBuf, Option<ClientSecret>),
    /// The operator's own place, which the text names.
    Own(String, ClientSecret),
}

/// A secret to register a client with.
#[derive(Debug)]
pub(crate) struct SecretToSend {
    pub(crate) secret: ClientSecret,
    /// Whether it was generated just now, so that no client has it yet.
    pub(crate) is_new: bool,
}

/// Why there is no secret to register a client with.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file that another run wrote does not hold it.
    #[error("{0}")]
    Unfit(String),
    /// It is easy to guess.
    #[error("{0}")]
    Weak(String),
    /// It cannot be stored, so it must not be used.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no randomness.
    #[error("the system's random source did not answer")]
    NoRandomness,
}

/// Reads the member `secret`.
pub(super) fn parse(value: Option<&Value>) -> Result<SecretSource, String> {
    let named = |table: &serde_json::Map<String, Value>| {
        let mut members = table.iter();
        let (Some((name, Value::String(text))), None) = (members.next(), members.next()) else { return None };
        match name.as_str() {
            _ if text.is_empty() => None,
            "env" => Some(SecretSource::Variable(text.clone())),
            "file" => Some(SecretSource::File(text.clone())),
            _ => None,
        }
    };
    let wrong = || "must be \"generate\", { env = \"VARIABLE\" } or { file = \"PATH\" }".to_owned();
    match value {
        None => Ok(SecretSource::Undeclared),
        Some(Value::String(text)) if text == GENERATE => Ok(SecretSource::Generate),
        Some(Value::String(_)) => Err(NEVER_HERE.to_owned()),
        Some(Value::Object(table)) => named(table).ok_or_else(wrong),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => Err(wrong()),
    }
}

impl SecretSource {
    /// Whether the secret may have to be generated, which needs a folder.
    pub(super) fn is_generated(&self) -> bool {
        matches!(self, Self::Undeclared | Self::Generate)
    }

    /// Loads the secret, if it exists. A relative path starts in `folder`, the declaring file's.
    pub(super) fn load(
        &self,
        client_id: &ClientId,
        folder: &Path,
        context: &ReadContext<'_>,
    ) -> Result<DeclaredSecret, String> {
        let is_declared = *self != Self::Undeclared;
        match self {
            Self::Undeclared | Self::Generate => {
                // Without a folder of secrets, the file was refused.
                let path = path_of(context.secrets_dir.unwrap_or(folder), client_id);
                let secret = read_generated(&path, client_id)?;
                Ok(DeclaredSecret { storage: Storage::Generated(path, secret), is_declared })
            }
            Self::Variable(name) => {
                let place = format!("the variable {}", name.escape_debug());
                let text = (context.variable)(name);
                let text = text.ok_or_else(|| format!("needs {place}, which is not set"))?;
                Ok(DeclaredSecret { storage: own(text, place)?, is_declared })
            }
            Self::File(path) => {
                if let Some(why) = text::misread_path(path) {
                    return Err(format!("names the file {path:?}, which {why}"));
                }
                let path = folder.join(path);
                let place = path.display().to_string();
                let text = read(&path)?.ok_or_else(|| format!("needs the file {place}, which does not exist"))?;
                let text = Zeroizing::new(text::value(&text).to_owned());
                Ok(DeclaredSecret { storage: own(text, place)?, is_declared })
            }
        }
    }
}

/// A secret that is easy to guess is not a fault of the file: the client may have had it before such secrets were
/// refused.
fn own(text: Zeroizing<String>, place: String) -> Result<Storage, String> {
    let secret = ClientSecret::of_form(text).map_err(|unfit| in_place(&place, unfit))?;
    Ok(Storage::Own(place, secret))
}

fn in_place(place: &str, weak: WeakSecret) -> String {
    format!("in {place} {weak}; or say secret = \"generate\", which creates such a secret")
}

/// Creates the folder of secrets if it does not exist, and locks it. The file that declares clients is often under
/// version control, so the new folder gets a `.gitignore`.
fn lock_secrets_folder(folder: &Path) -> std::io::Result<File> {
    let is_new = !folder.is_dir();
    files::make_folder(folder)?;
    let lock = files::lock(&folder.join(LOCK))?;
    let ignored = folder.join(".gitignore");
    if is_new && !ignored.exists() {
        files::write_private(&ignored, b"*\n")?;
    }
    Ok(lock)
}

/// Removes the file with the generated secret of a deleted client, if `folder` has one: a later client of the same
/// identifier must not get the secret.
pub(crate) fn remove_secret_file(folder: &Path, client_id: &ClientId) -> std::io::Result<()> {
    let path = path_of(folder, client_id);
    if !path.exists() {
        return Ok(());
    }
    let _lock = lock_secrets_folder(folder)?;
    match read_generated(&path, client_id) {
        Ok(Some(_)) => files::remove(&path),
        // The file holds something else.
        Ok(None) | Err(_) => Ok(()),
    }
}

fn path_of(folder: &Path, client_id: &ClientId) -> PathBuf {
    folder.join(format!("{client_id}.json"))
}

fn read_generated(path: &Path, client_id: &ClientId) -> Result<Option<ClientSecret>, String> {
    let Some(text) = read(path)? else { return Ok(None) };
    let credentials = serde_json::from_str::<CredentialsFile>(&text).ok();
    let secret = credentials.filter(|credentials| credentials.client_id == client_id.as_str());
    let secret = secret.and_then(|credentials| ClientSecret::of_form(Zeroizing::new(credentials.client_secret)).ok());
    let unfit = || format!("{} does not hold this client's credentials: move it away for a new secret", path.display());
    secret.map(Some).ok_or_else(unfit)
}

/// `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, String> {
    match files::read_private(path, MAX_SECRET_BYTES, Reader::Server) {
        Ok(text) => Ok(Some(text)),
        Err(PrivateFault::Absent) => Ok(None),
        Err(fault) => Err(format!("needs {}, which {fault}", path.display())),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

impl DeclaredSecret {
    /// The secret; `None` if it is not generated yet.
    pub(crate) fn loaded(&self) -> Option<&ClientSecret> {
        match &self.storage {
            Storage::Generated(_, secret) => secret.as_ref(),
            Storage::Own(_, secret) => Some(secret),
        }
    }

    /// Whether the declaration has a `secret`: without it, the secret of a registered client is not managed.
    pub(crate) fn is_declared(&self) -> bool {
        self.is_declared
    }

    /// The file of a generated secret, which may not exist yet.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.storage {
            Storage::Generated(path, _) => Some(path),
            Storage::Own(..) => None,
        }
    }

    /// Its place, for people.
    pub(crate) fn place(&self) -> String {
        match &self.storage {
            Storage::Generated(path, _) => path.display().to_string(),
            Storage::Own(place, _) => place.clone(),
        }
    }

    /// Why the client must not be registered with it. A generated secret is never easy to guess.
    pub(crate) fn weakness(&self, client_id: &ClientId) -> Option<String> {
        let weak = self.loaded()?.weakness(Some(client_id))?;
        Some(format!("{client_id}: the secret {}", in_place(&self.place(), weak)))
    }

    /// The secret, to register the client with. If it does not exist yet, and no other run has written it meanwhile, it is
    /// generated, and durable when this returns. `issuer` is the server that it is for.
    pub(crate) fn load_or_generate(&self, client_id: &ClientId, issuer: &str) -> Result<SecretToSend, SecretError> {
        if let Some(weak) = self.weakness(client_id) {
            return Err(SecretError::Weak(weak));
        }
        let path = match &self.storage {
            Storage::Generated(_, Some(secret)) | Storage::Own(_, secret) => {
                return Ok(SecretToSend { secret: secret.clone(), is_new: false });
            }
            Storage::Generated(path, None) => path,
        };
        let unwritable = |source| SecretError::Unwritable { path: path.clone(), source };
        let _lock = lock_secrets_folder(folder_of(path)).map_err(unwritable)?;
        if let Some(secret) = read_generated(path, client_id).map_err(SecretError::Unfit)? {
            return Ok(SecretToSend { secret, is_new: false });
        }
        let secret = ClientSecret::generate(&SystemRandom::new()).map_err(|_| SecretError::NoRandomness)?;
        let file = CredentialsFile::new(client_id.as_str(), secret.expose(), Some(issuer));
        to_text(&file).and_then(|text| files::write_private(path, text.as_bytes())).map_err(unwritable)?;
        Ok(SecretToSend { secret, is_new: true })
    }

    /// Whether its file still holds `secret`, after a registration with it. A secret in the operator's own place is read
    /// only once.
    pub(crate) fn is_on_disk(&self, client_id: &ClientId, secret: &ClientSecret) -> bool {
        match &self.storage {
            Storage::Generated(path, _) => {
                matches!(read_generated(path, client_id), Ok(Some(found)) if found.expose() == secret.expose())
            }
            Storage::Own(..) => true,
        }
    }

    /// Removes the file of a generated secret that no client has, if the file still holds it; returns whether it did.
    pub(crate) fn remove_unused(&self, client_id: &ClientId, sent: &SecretToSend) -> std::io::Result<bool> {
        let Storage::Generated(path, _) = &self.storage else { return Ok(false) };
        if !sent.is_new {
            return Ok(false);
        }
        let _lock = lock_secrets_folder(folder_of(path))?;
        let is_on_disk = self.is_on_disk(client_id, &sent.secret);
        if is_on_disk {
            files::remove(path)?;
        }
        Ok(is_on_disk)
    }
}
