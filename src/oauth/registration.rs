//! What a registration, and a change to one, may say (RFC 7591 section 2 has the names it has).
//!
//! Every fault is reported at once, each with the member it is about; a member that is not known is a
//! fault too, for a misspelt limit must not become the default in silence.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::fault::{FieldFault, closest_match};
use crate::oauth::limits::{Limits, Rate, RateFault};
use crate::oauth::precis;
use crate::oauth::scope::Scope;

/// Requests at once that a client may be given.
pub const BURST: RangeInclusive<u64> = 1..=1_000_000;
/// Requests a day that a client may be given; `null` is unlimited.
pub const DAILY_QUOTA: RangeInclusive<u64> = 1..=100_000_000_000;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 200;

/// What a registration is made of.
pub const MEMBERS: [&str; 8] =
    ["client_name", "scope", "audience", "token_ttl", "requests_per_second", "burst", "daily_quota", "enforce"];
/// Members that a client is shown with, and that are changed in another way or never.
const READ_ONLY: [(&str, &str); 7] = [
    ("client_id", "never changes"),
    ("client_secret", "is made by the server: rotate it with POST /admin/clients/{client_id}/secrets"),
    ("secrets", "is changed with POST and DELETE below /admin/clients/{client_id}/secrets"),
    ("retired_secrets", "is kept by the server"),
    ("tokens_valid_from", "is set by POST /admin/clients/{client_id}/revoke-tokens"),
    ("created_at", "never changes"),
    ("updated_at", "is set by the server"),
];

/// The API set of the administration: with [`WRITE_ADMIN`](crate::oauth::scope::WRITE_ADMIN), it makes a
/// client an administrator.
pub const ADMIN_AUDIENCE: &str = "admin.api.boomgate";

/// What stands for no daily quota where there is no `null`.
pub const UNLIMITED: &str = "unlimited";

/// What this server offers to clients, and what it gives to one that asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PolicyDocument", into = "PolicyDocument")]
pub struct RegistrationPolicy {
    /// Every scope token that may be assigned.
    pub scopes: BTreeSet<String>,
    /// Every API set that may be granted; the first is this server's own partner API.
    pub audiences: Vec<String>,
    /// How long tokens may live, in seconds.
    pub token_ttl_s: RangeInclusive<u64>,
    /// How long they live by default, in seconds.
    pub default_token_ttl_s: u64,
    /// The limits by default.
    pub default_limits: Limits,
}

/// [`RegistrationPolicy`] as they are told: with the names that clients are registered and shown with.
#[derive(Serialize, Deserialize)]
struct PolicyDocument {
    scopes: BTreeSet<String>,
    audiences: Vec<String>,
    token_ttl: Bounds,
    client_defaults: Defaults,
}

#[derive(Serialize, Deserialize)]
struct Bounds {
    min: u64,
    max: u64,
}

#[derive(Serialize, Deserialize)]
struct Defaults {
    token_ttl: u64,
    #[serde(flatten)]
    limits: Limits,
}

impl From<RegistrationPolicy> for PolicyDocument {
    fn from(policy: RegistrationPolicy) -> Self {
        Self {
            scopes: policy.scopes,
            audiences: policy.audiences,
            token_ttl: Bounds { min: *policy.token_ttl_s.start(), max: *policy.token_ttl_s.end() },
            client_defaults: Defaults { token_ttl: policy.default_token_ttl_s, limits: policy.default_limits },
        }
    }
}

impl From<PolicyDocument> for RegistrationPolicy {
    fn from(offered: PolicyDocument) -> Self {
        Self {
            scopes: offered.scopes,
            audiences: offered.audiences,
            token_ttl_s: offered.token_ttl.min..=offered.token_ttl.max,
            default_token_ttl_s: offered.client_defaults.token_ttl,
            default_limits: offered.client_defaults.limits,
        }
    }
}

/// A registration that this server can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What people call the client; 1 to [`MAX_NAME_CHARS`] characters, see [`precis::prepare`].
    pub client_name: String,
    /// All that it may ask for.
    pub scope: Scope,
    /// The API sets that it may call; at least one.
    pub audience: Vec<String>,
    /// How long its tokens live, in seconds.
    pub token_ttl: u64,
    /// How much it may call.
    pub limits: Limits,
}

