//! Entity tags and the preconditions of a request (RFC 9110, sections 8.8.3 and 13).
//!
//! A field that cannot be read holds for no state: a mistake in it never lets a change through. Dates
//! (`If-Modified-Since` and its kin) are not looked at, for no answer has a `Last-Modified`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of the digest that a tag carries: two states of one thing never share it by chance.
const TAG_DIGEST_BYTES: usize = 15;

/// What stands between the tag of a state and that of what else is shown. No letter of a tag is one.
const PART: char = '.';

/// A strong entity tag in its quotes. Cheap to clone.
///
/// It is a digest of the representation, so it is the same on every node, and a state that a restored
/// backup brings back has its old tag while a different one never does.
#[derive(Clone, PartialEq, Eq)]
pub struct EntityTag(Bytes);

impl EntityTag {
    /// The length of every tag that is made here, in bytes.
    pub const LENGTH: usize = TAG_DIGEST_BYTES / 3 * 4 + 2;

    /// The tag of the representation `body`.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let digest = digest(&SHA256, body);
        let short = digest.as_ref().get(..TAG_DIGEST_BYTES).unwrap_or_default();
        let mut quoted = String::with_capacity(Self::LENGTH);
        quoted.push('"');
        URL_SAFE_NO_PAD.encode_string(short, &mut quoted);
        quoted.push('"');
        Self(quoted.into())
    }

    /// The tag that was made before and kept as what [`as_bytes`](Self::as_bytes) gave.
    #[must_use]
    pub fn again(kept: Bytes) -> Self {
        Self(kept)
    }

    /// The tag of a representation that shows `part` beside the state that this is the tag of. `If-Match` may ask for
    /// the state alone: see [`Condition::of_state`].
    #[must_use]
    pub fn with_part(&self, part: &[u8]) -> Self {
        let state = self.as_str().trim_end_matches('"');
        let part = Self::of(part);
        Self(format!("{state}{PART}{}", part.as_str().trim_start_matches('"')).into())
    }

    /// The field value, quotes included: visible ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The same, for good.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for EntityTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EntityTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Tags::parse(&[text.as_bytes()]) {
            Tags::Listed(tags) if tags.len() == 1 && text.starts_with('"') => Ok(Self(text.into())),
            Tags::Any | Tags::Listed(_) | Tags::Unreadable => Err(D::Error::custom("not one strong entity tag")),
        }
    }
}

/// The preconditions of a request. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `If-Match`: the state must be one of these.
    pub if_match: Option<Tags>,
    /// `If-None-Match`: the state must be none of these.
    pub if_none_match: Option<Tags>,
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any state, as long as there is one.
    Any,
    /// These states.
    Listed(Vec<Tag>),
    /// Not of the form that RFC 9110 gives; taken so that no write happens because of it.
    Unreadable,
}

/// One entity tag that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    weak: bool,
    quoted: Bytes,
}

/// What a `GET` or `HEAD` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The representation.
    Send,
    /// 304: the caller has it.
    NotModified,
    /// 412: `If-Match` names another state.
    PreconditionFailed,
}

impl Condition {
    /// The same about the state alone, whatever else the tags that it names are of: see [`EntityTag::with_part`].
    #[must_use]
    pub fn of_state(self) -> Self {
        Self { if_match: self.if_match.map(Tags::of_state), if_none_match: self.if_none_match.map(Tags::of_state) }
    }

    /// Whether a zone in the state `current` may be changed (RFC 9110, section 13.2.2, steps 1 and 3).
    #[must_use]
    pub fn allows_write(&self, current: &EntityTag) -> bool {
        let matches = self.if_match.as_ref().is_none_or(|tags| tags.match_strongly(current));
        let differs = self.if_none_match.as_ref().is_none_or(|tags| match tags {
            Tags::Any | Tags::Unreadable => false,
            Tags::Listed(_) => !tags.match_weakly(current),
        });
        matches && differs
    }

    /// What to answer to a request for a zone in the state `current`.
    #[must_use]
    pub fn read(&self, current: &EntityTag) -> Read {
        if self.if_match.as_ref().is_some_and(|tags| !tags.match_strongly(current)) {
            return Read::PreconditionFailed;
        }
        if self.if_none_match.as_ref().is_some_and(|tags| tags.match_weakly(current)) {
            return Read::NotModified;
        }
        Read::Send
    }
}

impl Tags {
    /// Reads the values of all fields of the name, in order: `"*" / #entity-tag`, where
    /// `entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE` and `etagc = %x21 / %x23-7E / %x80-FF`.
    #[must_use]
    pub fn parse(values: &[&[u8]]) -> Self {
        if let [value] = values
            && value.trim_ascii() == b"*"
        {
            return Self::Any;
        }
        let mut tags = Vec::new();
        for value in values {
            let mut rest = *value;
            // A list may hold empty elements (RFC 9110, section 5.6.1.2).
            loop {
                rest = match rest.trim_ascii_start() {
                    [] => break,
                    [b',', after @ ..] => after,
                    at_tag => {
                        let Some((tag, after)) = Tag::split(at_tag) else { return Self::Unreadable };
                        tags.push(tag);
                        match after.trim_ascii_start() {
                            [] => break,
                            [b',', after @ ..] => after,
                            _ => return Self::Unreadable,
                        }
                    }
                };
            }
        }
        if tags.is_empty() { Self::Unreadable } else { Self::Listed(tags) }
    }

