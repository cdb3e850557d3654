//! What a registration, and a change to one, may say (RFC 7591 section 2 has the names it has).
//!
//! Every fault is reported at once, each with the member it is about; a member that is not known is a
//! fault too, for a misspelt limit must not become the default in silence.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::oauth::fault::FieldFault;
use crate::oauth::limits::Limits;
use crate::oauth::scope::Scope;

/// Requests per second that a client may be given.
pub const REQUESTS_PER_SECOND: RangeInclusive<u64> = 1..=1_000_000;
/// Requests at once that a client may be given.
pub const BURST: RangeInclusive<u64> = 1..=1_000_000;
/// Requests a day that a client may be given; `null` is unlimited.
pub const DAILY_QUOTA: RangeInclusive<u64> = 1..=100_000_000_000;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 200;

const MEMBERS: [&str; 8] =
    ["client_name", "scope", "audience", "token_ttl", "requests_per_second", "burst", "daily_quota", "enforce"];
/// Members that a client is shown with, and that are changed in another way or never.
const READ_ONLY: [(&str, &str); 6] = [
    ("client_id", "never changes"),
    ("client_secret", "is made by the server: rotate it with POST /admin/clients/{client_id}/secrets"),
    ("secrets", "is changed with POST and DELETE below /admin/clients/{client_id}/secrets"),
    ("tokens_valid_from", "is set by POST /admin/clients/{client_id}/revoke-tokens"),
    ("created_at", "never changes"),
    ("updated_at", "is set by the server"),
];

/// The API set of the administration: with [`WRITE_ADMIN`](crate::oauth::scope::WRITE_ADMIN), it makes a
/// client an administrator.
pub const ADMIN_AUDIENCE: &str = "admin.api.boomgate";

/// What this server offers to clients, and what it gives to one that asks for nothing.
#[derive(Clone, Debug)]
pub struct Terms {
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

/// A registration that this server can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What people call the client; 1 to [`MAX_NAME_CHARS`] characters, none of them a control character.
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
    /// Reads a registration's members; all faults at once.
    pub fn parse(members: &Map<String, Value>, terms: &Terms) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader { members, faults: Vec::new() };
        reader.refuse_unknown(&MEMBERS);
        let defaults = terms.default_limits;
        let client_name = reader.name();
        let scope = reader.scope(terms);
        let audience = reader.audience(terms);
        let token_ttl = reader.number("token_ttl", &terms.token_ttl_s).unwrap_or(terms.default_token_ttl_s);
        let requests_per_second = reader.number("requests_per_second", &REQUESTS_PER_SECOND);
        let burst = reader.number("burst", &BURST);
        let daily_quota = match members.get("daily_quota") {
            Some(Value::Null) => None,
            _ => reader.number("daily_quota", &DAILY_QUOTA).or(defaults.daily_quota),
        };
        let enforce = reader.flag("enforce").unwrap_or(defaults.enforce);
        let limits = Limits {
            requests_per_second: narrow(requests_per_second).unwrap_or(defaults.requests_per_second),
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
    requests_per_second: Option<u32>,
    burst: Option<u32>,
    /// `null` is a value here: unlimited.
    daily_quota: Option<Value>,
    enforce: Option<bool>,
}

impl Patch {
    /// Reads a patch's members; all faults at once.
    pub fn parse(members: &Map<String, Value>, terms: &Terms) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader { members, faults: Vec::new() };
        reader.refuse_read_only();
        let known: Vec<&str> = MEMBERS.into_iter().chain(["status"]).collect();
        reader.refuse_unknown(&known);
        let names = |member| members.contains_key(member);
        let is_unlimited = members.get("daily_quota").is_some_and(Value::is_null);
        let patch = Self {
            client_name: if names("client_name") { reader.name() } else { None },
            scope: if names("scope") { reader.scope(terms) } else { None },
            audience: if names("audience") { reader.audience(terms) } else { None },
            token_ttl: reader.number("token_ttl", &terms.token_ttl_s),
            requests_per_second: narrow(reader.number("requests_per_second", &REQUESTS_PER_SECOND)),
            burst: narrow(reader.number("burst", &BURST)),
            daily_quota: if is_unlimited {
                Some(Value::Null)
            } else {
                reader.number("daily_quota", &DAILY_QUOTA).map(Value::from)
            },
            enforce: reader.flag("enforce"),
            suspended: reader.suspended(),
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
            self.fault(member, format!("is not known; known are {}", known.join(", ")));
        }
    }

