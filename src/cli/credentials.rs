//! The client credentials that a command uses, and where it finds them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::api::credentials::{CredentialsFile, DemoCredentialsFile, to_text};
use crate::config::Environment;
use crate::files::{self, Reader};
use crate::oauth::credentials::ClientSecret;
use crate::text;

/// The file in the data folder that the first start of `boomgate serve` writes.
pub(super) const ADMIN_FILE: &str = "admin-credentials.json";
/// The file in the data folder that every start of `boomgate sandbox` writes.
pub(super) const DEMO_FILE: &str = "demo-clients.json";
const DEMO_ADMIN: &str = "demo-admin";
const ID_VARIABLE: &str = "BOOMGATE_CLIENT_ID";
const SECRET_VARIABLE: &str = "BOOMGATE_CLIENT_SECRET";
/// Names a file that holds the secret alone, as containers get their secrets.
const SECRET_FILE_VARIABLE: &str = "BOOMGATE_CLIENT_SECRET_FILE";

/// A client's credentials.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: ClientSecret,
    /// The server that they are for, if the file says so.
    pub(super) issuer: Option<String>,
    pub(super) source: CredentialsSource,
}

/// Where credentials come from.
pub(super) enum CredentialsSource {
    /// The environment.
    Variables,
    /// A file that the command line names, or the file of the demo client that it names.
    Named(PathBuf),
    /// The file in the data folder with the administrator's credentials.
    Administrator(PathBuf),
}

impl fmt::Display for CredentialsSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables => write!(out, "{ID_VARIABLE} and {SECRET_VARIABLE}"),
            Self::Named(path) | Self::Administrator(path) => write!(out, "{}", path.display()),
        }
    }
}

impl Credentials {
    fn from_file(file: CredentialsFile, source: CredentialsSource) -> anyhow::Result<Self> {
        let client_secret = parse_secret(&file.client_secret, &source)?;
        let client_id = text::value(&file.client_id).to_owned();
        Ok(Self { client_id, client_secret, issuer: file.issuer, source })
    }

    fn matches(&self, file: &CredentialsFile) -> bool {
        text::value(&file.client_id) == self.client_id
    }

    /// The file that holds them, if it can be written again: a pipe cannot.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.source {
            CredentialsSource::Named(path) | CredentialsSource::Administrator(path) => {
                Some(path.as_path()).filter(|path| path.is_file())
            }
            CredentialsSource::Variables => None,
        }
    }

    /// Replaces the secret in the file. A crash leaves the old file or the new one.
    pub(super) fn replace(&self, path: &Path, secret: &str) -> anyhow::Result<()> {
        let text = read_existing(path)?;
        let text = match serde_json::from_str::<CredentialsFile>(&text) {
            Ok(stored) if self.matches(&stored) => {
                to_text(&CredentialsFile { client_secret: secret.to_owned(), ..stored })
            }
            Ok(_) | Err(_) => {
                let mut demo: DemoCredentialsFile = parse(path, &text)?;
                let stored = demo.clients.get_mut(&self.client_id).filter(|stored| self.matches(stored));
                let stored = stored.ok_or_else(|| anyhow!("{} was changed meanwhile", path.display()))?;
                secret.clone_into(&mut stored.client_secret);
                to_text(&demo)
            }
        };
        text.and_then(|text| files::rewrite(path, text.as_bytes()))
            .map_err(|error| anyhow!("cannot write {}: {error}", path.display()))
    }
}

