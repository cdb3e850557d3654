//! Names of snapshots, which are names of files too.

use std::fmt;

/// The longest name, in characters.
const MAX_LENGTH: usize = 64;

/// 1 to 64 ASCII letters, digits, hyphens and underscores: no name leads out of the folder, and no draft of a file has the
/// name of another snapshot, because a draft has a dot in its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SnapshotName(Box<str>);

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a snapshot has 1 to {MAX_LENGTH} ASCII letters, digits, hyphens and underscores")]
pub(crate) struct InvalidName;

impl SnapshotName {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName)
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["a", "before-the-outage", "Run_7", "-", &"x".repeat(64)] {
            assert_eq!(SnapshotName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "../db", "a/b", "a\\b", "a.new", "a b", "ä", "a\0", "a\n", &"x".repeat(65)] {
            assert_eq!(SnapshotName::parse(name), Err(InvalidName), "{name:?}");
        }
    }
}
