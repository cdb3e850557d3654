//! Settings as they were typed: which were given, where, and what is wrong with them.
//!
//! The sources are laid over each other ([`sources`]); for each key the last one counts. [`Raw`] has no list of the
//! settings: a section that reads a key thereby declares it, so each setting is named once, where it is read. A key
//! that was given and that no section reads is unknown.

mod sources;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

pub(super) use self::sources::variable;
use self::value::Value;
use super::fault::{Origin, SettingFault};
use crate::limits::Rate;
use crate::text::closest_match;
use crate::text::misread_path;

/// A setting, its value, and where the value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file.
    pub key: &'static str,
    /// The value that counts; `null` where there is none.
    pub value: Json,
    /// Where it was given.
    pub origin: Origin,
}

/// All that was given.
#[derive(Default)]
pub(super) struct Raw {
    given: BTreeMap<String, (Value, Origin)>,
    /// The keys that were read, with the values that count.
    effective: BTreeMap<&'static str, Json>,
    faults: Vec<SettingFault>,
}

/// The result, once every section has read its keys.
pub(super) struct Finished {
    /// In the order of the file; unknown keys among them.
    pub(super) faults: Vec<SettingFault>,
    /// Every setting, in alphabetical order.
    pub(super) settings: Vec<Setting>,
}

impl Raw {
    /// Reports that what was given for `key`, or not given, is wrong. `detail` starts with a verb.
    pub(super) fn fault(&mut self, key: &'static str, detail: impl Into<String>) {
        let origin = self.origin(key);
        self.faults.push(SettingFault { origin, key: key.to_owned(), detail: detail.into() });
    }

    fn not<T>(&mut self, key: &'static str, expected: &str, value: &Value) -> Option<T> {
        self.fault(key, format!("must be {expected}, not {value}"));
        None
    }

    fn origin(&self, key: &str) -> Origin {
        self.given.get(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    fn given(&mut self, key: &'static str) -> Option<Value> {
        let given = self.given.get(key).map(|(value, _)| value.clone());
        self.set_effective(key, given.as_ref().map_or(Json::Null, Value::to_json));
        given
    }

    /// Notes the value of a setting that counts, where it is not the one that was given.
    pub(super) fn set_effective(&mut self, key: &'static str, value: impl Into<Json>) {
        self.effective.insert(key, value.into());
    }

    /// Whether `key` was given anywhere.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&mut self, key: &'static str, range: RangeInclusive<T>, default: T) -> T
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display + Copy + Into<Json>,
    {
        let number = self.given(key).and_then(|value| {
            let number = value.as_whole_number().and_then(|number| T::try_from(number).ok());
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            number.filter(|number| range.contains(number)).or_else(|| self.not(key, &expected, &value))
        });
        let number = number.unwrap_or(default);
        self.set_effective(key, number);
        number
    }

    /// A whole number of seconds in `range`.
    pub(super) fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> Duration {
        Duration::from_secs(self.number(key, range, default))
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
            Some(value) if value.as_text() == Some("unlimited") => None,
            Some(value) => {
                let expected = format!("a whole number from {} to {}, or \"unlimited\"", range.start(), range.end());
                let number = value.as_whole_number().filter(|number| range.contains(number));
                number.or_else(|| self.not(key, &expected, &value)).or(default)
            }
        };
        self.set_effective(key, number.map_or_else(|| "unlimited".into(), Json::from));
        number
    }

    /// A rate of requests per second.
    pub(super) fn rate(&mut self, key: &'static str, default: Rate) -> Rate {
        const EXPECTED: &str = "a number from 0.001 to 1000000, with at most six decimals";
        let rate = self.given(key).and_then(|value| value.as_rate().or_else(|| self.not(key, EXPECTED, &value)));
        let rate = rate.unwrap_or(default);
        self.set_effective(key, serde_json::json!(rate));
        rate
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let given = self.given(key);
        let boolean = given.and_then(|value| value.as_boolean().or_else(|| self.not(key, "true or false", &value)));
        let boolean = boolean.unwrap_or(default);
        self.set_effective(key, boolean);
        boolean
    }

    /// A text that `parse` accepts; `expected` describes such a text.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.given(key)?;
        value.as_text().and_then(parse).or_else(|| self.not(key, expected, &value))
    }

    /// The same with a default, which is written in the file as `default.0`.
    pub(super) fn text_or<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        default: (&str, T),
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let (written, default) = default;
        self.text(key, expected, parse).unwrap_or_else(|| {
            self.set_effective(key, written);
            default
        })
    }

    /// A path without `~` and the like, which only a shell replaces; `expected` says of what.
    pub(super) fn path(&mut self, key: &'static str, expected: &str) -> Option<PathBuf> {
        let text = self.text(key, expected, |text| (!text.is_empty()).then(|| text.to_owned()))?;
        match misread_path(&text) {
            None => Some(text.into()),
            Some(why) => {
                self.fault(key, format!("{} {why}", Value::Text(text)));
                None
            }
        }
    }

    /// A list of texts that `parse` accepts, at least one. In a variable commas separate them. `expected` describes
    /// one of them.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.list_if_any(key, expected, parse)?;
        if list.is_empty() {
            self.fault(key, format!("must have at least one member: {expected}"));
            return None;
        }
        Some(list)
    }

    /// The same, which may be empty.
    pub(super) fn list_if_any<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let members = match self.given(key)? {
            Value::List(members) => members,
            Value::Untyped(text) => text.split(',').map(|member| member.trim().to_owned()).collect(),
            value @ (Value::Text(_) | Value::Integer(..) | Value::Decimal(_) | Value::Boolean(_) | Value::Other(_)) => {
                return self.not(key, &format!("a list, each member {expected}"), &value);
            }
        };
        self.set_effective(key, members.as_slice());
        let parsed =
            members.into_iter().map(|member| parse(&member).or_else(|| self.not(key, expected, &Value::Text(member))));
        // First all of them, so that every fault is reported.
        parsed.collect::<Vec<_>>().into_iter().collect()
    }

    /// The faults and the settings, after every section has read its keys.
    pub(super) fn finish(mut self) -> Finished {
        for (key, (_, origin)) in &self.given {
            if !self.effective.contains_key(key.as_str()) {
                let detail = self.why_unknown(key, origin);
                self.faults.push(SettingFault { origin: origin.clone(), key: key.clone(), detail });
            }
        }
        self.faults.sort();
        let settings = self.effective.iter();
        let settings = settings.map(|(key, value)| Setting { key, value: value.clone(), origin: self.origin(key) });
        Finished { settings: settings.collect(), faults: self.faults }
    }

    fn why_unknown(&self, key: &str, origin: &Origin) -> String {
        let mut keys = self.effective.keys().copied();
        if keys.any(|setting| setting.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))) {
            return format!("must be a table: [{key}]");
        }
        let Some(closest) = closest_match(key, self.effective.keys().copied()) else {
            return "is not a setting; data/boomgate.toml in the source lists them all".to_owned();
        };
        let closest = match origin {
            Origin::Variable(_) => variable(closest),
            Origin::File { .. } | Origin::Flag(_) | Origin::Default => closest.to_owned(),
        };
        format!("is not a setting; did you mean {closest}?")
    }
}
