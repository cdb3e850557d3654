//! The variables of the environment, and whether standard error is a terminal.
//!
//! Nothing else in this program reads the environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use crate::text;

/// What the name of a variable starts with when it is a setting.
pub(super) const VARIABLE_PREFIX: &str = "BOOMGATE_";
/// The variable that names the file of settings.
const FILE_VARIABLE: &str = "BOOMGATE_CONFIG";

/// All variables. A file of declared clients may refer to any of them, and some are secrets, so this does not
/// implement `Debug`.
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    terminal: bool,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub(crate) fn of_process() -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, trimmed(value))));
        Self { variables: variables.collect(), terminal: io::stderr().is_terminal() }
    }

    /// These variables, and no terminal.
    #[must_use]
    pub fn new<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), trimmed(value.into())));
        Self { variables: variables.collect(), terminal: false }
    }

    /// The value of a variable; `None` when it is not set, empty, or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether standard error is a terminal.
    #[must_use]
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether output may have colours: on a terminal, unless `NO_COLOR` is set (no-color.org).
    #[must_use]
    pub(crate) fn allows_color(&self) -> bool {
        self.terminal && self.get("NO_COLOR").is_none()
    }

    /// The file of settings that `BOOMGATE_CONFIG` names. Its path need not be UTF-8.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let value = self.variables.get(FILE_VARIABLE)?;
        let path = value.to_str().map_or_else(|| value.into(), |text| PathBuf::from(text.trim()));
        (!path.as_os_str().is_empty()).then_some(path)
    }

    /// The folder for temporary files: the one that the user names, else the session's own, which is in memory.
    #[must_use]
    pub(crate) fn temporary_folder(&self) -> PathBuf {
        let of_session = || self.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
        self.get("TMPDIR").map(PathBuf::from).or_else(of_session).unwrap_or_else(|| "/tmp".into())
    }

    /// The first fault in the paths of those variables that commands read without the settings.
    #[must_use]
    pub(crate) fn misread_path(&self) -> Option<String> {
        let wrong = |name: &&str| {
            let value = self.get(name)?.trim();
            text::misread_path(value).map(|why| format!("{name}: {value:?} {why}"))
        };
        ["BOOMGATE_DATA_DIR", FILE_VARIABLE, "BOOMGATE_CLIENT_SECRET_FILE"].iter().find_map(wrong)
    }

    /// Every variable whose name starts with `BOOMGATE_`.
    pub(crate) fn of_boomgate(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        let all = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_os_str()));
        all.filter(|(name, _)| name.starts_with(VARIABLE_PREFIX))
    }
}

/// The value without the line end that tools leave behind it: a file of variables from Windows ends each value with
/// a carriage return, and `export X="$(cat file; echo)"` with a newline.
fn trimmed(value: OsString) -> OsString {
    match value.to_str() {
        Some(text) => text::value(text).into(),
        None => value,
    }
}
