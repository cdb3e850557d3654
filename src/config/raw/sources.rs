//! The three sources of settings, each added over the one before: the file, variables, flags.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Raw;
use super::value::Value;
use crate::config::environment::{Environment, VARIABLE_PREFIX};
use crate::config::fault::{Origin, SettingFault};
use crate::config::platform;

/// Variables that are not settings: the file of settings, and the credentials of commands.
const NOT_SETTINGS: [&str; 5] = [
    "BOOMGATE_CONFIG",
    "BOOMGATE_CLIENT_ID",
    "BOOMGATE_CLIENT_SECRET",
    "BOOMGATE_CLIENT_SECRET_FILE",
    "BOOMGATE_SANDBOX_TOKEN",
];

impl Raw {
    /// Adds the settings of a file.
    pub(in crate::config) fn add_file(&mut self, path: &Path, text: &str) {
        let origin = |offset: usize| {
            let before = text.get(..offset).unwrap_or(text);
            Origin::File { path: path.to_owned(), line: before.matches('\n').count() + 1 }
        };
        match DeTable::parse(text) {
            Ok(table) => self.add_table("", table.get_ref(), &origin),
            Err(error) => {
                let detail = format!("not TOML: {}", error.message().lines().collect::<Vec<_>>().join(" "));
                let origin = origin(error.span().map_or(0, |span| span.start));
                self.faults.push(SettingFault { origin, key: String::new(), detail });
            }
        }
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            // An empty table, such as `[tls]` alone, sets nothing.
            if let DeValue::Table(table) = value.get_ref() {
                self.add_table(&key, table, origin);
            } else {
                self.given.insert(key, (Value::of_toml(value.get_ref()), origin(name.span().start)));
            }
        }
    }

    /// Adds the `BOOMGATE_…` variables. An empty one counts as not set, and one that a platform sets is no setting.
    pub(in crate::config) fn add_variables(&mut self, environment: &Environment) {
        for (name, value) in environment.of_boomgate() {
            if NOT_SETTINGS.contains(&name) || platform::has_set(name, environment) {
                continue;
            }
            let value = match value.to_str().map(str::trim) {
                Some("") => continue,
                Some(text) => Value::Untyped(text.to_owned()),
                None => Value::Other("bytes that are not UTF-8"),
            };
            self.given.insert(key_of(name), (value, Origin::Variable(name.to_owned())));
        }
    }

    /// Adds one flag, given once or more often.
    pub(in crate::config) fn add_flag(&mut self, flag: &'static str, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.given.insert(key.to_owned(), (Value::List(values.to_vec()), Origin::Flag(flag)));
        }
    }

    /// Adds a flag that can be given only once.
    pub(in crate::config) fn add_single_flag(&mut self, flag: &'static str, key: &str, value: String) {
        self.given.insert(key.to_owned(), (Value::Untyped(value), Origin::Flag(flag)));
    }
}

/// The variable that sets `key`.
pub(in crate::config) fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// The key that a variable sets.
fn key_of(variable: &str) -> String {
    let name = variable.strip_prefix(VARIABLE_PREFIX).unwrap_or(variable);
    name.to_lowercase().replace("__", ".")
}
