//! The walk of a protected request, from its bearer token to the handler.
//!
//! One order of checks, each a call into one module: the bearer token is present; it is genuine, current, for this API
//! and not revoked, and its client is not suspended; throttle; daily quota; scope. Requests to the administration have a
//! throttle of their own, and no quota refuses them. Everything is in memory, except that the first unit of a quota block
//! must be leased from the store. The first check that fails is the [`Denial`], which `http::error` turns into HTTP.

mod denial;
mod verified_tokens;

use std::sync::Arc;

pub use self::denial::{Denial, Reason};
use self::verified_tokens::VerifiedTokens;
pub use self::verified_tokens::{Lookup, VerifiedToken};
use crate::clients::{Client, Clients, Status};
use crate::counts::{Counter, Counts};
use crate::limits::{Limits, Rate};
pub use crate::oauth::audience::ADMIN_AUDIENCE;
use crate::oauth::bearer::{self, BearerFault};
use crate::oauth::credentials::ClientId;
pub use crate::oauth::resource::Api;
use crate::oauth::scope::{INTROSPECT, READ_ADMIN, ScopeToken};
use crate::quota::{DayUsed, LeaseCounts, Quota, Units, Unspent};
use crate::revocation::Revocation;
use crate::store::StoreError;
use crate::throttle::{Permits, Throttle};
use crate::time::{SharedClock, UnixSeconds};
use crate::tokens::{TokenFault, Tokens};

/// The least that an administrator may call the administration, whatever its own limits are.
pub(crate) const MIN_ADMIN_LIMITS: Limits =
    Limits { requests_per_second: Rate::per_second(10), burst: 20, daily_quota: None, enforce: true };

/// Decides whether a request may reach its handler.
pub struct Admission {
    verified_tokens: VerifiedTokens,
    revocation: Arc<Revocation>,
    clients: Arc<Clients>,
    throttle: Throttle,
    /// For requests to the administration.
    admin_throttle: Throttle,
    quota: Quota,
    clock: SharedClock,
    /// The audience of the partner API.
    public_audience: String,
    decisions: Decisions,
}

/// What was decided so far.
#[derive(Debug, Default)]
pub struct Decisions {
    /// Requests that reached their handler.
    pub admitted: Counter,
    /// Requests that were denied, by the check that failed first.
    pub denied: Counts<Reason>,
    /// Requests that waited for a quota block.
    pub waited: Counter,
}

/// What a handler requires of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API that the handler belongs to.
    pub api: Api,
    /// The scope token that the access token must carry; `None` where every access token will do.
    pub scope_token: Option<ScopeToken>,
}

/// A caller whose token is active.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who calls.
    pub client: Arc<Client>,
    /// The access token of the call.
    pub token: Arc<VerifiedToken>,
}

impl Admitted {
    /// Whether the token carries the scope token, and its client may still have it.
    #[must_use]
    pub fn may(&self, scope_token: &str) -> bool {
        let Self { client, token } = self;
        // Most tokens carry the whole scope of their client, and then one search is enough.
        token.scope.contains(scope_token) && (client.scope == token.scope || client.scope.contains(scope_token))
    }
}

/// Where a client stands with its limits, for the `RateLimit` fields.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The throttle.
    pub permits: Permits,
    /// The daily quota; `None` if only the store can tell, and for requests to the administration, which no quota
    /// refuses.
    pub units: Option<Units>,
}

/// How far the walk came without waiting.
pub enum Walk {
    /// To its end.
    Decided(Decision),
    /// To the quota, of which this process has no unit available.
    NeedsLease(NeedsLease),
}

/// A request that needs a quota block, which must be leased from the store.
pub struct NeedsLease {
    admitted: Admitted,
    permits: Permits,
    right: Right,
}

/// The outcome of the walk, and where the client stands if it was authenticated.
pub struct Decision {
    /// Whether the request may proceed.
    pub outcome: Result<Admitted, Denial>,
    /// The client that was refused, if its token was active.
    pub refused: Option<Arc<Client>>,
    /// Where the client stands, if its token was active.
    pub standing: Option<Standing>,
}