impl Registration {
    /// Reads a registration's members; all faults at once. The caller reads those that are named `beside`.
    pub fn parse(
        members: &Map<String, Value>,
        beside: &[&str],
        policy: &RegistrationPolicy,
    ) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader { members, faults: Vec::new() };
        let known: Vec<&str> = MEMBERS.iter().chain(beside).copied().collect();
        reader.refuse_unknown(&known);
        let defaults = policy.default_limits;
        let client_name = reader.name();
        let scope = reader.scope(policy);
        let audience = reader.audience(policy);
        let token_ttl = reader.number("token_ttl", &policy.token_ttl_s).unwrap_or(policy.default_token_ttl_s);
        let requests_per_second = reader.rate("requests_per_second");
        let burst = reader.number("burst", &BURST);
        let daily_quota = if reader.is_unlimited() {
            None
        } else {
            reader.number("daily_quota", &DAILY_QUOTA).or(defaults.daily_quota)
        };
        let enforce = reader.flag("enforce").unwrap_or(defaults.enforce);
        let limits = Limits {
            requests_per_second: requests_per_second.unwrap_or(defaults.requests_per_second),
            burst: narrow(burst).unwrap_or(defaults.burst),
            daily_quota,
            enforce,
        };
        match (client_name, scope, audience) {
            (Some(client_name), Some(scope), Some(audience)) if reader.faults.is_empty() => {
                Ok(Self { client_name, scope, audience, token_ttl, limits })
            }
            _ => Err(reader.faults),
        }
    }

    /// The value of one of [`MEMBERS`], as answers show it.
    #[must_use]
    pub fn member(&self, name: &str) -> Value {
        match name {
            "client_name" => self.client_name.clone().into(),
            "scope" => self.scope.to_string().into(),
            "audience" => self.audience.clone().into(),
            "token_ttl" => self.token_ttl.into(),
            "requests_per_second" => json!(self.limits.requests_per_second),
            "burst" => self.limits.burst.into(),
            "daily_quota" => self.limits.daily_quota.into(),
            "enforce" => self.limits.enforce.into(),
            _ => Value::Null,
        }
    }
}

/// A registration by whoever wants to choose what the server would make.
#[derive(Debug)]
pub struct RegistrationRequest {
    /// The identifier that it is to have; `None` leaves it to the server.
    pub client_id: Option<ClientId>,
    /// The secret that it is to have; `None` leaves it to the server.
    pub client_secret: Option<ClientSecret>,
    /// Whether a file declares it.
    pub declared: bool,
    /// All the rest.
    pub registration: Registration,
}

impl RegistrationRequest {
    /// Reads its members; all faults at once.
    pub fn parse(members: &Map<String, Value>, policy: &RegistrationPolicy) -> Result<Self, Vec<FieldFault>> {
        let (client_id, declared) = (read_client_id(members), read_declared(members));
        let client_secret = read_client_secret(members, client_id.as_ref().ok().and_then(Option::as_ref));
        let registration = Registration::parse(members, &["client_id", "client_secret", "declared"], policy);
        match (client_id, client_secret, declared, registration) {
            (Ok(client_id), Ok(client_secret), Ok(declared), Ok(registration)) => {
                Ok(Self { client_id, client_secret, declared: declared.unwrap_or(false), registration })
            }
            (client_id, client_secret, declared, registration) => {
                let mut faults: Vec<_> = client_id.err().into_iter().chain(client_secret.err()).collect();
                faults.extend(declared.err());
                faults.extend(registration.err().into_iter().flatten());
                Err(faults)
            }
        }
    }
}

/// `client_id`, if it is there.
pub fn read_client_id(members: &Map<String, Value>) -> Result<Option<ClientId>, FieldFault> {
    let Some(value) = members.get("client_id") else { return Ok(None) };
    let client_id = value.as_str().and_then(|text| ClientId::parse(text).ok());
    client_id.map(Some).ok_or_else(|| {
        FieldFault::of_member("client_id", "must be 1 to 64 letters, digits, dots, underscores, tildes or hyphens")
    })
}

