//! Merge patches of zones and of clients, and registrations, compared with RFC 7396 word for word.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use boomgate::json::Document;
use boomgate::limits::Limits;
use boomgate::api::policy::{ClientDefaults, RegistrationPolicy, TtlBounds};
use boomgate::clients::registration::{ClientPatch, RegistrationRequest};
use boomgate::parking::{Zone, ZoneFields};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static POLICY: LazyLock<RegistrationPolicy> = LazyLock::new(|| RegistrationPolicy {
    scopes: BTreeSet::from(["read:zones".to_owned(), "write:zones".to_owned()]),
    audiences: vec!["public".to_owned()],
    token_ttl: TtlBounds { min: 3_600, max: 86_400 },
    client_defaults: ClientDefaults {
        token_ttl: 3_600,
        limits: Limits { requests_per_second: 1.into(), burst: 1, daily_quota: Some(10), enforce: true },
    },
});

static ZONE: LazyLock<Zone> = LazyLock::new(|| {
    serde_json::from_value(json!({
        "id": "00000000-0000-4000-8000-000000000000", "number": "1203", "name": "Dock Street", "operator_id": "17",
        "session_type": "vehicle", "location": { "latitude": 1.5, "longitude": -2.5 }, "approx_space_count": 12,
        "settings": { "allows_extensions": true, "allows_stops": false, "grace_time": 5 },
        "created_at": "2021-01-25T15:13:21Z", "updated_at": "2021-01-25T15:13:21Z",
    }))
    .expect("a zone")
});

/// RFC 7396 section 2, word for word.
fn merge_patch(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let before = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), merge_patch(before, value));
        }
    }
    Value::Object(target)
}

fuzz_target!(|data: &[u8]| {
    let Ok(patch) = Document::parse(data) else { return };
    let as_value: Value = serde_json::from_slice(data).expect("a document is JSON");
    // Numbers have one form in a document.
    let current = serde_json::to_vec(&ZONE.fields).expect("JSON");
    let current = Value::Object(Document::parse(&current).expect("JSON").into_members().expect("an object"));
    let merged = merge_patch(current.clone(), &as_value);
    assert_eq!(patch.merged_into(current), Document::parse(merged.to_string().as_bytes()).expect("JSON"));
    if let Ok(fields) = ZoneFields::parse_merged(&patch, &ZONE) {
        // Merged twice is merged once.
        let zone = Zone { fields, ..ZONE.clone() };
        assert_eq!(ZoneFields::parse_merged(&patch, &zone).expect("as before"), zone.fields);
    }
    let Some(members) = patch.members() else { return };
    if let Ok(patch) = ClientPatch::parse(members, &POLICY) {
        let limits = patch.limits(POLICY.client_defaults.limits);
        assert!(limits.burst > 0);
        assert!(patch.token_ttl.is_none_or(|ttl| POLICY.token_ttl.range().contains(&ttl)));
    }
    if let Ok(request) = RegistrationRequest::parse(members, &POLICY) {
        let registration = request.registration;
        assert!(POLICY.token_ttl.range().contains(&registration.token_ttl) && !registration.audience.is_empty());
        assert!(!registration.client_name.chars().any(char::is_control));
    }
});