impl Admission {
    /// Brings together the rooms that the walk asks. Remembers at most `max_remembered` verified tokens.
    #[must_use]
    pub fn new(
        tokens: Arc<Tokens>,
        max_remembered: usize,
        revocation: Arc<Revocation>,
        clients: Arc<Clients>,
        quota: Quota,
        clock: SharedClock,
        public_audience: String,
    ) -> Self {
        let [throttle, admin_throttle] = [(); 2].map(|()| Throttle::new(clock.clone()));
        let (verified_tokens, decisions) = (VerifiedTokens::new(tokens, max_remembered), Decisions::default());
        Self {
            verified_tokens,
            revocation,
            clients,
            throttle,
            admin_throttle,
            quota,
            clock,
            public_audience,
            decisions,
        }
    }

    /// What was decided so far.
    #[must_use]
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// How often a presented token was remembered, and how often not.
    pub(crate) fn token_lookups(&self) -> impl Iterator<Item = (Lookup, u64)> + '_ {
        self.verified_tokens.lookups()
    }

    /// How many verified tokens are remembered.
    #[must_use]
    pub(crate) fn remembered_tokens(&self) -> usize {
        self.verified_tokens.len()
    }

    /// What was leased of quotas so far.
    #[must_use]
    pub(crate) fn lease_counts(&self) -> &LeaseCounts {
        self.quota.lease_counts()
    }

    /// How many clients have a quota counter in memory.
    #[must_use]
    pub(crate) fn quota_counters(&self) -> usize {
        self.quota.counters()
    }

    /// The whole walk, for a request with these `Authorization` values and this query string. Never waits: if a quota
    /// block must be leased first, it returns [`Walk::NeedsLease`], and [`wait`](Self::wait) goes on from there.
    pub fn admit<'r>(&self, authorization: impl Iterator<Item = &'r [u8]>, query: &str, right: &Right) -> Walk {
        let walk = self.walk(authorization, query, right);
        match &walk {
            Walk::Decided(decision) => self.decisions.count(&decision.outcome),
            Walk::NeedsLease(_) => self.decisions.waited.add_one(),
        }
        walk
    }

    fn walk<'r>(&self, authorization: impl Iterator<Item = &'r [u8]>, query: &str, right: &Right) -> Walk {
        // Read once: a look at the clock costs as much as a step.
        let now = self.clock.now();
        let admitted = match self.authenticate(authorization, query, right.api, now) {
            Ok(admitted) => admitted,
            Err(denial) => return Walk::Decided(Decision { outcome: Err(denial), refused: None, standing: None }),
        };
        if right.api == Api::Admin {
            return self.walk_admin(admitted, right, now);
        }
        let Client { client_id, limits, .. } = &*admitted.client;
        let permits = self.throttle.check(client_id, *limits);
        if let Some(wait) = permits.wait.filter(|_| limits.enforce) {
            let units = self.quota.peek_in_memory(client_id, *limits);
            return Walk::Decided(deny(admitted, Denial::Throttled(wait), Standing { permits, units }));
        }
        match self.quota.spend_available(client_id, *limits, now) {
            Some(units) => Walk::Decided(check_quota(admitted, permits, units, right)),
            None => Walk::NeedsLease(NeedsLease { admitted, permits, right: right.clone() }),
        }
    }

    /// The walk from the throttle on, for the administration. The quota counts its requests and refuses none, and its
    /// throttle is never slower than [`MIN_ADMIN_LIMITS`]: so an administrator who set a limit too low can raise it again.
    fn walk_admin(&self, admitted: Admitted, right: &Right, now: UnixSeconds) -> Walk {
        let Client { client_id, limits, .. } = &*admitted.client;
        let permits = self.admin_throttle.check(client_id, admin_limits(*limits));
        let standing = Standing { permits, units: None };
        if let Some(wait) = permits.wait.filter(|_| limits.enforce) {
            return Walk::Decided(deny(admitted, Denial::Throttled(wait), standing));
        }
        match self.quota.spend_available(client_id, count_only(*limits), now) {
            Some(_) => Walk::Decided(check_scope(admitted, standing, right)),
            None => Walk::NeedsLease(NeedsLease { admitted, permits, right: right.clone() }),
        }
    }

    /// Goes on with a walk that needs a quota block: leases it, then decides.
    pub async fn wait(&self, lease: NeedsLease) -> Decision {
        let NeedsLease { admitted, permits, right } = lease;
        let Client { client_id, limits, .. } = &*admitted.client;
        let standing = Standing { permits, units: None };
        let decision = match right.api {
            Api::Admin => {
                // A request that cannot be counted was logged, and is no reason to refuse an administrator.
                let _is_uncounted = self.quota.spend(client_id, count_only(*limits)).await.is_err();
                check_scope(admitted, standing, &right)
            }
            Api::Public => match self.quota.spend(client_id, *limits).await {
                Ok(units) => check_quota(admitted, permits, units, &right),
                Err(error) => deny(admitted, Denial::Store(error), standing),
            },
        };
        self.decisions.count(&decision.outcome);
        decision
    }

    /// The walk up to the throttle: who calls, at no cost to any limit.
    pub fn identify<'r>(
        &self,
        authorization: impl Iterator<Item = &'r [u8]>,
        query: &str,
        api: Api,
    ) -> Result<Admitted, Denial> {
        let outcome = self.authenticate(authorization, query, api, self.clock.now());
        self.decisions.count(&outcome);
        outcome
    }

    fn authenticate<'r>(
        &self,
        authorization: impl Iterator<Item = &'r [u8]>,
        query: &str,
        api: Api,
        now: UnixSeconds,
    ) -> Result<Admitted, Denial> {
        let presented = bearer::parse(authorization, query).map_err(|fault| match fault {
            BearerFault::Missing => Denial::TokenMissing,
            BearerFault::Malformed => Denial::Token(TokenFault::Malformed),
            BearerFault::InQuery | BearerFault::Repeated => Denial::TokenMisplaced(fault),
        })?;
        let audience = match api {
            Api::Public => self.public_audience.as_str(),
            Api::Admin => ADMIN_AUDIENCE,
        };
        let token = self.verified_tokens.verify(presented, now).map_err(Denial::Token)?;
        if token.audience != audience {
            return Err(Denial::WrongAudience);
        }
        self.check_active(token, now)
    }

    /// What a token says, if it is active (RFC 7662) and `caller` may learn that.
    ///
    /// A client may always ask about its own tokens. With the scope `introspect` it may ask about all tokens for the
    /// audiences that it was granted, as a resource server does. An administrator who may read may ask about any token.
    #[must_use]
    pub fn introspect(&self, token: &str, caller: &Client) -> Option<Admitted> {
        let now = self.clock.now();
        let token = self.verified_tokens.verify(token.into(), now).ok()?;
        let may_learn = token.client_id == caller.client_id
            || caller.may_call(&token.audience, &INTROSPECT)
            || caller.may_call(ADMIN_AUDIENCE, &READ_ADMIN);
        if may_learn { self.check_active(token, now).ok() } else { None }
    }

    /// What a token says, if this server signed it and it has not expired, whether or not it is active.
    pub fn verify_signature_and_expiry(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenFault> {
        self.verified_tokens.verify(token.into(), self.clock.now())
    }

    /// What a client used on each of the `days` before today, the last first. Reads the store.
    pub async fn days_before(&self, client: &Client, days: u64) -> Result<Vec<DayUsed>, StoreError> {
        self.quota.days_before(&client.client_id, days).await
    }

    /// Where a client stands with both of its limits; costs nothing. May read the store.
    pub async fn standing(&self, client: &Client) -> Result<Standing, StoreError> {
        let permits = self.throttle.peek(&client.client_id, client.limits);
        let units = self.quota.peek(&client.client_id, client.limits).await?;
        Ok(Standing { permits, units: Some(units) })
    }

    /// Counts all that is left of a client's day as spent, for the sandbox; `None` if no quota limits the client.
    pub(crate) async fn use_up_quota(&self, client: &Client) -> Result<Option<Unspent>, StoreError> {
        self.quota.use_up(&client.client_id, client.limits).await
    }

    /// Whether a client has called today and has no unit left.
    pub(crate) fn has_used_up_quota(&self, client: &Client) -> bool {
        self.quota.peek_in_memory(&client.client_id, client.limits).is_some_and(|units| units.remaining == Some(0))
    }

    /// No longer counts units as spent that were used up.
    pub(crate) async fn give_back_quota(&self, client_id: &ClientId, unspent: Unspent) -> Result<(), StoreError> {
        self.quota.give_back(client_id, unspent).await
    }

    /// Returns unspent units to the store. For a clean stop, after the last request.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.quota.close().await
    }

    /// Returns the unspent quota of past days to the store.
    pub(crate) async fn settle_past_days(&self) -> Result<(), StoreError> {
        self.quota.settle_past_days().await
    }

    /// Forgets the counters of a deleted client: a client that is later registered under the same identifier starts with
    /// whole limits.
    pub fn forget(&self, client_id: &ClientId) {
        self.throttle.forget(client_id);
        self.admin_throttle.forget(client_id);
        self.quota.forget(client_id);
    }

    /// Forgets the counters of clients that are no longer registered.
    pub(crate) fn forget_unregistered(&self) {
        let is_registered = |client_id: &ClientId| self.clients.get(client_id.as_str()).is_some();
        self.throttle.retain(is_registered);
        self.admin_throttle.retain(is_registered);
        self.quota.retain(is_registered);
    }

    /// Checks what may change after a token was issued: its time, its revocation, its client.
    fn check_active(&self, token: Arc<VerifiedToken>, now: UnixSeconds) -> Result<Admitted, Denial> {
        if token.not_before > now {
            return Err(Denial::Token(TokenFault::NotYetValid));
        }
        if !self.revocation.is_not_revoked(&token.jti, &token.not_revoked) {
            return Err(Denial::Revoked);
        }
        let client = self.clients.get_cached(token.client_id.as_str(), &token.client).ok_or(Denial::ClientUnknown)?;
        if !client.accepts(token.epoch, token.issued_at) {
            return Err(Denial::Revoked);
        }
        if !client.audience.contains(&token.audience) {
            return Err(Denial::AudienceWithdrawn);
        }
        match client.status {
            Status::Active => Ok(Admitted { client, token }),
            Status::Suspended => Err(Denial::ClientSuspended),
        }
    }
}

