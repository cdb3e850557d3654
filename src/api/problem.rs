//! A problem (RFC 9457), with the members that OAuth clients look for.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text;

/// Why a request to the API was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem<'a> {
    /// The kind of problem: the address of its page, or the one that IANA registers for both limits.
    #[serde(rename = "type")]
    pub kind: Cow<'a, str>,
    /// The kind in words.
    pub title: Cow<'a, str>,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: Cow<'a, str>,
    /// A page that explains the kind of problem.
    pub documentation: Cow<'a, str>,
    /// A page that explains this very answer: only a sandbox has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub explanation: Option<Cow<'a, str>>,
    /// Each member of the body that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
    /// The limits that the request exceeds (draft-ietf-httpapi-ratelimit-headers).
    #[serde(default, rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<LimitPolicy>,
    /// The same kind, as OAuth clients read it.
    pub error: Cow<'a, str>,
    /// The same as `detail`, as OAuth clients read it.
    pub error_description: Cow<'a, str>,
    /// The request, as the server's log names it.
    pub request_id: Cow<'a, str>,
}

/// A limit, by the name that the `RateLimit` fields give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitPolicy {
    /// Requests per second.
    Second,
    /// Requests in a UTC day.
    Day,
}

/// What is wrong with one member of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldFault {
    /// The member, as a JSON Pointer (RFC 6901); empty for the whole body.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl FieldFault {
    /// A fault of the member at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// A fault of the member `name` of the object at `parent`. A long name is cut.
    #[must_use]
    pub fn of_member(parent: &str, name: &str, detail: impl Into<String>) -> Self {
        // RFC 6901 section 3: `~` and `/` inside a name are escaped.
        let name = text::truncated(name).replace('~', "~0").replace('/', "~1");
        Self::new(format!("{parent}/{name}"), detail)
    }
}
