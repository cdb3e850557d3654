//! What the name of a member, a parameter or a field says of its value, and what the journal shows in place of it.

use super::Redactor;
use crate::oauth::credentials::ClientSecret;
use crate::text::redaction::marks::{Sensitive, client_id_mark, is_client_id};
use crate::text::redaction::{Sender, redact};

/// A value that is hidden, or may have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// A token or a secret.
    Sensitive(Sensitive),
    /// The identifier of a client, in which a secret may stand by mistake.
    ClientId,
}

impl Hidden {
    /// By the name of the value. What this server says of a client's identifier is right.
    pub(super) fn of_name(name: &str, sender: Sender) -> Option<Self> {
        let is_claimed = || sender == Sender::Client && is_client_id(name);
        Sensitive::of_name(name).map(Self::Sensitive).or_else(|| is_claimed().then_some(Self::ClientId))
    }

    /// What stands for such a value; `None` if it may be shown as far as its name goes.
    pub(super) fn mark(self, value: &str, redactor: Redactor<'_>) -> Option<String> {
        match self {
            Self::Sensitive(sensitive) => Some(sensitive.mark(value)),
            Self::ClientId => redactor.unknown_client(value),
        }
    }
}

impl Redactor<'_> {
    /// What stands for a client's identifier that is no client's and has the form of a secret. A shorter one is none of this
    /// server's secrets, and may be misspelt: it is worth showing. What starts as a token or a secret has a mark of its own.
    pub(super) fn unknown_client(self, client_id: &str) -> Option<String> {
        let client_id = client_id.trim();
        let may_be_secret = ClientSecret::has_form(client_id) && redact(client_id) == client_id;
        (may_be_secret && !(self.is_client)(client_id)).then(|| client_id_mark(client_id))
    }
}
