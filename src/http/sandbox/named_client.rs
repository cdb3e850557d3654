//! A client that a control request names.

use std::sync::Arc;

use serde_json::Value;

use crate::clients::{Client, Clients};
use crate::json::string;
use crate::sandbox::unknown_client::unknown_client;

/// How many clients are looked through for the one that was meant.
const MAX_COMPARED: usize = 1_000;

/// The client of the identifier that `value` is.
pub(super) fn read_client(value: &Value, clients: &Clients) -> Result<Arc<Client>, String> {
    let named = string(value)?;
    clients.get(named).ok_or_else(|| {
        let known = clients.list(None, MAX_COMPARED, |_| true).clients;
        unknown_client(named, known.iter().map(|client| client.client_id.as_str()))
    })
}
