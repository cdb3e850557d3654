//! A zone as JSON, in the store and in answers: one flat object.
//!
//! Read and written member by member. Serde's `flatten` says the same in one line, but puts every member by
//! before it looks at the first, which takes longer than all the rest of reading a zone.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{Location, MEMBERS, OperatorId, SessionType, Settings, ValueFault, Zone, ZoneFields, ZoneName, ZoneNumber};
use crate::time::UnixSeconds;

/// A zone's members, side by side.
#[derive(Deserialize)]
pub(super) struct Record {
    id: Uuid,
    number: ZoneNumber,
    name: ZoneName,
    operator_id: OperatorId,
    session_type: SessionType,
    location: Location,
    approx_space_count: Option<u32>,
    settings: Settings,
    created_at: UnixSeconds,
    updated_at: UnixSeconds,
}

impl From<Record> for Zone {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            fields: ZoneFields {
                number: record.number,
                name: record.name,
                operator_id: record.operator_id,
                session_type: record.session_type,
                location: record.location,
                approx_space_count: record.approx_space_count,
                settings: record.settings,
            },
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, fields, created_at, updated_at } = self;
        let mut record = serializer.serialize_struct("Zone", MEMBERS.len())?;
        record.serialize_field("id", id)?;
        record.serialize_field("number", &fields.number)?;
        record.serialize_field("name", &fields.name)?;
        record.serialize_field("operator_id", &fields.operator_id)?;
        record.serialize_field("session_type", &fields.session_type)?;
        record.serialize_field("location", &fields.location)?;
        record.serialize_field("approx_space_count", &fields.approx_space_count)?;
        record.serialize_field("settings", &fields.settings)?;
        record.serialize_field("created_at", created_at)?;
        record.serialize_field("updated_at", updated_at)?;
        record.end()
    }
}

/// Reading a record takes people's texts as they were written, and so does writing one.
macro_rules! text_in_records {
    ($name:ident, $read:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(Self::$read))
            }
        }
    };
}

text_in_records!(ZoneNumber, stored);
text_in_records!(ZoneName, stored);
text_in_records!(OperatorId, parse);

/// Parses a text where it stands, without a copy of it.
struct Text<T>(fn(&str) -> Result<T, ValueFault>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }
}
