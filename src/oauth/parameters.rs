//! The parameters of a request to an OAuth endpoint, from a form or from JSON.
//!
//! RFC 6749 section 3.2: a parameter without a value counts as omitted, an unknown parameter is ignored, and only `resource`
//! (RFC 8707) may appear more than once. The RFC has no JSON; here JSON follows the same rules: one object of strings, and
//! `resource` may be an array of strings.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::oauth::credentials::ClientAuthentication;
use crate::text;

/// The format of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
}

/// Why a body's parameters are malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterFault {
    /// The media type is neither of the two.
    #[error("send application/json or application/x-www-form-urlencoded")]
    MediaType,
    /// The body does not have the form of its media type. Only the place, counted from 1: the parser's own message may
    /// quote the body.
    #[error("the body is not one JSON object of strings: line {line} column {column} is not as it must be")]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The body is not UTF-8 (RFC 8259 section 8.1).
    #[error("the body is UTF-16: send UTF-8")]
    Utf16,
    /// A member is not a string; `resource` is neither a string nor an array of strings.
    #[error("{0} is not a string")]
    NotText(&'static str),
    /// A parameter appears more than once.
    #[error("{0} is there more than once")]
    Repeated(&'static str),
}

/// The parameters that the endpoints use; all others are ignored.
#[derive(Default)]
pub struct Parameters {
    values: [Option<Zeroizing<String>>; NAMES.len()],
    /// RFC 8707 section 2: "Multiple `resource` parameters MAY be used".
    resources: Vec<String>,
    /// `client_secret` without form-decoding, where that makes a difference.
    undecoded_secret: Option<Zeroizing<String>>,
}

const CLIENT_SECRET: &str = "client_secret";
/// The one parameter that may appear more than once.
const RESOURCE: &str = "resource";

/// From RFC 6749 (4.4.2, 2.3.1), RFC 8707, Auth0 (`audience`), RFC 7009 and RFC 7662; and from RFC 6750 section 2.2:
/// `access_token` is not accepted, but may contain a token.
const NAMES: [&str; 9] = [
    "grant_type",
    "client_id",
    CLIENT_SECRET,
    "audience",
    RESOURCE,
    "scope",
    "token",
    "token_type_hint",
    "access_token",
];

impl Format {
    /// The format of `body`, by its media type. It is also JSON without a media type, or if it starts with `{` under the
    /// media type that curl sends by default.
    pub fn of(content_type: Option<&[u8]>, body: &[u8]) -> Result<Self, ParameterFault> {
        let Some(content_type) = content_type else { return Ok(Self::Json) };
        let media_type = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            let looks_like_json = text::without_mark(body).trim_ascii_start().starts_with(b"{");
            return Ok(if looks_like_json { Self::Json } else { Self::Form });
        }
        if media_type.eq_ignore_ascii_case(b"application/json") || media_type.is_empty() {
            return Ok(Self::Json);
        }
        Err(ParameterFault::MediaType)
    }
}

impl Parameters {
    /// Reads `body`, without its byte order mark.
    pub fn parse(format: Format, body: &[u8]) -> Result<Self, ParameterFault> {
        if text::is_utf16(body) {
            return Err(ParameterFault::Utf16);
        }
        let body = text::without_mark(body);
        match format {
            Format::Form => Self::from_form(body),
            Format::Json => Self::from_json(body),
        }
    }

    fn from_form(body: &[u8]) -> Result<Self, ParameterFault> {
        let mut parameters = Self::default();
        for pair in body.split(|&byte| byte == b'&') {
            match plain_pair(pair) {
                Some((name, value)) => parameters.insert(name, Zeroizing::new(value.to_owned()))?,
                None => {
                    for (name, value) in form_urlencoded::parse(pair) {
                        if name == CLIENT_SECRET {
                            parameters.undecoded_secret = without_decoding(pair);
                        }
                        parameters.insert(&name, Zeroizing::new(value.into_owned()))?;
                    }
                }
            }
        }
        Ok(parameters)
    }

    fn from_json(body: &[u8]) -> Result<Self, ParameterFault> {
        if body.trim_ascii().is_empty() {
            return Err(ParameterFault::Syntax { line: 1, column: 1 });
        }
        let members: Members = serde_json::from_slice(body)
            .map_err(|error| ParameterFault::Syntax { line: error.line().max(1), column: error.column().max(1) })?;
        members.0
    }

    /// Takes the value of `name`; `None` when it is absent or empty.
    pub fn take(&mut self, name: &'static str) -> Option<Zeroizing<String>> {
        let index = NAMES.iter().position(|one| *one == name)?;
        self.values.get_mut(index)?.take().filter(|value| !value.is_empty())
    }

    /// Takes every value of `resource` that is not empty, in order.
    pub(crate) fn take_resources(&mut self) -> Vec<String> {
        std::mem::take(&mut self.resources)
    }

