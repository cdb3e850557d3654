//! `[reports]`: whose signatures of reports count, and how long those of this server do.

use std::path::PathBuf;

use super::edition::Edition;
use super::raw::Raw;

/// `[reports]`: whose signatures of reports count, and how long those of this server do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports {
    /// `trusted_keys`: the file of a JWK Set; by default none.
    pub trusted_keys: Option<PathBuf>,
    /// `trust_own_keys`: whether this server's own keys count too; by default in the sandbox only.
    pub trust_own_keys: bool,
    /// `passport_days`: how many days a passport is valid that this server signs; by default 365.
    pub passport_days: u64,
}

impl Reports {
    pub(super) fn read(edition: Edition, raw: &mut Raw) -> Self {
        Self {
            trusted_keys: raw.path("reports.trusted_keys", "the path of a file with a JWK Set"),
            trust_own_keys: raw.boolean("reports.trust_own_keys", edition == Edition::Sandbox),
            passport_days: raw.number("reports.passport_days", 1..=3_650, 365),
        }
    }
}
