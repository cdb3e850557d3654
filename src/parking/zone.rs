//! A parking zone: its members, and what each may hold.
//!
//! What comes from a request is parsed here, once, into types that hold nothing else. All faults of a
//! body are told at once, each by its JSON pointer (RFC 6901), and an unknown member is one of them: a
//! name that is misspelt must not be a change that silently does not happen.

mod record;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::record::Record;
use crate::oauth::document::{Document, truncated};
use crate::oauth::fault::FieldFault;
use crate::oauth::precis;
use crate::time::UnixSeconds;

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 32;
/// The longest zone number, in characters.
const MAX_NUMBER_CHARS: usize = 32;
/// The longest zone name, in characters.
const MAX_NAME_CHARS: usize = 200;
/// The longest operator identifier, in bytes.
const MAX_OPERATOR_ID_BYTES: usize = 64;
/// The longest grace time, in minutes: a day.
const MAX_GRACE_MINUTES: u16 = 1_440;

/// What the server sets, and a request may at most repeat.
const READ_ONLY: [&str; 3] = ["id", "created_at", "updated_at"];
const MEMBERS: [&str; 10] = [
    "id",
    "number",
    "name",
    "operator_id",
    "session_type",
    "location",
    "approx_space_count",
    "settings",
    "created_at",
    "updated_at",
];
const LOCATION_MEMBERS: [&str; 2] = ["latitude", "longitude"];
const SETTINGS_MEMBERS: [&str; 3] = ["allows_extensions", "allows_stops", "grace_time"];

/// A zone, as it is stored and as the API shows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Record")]
pub struct Zone {
    /// Its identity, for good.
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
    /// What stands on the street sign; unique for one operator.
    pub number: ZoneNumber,
    /// What people call it.
    pub name: ZoneName,
    /// Who runs it.
    pub operator_id: OperatorId,
    /// What a parking session is about.
    pub session_type: SessionType,
    /// Where it is.
    pub location: Location,
    /// About how many cars fit; `None` when nobody has counted.
    pub approx_space_count: Option<u32>,
    /// What a session in it allows.
    pub settings: Settings,
}

/// 1 to 32 characters, as [`precis::prepare`] gives them. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneNumber(Arc<str>);

/// 1 to 200 characters, as [`precis::prepare`] gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneName(Box<str>);

/// 1 to 64 of `A-Z a-z 0-9 . _ -`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperatorId(Arc<str>);

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
    latitude: f64,
    longitude: f64,
}

/// What a session in the zone allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it can be made longer.
    pub allows_extensions: bool,
    /// Whether it can be ended early.
    pub allows_stops: bool,
    /// Minutes after its end in which nobody is fined; at most 1,440.
    pub grace_time: u16,
}

/// Not what the member may hold; says what it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueFault(Cow<'static, str>);

impl ValueFault {
    const fn new(detail: &'static str) -> Self {
        Self(Cow::Borrowed(detail))
    }
}

impl From<precis::PrecisFault> for ValueFault {
    fn from(fault: precis::PrecisFault) -> Self {
        Self(fault.to_string().into())
    }
}

impl ZoneNumber {
    /// Reads a number.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        Ok(Self(precis::prepare(text, MAX_NUMBER_CHARS)?.into()))
    }

    /// The number of a record, whatever the rules were when it was written.
    fn stored(text: &str) -> Result<Self, ValueFault> {
        if fits(text, MAX_NUMBER_CHARS) { Ok(Self(text.into())) } else { Err(NOT_STORED) }
    }

    /// The number as the sign has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ZoneName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        Ok(Self(precis::prepare(text, MAX_NAME_CHARS)?.into()))
    }

    /// The name of a record, whatever the rules were when it was written.
    fn stored(text: &str) -> Result<Self, ValueFault> {
        if fits(text, MAX_NAME_CHARS) { Ok(Self(text.into())) } else { Err(NOT_STORED) }
    }
}

impl OperatorId {
    /// Reads an identifier.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=MAX_OPERATOR_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ValueFault::new("must be 1 to 64 letters, digits, dots, underscores or hyphens"))
        }
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Location {
    /// A place from degrees north and east.
    pub fn parse(latitude: f64, longitude: f64) -> Result<Self, ValueFault> {
        Ok(Self { latitude: parse_latitude(latitude)?, longitude: parse_longitude(longitude)? })
    }

    /// Degrees north, -90 to 90.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east, -180 to 180.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { allows_extensions: true, allows_stops: true, grace_time: 0 }
    }
}

