//! The value of one setting, as it was typed.

use std::fmt;

use serde_json::Value as Json;
use toml::de::DeValue;

use crate::limits::Rate;

/// The most of a wrong value that is shown, in characters.
const MAX_SHOWN: usize = 60;

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// From a variable or a flag: text of no type yet.
    Untyped(String),
    Text(String),
    /// `None` when it is below 0 or beyond 64 bits.
    Integer(Option<u64>, String),
    /// With a fraction, or an exponent.
    Decimal(f64),
    Boolean(bool),
    List(Vec<String>),
    /// Of a type that no setting has.
    Other(&'static str),
}

impl Value {
    /// A value in a file; tables are not values.
    pub(super) fn of_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(integer) => {
                Self::Integer(u64::from_str_radix(integer.as_str(), integer.radix()).ok(), integer.to_string())
            }
            DeValue::Boolean(boolean) => Self::Boolean(*boolean),
            DeValue::Array(members) => {
                let texts = members.iter().map(|member| member.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(Self::Other("a list with a member that is no string"), Self::List)
            }
            DeValue::Float(number) => number.as_str().parse().map_or(Self::Other("a number"), Self::Decimal),
            DeValue::Datetime(_) => Self::Other("a time"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// The form that `boomgate config show` has.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Untyped(text) | Self::Text(text) => text.as_str().into(),
            Self::Integer(Some(number), _) => (*number).into(),
            Self::Decimal(number) => (*number).into(),
            Self::Boolean(value) => (*value).into(),
            Self::List(members) => members.as_slice().into(),
            Self::Integer(None, _) | Self::Other(_) => Json::Null,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Untyped(text) => Some(text),
            Self::Integer(..) | Self::Decimal(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::Untyped(text) => text.parse().ok(),
            Self::Text(_) | Self::Integer(..) | Self::Decimal(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn as_whole_number(&self) -> Option<u64> {
        match self {
            Self::Integer(number, _) => *number,
            Self::Untyped(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Decimal(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn as_rate(&self) -> Option<Rate> {
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

/// The value in a message of a fault.
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
