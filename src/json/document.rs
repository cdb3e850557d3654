//! A JSON body, read strictly, and merge patch (RFC 7396).
//!
//! Whatever bytes come in, what goes out is one JSON value or a reason with its line and column. A name
//! that an object has twice is refused, because no two readers agree on which of them counts. A number is what it
//! stands for, however it is written: `1`, `1.0` and `10e-1` are one value, and so are `0` and `-0`. What the
//! members mean is not looked at.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use crate::text;

/// One JSON text of RFC 8259 in which no object names a member twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

/// The bytes are not such a text; says why, and at which line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not JSON: {0}")]
pub struct Malformed(String);

impl Malformed {
    /// What is wrong, and at which line and column.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.0
    }
}

impl Document {
    /// Reads `body`; a byte order mark before it is left out. Arrays and objects may be nested at most 127 deep,
    /// and numbers must fit a double.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        if text::is_utf16(body) {
            return Err(Malformed("it is UTF-16, and JSON is UTF-8 (RFC 8259 section 8.1)".to_owned()));
        }
        let body = text::without_mark(body);
        if body.trim_ascii().is_empty() {
            return Err(Malformed("it is empty at line 1 column 1".to_owned()));
        }
        let Strict(value) = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        Ok(Self(value))
    }

    /// The value.
    #[must_use]
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// The members, when the text is an object.
    #[must_use]
    pub fn members(&self) -> Option<&Map<String, Value>> {
        self.0.as_object()
    }

    /// The same, taken out.
    #[must_use]
    pub fn into_members(self) -> Option<Map<String, Value>> {
        match self.0 {
            Value::Object(members) => Some(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }

    /// What becomes of `target` when this document patches it (RFC 7396, section 2).
    #[must_use]
    pub fn merged_into(&self, mut target: Value) -> Self {
        merge(&mut target, &self.0);
        Self(target)
    }
}

/// Columns are counted from 1; the parser's is 0 where the text ends with a line end.
fn malformed(error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    let at_line_start = text.strip_suffix(" column 0").map(|text| format!("{text} column 1"));
    Malformed(at_line_start.unwrap_or(text))
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, change) in patch {
        if change.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// A value, read member by member: `serde_json` itself would keep only the last of two equal names.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        number(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {:?} is there twice", text::truncated(&name))));
            }
            let Strict(value) = map.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// The number in the one form that it has here: whole wherever it is, up to 2^53, from where on a double does not
/// hold every whole number. `None` of what is no number.
#[must_use]
pub(crate) fn number(value: f64) -> Option<Number> {
    const WHOLE_UP_TO: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
    if value.fract() == 0.0 && value.abs() <= WHOLE_UP_TO {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_does_what_rfc_7396_appendix_a_lists() {
        for (original, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(Document(patch.clone()).merged_into(original.clone()).0, result, "{original} + {patch}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let deep = "[".repeat(10_000);
        let deep_object = r#"{"a":"#.repeat(10_000);
        let long_name = format!(r#"{{"{0}":1,"{0}":2}}"#, "n".repeat(10_000));
        for (body, reason) in [
            (b"".as_slice(), "it is empty"),
            (b" \r\n", "it is empty"),
            (b"{", "EOF while parsing an object at line 1 column 1"),
            (b"{\n", "EOF while parsing an object at line 2 column 1"),
            (b"{'a': 1}", "key must be a string at line 1 column 2"),
            (b"{\"a\": NaN}", "expected value at line 1 column 7"),
            (b"{\"a\": Infinity}", "expected value at line 1 column 7"),
            (b"{\"a\": 1e400}", "number out of range at line 1 column 11"),
            (b"{\"a\": 01}", "invalid number at line 1 column 8"),
            (b"{\"a\": 1} {}", "trailing characters at line 1 column 10"),
            (b"{\"a\": \"\xFF\"}", "invalid unicode code point at line 1 column 8"),
            (b"{\"\xC0\x80\": 1}", "invalid unicode code point"),
            (br#"{"a": "\ud800"}"#, "unexpected end of hex escape"),
            (b"{\"a\": \"\x00\"}", "control character"),
            (b"\xEF\xBB\xBF", "it is empty"),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF{}", "expected value at line 1 column 1"),
            (b"\xFF\xFE{\0}\0", "it is UTF-16, and JSON is UTF-8"),
            (b"\0{\0}", "it is UTF-16, and JSON is UTF-8"),
            (br#"{"a": 1, "\u0061": 2}"#, r#"the member "a" is there twice"#),
            (br#"{"a": {"b": [{"c": 1, "c": 2}]}}"#, r#"the member "c" is there twice"#),
            (deep.as_bytes(), "recursion limit exceeded"),
            (deep_object.as_bytes(), "recursion limit exceeded"),
            (long_name.as_bytes(), "nnn…\" is there twice"),
        ] {
            let fault = Document::parse(body).unwrap_err().to_string();
            assert!(fault.contains(reason), "{fault:?} should contain {reason:?}");
            assert!(fault.len() < 200, "{fault}");
        }
    }

    #[test]
    fn a_byte_order_mark_before_a_text_is_no_part_of_it() {
        assert_eq!(Document::parse(b"\xEF\xBB\xBF{\"a\": 1}").unwrap(), Document(json!({ "a": 1 })));
    }

    #[test]
    fn a_value_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10E-1"),
            ("100", "1e2"),
            ("0", "-0"),
            ("0", "-0.0"),
            ("-5", "-5.00"),
            ("0.5", "5e-1"),
            ("9007199254740992", "9007199254740992.0"),
            (r#""a/b""#, r#""\u0061\/b""#),
            (r#""😀""#, r#""\ud83d\uDE00""#),
            (r#"{"a": 1, "b": [2]}"#, r#"{ "b":[2.0] ,"\u0061":1}"#),
        ] {
            let [one, other] = [one, other].map(|text| Document::parse(text.as_bytes()).unwrap());
            assert_eq!(one, other);
        }
        for (one, other) in [("1", "1.5"), ("1", "\"1\""), ("1", "true"), ("[1, 2]", "[2, 1]"), ("1e300", "1e301")] {
            let [one, other] = [one, other].map(|text| Document::parse(text.as_bytes()).unwrap());
            assert_ne!(one, other);
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Document::parse(&body);
        }

        #[test]
        fn a_double_is_read_as_it_was_written(number in proptest::num::f64::NORMAL) {
            let text = serde_json::to_vec(&number).unwrap();
            prop_assert_eq!(Document::parse(&text).unwrap().0.as_f64(), Some(number));
        }
    }
}
