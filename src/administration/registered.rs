//! Changes to registered clients.
//!
//! A change reads the record in the store, and its commit succeeds only if the record is still the same: two operators,
//! or two nodes, never undo each other's change without notice. A change that comes second reads the record again, a
//! bounded number of times.

use uuid::Uuid;

use super::new_secret::NewSecret;
use super::{Actor, Administration, ChangeError, MAX_RACES, log_change};
use crate::api;
use crate::audit::Action;
use crate::clients::registration::ClientPatch;
use crate::clients::{Client, Clients, MAX_SECRETS, Secret, SecretStanding, Status};
use crate::oauth::credentials::{ClientId, ClientSecret, Fingerprint};
use crate::precondition::{Condition, EntityTag};
use crate::store::{StoreError, Txn};
use crate::time::UnixSeconds;

/// How many other administrators are looked at before a client counts as the last one.
const MAX_ADMINISTRATORS: usize = 16;

/// The result of a rotation.
pub(crate) struct Rotated {
    /// The client, with its new secret.
    pub(crate) client: Client,
    /// The name of the new secret.
    pub(crate) secret_id: Uuid,
    /// The new secret itself, for the one answer that shows it; `None` where the caller chose it.
    pub(crate) secret: Option<ClientSecret>,
}

/// The state of a client for `If-Match`: a digest of its record. The last uses of its secrets are not part of it.
pub(super) fn entity_tag(client: &Client) -> EntityTag {
    EntityTag::of(&serde_json::to_vec(client).unwrap_or_default())
}

/// The tag of a client's `answer`: of its record, and of its secrets with their last uses, which change while the
/// client does not.
pub(crate) fn answer_tag(client: &Client, answer: &api::client::Client) -> EntityTag {
    entity_tag(client).with_part(&serde_json::to_vec(&answer.secrets).unwrap_or_default())
}

impl Administration {
    /// Changes what `patch` names, if `condition` allows it.
    pub(crate) async fn change(
        &self,
        client_id: &ClientId,
        patch: &ClientPatch,
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

    /// Gives a client one more secret: the one that the caller chose, or a new one. Its other secrets end
    /// `previous_expires_in_s` seconds from now at the latest; 0 ends them at once.
    pub(crate) async fn rotate_secret(
        &self,
        client_id: &ClientId,
        chosen: Option<ClientSecret>,
        previous_expires_in_s: u64,
        actor: &Actor,
    ) -> Result<Rotated, ChangeError> {
        let new_secret = NewSecret::chosen_or_generated(chosen, None)?;
        let secret = Secret::from_plaintext(self.clients.digest_key(), new_secret.plaintext(), self.clock.now());
        let edit = |client: &mut Client, now: UnixSeconds| {
            if client.had_secret(secret.fingerprint) {
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
        let client = self.alter(client_id, edit, actor).await?;
        Ok(Rotated { client, secret_id: secret.secret_id, secret: new_secret.generated() })
    }

    /// What the secret of this fingerprint is to a client, according to the store.
    pub(crate) async fn standing_of(
        &self,
        client_id: &ClientId,
        fingerprint: Fingerprint,
    ) -> Result<SecretStanding, ChangeError> {
        let stored = Clients::stored(&*self.store, client_id).await?;
        Ok(stored.map(|(client, _)| client.standing_of(fingerprint)).unwrap_or_default())
    }

    /// Deletes a secret: it is refused from the next token request on.
    pub(crate) async fn delete_secret(
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

    /// Revokes every token that the client was issued until now. A token that it is issued afterwards is accepted, even
    /// in the same second, and whatever the clock does.
    pub(crate) async fn revoke_tokens(&self, client_id: &ClientId, actor: &Actor) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            client.revoke_tokens(now);
            Ok(Action::ClientTokensRevoked)
        };
        self.alter(client_id, edit, actor).await
    }

    /// Gives a client back the secrets that it had `before`, for the sandbox: a change of its secrets is undone. A secret
    /// that it got since is refused from the next token request on.
    pub(crate) async fn restore_secrets(&self, before: &Client, actor: &Actor) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, _: UnixSeconds| {
            if client.created_at != before.created_at {
                return Err(ChangeError::ClientUnknown);
            }
            client.retire_secrets(|secret| before.secrets.iter().any(|had| had.secret_id == secret.secret_id));
            client.secrets.clone_from(&before.secrets);
            client.retired_secrets.retain(|former| !before.secrets.iter().any(|had| had.fingerprint == *former));
            Ok(Action::ClientChanged)
        };
        self.alter(&before.client_id, edit, actor).await
    }

    /// Makes one change to a client's record, and settles its limits. If that changes nothing, nothing is written.
    pub(super) async fn alter(
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
            client.settle_limits(self.unproven, now);
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

    /// The condition that another client can administer this server: of two administrators who remove each other at the
    /// same time, one stays.
    pub(super) async fn another_administrator(&self, leaving: &ClientId) -> Result<Txn, ChangeError> {
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

pub(super) fn meets(condition: &Condition, client: &Client) -> Result<(), ChangeError> {
    if condition.allows_write(&entity_tag(client)) { Ok(()) } else { Err(ChangeError::PreconditionFailed) }
}

fn apply(patch: &ClientPatch, client: &mut Client) {
    if let Some(client_name) = &patch.client_name {
        client.client_name.clone_from(client_name);
    }
    if let Some(scope) = &patch.scope {
        client.scope = scope.clone();
    }
    if let Some(audience) = &patch.audience {
        client.audience = audience.clone();
    }
    client.token_ttl = patch.token_ttl.unwrap_or(client.token_ttl);
    client.assign_limits(patch.limits(client.assigned_limits()));
    client.require_report(patch.report_required.unwrap_or(client.report_required()));
    client.declared = patch.declared.unwrap_or(client.declared);
    client.status = patch.status.unwrap_or(client.status);
}

/// Whether a client can change who may call, and so undo a mistake, for an unlimited time: it has a secret without an
/// end.
pub(super) fn is_administrator(client: &Client) -> bool {
    let is_endless = |secret: &Secret| secret.expires_at.is_none();
    client.status == Status::Active && client.is_for_administration() && client.secrets.iter().any(is_endless)
}
