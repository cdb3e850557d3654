//! The line of JSON by which a sandbox says to a program that it serves.

use std::path::Path;

use crate::api::sandbox::ready::{Ready, ReadyClient};
use crate::sandbox::Sandbox;
use crate::sandbox::demo::{DEMOS, Demo};
use crate::server::Server;

/// The line of a sandbox, without its end.
pub(super) fn line(server: &Server, sandbox: &Sandbox, audience: &str) -> String {
    let url = server.issuer();
    // The program that reads it may be in another folder.
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let client = |demo: &Demo| {
        let client = ReadyClient { client_secret: demo.client_secret.to_owned(), scope: demo.scope.to_owned() };
        (demo.client_id.to_owned(), client)
    };
    let ready = Ready {
        url: url.to_owned(),
        token_url: format!("{url}/oauth2/token"),
        audience: audience.to_owned(),
        ca_file: server.ca_path().map(absolute),
        clients: DEMOS.iter().map(client).collect(),
        sandbox_token: sandbox.token.expose().to_owned(),
        data_dir: absolute(server.data_dir()),
        pid: std::process::id(),
    };
    // Paths that are not UTF-8 are refused as settings, and nothing else in it fails.
    serde_json::to_string(&ready).unwrap_or_default()
}