    /// Takes the client's credentials from the body, complete or in part.
    pub(crate) fn take_credentials(&mut self) -> InBody {
        let undecoded = self.undecoded_secret.take();
        match (self.take("client_id"), self.take(CLIENT_SECRET)) {
            (Some(client_id), Some(client_secret)) => {
                InBody::Whole(ClientAuthentication::from_body(&client_id, client_secret, undecoded))
            }
            (Some(client_id), None) => InBody::Id(client_id),
            (None, Some(_)) => InBody::Secret,
            (None, None) => InBody::Nothing,
        }
    }

    fn insert(&mut self, name: &str, value: Zeroizing<String>) -> Result<(), ParameterFault> {
        if name == RESOURCE {
            self.resources.extend(Some(value.to_string()).filter(|value| !value.is_empty()));
            return Ok(());
        }
        let Some(index) = NAMES.iter().position(|one| *one == name) else { return Ok(()) };
        let (Some(slot), Some(name)) = (self.values.get_mut(index), NAMES.get(index)) else { return Ok(()) };
        if slot.replace(value).is_some() {
            return Err(ParameterFault::Repeated(name));
        }
        Ok(())
    }
}

/// The parts of a client's credentials that a body contains.
pub enum InBody {
    /// `client_id` and `client_secret`.
    Whole(ClientAuthentication),
    /// `client_id` alone.
    Id(Zeroizing<String>),
    /// `client_secret` alone.
    Secret,
    /// Neither.
    Nothing,
}

/// The value of a pair, undecoded.
fn without_decoding(pair: &[u8]) -> Option<Zeroizing<String>> {
    let (_, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
    Some(Zeroizing::new(value.to_owned()))
}

/// The name and value of a pair in which no character is encoded, as in most pairs.
fn plain_pair(pair: &[u8]) -> Option<(&str, &str)> {
    let encoded = pair.iter().fold(0, |found, byte| found | u8::from(matches!(byte, b'%' | b'+' | 0x80..)));
    if encoded == 0 { std::str::from_utf8(pair).ok()?.split_once('=') } else { None }
}

/// A JSON object, read member by member: a map would hide the first of two equal names.
struct Members(Result<Parameters, ParameterFault>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object such as {\"grant_type\": \"client_credentials\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Ok(Parameters::default());
        while let Some(name) = map.next_key::<Name>()? {
            let Some(name) = name.0 else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<Text>()?;
            if let Ok(read) = &mut parameters {
                let fault = match value {
                    Text::Is(text) => read.insert(name, text).err(),
                    Text::Null => None,
                    Text::List(texts) if name == RESOURCE => {
                        texts.into_iter().try_for_each(|text| read.insert(name, text)).err()
                    }
                    Text::List(_) | Text::Not => Some(ParameterFault::NotText(name)),
                };
                parameters = fault.map_or(parameters, Err);
            }
        }
        Ok(Members(parameters))
    }
}

/// A member's name, if it is one of [`NAMES`].
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(Name(NAMES.iter().copied().find(|one| *one == name)))
    }
}

