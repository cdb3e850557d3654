//! What is wrong with the settings, and where each setting was given.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::files::Exposure;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// On a line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In this variable of the environment.
    Variable(String),
    /// On the command line, with this flag.
    Flag(&'static str),
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Variable(name) => out.write_str(name),
            Self::Flag(name) => out.write_str(name),
            Self::Default => out.write_str("default"),
        }
    }
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingFault {
    pub(super) origin: Origin,
    /// Empty where the whole file is wrong.
    pub(super) key: String,
    /// What is wrong, and what would be right; starts with a verb.
    pub(super) detail: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(out, "{}: ", self.origin)?;
        }
        if !self.key.is_empty() {
            write!(out, "{} ", self.key.escape_debug())?;
        }
        out.write_str(&self.detail)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read: the caller named the wrong one, or may not read it.
    #[error("cannot read the settings in {}: {source}; name another file with --config or BOOMGATE_CONFIG", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users could change the file, and so become administrators.
    #[error("the settings in {} cannot be trusted: the file {exposure}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who could change it, and how to mend that.
        exposure: Exposure,
    },
    /// Settings that are wrong, at least one.
    #[error("{}", Lines(.0))]
    Faults(Vec<SettingFault>),
}

struct Lines<'f>(&'f [SettingFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return write!(out, "{only}");
        }
        write!(out, "{} settings are wrong", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(out, "\n  {fault}"))
    }
}
