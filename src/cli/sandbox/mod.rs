//! The commands that control a running sandbox. Each noun has a file.

pub(super) mod clock;
mod effect;
pub(super) mod fault;
pub(super) mod requests;
pub(super) mod reset;
pub(super) mod snapshot;
pub(super) mod trouble;
