//! A client's identifier.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest client identifier, in bytes.
pub(super) const MAX_CLIENT_ID_BYTES: usize = 64;

/// `client_id` (RFC 6749 section 2.2): 1 to 64 of `A-Z a-z 0-9 . _ ~ -`, and neither `.` nor `..`, which no URL can have as a
/// segment of its path (RFC 3986 section 5.2.4). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// Not a `client_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client_id is 1 to {MAX_CLIENT_ID_BYTES} letters, digits, dots, underscores, tildes or hyphens, not . or ..")]
pub struct ClientIdFault;

impl ClientId {
    /// Reads an identifier.
    pub fn parse(text: &str) -> Result<Self, ClientIdFault> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
        let has_right_length = (1..=MAX_CLIENT_ID_BYTES).contains(&text.len());
        if !has_right_length || !text.bytes().all(unreserved) || matches!(text, "." | "..") {
            return Err(ClientIdFault);
        }
        Ok(Self(text.into()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_id_can_be_a_segment_of_a_path() {
        for text in ["a", "...", ".a", "~", &"x".repeat(MAX_CLIENT_ID_BYTES)] {
            assert_eq!(ClientId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(MAX_CLIENT_ID_BYTES + 1)] {
            assert_eq!(ClientId::parse(text), Err(ClientIdFault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_client_id_is_what_it_was_read_from(text in ".{0,80}") {
            if let Ok(client_id) = ClientId::parse(&text) {
                prop_assert_eq!(client_id.as_str(), text);
            }
        }
    }
}
