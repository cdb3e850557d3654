//! `GET /sandbox/control-token`: the token that controls a sandbox.

use serde::{Deserialize, Serialize};

/// The token, for a page of the sandbox in a browser of the user who runs it. Has no `Debug`: it has a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct ControlToken {
    /// The token, as its file in the data folder has it.
    pub control_token: String,
}
