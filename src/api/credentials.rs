//! Files with a client's credentials. The server and `client sync` write them, and commands read them. The answer to a
//! registration is such a file too, if it has the server's address.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The credentials of one client. Has no `Debug`: it holds a secret.
#[derive(Serialize, Deserialize)]
pub struct CredentialsFile {
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The address of the server that they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What else the file has; it stays when the file is written again.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The credentials of the sandbox's demo clients. Has no `Debug`: it holds secrets.
#[derive(Serialize, Deserialize)]
pub struct DemoCredentialsFile {
    /// The address of the server that they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The credentials of each client under its `client_id`.
    #[serde(flatten)]
    pub clients: BTreeMap<String, CredentialsFile>,
}

impl CredentialsFile {
    /// The credentials of a client, for the server `issuer`.
    pub(crate) fn new(client_id: impl Into<String>, client_secret: impl Into<String>, issuer: Option<&str>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            issuer: issuer.map(str::to_owned),
            others: Map::new(),
        }
    }
}

/// The text of a file of credentials.
pub(crate) fn to_text(file: &impl Serialize) -> io::Result<Zeroizing<String>> {
    Ok(Zeroizing::new(serde_json::to_string_pretty(file)? + "\n"))
}
