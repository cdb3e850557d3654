//! What the walk of a request saw, whichever walk it was.

use std::sync::Arc;

use crate::admission;
use crate::api::explanation::Explanation;
use crate::client_credentials;
use crate::clients::Client;
use crate::counts::Label as _;
use crate::oauth::credentials::ClientId;
use crate::time::UnixSeconds;

/// What the walk of a request saw. Cheap to clone. Has no token, and no secret that can be recognised, wherever in
/// the request it stood.
#[derive(Clone, Debug)]
pub enum Facts {
    /// Of a protected request.
    Request(Arc<admission::Facts>),
    /// Of a token request.
    TokenRequest(Arc<client_credentials::Facts>),
}

impl Facts {
    /// Each check of the walk, and what would have let the request through.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        match self {
            Self::Request(facts) => facts.explain(),
            Self::TokenRequest(facts) => facts.explain(),
        }
    }

    /// Whether the walk refused the request.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Request(facts) => facts.denial().is_some(),
            Self::TokenRequest(facts) => facts.is_refused(),
        }
    }

    /// Why a protected request was refused, in the words of the metrics.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Request(facts) => facts.denial().map(|denial| denial.reason().name()),
            Self::TokenRequest(_) => None,
        }
    }

    /// When the request was decided.
    #[must_use]
    pub fn moment(&self) -> UnixSeconds {
        match self {
            Self::Request(facts) => facts.moment(),
            Self::TokenRequest(facts) => facts.moment(),
        }
    }

    /// The registered client that sent the request, if a token or a secret proves it.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<Client>> {
        match self {
            Self::Request(facts) => facts.client(),
            Self::TokenRequest(facts) => facts.client(),
        }
    }

    /// The client that the request names. It may not be registered, and the request may not be its own.
    #[must_use]
    pub fn named_client(&self) -> Option<&ClientId> {
        match self {
            Self::Request(facts) => facts.client_id(),
            Self::TokenRequest(facts) => facts.named_client(),
        }
    }
}
