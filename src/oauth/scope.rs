//! Scope: the set of scope tokens that a client is assigned and an access token carries.
//!
//! ```text
//! scope       = scope-token *( SP scope-token )
//! scope-token = 1*( %x21 / %x23-5B / %x5D-7E )        RFC 6749, section 3.3
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest scope that is parsed, in bytes.
pub const MAX_SCOPE_BYTES: usize = 1_024;

/// Reads client registrations, keys and the audit log.
pub const READ_ADMIN: &str = "read:admin";
/// Registers and changes clients and keys.
pub const WRITE_ADMIN: &str = "write:admin";
/// Introspects tokens of other clients, for the API sets that the client was granted (RFC 7662).
pub const INTROSPECT: &str = "introspect";
/// Reads zones.
pub const READ_ZONES: &str = "read:zones";
/// Creates, changes and deletes zones.
pub const WRITE_ZONES: &str = "write:zones";

/// A set of scope tokens; written in ascending order, whatever order it was read in. Cheap to clone.
///
/// Kept as it is written: a set is a handful of short words, and every client has one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scope(Arc<str>);

/// Not a scope by RFC 6749 section 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is scope tokens with one space between them, at most {MAX_SCOPE_BYTES} bytes, without quotes or backslashes"
)]
pub struct ScopeFault;

impl Scope {
    /// Reads the space-separated form; at least one scope token.
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        let scope_tokens = || text.as_bytes().split(|&byte| byte == b' ');
        if text.len() > MAX_SCOPE_BYTES || !scope_tokens().all(is_scope_token) {
            return Err(ScopeFault);
        }
        // As every record has it, there being one way to write a set.
        if scope_tokens().is_sorted_by(|one, next| one < next) {
            return Ok(Self(text.into()));
        }
        let scope_tokens: BTreeSet<&str> = text.split(' ').collect();
        Ok(Self(scope_tokens.into_iter().collect::<Vec<_>>().join(" ").into()))
    }

    /// Whether `scope_token` is in the set.
    #[must_use]
    pub fn contains(&self, scope_token: &str) -> bool {
        self.iter().any(|own| own == scope_token)
    }

    /// Whether every scope token of this set is in `other` too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        // What was not narrowed is all that was assigned.
        self == other || self.iter().all(|scope_token| other.contains(scope_token))
    }

    /// The scope tokens, ascending, with one space between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope tokens, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope_token| !scope_token.is_empty())
    }
}

fn is_scope_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_grammar_of_rfc_6749_is_a_scope() {
        for (text, reason) in [
            ("", "at least one scope token"),
            (" read:zones", "no leading space"),
            ("read:zones ", "no trailing space"),
            ("read:zones  write:zones", "one space between"),
            ("read:zones\twrite:zones", "no other white space"),
            ("read\"zones", "no quote"),
            ("read\\zones", "no backslash"),
            ("read:zönes", "ASCII only"),
            ("read:zones\0", "no control characters"),
        ] {
            assert_eq!(Scope::parse(text), Err(ScopeFault), "{reason}: {text:?}");
        }
        assert_eq!(Scope::parse(&"a ".repeat(600).trim_end().repeat(2)), Err(ScopeFault), "bounded");
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scope = Scope::parse("write:zones read:zones write:zones").unwrap();
        assert_eq!(scope.to_string(), "read:zones write:zones");
        assert!(scope.contains(READ_ZONES) && !scope.contains("zones"));
        assert!(Scope::parse("read:zones").unwrap().is_within(&scope));
        assert!(!scope.is_within(&Scope::parse("read:zones").unwrap()));
    }

    proptest! {
        #[test]
        fn a_scope_reads_back_as_it_was_written(tokens in proptest::collection::vec("[!#-\\[\\]-~]{1,12}", 1..20)) {
            let scope = Scope::parse(&tokens.join(" ")).unwrap();
            prop_assert_eq!(Scope::parse(&scope.to_string()).unwrap(), scope);
        }

        #[test]
        fn no_text_panics(text in ".{0,64}") {
            let _ = Scope::parse(&text);
        }
    }
}
