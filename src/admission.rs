//! The walk of a protected request, from its bearer token to the handler.
//!
//! One order of checks, always, each a call into one module and none back into an earlier one:
//! bearer token present; verify_signature_and_expiry, current, for this API, not revoked, its client not suspended; throttle;
//! daily quota; scope. Requests to the administration have a throttle of their own, and no quota refuses them.
//! All of it in memory, but for the first unit of a quota block. The check that fails first is the [`Denial`];
//! `http::error` says it in HTTP.

use std::sync::Arc;
use std::time::Duration;

use crate::clients::{Client, Clients, Status};
use crate::counts::{Counter, Counts, label};
use crate::oauth::bearer::{self, BearerFault};
use crate::oauth::credentials::ClientId;
use crate::oauth::limits::{Limits, Rate};
pub use crate::oauth::registration::ADMIN_AUDIENCE;
use crate::oauth::scope::{INTROSPECT, READ_ADMIN};
use crate::quota::{DayUsed, Leases, Quota, Units};
use crate::revocation::Revocation;
use crate::store::StoreError;
use crate::throttle::{Permits, Throttle};
use crate::time::{SharedClock, UnixSeconds};
use crate::tokens::{AccessToken, TokenFault, Tokens};

/// The least that a client with the right to it may call of the administration, whatever its own limits are.
pub const MIN_ADMIN_LIMITS: Limits =
    Limits { requests_per_second: Rate::per_second(10), burst: 20, daily_quota: None, enforce: true };

/// Decides whether a request may reach its handler.
pub struct Admission {
    tokens: Arc<Tokens>,
    revocation: Arc<Revocation>,
    clients: Arc<Clients>,
    throttle: Throttle,
    /// Of requests to the administration.
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
    /// Requests that did not, by what failed first.
    pub denied: Counts<Reason>,
    /// Requests that waited for a quota block.
    pub waited: Counter,
}

/// An API of this server: each has an audience of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// What partners call.
    Public,
    /// What operators call.
    Admin,
}

/// What a handler needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API that the handler belongs to.
    pub api: Api,
    /// The scope token that the access token must carry; `None` where any will do.
    pub scope_token: Option<&'static str>,
}

/// A caller that may proceed.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who calls.
    pub client: Arc<Client>,
    /// With what.
    pub token: Arc<AccessToken>,
}

impl Admitted {
    /// Whether the token carries the scope token, and its client may still have it.
    #[must_use]
    pub fn may(&self, scope_token: &str) -> bool {
        let Self { client, token } = self;
        // Mostly both are the same, and then one search is enough.
        token.scope.contains(scope_token) && (client.scope == token.scope || client.scope.contains(scope_token))
    }
}

/// Where a client stands with its limits, for the `RateLimit` fields.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The throttle.
    pub permits: Permits,
    /// The daily quota; `None` when it is not known without asking the store, and for requests to the administration,
    /// which it does not refuse.
    pub units: Option<Units>,
}

