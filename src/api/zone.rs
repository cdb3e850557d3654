//! `/parking/zones`: a zone as it is shown, created and changed. A zone is stored in the same form.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::UnixSeconds;

/// A parking zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone<'a> {
    /// Its identifier, which the server makes and never changes.
    pub id: Uuid,
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator has it.
    #[serde(borrow)]
    pub number: Cow<'a, str>,
    /// What people call it, 1 to 200 characters.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[serde(borrow)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionType {
    /// A vehicle, by its plate.
    Vehicle,
    /// A marked space, by its number.
    Space,
}

/// A place on WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

/// What a parking session allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it can be extended.
    pub allows_extensions: bool,
    /// Whether it can be ended early.
    pub allows_stops: bool,
    /// For how many minutes after its end no fine is due, 0 to 1440.
    pub grace_time: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allows_extensions: true, allows_stops: true, grace_time: 0 }
    }
}

/// Creates a zone, or replaces what a request may set of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewZone {
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator may have it.
    pub number: String,
    /// What people call it, 1 to 200 characters.
    pub name: String,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ZonePatch {
    /// The number on the street sign, 1 to 32 characters. No other zone of the operator may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What people call it, 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who runs it: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[serde(skip_serializing_if = "Option::is_none")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LocationPatch {
    /// Degrees north, -90 to 90.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

/// Some of what a parking session allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SettingsPatch {
    /// Whether it can be extended; `true` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_extensions: Option<bool>,
    /// Whether it can be ended early; `true` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_stops: Option<bool>,
    /// For how many minutes after its end no fine is due, 0 to 1440; 0 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_time: Option<u16>,
}