fn parse_latitude(degrees: f64) -> Result<f64, ValueFault> {
    // Adding zero turns -0.0, which would be shown as such, into 0.0.
    if (-90.0..=90.0).contains(&degrees) { Ok(degrees + 0.0) } else { Err(LATITUDE_FAULT) }
}

fn parse_longitude(degrees: f64) -> Result<f64, ValueFault> {
    if (-180.0..=180.0).contains(&degrees) { Ok(degrees + 0.0) } else { Err(LONGITUDE_FAULT) }
}

const LATITUDE_FAULT: ValueFault = ValueFault::new("must be a number of degrees from -90 to 90");
const LONGITUDE_FAULT: ValueFault = ValueFault::new("must be a number of degrees from -180 to 180");

const NOT_STORED: ValueFault = ValueFault::new("is longer than any text that was ever stored");

/// Four bytes a character at most.
fn fits(text: &str, max_chars: usize) -> bool {
    text.len() <= max_chars * 4
}

impl ZoneFields {
    /// The fields of a new zone. All faults are told at once, up to 32.
    ///
    /// `number`, `name`, `operator_id`, `session_type` and `location` are required; the rest has
    /// defaults, and `null` counts as absent. A member that no zone has is a fault, and so is one that
    /// the server sets.
    pub fn parse_new(body: &Document) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        check_names(body, &mut faults);
        for name in READ_ONLY.iter().filter(|name| body.members().is_some_and(|members| members.contains_key(**name))) {
            faults.add(format!("/{name}"), "is set by the server: leave it out");
        }
        Self::read(body, None, faults)
    }

    /// The fields of `current` once `body` has replaced them.
    ///
    /// As [`parse_new`](Self::parse_new), but what the server sets may be there as it is now, so that
    /// what a `GET` gave can be sent back.
    pub fn parse_replacement(body: &Document, current: &Zone) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        check_names(body, &mut faults);
        check_read_only(body, current, &mut faults);
        Self::read(body, Some(&current.fields), faults)
    }

    /// The fields of `current` once `patch` is merged into it (RFC 7396): `null` sets a member back to
    /// its default, and is a fault for one that is required or that the server sets.
    pub fn parse_merged(patch: &Document, current: &Zone) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        check_names(patch, &mut faults);
        check_read_only(patch, current, &mut faults);
        let members = serde_json::to_value(&current.fields).unwrap_or_default();
        Self::read(&patch.merged_into(members), Some(&current.fields), faults)
    }

    /// A text that is as it is now stays, though today's rules may refuse it.
    fn read(body: &Document, current: Option<&Self>, mut faults: Faults) -> Result<Self, Vec<FieldFault>> {
        let Some(members) = body.members() else {
            return Err(vec![FieldFault::new("", "must be an object, such as {\"number\": \"1203\", …}")]);
        };
        let mut reader = Reader { members, pointer: "", faults: &mut faults };
        let number = reader.required("number", |value| {
            string(value).and_then(|text| match current.map(|current| &current.number) {
                Some(number) if number.as_str() == text => Ok(number.clone()),
                _ => ZoneNumber::parse(text),
            })
        });
        let name = reader.required("name", |value| {
            string(value).and_then(|text| match current.map(|current| &current.name) {
                Some(name) if *name.0 == *text => Ok(name.clone()),
                _ => ZoneName::parse(text),
            })
        });
        let operator_id = reader.required("operator_id", |value| string(value).and_then(OperatorId::parse));
        let session_type = reader.required("session_type", session_type);
        reader.requires("location");
        let location = reader.object("location", Location::read).flatten();
        let approx_space_count = reader.optional("approx_space_count", space_count);
        let settings = reader.object("settings", Settings::read).unwrap_or_default();
        match (number, name, operator_id, session_type, location) {
            (Some(number), Some(name), Some(operator_id), Some(session_type), Some(location))
                if faults.0.is_empty() =>
            {
                Ok(Self { number, name, operator_id, session_type, location, approx_space_count, settings })
            }
            _ => Err(faults.0),
        }
    }
}

impl Location {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let latitude =
            reader.required("latitude", |value| value.as_f64().ok_or(LATITUDE_FAULT).and_then(parse_latitude));
        let longitude =
            reader.required("longitude", |value| value.as_f64().ok_or(LONGITUDE_FAULT).and_then(parse_longitude));
        Some(Self { latitude: latitude?, longitude: longitude? })
    }
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let flag = |value: &Value| value.as_bool().ok_or(ValueFault::new("must be true or false"));
        Self {
            allows_extensions: reader.optional("allows_extensions", flag).unwrap_or(default.allows_extensions),
            allows_stops: reader.optional("allows_stops", flag).unwrap_or(default.allows_stops),
            grace_time: reader.optional("grace_time", grace_time).unwrap_or(default.grace_time),
        }
    }
}

