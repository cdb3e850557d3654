//! What one walk saw, to be walked again.

use std::sync::Arc;
use std::time::Duration;

use super::walk::{Rooms, Seen, Unverified, identify, walk};
use super::{Denial, Right, Walk};
use crate::api::explanation::Check;
use crate::clients::Client;
use crate::explanation::Replayed;
use crate::oauth::bearer::BearerFault;
use crate::oauth::credentials::ClientId;
use crate::oauth::resource::Api;
use crate::quota::Units;
use crate::store::StoreError;
use crate::throttle::Permits;
use crate::time::UnixSeconds;
use crate::tokens::{AccessToken, TokenFault};

/// What one walk saw, and what the checks behind the one that refused the request would have seen. Holds no token, but what
/// it says. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) moment: UnixSeconds,
    pub(super) right: Right,
    /// Whether the request counts against the limits of its client.
    pub(super) uses_limits: bool,
    /// The audience of the API that the request was for.
    pub(super) audience: Arc<str>,
    pub(super) token: Result<Arc<AccessToken>, Unverified>,
    /// Whether the one token was revoked.
    pub(super) is_revoked: bool,
    /// The client of the token, if it is registered.
    pub(super) client: Option<Arc<Client>>,
    /// `None` without a client.
    pub(super) permits: Option<Permits>,
    /// `None` without a client, and where only the store can tell.
    pub(super) units: Result<Option<Units>, StoreError>,
}

impl Facts {
    /// When the request was decided.
    #[must_use]
    pub fn moment(&self) -> UnixSeconds {
        self.moment
    }

    /// What the request needs.
    #[must_use]
    pub fn right(&self) -> &Right {
        &self.right
    }

    /// What the token says, if this server signed it.
    #[must_use]
    pub fn token(&self) -> Option<&AccessToken> {
        self.token.as_deref().ok()
    }

    /// The client that the token was issued to, registered or not.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        self.token().map(|token| &token.client_id)
    }

    /// The registered client that sent the request.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<Client>> {
        self.client.as_ref().filter(|_| self.token.is_ok())
    }

    /// Where the client stood with its throttle after the request; `None` without a client.
    #[must_use]
    pub fn permits(&self) -> Option<Permits> {
        self.permits
    }

    /// Where the client stood with its quota after the request; `None` without a client, and where only the store can
    /// tell.
    #[must_use]
    pub fn units(&self) -> Option<Units> {
        self.units.clone().ok().flatten()
    }

    /// Why the request was refused; `None` if it was let through.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        self.replay().1.err()
    }

    /// The walk again: which checks it reaches, and how it ends.
    pub(super) fn replay(&self) -> (Vec<Check>, Result<(), Denial>) {
        let mut rooms = Recorded { facts: self, begun: Vec::new() };
        let outcome = if self.uses_limits {
            match walk(&mut rooms) {
                Walk::Decided(decision) => decision.outcome.map(drop),
                // Recorded rooms lease nothing.
                Walk::NeedsLease(_) => Ok(()),
            }
        } else {
            identify(&mut rooms).map(drop)
        };
        (rooms.begun, outcome)
    }

    pub(super) fn replayed(&self) -> Replayed {
        let (begun, outcome) = self.replay();
        Replayed { begun, passed: outcome.is_ok() }
    }

    /// The same request, `by` later. The rest of a token's life is whole seconds, so a part of a second counts as one.
    pub(super) fn later(&self, by: Duration) -> Self {
        let mut later = self.clone();
        later.moment = self.moment.plus(by.as_secs() + u64::from(by.subsec_nanos() > 0));
        if let Some(permits) = &mut later.permits {
            permits.wait = permits.wait.and_then(|wait| wait.checked_sub(by)).filter(|wait| !wait.is_zero());
        }
        if let Ok(Some(units)) = &mut later.units
            && later.moment >= units.resets_at
        {
            let daily_quota = units.daily_quota;
            (units.admitted, units.used, units.remaining) = (daily_quota != Some(0), 0, daily_quota);
        }
        later
    }
}

/// The rooms as they were.
struct Recorded<'f> {
    facts: &'f Facts,
    begun: Vec<Check>,
}

impl<'f> Rooms for Recorded<'f> {
    type Presented = Result<&'f Arc<AccessToken>, TokenFault>;
    type Token = Arc<AccessToken>;
    type Refusal = Denial;

    fn begins(&mut self, check: Check) {
        self.begun.push(check);
    }

    fn right(&self) -> &Right {
        &self.facts.right
    }

    fn moment(&self) -> UnixSeconds {
        self.facts.moment
    }

    fn audience(&self) -> &str {
        &self.facts.audience
    }

    fn presented(&mut self) -> Result<Self::Presented, BearerFault> {
        match &self.facts.token {
            Ok(token) => Ok(Ok(token)),
            Err(Unverified::Token(fault)) => Ok(Err(*fault)),
            Err(Unverified::Bearer(fault)) => Err(*fault),
        }
    }

    fn verify(&mut self, presented: Self::Presented) -> Result<Arc<AccessToken>, TokenFault> {
        presented.cloned()
    }

    fn is_not_revoked(&self, _: &Arc<AccessToken>) -> bool {
        !self.facts.is_revoked
    }

    fn client(&self, _: &Arc<AccessToken>) -> Option<Arc<Client>> {
        self.facts.client.clone()
    }

    fn use_permit(&self, client: &Client) -> Permits {
        let burst = client.limits.burst;
        let unused = Permits { burst, window_s: 1, remaining: burst, full_in_s: 0, wait: None };
        self.facts.permits.unwrap_or(unused)
    }

    fn spend(&self, client: &Client) -> Result<Option<Units>, StoreError> {
        let resets_at = self.facts.moment.day().end();
        let daily_quota = client.limits.daily_quota;
        let unused = Units {
            admitted: true,
            daily_quota,
            used: 0,
            remaining: daily_quota,
            resets_at,
            resets_in_s: resets_at.since(self.facts.moment),
        };
        Ok(Some(self.facts.units.clone()?.unwrap_or(unused)))
    }

    fn peek_units(&self, _: &Client) -> Option<Units> {
        self.facts.units.clone().ok().flatten().filter(|_| self.facts.right.api == Api::Partner)
    }

    fn refuse(&self, denial: Denial, _: Seen<Arc<AccessToken>>) -> Denial {
        denial
    }
}

#[cfg(test)]
impl Facts {
    /// A request that lacks a scope, of this client, or without any token.
    pub(crate) fn refused_for_scope(client: Option<Arc<Client>>) -> Self {
        let moment = UnixSeconds::new(1_000);
        let token = client.as_deref().map(|client| AccessToken {
            jti: uuid::Uuid::nil(),
            client_id: client.client_id.clone(),
            audience: "public".to_owned(),
            scope: client.scope.clone(),
            issued_at: moment,
            not_before: UnixSeconds::default(),
            expires_at: moment.plus(1),
            epoch: Some(client.token_epoch),
        });
        Self {
            moment,
            right: Right { api: Api::Partner, scope_token: Some(crate::oauth::scope::WRITE_ZONES) },
            uses_limits: true,
            audience: "public".into(),
            token: token.map(Arc::new).ok_or(Unverified::Bearer(BearerFault::Missing)),
            is_revoked: false,
            client,
            permits: None,
            units: Ok(None),
        }
    }
}
