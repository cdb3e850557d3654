//! A report for the tests of its forms: made up, with something of everything in it.

use serde_json::Value;

use crate::api::exam::Report;

/// Members whose values are words of a closed set, or moments.
const NO_TEXT: [&str; 6] = ["verdict", "level", "method", "status", "at", "format"];

pub(super) fn report() -> Report {
    serde_json::from_str(include_str!("specimen.json")).unwrap()
}

/// The report with each text in it replaced.
pub(super) fn with_every_text(report: &Report, replaced: &dyn Fn(&str) -> String) -> Report {
    let mut value = serde_json::to_value(report).unwrap();
    replace(&mut value, replaced);
    serde_json::from_value(value).unwrap()
}

fn replace(value: &mut Value, replaced: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = replaced(text),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, replaced)),
        Value::Object(members) => {
            let texts = members.iter_mut().filter(|(name, _)| !NO_TEXT.contains(&name.as_str()));
            texts.for_each(|(_, value)| replace(value, replaced));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
