//! Every change to who may call. A change and its audit entry are one commit.
//!
//! When a call returns, its change is in effect and on disk. Nothing here checks whether the caller may make the
//! change: the admission has done so.

mod deletion;
mod keys;
mod new_secret;
mod registered;
mod registration;
mod reports;

use std::net::IpAddr;
use std::sync::Arc;

use papaya::HashMap;
use uuid::Uuid;

pub(crate) use self::registered::Rotated;
pub(crate) use self::registered::answer_tag;
use crate::audit::{Action, Audit, Event, EventOutcome};
use crate::clients::Clients;
use crate::counts::Label as _;
use crate::failures::FailureSummary;
use crate::idempotency::MIN_BYTES_FOR_A_SECRET;
use crate::keys::{KeyError, Keys};
use crate::limits::{Limits, Rate, UnprovenLimits};
use crate::oauth::credentials::ClientId;
use crate::parking::Parking;
use crate::revocation::Revocation;
use crate::store::{Store, StoreError, Txn};
use crate::time::{SharedClock, UnixSeconds};
use crate::tokens::AccessToken;

/// How often a change is tried again after another one to the same record came first.
const MAX_RACES: usize = 32;
/// How often one client's exposed secret makes an audit entry, in seconds.
const EXPOSURE_INTERVAL_S: u64 = 3_600;

/// The limits of an operator's own client. No script of an operator reaches them, so that operators cannot lock
/// themselves out by the limits that they set.
pub(crate) const OPERATOR_LIMITS: Limits =
    Limits { requests_per_second: Rate::per_second(1_000), burst: 1_000, daily_quota: None, enforce: true };

/// Makes changes.
pub(crate) struct Administration {
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    clock: SharedClock,
    clients: Arc<Clients>,
    revocation: Arc<Revocation>,
    keys: Arc<Keys>,
    /// Clients' records in the sample API, which a deletion removes.
    parking: Arc<Parking>,
    /// The most that a client may call without the report that is required of it.
    unproven: UnprovenLimits,
    /// When a client's exposed secret last made an audit entry; at most one for each client.
    exposed: HashMap<ClientId, UnixSeconds>,
    /// Called with each client that was deleted.
    forget_in_memory: Box<dyn Fn(&ClientId) + Send + Sync>,
}