/// Why a request may not reach its handler, in the order of the checks.
#[derive(Clone, Debug)]
pub enum Denial {
    /// No bearer token. 401 without an error code (RFC 6750 section 3.1).
    TokenMissing,
    /// A bearer token in the wrong place, or more than one. 400 `invalid_request`.
    TokenMisplaced(BearerFault),
    /// Malformed, forged, of another issuer, or expired. 401 `invalid_token`.
    Token(TokenFault),
    /// Genuine, but for another API. 401 `invalid_token`.
    WrongAudience,
    /// Revoked before its time. 401 `invalid_token`.
    Revoked,
    /// Its client may no longer call that API. 401 `invalid_token`.
    AudienceWithdrawn,
    /// Its client is suspended. 401 `invalid_token`.
    ClientSuspended,
    /// Its client is no longer registered. 401 `invalid_token`.
    ClientUnknown,
    /// Over the requests per second; good again after this time. 429.
    Throttled(Duration),
    /// Over the daily quota. 429.
    QuotaExceeded(Units),
    /// The token does not carry this scope token, or its client may no longer have it. 403 `insufficient_scope`.
    InsufficientScope(&'static str),
    /// The quota could not be asked: ours to mend. 503, and never admitted.
    Store(StoreError),
}

label! {
    /// A [`Denial`], as metrics have it.
    pub enum Reason {
        /// [`Denial::TokenMissing`]
        TokenMissing = "token_missing",
        /// [`Denial::TokenMisplaced`]
        TokenMisplaced = "token_misplaced",
        /// [`TokenFault::Malformed`]
        TokenMalformed = "token_malformed",
        /// [`TokenFault::UnknownKey`]
        UnknownKey = "unknown_key",
        /// [`TokenFault::BadSignature`]
        BadSignature = "bad_signature",
        /// [`TokenFault::WrongIssuer`]
        WrongIssuer = "wrong_issuer",
        /// [`TokenFault::Expired`]
        TokenExpired = "token_expired",
        /// [`TokenFault::NotYetValid`]
        TokenNotYetValid = "token_not_yet_valid",
        /// [`Denial::WrongAudience`]
        WrongAudience = "wrong_audience",
        /// [`Denial::Revoked`]
        TokenRevoked = "token_revoked",
        /// [`Denial::AudienceWithdrawn`]
        AudienceWithdrawn = "audience_withdrawn",
        /// [`Denial::ClientSuspended`]
        ClientSuspended = "client_suspended",
        /// [`Denial::ClientUnknown`]
        ClientUnknown = "client_unknown",
        /// [`Denial::Throttled`]
        Throttled = "throttled",
        /// [`Denial::QuotaExceeded`]
        QuotaExceeded = "quota_exceeded",
        /// [`Denial::InsufficientScope`]
        InsufficientScope = "insufficient_scope",
        /// [`Denial::Store`]
        StoreUnavailable = "store_unavailable",
    }
}

impl Denial {
    /// What it is counted as.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TokenMissing => Reason::TokenMissing,
            Self::TokenMisplaced(_) => Reason::TokenMisplaced,
            Self::Token(TokenFault::Malformed) => Reason::TokenMalformed,
            Self::Token(TokenFault::UnknownKey) => Reason::UnknownKey,
            Self::Token(TokenFault::BadSignature) => Reason::BadSignature,
            Self::Token(TokenFault::WrongIssuer) => Reason::WrongIssuer,
            Self::Token(TokenFault::Expired) => Reason::TokenExpired,
            Self::Token(TokenFault::NotYetValid) => Reason::TokenNotYetValid,
            Self::WrongAudience => Reason::WrongAudience,
            Self::Revoked => Reason::TokenRevoked,
            Self::AudienceWithdrawn => Reason::AudienceWithdrawn,
            Self::ClientSuspended => Reason::ClientSuspended,
            Self::ClientUnknown => Reason::ClientUnknown,
            Self::Throttled(_) => Reason::Throttled,
            Self::QuotaExceeded(_) => Reason::QuotaExceeded,
            Self::InsufficientScope(_) => Reason::InsufficientScope,
            Self::Store(_) => Reason::StoreUnavailable,
        }
    }
}

/// How far the walk came without waiting.
pub enum Walk {
    /// To its end.
    Decided(Decision),
    /// To the quota, of which this process holds no unit.
    NeedsLease(NeedsLease),
}

/// A request that waits for a quota block.
pub struct NeedsLease {
    admitted: Admitted,
    permits: Permits,
    right: Right,
}

/// The outcome of the walk, and where the client stands if it was authenticated.
pub struct Decision {
    /// Whether the request may proceed.
    pub outcome: Result<Admitted, Denial>,
    /// Who was refused, if that is known: from the throttle on.
    pub refused: Option<Arc<Client>>,
    /// Known from the throttle on.
    pub standing: Option<Standing>,
}

impl Admission {
    /// Brings together what the walk asks.
    #[must_use]
    pub fn new(
        tokens: Arc<Tokens>,
        revocation: Arc<Revocation>,
        clients: Arc<Clients>,
        throttle: Throttle,
        quota: Quota,
        clock: SharedClock,
        public_audience: String,
    ) -> Self {
        let decisions = Decisions::default();
        let admin_throttle = Throttle::new(clock.clone());
        Self { tokens, revocation, clients, throttle, admin_throttle, quota, clock, public_audience, decisions }
    }

