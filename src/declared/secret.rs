//! Where a declared client's secret is: made here and kept in a file, or its operator's own.
//!
//! A generated secret is in `SECRETS_DIR/CLIENT_ID.json` before the client is registered with it. So a
//! crash in between loses nothing: the next run finds the file and registers the same secret. Of runs at
//! the same time one makes the file, under a lock, and the others take what is in it.

use std::fs::File;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Setting;
use crate::files::{self, PrivateFault, Reader};
use crate::oauth::credentials::{ClientId, ClientSecret, WeakSecret};
use crate::text;

/// What is said to whoever writes a secret into the file.
pub(super) const NEVER_HERE: &str = "must never be in this file, where others read it (and has to be changed now that \
     it was): say secret = \"generate\", { env = \"VARIABLE\" } or { file = \"PATH\" }";
const GENERATE: &str = "generate";
/// In the folder of secrets: whoever writes there has it locked.
const LOCK: &str = ".lock";
/// The largest file of one secret, in bytes.
const MAX_SECRET_BYTES: usize = 4_096;

/// Where a file says that a secret is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It says nothing: a new client's is generated, and another's is its own affair.
    Unsaid,
    /// `"generate"`
    Generate,
    /// `{ env = "…" }`
    Variable(String),
    /// `{ file = "…" }`
    File(String),
}

/// A declared client's secret, and where it is kept.
#[derive(Debug)]
pub struct DeclaredSecret {
    kept: Kept,
    /// Whether the declaration speaks of it.
    said: bool,
}

#[derive(Debug)]
enum Kept {
    /// In a file of ours; `None` until it is made.
    Here(PathBuf, Option<ClientSecret>),
    /// By its operator, where the text says.
    Elsewhere(String, ClientSecret),
}

/// A secret to register a client with.
#[derive(Debug)]
pub struct Taken {
    /// The secret.
    pub secret: ClientSecret,
    /// Whether it was made for this, so that it is no client's yet.
    pub is_new: bool,
}

/// Why there is no secret to register a client with.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file that another run made meanwhile does not hold it.
    #[error("{0}")]
    Unfit(String),
    /// It is easy to guess.
    #[error("{0}")]
    Weak(String),
    /// It cannot be kept, so it must not be used.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no randomness.
    #[error("the system's random source did not answer")]
    NoRandomness,
}

/// Reads `secret`.
pub(super) fn parse(value: Option<&Value>) -> Result<Source, String> {
    let named = |table: &serde_json::Map<String, Value>| {
        let mut members = table.iter();
        let (Some((name, Value::String(text))), None) = (members.next(), members.next()) else { return None };
        match name.as_str() {
            _ if text.is_empty() => None,
            "env" => Some(Source::Variable(text.clone())),
            "file" => Some(Source::File(text.clone())),
            _ => None,
        }
    };
    let wrong = || "must be \"generate\", { env = \"VARIABLE\" } or { file = \"PATH\" }".to_owned();
    match value {
        None => Ok(Source::Unsaid),
        Some(Value::String(text)) if text == GENERATE => Ok(Source::Generate),
        Some(Value::String(_)) => Err(NEVER_HERE.to_owned()),
        Some(Value::Object(table)) => named(table).ok_or_else(wrong),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => Err(wrong()),
    }
}

impl Source {
    /// Whether a secret may have to be made, in a folder for it.
    pub(super) fn is_made_here(&self) -> bool {
        matches!(self, Self::Unsaid | Self::Generate)
    }

    /// Looks for the secret; a relative path starts at the declaring file's own folder.
    pub(super) fn find(
        &self,
        client_id: &ClientId,
        folder: &Path,
        setting: &Setting<'_>,
    ) -> Result<DeclaredSecret, String> {
        let said = *self != Self::Unsaid;
        match self {
            Self::Unsaid | Self::Generate => {
                // A file that has no folder for it was refused as a whole.
                let path = path_of(setting.secrets_dir.unwrap_or(folder), client_id);
                let secret = read_generated(&path, client_id)?;
                Ok(DeclaredSecret { kept: Kept::Here(path, secret), said })
            }
            Self::Variable(name) => {
                let told = format!("the variable {}", name.escape_debug());
                let text = (setting.variable)(name);
                let text = text.ok_or_else(|| format!("needs {told}, which is not set"))?;
                Ok(DeclaredSecret { kept: own(text, told)?, said })
            }
            Self::File(path) => {
                if let Some(why) = text::misread_path(path) {
                    return Err(format!("names the file {path:?}, which {why}"));
                }
                let path = folder.join(path);
                let told = path.display().to_string();
                let text = read(&path)?.ok_or_else(|| format!("needs the file {told}, which does not exist"))?;
                let text = Zeroizing::new(text::value(&text).to_owned());
                Ok(DeclaredSecret { kept: own(text, told)?, said })
            }
        }
    }
}

/// One that is easy to guess is no fault of the file: the client may have it already, from before it was refused.
fn own(text: Zeroizing<String>, told: String) -> Result<Kept, String> {
    let secret = ClientSecret::of_form(text).map_err(|unfit| in_place(&told, unfit))?;
    Ok(Kept::Elsewhere(told, secret))
}

fn in_place(place: &str, weak: WeakSecret) -> String {
    format!("in {place} {weak}; or say secret = \"generate\", which makes such a one")
}