/// The caller for whom a change is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actor {
    /// The client that asked for it; `None` for this program itself.
    pub(crate) client_id: Option<ClientId>,
    /// Where the request came from.
    pub(crate) source: Option<IpAddr>,
    /// Which request it was.
    pub(crate) request_id: Option<String>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The identifier is taken.
    #[error("a client of this client_id is registered already")]
    AlreadyRegistered,
    /// No client has this `client_id`.
    #[error("no client of this client_id is registered")]
    ClientUnknown,
    /// The client is another than the one that the caller's `If-Match` names.
    #[error("the client has changed since it was read: read it again, and send the change with its new ETag")]
    PreconditionFailed,
    /// No client could administer this server any more.
    #[error(
        "no other active client has the scope write:admin for the audience admin.api.boomgate, so no client could \
         undo this: register another administrator first"
    )]
    LastAdministrator,
    /// The client has as many secrets as it may have.
    #[error(
        "the client has two valid secrets, the older of them {older}: delete that one first, or rotate with \
         previous_expires_in 0, which ends both at once"
    )]
    TooManySecrets {
        /// The older secret.
        older: Uuid,
    },
    /// The caller chose a secret that is, or was, one of the client's.
    #[error(
        "the client has this secret already, or had it once: send another as client_secret, or leave it out and the \
         server makes one"
    )]
    SecretKnown,
    /// The client has no such secret.
    #[error("the client has no secret of this secret_id")]
    SecretUnknown,
    /// The client would be left without a secret.
    #[error("it is the client's only valid secret: rotate it first, or suspend or delete the client")]
    LastSecret,
    /// The `Idempotency-Key` came before with another request.
    #[error("the Idempotency-Key came before with another request")]
    KeyReused,
    /// The secret would be derived from an `Idempotency-Key` that can be guessed.
    #[error(
        "the secret is derived from the Idempotency-Key, so the key must have at least {MIN_BYTES_FOR_A_SECRET} \
         characters and must not be easy to guess: send a UUID, or choose the client_secret"
    )]
    KeyTooShort,
    /// The client that the same request registered was deleted.
    #[error("the client that this Idempotency-Key registered was deleted since: use a new key to register one again")]
    RegisteredGone,
    /// The secret in the answer to the same request is no longer valid.
    #[error(
        "the secret of the client that this Idempotency-Key registered has ended since: rotate it for a new one, or \
         use a new key to register another client"
    )]
    RegisteredSecretGone,
    /// As many answers are remembered for the caller as may be.
    #[error(
        "this client used {0} Idempotency-Keys in the last 24 hours, and no more are remembered: wait until the first \
         of them is 24 hours old before you use a new one"
    )]
    TooManyKeys(u32),
    /// The client has shown no report, or none that is still valid.
    #[error("the client has shown no report that is valid")]
    ReportUnknown,
    /// The passport is older than the last withdrawal of a report of the client.
    #[error("was signed before a report of the client was withdrawn, at {0}: have the report signed again")]
    PassportWithdrawn(UnixSeconds),
    /// No secret could be generated: the system gives no randomness. The server's fault.
    #[error("the system's random source did not answer")]
    NoRandomness,
    /// Other callers changed the same client during each attempt.
    #[error("other callers changed the client during every attempt: try again")]
    Contended,
    /// The store did not answer. The server's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys could not be changed in this way.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Administration {
    #[must_use]
    pub(crate) fn new(
        store: Arc<dyn Store>,
        audit: Arc<Audit>,
        clock: SharedClock,
        clients: Arc<Clients>,
        revocation: Arc<Revocation>,
        keys: Arc<Keys>,
        parking: Arc<Parking>,
    ) -> Self {
        let (exposed, forget_in_memory) = (HashMap::new(), Box::new(|_: &ClientId| {}));
        let unproven = UnprovenLimits::default();
        Self { store, audit, clock, clients, revocation, keys, parking, unproven, exposed, forget_in_memory }
    }

    /// With these limits for clients without the report that is required of them.
    #[must_use]
    pub(crate) fn limiting_unproven(self, unproven: UnprovenLimits) -> Self {
        Self { unproven, ..self }
    }

    /// With what a deletion does for those that remember clients in memory, such as the throttles: a client that is
    /// registered again under the same identifier starts with all of its limits.
    #[must_use]
    pub(crate) fn forgetting_with(mut self, forget: impl Fn(&ClientId) + Send + Sync + 'static) -> Self {
        self.forget_in_memory = Box::new(forget);
        self
    }

    /// Revokes a token for its client (RFC 7009): it is refused from the next request on.
    pub(crate) async fn revoke(&self, token: &AccessToken, actor: &Actor) -> Result<(), ChangeError> {
        self.revoke_as(Action::TokenRevoked, token, actor).await
    }

    /// Revokes the token of this `jti`, which expires at `expires_at`, without having seen it.
    pub(crate) async fn revoke_jti(
        &self,
        jti: &Uuid,
        expires_at: UnixSeconds,
        actor: &Actor,
    ) -> Result<(), ChangeError> {
        self.revoke_jti_as(Action::TokenRevoked, jti, expires_at, actor).await
    }

    /// Revokes a token that came over plain HTTP, where others may have read it.
    pub(crate) async fn revoke_exposed(&self, token: &AccessToken, actor: &Actor) -> Result<(), ChangeError> {
        self.revoke_as(Action::TokenBurned, token, actor).await
    }

    /// Adds an audit entry that a client sent its secret where others may read it; at most once an hour for each
    /// client, so that a client which always does so does not fill the log.
    pub(crate) async fn secret_exposed(&self, client_id: &ClientId, actor: &Actor) -> Result<(), ChangeError> {
        let now = self.clock.now();
        let last = self.exposed.pin().get(client_id).copied();
        if last.is_some_and(|last| now.since(last) < EXPOSURE_INTERVAL_S && now >= last) {
            return Ok(());
        }
        let event = self.done(Action::SecretExposed, client_id.as_str(), actor);
        self.audit.commit(&Txn::new(), &event).await?;
        self.exposed.pin().insert(client_id.clone(), now);
        tracing::warn!(%client_id, "a client's secret came in a query string or over plain HTTP: rotate it");
        Ok(())
    }

    /// When each client's exposed secret last made an audit entry.
    pub(crate) fn exposures(&self) -> Vec<(ClientId, UnixSeconds)> {
        self.exposed.pin().iter().map(|(client_id, at)| (client_id.clone(), *at)).collect()
    }

    /// Goes back to exposures that were read before.
    pub(crate) fn restore_exposures(&self, exposures: &[(ClientId, UnixSeconds)]) {
        let exposed = self.exposed.pin();
        exposed.clear();
        for (client_id, at) in exposures {
            exposed.insert(client_id.clone(), *at);
        }
    }

    /// Adds an audit entry that authentications failed.
    pub(crate) async fn authentications_failed(&self, failures: &FailureSummary) -> Result<(), StoreError> {
        let event = Event {
            at: failures.last,
            actor: None,
            action: Action::AuthenticationFailed,
            subject: failures.pair.client_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: failures.pair.source,
            request_id: None,
            outcome: EventOutcome::Refused,
            attempts: Some(failures.attempts),
        };
        self.audit.commit(&Txn::new(), &event).await?;
        Ok(())
    }

    async fn revoke_as(&self, action: Action, token: &AccessToken, actor: &Actor) -> Result<(), ChangeError> {
        self.revoke_jti_as(action, &token.jti, token.expires_at, actor).await
    }

    async fn revoke_jti_as(
        &self,
        action: Action,
        jti: &Uuid,
        expires_at: UnixSeconds,
        actor: &Actor,
    ) -> Result<(), ChangeError> {
        if self.revocation.is_revoked(jti) {
            return Ok(());
        }
        let event = self.done(action, &jti.to_string(), actor);
        let revision = self.audit.commit(&self.revocation.revoke(jti, expires_at)?, &event).await?;
        if let Some(revision) = revision {
            self.revocation.wait_for(revision).await;
        }
        log_change(&event);
        Ok(())
    }

    /// The event that an actor did this now.
    fn done(&self, action: Action, subject: &str, actor: &Actor) -> Event {
        let Actor { client_id, source, request_id } = actor.clone();
        Event {
            at: self.clock.now(),
            actor: client_id,
            action,
            subject: subject.to_owned(),
            source,
            request_id,
            outcome: EventOutcome::Done,
            attempts: None,
        }
    }
}

/// Logs a change that is in effect, in the words of the audit log: at `info` for a caller; at `debug` for this program
/// itself, such as at its first start.
fn log_change(event: &Event) {
    let Event { action, subject, actor, request_id, .. } = event;
    let (action, request_id) = (action.name(), request_id.as_deref());
    if let Some(actor) = actor {
        tracing::info!(action, subject, %actor, request_id, "a change was made");
    } else {
        tracing::debug!(action, subject, "a change was made");
    }
}
