//! States of a sandbox to go back to.

/// The states that were saved.
#[derive(Debug, Default)]
pub struct Snapshots {}