    /// What was decided so far.
    #[must_use]
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// What was leased of quotas so far.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        self.quota.leases()
    }

    /// How many clients' quotas are held in memory.
    #[must_use]
    pub fn quotas_held(&self) -> usize {
        self.quota.held()
    }

    /// The whole walk, for a request with these `Authorization` values and this query string. Waits for
    /// nothing: where a quota block has to be leased first, it says so, and [`wait`](Self::wait) goes on.
    pub fn admit<'r>(&self, authorization: impl Iterator<Item = &'r [u8]>, query: &str, right: Right) -> Walk {
        let walk = self.walk(authorization, query, right);
        match &walk {
            Walk::Decided(decision) => self.decisions.count(&decision.outcome),
            Walk::NeedsLease(_) => self.decisions.waited.add_one(),
        }
        walk
    }

    fn walk<'r>(&self, authorization: impl Iterator<Item = &'r [u8]>, query: &str, right: Right) -> Walk {
        // Read once: each reading costs as much as a step.
        let now = self.clock.now();
        let admitted = match self.known(authorization, query, right.api, now) {
            Ok(admitted) => admitted,
            Err(denial) => return Walk::Decided(Decision { outcome: Err(denial), refused: None, standing: None }),
        };
        if right.api == Api::Admin {
            return self.walk_admin(admitted, right, now);
        }
        let Client { client_id, limits, .. } = &*admitted.client;
        let permits = self.throttle.check(client_id, *limits);
        if let Some(wait) = permits.wait.filter(|_| limits.enforce) {
            let units = self.quota.known(client_id, *limits);
            let standing = Some(Standing { permits, units });
            let refused = Some(admitted.client);
            return Walk::Decided(Decision { outcome: Err(Denial::Throttled(wait)), refused, standing });
        }
        match self.quota.spend_held(client_id, *limits, now) {
            Some(units) => Walk::Decided(decide(admitted, permits, units, right)),
            None => Walk::NeedsLease(NeedsLease { admitted, permits, right }),
        }
    }

    /// The walk from the throttle on, for the administration. Its requests are counted, and no daily quota refuses
    /// them; its throttle is never slower than [`MIN_ADMIN_LIMITS`]. So whoever set a limit too low can raise it again.
    fn walk_admin(&self, admitted: Admitted, right: Right, now: UnixSeconds) -> Walk {
        let Client { client_id, limits, .. } = &*admitted.client;
        let permits = self.admin_throttle.check(client_id, throttled_as_admin(*limits));
        let standing = Standing { permits, units: None };
        if let Some(wait) = permits.wait.filter(|_| limits.enforce) {
            let (outcome, refused) = (Err(Denial::Throttled(wait)), Some(admitted.client));
            return Walk::Decided(Decision { outcome, refused, standing: Some(standing) });
        }
        match self.quota.spend_held(client_id, counted(*limits), now) {
            Some(_) => Walk::Decided(check_scope(admitted, standing, right)),
            None => Walk::NeedsLease(NeedsLease { admitted, permits, right }),
        }
    }

    /// Goes on with a walk that ran out of held units: leases, then decides.
    pub async fn wait(&self, lease: NeedsLease) -> Decision {
        let NeedsLease { admitted, permits, right } = lease;
        let Client { client_id, limits, .. } = &*admitted.client;
        let standing = Standing { permits, units: None };
        let decision = match right.api {
            Api::Admin => {
                // What cannot be counted was logged, and is no reason to keep an operator out.
                let _uncounted = self.quota.spend(client_id, counted(*limits)).await.is_err();
                check_scope(admitted, standing, right)
            }
            Api::Public => match self.quota.spend(client_id, *limits).await {
                Ok(units) => decide(admitted, permits, units, right),
                Err(error) => {
                    let (outcome, refused) = (Err(Denial::Store(error)), Some(admitted.client));
                    Decision { outcome, refused, standing: Some(standing) }
                }
            },
        };
        self.decisions.count(&decision.outcome);
        decision
    }

    /// The walk up to the throttle, as all that is asked: who calls, at no cost to any limit.
    pub fn identify<'r>(
        &self,
        authorization: impl Iterator<Item = &'r [u8]>,
        query: &str,
        api: Api,
    ) -> Result<Admitted, Denial> {
        let outcome = self.known(authorization, query, api, self.clock.now());
        self.decisions.count(&outcome);
        outcome
    }

    fn known<'r>(
        &self,
        authorization: impl Iterator<Item = &'r [u8]>,
        query: &str,
        api: Api,
        now: UnixSeconds,
    ) -> Result<Admitted, Denial> {
        let token = bearer::parse(authorization, query).map_err(|fault| match fault {
            BearerFault::Missing => Denial::TokenMissing,
            BearerFault::Malformed => Denial::Token(TokenFault::Malformed),
            BearerFault::InQuery | BearerFault::Repeated => Denial::TokenMisplaced(fault),
        })?;
        let audience = match api {
            Api::Public => self.public_audience.as_str(),
            Api::Admin => ADMIN_AUDIENCE,
        };
        let verified = self.tokens.verify(token, now).map_err(Denial::Token)?;
        if verified.audience != audience {
            return Err(Denial::WrongAudience);
        }
        self.in_force(verified, now)
    }

    /// What a token says, if it is good for its own API now (RFC 7662 calls it active) and `caller` may learn that.
    ///
    /// A client may always ask about its own tokens. With the scope `introspect` it may ask about all tokens of the
    /// audiences that it was granted, as a resource server does; an administrator who may read may ask about any.
    #[must_use]
    pub fn introspect(&self, token: &str, caller: &Client) -> Option<Admitted> {
        let now = self.clock.now();
        let token = self.tokens.verify(token, now).ok()?;
        let may_learn = token.client_id == caller.client_id
            || caller.may_call(&token.audience, INTROSPECT)
            || caller.may_call(ADMIN_AUDIENCE, READ_ADMIN);
        if may_learn { self.in_force(token, now).ok() } else { None }
    }

    /// What a token says, if this server issued it and it has not expired, whether or not it is in force.
    pub fn verify_signature_and_expiry(&self, token: &str) -> Result<Arc<AccessToken>, TokenFault> {
        self.tokens.verify(token, self.clock.now())
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

    /// Returns unspent units to the store. For a clean stop, after the last request.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.quota.close().await
    }

    /// Forgets the counters of a client that was deleted: whoever is registered under its identifier again
    /// has all of its own limits.
    pub fn forget(&self, client_id: &ClientId) {
        self.throttle.forget(client_id);
        self.admin_throttle.forget(client_id);
        self.quota.forget_held(client_id);
    }

    /// Forgets the counters of clients that are no longer registered.
    pub fn forget_unregistered(&self) {
        let registered = |client_id: &_| self.clients.get(AsRef::<str>::as_ref(client_id)).is_some();
        self.throttle.retain(registered);
        self.admin_throttle.retain(registered);
        self.quota.retain(registered);
    }

    fn in_force(&self, token: Arc<AccessToken>, now: UnixSeconds) -> Result<Admitted, Denial> {
        if token.not_before > now {
            return Err(Denial::Token(TokenFault::NotYetValid));
        }
        if !self.revocation.is_in_force(&token.jti, &token.in_force) {
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

/// The walk from the quota on.
fn decide(admitted: Admitted, permits: Permits, units: Units, right: Right) -> Decision {
    let standing = Standing { permits, units: Some(units) };
    if !units.admitted {
        let outcome = Err(Denial::QuotaExceeded(units));
        return Decision { outcome, refused: Some(admitted.client), standing: Some(standing) };
    }
    check_scope(admitted, standing, right)
}

/// The last step of the walk.
fn check_scope(admitted: Admitted, standing: Standing, right: Right) -> Decision {
    let missing = right.scope_token.filter(|scope_token| !admitted.may(scope_token));
    let (outcome, refused) = match missing {
        Some(scope_token) => (Err(Denial::InsufficientScope(scope_token)), Some(admitted.client)),
        None => (Ok(admitted), None),
    };
    Decision { outcome, refused, standing: Some(standing) }
}

/// What a client may call of the administration: no less than [`MIN_ADMIN_LIMITS`].
fn throttled_as_admin(limits: Limits) -> Limits {
    let least = MIN_ADMIN_LIMITS;
    Limits {
        requests_per_second: limits.requests_per_second.max(least.requests_per_second),
        burst: limits.burst.max(least.burst),
        ..limits
    }
}

/// These limits, for requests that are counted and that no quota refuses.
fn counted(limits: Limits) -> Limits {
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
