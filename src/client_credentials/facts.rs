//! What the walk of a token request saw, to be walked again.

use std::sync::Arc;
use std::time::Duration;

use super::stored::Named;
use super::targets::{Asked, Targets};
use super::walk::{Rooms, Unproven, walk};
use crate::api::explanation::Check;
use crate::api::secret::SecretStanding;
use crate::clients::Client;
use crate::explanation::Replayed;
use crate::keys::KeyError;
use crate::oauth::credentials::ClientId;
use crate::oauth::scope::Scope;
use crate::oauth::token_request::RequestFault;
use crate::time::UnixSeconds;

/// What the walk of one token request saw. Cheap to clone. Has no token, and no secret that can be recognised,
/// wherever in the request it stood.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) moment: UnixSeconds,
    /// The client that the request names, whether or not there is one.
    pub(super) named: Named,
    pub(super) credentials: Result<(), RequestFault>,
    pub(super) proof: Proof,
    /// The time until the next token request of the client, if this was one too many.
    pub(super) wait: Option<Duration>,
    pub(super) asked: Result<Asked, RequestFault>,
    pub(super) targets: Arc<Targets>,
    pub(super) signing_failed: bool,
}

/// Whether a request proves which client sent it.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// It has no credentials that can be read.
    Unread,
    /// It has a secret of the client.
    Proven(Arc<Client>),
    /// Its secret is not the client's, or there is no such client.
    Unproven {
        /// The client that it names, if that is registered.
        registered: Option<Arc<Client>>,
        /// What the secret is to that client.
        standing: Option<SecretStanding>,
        /// The time until the next attempt, if there were too many.
        wait: Option<Duration>,
    },
}

impl Proof {
    /// The registered client that the request names, whether or not the request is its own.
    pub(super) fn registered(&self) -> Option<&Client> {
        match self {
            Self::Proven(client) | Self::Unproven { registered: Some(client), .. } => Some(client),
            Self::Unread | Self::Unproven { registered: None, .. } => None,
        }
    }
}

impl Facts {
    /// When the request was decided.
    #[must_use]
    pub fn moment(&self) -> UnixSeconds {
        self.moment
    }

    /// The client that the request names, whether or not it is registered, and whether or not the request is its own.
    /// `None` if what it names may be a secret.
    #[must_use]
    pub fn named_client(&self) -> Option<&ClientId> {
        self.named.client_id()
    }

    /// The client that sent the request, if the request proves it.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<Client>> {
        match &self.proof {
            Proof::Proven(client) => Some(client),
            Proof::Unread | Proof::Unproven { .. } => None,
        }
    }

    /// Whether the walk refused the request.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.replayed().passed
    }

    /// The walk again: which checks it reaches, and whether it passes.
    pub(super) fn replayed(&self) -> Replayed {
        let mut rooms = Recorded { facts: self, begun: Vec::new() };
        let passed = walk(&mut rooms).is_ok();
        Replayed { begun: rooms.begun, passed }
    }
}

/// The rooms as they were.
struct Recorded<'f> {
    facts: &'f Facts,
    begun: Vec<Check>,
}

impl Rooms for Recorded<'_> {
    type Issued = ();

    fn begins(&mut self, check: Check) {
        self.begun.push(check);
    }

    fn credentials(&self) -> Result<(), RequestFault> {
        self.facts.credentials.clone()
    }

    fn prove(&mut self) -> Result<Arc<Client>, Unproven> {
        match &self.facts.proof {
            Proof::Proven(client) => Ok(client.clone()),
            Proof::Unproven { wait, .. } => Err(Unproven { wait: *wait }),
            Proof::Unread => Err(Unproven { wait: None }),
        }
    }

    fn count(&mut self, _: &Client) -> Option<Duration> {
        self.facts.wait
    }

    fn asked(&self) -> Result<Asked, RequestFault> {
        self.facts.asked.clone()
    }

    fn targets(&self) -> &Arc<Targets> {
        &self.facts.targets
    }

    fn issue(&mut self, _: &Client, _: &str, _: Scope) -> Result<(), KeyError> {
        if self.facts.signing_failed { Err(KeyError::Crypto) } else { Ok(()) }
    }
}
