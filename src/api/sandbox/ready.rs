//! The line that `boomgate sandbox --ready-json` prints when it serves: all that a test needs, in any language.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A sandbox that serves. Has no `Debug`: it has secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ready {
    /// Its address, without a `/` at the end.
    pub url: String,
    /// Where tokens are requested.
    pub token_url: String,
    /// The API set that a token request names.
    pub audience: String,
    /// The PEM file of the authority to trust; absent if the operator gave it a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Its clients, by their identifiers.
    pub clients: BTreeMap<String, ReadyClient>,
    /// What controls it.
    pub sandbox_token: String,
    /// The folder with its files, for `--data-dir` of other commands.
    pub data_dir: PathBuf,
    /// Its process.
    pub pid: u32,
}

/// A client of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct ReadyClient {
    /// Its secret, which is published.
    pub client_secret: String,
    /// Its scope.
    pub scope: String,
}
