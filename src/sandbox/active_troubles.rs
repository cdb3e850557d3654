//! The troubles that are on, and how each is undone.
//!
//! What happens in a moment, such as a jump of the clock or a revocation, is never on. Anything else is on as long as the
//! client is as the trouble left it: if an operator, a snapshot or the time has undone it, there is nothing to undo any
//! more. What is on already happens no second time, so undoing it goes back to what was before the first time. The last
//! trouble is undone first. The store has what is on, so that it can be undone after a restart.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::faults::{AddFault, Faults};
use super::forge::OPENS_NOTHING;
use super::troubles::{Act, Trouble, TroubleName};
use crate::administration::{Actor, Administration, ChangeError, Rotated};
use crate::admission::Admission;
use crate::api::sandbox::fault::FaultRule;
use crate::clients::registration::ClientPatch;
use crate::clients::{Client, Clients, Status};
use crate::keys::{Schedule, Start};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::scope::Scope;
use crate::precondition::Condition;
use crate::quota::Unspent;
use crate::store::{Keyspace, Store, StoreError, Txn};
use crate::time::{SharedClock, Span, UnixSeconds};

/// The most troubles that are on.
const MAX_ON: usize = 100;

/// What is on, each by its place in the order.
const ON: Keyspace<On> = Keyspace::new("sandbox-troubles");

/// The troubles that are on, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// Held while one happens or is undone: they happen one after the other.
    on: Mutex<Vec<On>>,
}

/// The troubles that were on at one moment, to go back to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedTroubles(Vec<On>);

/// A trouble that is on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct On {
    name: TroubleName,
    client: Option<ClientId>,
    undo: Undo,
}

/// What was before.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Undo {
    Secrets(Box<Client>, GivenSecret),
    Status(Box<Client>),
    Scope(Box<Client>),
    /// So many units of the day that began at this moment were left.
    Units(Box<Client>, UnixSeconds, u64),
    /// The rule of this name was not there.
    Rule(String),
}

/// What troubles are made of.
pub(crate) struct Rooms<'r> {
    /// Where it is recorded what is on.
    pub(crate) store: &'r dyn Store,
    pub(crate) clock: &'r SharedClock,
    pub(crate) faults: &'r Faults,
    pub(crate) clients: &'r Clients,
    pub(crate) administration: &'r Administration,
    pub(crate) admission: &'r Admission,
    pub(crate) schedule: &'r Schedule,
    /// For whom changes are made.
    pub(crate) actor: &'r Actor,
}

/// What became of a trouble, beside what its sentence says.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) secret: Option<GivenSecret>,
    /// The key that signs now.
    pub(crate) kid: Option<String>,
    /// What the client may still do.
    pub(crate) scope: Option<Scope>,
    /// How long it lasts.
    pub(crate) ends_in: Option<Span>,
}

/// The secret that a client got.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GivenSecret {
    /// `None` once a snapshot was restored: none holds the text of a secret.
    #[serde(skip)]
    pub(crate) secret: Option<ClientSecret>,
    pub(crate) secret_id: Uuid,
    /// When the secret before it ends.
    pub(crate) previous_expires_at: UnixSeconds,
}

/// A trouble that was undone.
#[derive(Debug)]
pub(crate) struct Cleared {
    pub(crate) name: TroubleName,
    pub(crate) client: Option<ClientId>,
}

