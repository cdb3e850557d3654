//! What is stored of the texts that a token request has: no secret and no token, wherever a client put it.
//!
//! What the walk compares stays as it is, so that the same walk can be taken again: the audiences and the scope that the
//! client has, and the names of this server. A secret that an operator chose looks like any other text: it is known in the
//! place of the `client_id` only, where the `client_id` has changed places with it.

use super::targets::{Asked, Targets};
use crate::clients::{Client, Clients};
use crate::oauth::credentials::{ClientAuthentication, ClientId, ClientSecret};
use crate::oauth::scope::Scope;
use crate::text::redaction::marks::{WITHHELD, client_id_mark};
use crate::text::redaction::{redact, redact_unknown};

/// How much of a text that a request has is stored, in characters.
const MAX_TEXT_CHARS: usize = 256;
/// How many resources of a request are stored.
const MAX_RESOURCES: usize = 8;

/// The client that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Nothing that can be an identifier.
    Unnamed,
    /// This one, whether or not it is registered.
    Client(ClientId),
    /// An identifier that is no client's and has the form of a secret, as a mark: an operator may choose a secret.
    Unknown(String),
    /// There is a secret or a token in the place of the identifier, or what looks like one.
    Withheld,
}

impl Named {
    /// The client that these credentials name; `registered` is that client, if there is one.
    pub(super) fn of(presented: &ClientAuthentication, registered: Option<&Client>, clients: &Clients) -> Self {
        if let Some(client) = registered {
            return Self::Client(client.client_id.clone());
        }
        let named = presented.client_id();
        let are_swapped = clients.get(presented.secret().expose()).is_some();
        match ClientId::parse(named) {
            _ if are_swapped || redact(named) != named => Self::Withheld,
            Ok(_) if ClientSecret::has_form(named) => Self::Unknown(client_id_mark(named)),
            Ok(client_id) => Self::Client(client_id),
            Err(_) => Self::Unnamed,
        }
    }

    /// Its identifier, if that may be shown.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        match self {
            Self::Client(client_id) => Some(client_id),
            Self::Unnamed | Self::Unknown(_) | Self::Withheld => None,
        }
    }

    /// It in words.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Unnamed => "a client_id that is none",
            Self::Client(client_id) => client_id.as_str(),
            Self::Unknown(mark) => mark,
            Self::Withheld => "what looks like a secret or a token in the place of the client_id",
        }
    }
}

impl Asked {
    /// What is stored of it, for the client that the request names.
    pub(super) fn stored(self, targets: &Targets, client: Option<&Client>) -> Self {
        let stored = |text: String| {
            let is_known = targets.knows(&text) || client.is_some_and(|client| client.audience.contains(&text));
            if is_known { text } else { cut(&redact_unknown(&text)).to_owned() }
        };
        let resources = self.resources.into_iter().take(MAX_RESOURCES).map(stored).collect();
        Self {
            audience: self.audience.map(stored),
            resources,
            scope: self.scope.map(|scope| stored_scope(scope, client)),
        }
    }
}

fn stored_scope(scope: Scope, client: Option<&Client>) -> Scope {
    let is_plain = |scope_token: &str| {
        client.is_some_and(|client| client.scope.contains(scope_token)) || redact_unknown(scope_token) == scope_token
    };
    if scope.iter().all(is_plain) {
        return scope;
    }
    // A mark may have a character that no scope token has.
    let stored: Vec<&str> =
        scope.iter().map(|scope_token| if is_plain(scope_token) { scope_token } else { WITHHELD }).collect();
    Scope::parse(&stored.join(" ")).unwrap_or_default()
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_TEXT_CHARS).map_or(text, |(end, _)| text.split_at(end).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::example_client;

    const SECRET: &str = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";

    fn targets() -> Targets {
        let issuer = "https://keyJoint.example".to_owned();
        Targets { issuer, public_audience: "keyJoint.api".to_owned(), default_audience: None }
    }

    #[test]
    fn a_long_request_is_cut_before_it_is_stored() {
        let long = "é".repeat(10_000);
        let asked = Asked { audience: Some(long.clone()), resources: vec![long; 100], scope: None };
        let stored = asked.stored(&targets(), None);
        assert_eq!((stored.audience.unwrap().len(), stored.resources.len()), (512, 8));
    }

    #[test]
    fn a_secret_is_hidden_and_what_the_walk_compares_stays() {
        let mut client = example_client(1);
        client.audience = vec!["eyJoint.api".to_owned()].into();
        client.scope = Scope::parse("eyJoint.read").unwrap();
        for (text, expected) in [
            (SECRET, "[secret:…G1iY]"),
            ("https://x.example/bg%5Fsecret%5Fabc", "https://x.example/[secret]"),
            ("bg_sandbox_0123", "[secret]"),
            ("eyJhbGci.eyJqdGkiOiIwMTk4LWEifQ.c2ln", "[jti:0198-a]"),
            ("eyJoint.api", "eyJoint.api"),
            ("keyJoint.api", "keyJoint.api"),
            ("https://keyJoint.example/admin", "https://keyJoint.example/admin"),
            ("another.api", "another.api"),
        ] {
            let asked = Asked { audience: Some(text.to_owned()), resources: vec![text.to_owned()], scope: None };
            let stored = asked.stored(&targets(), Some(&client));
            assert_eq!(
                (stored.audience.as_deref(), &stored.resources[..]),
                (Some(expected), &[expected.to_owned()][..])
            );
        }
        for (scope, expected) in [
            (format!("read:zones {SECRET}"), "[withheld] read:zones"),
            ("eyJoint.read write:zones".to_owned(), "eyJoint.read write:zones"),
            ("eyJhbGci.e30.c2ln bg_sandbox_0123".to_owned(), "[withheld]"),
        ] {
            assert_eq!(stored_scope(Scope::parse(&scope).unwrap(), Some(&client)).as_str(), expected);
        }
    }
}
