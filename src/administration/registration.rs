//! Registering clients, once for each `Idempotency-Key`.
//!
//! The same request under the same key gets the same answer for 24 hours, with the same secret ([`NewSecret`]), as long
//! as that answer is still true.

use serde_json::{Value, json};
use uuid::Uuid;

use super::new_secret::{NewSecret, derived};
use super::registered::answer_tag;
use super::{Actor, Administration, ChangeError, MAX_RACES, deletion, log_change};
use crate::api::client::RegisteredClient;
use crate::audit::Action;
use crate::clients::registration::{Registration, RegistrationRequest};
use crate::clients::{Client, Clients, Secret, Status};
use crate::idempotency::{Answer, Attempt, Place};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::token_epoch::TokenEpoch;
use crate::precondition::EntityTag;
use crate::store::{Outcome, Txn};
use crate::time::UnixSeconds;

/// The kind of a client in the records of idempotency keys.
const CLIENT: &str = "client";

/// The answer to a registration.
pub(crate) struct Registered {
    /// The path of the client.
    pub(crate) location: String,
    /// The tag of its state.
    pub(crate) etag: EntityTag,
    /// The client, with its secret if the server made it.
    pub(crate) body: RegisteredClient,
    /// Whether it was registered by an earlier request under the same key.
    pub(crate) replayed: bool,
}

impl Administration {
    /// Registers a client under `client_id` with this secret.
    pub(crate) async fn register(
        &self,
        client_id: ClientId,
        registration: Registration,
        secret: &ClientSecret,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        self.register_as(client_id, registration, secret, false, actor).await
    }

    /// The same; `declared` says whether a file declares the client.
    pub(crate) async fn register_as(
        &self,
        client_id: ClientId,
        registration: Registration,
        secret: &ClientSecret,
        declared: bool,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        let secret = Secret::from_plaintext(self.clients.digest_key(), secret, self.clock.now());
        for _ in 0..MAX_RACES {
            if self.is_registered(&client_id).await? {
                return Err(ChangeError::AlreadyRegistered);
            }
            let client = self.new_client(client_id.clone(), registration.clone(), secret.clone(), declared);
            if self.try_register(&client, Txn::new(), actor).await? {
                return Ok(client);
            }
        }
        Err(ChangeError::Contended)
    }

    /// Registers a client. For the same request under the same key, gives the first answer again.
    pub(crate) async fn register_once(
        &self,
        asked: &RegistrationRequest,
        attempt: Option<&Attempt<'_>>,
        actor: &Actor,
    ) -> Result<Registered, ChangeError> {
        for _ in 0..MAX_RACES {
            let now = self.clock.now();
            // Read before the key: an earlier attempt has written its client together with its key, and must not look
            // like another registration.
            let is_taken = match &asked.client_id {
                Some(chosen) => self.is_registered(chosen).await?,
                None => false,
            };
            let place = match attempt {
                None => None,
                Some(attempt) => {
                    let idempotency = self.parking.idempotency();
                    match idempotency.place(attempt, CLIENT, &self.normalized(asked), now).await? {
                        Place::Free(free) => Some(free),
                        Place::Answered(given, remembered) => {
                            if let Some(replay) = self.replay(given, remembered, attempt, now).await? {
                                return Ok(replay);
                            }
                            continue;
                        }
                        Place::Reused => return Err(ChangeError::KeyReused),
                        Place::Full => return Err(ChangeError::TooManyKeys(idempotency.max_keys())),
                    }
                }
            };
            if is_taken {
                return Err(ChangeError::AlreadyRegistered);
            }
            let new_secret = NewSecret::chosen_or_generated(asked.client_secret.clone(), attempt)?;
            let client_id = match &asked.client_id {
                Some(chosen) => chosen.clone(),
                None => ClientId::parse(&Uuid::new_v4().to_string()).map_err(|_| ChangeError::NoRandomness)?,
            };
            let secret = Secret::from_plaintext(self.clients.digest_key(), new_secret.plaintext(), now);
            let client = self.new_client(client_id, asked.registration.clone(), secret, asked.declared);
            let (body, etag) = self.answer(&client, asked.client_secret.as_ref());
            let given = Answer {
                location: format!("/admin/clients/{}", client.client_id),
                etag,
                body: serde_json::to_string(&body).unwrap_or_default(),
                salt: new_secret.salt(),
            };
            let remembered = place.as_ref().map_or(Ok(Txn::new()), |place| place.remember(&given, now))?;
            if self.try_register(&client, remembered, actor).await? {
                let Answer { location, etag, .. } = given;
                let body = with_secret(body, new_secret.generated().as_ref());
                return Ok(Registered { location, etag, body, replayed: false });
            }
        }
        Err(ChangeError::Contended)
    }

