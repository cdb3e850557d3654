//! The checks of a token request: their order and their conditions, once.
//!
//! As with a protected request, the walk asks [`Rooms`] for each fact: the live ones, or the [`Facts`](super::Facts) of an
//! earlier walk.

use std::sync::Arc;
use std::time::Duration;

use super::TokenError;
use super::targets::{Asked, Targets};
use crate::api::explanation::Check;
use crate::clients::{Client, Status};
use crate::keys::KeyError;
use crate::oauth::scope::Scope;
use crate::oauth::token_request::RequestFault;

/// Where a walk gets its facts from.
pub(super) trait Rooms {
    /// What an issued token is.
    type Issued;

    /// Notes that the walk has reached a check. Live rooms do not.
    fn begins(&mut self, _check: Check) {}

    /// Whether the request says who sends it.
    fn credentials(&self) -> Result<(), RequestFault>;
    /// The client whose secret the request has.
    fn prove(&mut self) -> Result<Arc<Client>, Unproven>;
    /// Counts a token request of the client; the time until the next one, if it is one too many.
    fn count(&mut self, client: &Client) -> Option<Duration>;
    /// What the request asks for.
    fn asked(&self) -> Result<Asked, RequestFault>;
    fn targets(&self) -> &Arc<Targets>;
    fn issue(&mut self, client: &Client, audience: &str, scope: Scope) -> Result<Self::Issued, KeyError>;
}

/// The credentials prove no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unproven {
    /// The time until the next attempt, if there were too many.
    pub(super) wait: Option<Duration>,
}

/// The whole walk.
pub(super) fn walk<R: Rooms>(rooms: &mut R) -> Result<(Arc<Client>, R::Issued), TokenError> {
    rooms.begins(Check::Credentials);
    rooms.credentials().map_err(TokenError::Request)?;
    rooms.begins(Check::Secret);
    let client = rooms.prove()?;
    rooms.begins(Check::Status);
    check_status(&client)?;
    rooms.begins(Check::Throttle);
    if let Some(wait) = rooms.count(&client) {
        return Err(TokenError::TooManyTokens(wait));
    }
    rooms.begins(Check::Parameters);
    let asked = rooms.asked().map_err(TokenError::RequestOfClient)?;
    rooms.begins(Check::Audience);
    let targets = rooms.targets().clone();
    let audience = targets.choose(&asked, &client)?;
    rooms.begins(Check::Scope);
    let scope = asked.scope.clone().unwrap_or_else(|| client.scope.clone());
    if !scope.is_within(&client.scope) {
        return Err(TokenError::ScopeNotAssigned { assigned: client.scope.clone() });
    }
    rooms.begins(Check::Signing);
    let issued = rooms.issue(&client, audience, scope).map_err(TokenError::Signing)?;
    Ok((client, issued))
}

pub(super) fn check_status(client: &Client) -> Result<(), TokenError> {
    match client.status {
        Status::Active => Ok(()),
        Status::Suspended => Err(TokenError::Suspended),
    }
}

impl From<Unproven> for TokenError {
    fn from(unproven: Unproven) -> Self {
        unproven.wait.map_or(Self::NotAuthenticated, Self::TooManyFailures)
    }
}
