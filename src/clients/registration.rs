//! What a registration, and a change to one, may say: the wire types are in [`crate::api::client`].
//!
//! Every fault is reported at once, each with its member. A member that a registration does not have is a fault too,
//! because a misspelt limit must not become the default in silence.

use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::api::client::{DailyQuota, Status, UNLIMITED};
use crate::api::policy::RegistrationPolicy;
use crate::api::problem::FieldFault;
use crate::json::{Reader, flag, string, whole_number};
use crate::limits::{Limits, Rate, RateFault};
use crate::oauth::audience::Audience;
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::scope::Scope;
use crate::text::precis;

/// The most requests at once that a client may have.
const BURST: RangeInclusive<u64> = 1..=1_000_000;
/// The most requests a day that a client may have, unless it has no limit.
const DAILY_QUOTA: RangeInclusive<u64> = 1..=100_000_000_000;
/// The longest name, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 200;

/// The members of a registration.
pub(crate) const MEMBERS: [&str; 9] = [
    "client_name",
    "scope",
    "audience",
    "token_ttl",
    "report_required",
    "requests_per_second",
    "burst",
    "daily_quota",
    "enforce",
];
/// Members of a client that are changed in another way or never, and how.
const READ_ONLY: [(&str, &str); 9] = [
    ("client_id", "never changes"),
    ("client_secret", "is rotated with POST /admin/clients/{client_id}/secrets"),
    ("secrets", "is changed with POST and DELETE below /admin/clients/{client_id}/secrets"),
    ("retired_secrets", "is set by the server"),
    ("limits_in_effect", "follows from the limits, and from the report that is required"),
    ("report", "is presented with PUT /admin/clients/{client_id}/report"),
    ("tokens_valid_from", "is set by POST /admin/clients/{client_id}/revoke-tokens"),
    ("created_at", "never changes"),
    ("updated_at", "is set by the server"),
];

/// A registration that this server can make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// What people call the client; 1 to [`MAX_NAME_CHARS`] characters, see [`precis::prepare`].
    pub client_name: String,
    /// All that it may ask for.
    pub scope: Scope,
    /// The API sets that it may call; at least one.
    pub audience: Audience,
    /// How long its tokens live, in seconds.
    pub token_ttl: u64,
    /// Whether it has its limits only while it has a valid report of an exam.
    pub report_required: bool,
    /// How much it may call.
    #[serde(flatten)]
    pub limits: Limits,
}

impl Registration {
    /// Reads the members of a registration; `None` if there is a fault.
    pub(crate) fn read(reader: &mut Reader<'_>, policy: &RegistrationPolicy) -> Option<Self> {
        reader.require("client_name", format!("is required: a string of 1 to {MAX_NAME_CHARS} characters"));
        reader.require("scope", format!("is required: {}", scope_fault(policy)));
        let given = ClientPatch::read(reader, policy);
        Some(Self {
            client_name: given.client_name.clone()?,
            scope: given.scope.clone()?,
            limits: given.limits(policy.client_defaults.limits),
            token_ttl: given.token_ttl.unwrap_or(policy.client_defaults.token_ttl),
            report_required: given.report_required.unwrap_or(false),
            audience: given
                .audience
                .unwrap_or_else(|| policy.audiences.iter().take(1).cloned().collect::<Vec<_>>().into()),
        })
    }

    /// Its members, as answers show them.
    pub(crate) fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // A struct is an object, and none of its members can fail.
            _ => Map::new(),
        }
    }
}

/// A registration whose caller may choose the identifier and the secret.
#[derive(Debug)]
pub struct RegistrationRequest {
    /// The identifier of the client; `None` leaves it to the server.
    pub client_id: Option<ClientId>,
    /// The secret of the client; `None` leaves it to the server.
    pub client_secret: Option<ClientSecret>,
    /// Whether a file declares the client.
    pub declared: bool,
    /// What the client is registered with.
    pub registration: Registration,
}

impl RegistrationRequest {
    /// Reads the members of a request; all faults at once.
    pub fn parse(members: &Map<String, Value>, policy: &RegistrationPolicy) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader::new(members);
        reader.refuse_unknown(&[&MEMBERS[..], &["client_id", "client_secret", "declared"]].concat());
        let client_id = reader.optional("client_id", read_client_id);
        let client_secret = reader.optional("client_secret", |value| read_client_secret(value, client_id.as_ref()));
        let declared = reader.optional("declared", flag).unwrap_or(false);
        let registration = Registration::read(&mut reader, policy);
        reader.finish(registration.map(|registration| Self { client_id, client_secret, declared, registration }))
    }
}

