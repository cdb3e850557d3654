//! The commands that control a running sandbox. Each noun has a file.

pub(super) mod clock;
pub(super) mod trouble;
