//! The walk of a protected request, from its bearer token to the handler.
//!
//! One order of checks, each a call into one module: the bearer token is present; it is genuine, current, for this API
//! and not revoked, and its client is not suspended; throttle; daily quota; scope. Requests to the administration have a
//! throttle of their own, and no quota refuses them. Everything is in memory, except that the first unit of a quota block
//! must be leased from the store. The first check that fails is the [`Denial`], which `http::error` turns into HTTP.
//!
//! The order of the checks is in `walk` alone. What a refused request was like is in its [`Facts`], and to explain them is
//! to take the same walk again.

mod changes;
mod denial;
mod explain;
mod facts;
mod live;
mod verified_tokens;
mod walk;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::denial::{Denial, Reason};
pub use self::facts::Facts;
use self::live::Live;
use self::verified_tokens::VerifiedTokens;
pub use self::verified_tokens::{Lookup, VerifiedToken};
pub use self::walk::{Genuine, Unverified};
use self::walk::{check_active, identify, walk, walk_on};
use crate::clients::{Client, Clients};
use crate::counts::{Counter, Counts};
use crate::limits::{Limits, Rate};
pub use crate::oauth::audience::ADMIN_AUDIENCE;
use crate::oauth::credentials::ClientId;
pub use crate::oauth::resource::Api;
use crate::oauth::scope::{INTROSPECT, READ_ADMIN, ScopeToken};
use crate::quota::{DayUsed, LeaseCounts, Quota, Units, Unspent, Used};
use crate::revocation::Revocation;
use crate::store::StoreError;
use crate::throttle::{Level, Permits, Throttle};
use crate::time::{Day, SharedClock, UnixSeconds};
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
    /// The audiences of the partner API and of the administration.
    public_audience: Arc<str>,
    admin_audience: Arc<str>,
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

/// How far clients have used their limits, apart from when that was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LimitLevels {
    throttle: Vec<Level>,
    admin_throttle: Vec<Level>,
    quota: Vec<Used>,
}

/// What a handler requires of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API that the handler belongs to.
    pub api: Api,
    /// The scope token that the access token must carry; `None` where every access token will do.
    pub scope_token: Option<ScopeToken>,
}

impl Right {
    /// To call the API at all.
    #[must_use]
    pub const fn any(api: Api) -> Self {
        Self { api, scope_token: None }
    }
}

/// A caller whose token is active.
#[derive(Clone, Debug)]
pub struct Admitted<T = Arc<VerifiedToken>> {
    /// Who calls.
    pub client: Arc<Client>,
    /// The access token of the call.
    pub token: T,
}

