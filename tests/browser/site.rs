//! A server as people start it, with a folder of its own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Server, boomgate, stderr, stdout};

const STATIC_DIR: &str = "BOOMGATE_STATIC_DIR";

/// A running server, for a browser to look at.
pub(crate) struct Site {
    edition: &'static str,
    server: RefCell<Server>,
    folder: TempDir,
    url: String,
    ca_file: PathBuf,
}

impl Site {
    pub(crate) fn sandbox() -> Self {
        Self::start("sandbox", &[])
    }

    pub(crate) fn serve() -> Self {
        Self::start("serve", &[])
    }

    /// With settings, as variables.
    pub(crate) fn start(edition: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (server, url) = started(folder.path(), edition, "127.0.0.1:0", settings);
        let ca_file = folder.path().join("data/tls/ca.pem");
        Self { edition, server: RefCell::new(server), folder, url, ca_file }
    }

    /// Its address, without a `/` at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The credentials of its administrator.
    pub(crate) fn administrator(&self) -> (String, String) {
        let file = std::fs::read_to_string(self.folder.path().join("data/admin-credentials.json")).unwrap();
        let file: Value = serde_json::from_str(&file).unwrap();
        let member = |name: &str| file[name].as_str().unwrap().to_owned();
        (member("client_id"), member("client_secret"))
    }

    /// What a command prints that calls this server.
    pub(crate) fn call(&self, arguments: &[&str]) -> String {
        let output = boomgate(self.folder.path(), arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output).to_owned()
    }

    /// The folder in which it was started.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it. What is open in a browser stays.
    pub(crate) fn stop(&self) {
        self.server.borrow_mut().stop();
    }

    /// Starts it again, at the same address.
    pub(crate) fn start_again(&self) {
        let address = self.url.strip_prefix("https://localhost").unwrap();
        let listen = format!("127.0.0.1{address}");
        let (server, _) = started(self.folder.path(), self.edition, &listen, &[]);
        self.server.replace(server);
    }
}

fn started(folder: &Path, edition: &str, listen: &str, settings: &[(&str, &str)]) -> (Server, String) {
    let mut command = boomgate(folder, &[edition, "--listen", listen]);
    command.envs(settings.iter().copied());
    // Who works on the pages tests them as they are in this folder, without a build.
    command.envs(std::env::var_os(STATIC_DIR).map(|folder| (STATIC_DIR, folder)));
    let server = Server::start(command);
    let url = server.first_line.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    (server, url)
}