    /// The content of the request in a normal form, to compare it with an earlier one.
    fn normalized(&self, asked: &RegistrationRequest) -> Value {
        let RegistrationRequest { client_id, client_secret, declared, registration } = asked;
        let digest = client_secret.as_ref().map(|secret| self.clients.digest_key().digest(secret));
        let mut members = registration.members();
        // Answers are remembered from before there was this member.
        if !registration.report_required {
            members.remove("report_required");
        }
        json!({ "client_id": client_id, "client_secret": digest, "declared": declared, "members": members })
    }

    /// The body of the answer, without a secret, and the tag of the client's state.
    fn answer(&self, client: &Client, chosen: Option<&ClientSecret>) -> (RegisteredClient, EntityTag) {
        let answer = self.clients.client_response(client);
        let etag = answer_tag(client, &answer);
        let body = RegisteredClient {
            client: answer,
            client_id_issued_at: client.created_at.get(),
            client_secret: None,
            client_secret_expires_at: 0,
            warnings: chosen.and_then(ClientSecret::spelling_warning).into_iter().collect(),
        };
        (body, etag)
    }

    fn new_client(&self, client_id: ClientId, registration: Registration, secret: Secret, declared: bool) -> Client {
        let now = self.clock.now();
        let Registration { client_name, scope, audience, token_ttl, report_required, limits } = registration;
        let mut client = Client {
            client_id,
            client_name,
            scope,
            audience,
            token_ttl,
            limits,
            report: None,
            status: Status::Active,
            secrets: vec![secret],
            retired_secrets: Vec::new(),
            declared,
            tokens_valid_from: now,
            // So tokens of an earlier client of the same identifier stay revoked.
            token_epoch: TokenEpoch::random(),
            created_at: now,
            updated_at: now,
        };
        client.require_report(report_required);
        client.settle_limits(self.unproven, now);
        client
    }

    async fn is_registered(&self, client_id: &ClientId) -> Result<bool, ChangeError> {
        Ok(Clients::stored(&*self.store, client_id).await?.is_some())
    }

    /// The first answer, if its content is still true; `None` if the client changed meanwhile.
    async fn replay(
        &self,
        given: Answer,
        remembered: Txn,
        attempt: &Attempt<'_>,
        now: UnixSeconds,
    ) -> Result<Option<Registered>, ChangeError> {
        let replay = again(given, attempt)?;
        let answered = &replay.body.client;
        let client_id = &answered.client_id;
        let (client, stored) = Clients::stored(&*self.store, client_id).await?.ok_or(ChangeError::RegisteredGone)?;
        if client.created_at != answered.created_at {
            return Err(ChangeError::RegisteredGone);
        }
        let secret_id = answered.secrets.first().map(|secret| secret.secret_id);
        if !client.live_secrets(now).any(|secret| Some(secret.secret_id) == secret_id) {
            return Err(ChangeError::RegisteredSecretGone);
        }
        // A transaction without writes: once the clients in memory include its revision, the secret is accepted.
        let unchanged = remembered.and(Clients::unchanged(client_id, stored));
        let Outcome::Committed(revision) = self.store.commit(unchanged).await? else { return Ok(None) };
        self.clients.wait_for(revision).await;
        Ok(Some(replay))
    }

    /// Registers the client and writes `beside` in one commit; `false` if another change came first.
    async fn try_register(&self, client: &Client, beside: Txn, actor: &Actor) -> Result<bool, ChangeError> {
        let client_id = &client.client_id;
        // An earlier client of this identifier may have left records.
        self.finish_deletion(client_id).await?;
        let change = self.clients.register(client)?.and(deletion::is_finished(client_id)).and(beside);
        let event = self.done(Action::ClientRegistered, client_id.as_str(), actor);
        let Some(revision) = self.audit.commit(&change, &event).await? else { return Ok(false) };
        self.clients.wait_for(revision).await;
        self.parking.idempotency().wait_for(revision).await;
        log_change(&event);
        Ok(true)
    }
}

/// The first answer, with the secret that it showed.
fn again(given: Answer, attempt: &Attempt<'_>) -> Result<Registered, ChangeError> {
    let Answer { location, etag, body, salt } = given;
    let secret = salt.map(|salt| derived(&salt, attempt)).transpose()?;
    let body = serde_json::from_str(&body).map_err(|_| ChangeError::RegisteredGone)?;
    Ok(Registered { location, etag, body: with_secret(body, secret.as_ref()), replayed: true })
}

fn with_secret(body: RegisteredClient, secret: Option<&ClientSecret>) -> RegisteredClient {
    RegisteredClient { client_secret: secret.map(|secret| secret.expose().to_owned()), ..body }
}
