//! `GET /admin/refusals`, `GET /oauth2/refusals/{request_id}`: requests that the server refused, and why.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::explanation::{Check, Explanation};
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// When it was refused.
    pub at: UnixSeconds,
    /// The check that refused it.
    pub check: Check,
    /// The client that sent it; `null` if no token and no secret proves which.
    pub client_id: Option<ClientId>,
    /// Its method.
    pub method: String,
    /// The client that it names and did not prove to be; only for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub named_client_id: Option<ClientId>,
    /// Its path, without the query string.
    pub path: String,
    /// Why it was refused, in the words of the metrics.
    pub reason: String,
    /// Its id, as `X-Request-Id` of the answer has it.
    pub request_id: String,
    /// The address that it came from; only for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, examples("203.0.113.7"))]
    pub source: Option<IpAddr>,
    /// The status of the answer.
    pub status: u16,
}

/// A request that was refused, with each check of its walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedRefusal {
    /// The request.
    #[serde(flatten)]
    pub refusal: Refusal,
    /// How many other refused requests that the reader may see have the same id: a caller may choose an id twice.
    pub others: usize,
    /// Why it was refused, and what would have let it through.
    pub explanation: Explanation,
}