fn deny(admitted: Admitted, denial: Denial, standing: Standing) -> Decision {
    Decision { outcome: Err(denial), refused: Some(admitted.client), standing: Some(standing) }
}

/// The walk from the quota on.
fn check_quota(admitted: Admitted, permits: Permits, units: Units, right: &Right) -> Decision {
    let standing = Standing { permits, units: Some(units) };
    if !units.admitted {
        return deny(admitted, Denial::QuotaExceeded(units), standing);
    }
    check_scope(admitted, standing, right)
}

/// The last step of the walk.
fn check_scope(admitted: Admitted, standing: Standing, right: &Right) -> Decision {
    match right.scope_token.as_ref().filter(|scope_token| !admitted.may(scope_token)) {
        Some(missing) => deny(admitted, Denial::InsufficientScope(missing.clone()), standing),
        None => Decision { outcome: Ok(admitted), refused: None, standing: Some(standing) },
    }
}

/// The limits of an administrator: no less than [`MIN_ADMIN_LIMITS`].
fn admin_limits(limits: Limits) -> Limits {
    let least = MIN_ADMIN_LIMITS;
    Limits {
        requests_per_second: limits.requests_per_second.max(least.requests_per_second),
        burst: limits.burst.max(least.burst),
        ..limits
    }
}

/// These limits, for requests that the quota counts and does not refuse.
fn count_only(limits: Limits) -> Limits {
    Limits { enforce: false, ..limits }
}

impl Decisions {
    fn count(&self, outcome: &Result<Admitted, Denial>) {
        match outcome {
            Ok(_) => self.admitted.add_one(),
            Err(denial) => self.denied.add_one(denial.reason()),
        }
    }
}
