//! The checks of the group `limits`.

mod early;
mod pace;
mod quota;
mod waits;

pub(in crate::exam) use self::pace::{no_storm, pace_after_429};
pub(in crate::exam) use self::quota::{quota_date_not_retried, quota_not_retried};
pub(in crate::exam) use self::waits::{retry_after_date, retry_after_seconds};
