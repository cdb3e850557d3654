//! Changes to clients that are registered.
//!
//! Each is decided on what the store holds and is committed only if that still holds, so that two
//! operators, or two nodes, never undo each other's change in silence. A lost race is decided again, a
//! bounded number of times.

use uuid::Uuid;

use super::{Actor, Administration, ChangeError, deletion, log_change};
use crate::audit::Action;
use crate::clients::{Client, Clients, MAX_SECRETS, Secret, SecretStanding, Status};
use crate::oauth::credentials::{ClientId, Fingerprint};
use crate::oauth::precondition::{Condition, EntityTag};
use crate::oauth::registration::Patch;
use crate::quota;
use crate::store::{StoreError, Txn};
use crate::time::UnixSeconds;

/// How often a lost race for a client's record is run again.
const MAX_RACES: usize = 32;
/// How many other administrators are looked at before the last is thought to be found.
const MAX_ADMINISTRATORS: usize = 16;

/// The state of a client that `If-Match` names: a digest of its record. When its secrets were last used is
/// no part of it.
#[must_use]
pub fn entity_tag(client: &Client) -> EntityTag {
    EntityTag::of(&serde_json::to_vec(client).unwrap_or_default())
}

impl Administration {
    /// Changes what `patch` names, if `condition` allows it.
    pub async fn change(
        &self,
        client_id: &ClientId,
        patch: &Patch,
        condition: &Condition,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, _: UnixSeconds| {
            meets(condition, client)?;
            let status = client.status;
            apply(patch, client);
            Ok(match (status, client.status) {
                (Status::Active, Status::Suspended) => Action::ClientSuspended,
                (Status::Suspended, Status::Active) => Action::ClientResumed,
                (Status::Active, Status::Active) | (Status::Suspended, Status::Suspended) => Action::ClientChanged,
            })
        };
        self.alter(client_id, edit, actor).await
    }

    /// Deletes a client, with its secrets, its usage and its zones, if `condition` allows it. Its tokens are refused
    /// from the next request on.
    pub async fn delete(&self, client_id: &ClientId, condition: &Condition, actor: &Actor) -> Result<(), ChangeError> {
        for _ in 0..MAX_RACES {
            let stored = Clients::stored(&*self.store, client_id).await?;
            let (client, stored) = stored.ok_or(ChangeError::ClientUnknown)?;
            meets(condition, &client)?;
            let mut change = Clients::delete(&client, stored).and(quota::forget(&*self.store, client_id).await?);
            if is_administrator(&client) {
                change = change.and(self.another_administrator(client_id).await?);
            }
            change = change.and(deletion::begin(client_id, self.clock.now())?);
            let event = self.done(Action::ClientDeleted, client_id.as_str(), actor);
            if let Some(revision) = self.audit.commit(&change, &event).await? {
                self.clients.wait_for(revision).await;
                log_change(&event);
                if let Err(error) = self.finish_deletion(client_id).await {
                    tracing::warn!(%client_id, %error, "the zones of a deleted client are still to be deleted");
                }
                return Ok(());
            }
        }
        Err(ChangeError::Contended)
    }

