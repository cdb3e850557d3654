//! Which requests of the journal are wanted: the match of a fault's rule, and what only an answered request has.

use serde_json::{Map, Value};

use super::recorded::Recorded;
use super::texts::Part;
use super::view::fields;
use crate::api::problem::FieldFault;
use crate::json::{Reader, flag, whole_number};
use crate::sandbox::faults::{Matcher, RequestFacts, read_search};
use crate::time::UnixSeconds;

const MEMBERS: [&str; 10] =
    ["client", "phase", "method", "path", "unless_header", "status", "injected", "since", "before", "limit"];
/// How many requests one answer has.
const MAX_LIMIT: u64 = 100;
const DEFAULT_LIMIT: usize = 25;

/// Which requests are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    matcher: Matcher,
    status: Option<Statuses>,
    injected: Option<bool>,
    since: Option<Since>,
}

/// A filter, and how many requests are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Search {
    pub(crate) filter: Filter,
    /// Only requests with a lower number: those before a page that was read.
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
}

/// One status, or a hundred: `429` or `4xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Statuses {
    first: u16,
    last: u16,
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Requests with a higher number.
    Number(u64),
    /// Requests at this time of the sandbox's clock, or later.
    Time(UnixSeconds),
}

impl Search {
    /// The search that the object `members` asks for; or everything that is wrong with it.
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader::new(members).ignoring_nulls();
        reader.refuse("requests", "counts the requests of a fault: use limit and since here");
        reader.refuse_unknown(&MEMBERS);
        let matcher = Matcher::new(read_search(&mut reader));
        let status = reader.optional("status", Statuses::read);
        let injected = reader.optional("injected", flag);
        let since = reader.optional("since", Since::read);
        let before = reader.optional("before", |value| whole_number(value, &(1..=u64::MAX)));
        let limit = reader.optional("limit", |value| whole_number(value, &(1..=MAX_LIMIT))).unwrap_or(DEFAULT_LIMIT);
        reader.finish(Some(Self { filter: Filter { matcher, status, injected, since }, before, limit }))
    }
}

impl Filter {
    /// Whether the request is wanted.
    pub(crate) fn wants(&self, number: u64, request: &Recorded) -> bool {
        let Self { matcher, status, injected, since } = self;
        let is_recent = match since {
            None => true,
            Some(Since::Number(after)) => number > *after,
            Some(Since::Time(from)) => request.at >= *from,
        };
        is_recent
            && injected.is_none_or(|injected| request.fault.is_some() == injected)
            && status.is_none_or(|statuses| request.status.is_some_and(|status| statuses.contain(status)))
            && matches(matcher, request)
    }

    /// The number after which requests are wanted, if it is said by a number.
    pub(crate) fn after(&self) -> Option<u64> {
        match self.since {
            Some(Since::Number(after)) => Some(after),
            Some(Since::Time(_)) | None => None,
        }
    }

    /// The filter for a journal whose newest number is `last`. A higher one is of the journal before a restart: every
    /// request of this one is after it.
    pub(crate) fn in_journal(self, last: u64) -> Self {
        if self.after().is_some_and(|after| after > last) { self.without_number() } else { self }
    }

    /// Without the number after which requests are wanted.
    pub(crate) fn without_number(self) -> Self {
        let since = self.since.filter(|since| matches!(since, Since::Time(_)));
        Self { since, ..self }
    }
}

fn matches(matcher: &Matcher, request: &Recorded) -> bool {
    let has_header = |wanted: &str| fields(request.text(Part::RequestFields)).any(|(name, _)| name == wanted);
    let (method, path) = (request.text(Part::Method), request.text(Part::Path));
    matcher.fits(&RequestFacts::new(request.client(), method, path, &has_header))
}

impl Statuses {
    /// A number, or text.
    fn read(value: &Value) -> Result<Self, &'static str> {
        let one = |status: u16| Self { first: status, last: status };
        let parsed = match value {
            Value::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()).map(one),
            Value::String(text) => match text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
                Some(hundred) => hundred.parse::<u16>().ok().filter(|hundred| *hundred < 10).map(Self::hundred),
                None => text.parse().ok().map(one),
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let is_status = |statuses: &Self| (100..=599).contains(&statuses.first) && statuses.last <= 599;
        parsed.filter(is_status).ok_or("must be a status such as 429, or a hundred of them such as \"4xx\"")
    }

    fn hundred(hundred: u16) -> Self {
        Self { first: hundred * 100, last: hundred * 100 + 99 }
    }

    fn contain(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl Since {
    /// A number, or text.
    fn read(value: &Value) -> Result<Self, &'static str> {
        let parsed = match value {
            Value::Number(number) => number.as_u64().map(Self::Number),
            Value::String(text) => {
                text.parse().map(Self::Number).ok().or_else(|| UnixSeconds::parse(text).map(Self::Time))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        parsed.ok_or("must be the number of a request, or an RFC 3339 time of the sandbox such as 2026-01-25T15:13:21Z")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::recorded::tests::recorded;
    use super::*;

    fn search(members: &Value) -> Result<Search, Vec<String>> {
        Search::read(members.as_object().unwrap())
            .map_err(|faults| faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect())
    }

    #[test]
    fn each_member_narrows_what_is_wanted() {
        let request = recorded("r-1", 10);
        for (members, expected) in [
            (json!({}), true),
            (json!({ "client": "demo-reader", "method": "GET", "path": "/parking/zones", "phase": "resource" }), true),
            (json!({ "client": "demo-writer" }), false),
            (json!({ "path": "/parking/*" }), true),
            (json!({ "path": "/admin/**" }), false),
            (json!({ "status": 200 }), true),
            (json!({ "status": "200" }), true),
            (json!({ "status": "2xx" }), true),
            (json!({ "status": "4XX" }), false),
            (json!({ "injected": false }), true),
            (json!({ "injected": true }), false),
            (json!({ "since": 6 }), true),
            (json!({ "since": "7" }), false),
            (json!({ "since": "1970-01-01T00:16:40Z" }), true),
            (json!({ "since": "1970-01-01T00:16:41Z" }), false),
            (json!({ "limit": 3 }), true),
        ] {
            assert_eq!(search(&members).unwrap().filter.wants(7, &request), expected, "{members}");
        }
        assert_eq!(search(&json!({ "limit": 3 })).unwrap().limit, 3);
    }

    #[test]
    fn every_member_that_is_wrong_is_named() {
        let members = json!({
            "clint": "a", "status": "abc", "injected": "yes", "since": "yesterday", "limit": 101, "requests": "3..5"
        });
        insta::assert_snapshot!(search(&members).unwrap_err().join("\n"), @r#"
        /requests counts the requests of a fault: use limit and since here
        /clint is not a member: did you mean client?
        /status must be a status such as 429, or a hundred of them such as "4xx"
        /injected must be true or false
        /since must be the number of a request, or an RFC 3339 time of the sandbox such as 2026-01-25T15:13:21Z
        /limit must be a whole number from 1 to 100
        "#);
        for status in [json!(42), json!(600), json!("6xx"), json!("xx"), json!("-4xx"), json!("4xxx"), json!(-1)] {
            assert!(search(&json!({ "status": status })).is_err(), "{status}");
        }
    }
}
