//! A JSON object that is written often: the claims of a token, the answer that carries it, a refusal.
//!
//! What is written is to the byte what `serde_json` writes, which looks at every character of a text by
//! itself. Hardly a text of these needs an escape, a token never does: so each is looked at as a whole first.

use serde::Serialize;
use serde_json::Value;

/// An object, written member by member in the order in which they are to stand.
pub struct Object(String);

impl Object {
    /// An empty one, with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut json = String::with_capacity(bytes);
        json.push('{');
        Self(json)
    }

    /// One more member, a text. Its name needs no escapes.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: &str) -> Self {
        self.name(name);
        if needs_no_escapes(value) {
            self.0.push('"');
            self.0.push_str(value);
            self.0.push('"');
        } else {
            self.0.push_str(&Value::from(value).to_string());
        }
        self
    }

    /// One more member, a number. Its name needs no escapes.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: u64) -> Self {
        self.name(name);
        self.0.push_str(itoa::Buffer::new().format(value));
        self
    }

    /// One more member, whatever serde makes of it: `null` of what is no JSON. Its name needs no escapes.
    #[must_use]
    pub fn value(mut self, name: &'static str, value: &impl Serialize) -> Self {
        self.name(name);
        self.0.push_str(serde_json::to_string(value).as_deref().unwrap_or("null"));
        self
    }

    /// The whole of it.
    #[must_use]
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// The whole of it as a line of its own, as an answer's body is.
    #[must_use]
    pub fn line(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }

    fn name(&mut self, name: &'static str) {
        self.0.push_str(if self.0.len() > 1 { ",\"" } else { "\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

/// RFC 8259 section 7: all but quotes, backslashes and control characters. Goes to the end, so that many bytes are
/// looked at in one instruction.
fn needs_no_escapes(text: &str) -> bool {
    text.bytes().fold(0, |found, byte| found | u8::from(matches!(byte, ..0x20 | b'"' | b'\\'))) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_may_be_empty() {
        assert_eq!(Object::with_capacity(0).end(), "{}");
        assert_eq!(Object::with_capacity(0).line(), "{}\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_json_writes(text in any::<String>(), escaped in "[\\x00-\"\\\\\x7F]{0,20}", number: u64) {
            let object = Object::with_capacity(0).text("a", &text).number("b", number).text("c", &escaped);
            let ours = object.value("d", &[&text, &escaped]).end();
            let theirs = serde_json::json!({ "a": text, "b": number, "c": escaped, "d": [text, escaped] });
            prop_assert_eq!(ours, theirs.to_string());
        }
    }
}
