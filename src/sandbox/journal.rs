//! What was requested and answered in a sandbox, of late.

/// The requests of late.
#[derive(Debug, Default)]
pub struct Journal {}