/// What a merge patch (RFC 7396) changes of a client: `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPatch {
    /// The new name.
    pub client_name: Option<String>,
    /// All that the client may ask for from now on, and do with the tokens that it has.
    pub scope: Option<Scope>,
    /// The API sets that the client may call from now on; at least one.
    pub audience: Option<Audience>,
    /// How long the next tokens live, in seconds.
    pub token_ttl: Option<u64>,
    /// Whether the client has its limits only while it has a valid report of an exam.
    pub report_required: Option<bool>,
    /// Whether the client may call.
    pub status: Option<Status>,
    /// Whether a file declares the client.
    pub declared: Option<bool>,
    requests_per_second: Option<Rate>,
    burst: Option<u32>,
    daily_quota: Option<DailyQuota>,
    enforce: Option<bool>,
}

impl ClientPatch {
    /// Reads the members of a patch; all faults at once.
    pub fn parse(members: &Map<String, Value>, policy: &RegistrationPolicy) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader::new(members);
        for (name, why) in READ_ONLY {
            reader.refuse(name, format!("is not what it is now, and cannot be changed so: it {why}"));
        }
        reader.refuse_unknown(&[&MEMBERS[..], &["status", "declared"]].concat());
        let mut patch = Self::read(&mut reader, policy);
        patch.status = reader.optional("status", read_status);
        patch.declared = reader.optional("declared", flag);
        reader.finish(Some(patch))
    }

    /// Changes the status alone.
    #[must_use]
    pub(crate) fn of_status(status: Status) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Changes the scope alone.
    #[must_use]
    pub(crate) fn of_scope(scope: Scope) -> Self {
        Self { scope: Some(scope), ..Self::default() }
    }

    /// Reads the members that a registration has too.
    fn read(reader: &mut Reader<'_>, policy: &RegistrationPolicy) -> Self {
        Self {
            client_name: reader.optional("client_name", read_name),
            scope: reader.optional("scope", |value| read_scope(value, policy)),
            audience: reader.optional("audience", |value| read_audience(value, policy)),
            token_ttl: reader.optional("token_ttl", |value| whole_number(value, &policy.token_ttl.range())),
            report_required: reader.optional("report_required", flag),
            requests_per_second: reader
                .optional("requests_per_second", |value| value.as_f64().ok_or(RateFault).and_then(Rate::parse)),
            burst: reader.optional("burst", |value| whole_number(value, &BURST)),
            daily_quota: reader.optional("daily_quota", read_daily_quota),
            enforce: reader.optional("enforce", flag),
            ..Self::default()
        }
    }

    /// `current` with the changes to it.
    #[must_use]
    pub fn limits(&self, current: Limits) -> Limits {
        Limits {
            requests_per_second: self.requests_per_second.unwrap_or(current.requests_per_second),
            burst: self.burst.unwrap_or(current.burst),
            daily_quota: match self.daily_quota {
                None => current.daily_quota,
                Some(DailyQuota::Unlimited) => None,
                Some(DailyQuota::Requests(requests)) => Some(requests),
            },
            enforce: self.enforce.unwrap_or(current.enforce),
        }
    }
}

/// A `client_id`.
pub(crate) fn read_client_id(value: &Value) -> Result<ClientId, &'static str> {
    let client_id = value.as_str().and_then(|text| ClientId::parse(text).ok());
    client_id.ok_or("must be 1 to 64 letters, digits, dots, underscores, tildes or hyphens, not . or ..")
}

/// The `client_secret` that a caller chose for this client.
pub(crate) fn read_client_secret(value: &Value, client_id: Option<&ClientId>) -> Result<ClientSecret, String> {
    let secret = Zeroizing::new(value.as_str().unwrap_or_default().to_owned());
    ClientSecret::chosen(secret, client_id).map_err(|weak| format!("{weak}; without it the server makes one"))
}

/// A `status`.
pub(crate) fn read_status(value: &Value) -> Result<Status, &'static str> {
    match value.as_str() {
        Some("active") => Ok(Status::Active),
        Some("suspended") => Ok(Status::Suspended),
        _ => Err("must be active or suspended"),
    }
}

fn read_name(value: &Value) -> Result<String, String> {
    let name = value.as_str().ok_or_else(|| format!("must be a string of 1 to {MAX_NAME_CHARS} characters"))?;
    precis::prepare(name, MAX_NAME_CHARS).map(Into::into).map_err(|fault| fault.to_string())
}