/// Makes the folder of secrets if there is none, and keeps other runs out of it. The file that declares clients is
/// often under version control: their secrets beside it never are.
fn lock_secrets_folder(folder: &Path) -> std::io::Result<File> {
    let is_there = folder.is_dir();
    files::make_folder(folder)?;
    let lock = files::lock(&folder.join(LOCK))?;
    let ignored = folder.join(".gitignore");
    if !is_there && !ignored.exists() {
        files::write_private(&ignored, b"*\n")?;
    }
    Ok(lock)
}

/// Removes the file of a secret that was made for a client which is deleted, if `folder` has one: no secret comes back
/// with a client of the same identifier.
pub fn forget_secret(folder: &Path, client_id: &ClientId) -> std::io::Result<()> {
    let path = path_of(folder, client_id);
    if !path.exists() {
        return Ok(());
    }
    let _others_wait = lock_secrets_folder(folder)?;
    match read_generated(&path, client_id) {
        Ok(Some(_)) => files::remove(&path),
        // What is in it is not this client's.
        Ok(None) | Err(_) => Ok(()),
    }
}

fn path_of(folder: &Path, client_id: &ClientId) -> PathBuf {
    folder.join(format!("{client_id}.json"))
}

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

fn read_generated(path: &Path, client_id: &ClientId) -> Result<Option<ClientSecret>, String> {
    let Some(text) = read(path)? else { return Ok(None) };
    let credentials = serde_json::from_str::<Credentials>(&text).ok();
    let secret = credentials.filter(|credentials| credentials.client_id == client_id.as_str());
    let secret = secret.and_then(|credentials| ClientSecret::of_form(Zeroizing::new(credentials.client_secret)).ok());
    let unfit = || format!("{} does not hold this client's credentials: move it away for a new secret", path.display());
    secret.map(Some).ok_or_else(unfit)
}

/// `None` when there is no such file.
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
    /// The secret; `None` when it has yet to be made.
    #[must_use]
    pub fn known(&self) -> Option<&ClientSecret> {
        match &self.kept {
            Kept::Here(_, secret) => secret.as_ref(),
            Kept::Elsewhere(_, secret) => Some(secret),
        }
    }

    /// Whether the declaration speaks of it: else a registered client's is its own affair.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.said
    }

    /// The file of a generated one, whether it is there already or not.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Here(path, _) => Some(path),
            Kept::Elsewhere(..) => None,
        }
    }

    /// Where it is, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.kept {
            Kept::Here(path, _) => path.display().to_string(),
            Kept::Elsewhere(told, _) => told.clone(),
        }
    }

    /// Why this client must not be registered with it; one that has yet to be made is never easy to guess.
    #[must_use]
    pub fn weakness(&self, client_id: &ClientId) -> Option<String> {
        let weak = self.known()?.weakness(Some(client_id))?;
        Some(format!("{client_id}: the secret {}", in_place(&self.place(), weak)))
    }

    /// The secret itself, to register the client with; one that has yet to be made is made, unless another run has
    /// done so meanwhile, and is on disk when this returns. `issuer` is the server that it is for.
    pub fn take(&self, client_id: &ClientId, issuer: &str) -> Result<Taken, SecretError> {
        if let Some(weak) = self.weakness(client_id) {
            return Err(SecretError::Weak(weak));
        }
        let path = match &self.kept {
            Kept::Here(_, Some(secret)) | Kept::Elsewhere(_, secret) => {
                return Ok(Taken { secret: secret.clone(), is_new: false });
            }
            Kept::Here(path, None) => path,
        };
        let unwritable = |source| SecretError::Unwritable { path: path.clone(), source };
        let _others_wait = lock_secrets_folder(folder_of(path)).map_err(unwritable)?;
        if let Some(secret) = read_generated(path, client_id).map_err(SecretError::Unfit)? {
            return Ok(Taken { secret, is_new: false });
        }
        let secret = ClientSecret::generate(&SystemRandom::new()).map_err(|_| SecretError::NoRandomness)?;
        let credentials = json!({ "client_id": client_id, "client_secret": secret.expose(), "issuer": issuer });
        let text = Zeroizing::new(format!("{credentials:#}\n"));
        files::write_private(path, text.as_bytes()).map_err(unwritable)?;
        Ok(Taken { secret, is_new: true })
    }

    /// Whether its file still holds `secret`, for whoever has just registered that. What its operator keeps elsewhere
    /// is read once, so that is so.
    #[must_use]
    pub fn holds(&self, client_id: &ClientId, secret: &ClientSecret) -> bool {
        match &self.kept {
            Kept::Here(path, _) => {
                matches!(read_generated(path, client_id), Ok(Some(found)) if found.expose() == secret.expose())
            }
            Kept::Elsewhere(..) => true,
        }
    }

    /// Removes the file of a secret that was made and that no client has, if the file still holds it; returns
    /// whether it did.
    pub fn discard(&self, client_id: &ClientId, taken: &Taken) -> std::io::Result<bool> {
        let Kept::Here(path, _) = &self.kept else { return Ok(false) };
        if !taken.is_new {
            return Ok(false);
        }
        let _others_wait = lock_secrets_folder(folder_of(path))?;
        let is_held = self.holds(client_id, &taken.secret);
        if is_held {
            files::remove(path)?;
        }
        Ok(is_held)
    }
}