fn string(value: &Value) -> Result<&str, ValueFault> {
    value.as_str().ok_or(ValueFault::new("must be a string"))
}

fn session_type(value: &Value) -> Result<SessionType, ValueFault> {
    match value.as_str() {
        Some("vehicle") => Ok(SessionType::Vehicle),
        Some("space") => Ok(SessionType::Space),
        _ => Err(ValueFault::new("must be \"vehicle\" or \"space\"")),
    }
}

fn space_count(value: &Value) -> Result<u32, ValueFault> {
    let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
    count.ok_or(ValueFault::new("must be a whole number from 0 to 4294967295, or null"))
}

fn grace_time(value: &Value) -> Result<u16, ValueFault> {
    let minutes = value.as_u64().and_then(|minutes| u16::try_from(minutes).ok());
    minutes
        .filter(|minutes| *minutes <= MAX_GRACE_MINUTES)
        .ok_or(ValueFault::new("must be a whole number of minutes from 0 to 1440"))
}

/// The faults of one body, at most [`MAX_FAULTS`].
#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, pointer: String, detail: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(FieldFault::new(pointer, detail));
        }
    }
}

/// Reads the members of one object, and notes what is wrong with them.
struct Reader<'a> {
    members: &'a Map<String, Value>,
    /// Where the object is in the body; empty for the body itself.
    pointer: &'a str,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn required<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, ValueFault>) -> Option<T> {
        self.requires(name);
        self.optional(name, read)
    }

    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, ValueFault>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        match read(value) {
            Ok(value) => Some(value),
            Err(ValueFault(detail)) => {
                self.fault(name, &detail);
                None
            }
        }
    }

    fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'_>) -> T) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let Some(members) = value.as_object() else {
            self.fault(name, "must be an object");
            return None;
        };
        let pointer = format!("{}/{name}", self.pointer);
        Some(read(&mut Reader { members, pointer: &pointer, faults: self.faults }))
    }

    fn requires(&mut self, name: &str) {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.fault(name, "is required");
        }
    }

    fn fault(&mut self, name: &str, detail: &str) {
        self.faults.add(format!("{}/{name}", self.pointer), detail);
    }
}

/// Notes each member that no zone has. Looks at what was sent, not at what came of a merge: a `null`
/// under a misspelt name would otherwise pass without a word.
fn check_names(body: &Document, faults: &mut Faults) {
    let Some(members) = body.members() else { return };
    check_names_of(members, "", &MEMBERS, faults);
    for (name, known) in [("location", LOCATION_MEMBERS.as_slice()), ("settings", &SETTINGS_MEMBERS)] {
        if let Some(members) = members.get(name).and_then(Value::as_object) {
            check_names_of(members, &format!("/{name}"), known, faults);
        }
    }
}

fn check_names_of(members: &Map<String, Value>, pointer: &str, known: &[&str], faults: &mut Faults) {
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        // RFC 6901, section 3.
        let escaped = truncated(name).replace('~', "~0").replace('/', "~1");
        let detail = match closest_match(name, known) {
            Some(closest_match) => format!("is not a member: did you mean {closest_match}?"),
            None => format!("is not a member: these are {}", known.join(", ")),
        };
        faults.add(format!("{pointer}/{escaped}"), detail);
    }
}

fn check_read_only(body: &Document, current: &Zone, faults: &mut Faults) {
    let Some(members) = body.members() else { return };
    let same_moment = |text: &str, moment| UnixSeconds::parse(text) == Some(moment);
    for name in READ_ONLY {
        let Some(value) = members.get(name) else { continue };
        let is_current = value.as_str().is_some_and(|text| match name {
            "id" => Uuid::parse_str(text).is_ok_and(|id| id == current.id),
            "created_at" => same_moment(text, current.created_at),
            _ => same_moment(text, current.updated_at),
        });
        if !is_current {
            faults
                .add(format!("/{name}"), "is set by the server, and is not this: leave it out, or read the zone again");
        }
    }
}

