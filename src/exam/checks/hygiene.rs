//! The checks of the group `hygiene`: what is good practice, and shows in an undisturbed run.

mod certificate;
mod connections;
mod pagination;
mod privileges;
mod secrecy;
mod user_agent;
mod versions;

pub(in crate::exam) use self::certificate::certificate_verified;
pub(in crate::exam) use self::connections::{connections_reused, tls_version};
pub(in crate::exam) use self::pagination::pagination;
pub(in crate::exam) use self::privileges::{operations_exercised, scopes_used};
pub(in crate::exam) use self::secrecy::{no_secret_in_url, only_https};
pub(in crate::exam) use self::user_agent::user_agent;
pub(in crate::exam) use self::versions::if_match;