/// Why a trouble does not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TroubleError {
    /// It needs a client.
    #[error("is required: this trouble happens to one client")]
    ClientMissing,
    /// The client's quota refuses nothing.
    #[error("has no daily quota that refuses requests, so there is nothing to use up: give it one with daily_quota")]
    NoQuota,
    /// [`MAX_ON`] are on.
    #[error("{MAX_ON} troubles are on, and there may be no more: clear them first")]
    TooMany,
    /// There are too many rules for faults.
    #[error("the rule of this trouble cannot be added: it {0}")]
    Rule(#[from] AddFault),
    /// An operator could not make this change either.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Troubles {
    /// Makes a trouble happen, unless it moves the clock: the caller does that, while it holds the requests back. `lasts`
    /// is for those that last.
    pub(crate) async fn start(
        &self,
        trouble: &Trouble,
        client: Option<Arc<Client>>,
        lasts: Option<Span>,
        rooms: &Rooms<'_>,
    ) -> Result<Outcome, TroubleError> {
        let mut on = self.on.lock().await;
        forget_ended(&mut on, rooms).await;
        if on.len() >= MAX_ON {
            return Err(TroubleError::TooMany);
        }
        let client_id = client.as_ref().map(|client| client.client_id.clone());
        let before = on.iter().find(|on| on.name == trouble.name && on.client == client_id).map(|on| &on.undo);
        let (outcome, undo) = match trouble.act {
            Act::Disturb(rule) => {
                let lasts = lasts.or(trouble.lasts);
                let rule = rule(client_id.as_ref(), lasts.unwrap_or_default());
                disturb(rule, lasts, before.is_some(), rooms.faults)?
            }
            Act::Clock(_) => (Outcome::default(), None),
            Act::RotateKey => {
                let schedule = rooms.schedule;
                let kid = rooms.administration.rotate_keys(schedule.algorithm, Start::Immediately, rooms.actor).await?;
                (Outcome { kid: Some(kid), ..Outcome::default() }, None)
            }
            Act::RevokeTokens | Act::RotateSecret { .. } | Act::Suspend | Act::NarrowScope | Act::UseUpQuota => {
                let client = Box::new(Arc::unwrap_or_clone(client.ok_or(TroubleError::ClientMissing)?));
                let first = on.iter().find_map(|on| on.undo.secrets_of(&client)).unwrap_or(&client);
                let first = Box::new(first.clone());
                change(trouble.act, client, before, first, rooms).await?
            }
        };
        if let Some(undo) = undo {
            on.push(On { name: trouble.name, client: client_id, undo });
            record_or_warn(rooms.store, &on).await;
        }
        Ok(outcome)
    }

    /// Undoes every trouble that is on, the last one first. If one cannot be undone, it stays on with those before it.
    pub(crate) async fn clear(&self, rooms: &Rooms<'_>) -> Result<Vec<Cleared>, TroubleError> {
        let mut on = self.on.lock().await;
        on.retain(|on| on.holds(rooms));
        let cleared = undo_all(&mut on, rooms).await;
        record_or_warn(rooms.store, &on).await;
        cleared
    }

    /// Goes on with those that were on when the process before this one stopped.
    pub(crate) async fn read(&self, store: &dyn Store) -> Result<(), StoreError> {
        let records = store.scan(&ON.prefix(), None, MAX_ON).await?;
        let read = records.iter().map(|(key, value)| ON.decode(key, value)).collect::<Result<_, _>>()?;
        *self.on.lock().await = read;
        Ok(())
    }

    /// The troubles that are on.
    pub(crate) async fn save(&self) -> SavedTroubles {
        SavedTroubles(self.on.lock().await.clone())
    }

    /// Goes back to what was saved, once all that they have changed is back.
    pub(crate) async fn restore(&self, saved: &SavedTroubles) {
        self.on.lock().await.clone_from(&saved.0);
    }

    /// Which troubles are on, and for whom.
    pub(crate) async fn list(&self, rooms: &Rooms<'_>) -> Vec<(TroubleName, Option<ClientId>)> {
        let mut on = self.on.lock().await;
        forget_ended(&mut on, rooms).await;
        on.iter().map(|on| (on.name, on.client.clone())).collect()
    }
}

/// Forgets those that make no difference any more.
async fn forget_ended(on: &mut Vec<On>, rooms: &Rooms<'_>) {
    let before = on.len();
    on.retain(|on| on.holds(rooms));
    if on.len() < before {
        record_or_warn(rooms.store, on).await;
    }
}

async fn undo_all(on: &mut Vec<On>, rooms: &Rooms<'_>) -> Result<Vec<Cleared>, TroubleError> {
    let mut cleared = Vec::new();
    while let Some(last) = on.last() {
        last.undo.apply(rooms).await?;
        if let Some(On { name, client, .. }) = on.pop() {
            cleared.push(Cleared { name, client });
        }
    }
    Ok(cleared)
}

/// What has happened stays, even if it cannot be recorded.
async fn record_or_warn(store: &dyn Store, on: &[On]) {
    if let Err(error) = record(store, on).await {
        tracing::warn!(%error, "the troubles that are on are not in the store: they cannot be undone after a restart");
    }
}

/// Replaces what the store has by these.
async fn record(store: &dyn Store, on: &[On]) -> Result<(), StoreError> {
    let mut txn = Txn::new();
    // Not more than MAX_ON operations: a key is in the store already, or becomes one of as many.
    for (key, _) in store.scan(&ON.prefix(), None, MAX_ON).await?.into_iter().skip(on.len()) {
        txn = txn.delete(key);
    }
    for (place, on) in on.iter().enumerate() {
        // Of one length, so that the order of the keys is that of the places.
        txn = txn.put(ON.key(format_args!("{place:03}")), ON.encode(on)?);
    }
    let _unconditional = store.commit(txn).await?;
    Ok(())
}

/// Adds the rule. A second call lets it begin anew.
fn disturb(
    rule: FaultRule,
    lasts: Option<Span>,
    is_on: bool,
    faults: &Faults,
) -> Result<(Outcome, Option<Undo>), TroubleError> {
    let name = rule.name.clone().unwrap_or_default();
    if is_on {
        faults.remove(&name);
    }
    faults.add(vec![rule])?;
    Ok((Outcome { ends_in: lasts, ..Outcome::default() }, (!is_on).then_some(Undo::Rule(name))))
}