/// A member's value.
enum Text {
    Is(Zeroizing<String>),
    /// An array of strings.
    List(Vec<Zeroizing<String>>),
    Null,
    Not,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Is(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::Not)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::Not)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::Not)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::Not)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
        let mut texts = Vec::new();
        while let Some(element) = list.next_element()? {
            let Text::Is(text) = element else { return IgnoredAny.visit_seq(list).map(|_| Text::Not) };
            texts.push(text);
        }
        Ok(Text::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Text, A::Error> {
        IgnoredAny.visit_map(object).map(|_| Text::Not)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oauth::credentials::ClientSecret;

    fn scope_of(format: Format, body: &str) -> Result<Option<String>, ParameterFault> {
        Parameters::parse(format, body.as_bytes())
            .map(|mut parameters| parameters.take("scope").map(|scope| scope.to_string()))
    }

    #[test]
    fn the_media_type_decides_and_a_brace_under_curls_default_is_json() {
        let form = Some(b"application/x-www-form-urlencoded".as_slice());
        for (content_type, body, format) in [
            (None, "", Ok(Format::Json)),
            (Some(b"application/json".as_slice()), "", Ok(Format::Json)),
            (Some(b"Application/JSON; charset=utf-8".as_slice()), "a=b", Ok(Format::Json)),
            (form, "grant_type=client_credentials", Ok(Format::Form)),
            (form, " \r\n\t{", Ok(Format::Json)),
            (form, "", Ok(Format::Form)),
            (Some(b"text/plain".as_slice()), "{", Err(ParameterFault::MediaType)),
            (Some(b"application/jsonp".as_slice()), "{", Err(ParameterFault::MediaType)),
            (Some(b"\xFF".as_slice()), "{", Err(ParameterFault::MediaType)),
        ] {
            assert_eq!(Format::of(content_type, body.as_bytes()), format, "{content_type:?} {body:?}");
        }
    }

    #[test]
    fn a_parameter_appears_at_most_once_and_is_text() {
        use Format::{Form, Json};
        for (format, body, scope) in [
            (Form, "scope=read%3Azones+write:zones", Ok(Some("read:zones write:zones"))),
            (Form, "scope=", Ok(None)),
            (Form, "other=1&other=2", Ok(None)),
            (Form, "scope=a&scope=a", Err(ParameterFault::Repeated("scope"))),
            (Json, r#"{"scope": "read:zones", "other": [{}]}"#, Ok(Some("read:zones"))),
            (Json, r#"{"scope": ""}"#, Ok(None)),
            (Json, r#"{"scope": null}"#, Ok(None)),
            (Json, r#"{"scope": "a", "sc\u006fpe": "b"}"#, Err(ParameterFault::Repeated("scope"))),
            (Json, r#"{"scope": ["a"]}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": []}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": ["a", [1, {}], 1]}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": 1}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": -1.5}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": true, "scope": "a"}"#, Err(ParameterFault::NotText("scope"))),
            (Json, r#"{"scope": {"a": [{"b": null}]}, "client_id": 1}"#, Err(ParameterFault::NotText("scope"))),
        ] {
            assert_eq!(scope_of(format, body), scope.map(|scope| scope.map(str::to_owned)), "{body}");
        }
        let deep = "[".repeat(10_000);
        for body in [
            "",
            "[]",
            "1",
            "{\"scope\":",
            "{\"scope\":\"a\"}{}",
            "{\"scope\":[}",
            "{\"scope\":1e400}",
            &deep,
            "{\"scope\":\"\u{0}\"}",
        ] {
            assert!(matches!(scope_of(Json, body), Err(ParameterFault::Syntax { .. })), "{body:.40}");
        }
    }

    #[test]
    fn only_resource_may_appear_more_than_once() {
        use Format::{Form, Json};
        let not_text = ParameterFault::NotText("resource");
        for (format, body, resources) in [
            (Form, "", Ok(vec![])),
            (Form, "resource=a", Ok(vec!["a"])),
            (Form, "resource=b&scope=s&resource=a&resource=b", Ok(vec!["b", "a", "b"])),
            (Form, "resource=&resource=https%3A%2F%2Fa", Ok(vec!["https://a"])),
            (Json, r#"{"resource": "a"}"#, Ok(vec!["a"])),
            (Json, r#"{"resource": null}"#, Ok(vec![])),
            (Json, r#"{"resource": []}"#, Ok(vec![])),
            (Json, r#"{"resource": ["b", "", "a"]}"#, Ok(vec!["b", "a"])),
            (Json, r#"{"resource": ["b"], "resource": "a"}"#, Ok(vec!["b", "a"])),
            (Json, r#"{"resource": ["a", null]}"#, Err(not_text.clone())),
            (Json, r#"{"resource": [["a"]]}"#, Err(not_text.clone())),
            (Json, r#"{"resource": {"a": "b"}}"#, Err(not_text)),
            (Form, "audience=a&audience=a", Err(ParameterFault::Repeated("audience"))),
            (Form, "token=a&token=b", Err(ParameterFault::Repeated("token"))),
        ] {
            let read = Parameters::parse(format, body.as_bytes()).map(|mut read| read.take_resources());
            assert_eq!(read, resources.map(|names| names.into_iter().map(str::to_owned).collect()), "{body}");
        }
    }

    #[test]
    fn a_secret_in_a_form_is_read_decoded_and_undecoded() {
        for (form, decoded, undecoded) in [
            ("client_id=a&client_secret=b", "b", None),
            ("client_id=a&client_secret=b+c", "b c", Some("b+c")),
            ("client_id=a&client%5Fsecret=b%2Bc=d", "b+c=d", Some("b%2Bc=d")),
        ] {
            let read = Parameters::parse(Format::Form, form.as_bytes()).unwrap().take_credentials();
            let InBody::Whole(ClientAuthentication::ClientSecretPost(read)) = read else { panic!("no secret: {form}") };
            assert_eq!(read.secret.expose(), decoded, "{form}");
            assert_eq!(read.undecoded.as_ref().map(ClientSecret::expose), undecoded, "{form}");
        }
    }

    proptest! {
        #[test]
        fn a_form_says_what_form_urlencoded_reads_in_it(pairs in proptest::collection::vec("(scope|s%63ope|é|)=?[a=%62+é]{0,4}", 0..3)) {
            let body = pairs.join("&");
            let read = form_urlencoded::parse(body.as_bytes());
            let scopes: Vec<String> = read.filter(|(name, _)| name == "scope").map(|(_, value)| value.into()).collect();
            let expected = match scopes.as_slice() {
                [] => Ok(None),
                [scope] => Ok(Some(scope.clone()).filter(|scope| !scope.is_empty())),
                _ => Err(ParameterFault::Repeated("scope")),
            };
            prop_assert_eq!(scope_of(Format::Form, &body), expected);
        }

        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = Parameters::parse(Format::Form, &body);
            let _ = Parameters::parse(Format::Json, &body);
        }
    }
}
