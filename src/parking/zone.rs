//! A parking zone: its members, and its record.
//!
//! What comes from a request is parsed once (`form`), into types that hold nothing else (`values`).

mod form;
mod values;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

pub use self::values::{OperatorId, ValueFault, ZoneName, ZoneNumber};
use crate::api::zone::{self as api, Location, SessionType, Settings};
use crate::time::UnixSeconds;

/// A zone. Its record and its answer are an [`api::Zone`].
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its identifier, which never changes.
    pub id: Uuid,
    /// What a request may set.
    pub fields: ZoneFields,
    /// When it was created.
    pub created_at: UnixSeconds,
    /// When it was last changed; never before `created_at`.
    pub updated_at: UnixSeconds,
}

/// The members of a zone that a request may set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneFields {
    /// The number on the street sign; unique for one operator.
    pub number: ZoneNumber,
    /// What people call it.
    pub name: ZoneName,
    /// Who runs it.
    pub operator_id: OperatorId,
    /// What a parking session is about.
    pub session_type: SessionType,
    /// Where it is.
    pub location: Location,
    /// About how many vehicles fit; `None` if it is not counted.
    pub approx_space_count: Option<u32>,
    /// What a parking session allows.
    pub settings: Settings,
}

impl<'z> From<&'z Zone> for api::Zone<'z> {
    fn from(zone: &'z Zone) -> Self {
        let Zone { id, fields, created_at, updated_at } = zone;
        Self {
            id: *id,
            number: fields.number.as_str().into(),
            name: fields.name.as_str().into(),
            operator_id: fields.operator_id.as_str().into(),
            session_type: fields.session_type,
            location: fields.location,
            approx_space_count: fields.approx_space_count,
            settings: fields.settings,
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

/// A record is read as it was written, whatever the rules for texts are now.
impl TryFrom<api::Zone<'_>> for Zone {
    type Error = ValueFault;

    fn try_from(zone: api::Zone<'_>) -> Result<Self, ValueFault> {
        let fields = ZoneFields {
            number: ZoneNumber::stored(&zone.number)?,
            name: ZoneName::stored(&zone.name)?,
            operator_id: OperatorId::parse(&zone.operator_id)?,
            session_type: zone.session_type,
            location: zone.location,
            approx_space_count: zone.approx_space_count,
            settings: zone.settings,
        };
        Ok(Self { id: zone.id, fields, created_at: zone.created_at, updated_at: zone.updated_at })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        api::Zone::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        api::Zone::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}
