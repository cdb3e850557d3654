//! Settings as typed: which were given, where, and what is wrong with them.
//!
//! Layers lie over each other: the file, then `BOOMGATE_…` variables, then flags; for each key the
//! uppermost counts. [`Raw`] knows no setting by name: whoever reads a key makes it known, so the list of
//! what can be set is written once, where it is read. What nobody has read in the end is unknown.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::values::path;
use super::{Environment, VARIABLE_PREFIX, platform};
use crate::oauth::fault::closest_match;
use crate::oauth::limits::Rate;
use crate::text::misread_path;

/// Variables that are not settings: where the settings are, and the command line's credentials.
const NOT_SETTINGS: [&str; 4] =
    ["BOOMGATE_CONFIG", "BOOMGATE_CLIENT_ID", "BOOMGATE_CLIENT_SECRET", "BOOMGATE_CLIENT_SECRET_FILE"];
/// The most of a wrong value that is shown, in characters.
const MAX_SHOWN: usize = 60;

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    origin: Origin,
    key: String,
    detail: String,
}

impl fmt::Display for Fault {
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

/// A setting, what it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file.
    pub key: &'static str,
    /// What counts; `null` where there is no value.
    pub value: Json,
    /// Where that was given.
    pub origin: Origin,
}

#[derive(Clone, Debug)]
enum Value {
    /// From a variable or a flag: text that may stand for anything.
    Untyped(String),
    Text(String),
    /// `None` when it is below 0 or beyond 64 bits.
    Integer(Option<u64>, String),
    /// With a fraction, or an exponent.
    Decimal(f64),
    Boolean(bool),
    List(Vec<String>),
    /// Nothing that any setting takes.
    Other(&'static str),
}

impl Value {
    /// As `boomgate config show` has it. A setting that is read as a number says so itself.
    fn json(&self) -> Json {
        match self {
            Self::Untyped(text) | Self::Text(text) => text.as_str().into(),
            Self::Integer(Some(number), _) => (*number).into(),
            Self::Decimal(number) => (*number).into(),
            Self::Boolean(value) => (*value).into(),
            Self::List(members) => members.as_slice().into(),
            Self::Integer(None, _) | Self::Other(_) => Json::Null,
        }
    }

