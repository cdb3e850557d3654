//! A part of a list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list, and where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on the page.
    pub data: Vec<T>,
    /// `cursor` of the request for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}
