//! A client that a control request names.

use std::sync::Arc;

use serde_json::Value;

use crate::clients::{Client, Clients};
use crate::json::string;
use crate::text::closest_match;

/// How many clients are looked through for the one that was meant.
const MAX_COMPARED: usize = 1_000;

/// The client of the identifier that `value` is.
pub(super) fn read_client(value: &Value, clients: &Clients) -> Result<Arc<Client>, String> {
    let named = string(value)?;
    clients.get(named).ok_or_else(|| {
        let known = clients.list(None, MAX_COMPARED, |_| true).clients;
        match closest_match(named, known.iter().map(|client| client.client_id.as_str())) {
            Some(meant) => format!("is not the client_id of any client: did you mean {meant}?"),
            None => "is not the client_id of any client".to_owned(),
        }
    })
}