    fn refuse_read_only(&mut self) {
        for (member, why) in READ_ONLY {
            if self.members.contains_key(member) {
                self.fault(member, format!("cannot be changed so: it {why}"));
            }
        }
    }

    fn suspended(&mut self) -> Option<bool> {
        match self.members.get("status")?.as_str() {
            Some("active") => Some(false),
            Some("suspended") => Some(true),
            Some(_) | None => {
                self.fault("status", "must be active or suspended");
                None
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let name = self.members.get("client_name").and_then(Value::as_str);
        let fits =
            |name: &&str| (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        let name = name.filter(fits).map(str::to_owned);
        if name.is_none() {
            let detail = format!("must be a string of 1 to {MAX_NAME_CHARS} characters without control characters");
            self.fault("client_name", detail);
        }
        name
    }

    fn scope(&mut self, terms: &Terms) -> Option<Scope> {
        let offered = || terms.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let Some(scope) = self.members.get("scope").and_then(Value::as_str).and_then(|text| Scope::parse(text).ok())
        else {
            self.fault(
                "scope",
                format!("must be a string of scope tokens with one space between, from: {}", offered()),
            );
            return None;
        };
        if let Some(unknown) = scope.iter().find(|scope_token| !terms.scopes.contains(*scope_token)) {
            self.fault("scope", format!("{unknown} is not offered here; offered are: {}", offered()));
            return None;
        }
        Some(scope)
    }

    fn audience(&mut self, terms: &Terms) -> Option<Vec<String>> {
        let Some(value) = self.members.get("audience") else {
            return terms.audiences.first().map(|own| vec![own.clone()]);
        };
        let named: Option<Vec<String>> = match value {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(several) => several.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
        let offered =
            named.filter(|named| !named.is_empty() && named.iter().all(|name| terms.audiences.contains(name)));
        let Some(mut audience) = offered else {
            self.fault("audience", format!("must be one or more of: {}", terms.audiences.join(", ")));
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
            self.fault(member, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
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

    fn terms() -> Terms {
        Terms {
            scopes: ["read:zones", "write:zones"].map(str::to_owned).into(),
            audiences: vec!["public".to_owned(), "other".to_owned()],
            token_ttl_s: 3_600..=86_400,
            default_token_ttl_s: 3_600,
            default_limits: Limits { requests_per_second: 10, burst: 20, daily_quota: Some(10_000), enforce: true },
        }
    }

    fn parse(body: Value) -> Result<Registration, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        Registration::parse(&members, &terms())
            .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let registration = parse(json!({ "client_name": "Curbside", "scope": "read:zones" })).unwrap();
        assert_eq!(registration.audience, ["public"]);
        assert_eq!((registration.token_ttl, registration.limits), (3_600, terms().default_limits));
        let registration =
            parse(json!({ "client_name": "Curbside", "scope": "read:zones", "daily_quota": null })).unwrap();
        assert_eq!(registration.limits.daily_quota, None);
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

    fn patch(body: Value) -> Result<Patch, Vec<String>> {
        let Value::Object(members) = body else { unreachable!("an object") };
        Patch::parse(&members, &terms()).map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        assert_eq!(patch(json!({})).unwrap(), Patch::default());
        let before = terms().default_limits;
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
            "client_id": "x", "client_secret": "x", "secrets": [], "created_at": 0, "updated_at": 0, "nmae": "x",
            "tokens_valid_from": 0, "client_name": null, "scope": null, "audience": null, "token_ttl": null,
            "requests_per_second": null, "burst": 0, "daily_quota": "1", "enforce": null, "status": "gone",
        });
        assert_eq!(
            patch(hostile).unwrap_err(),
            [
                "/client_id",
                "/client_secret",
                "/secrets",
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