    /// Gives a client one more secret. Those that it has end `previous_expires_in_s` seconds from now at
    /// the latest; 0 ends them at once.
    pub async fn rotate_secret(
        &self,
        client_id: &ClientId,
        secret: &Secret,
        previous_expires_in_s: u64,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            if client.knows(secret.fingerprint) {
                return Err(ChangeError::SecretKnown);
            }
            let end = now.plus(previous_expires_in_s);
            for previous in &mut client.secrets {
                previous.expires_at = Some(previous.expires_at.map_or(end, |earlier| earlier.min(end)));
            }
            client.retire_secrets(|previous| previous.is_live(now));
            if client.secrets.len() >= MAX_SECRETS
                && let Some(older) = client.secrets.first()
            {
                return Err(ChangeError::TooManySecrets { older: older.secret_id });
            }
            client.secrets.push(secret.clone());
            Ok(Action::SecretRotated)
        };
        self.alter(client_id, edit, actor).await
    }

    /// What the secret of this fingerprint is to a client, as the store has it.
    pub async fn standing_of(
        &self,
        client_id: &ClientId,
        fingerprint: Fingerprint,
    ) -> Result<SecretStanding, ChangeError> {
        let stored = Clients::stored(&*self.store, client_id).await?;
        Ok(stored.map(|(client, _)| client.standing_of(fingerprint)).unwrap_or_default())
    }

    /// Deletes a secret: it is refused from the next token request on.
    pub async fn delete_secret(
        &self,
        client_id: &ClientId,
        secret_id: &Uuid,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            let before = client.secrets.len();
            client.retire_secrets(|secret| secret.secret_id != *secret_id);
            if client.secrets.len() == before {
                return Err(ChangeError::SecretUnknown);
            }
            if client.live_secrets(now).next().is_none() {
                return Err(ChangeError::LastSecret);
            }
            Ok(Action::SecretDeleted)
        };
        self.alter(client_id, edit, actor).await
    }

    /// Revokes every token that the client was issued until now; the next one that it is issued is good,
    /// in the same second too, and whatever the clock does.
    pub async fn revoke_tokens(&self, client_id: &ClientId, actor: &Actor) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            client.revoke_tokens(now);
            Ok(Action::ClientTokensRevoked)
        };
        self.alter(client_id, edit, actor).await
    }

    /// Makes one change to a client's record; none, and no entry, when `edit` leaves it as it is.
    async fn alter(
        &self,
        client_id: &ClientId,
        edit: impl Fn(&mut Client, UnixSeconds) -> Result<Action, ChangeError>,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        for _ in 0..MAX_RACES {
            let stored = Clients::stored(&*self.store, client_id).await?;
            let (before, stored) = stored.ok_or(ChangeError::ClientUnknown)?;
            let (now, mut client) = (self.clock.now(), before.clone());
            let action = edit(&mut client, now)?;
            if client == before {
                return Ok(before);
            }
            client.updated_at = now;
            let mut change = Clients::replace(&before, &client, stored)?;
            if is_administrator(&before) && !is_administrator(&client) {
                change = change.and(self.another_administrator(client_id).await?);
            }
            let event = self.done(action, client_id.as_str(), actor);
            if let Some(revision) = self.audit.commit(&change, &event).await? {
                self.clients.wait_for(revision).await;
                log_change(&event);
                return Ok(client);
            }
        }
        Err(ChangeError::Contended)
    }

    /// The condition that another client can administer this server, so that of two administrators who
    /// remove each other at once one is left.
    async fn another_administrator(&self, leaving: &ClientId) -> Result<Txn, ChangeError> {
        let is_other = |client: &Client| client.client_id != *leaving && is_administrator(client);
        for other in self.clients.administrators(MAX_ADMINISTRATORS, is_other) {
            if let Some((other, stored)) = self.stored_administrator(&other).await? {
                return Ok(Clients::unchanged(&other.client_id, stored));
            }
        }
        Err(ChangeError::LastAdministrator)
    }

    async fn stored_administrator(
        &self,
        client_id: &ClientId,
    ) -> Result<Option<(Client, crate::store::Value)>, StoreError> {
        let stored = Clients::stored(&*self.store, client_id).await?;
        Ok(stored.filter(|(client, _)| is_administrator(client)))
    }
}

fn meets(condition: &Condition, client: &Client) -> Result<(), ChangeError> {
    if condition.allows_write(&entity_tag(client)) { Ok(()) } else { Err(ChangeError::PreconditionFailed) }
}

fn apply(patch: &Patch, client: &mut Client) {
    if let Some(client_name) = &patch.client_name {
        client.client_name.clone_from(client_name);
    }
    if let Some(scope) = &patch.scope {
        client.scope = scope.clone();
    }
    if let Some(audience) = &patch.audience {
        client.audience = audience.clone().into();
    }
    client.token_ttl = patch.token_ttl.unwrap_or(client.token_ttl);
    client.limits = patch.limits(client.limits);
    client.declared = patch.declared.unwrap_or(client.declared);
    client.status = match patch.suspended {
        Some(true) => Status::Suspended,
        Some(false) => Status::Active,
        None => client.status,
    };
}

/// Whether a client can change who may call, and so undo a mistake; not only until its last secret ends.
fn is_administrator(client: &Client) -> bool {
    let stays = |secret: &Secret| secret.expires_at.is_none();
    client.status == Status::Active && client.is_for_administration() && client.secrets.iter().any(stays)
}