fn read_scope(value: &Value, policy: &RegistrationPolicy) -> Result<Scope, String> {
    let scope = string(value).ok().and_then(|text| Scope::parse(text).ok());
    let scope = scope.ok_or_else(|| format!("must be {}", scope_fault(policy)))?;
    let Some(unknown) = scope.iter().find(|scope_token| !policy.scopes.contains(*scope_token)) else {
        return Ok(scope);
    };
    let hint = if unknown.contains(',') { "; scope tokens have a space between them, no comma" } else { "" };
    Err(format!("{unknown} is not offered here; offered are: {}{hint}", offered_scope(policy)))
}

fn scope_fault(policy: &RegistrationPolicy) -> String {
    format!("a string of scope tokens with one space between, from: {}", offered_scope(policy))
}

fn offered_scope(policy: &RegistrationPolicy) -> String {
    policy.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn read_audience(value: &Value, policy: &RegistrationPolicy) -> Result<Audience, String> {
    let named: Option<Vec<&str>> = match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let is_offered = |name: &&str| policy.audiences.iter().any(|offered| offered == name);
    let named = named.filter(|named| !named.is_empty() && named.iter().all(is_offered));
    let mut named = named.ok_or_else(|| format!("must be one or more of: {}", policy.audiences.join(", ")))?;
    named.sort_unstable();
    named.dedup();
    Ok(named.into_iter().map(str::to_owned).collect::<Vec<_>>().into())
}

fn read_daily_quota(value: &Value) -> Result<DailyQuota, String> {
    if value.is_null() || value.as_str() == Some(UNLIMITED) {
        return Ok(DailyQuota::Unlimited);
    }
    whole_number(value, &DAILY_QUOTA).map(DailyQuota::Requests).map_err(|fault| format!("{fault}, or \"unlimited\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api;
    use crate::api::client::NewClient;

    fn parse(body: Value) -> Result<Registration, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        let request = RegistrationRequest::parse(&members, &RegistrationPolicy::example());
        request.map(|request| request.registration).map_err(pointers)
    }

    fn pointers(faults: Vec<FieldFault>) -> Vec<String> {
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_member_that_is_left_out_has_its_default() {
        let registration = parse(json!({ "client_name": "Curbside", "scope": "read:zones" })).unwrap();
        assert_eq!(*registration.audience, ["public"]);
        assert_eq!(
            (registration.token_ttl, registration.limits),
            (3_600, RegistrationPolicy::example().client_defaults.limits)
        );
        for unlimited in [Value::Null, UNLIMITED.into()] {
            let registration =
                parse(json!({ "client_name": "Curbside", "scope": "read:zones", "daily_quota": unlimited })).unwrap();
            assert_eq!(registration.limits.daily_quota, None);
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let hostile = json!({
            "client_name": "a\u{0}", "scope": "read:everything", "audience": ["public", 1], "token_ttl": 59,
            "report_required": "yes", "requests_per_second": 0, "burst": 1.5, "daily_quota": 1_000_000_000_000_u64,
            "enforce": "no", "b/rst~": 1,
        });
        assert_eq!(
            parse(hostile).unwrap_err(),
            [
                "/b~1rst~0",
                "/client_name",
                "/scope",
                "/audience",
                "/token_ttl",
                "/report_required",
                "/requests_per_second",
                "/burst",
                "/daily_quota",
                "/enforce"
            ]
        );
        for (body, pointer) in [
            (json!({ "client_name": "a", "scope": "read:zones", "status": "active" }), "/status"),
            (json!({ "scope": "read:zones" }), "/client_name"),
            (json!({ "client_name": "", "scope": "read:zones" }), "/client_name"),
            (json!({ "client_name": "a".repeat(10_000), "scope": "read:zones" }), "/client_name"),
            (json!({ "client_name": "a" }), "/scope"),
            (json!({ "client_name": "a", "scope": "read:zones", "audience": [] }), "/audience"),
            (json!({ "client_name": "a", "scope": "read:zones", "daily_quota": -1 }), "/daily_quota"),
        ] {
            assert_eq!(parse(body).unwrap_err(), [pointer]);
        }
    }

    #[test]
    fn every_member_is_shown_as_it_was_read() {
        let body = json!({ "client_name": "Curbside", "scope": "read:zones write:zones", "audience": ["other", "public"],
            "token_ttl": 7_200, "report_required": true, "requests_per_second": 1, "burst": 2, "daily_quota": 3,
            "enforce": false });
        let registration = parse(body.clone()).unwrap();
        for name in MEMBERS {
            assert!(registration.members().contains_key(name), "{name}");
        }
        assert_eq!(Value::Object(registration.members()), body);
    }

    #[test]
    fn a_request_may_choose_its_identifier_and_a_strong_secret() {
        let request = |client_id: Value, client_secret: Value| {
            let body = json!({ "client_name": "a", "scope": "read:zones", "client_id": client_id,
                "client_secret": client_secret });
            let Value::Object(members) = body else { unreachable!("an object") };
            RegistrationRequest::parse(&members, &RegistrationPolicy::example()).map_err(|faults| faults.len())
        };
        let chosen = request("curbside".into(), "correct-horse-battery-staple-4711".into()).unwrap();
        assert_eq!(chosen.client_id.unwrap().as_str(), "curbside");
        assert_eq!(request("a b".into(), "short".into()).unwrap_err(), 2);
        for (weak, why) in [
            (Value::Null, "no string"),
            ("correct-horse-battery-staple-11".into(), "31 characters"),
            ("ab".repeat(20).into(), "two different ones"),
            (format!("correct horse {}", "battery staple ".repeat(2)).into(), "a space"),
            ("correct-horse-bättery-stäple-4711".into(), "not ASCII"),
            ("x1y2z3w4".repeat(40).into(), "too long"),
            (format!("bg_secret_{}000000", "aB3dE6gH9".repeat(5)).into(), "wrong check digits"),
        ] {
            assert_eq!(request("a".into(), weak).unwrap_err(), 1, "{why}");
        }
    }

    fn patch(body: Value) -> Result<ClientPatch, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        ClientPatch::parse(&members, &RegistrationPolicy::example()).map_err(pointers)
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        assert_eq!(patch(json!({})).unwrap(), ClientPatch::default());
        let before = RegistrationPolicy::example().client_defaults.limits;
        let limits = |body| patch(body).unwrap().limits(before);
        assert_eq!(limits(json!({})), before);
        assert_eq!(limits(json!({ "burst": 7 })), Limits { burst: 7, ..before });
        assert_eq!(limits(json!({ "daily_quota": 5 })), Limits { daily_quota: Some(5), ..before });
        assert_eq!(limits(json!({ "daily_quota": null })), Limits { daily_quota: None, ..before });
        assert_eq!(limits(json!({ "enforce": false })), Limits { enforce: false, ..before });
        assert_eq!(patch(json!({ "status": "suspended" })).unwrap().status, Some(Status::Suspended));
    }

    #[test]
    fn every_fault_of_a_patch_is_named_at_once() {
        let hostile = json!({
            "client_id": "x", "client_secret": "x", "secrets": [], "retired_secrets": [], "created_at": 0, "updated_at": 0, "nmae": "x",
            "tokens_valid_from": 0, "client_name": null, "scope": null, "audience": null, "token_ttl": null,
            "requests_per_second": null, "burst": 0, "daily_quota": "1", "enforce": null, "status": "gone",
        });
        assert_eq!(
            patch(hostile).unwrap_err(),
            [
                "/client_id",
                "/client_secret",
                "/secrets",
                "/retired_secrets",
                "/tokens_valid_from",
                "/created_at",
                "/updated_at",
                "/nmae",
                "/client_name",
                "/scope",
                "/audience",
                "/token_ttl",
                "/requests_per_second",
                "/burst",
                "/daily_quota",
                "/enforce",
                "/status"
            ]
        );
    }

    #[test]
    fn every_member_of_the_wire_types_is_read() {
        let members = |value: Value| value.as_object().unwrap().clone();
        let new = NewClient {
            client_id: ClientId::parse("curbside").ok(),
            client_secret: Some("correct-horse-battery-staple-4711".to_owned()),
            client_name: "Curbside".to_owned(),
            scope: "read:zones".to_owned(),
            audience: vec!["public".to_owned()],
            token_ttl: Some(7_200),
            report_required: Some(true),
            requests_per_second: Some(1.into()),
            burst: Some(2),
            daily_quota: Some(DailyQuota::Unlimited),
            enforce: Some(false),
            declared: Some(true),
        };
        let new = members(serde_json::to_value(new).unwrap());
        assert_eq!(new.len(), MEMBERS.len() + 3);
        RegistrationRequest::parse(&new, &RegistrationPolicy::example()).unwrap();
        let patch = api::client::ClientPatch {
            client_name: Some("Curbside".to_owned()),
            scope: Some("read:zones".to_owned()),
            audience: Some(vec!["public".to_owned()]),
            token_ttl: Some(7_200),
            report_required: Some(true),
            requests_per_second: Some(1.into()),
            burst: Some(2),
            daily_quota: Some(DailyQuota::Requests(3)),
            enforce: Some(false),
            status: Some(Status::Active),
            declared: Some(true),
        };
        let patch = members(serde_json::to_value(patch).unwrap());
        assert_eq!(patch.len(), MEMBERS.len() + 2);
        ClientPatch::parse(&patch, &RegistrationPolicy::example()).unwrap();
    }
}