/// Makes the change of an operator. `before` is what to go back to, if the trouble is on already, and `first` the client
/// before any trouble changed its secrets.
async fn change(
    act: Act,
    client: Box<Client>,
    before: Option<&Undo>,
    first: Box<Client>,
    rooms: &Rooms<'_>,
) -> Result<(Outcome, Option<Undo>), TroubleError> {
    let Rooms { administration, actor, .. } = rooms;
    let client_id = &client.client_id;
    let any = Condition::default();
    let mut outcome = Outcome::default();
    let undo = match act {
        Act::Suspend => {
            let patch = ClientPatch::of_status(Status::Suspended);
            administration.change(client_id, &patch, &any, actor).await?;
            (client.status == Status::Active).then_some(Undo::Status(client))
        }
        Act::NarrowScope if before.is_some() => {
            outcome.scope = Some(client.scope.clone());
            None
        }
        Act::NarrowScope => {
            let scope = narrowed(&client.scope);
            administration.change(client_id, &ClientPatch::of_scope(scope.clone()), &any, actor).await?;
            outcome.scope = Some(scope);
            Some(Undo::Scope(client))
        }
        Act::RotateSecret { overlap_s } => {
            if let Some(Undo::Secrets(_, given)) = before {
                outcome.secret = Some(given.clone());
                return Ok((outcome, None));
            }
            let previous_expires_at = rooms.clock.now().plus(overlap_s);
            let Rotated { secret, secret_id, .. } =
                administration.rotate_secret(client_id, None, overlap_s, actor).await?;
            let given = GivenSecret { secret, secret_id, previous_expires_at };
            outcome.secret = Some(given.clone());
            Some(Undo::Secrets(first, given))
        }
        Act::UseUpQuota => {
            let unspent = rooms.admission.use_up_quota(&client).await?.ok_or(TroubleError::NoQuota)?;
            (unspent.units > 0).then(|| Undo::Units(client.clone(), unspent.day.start(), unspent.units))
        }
        Act::RevokeTokens => {
            administration.revoke_tokens(client_id, actor).await?;
            None
        }
        Act::Clock(_) | Act::RotateKey | Act::Disturb(_) => None,
    };
    Ok((outcome, undo))
}

/// The scope without its last scope token. A client has at least one.
fn narrowed(scope: &Scope) -> Scope {
    let rest = scope.as_str().rsplit_once(' ').map_or(OPENS_NOTHING, |(rest, _)| rest);
    // What is left of a scope is a scope.
    Scope::parse(rest).unwrap_or_default()
}

impl On {
    /// Whether it still makes a difference.
    fn holds(&self, rooms: &Rooms<'_>) -> bool {
        let now = |before: &Client| {
            let client = rooms.clients.get(before.client_id.as_str());
            client.filter(|client| client.created_at == before.created_at)
        };
        match &self.undo {
            Undo::Secrets(before, given) => now(before).is_some_and(|client| client.has_secret(&given.secret_id)),
            Undo::Status(before) => now(before).is_some_and(|client| client.status == Status::Suspended),
            Undo::Scope(before) => now(before).is_some_and(|client| client.scope == narrowed(&before.scope)),
            Undo::Units(client, day, _) => {
                day.day() == rooms.clock.now().day() && rooms.admission.has_used_up_quota(client)
            }
            Undo::Rule(name) => rooms.faults.get(name).is_some_and(|rule| rule.active),
        }
    }
}

impl Undo {
    /// The client before its secrets were changed, if it is this one.
    fn secrets_of(&self, client: &Client) -> Option<&Client> {
        match self {
            Self::Secrets(before, _) if before.client_id == client.client_id => Some(before),
            Self::Secrets(..) | Self::Status(_) | Self::Scope(_) | Self::Units(..) | Self::Rule(_) => None,
        }
    }

    async fn apply(&self, rooms: &Rooms<'_>) -> Result<(), TroubleError> {
        let Rooms { administration, actor, .. } = rooms;
        let any = Condition::default();
        match self {
            Self::Secrets(before, _) => {
                administration.restore_secrets(before, actor).await?;
            }
            Self::Status(before) => {
                let patch = ClientPatch::of_status(before.status);
                administration.change(&before.client_id, &patch, &any, actor).await?;
            }
            Self::Scope(before) => {
                let patch = ClientPatch::of_scope(before.scope.clone());
                administration.change(&before.client_id, &patch, &any, actor).await?;
            }
            Self::Units(client, day, units) => {
                let unspent = Unspent { day: day.day(), units: *units };
                rooms.admission.give_back_quota(&client.client_id, unspent).await?;
            }
            Self::Rule(name) => {
                rooms.faults.remove(name);
            }
        }
        Ok(())
    }
}
