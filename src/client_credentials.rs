//! The walk of a token request: the client credentials grant (RFC 6749, section 4.4).
//!
//! Authenticate the client, and count its failures; limit how often it asks; choose the API and the scope; sign the token.
//! The first step that fails is the [`TokenError`], which `http::error` turns into HTTP. A client with the right secret is
//! never refused because of what others do.
//!
//! The order of the steps is in `walk` alone. What a refused request was like is in its [`Facts`], and to explain them is to
//! take the same walk again.

mod explain;
mod facts;
mod live;
mod stored;
mod targets;
mod walk;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::facts::Facts;
use self::live::Live;
pub use self::targets::Targets;
use self::walk::{Unproven, check_status, walk};
use crate::clients::{Client, Clients};
use crate::counts::{Counter, Counts, Label};
use crate::failures::Failures;
use crate::keys::KeyError;
use crate::limits::Limits;
use crate::oauth::credentials::{ClientAuthentication, ClientId};
use crate::oauth::error::ErrorCode;
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
    targets: Arc<Targets>,
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

/// A token request that is refused.
#[derive(Debug)]
pub struct NotGranted {
    /// The step that failed.
    pub error: TokenError,
    /// What the walk saw.
    pub facts: Arc<Facts>,
}

/// A token request that is granted.
pub struct Grant<'a> {
    /// The client that sent it.
    pub client: Arc<Client>,
    /// Its token.
    pub issued: Issued,
    rooms: Live<'a>,
}

impl Grant<'_> {
    /// What the walk saw, and the token.
    #[must_use]
    pub fn into_facts(self) -> (Issued, Arc<Facts>) {
        (self.issued, Arc::new(self.rooms.into_facts()))
    }
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
        let (client_limits, targets, answers) = (None, Arc::new(targets), Answers::default());
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

    /// The whole walk, for a request from `source`. The client of a malformed request is authenticated as any other:
    /// right credentials do not count against the address, wrong ones count as a failure.
    pub fn grant(
        &self,
        request: Result<TokenRequest, MalformedRequest>,
        source: IpAddr,
    ) -> Result<Grant<'_>, Box<NotGranted>> {
        let mut rooms = Live::new(self, request, source);
        match walk(&mut rooms) {
            Ok((client, issued)) => {
                self.answers.issued.add_one();
                Ok(Grant { client, issued, rooms })
            }
            Err(error) => Err(Box::new(NotGranted { error, facts: Arc::new(rooms.into_facts()) })),
        }
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
        let client = self.prove(authentication, source)?;
        check_status(&client)?;
        Ok(client)
    }

    /// The client whose secret this is, suspended or not. A wrong secret counts as a failure of `source`.
    fn prove(&self, authentication: &ClientAuthentication, source: IpAddr) -> Result<Arc<Client>, Unproven> {
        self.clients.authenticate(authentication, self.clock.now()).map_err(|_| {
            self.answers.failed_authentications.add_one();
            let registered = self.clients.get(authentication.client_id());
            let registered = registered.as_ref().map(|client| &client.client_id);
            Unproven { wait: self.failures.count(authentication.client_id(), registered, source).err() }
        })
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
