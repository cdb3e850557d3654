//! Answers that are lawful but unusual. What a variation does not apply to stays as it is.

use actix_http::ConnectionType;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::super::disturbance::Claims;
use super::Answer;
use super::members::Members;
use crate::api::sandbox::fault::Variation;
use crate::oauth::scope::Scope;
use crate::time::UnixSeconds;

/// Members that no document names.
const UNKNOWN_FIRST: &str = "x_boomgate_unknown";
const UNKNOWN_LAST: &str = "x_boomgate_unknown_too";

pub(super) fn apply(answer: &mut Answer, variation: Variation, claims: &Claims, now: UnixSeconds) {
    match variation {
        Variation::UnknownMembers => change_members(answer, |members| {
            members.insert(0, (UNKNOWN_FIRST.to_owned(), Value::from(vec![1, 2])));
            members.push((UNKNOWN_LAST.to_owned(), Value::Null));
        }),
        Variation::TokenTypeLowercase => change_members(answer, |members| {
            if let Some((_, token_type)) = members.iter_mut().find(|(name, _)| name == "token_type") {
                *token_type = "bearer".into();
            }
        }),
        // `expires_at` says the same.
        Variation::NoExpiresIn => change_members(answer, |members| {
            members.retain(|(name, _)| name != "expires_in" && name != "expires_at");
        }),
        Variation::NoScope => change_members(answer, |members| {
            members.retain(|(name, value)| name != "scope" || !is_as_asked(value, claims.scope.as_deref()));
        }),
        Variation::ReorderedMembers => change_members(answer, |members| members.reverse()),
        Variation::RetryAfterDate => write_retry_after_as_date(answer, now),
        Variation::ChunkedBody => answer.form.is_chunked = true,
        Variation::LowercaseFields => answer.head.head_mut().set_camel_case_headers(false),
        Variation::TitleCaseFields => answer.head.head_mut().set_camel_case_headers(true),
        Variation::ConnectionClose => {
            answer.head.head_mut().set_connection_type(ConnectionType::Close);
            answer.form.is_last = true;
        }
    }
}

fn change_members(answer: &mut Answer, change: impl FnOnce(&mut Vec<(String, Value)>)) {
    answer.body = Members::changed(&answer.body, change);
}

/// Whether the scope that was granted is the one that was asked for (RFC 6749 section 5.1).
fn is_as_asked(granted: &Value, asked: Option<&str>) -> bool {
    let parsed = |text: &str| Scope::parse(text).ok();
    granted.as_str().and_then(parsed).is_some_and(|granted| asked.and_then(parsed) == Some(granted))
}

fn write_retry_after_as_date(answer: &mut Answer, now: UnixSeconds) {
    let fields = answer.head.headers_mut();
    let wait = fields.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let date = wait.map(|seconds: u64| now.plus(seconds).to_http_date());
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        fields.insert(RETRY_AFTER, date);
    }
}
