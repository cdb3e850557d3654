//! How each check judges, by group.

pub(super) mod faults;
pub(super) mod hygiene;
pub(super) mod limits;
pub(super) mod refusals;
pub(super) mod token;
pub(super) mod variations;
