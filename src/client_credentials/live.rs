//! The rooms of the server as the walk of a token request asks them, and what it saw there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ClientCredentials;
use super::facts::{Facts, Proof};
use super::stored::Named;
use super::targets::{Asked, Targets};
use super::walk::{Rooms, Unproven};
use crate::clients::Client;
use crate::keys::KeyError;
use crate::oauth::credentials::ClientAuthentication;
use crate::oauth::scope::Scope;
use crate::oauth::token_request::{MalformedRequest, RequestFault, TokenRequest};
use crate::tokens::Issued;

/// The rooms of the server, for one request.
pub(super) struct Live<'a> {
    grants: &'a ClientCredentials,
    source: IpAddr,
    authentication: Result<ClientAuthentication, RequestFault>,
    asked: Result<Asked, RequestFault>,
    /// The client, once it has proved itself.
    client: Option<Arc<Client>>,
    unproven: Option<Unproven>,
    wait: Option<Duration>,
    signing_failed: bool,
}

impl<'a> Live<'a> {
    pub(super) fn new(
        grants: &'a ClientCredentials,
        request: Result<TokenRequest, MalformedRequest>,
        source: IpAddr,
    ) -> Self {
        let (authentication, asked) = match request {
            Ok(TokenRequest { authentication, audience, resources, scope }) => {
                (Ok(authentication), Ok(Asked { audience, resources, scope }))
            }
            Err(MalformedRequest { fault, authentication }) => (authentication.ok_or(fault.clone()), Err(fault)),
        };
        let (client, unproven, wait, signing_failed) = (None, None, None, false);
        Self { grants, source, authentication, asked, client, unproven, wait, signing_failed }
    }

    /// What the walk saw. For a request that proves no client: what the client is that it names, if there is one.
    pub(super) fn into_facts(self) -> Facts {
        let Self { grants, source: _, authentication, asked, client, unproven, wait, signing_failed } = self;
        let moment = grants.clock.now();
        let proof = match (&authentication, client) {
            (_, Some(client)) => Proof::Proven(client),
            (Err(_), None) => Proof::Unread,
            (Ok(presented), None) => {
                // The same work, whether or not there is such a client.
                let fingerprint = grants.clients.fingerprint(presented);
                let registered = grants.clients.get(presented.client_id());
                let standing = registered.as_ref().map(|client| client.standing_of(fingerprint));
                let wait = unproven.and_then(|unproven| unproven.wait);
                Proof::Unproven { registered, standing, wait }
            }
        };
        let client = proof.registered();
        let named = match &authentication {
            Ok(presented) => Named::of(presented, client, &grants.clients),
            Err(_) => Named::Unnamed,
        };
        let asked = asked.map(|asked| asked.stored(&grants.targets, client));
        let credentials = authentication.map(drop);
        Facts { moment, named, credentials, proof, wait, asked, targets: grants.targets.clone(), signing_failed }
    }
}

impl Rooms for Live<'_> {
    type Issued = Issued;

    fn credentials(&self) -> Result<(), RequestFault> {
        self.authentication.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn prove(&mut self) -> Result<Arc<Client>, Unproven> {
        let proven = match &self.authentication {
            Ok(authentication) => self.grants.prove(authentication, self.source),
            Err(_) => Err(Unproven { wait: None }),
        };
        (self.client, self.unproven) = (proven.as_ref().ok().cloned(), proven.as_ref().err().copied());
        proven
    }

    fn count(&mut self, client: &Client) -> Option<Duration> {
        self.wait = self.grants.within_limits(&self.grants.throttle, client).err();
        self.wait
    }

    fn asked(&self) -> Result<Asked, RequestFault> {
        self.asked.clone()
    }

    fn targets(&self) -> &Arc<Targets> {
        &self.grants.targets
    }

    fn issue(&mut self, client: &Client, audience: &str, scope: Scope) -> Result<Issued, KeyError> {
        let issued = self.grants.tokens.issue(client, audience, scope);
        self.signing_failed = issued.is_err();
        issued
    }
}
