//! Where a declared client's secret is: made here and kept in a file, or its operator's own.
//!
//! A generated secret is in `SECRETS_DIR/CLIENT_ID.json` before the client is registered with it. So a
//! crash in between loses nothing: the next run finds the file and registers the same secret.

use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Setting;
use crate::files::{self, PrivateFault, Reader};
use crate::oauth::credentials::{ClientId, ClientSecret};

/// What is said to whoever writes a secret into the file.
pub(super) const NEVER_HERE: &str = "must never be in this file, where others read it (and has to be changed now that \
     it was): say secret = \"generate\", { env = \"VARIABLE\" } or { file = \"PATH\" }";
const GENERATE: &str = "generate";
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

/// Why there is no secret to register a client with.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
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
                let path = setting.secrets_dir.join(format!("{client_id}.json"));
                let secret = read_generated(&path, client_id)?;
                Ok(DeclaredSecret { kept: Kept::Here(path, secret), said })
            }
            Self::Variable(name) => {
                let told = format!("the variable {}", name.escape_debug());
                let text = (setting.variable)(name);
                let text = text.ok_or_else(|| format!("needs {told}, which is not set"))?;
                Ok(DeclaredSecret { kept: own(text, told, client_id)?, said })
            }
            Self::File(path) => {
                let path = folder.join(path);
                let told = path.display().to_string();
                let text = read(&path)?.ok_or_else(|| format!("needs the file {told}, which is not there"))?;
                let text = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
                Ok(DeclaredSecret { kept: own(text, told, client_id)?, said })
            }
        }
    }
}

fn own(text: Zeroizing<String>, told: String, client_id: &ClientId) -> Result<Kept, String> {
    let secret = ClientSecret::chosen(text, Some(client_id))
        .map_err(|weak| format!("in {told} {weak}; or say secret = \"generate\", which makes such a one"))?;
    Ok(Kept::Elsewhere(told, secret))
}

/// The file that declares clients is often under version control: their secrets beside it never are.
fn make_secrets_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    files::make_folder(folder)?;
    files::write_private(&folder.join(".gitignore"), b"*\n")
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
    let secret = secret
        .and_then(|credentials| ClientSecret::chosen(Zeroizing::new(credentials.client_secret), Some(client_id)).ok());
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

    /// The secret itself; one that has yet to be made is made, and is on disk when this returns. `issuer` is
    /// the server that it is for.
    pub fn take(&self, client_id: &ClientId, issuer: &str) -> Result<ClientSecret, SecretError> {
        match &self.kept {
            Kept::Here(_, Some(secret)) | Kept::Elsewhere(_, secret) => Ok(secret.clone()),
            Kept::Here(path, None) => {
                let secret = ClientSecret::generate(&SystemRandom::new()).map_err(|_| SecretError::NoRandomness)?;
                let credentials = json!({ "client_id": client_id, "client_secret": secret.expose(), "issuer": issuer });
                let text = Zeroizing::new(format!("{credentials:#}\n"));
                let folder = path.parent().unwrap_or(Path::new("."));
                let written = make_secrets_folder(folder).and_then(|()| files::write_private(path, text.as_bytes()));
                written.map_err(|source| SecretError::Unwritable { path: path.clone(), source })?;
                Ok(secret)
            }
        }
    }
}
