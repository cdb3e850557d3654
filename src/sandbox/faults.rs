//! The rules for faults that the user of a sandbox has set.

/// The rules that are active.
#[derive(Debug, Default)]
pub struct Faults {}
