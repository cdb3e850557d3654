//! Whose credentials a command uses, and where they were found.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::config::Environment;
use crate::files::{self, Reader};
use crate::oauth::credentials::ClientSecret;
use crate::text;

/// What the first start of `boomgate serve` leaves in the data folder.
pub(super) const ADMIN_FILE: &str = "admin-credentials.json";
/// What every start of `boomgate sandbox` leaves in the data folder.
pub(super) const DEMO_FILE: &str = "demo-clients.json";
const DEMO_ADMIN: &str = "demo-admin";
const ID_VARIABLE: &str = "BOOMGATE_CLIENT_ID";
const SECRET_VARIABLE: &str = "BOOMGATE_CLIENT_SECRET";
/// Names the file that holds the secret and nothing else, as containers get theirs.
const SECRET_FILE_VARIABLE: &str = "BOOMGATE_CLIENT_SECRET_FILE";

/// A client's credentials.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: ClientSecret,
    /// The server that they are for, where they say so.
    pub(super) issuer: Option<String>,
    pub(super) found: Found,
}

impl Credentials {
    /// The file that holds them, if it can be written anew: a pipe cannot.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.found {
            Found::Named(path) | Found::Administrator(path) => Some(path.as_path()).filter(|path| path.is_file()),
            Found::Variables => None,
        }
    }

    /// Puts `secret` in place of the one in the file, whole or not at all.
    pub(super) fn replace(&self, path: &Path, secret: &str) -> anyhow::Result<()> {
        let text = read(path)?.ok_or_else(|| anyhow!("there is no file {}", path.display()))?;
        let mut all: Map<String, Value> = parse(path, &text)?;
        let is_own = |members: &Map<String, Value>| {
            members.get("client_id").and_then(Value::as_str).map(text::value) == Some(self.client_id.as_str())
        };
        let members = if is_own(&all) {
            Some(&mut all)
        } else {
            // The sandbox's file has several clients.
            all.get_mut(&self.client_id).and_then(Value::as_object_mut).filter(|members| is_own(members))
        };
        let members = members.ok_or_else(|| anyhow!("{} was changed meanwhile", path.display()))?;
        members.insert("client_secret".to_owned(), secret.into());
        let text = Zeroizing::new(format!("{:#}\n", Value::Object(all)));
        files::rewrite(path, text.as_bytes()).map_err(|error| anyhow!("cannot write {}: {error}", path.display()))
    }
}

/// Where credentials were found.
pub(super) enum Found {
    /// In the environment.
    Variables,
    /// In a file that was named, or of a client that was named.
    Named(PathBuf),
    /// In the data folder, those of its administrator.
    Administrator(PathBuf),
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables => write!(out, "{ID_VARIABLE} and {SECRET_VARIABLE}"),
            Self::Named(path) | Self::Administrator(path) => write!(out, "{}", path.display()),
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    client_id: String,
    client_secret: String,
    issuer: Option<String>,
}

impl Stored {
    fn found(self, found: Found) -> anyhow::Result<Credentials> {
        let client_secret = alone(&self.client_secret, &found)?;
        let client_id = text::value(&self.client_id).to_owned();
        Ok(Credentials { client_id, client_secret, issuer: self.issuer, found })
    }
}

/// The secret that a stored text holds. What no secret has in it is a fault of the text, to be said here: the
/// server would call it a wrong secret.
fn alone(stored: &str, place: &dyn fmt::Display) -> anyhow::Result<ClientSecret> {
    let secret = text::value(stored);
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("{place} must hold one client secret: visible ASCII characters, and nothing between them");
    }
    Ok(ClientSecret::new(Zeroizing::new(secret.to_owned())))
}