/// `client_secret`, if it is there, for this client.
pub fn read_client_secret(
    members: &Map<String, Value>,
    client_id: Option<&ClientId>,
) -> Result<Option<ClientSecret>, FieldFault> {
    let Some(value) = members.get("client_secret") else { return Ok(None) };
    let chosen = ClientSecret::chosen(Zeroizing::new(value.as_str().unwrap_or_default().to_owned()), client_id);
    chosen
        .map(Some)
        .map_err(|weak| FieldFault::of_member("client_secret", format!("{weak}; without it the server makes one")))
}

/// `declared`, if it is there: whether a file of declared clients has it.
fn read_declared(members: &Map<String, Value>) -> Result<Option<bool>, FieldFault> {
    let fault = || FieldFault::of_member("declared", "must be true or false");
    members.get("declared").map(|value| value.as_bool().ok_or_else(fault)).transpose()
}

/// `status`, if it is there: whether the client is to be suspended.
pub fn read_status(members: &Map<String, Value>) -> Result<Option<bool>, FieldFault> {
    match members.get("status").map(Value::as_str) {
        None => Ok(None),
        Some(Some("active")) => Ok(Some(false)),
        Some(Some("suspended")) => Ok(Some(true)),
        Some(_) => Err(FieldFault::of_member("status", "must be active or suspended")),
    }
}

/// What a merge patch (RFC 7396) changes of a client: a member that is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// A new name.
    pub client_name: Option<String>,
    /// All that it may ask for and do from now on, with the tokens that it has too.
    pub scope: Option<Scope>,
    /// The API sets that it may call from now on; at least one.
    pub audience: Option<Vec<String>>,
    /// How long the next tokens live, in seconds.
    pub token_ttl: Option<u64>,
    /// Whether it is to be suspended, or to be active.
    pub suspended: Option<bool>,
    /// Whether a file of declared clients has it.
    pub declared: Option<bool>,
    requests_per_second: Option<Rate>,
    burst: Option<u32>,
    /// `null` is a value here: unlimited.
    daily_quota: Option<Value>,
    enforce: Option<bool>,
}

impl Patch {
    /// Reads a patch's members; all faults at once.
    pub fn parse(members: &Map<String, Value>, policy: &RegistrationPolicy) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader { members, faults: Vec::new() };
        reader.refuse_read_only();
        let known: Vec<&str> = MEMBERS.into_iter().chain(["status", "declared"]).collect();
        reader.refuse_unknown(&known);
        let names = |member| members.contains_key(member);
        let is_unlimited = reader.is_unlimited();
        let patch = Self {
            client_name: if names("client_name") { reader.name() } else { None },
            scope: if names("scope") { reader.scope(policy) } else { None },
            audience: if names("audience") { reader.audience(policy) } else { None },
            token_ttl: reader.number("token_ttl", &policy.token_ttl_s),
            requests_per_second: reader.rate("requests_per_second"),
            burst: narrow(reader.number("burst", &BURST)),
            daily_quota: if is_unlimited {
                Some(Value::Null)
            } else {
                reader.number("daily_quota", &DAILY_QUOTA).map(Value::from)
            },
            enforce: reader.flag("enforce"),
            suspended: reader.suspended(),
            declared: reader.flag("declared"),
        };
        if reader.faults.is_empty() { Ok(patch) } else { Err(reader.faults) }
    }

    /// What becomes of these limits.
    #[must_use]
    pub fn limits(&self, current: Limits) -> Limits {
        Limits {
            requests_per_second: self.requests_per_second.unwrap_or(current.requests_per_second),
            burst: self.burst.unwrap_or(current.burst),
            daily_quota: self.daily_quota.as_ref().map_or(current.daily_quota, Value::as_u64),
            enforce: self.enforce.unwrap_or(current.enforce),
        }
    }
}

/// A number that was held to a range which fits.
fn narrow(number: Option<u64>) -> Option<u32> {
    number.and_then(|number| number.try_into().ok())
}

