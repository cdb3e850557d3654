//! The checks of the group `refusals`.

mod retries;
mod scope;

pub(in crate::exam) use self::retries::{no_retry_on_400, no_retry_on_403, no_retry_on_404};
pub(in crate::exam) use self::scope::scope_missing_reported;
