//! Scope: the set of scope tokens that a client is assigned and an access token carries.
//!
//! ```text
//! scope       = scope-token *( SP scope-token )
//! scope-token = 1*( %x21 / %x23-5B / %x5D-7E )        RFC 6749, section 3.3
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest scope that is parsed, in bytes.
pub(crate) const MAX_SCOPE_BYTES: usize = 1_024;

/// Reads client registrations, keys and the audit log.
pub(crate) const READ_ADMIN: ScopeToken = ScopeToken::of_static("read:admin");
/// Registers and changes clients and keys.
pub(crate) const WRITE_ADMIN: ScopeToken = ScopeToken::of_static("write:admin");
/// Introspects tokens of other clients, for the API sets that the client was granted (RFC 7662).
pub(crate) const INTROSPECT: ScopeToken = ScopeToken::of_static("introspect");
/// Reads zones.
pub const READ_ZONES: ScopeToken = ScopeToken::of_static("read:zones");
/// Creates, changes and deletes zones.
pub(crate) const WRITE_ZONES: ScopeToken = ScopeToken::of_static("write:zones");

/// One scope token, of this program or of its configuration. Cheap to clone and to compare.
#[derive(Clone)]
pub struct ScopeToken(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl ScopeToken {
    /// A scope token that the program itself names. Panics on other text; in a constant, that is a compile error.
    #[must_use]
    pub(crate) const fn of_static(text: &'static str) -> Self {
        assert!(is_scope_token(text.as_bytes()), "not a scope token by RFC 6749 section 3.3");
        Self(Text::Static(text))
    }

    /// Reads one scope token, such as the configuration names.
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        let fits = text.len() <= MAX_SCOPE_BYTES && is_scope_token(text.as_bytes());
        if fits { Ok(Self(Text::Shared(text.into()))) } else { Err(ScopeFault) }
    }
}

impl Deref for ScopeToken {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl PartialEq for ScopeToken {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ScopeToken {}

impl fmt::Debug for ScopeToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, out)
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self)
    }
}

/// A set of scope tokens, in ascending order whatever the order of its text was. Cheap to clone.
///
/// Held as text: a set is a few short words, and every client has one.
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
        // True of every stored record: there is one way to write a set.
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
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        // Most requests ask for all that was assigned.
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

const fn is_scope_token(text: &[u8]) -> bool {
    let mut rest = text;
    while let [0x21 | 0x23..=0x5B | 0x5D..=0x7E, after @ ..] = rest {
        rest = after;
    }
    !text.is_empty() && rest.is_empty()
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
            assert_eq!(ScopeToken::parse(text), Err(ScopeFault), "{reason}: {text:?}");
        }
        assert_eq!(Scope::parse(&"a ".repeat(600).trim_end().repeat(2)), Err(ScopeFault), "bounded");
    }

    #[test]
    fn a_scope_token_of_the_configuration_is_like_one_of_the_program() {
        assert_eq!(ScopeToken::parse("read:zones"), Ok(READ_ZONES));
        assert_ne!(ScopeToken::parse("read:zone"), Ok(READ_ZONES));
        assert_eq!(ScopeToken::parse("read:zones write:zones"), Err(ScopeFault), "one scope token");
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scope = Scope::parse("write:zones read:zones write:zones").unwrap();
        assert_eq!(scope.to_string(), "read:zones write:zones");
        assert!(scope.contains(&READ_ZONES) && !scope.contains("zones"));
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