struct Reader<'m> {
    members: &'m Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl Reader<'_> {
    fn fault(&mut self, member: &str, detail: impl Into<String>) {
        self.faults.push(FieldFault::of_member(member, detail));
    }

    fn refuse_unknown(&mut self, known: &[&str]) {
        let refused_already = self.faults.len();
        let is_known = |member: &str| known.contains(&member);
        let is_told = |member: &str| refused_already > 0 && READ_ONLY.iter().any(|(name, _)| *name == member);
        for member in self.members.keys().filter(|member| !is_known(member) && !is_told(member)).take(20) {
            let detail = match closest_match(member, known.iter().copied()) {
                Some(meant) => format!("is not known; did you mean {meant}?"),
                None => format!("is not known; known are {}", known.join(", ")),
            };
            self.fault(member, detail);
        }
    }

    fn refuse_read_only(&mut self) {
        for (member, why) in READ_ONLY {
            if self.members.contains_key(member) {
                self.fault(member, format!("is not what it is now, and cannot be changed so: it {why}"));
            }
        }
    }

    fn suspended(&mut self) -> Option<bool> {
        read_status(self.members).unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        })
    }

    fn is_unlimited(&self) -> bool {
        let daily_quota = self.members.get("daily_quota");
        daily_quota.is_some_and(|value| value.is_null() || value.as_str() == Some(UNLIMITED))
    }

    fn name(&mut self) -> Option<String> {
        let Some(name) = self.members.get("client_name").and_then(Value::as_str) else {
            self.fault("client_name", format!("must be a string of 1 to {MAX_NAME_CHARS} characters"));
            return None;
        };
        match precis::prepare(name, MAX_NAME_CHARS) {
            Ok(name) => Some(name.into_owned()),
            Err(fault) => {
                self.fault("client_name", fault.to_string());
                None
            }
        }
    }

    fn scope(&mut self, policy: &RegistrationPolicy) -> Option<Scope> {
        let offered = || policy.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let Some(scope) = self.members.get("scope").and_then(Value::as_str).and_then(|text| Scope::parse(text).ok())
        else {
            self.fault(
                "scope",
                format!("must be a string of scope tokens with one space between, from: {}", offered()),
            );
            return None;
        };
        if let Some(unknown) = scope.iter().find(|scope_token| !policy.scopes.contains(*scope_token)) {
            let hint = if unknown.contains(',') { "; scope tokens have a space between them, no comma" } else { "" };
            self.fault("scope", format!("{unknown} is not offered here; offered are: {}{hint}", offered()));
            return None;
        }
        Some(scope)
    }

    fn audience(&mut self, policy: &RegistrationPolicy) -> Option<Vec<String>> {
        let Some(value) = self.members.get("audience") else {
            return policy.audiences.first().map(|own| vec![own.clone()]);
        };
        let named: Option<Vec<String>> = match value {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(several) => several.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
        let offered =
            named.filter(|named| !named.is_empty() && named.iter().all(|name| policy.audiences.contains(name)));
        let Some(mut audience) = offered else {
            self.fault("audience", format!("must be one or more of: {}", policy.audiences.join(", ")));
            return None;
        };
        audience.sort();
        audience.dedup();
        Some(audience)
    }

    fn number(&mut self, member: &'static str, range: &RangeInclusive<u64>) -> Option<u64> {
        let value = self.members.get(member)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let otherwise = if member == "daily_quota" { ", or \"unlimited\"" } else { "" };
            self.fault(member, format!("must be a whole number from {} to {}{otherwise}", range.start(), range.end()));
        }
        number
    }

    fn rate(&mut self, member: &'static str) -> Option<Rate> {
        let rate = self.members.get(member)?.as_f64().ok_or(RateFault).and_then(Rate::parse);
        rate.map_err(|fault| self.fault(member, fault.to_string())).ok()
    }

    fn flag(&mut self, member: &'static str) -> Option<bool> {
        let flag = self.members.get(member)?.as_bool();
        if flag.is_none() {
            self.fault(member, "must be true or false");
        }
        flag
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> RegistrationPolicy {
        RegistrationPolicy {
            scopes: ["read:zones", "write:zones"].map(str::to_owned).into(),
            audiences: vec!["public".to_owned(), "other".to_owned()],
            token_ttl_s: 3_600..=86_400,
            default_token_ttl_s: 3_600,
            default_limits: Limits {
                requests_per_second: 10.into(),
                burst: 20,
                daily_quota: Some(10_000),
                enforce: true,
            },
        }
    }

    fn parse(body: Value) -> Result<Registration, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        Registration::parse(&members, &[], &policy())
            .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let registration = parse(json!({ "client_name": "Curbside", "scope": "read:zones" })).unwrap();
        assert_eq!(registration.audience, ["public"]);
        assert_eq!((registration.token_ttl, registration.limits), (3_600, policy().default_limits));
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
            "requests_per_second": 0, "burst": 1.5, "daily_quota": 1_000_000_000_000_u64, "enforce": "no", "b/rst~": 1,
        });
        assert_eq!(
            parse(hostile).unwrap_err(),
            [
                "/b~1rst~0",
                "/client_name",
                "/scope",
                "/audience",
                "/token_ttl",
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
    fn terms_read_back_as_they_were_told() {
        let told = serde_json::to_value(policy()).unwrap();
        assert_eq!(told["token_ttl"], json!({ "min": 3_600, "max": 86_400 }));
        assert_eq!(told["client_defaults"]["daily_quota"], 10_000);
        assert_eq!(serde_json::from_value::<RegistrationPolicy>(told).unwrap(), policy());
    }

    #[test]
    fn every_member_is_shown_as_it_was_read() {
        let body = json!({ "client_name": "Curbside", "scope": "read:zones write:zones", "audience": ["other", "public"],
            "token_ttl": 7_200, "requests_per_second": 1, "burst": 2, "daily_quota": 3, "enforce": false });
        let registration = parse(body.clone()).unwrap();
        for name in MEMBERS {
            assert_eq!(registration.member(name), body[name], "{name}");
        }
        assert!(body.as_object().unwrap().keys().all(|name| MEMBERS.contains(&name.as_str())));
    }

    #[test]
    fn an_application_may_choose_its_identifier_and_a_strong_secret() {
        let application = |client_id: Value, client_secret: Value| {
            let body = json!({ "client_name": "a", "scope": "read:zones", "client_id": client_id,
                "client_secret": client_secret });
            let Value::Object(members) = body else { unreachable!("an object") };
            RegistrationRequest::parse(&members, &policy()).map_err(|faults| faults.len())
        };
        let chosen = application("curbside".into(), "correct-horse-battery-staple-4711".into()).unwrap();
        assert_eq!(chosen.client_id.unwrap().as_str(), "curbside");
        assert_eq!(application("a b".into(), "short".into()).unwrap_err(), 2);
        for (weak, why) in [
            (Value::Null, "no string"),
            ("correct-horse-battery-staple-11".into(), "31 characters"),
            ("ab".repeat(20).into(), "two different ones"),
            (format!("correct horse {}", "battery staple ".repeat(2)).into(), "a space"),
            ("correct-horse-bättery-stäple-4711".into(), "not ASCII"),
            ("x1y2z3w4".repeat(40).into(), "too long"),
            (format!("bg_secret_{}000000", "aB3dE6gH9".repeat(5)).into(), "wrong check digits"),
        ] {
            assert_eq!(application("a".into(), weak).unwrap_err(), 1, "{why}");
        }
    }

    fn patch(body: Value) -> Result<Patch, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        Patch::parse(&members, &policy()).map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        assert_eq!(patch(json!({})).unwrap(), Patch::default());
        let before = policy().default_limits;
        let limits = |body| patch(body).unwrap().limits(before);
        assert_eq!(limits(json!({})), before);
        assert_eq!(limits(json!({ "burst": 7 })), Limits { burst: 7, ..before });
        assert_eq!(limits(json!({ "daily_quota": 5 })), Limits { daily_quota: Some(5), ..before });
        assert_eq!(limits(json!({ "daily_quota": null })), Limits { daily_quota: None, ..before });
        assert_eq!(limits(json!({ "enforce": false })), Limits { enforce: false, ..before });
        assert_eq!(patch(json!({ "status": "suspended" })).unwrap().suspended, Some(true));
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
}