    fn of_state(self) -> Self {
        match self {
            Self::Listed(tags) => Self::Listed(tags.into_iter().map(Tag::of_state).collect()),
            Self::Any | Self::Unreadable => self,
        }
    }

    fn match_strongly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| !tag.weak && tag.quoted == current.0),
            Self::Unreadable => false,
        }
    }

    fn match_weakly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag.quoted == current.0),
            Self::Unreadable => false,
        }
    }
}

impl Tag {
    fn of_state(self) -> Self {
        let Some(end) = self.quoted.iter().position(|&byte| byte == PART as u8) else { return self };
        let state = self.quoted.split_at_checked(end).map(|(state, _)| [state, b"\""].concat());
        Self { quoted: state.unwrap_or_default().into(), ..self }
    }

    /// The tag that `text` starts with, and what follows it.
    fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let opaque = quoted.strip_prefix(b"\"")?;
        let length = opaque.iter().position(|&byte| byte == b'"')?;
        let (opaque, after) = opaque.split_at_checked(length)?;
        if !opaque.iter().all(|&byte| byte == 0x21 || (0x23..=0x7E).contains(&byte) || byte >= 0x80) {
            return None;
        }
        let quoted = Bytes::copy_from_slice(quoted.get(..length + 2)?);
        Some((Self { weak, quoted }, after.get(1..)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_precondition_compares_as_rfc_9110_says() {
        let current = EntityTag::of(b"state");
        let tag = current.as_str();
        let other = EntityTag::of(b"other").as_str().to_owned();
        // If-Match compares strongly (13.1.1), If-None-Match weakly (13.1.2).
        for (value, if_match, if_none_match) in [
            (tag.to_owned(), true, true),
            (format!("  {tag}\t"), true, true),
            (format!("{other}, {tag}"), true, true),
            (format!(", ,{other},{tag} ,"), true, true),
            (format!("\"a,b\", {tag}"), true, true),
            (format!("W/{tag}"), false, true),
            (other, false, false),
            ("*".to_owned(), true, true),
            ("\"\"".to_owned(), false, false),
            ("\"caf\u{e9}\"".to_owned(), false, false),
        ] {
            let tags = Tags::parse(&[value.as_bytes()]);
            assert_eq!(tags.match_strongly(&current), if_match, "If-Match: {value}");
            assert_eq!(tags.match_weakly(&current), if_none_match, "If-None-Match: {value}");
        }
        let other_line = b"\"x\"".as_slice();
        assert!(Tags::parse(&[other_line, tag.as_bytes()]).match_strongly(&current), "two field lines");
    }

    #[test]
    fn a_state_keeps_its_tag_when_what_is_shown_beside_it_changes() {
        let state = EntityTag::of(b"state");
        let (before, after) = (state.with_part(b"1"), state.with_part(b"2"));
        assert!(before != after && before != state);
        for (tag, holds) in
            [(&before, true), (&after, true), (&state, true), (&EntityTag::of(b"x").with_part(b"1"), false)]
        {
            let condition =
                Condition { if_match: Some(Tags::parse(&[b"\"y.z\"", tag.as_bytes()])), if_none_match: None };
            assert_eq!(condition.of_state().allows_write(&state), holds, "{tag:?}");
        }
        let seen = Condition { if_match: None, if_none_match: Some(Tags::parse(&[before.as_bytes()])) };
        assert_eq!((seen.read(&before), seen.read(&after)), (Read::NotModified, Read::Send));
    }

    #[test]
    fn what_is_not_a_list_of_tags_allows_no_write_and_no_304() {
        let current = EntityTag::of(b"state");
        let unquoted = current.as_str().trim_matches('"').to_owned();
        for value in ["", ",", "*, *", "*,\"a\"", "\"", "\"a", "\"a\" \"b\"", "w/\"a\"", "W/", "\"a b\"", &unquoted] {
            let tags = Tags::parse(&[value.as_bytes()]);
            assert_eq!(tags, Tags::Unreadable, "{value:?}");
            let if_match = Condition { if_match: Some(tags.clone()), if_none_match: None };
            let if_none_match = Condition { if_match: None, if_none_match: Some(tags) };
            assert!(!if_match.allows_write(&current) && !if_none_match.allows_write(&current), "{value:?}");
            assert_eq!(if_match.read(&current), Read::PreconditionFailed, "{value:?}");
            assert_eq!(if_none_match.read(&current), Read::Send, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(value in proptest::collection::vec(any::<u8>(), 0..32)) {
            let _ = Tags::parse(&[&value]);
        }
    }
}
