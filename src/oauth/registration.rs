//! What a registration may say (RFC 7591 section 2 has the names it has).
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
        reader.refuse_unknown();
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
        let narrow = |limit: Option<u64>, default| limit.and_then(|limit| limit.try_into().ok()).unwrap_or(default);
        let limits = Limits {
            requests_per_second: narrow(requests_per_second, defaults.requests_per_second),
            burst: narrow(burst, defaults.burst),
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

struct Reader<'m> {
    members: &'m Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl Reader<'_> {
    fn fault(&mut self, member: &str, detail: impl Into<String>) {
        // RFC 6901 section 3: `~` and `/` inside a name are escaped.
        let escaped = member.replace('~', "~0").replace('/', "~1");
        self.faults.push(FieldFault::new(format!("/{escaped}"), detail));
    }

    fn refuse_unknown(&mut self) {
        for member in self.members.keys().filter(|member| !MEMBERS.contains(&member.as_str())).take(20) {
            let shown: String = member.chars().take(64).collect();
            self.fault(&shown, format!("is not known; known are {}", MEMBERS.join(", ")));
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
}