/// The credentials in `file`, else those in the environment, else those of the administrator whom the
/// data folder belongs to.
pub(super) fn find(file: Option<&Path>, data_dir: &Path, environment: &Environment) -> anyhow::Result<Credentials> {
    if let Some(path) = file {
        let text = read(path)?.ok_or_else(|| anyhow!("there is no file {}", path.display()))?;
        return parse::<Stored>(path, &text)?.found(Found::Named(path.to_owned()));
    }
    match (environment.get(ID_VARIABLE), secret_in(environment)?) {
        (Some(client_id), Some(client_secret)) => {
            let client_id = client_id.to_owned();
            return Ok(Credentials { client_id, client_secret, issuer: None, found: Found::Variables });
        }
        (Some(_), None) => {
            bail!("{ID_VARIABLE} is set, but neither {SECRET_VARIABLE} nor {SECRET_FILE_VARIABLE} is: set one of them")
        }
        (None, Some(_)) => bail!("a client secret is set, but {ID_VARIABLE} is not: set it too"),
        (None, None) => {}
    }
    let path = data_dir.join(ADMIN_FILE);
    if let Some(text) = read(&path)? {
        return parse::<Stored>(&path, &text)?.found(Found::Administrator(path));
    }
    match demo(data_dir, DEMO_ADMIN)? {
        Some(stored) => stored.found(Found::Administrator(data_dir.join(DEMO_FILE))),
        None => bail!(
            "found no credentials: neither {ADMIN_FILE} nor {DEMO_FILE} is in {}; name the server's folder with \
             --data-dir, or a file with --credentials, or set {ID_VARIABLE} and {SECRET_VARIABLE}",
            data_dir.display()
        ),
    }
}

/// The secret that the environment holds, or that a file holds which it names.
fn secret_in(environment: &Environment) -> anyhow::Result<Option<ClientSecret>> {
    match (environment.get(SECRET_VARIABLE), environment.get(SECRET_FILE_VARIABLE)) {
        (Some(_), Some(_)) => bail!("{SECRET_VARIABLE} and {SECRET_FILE_VARIABLE} are both set: unset one of them"),
        (Some(secret), None) => alone(secret, &SECRET_VARIABLE).map(Some),
        (None, Some(path)) => {
            let path = Path::new(path);
            let text = read(path)?;
            let text = text.ok_or_else(|| anyhow!("{SECRET_FILE_VARIABLE}: there is no file {}", path.display()))?;
            alone(&text, &format_args!("{SECRET_FILE_VARIABLE}: {}", path.display())).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// The server's address as its folder has it, where that can be read.
pub(super) fn issuer_in(data_dir: &Path) -> Option<String> {
    [ADMIN_FILE, DEMO_FILE].iter().find_map(|name| {
        let path = data_dir.join(name);
        let members: Map<String, Value> = parse(&path, &read(&path).ok()??).ok()?;
        Some(members.get("issuer")?.as_str()?.to_owned())
    })
}

/// The credentials of one of the sandbox's demo clients.
pub(super) fn of_demo(client: &str, data_dir: &Path) -> anyhow::Result<Credentials> {
    let path = data_dir.join(DEMO_FILE);
    match demo(data_dir, client)? {
        Some(stored) => stored.found(Found::Named(path)),
        None => bail!(
            "found no secret of {client}: {} does not have it. A demo client's is there once `boomgate sandbox` has run \
             (name its folder with --data-dir); for another client set {ID_VARIABLE} and {SECRET_VARIABLE}, or name a \
             file with --credentials, and leave out --client",
            path.display()
        ),
    }
}

fn demo(data_dir: &Path, client: &str) -> anyhow::Result<Option<Stored>> {
    let path = data_dir.join(DEMO_FILE);
    let Some(text) = read(&path)? else { return Ok(None) };
    let mut all: Map<String, Value> = parse(&path, &text)?;
    let Some(member) = all.remove(client).filter(Value::is_object) else { return Ok(None) };
    let mut stored: Stored = serde_json::from_value(member).map_err(|error| not_credentials(&path, &error))?;
    // The issuer stands once, beside the clients.
    stored.issuer = stored.issuer.or_else(|| all.get("issuer")?.as_str().map(str::to_owned));
    Ok(Some(stored))
}

/// `None` when there is no such file.
fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    if let Ok(Some(exposure)) = files::exposure(path, Reader::Operator) {
        bail!("{} {exposure}", path.display());
    }
    match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => {
            let text = text::decode(&bytes).map_err(|fault| anyhow!("cannot read {}: it {fault}", path.display()))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow!("cannot read {}: {error}", path.display())),
    }
}

fn parse<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> anyhow::Result<T> {
    serde_json::from_str(text).map_err(|error| not_credentials(path, &error))
}

/// Says where, never what: it may be a secret.
fn not_credentials(path: &Path, error: &serde_json::Error) -> anyhow::Error {
    let place = match error.line() {
        0 => String::new(),
        line => format!(" (line {line} column {})", error.column().max(1)),
    };
    anyhow!("{} holds no credentials: JSON with client_id and client_secret is wanted{place}", path.display())
}
