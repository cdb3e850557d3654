//! `/sandbox/tokens`: access tokens that are wrong on purpose.

use serde::{Deserialize, Serialize};

use crate::counts::label;
use crate::oauth::credentials::ClientId;

/// Asks for a wrong token.
#[derive(Serialize)]
pub struct TokenForgery<'a> {
    /// What is to be wrong with it: a [`ForgedKind`] by its name.
    pub kind: &'a str,
    /// The client that the token is to name; `demo-reader` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
}

/// A wrong token, and how the gate refuses it. Has no `Debug`: one of another kind may pass elsewhere.
#[derive(Serialize, Deserialize)]
pub struct ForgedToken {
    /// The token itself.
    pub access_token: String,
    /// What is wrong with it: a [`ForgedKind`] by its name.
    pub kind: String,
    /// What is wrong with it, in a sentence.
    pub description: String,
    /// The client that the token names.
    pub client_id: ClientId,
    /// The status of the answer to a request with it.
    pub expected_status: u16,
    /// The last segment of the page of that answer's problem.
    pub expected_problem: String,
    /// The reason in the metric `boomgate_requests_denied_total`, and the check that fails.
    pub expected_reason: String,
}

label! {
    /// What is wrong with a token.
    pub enum ForgedKind {
        /// Its `exp` has passed.
        Expired = "expired",
        /// Its `nbf` has not come.
        NotYetValid = "not-yet-valid",
        /// Its `aud` is another API's.
        WrongAudience = "wrong-audience",
        /// Its `iss` is another server's.
        WrongIssuer = "wrong-issuer",
        /// Its `kid` is of no key of this server.
        UnknownKey = "unknown-key",
        /// Its signature was changed.
        BadSignature = "bad-signature",
        /// It has no signature, and says so (RFC 8725 section 2.1).
        AlgNone = "alg-none",
        /// The public key is taken for a shared secret (RFC 8725 section 2.1).
        Hs256WithPublicKey = "hs256-with-public-key",
        /// Its scope opens nothing.
        MissingScope = "missing-scope",
        /// It was revoked.
        Revoked = "revoked",
        /// Its client is suspended.
        SuspendedClient = "suspended-client",
        /// Its client was deleted.
        DeletedClient = "deleted-client",
    }
}

impl ForgedKind {
    /// What is wrong with such a token, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Expired => "It expired five minutes ago.",
            Self::NotYetValid => "It is valid from an hour from now on: its nbf says so.",
            Self::WrongAudience => "It is for another API: its aud is not this one's.",
            Self::WrongIssuer => "Another server issued it: its iss is not this server, though the signature is right.",
            Self::UnknownKey => "A key that is not in the JWK Set signed it.",
            Self::BadSignature => "One bit of its signature was changed.",
            Self::AlgNone => "It has no signature: its header says alg none.",
            Self::Hs256WithPublicKey => {
                "Its header says HS256, and the public key in PEM is the shared secret: a library that lets the token \
                 choose the algorithm accepts it."
            }
            Self::MissingScope => "Its scope opens nothing: every operation that needs a scope refuses it.",
            Self::Revoked => "It was revoked right after it was issued.",
            Self::SuspendedClient => {
                "Its client is suspended: the client sandbox-suspended, which exists for this alone."
            }
            Self::DeletedClient => "Its client was deleted: the client sandbox-deleted, which was made for this alone.",
        }
    }
}
