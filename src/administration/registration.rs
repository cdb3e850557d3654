//! Registering clients, once for each `Idempotency-Key`.
//!
//! The same request under the same key gets the same answer for 24 hours, with the same secret ([`NewSecret`]), as long
//! as that answer is still true.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::new_secret::{NewSecret, derived};
use super::{Actor, Administration, ChangeError, MAX_RACES, deletion, log_change};
use crate::audit::Action;
use crate::clients::{Client, Clients, Secret, Status};
use crate::idempotency::{Answer, Attempt, Place};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::precondition::EntityTag;
use crate::oauth::registration::{MEMBERS, Registration, RegistrationRequest};
use crate::oauth::token_epoch::TokenEpoch;
use crate::store::{Outcome, Txn};
use crate::time::UnixSeconds;

/// The kind of a client in the records of idempotency keys.
const CLIENT: &str = "client";

/// A registration that a caller asks for.
pub(crate) struct Request<'r> {
    /// What the client is to be registered with.
    pub(crate) asked: RegistrationRequest,
    /// The idempotency key of the request, if it has one.
    pub(crate) attempt: Option<Attempt<'r>>,
    /// Makes the body of the answer, without a secret, and the tag of the client's state.
    pub(crate) answer: &'r (dyn Fn(&Client) -> (Value, EntityTag) + Sync),
}

/// The answer to a registration.
pub(crate) struct Registered {
    /// The path of the client.
    pub(crate) location: String,
    /// The tag of its state.
    pub(crate) etag: EntityTag,
    /// The body, without a secret.
    pub(crate) body: Value,
    /// The generated secret; `None` where the caller chose it.
    pub(crate) secret: Option<ClientSecret>,
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
    pub(crate) async fn register_once(&self, request: Request<'_>, actor: &Actor) -> Result<Registered, ChangeError> {
        let Request { asked, attempt, answer } = request;
        for _ in 0..MAX_RACES {
            let now = self.clock.now();
            // Read before the key: an earlier attempt has written its client together with its key, and must not look
            // like another registration.
            let is_taken = match &asked.client_id {
                Some(chosen) => self.is_registered(chosen).await?,
                None => false,
            };
            let place = match &attempt {
                None => None,
                Some(attempt) => {
                    let idempotency = self.parking.idempotency();
                    match idempotency.place(attempt, CLIENT, &self.normalized(&asked), now).await? {
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
            let new_secret = NewSecret::chosen_or_generated(asked.client_secret.clone(), attempt.as_ref())?;
            let client_id = match &asked.client_id {
                Some(chosen) => chosen.clone(),
                None => ClientId::parse(&Uuid::new_v4().to_string()).map_err(|_| ChangeError::NoRandomness)?,
            };
            let secret = Secret::from_plaintext(self.clients.digest_key(), new_secret.plaintext(), now);
            let client = self.new_client(client_id, asked.registration.clone(), secret, asked.declared);
            let (body, etag) = answer(&client);
            let given = Answer {
                location: format!("/admin/clients/{}", client.client_id),
                etag,
                body: body.to_string(),
                salt: new_secret.salt(),
            };
            let remembered = place.as_ref().map_or(Ok(Txn::new()), |place| place.remember(&given, now))?;
            if self.try_register(&client, remembered, actor).await? {
                let Answer { location, etag, .. } = given;
                return Ok(Registered { location, etag, body, secret: new_secret.generated(), replayed: false });
            }
        }
        Err(ChangeError::Contended)
    }

    /// The content of the request in a normal form, to compare it with an earlier one.
    fn normalized(&self, asked: &RegistrationRequest) -> Value {
        let RegistrationRequest { client_id, client_secret, declared, registration } = asked;
        let digest = client_secret.as_ref().map(|secret| self.clients.digest_key().digest(secret));
        let members: Map<String, Value> =
            MEMBERS.iter().map(|name| ((*name).to_owned(), registration.member(name))).collect();
        json!({ "client_id": client_id, "client_secret": digest, "declared": declared, "members": members })
    }

    fn new_client(&self, client_id: ClientId, registration: Registration, secret: Secret, declared: bool) -> Client {
        let now = self.clock.now();
        let Registration { client_name, scope, audience, token_ttl, limits } = registration;
        Client {
            client_id,
            client_name,
            scope,
            audience: audience.into(),
            token_ttl,
            limits,
            status: Status::Active,
            secrets: vec![secret],
            retired_secrets: Vec::new(),
            declared,
            tokens_valid_from: now,
            // So tokens of an earlier client of the same identifier stay revoked.
            token_epoch: TokenEpoch::random(),
            created_at: now,
            updated_at: now,
        }
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
        let member = |pointer| replay.body.pointer(pointer).cloned().unwrap_or_default();
        let client_id = member("/client_id").as_str().and_then(|text| ClientId::parse(text).ok());
        let client_id = client_id.ok_or(ChangeError::RegisteredGone)?;
        let (client, stored) = Clients::stored(&*self.store, &client_id).await?.ok_or(ChangeError::RegisteredGone)?;
        if json!(client.created_at) != member("/created_at") {
            return Err(ChangeError::RegisteredGone);
        }
        let secret_id = member("/secrets/0/secret_id");
        if !client.live_secrets(now).any(|secret| json!(secret.secret_id) == secret_id) {
            return Err(ChangeError::RegisteredSecretGone);
        }
        // A transaction without writes: once the clients in memory include its revision, the secret is accepted.
        let unchanged = remembered.and(Clients::unchanged(&client_id, stored));
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
    let body = serde_json::from_str(&body).unwrap_or_default();
    Ok(Registered { location, etag, body, secret, replayed: true })
}