    fn whole_number(&self) -> Option<u64> {
        match self {
            Self::Integer(number, _) => *number,
            Self::Untyped(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Decimal(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    fn rate(&self) -> Option<Rate> {
        match self {
            Self::Integer(number, _) => {
                u32::try_from((*number)?).ok().and_then(|number| Rate::parse(number.into()).ok())
            }
            Self::Decimal(number) => Rate::parse(*number).ok(),
            Self::Untyped(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untyped(text) | Self::Text(text) => {
                let shown: String = text.chars().take(MAX_SHOWN).collect();
                let more = if shown.len() < text.len() { "…" } else { "" };
                write!(out, "{shown:?}{more}")
            }
            Self::Integer(_, written) => out.write_str(written),
            Self::Decimal(_) => out.write_str("a number with a fraction"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::List(_) => out.write_str("a list"),
            Self::Other(kind) => out.write_str(kind),
        }
    }
}

/// All that was given.
pub(super) struct Raw {
    given: BTreeMap<String, (Value, Origin)>,
    /// What has been read, and what it turned out to be.
    known: BTreeMap<&'static str, Json>,
    faults: Vec<Fault>,
}

/// What there is to say when all has been read.
pub(super) struct Finished {
    /// Unknown keys among them, in the order of the file.
    pub(super) faults: Vec<Fault>,
    /// Every key there is, in alphabetical order.
    pub(super) settings: Vec<Setting>,
}

impl Raw {
    /// Nothing: every key has its default.
    pub(super) fn new() -> Self {
        Self { given: BTreeMap::new(), known: BTreeMap::new(), faults: Vec::new() }
    }

    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, path: &Path, text: &str) {
        let origin = |offset: usize| {
            let before = text.get(..offset).unwrap_or(text);
            Origin::File { path: path.to_owned(), line: before.matches('\n').count() + 1 }
        };
        match DeTable::parse(text) {
            Ok(table) => self.add_table("", table.get_ref(), &origin),
            Err(error) => {
                let detail = format!("not TOML: {}", error.message().lines().collect::<Vec<_>>().join(" "));
                let origin = origin(error.span().map_or(0, |span| span.start));
                self.faults.push(Fault { origin, key: String::new(), detail });
            }
        }
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            match value.get_ref() {
                DeValue::Table(table) if !table.is_empty() => self.add_table(&key, table, origin),
                // `[tls]` with nothing under it says nothing.
                DeValue::Table(_) => {}
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => {
                    self.given.insert(key, (typed(value.get_ref()), origin(name.span().start)));
                }
            }
        }
    }

    /// Lays the `BOOMGATE_…` variables over what is there, without blanks around them; an empty one counts as not
    /// set, and one that a platform sets is no setting.
    pub(super) fn add_variables(&mut self, environment: &Environment) {
        for (name, value) in &environment.variables {
            let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { continue };
            if NOT_SETTINGS.contains(&name.as_str()) || platform::has_set(name, environment) {
                continue;
            }
            // A file of variables that was written elsewhere leaves a carriage return at the end.
            let value = match value.to_str().map(str::trim) {
                Some("") => continue,
                Some(text) => Value::Untyped(text.to_owned()),
                None => Value::Other("bytes that are not UTF-8"),
            };
            let key = rest.to_lowercase().replace("__", ".");
            self.given.insert(key, (value, Origin::Variable(name.clone())));
        }
    }

    /// Lays one flag, given once or more often, over what is there.
    pub(super) fn add_flag(&mut self, flag: &'static str, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.given.insert(key.to_owned(), (Value::List(values.to_vec()), Origin::Flag(flag)));
        }
    }

    /// The same for a flag that is given once.
    pub(super) fn add_single_flag(&mut self, flag: &'static str, key: &str, value: String) {
        self.given.insert(key.to_owned(), (Value::Untyped(value), Origin::Flag(flag)));
    }

    /// Says that what was given for `key`, or not given, is wrong. `detail` starts with a verb.
    pub(super) fn fault(&mut self, key: &'static str, detail: impl Into<String>) {
        let origin = self.given.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        self.faults.push(Fault { origin, key: key.to_owned(), detail: detail.into() });
    }

    fn expected<T>(&mut self, key: &'static str, expected: &str, value: &Value) -> Option<T> {
        self.fault(key, format!("must be {expected}, not {value}"));
        None
    }

    fn given(&mut self, key: &'static str) -> Option<Value> {
        let given = self.given.get(key).map(|(value, _)| value.clone());
        self.known.insert(key, given.as_ref().map_or(Json::Null, Value::json));
        given
    }

    /// Says what a setting turned out to be, where that is not what was given.
    pub(super) fn turns_out(&mut self, key: &'static str, value: impl Into<Json>) {
        self.known.insert(key, value.into());
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&mut self, key: &'static str, range: RangeInclusive<T>, default: T) -> T
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display + Copy + Into<Json>,
    {
        let number = self.number_given(key, range).unwrap_or(default);
        self.turns_out(key, number);
        number
    }

    fn number_given<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display,
    {
        let value = self.given(key)?;
        let number = value.whole_number().and_then(|number| T::try_from(number).ok());
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        number.filter(|number| range.contains(number)).or_else(|| self.expected(key, &expected, &value))
    }

    /// A rate of requests per second.
    pub(super) fn rate(&mut self, key: &'static str, default: Rate) -> Rate {
        let rate = self.given(key).and_then(|value| {
            value
                .rate()
                .or_else(|| self.expected(key, "a number from 0.001 to 1000000, with at most six decimals", &value))
        });
        let rate = rate.unwrap_or(default);
        self.turns_out(key, serde_json::json!(rate));
        rate
    }

    /// A whole number in `range`, or the word `unlimited`, which is `None`.
    pub(super) fn number_or_unlimited(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: Option<u64>,
    ) -> Option<u64> {
        let number = match self.given(key) {
            None => default,
            Some(Value::Text(text) | Value::Untyped(text)) if text == "unlimited" => None,
            Some(value) => {
                let expected = format!("a whole number from {} to {}, or \"unlimited\"", range.start(), range.end());
                let number = value.whole_number().filter(|number| range.contains(number));
                number.or_else(|| self.expected(key, &expected, &value)).or(default)
            }
        };
        self.turns_out(key, number.map_or_else(|| "unlimited".into(), Json::from));
        number
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let given = self.given(key);
        let boolean = given.and_then(|value| {
            let boolean = match &value {
                Value::Boolean(boolean) => Some(*boolean),
                Value::Untyped(text) => text.parse().ok(),
                Value::Text(_) | Value::Integer(..) | Value::Decimal(_) | Value::List(_) | Value::Other(_) => None,
            };
            boolean.or_else(|| self.expected(key, "true or false", &value))
        });
        let boolean = boolean.unwrap_or(default);
        self.turns_out(key, boolean);
        boolean
    }

    /// A text that `parse` takes; `expected` says what that is.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.given(key)?;
        let parsed = match &value {
            Value::Text(text) | Value::Untyped(text) => parse(text),
            Value::Integer(..) | Value::Decimal(_) | Value::Boolean(_) | Value::List(_) | Value::Other(_) => None,
        };
        parsed.or_else(|| self.expected(key, expected, &value))
    }

    /// The same with a default, in the words of the file.
    pub(super) fn text_or<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        default: (&str, T),
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let (written, default) = default;
        self.text(key, expected, parse).unwrap_or_else(|| {
            self.turns_out(key, written);
            default
        })
    }

    /// A path that nothing has to replace a part of first; `expected` says of what.
    pub(super) fn path(&mut self, key: &'static str, expected: &str) -> Option<PathBuf> {
        let text = self.text(key, expected, |text| (!text.is_empty()).then(|| text.to_owned()))?;
        match misread_path(&text) {
            None => Some(path(&text)),
            Some(why) => {
                self.fault(key, format!("{} {why}", Value::Text(text)));
                None
            }
        }
    }

    /// A list of texts that `parse` takes, at least one; in a variable they are separated by commas.
    /// `expected` says what each of them is.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let members = match self.given(key)? {
            Value::List(members) => members,
            Value::Untyped(text) => text.split(',').map(|member| member.trim().to_owned()).collect(),
            value @ (Value::Text(_) | Value::Integer(..) | Value::Decimal(_) | Value::Boolean(_) | Value::Other(_)) => {
                return self.expected(key, &format!("a list, each member {expected}"), &value);
            }
        };
        self.turns_out(key, members.as_slice());
        if members.is_empty() {
            self.fault(key, format!("must have at least one member: {expected}"));
            return None;
        }
        let parsed = members
            .into_iter()
            .map(|member| parse(&member).or_else(|| self.expected(key, expected, &Value::Text(member))));
        // All are looked at, so that every fault is reported, before one of them spoils the list.
        parsed.collect::<Vec<_>>().into_iter().collect()
    }

