//! The walk of a token request: the client credentials grant (RFC 6749, section 4.4).
//!
//! Authenticate the client, and count its failures; limit how often it asks; choose the API and the scope; sign the token.
//! The first step that fails is the [`TokenError`], which `http::error` turns into HTTP. A client with the right secret is
//! never refused because of what others do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clients::{Client, Clients, Status};
use crate::counts::{Counter, Counts, Label};
use crate::failures::Failures;
use crate::keys::KeyError;
use crate::limits::Limits;
use crate::oauth::audience::ADMIN_AUDIENCE;
use crate::oauth::credentials::{ClientAuthentication, ClientId};
use crate::oauth::error::ErrorCode;
use crate::oauth::resource::{Api, Resource};
use crate::oauth::scope::Scope;
use crate::oauth::token_request::{MalformedRequest, RequestFault, TokenRequest};
use crate::throttle::{Level, Throttle};
use crate::time::SharedClock;
use crate::tokens::{Issued, Tokens};

/// Grants access tokens to clients that authenticate.
pub struct ClientCredentials {
    clients: Arc<Clients>,
    tokens: Arc<Tokens>,
    failures: Arc<Failures>,
    clock: SharedClock,
    throttle: Throttle,
    /// Apart from that of token requests: a client that asks for too many tokens can still revoke a leaked one.
    revocation_throttle: Throttle,
    /// How often one client may ask for tokens, and how often it may revoke tokens; `None` is no limit.
    client_limits: Option<Limits>,
    targets: Targets,
    answers: Answers,
}

/// How token requests were answered so far.
#[derive(Debug, Default)]
pub struct Answers {
    /// Tokens that were issued.
    pub issued: Counter,
    /// Token requests that were refused, by the error code of the answer. The endpoint counts them, because it refuses
    /// some before the walk begins.
    pub refused: Counts<ErrorCode>,
    /// Client authentications that failed, at any endpoint.
    pub failed_authentications: Counter,
}

/// The limits on token requests and revocations, apart from when they were read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TokenRequestLevels {
    token_requests: Vec<Level>,
    revocations: Vec<Level>,
}

impl Label for ErrorCode {
    const ALL: &'static [Self] = Self::OF_TOKEN_ENDPOINT;

    fn name(self) -> &'static str {
        self.as_str()
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What a token request may name as its target.
#[derive(Clone, Debug)]
pub struct Targets {
    /// This server's address. The identifiers of its resources start with it (see [`Resource`]).
    pub issuer: String,
    /// The audience of the partner API.
    pub public_audience: String,
    /// The audience of a request that names none.
    pub default_audience: Option<String>,
}

impl Targets {
    /// The one audience of the token: the audience that the request names, or the first of its resources that the client
    /// was granted.
    fn choose<'t>(&'t self, request: &'t TokenRequest, client: &Client) -> Result<&'t str, TokenError> {
        let TokenRequest { audience, resources, .. } = request;
        let mut resources = resources.iter().map(|resource| self.audience(resource));
        let is_granted = |audience: &&str| client.audience.iter().any(|granted| granted == audience);
        let chosen = match audience.as_deref().map(|audience| self.audience(audience)) {
            Some(audience) if resources.len() > 0 => {
                Some(resources.find(|resource| *resource == audience).ok_or(TokenError::TwoTargets)?)
            }
            None if resources.len() > 0 => resources.find(is_granted),
            Some(audience) => Some(audience),
            None => Some(self.audience(self.default_audience.as_deref().ok_or(TokenError::AudienceMissing)?)),
        };
        chosen.filter(is_granted).ok_or(TokenError::AudienceNotGranted)
    }

    /// The audience of this name, which is an audience itself or the identifier of a resource.
    fn audience<'n>(&'n self, named: &'n str) -> &'n str {
        match Resource::named(named, &self.issuer).map(|resource| resource.api) {
            Some(Api::Public) => &self.public_audience,
            Some(Api::Admin) => ADMIN_AUDIENCE,
            None => named,
        }
    }
}

/// Why there is no token.
#[derive(Debug)]
pub enum TokenError {
    /// The request is malformed: the client's fault. RFC 6749 section 5.2 has a code for each fault.
    Request(RequestFault),
    /// The same, from a client that authenticated.
    RequestOfClient(RequestFault),
    /// The client is unknown or the secret is wrong; the answer does not say which. 401 `invalid_client`.
    NotAuthenticated,
    /// The same, once too often from this address; the time until the next attempt. 429.
    TooManyFailures(Duration),
    /// The client authenticated, but asks for too many tokens; the time until the next request. 429.
    TooManyTokens(Duration),
    /// The client authenticated, but revokes too many tokens; the time until the next request. 429.
    TooManyRevocations(Duration),
    /// The client authenticated, but is suspended. 400 `unauthorized_client`.
    Suspended,
    /// Neither `audience` nor `resource`, and no default. 400 `invalid_request`.
    AudienceMissing,
    /// The client was granted none of the API sets that the request names. 400 `invalid_target` (RFC 8707 section 2).
    AudienceNotGranted,
    /// `audience` names none of the API sets that `resource` names. 400 `invalid_target`.
    TwoTargets,
    /// More scope than the client was assigned. 400 `invalid_scope`.
    ScopeNotAssigned {
        /// What it was assigned.
        assigned: Scope,
    },
    /// The token could not be signed: the server's fault. 503.
    Signing(KeyError),
}

impl ClientCredentials {
    /// Brings together the rooms that the walk asks.
    #[must_use]
    pub fn new(
        clients: Arc<Clients>,
        tokens: Arc<Tokens>,
        failures: Arc<Failures>,
        clock: SharedClock,
        targets: Targets,
    ) -> Self {
        let [throttle, revocation_throttle] = [(); 2].map(|()| Throttle::new(clock.clone()));
        let (client_limits, answers) = (None, Answers::default());
        Self { clients, tokens, failures, clock, throttle, revocation_throttle, client_limits, targets, answers }
    }

