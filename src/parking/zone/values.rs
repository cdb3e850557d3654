//! What the members of a zone may hold.

use serde::Serialize;

use crate::api::zone::Location;
use crate::text::precis::{self, PrecisFault};

/// The longest zone number, in characters.
const MAX_NUMBER_CHARS: usize = 32;
/// The longest zone name, in characters.
const MAX_NAME_CHARS: usize = 200;
/// The longest operator identifier, in bytes.
const MAX_OPERATOR_ID_BYTES: usize = 64;

/// 1 to 32 characters, as [`precis::prepare`] gives them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ZoneNumber(Box<str>);

/// 1 to 200 characters, as [`precis::prepare`] gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneName(Box<str>);

/// 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OperatorId(Box<str>);

/// What the member may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueFault(&'static str);

const NOT_STORED: ValueFault = ValueFault("is longer than any text that was ever stored");

impl ZoneNumber {
    /// Reads a number.
    pub fn parse(text: &str) -> Result<Self, PrecisFault> {
        Ok(Self(precis::prepare(text, MAX_NUMBER_CHARS)?.into()))
    }

    /// The number of a record.
    pub(super) fn stored(text: &str) -> Result<Self, ValueFault> {
        if fits(text, MAX_NUMBER_CHARS) { Ok(Self(text.into())) } else { Err(NOT_STORED) }
    }

    /// The number on the sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ZoneName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, PrecisFault> {
        Ok(Self(precis::prepare(text, MAX_NAME_CHARS)?.into()))
    }

    /// The name of a record.
    pub(super) fn stored(text: &str) -> Result<Self, ValueFault> {
        if fits(text, MAX_NAME_CHARS) { Ok(Self(text.into())) } else { Err(NOT_STORED) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A character has four bytes at most.
fn fits(text: &str, max_chars: usize) -> bool {
    text.len() <= max_chars * 4
}

impl OperatorId {
    /// Reads an identifier.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=MAX_OPERATOR_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ValueFault("must be 1 to 64 letters, digits, dots, underscores or hyphens"))
        }
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Location {
    /// A place from degrees north and east.
    pub fn parse(latitude: f64, longitude: f64) -> Result<Self, ValueFault> {
        Ok(Self { latitude: parse_latitude(latitude)?, longitude: parse_longitude(longitude)? })
    }
}

pub(super) fn parse_latitude(degrees: f64) -> Result<f64, ValueFault> {
    let fault = ValueFault("must be a number of degrees from -90 to 90");
    // Adding zero turns -0.0, which would be shown as such, into 0.0.
    if (-90.0..=90.0).contains(&degrees) { Ok(degrees + 0.0) } else { Err(fault) }
}

pub(super) fn parse_longitude(degrees: f64) -> Result<f64, ValueFault> {
    let fault = ValueFault("must be a number of degrees from -180 to 180");
    if (-180.0..=180.0).contains(&degrees) { Ok(degrees + 0.0) } else { Err(fault) }
}