/// The one of `known` that `name` is most likely meant to be: at most two edits away.
pub(super) fn closest_match<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    const MAX_EDITS: usize = 2;
    let name: Vec<char> = name.chars().take(MAX_NUMBER_CHARS).flat_map(char::to_lowercase).collect();
    let edits = |known: &str| edits(&name, known);
    known.iter().copied().min_by_key(|known| edits(known)).filter(|known| edits(known) <= MAX_EDITS)
}

/// Levenshtein's distance.
fn edits(name: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (index, expected) in known.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for ((above_left, above), found) in row.iter().zip(row.iter().skip(1)).zip(name) {
            left = (above_left + usize::from(*found != expected)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"number": "1203", "name": "Harbour Street", "operator_id": "harbour-parking",
        "session_type": "vehicle", "location": {"latitude": 52.5, "longitude": -0.0},
        "approx_space_count": 40, "settings": {"allows_extensions": false, "allows_stops": false, "grace_time": 5}}"#;

    fn whole() -> Zone {
        let moment = UnixSeconds::parse("2026-01-25T15:13:21Z").unwrap();
        let fields = ZoneFields::parse_new(&Document::parse(WHOLE.as_bytes()).unwrap()).unwrap();
        Zone { id: Uuid::from_u128(1), fields, created_at: moment, updated_at: moment }
    }

    fn pointers(result: Result<ZoneFields, Vec<FieldFault>>) -> Vec<String> {
        result.map_or_else(|faults| faults.into_iter().map(|fault| fault.pointer).collect(), |_| Vec::new())
    }

    #[test]
    fn a_zone_reads_back_as_it_was_written() {
        let zone = whole();
        let text = serde_json::to_string(&zone).unwrap();
        assert_eq!(serde_json::from_str::<Zone>(&text).unwrap(), zone);
        insta::assert_snapshot!(text, @r#"{"id":"00000000-0000-0000-0000-000000000001","number":"1203","name":"Harbour Street","operator_id":"harbour-parking","session_type":"vehicle","location":{"latitude":52.5,"longitude":0.0},"approx_space_count":40,"settings":{"allows_extensions":false,"allows_stops":false,"grace_time":5},"created_at":"2026-01-25T15:13:21Z","updated_at":"2026-01-25T15:13:21Z"}"#);
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_pointer() {
        let body = Document::parse(
            r#"{"nmber": 1, "name": " x", "operator_id": "a/b", "session_type": "Vehicle", "a/b~c": 0,
                "location": {"latitude": 90.1, "lon": 2}, "approx_space_count": 1.5, "id": "x",
                "settings": {"allows_stops": "no", "grace_time": 1441, "allow_extensions": true}}"#
                .as_bytes(),
        );
        let faults = ZoneFields::parse_new(&body.unwrap()).unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        /a~1b~0c is not a member: these are id, number, name, operator_id, session_type, location, approx_space_count, settings, created_at, updated_at
        /nmber is not a member: did you mean number?
        /location/lon is not a member: these are latitude, longitude
        /settings/allow_extensions is not a member: did you mean allows_extensions?
        /id is set by the server: leave it out
        /number is required
        /name must not start or end with a space
        /operator_id must be 1 to 64 letters, digits, dots, underscores or hyphens
        /session_type must be "vehicle" or "space"
        /location/latitude must be a number of degrees from -90 to 90
        /location/longitude is required
        /approx_space_count must be a whole number from 0 to 4294967295, or null
        /settings/allows_stops must be true or false
        /settings/grace_time must be a whole number of minutes from 0 to 1440
        "#);
    }

    #[test]
    fn each_member_takes_only_what_it_may_hold() {
        let long = |count: usize| "é".repeat(count);
        for (pointer, value, is_good) in [
            ("/number", format!("{:?}", long(32)), true),
            ("/number", format!("{:?}", long(33)), false),
            ("/number", "\"\"".into(), false),
            ("/number", "1203".into(), false),
            ("/number", r#""12\u000003""#.into(), false),
            ("/number", r#""12\u200b03""#.into(), false),
            ("/number", r#""12\u202e03""#.into(), false),
            ("/number", "\"A 12/7\"".into(), true),
            ("/name", format!("{:?}", long(200)), true),
            ("/name", format!("{:?}", long(201)), false),
            ("/name", r#""a\nb""#.into(), false),
            ("/name", "\" \"".into(), false),
            ("/name", "null".into(), false),
            ("/name", "{}".into(), false),
            ("/operator_id", format!("{:?}", "o".repeat(64)), true),
            ("/operator_id", format!("{:?}", "o".repeat(65)), false),
            ("/operator_id", "\"\"".into(), false),
            ("/operator_id", "\"a b\"".into(), false),
            ("/session_type", "\"space\"".into(), true),
            ("/session_type", "[]".into(), false),
            ("/location", "null".into(), false),
            ("/location", "[52.5, 0]".into(), false),
            ("/location/latitude", "-90".into(), true),
            ("/location/latitude", "90".into(), true),
            ("/location/latitude", "-90.0000001".into(), false),
            ("/location/latitude", "\"52.5\"".into(), false),
            ("/location/longitude", "180".into(), true),
            ("/location/longitude", "-180.1".into(), false),
            ("/location/longitude", "1e300".into(), false),
            ("/approx_space_count", "0".into(), true),
            ("/approx_space_count", "null".into(), true),
            ("/approx_space_count", "4294967295".into(), true),
            ("/approx_space_count", "4294967296".into(), false),
            ("/approx_space_count", "99999999999999999999999999".into(), false),
            ("/approx_space_count", "-1".into(), false),
            ("/settings", "true".into(), false),
            ("/settings/grace_time", "1440".into(), true),
            ("/settings/grace_time", "1441".into(), false),
            ("/settings/grace_time", "null".into(), true),
            ("/settings/allows_stops", "1".into(), false),
        ] {
            let mut body: Value = serde_json::from_str(WHOLE).unwrap();
            *body.pointer_mut(pointer).unwrap() = serde_json::from_str(&value).unwrap();
            let faults = pointers(ZoneFields::parse_new(&Document::parse(body.to_string().as_bytes()).unwrap()));
            let expected = if is_good { vec![] } else { vec![pointer.to_owned()] };
            assert_eq!(faults, expected, "{pointer}: {value}");
        }
    }

    #[test]
    fn only_an_object_can_be_a_zone() {
        for body in ["[]", "null", "1", "\"zone\"", "[{}]"] {
            let body = Document::parse(body.as_bytes()).unwrap();
            assert_eq!(pointers(ZoneFields::parse_new(&body)), [""]);
            assert_eq!(pointers(ZoneFields::parse_merged(&body, &whole())), [""]);
        }
    }

    #[test]
    fn a_replacement_may_repeat_what_the_server_sets_but_not_change_it() {
        let zone = whole();
        let same = serde_json::to_vec(&zone).unwrap();
        assert_eq!(ZoneFields::parse_replacement(&Document::parse(&same).unwrap(), &zone), Ok(zone.fields.clone()));
        for (name, value, is_good) in [
            ("id", "\"00000000-0000-0000-0000-000000000001\"", true),
            ("id", "\"00000000-0000-0000-0000-000000000002\"", false),
            ("id", "null", false),
            ("id", "1", false),
            ("created_at", "\"2026-01-25T16:13:21.000+01:00\"", true),
            ("created_at", "\"2026-01-25T15:13:22Z\"", false),
            ("updated_at", "\"yesterday\"", false),
        ] {
            let patch = Document::parse(format!("{{\"{name}\": {value}}}").as_bytes()).unwrap();
            let expected = if is_good { vec![] } else { vec![format!("/{name}")] };
            assert_eq!(pointers(ZoneFields::parse_merged(&patch, &zone)), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_sets_back() {
        let zone = whole();
        let merged = |patch: &str| ZoneFields::parse_merged(&Document::parse(patch.as_bytes()).unwrap(), &zone);
        assert_eq!(merged("{}"), Ok(zone.fields.clone()));
        let fields = merged(r#"{"settings": {"grace_time": 7}, "approx_space_count": null}"#).unwrap();
        assert_eq!(fields.settings, Settings { grace_time: 7, ..zone.fields.settings });
        assert_eq!(fields.approx_space_count, None);
        assert_eq!(merged(r#"{"settings": null}"#).unwrap().settings, Settings::default());
        assert_eq!(
            pointers(merged(r#"{"name": null, "location": {"latitude": null}}"#)),
            ["/name", "/location/latitude"]
        );
        assert_eq!(
            pointers(merged(r#"{"nam": null, "settings": {"gracetime": null}}"#)),
            ["/nam", "/settings/gracetime"]
        );
    }

    #[test]
    fn faults_are_bounded_however_many_members_are_wrong() {
        let body = format!("{{{}}}", (0..5_000).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(","));
        assert_eq!(pointers(ZoneFields::parse_new(&Document::parse(body.as_bytes()).unwrap())).len(), MAX_FAULTS);
    }
}
