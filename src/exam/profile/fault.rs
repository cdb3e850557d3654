//! What is wrong with a profile.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The most faults that are listed; the others are counted.
const MAX_LISTED: usize = 50;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFault {
    /// The line, from 1; `None` for the whole file.
    pub(super) line: Option<usize>,
    /// The place, such as `waivers[0].until`; empty for the whole file.
    pub(super) place: String,
    /// What is wrong and what would be right; starts with a verb.
    pub(super) detail: String,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read the profile {}: {source}; name another one with --profile, or make one with boomgate exam --init", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is wrong with it, at least one thing.
    #[error("{}", Lines(path, faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// In the order of the lines.
        faults: Vec<ProfileFault>,
    },
}

impl fmt::Display for ProfileFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(out, "{} ", self.place)?;
        }
        out.write_str(&self.detail)
    }
}

struct Lines<'f>(&'f PathBuf, &'f [ProfileFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, faults) = self;
        let line = |fault: &ProfileFault| match fault.line {
            Some(line) => format!("{}:{line}: {fault}", path.display()),
            None => format!("{}: {fault}", path.display()),
        };
        if let [only] = faults {
            return out.write_str(&line(only));
        }
        write!(out, "{} things are wrong in the profile", faults.len())?;
        faults.iter().take(MAX_LISTED).try_for_each(|fault| write!(out, "\n  {}", line(fault)))?;
        match faults.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(out, "\n  and {more} more"),
        }
    }
}
