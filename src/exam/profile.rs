//! What an API owner demands of a client: how much each check counts, by which numbers, with which exceptions.
//!
//! [`Profile::read`] reads the file, `exam.toml`. Every fault of it is reported at once, with its line.

mod document;
mod fault;
mod reading;
mod template;
mod thresholds;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::api::exam::Level;
use crate::api::passport::sha256_of;
use crate::counts::label;
use crate::text;
use crate::time::Day;

pub use self::fault::{ProfileError, ProfileFault};
use super::check::Check;
use super::plan::Plan;
use super::run::Ended;
use super::thresholds::Thresholds;

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 1_024 * 1_024;

/// A profile. The built-in one is [`Profile::default`].
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, in hexadecimal; `None` for the built-in one.
    pub digest: Option<String>,
    /// The levels that differ from those of the table, by the names of the checks.
    pub levels: BTreeMap<String, Level>,
    /// The numbers that checks compare with.
    pub thresholds: Thresholds,
    /// The operations that the command must call, such as `GET /parking/zones/{id}`. Without any, a client may leave out
    /// what it does not need.
    pub operations: Vec<String>,
    /// Which checks may fail, and how long.
    pub waivers: Vec<Waiver>,
    /// Scenarios of the API owner.
    pub scenarios: Vec<OwnScenario>,
}

/// A check that may fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The name of the check.
    pub check: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub until: Day,
}

/// A scenario of the API owner. It is a check of its own name.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnScenario {
    /// Its name.
    pub name: String,
    /// What happens, in a sentence.
    pub title: String,
    /// How much it counts.
    pub level: Level,
    /// What disturbs the run.
    pub plan: Plan,
    /// How the command must end.
    pub expect: Expectation,
}

label! {
    /// How a command must end.
    pub enum Expectation {
        /// With exit code 0.
        Success = "success",
        /// By itself, with another one.
        Failure = "failure",
        /// By itself.
        Any = "any",
    }
}

impl Expectation {
    /// Whether a command ended so.
    #[must_use]
    pub fn is_met(self, ended: Ended) -> bool {
        match self {
            Self::Success => ended.is_success(),
            Self::Failure => ended.is_failure(),
            Self::Any => ended.is_success() || ended.is_failure(),
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            digest: None,
            levels: BTreeMap::new(),
            thresholds: Thresholds::default(),
            operations: Vec::new(),
            waivers: Vec::new(),
            scenarios: Vec::new(),
        }
    }
}

impl Profile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let unreadable = |source| ProfileError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
        }
        let text = text::decode(&bytes).map_err(|fault| unreadable(io::Error::other(format!("it {fault}"))))?;
        let profile = Self::parse(text).map_err(|faults| ProfileError::Faults { path: path.to_owned(), faults })?;
        Ok(Self { digest: Some(sha256_of(&bytes)), ..profile })
    }

    /// Reads the text of a file; all that it leaves out is as in the built-in profile.
    pub fn parse(text: &str) -> Result<Self, Vec<ProfileFault>> {
        reading::read(text)
    }

    /// The text of a file that is the built-in profile, with comments.
    #[must_use]
    pub fn template() -> String {
        template::template()
    }

    /// How much a check counts.
    #[must_use]
    pub fn level(&self, check: &Check) -> Level {
        self.levels.get(check.name()).copied().unwrap_or(check.level)
    }
}
