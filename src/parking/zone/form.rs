//! A zone in the body of a request.
//!
//! All faults of a body are reported at once. A member that no zone has is a fault, because a misspelt name must not be
//! a change that silently does not happen.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::values::{parse_latitude, parse_longitude};
use super::{OperatorId, Zone, ZoneFields, ZoneName, ZoneNumber};
use crate::api::problem::FieldFault;
use crate::api::zone::{Location, SessionType, Settings};
use crate::json::{Document, Reader, flag, string, whole_number};
use crate::time::UnixSeconds;

/// Members that the server sets. A request may at most repeat them.
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

impl ZoneFields {
    /// The fields of a new zone; all faults at once.
    ///
    /// `number`, `name`, `operator_id`, `session_type` and `location` are required; the others have defaults, and `null`
    /// counts as absent. A member that the server sets is a fault.
    pub fn parse_new(body: &Document) -> Result<Self, Vec<FieldFault>> {
        let mut reader = known_members(body)?;
        for name in READ_ONLY {
            reader.refuse(name, "is set by the server: leave it out");
        }
        read(reader, None)
    }

    /// The fields of `current` once `body` has replaced them: as [`parse_new`](Self::parse_new), but what the server sets
    /// may be there as it is now, so that the answer to a `GET` can be sent back.
    pub fn parse_replacement(body: &Document, current: &Zone) -> Result<Self, Vec<FieldFault>> {
        let mut reader = known_members(body)?;
        check_read_only(&mut reader, current);
        read(reader, Some(&current.fields))
    }

    /// The fields of `current` once `patch` is merged into it (RFC 7396): `null` sets a member back to its default, and
    /// is a fault for one that is required or that the server sets.
    pub fn parse_merged(patch: &Document, current: &Zone) -> Result<Self, Vec<FieldFault>> {
        // The names of the patch itself are checked: a merge removes a misspelt name whose value is `null`.
        let mut reader = known_members(patch)?;
        check_read_only(&mut reader, current);
        let merged = patch.merged_into(serde_json::to_value(&current.fields).unwrap_or_default());
        read(reader.continue_with(members(&merged)?), Some(&current.fields))
    }
}

fn members(body: &Document) -> Result<&Map<String, Value>, Vec<FieldFault>> {
    let fault = || vec![FieldFault::new("", "must be an object, such as {\"number\": \"1203\", …}")];
    body.members().ok_or_else(fault)
}

fn known_members(body: &Document) -> Result<Reader<'_>, Vec<FieldFault>> {
    let mut reader = Reader::new(members(body)?);
    reader.refuse_unknown(&MEMBERS);
    reader.refuse_unknown_in("location", &LOCATION_MEMBERS);
    reader.refuse_unknown_in("settings", &SETTINGS_MEMBERS);
    Ok(reader)
}

fn check_read_only(reader: &mut Reader<'_>, current: &Zone) {
    for name in READ_ONLY {
        let is_current = |value: &Value| {
            value.as_str().is_some_and(|text| match name {
                "id" => Uuid::parse_str(text).is_ok_and(|id| id == current.id),
                "created_at" => UnixSeconds::parse(text) == Some(current.created_at),
                _ => UnixSeconds::parse(text) == Some(current.updated_at),
            })
        };
        let detail = "is set by the server, and is not this: leave it out, or read the zone again";
        reader.read_only(name, is_current, detail);
    }
}

/// A text that is as in `current` stays, even if today's rules would refuse it.
fn read(reader: Reader<'_>, current: Option<&ZoneFields>) -> Result<ZoneFields, Vec<FieldFault>> {
    let mut reader = reader.ignoring_nulls();
    let number = reader.required("number", |value| match (string(value)?, current) {
        (text, Some(current)) if current.number.as_str() == text => Ok(current.number.clone()),
        (text, _) => ZoneNumber::parse(text).map_err(|fault| fault.to_string()),
    });
    let name = reader.required("name", |value| match (string(value)?, current) {
        (text, Some(current)) if current.name.as_str() == text => Ok(current.name.clone()),
        (text, _) => ZoneName::parse(text).map_err(|fault| fault.to_string()),
    });
    let operator_id =
        reader.required("operator_id", |value| OperatorId::parse(string(value)?).map_err(|fault| fault.to_string()));
    let session_type = reader.required("session_type", session_type);
    reader.require("location", "is required");
    let location = reader.object("location", location).flatten();
    let approx_space_count = reader.optional("approx_space_count", |value| {
        whole_number(value, &(0..=u32::MAX.into())).map_err(|fault| format!("{fault}, or null"))
    });
    let settings = reader.object("settings", settings).unwrap_or_default();
    let fields = || {
        let (number, name, operator_id) = (number?, name?, operator_id?);
        let (session_type, location) = (session_type?, location?);
        Some(ZoneFields { number, name, operator_id, session_type, location, approx_space_count, settings })
    };
    reader.finish(fields())
}

fn session_type(value: &Value) -> Result<SessionType, &'static str> {
    match value.as_str() {
        Some("vehicle") => Ok(SessionType::Vehicle),
        Some("space") => Ok(SessionType::Space),
        _ => Err("must be \"vehicle\" or \"space\""),
    }
}

fn location(reader: &mut Reader<'_>) -> Option<Location> {
    // A value that is no number is refused like a number out of range.
    let degrees = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let latitude = reader.required("latitude", |value| parse_latitude(degrees(value)));
    let longitude = reader.required("longitude", |value| parse_longitude(degrees(value)));
    Some(Location { latitude: latitude?, longitude: longitude? })
}

fn settings(reader: &mut Reader<'_>) -> Settings {
    let default = Settings::default();
    let minutes = |value: &Value| {
        whole_number(value, &(0..=1_440)).map_err(|_| "must be a whole number of minutes from 0 to 1440")
    };
    Settings {
        allows_extensions: reader.optional("allows_extensions", flag).unwrap_or(default.allows_extensions),
        allows_stops: reader.optional("allows_stops", flag).unwrap_or(default.allows_stops),
        grace_time: reader.optional("grace_time", minutes).unwrap_or(default.grace_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::zone::{LocationPatch, NewZone, SettingsPatch, ZonePatch};

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
    fn every_member_of_the_wire_types_is_read() {
        let read_only = READ_ONLY.len();
        let settings = SettingsPatch { allows_extensions: Some(false), allows_stops: Some(true), grace_time: Some(5) };
        let new = NewZone {
            number: "1203".to_owned(),
            name: "Quay".to_owned(),
            operator_id: "quays".to_owned(),
            session_type: SessionType::Space,
            location: Location { latitude: 1.25, longitude: 103.75 },
            approx_space_count: Some(40),
            settings: Some(settings),
        };
        let body = Document::parse(&serde_json::to_vec(&new).unwrap()).unwrap();
        assert_eq!(body.members().unwrap().len(), MEMBERS.len() - read_only);
        let fields = ZoneFields::parse_new(&body).unwrap();
        assert_eq!(serde_json::to_vec(&fields).unwrap(), serde_json::to_vec(&new).unwrap());
        let patch = ZonePatch {
            number: Some(new.number),
            name: Some(new.name),
            operator_id: Some(new.operator_id),
            session_type: Some(new.session_type),
            location: Some(LocationPatch { latitude: Some(1.25), longitude: Some(103.75) }),
            approx_space_count: Some(40),
            settings: Some(settings),
        };
        let patch = Document::parse(&serde_json::to_vec(&patch).unwrap()).unwrap();
        assert_eq!(patch, body);
        assert_eq!(ZoneFields::parse_merged(&patch, &whole()), Ok(fields));
    }
}
