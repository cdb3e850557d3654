//! A request for a token: what it asks for, and the token that it gets.

use serde::Deserialize;

use crate::api::sandbox::request::Message;

/// What stands before and after the `jti` of a token that the journal shows.
const JTI_MARK: (&str, char) = ("[jti:", ']');

/// What a request for a token asks for. A token for something else is another token.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// The scope tokens, in order; none if the request names none.
    pub(crate) scope: Vec<String>,
    /// The audience, or the resource (RFC 8707).
    pub(crate) audience: Option<String>,
}

/// A token that was granted, as the journal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Its identifier; `None` if the journal does not show it.
    pub(crate) jti: Option<String>,
    /// How long it lives, in seconds; `None` if the answer does not say so.
    pub(crate) expires_in: Option<u64>,
}

/// The members of a request for a token that say what it is for.
#[derive(Deserialize)]
struct AskedInJson {
    scope: Option<String>,
    audience: Option<String>,
    resource: Option<String>,
}

/// The members of the answer to a request for a token.
#[derive(Deserialize)]
struct GrantedInJson {
    access_token: String,
    expires_in: Option<u64>,
}

impl Asked {
    /// Reads the body of a request, a form or JSON.
    pub(super) fn of(request: &Message) -> Self {
        let json = || serde_json::from_str::<AskedInJson>(&request.body).ok();
        let parameter = |name: &str| {
            let mut parameters = form_urlencoded::parse(request.body.as_bytes());
            parameters.find(|(of, _)| of == name).map(|(_, value)| value.into_owned())
        };
        let asked = json().unwrap_or_else(|| AskedInJson {
            scope: parameter("scope"),
            audience: parameter("audience"),
            resource: parameter("resource"),
        });
        let mut scope: Vec<_> = asked.scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        scope.sort_unstable();
        Self { scope, audience: asked.audience.or(asked.resource) }
    }
}

impl Granted {
    /// Reads the body of an answer; `None` if it is no whole answer with a token.
    pub(super) fn of(answer: &Message) -> Option<Self> {
        let granted: GrantedInJson = serde_json::from_str(&answer.body).ok().filter(|_| answer.is_complete)?;
        Some(Self { jti: shown_jti(&granted.access_token).map(str::to_owned), expires_in: granted.expires_in })
    }
}

/// The `jti` of the token that redacted text shows.
pub(super) fn shown_jti(text: &str) -> Option<&str> {
    let (start, end) = JTI_MARK;
    let (_, from) = text.split_once(start)?;
    Some(from.split_once(end)?.0)
}
