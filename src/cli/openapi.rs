//! `boomgate openapi`: the OpenAPI document of the HTTP API.

use anyhow::Context as _;

use super::output;
use crate::http::openapi::document;

/// Prints the document with relative addresses, which hold for every server of this version.
pub(super) fn run() -> anyhow::Result<()> {
    let document = serde_json::to_string_pretty(&document("")).context("the document cannot be written as JSON")?;
    Ok(output::print(&document)?)
}