    /// Limits the tokens that each client may ask for in a second, after a burst, and as many revocations; 0 is no limit.
    #[must_use]
    pub(crate) fn limit_clients(self, requests_per_second: u32, burst: u32) -> Self {
        let rate = requests_per_second.into();
        let limits = Limits { requests_per_second: rate, burst, daily_quota: None, enforce: true };
        Self { client_limits: (requests_per_second > 0).then_some(limits), ..self }
    }

    /// Forgets the counters of a client that was deleted.
    pub fn forget(&self, client_id: &ClientId) {
        self.throttle.forget(client_id);
        self.revocation_throttle.forget(client_id);
    }

    /// How far clients have used the limits on their token requests and their revocations.
    pub(crate) fn capture(&self) -> TokenRequestLevels {
        TokenRequestLevels { token_requests: self.throttle.capture(), revocations: self.revocation_throttle.capture() }
    }

    /// Goes back to what was captured.
    pub(crate) fn restore(&self, levels: &TokenRequestLevels) {
        self.throttle.restore(&levels.token_requests);
        self.revocation_throttle.restore(&levels.revocations);
    }

    /// Forgets the counters of clients that are no longer registered.
    pub(crate) fn forget_unregistered(&self) {
        for throttle in [&self.throttle, &self.revocation_throttle] {
            throttle.retain(|client_id| self.clients.get(client_id.as_str()).is_some());
        }
    }

    /// How token requests were answered so far.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The whole walk, for a request from `source`.
    pub fn grant(&self, mut request: TokenRequest, source: IpAddr) -> Result<(Arc<Client>, Issued), TokenError> {
        let client = self.authenticate_to_grant(&request.authentication, source)?;
        let asked = request.scope.take();
        let audience = self.targets.choose(&request, &client)?;
        let scope = asked.unwrap_or_else(|| client.scope.clone());
        if !scope.is_within(&client.scope) {
            return Err(TokenError::ScopeNotAssigned { assigned: client.scope.clone() });
        }
        let issued = self.tokens.issue(&client, audience, scope).map_err(TokenError::Signing)?;
        self.answers.issued.add_one();
        Ok((client, issued))
    }

    /// Why a malformed request from `source` is refused. Its client is authenticated first, as for any request: right
    /// credentials do not count against the address, wrong ones count as a failure.
    pub fn refuse(&self, request: MalformedRequest, source: IpAddr) -> TokenError {
        let MalformedRequest { fault, authentication } = request;
        match authentication.map(|authentication| self.authenticate_to_grant(&authentication, source)) {
            None => TokenError::Request(fault),
            Some(Ok(_)) => TokenError::RequestOfClient(fault),
            Some(Err(error)) => error,
        }
    }

    /// The client that asks for a token, unless it asks too often.
    fn authenticate_to_grant(
        &self,
        authentication: &ClientAuthentication,
        source: IpAddr,
    ) -> Result<Arc<Client>, TokenError> {
        let client = self.authenticate(authentication, source)?;
        self.within_limits(&self.throttle, &client).map_err(TokenError::TooManyTokens)?;
        Ok(client)
    }

    /// The client that asks to revoke a token, unless it asks too often: each revocation is a write to the disk.
    pub(crate) fn authenticate_to_revoke(
        &self,
        authentication: &ClientAuthentication,
        source: IpAddr,
    ) -> Result<Arc<Client>, TokenError> {
        let client = self.authenticate(authentication, source)?;
        self.within_limits(&self.revocation_throttle, &client).map_err(TokenError::TooManyRevocations)?;
        Ok(client)
    }

    fn within_limits(&self, throttle: &Throttle, client: &Client) -> Result<(), Duration> {
        let wait = self.client_limits.and_then(|limits| throttle.check(&client.client_id, limits).wait);
        wait.map_or(Ok(()), Err)
    }

    /// The client that sends the request. Takes the same time for an unknown client and a wrong secret. A right secret
    /// passes even after many wrong ones, wherever they came from: a secret of 256 bits needs no protection from guessing,
    /// and the limit on failures only saves work and log lines.
    pub fn authenticate(
        &self,
        authentication: &ClientAuthentication,
        source: IpAddr,
    ) -> Result<Arc<Client>, TokenError> {
        let Ok(client) = self.clients.authenticate(authentication, self.clock.now()) else {
            self.answers.failed_authentications.add_one();
            let registered = self.clients.get(authentication.client_id());
            let registered = registered.as_ref().map(|client| &client.client_id);
            return Err(match self.failures.count(authentication.client_id(), registered, source) {
                Ok(()) => TokenError::NotAuthenticated,
                Err(wait) => TokenError::TooManyFailures(wait),
            });
        };
        match client.status {
            Status::Active => Ok(client),
            Status::Suspended => Err(TokenError::Suspended),
        }
    }
}

impl From<RequestFault> for TokenError {
    fn from(fault: RequestFault) -> Self {
        Self::Request(fault)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::store::{MemoryStore, Store};
    use crate::time::UnixSeconds;

    #[tokio::test]
    async fn no_secret_authenticates_an_unknown_client() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clients = Clients::open(store).await.unwrap();
        for secret in ["", "\0", "secret"] {
            let unknown = ClientAuthentication::from_body("unknown", Zeroizing::new(secret.to_owned()), None);
            assert!(clients.authenticate(&unknown, UnixSeconds::new(0)).is_err(), "{secret:?}");
        }
    }

    #[test]
    fn every_error_code_has_its_index() {
        for (place, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(code.index(), place, "{}", code.as_str());
        }
    }
}