    /// Whether `key` was given anywhere.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// What came of it.
    pub(super) fn finish(mut self) -> Finished {
        for (key, (_, origin)) in &self.given {
            if !self.known.contains_key(key.as_str()) {
                let detail = self.why_unknown(key, origin);
                self.faults.push(Fault { origin: origin.clone(), key: key.clone(), detail });
            }
        }
        self.faults.sort();
        let origin = |key| self.given.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        let settings =
            self.known.iter().map(|(key, value)| Setting { key, value: value.clone(), origin: origin(*key) });
        Finished { settings: settings.collect(), faults: self.faults }
    }

    fn why_unknown(&self, key: &str, origin: &Origin) -> String {
        if self.known.keys().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))) {
            return format!("must be a table: [{key}]");
        }
        match closest_match(key, self.known.keys().copied()) {
            Some(known) => match origin {
                Origin::Variable(_) => format!("is not a setting; did you mean {}?", variable(known)),
                Origin::File { .. } | Origin::Flag(_) | Origin::Default => {
                    format!("is not a setting; did you mean {known}?")
                }
            },
            None => "is not a setting; data/boomgate.toml in the source lists them all".to_owned(),
        }
    }
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn typed(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Value::Integer(u64::from_str_radix(integer.as_str(), integer.radix()).ok(), integer.to_string())
        }
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Array(members) => {
            let texts = members.iter().map(|member| member.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(Value::Other("a list with a member that is no string"), Value::List)
        }
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Other("a number"), Value::Decimal),
        DeValue::Datetime(_) => Value::Other("a time"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