impl<T: Genuine> Admitted<T> {
    /// Whether the token carries the scope token, and its client may still have it.
    #[must_use]
    pub fn may(&self, scope_token: &str) -> bool {
        let (client, token) = (&self.client, self.token.access_token());
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
pub enum Walk<T = Arc<VerifiedToken>, E = Box<Denied>> {
    /// To its end.
    Decided(Decision<T, E>),
    /// To the quota, of which this process has no unit available.
    NeedsLease(NeedsLease<T>),
}

/// A request that needs a quota block, which must be leased from the store.
pub struct NeedsLease<T = Arc<VerifiedToken>> {
    admitted: Admitted<T>,
    permits: Permits,
    right: Right,
    moment: UnixSeconds,
}

/// The outcome of the walk, and where the client stands if it was authenticated.
pub struct Decision<T = Arc<VerifiedToken>, E = Box<Denied>> {
    /// Whether the request may proceed.
    pub outcome: Result<Admitted<T>, E>,
    /// Where the client stands, if its token was active.
    pub standing: Option<Standing>,
    /// When it was decided.
    moment: UnixSeconds,
}

/// A request that may not proceed.
#[derive(Debug)]
pub struct Denied {
    /// The check that failed.
    pub denial: Denial,
    /// What the walk saw, and what the checks behind the failed one would have seen.
    pub facts: Arc<Facts>,
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
        let (public_audience, admin_audience) = (public_audience.into(), ADMIN_AUDIENCE.into());
        Self {
            verified_tokens,
            revocation,
            clients,
            throttle,
            admin_throttle,
            quota,
            clock,
            public_audience,
            admin_audience,
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
        let walk = walk(&mut Live::new(self, authorization, query, right));
        match &walk {
            Walk::Decided(decision) => self.decisions.count(&decision.outcome),
            Walk::NeedsLease(_) => self.decisions.waited.add_one(),
        }
        walk
    }

    /// Goes on with a walk that needs a quota block: leases it, then decides.
    pub async fn wait(&self, lease: NeedsLease) -> Decision {
        let NeedsLease { admitted, permits, right, moment } = lease;
        let Client { client_id, limits, .. } = &*admitted.client;
        let spent = self.quota.spend(client_id, quota_limits(*limits, right.api)).await;
        let decision = walk_on(&mut Live::at(self, moment, &right), admitted, permits, spent);
        self.decisions.count(&decision.outcome);
        decision
    }

    /// The walk up to the throttle: who calls, at no cost to any limit.
    pub fn identify<'r>(
        &self,
        authorization: impl Iterator<Item = &'r [u8]>,
        query: &str,
        api: Api,
    ) -> Result<Admitted, Box<Denied>> {
        let right = Right::any(api);
        let outcome = identify(&mut Live::new(self, authorization, query, &right).without_limits());
        self.decisions.count(&outcome);
        outcome
    }

    /// What the walk to this decision saw.
    #[must_use]
    pub(crate) fn facts(&self, decision: &Decision, right: &Right) -> Arc<Facts> {
        match &decision.outcome {
            Ok(admitted) => Arc::new(Live::at(self, decision.moment, right).facts_of(admitted, decision.standing)),
            Err(refusal) => refusal.facts.clone(),
        }
    }

    /// What a token says, if it is active (RFC 7662) and `caller` may learn that.
    ///
    /// A client may always ask about its own tokens. With the scope `introspect` it may ask about all tokens for the
    /// audiences that it was granted, as a resource server does. An administrator who may read may ask about any token.
    #[must_use]
    pub fn introspect(&self, token: &str, caller: &Client) -> Option<Admitted> {
        let now = self.clock.now();
        let token = self.verified_tokens.verify(token.into(), now).ok()?;
        token.check_expiry(now).ok()?;
        let may_learn = token.client_id == caller.client_id
            || caller.may_call(&token.audience, &INTROSPECT)
            || caller.may_call(ADMIN_AUDIENCE, &READ_ADMIN);
        let right = Right::any(Api::Partner);
        if may_learn { check_active(&mut Live::at(self, now, &right), token).ok() } else { None }
    }

    /// What a token says, if this server signed it and it has not expired, whether or not it is active.
    pub fn verify_signature_and_expiry(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenFault> {
        let now = self.clock.now();
        let token = self.verified_tokens.verify(token.into(), now)?;
        token.check_expiry(now)?;
        Ok(token)
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

    /// The same for lists of many clients: it remembers nothing of a client that has not called. Without units if the store
    /// does not answer.
    pub(crate) async fn look_up(&self, client: &Client) -> Standing {
        let permits = self.throttle.look_up(&client.client_id, client.limits);
        Standing { permits, units: self.quota.look_up(&client.client_id, client.limits).await.ok() }
    }

    /// How many requests of a client were counted, to both APIs, and on which day: it starts again at midnight.
    pub(crate) fn requests(&self, client_id: &ClientId) -> Option<(Day, u64)> {
        self.quota.requests(client_id)
    }

    /// The same of every client that has called.
    pub(crate) fn for_each_requests(&self, each: impl FnMut(&ClientId, (Day, u64))) {
        self.quota.for_each_requests(each);
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

    /// How far clients have used their limits. Returns unspent units to the store first, and then its records are exact.
    /// While this runs, no request may be admitted.
    pub(crate) async fn capture(&self) -> Result<LimitLevels, StoreError> {
        let quota = self.quota.capture().await?;
        Ok(LimitLevels { throttle: self.throttle.capture(), admin_throttle: self.admin_throttle.capture(), quota })
    }

    /// Waits for what is still written to the store for requests that have ended. To be called before the store goes
    /// back, while no request is admitted.
    pub(crate) async fn settle(&self) {
        self.quota.settle().await;
    }

    /// Goes back to what was captured, after the store went back. Remembers no token of the time since.
    pub(crate) fn restore(&self, levels: &LimitLevels) {
        self.verified_tokens.forget_all();
        self.throttle.restore(&levels.throttle);
        self.admin_throttle.restore(&levels.admin_throttle);
        self.quota.restore(&levels.quota);
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

/// The limits that the quota holds requests to this API to. It counts those to the administration, and refuses none.
fn quota_limits(limits: Limits, api: Api) -> Limits {
    match api {
        Api::Partner => limits,
        Api::Admin => Limits { enforce: false, ..limits },
    }
}

impl Decisions {
    fn count(&self, outcome: &Result<Admitted, Box<Denied>>) {
        match outcome {
            Ok(_) => self.admitted.add_one(),
            Err(refusal) => self.denied.add_one(refusal.denial.reason()),
        }
    }
}