/// Finds the credentials: those in `file`, else those in the environment, else those of the administrator in the data
/// folder.
pub(super) fn find(file: Option<&Path>, data_dir: &Path, environment: &Environment) -> anyhow::Result<Credentials> {
    if let Some(path) = file {
        let text = read_existing(path)?;
        return Credentials::from_file(parse(path, &text)?, CredentialsSource::Named(path.to_owned()));
    }
    match (environment.get(ID_VARIABLE), secret_in(environment)?) {
        (Some(client_id), Some(client_secret)) => {
            let client_id = client_id.to_owned();
            return Ok(Credentials { client_id, client_secret, issuer: None, source: CredentialsSource::Variables });
        }
        (Some(_), None) => {
            bail!("{ID_VARIABLE} is set, but neither {SECRET_VARIABLE} nor {SECRET_FILE_VARIABLE} is: set one of them")
        }
        (None, Some(_)) => bail!("a client secret is set, but {ID_VARIABLE} is not: set it too"),
        (None, None) => {}
    }
    let path = data_dir.join(ADMIN_FILE);
    if let Some(text) = read(&path)? {
        return Credentials::from_file(parse(&path, &text)?, CredentialsSource::Administrator(path));
    }
    match demo_client(data_dir, DEMO_ADMIN)? {
        Some(file) => Credentials::from_file(file, CredentialsSource::Administrator(data_dir.join(DEMO_FILE))),
        None => bail!(
            "found no credentials: neither {ADMIN_FILE} nor {DEMO_FILE} is in {}; name the server's folder with \
             --data-dir, or a file with --credentials, or set {ID_VARIABLE} and {SECRET_VARIABLE}",
            data_dir.display()
        ),
    }
}

/// The credentials of one of the sandbox's demo clients.
pub(super) fn find_demo(client_id: &str, data_dir: &Path) -> anyhow::Result<Credentials> {
    let path = data_dir.join(DEMO_FILE);
    match demo_client(data_dir, client_id)? {
        Some(file) => Credentials::from_file(file, CredentialsSource::Named(path)),
        None => bail!(
            "found no secret of {client_id} in {}. `boomgate sandbox` writes the demo clients there (name its folder \
             with --data-dir). For another client set {ID_VARIABLE} and {SECRET_VARIABLE}, or name a file with \
             --credentials, and leave out --client",
            path.display()
        ),
    }
}

/// The issuer that the credentials in a data folder are for, if they can be read.
pub(super) fn issuer_in(data_dir: &Path) -> Option<String> {
    let of_admin = || {
        let path = data_dir.join(ADMIN_FILE);
        parse::<CredentialsFile>(&path, &read(&path).ok()??).ok()?.issuer
    };
    of_admin().or_else(|| demo_clients(data_dir).ok()??.issuer)
}

fn demo_client(data_dir: &Path, client_id: &str) -> anyhow::Result<Option<CredentialsFile>> {
    let Some(mut demo) = demo_clients(data_dir)? else { return Ok(None) };
    let Some(mut stored) = demo.clients.remove(client_id) else { return Ok(None) };
    stored.issuer = stored.issuer.or(demo.issuer);
    Ok(Some(stored))
}

fn demo_clients(data_dir: &Path) -> anyhow::Result<Option<DemoCredentialsFile>> {
    let path = data_dir.join(DEMO_FILE);
    read(&path)?.map(|text| parse(&path, &text)).transpose()
}

/// The secret in the environment, or in the file that the environment names.
fn secret_in(environment: &Environment) -> anyhow::Result<Option<ClientSecret>> {
    match (environment.get(SECRET_VARIABLE), environment.get(SECRET_FILE_VARIABLE)) {
        (Some(_), Some(_)) => bail!("{SECRET_VARIABLE} and {SECRET_FILE_VARIABLE} are both set: unset one of them"),
        (Some(secret), None) => parse_secret(secret, &SECRET_VARIABLE).map(Some),
        (None, Some(path)) => {
            let text = read_existing(Path::new(path)).map_err(|error| anyhow!("{SECRET_FILE_VARIABLE}: {error}"))?;
            parse_secret(&text, &format_args!("{SECRET_FILE_VARIABLE}: {path}")).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// Reads the secret that a text holds. Without this check, a server would call a text with a space in it a wrong
/// secret.
fn parse_secret(stored: &str, place: &dyn fmt::Display) -> anyhow::Result<ClientSecret> {
    let secret = text::value(stored);
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("{place} must hold one client secret: visible ASCII characters without spaces");
    }
    Ok(ClientSecret::new(Zeroizing::new(secret.to_owned())))
}

fn read_existing(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    read(path)?.ok_or_else(|| anyhow!("there is no file {}", path.display()))
}

/// The text of a file; `None` if there is no such file.
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

/// Reads JSON. The error names the place in the file but not the text there, which may be a secret.
fn parse<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> anyhow::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let place = match error.line() {
            0 => String::new(),
            line => format!(" (line {line} column {})", error.column().max(1)),
        };
        anyhow!("{} holds no credentials: it must be JSON with client_id and client_secret{place}", path.display())
    })
}
