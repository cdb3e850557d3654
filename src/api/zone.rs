//! `/parking/zones`: a zone as it is shown, created and changed. A zone is stored in the same form.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time::UnixSeconds;

/// A parking zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Zone<'a> {
    /// Its identifier, which the server makes and never changes.
    pub id: Uuid,
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator has it.
    #[serde(borrow)]
    #[schema(min_length = 1, max_length = 32)]
    pub number: Cow<'a, str>,
    /// What people call it, 1 to 200 characters.
    #[serde(borrow)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Cow<'a, str>,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[serde(borrow)]
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub operator_id: Cow<'a, str>,
    /// What a parking session is about.
    pub session_type: SessionType,
    /// Where it is.
    pub location: Location,
    /// About how many vehicles fit; `null` if it is not counted.
    pub approx_space_count: Option<u32>,
    /// What a parking session allows.
    pub settings: Settings,
    /// When it was created; the server sets it.
    pub created_at: UnixSeconds,
    /// When it was last changed; the server sets it.
    pub updated_at: UnixSeconds,
}

/// What a parking session is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionType {
    /// A vehicle, by its plate.
    Vehicle,
    /// A marked space, by its number.
    Space,
}

/// A place on WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ZoneLocation)]
pub struct Location {
    /// Degrees north, -90 to 90.
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
}

/// What a parking session allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ZoneSettings)]
pub struct Settings {
    /// Whether it can be extended.
    pub allows_extensions: bool,
    /// Whether it can be ended early.
    pub allows_stops: bool,
    /// For how many minutes after its end no fine is due, 0 to 1440.
    #[schema(maximum = 1440)]
    pub grace_time: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allows_extensions: true, allows_stops: true, grace_time: 0 }
    }
}

/// Creates a zone, or replaces what a request may set of one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewZone {
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator may have it.
    #[schema(min_length = 1, max_length = 32)]
    pub number: String,
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub operator_id: String,
    /// What a parking session is about.
    pub session_type: SessionType,
    /// Where it is.
    pub location: Location,
    /// About how many vehicles fit; `null` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approx_space_count: Option<u32>,
    /// What a parking session allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsPatch>,
}

/// Changes a zone by merge patch (RFC 7396): a member that is left out stays as it is, and `null` sets it back to its
/// default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZonePatch {
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 32)]
    pub number: Option<String>,
    /// What people call it, 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub operator_id: Option<String>,
    /// What a parking session is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_type: Option<SessionType>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationPatch>,
    /// About how many vehicles fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approx_space_count: Option<u32>,
    /// What a parking session allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsPatch>,
}

/// A part of a place on WGS 84.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ZoneLocationPatch)]
pub struct LocationPatch {
    /// Degrees north, -90 to 90.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
}

/// Some of what a parking session allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ZoneSettingsPatch)]
pub struct SettingsPatch {
    /// Whether it can be extended; `true` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_extensions: Option<bool>,
    /// Whether it can be ended early; `true` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_stops: Option<bool>,
    /// For how many minutes after its end no fine is due, 0 to 1440; 0 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1440)]
    pub grace_time: Option<u16>,
}
