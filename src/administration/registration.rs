//! Registering clients, once for each `Idempotency-Key`.
//!
//! The answer to a registration shows a secret that nothing here keeps, and yet the same request under the same key
//! gets the same answer. So that secret is derived (HKDF, RFC 5869) from the key, which is not stored either, and a
//! salt of 256 random bits, which is stored for the 24 hours in which the answer is remembered. Whoever reads the
//! store has the salt and a digest of the key: with a key that cannot be guessed, such as a UUID, that gives no secret. A
//! key of fewer than 16 characters is refused here, unless the caller chose the secret.

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Actor, Administration, ChangeError, deletion, log_change};
use crate::audit::Action;
use crate::clients::{Client, Clients, Secret, Status};
use crate::idempotency::{Answer, Attempt, Place, Salt};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::precondition::EntityTag;
use crate::oauth::registration::{MEMBERS, Registration, RegistrationRequest};
use crate::oauth::token_epoch::TokenEpoch;
use crate::store::{Outcome, Txn};
use crate::time::UnixSeconds;

/// How often a lost race is run again.
const MAX_RACES: usize = 32;
/// What a client is remembered as by its idempotency key.
const CLIENT: &str = "client";

/// A registration that somebody asks for.
pub struct Request<'r> {
    /// Who and what it is to be.
    pub asked: RegistrationRequest,
    /// The key under which it is asked for, if there is one.
    pub attempt: Option<Attempt<'r>>,
    /// The body of the answer, without a secret, and the tag of the client's state.
    pub answer: &'r (dyn Fn(&Client) -> (Value, EntityTag) + Sync),
}

/// The answer to a registration.
pub struct Registered {
    /// Where the client is.
    pub location: String,
    /// The tag of its state.
    pub etag: EntityTag,
    /// The body, without a secret.
    pub body: Value,
    /// The secret that was made for it; `None` where the caller chose it.
    pub secret: Option<ClientSecret>,
    /// Whether it was registered by an earlier request under the same key.
    pub replayed: bool,
}

/// What makes a secret: nothing where the caller chose it.
enum Source {
    Chosen(ClientSecret),
    Random(ClientSecret),
    Derived(ClientSecret, Salt),
}

impl Administration {
    /// Registers a client under `client_id` with this secret.
    pub async fn register(
        &self,
        client_id: ClientId,
        registration: Registration,
        secret: Secret,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        self.register_as(client_id, registration, secret, false, actor).await
    }

    /// The same, for a client that a file declares if it is `declared`.
    pub async fn register_as(
        &self,
        client_id: ClientId,
        registration: Registration,
        secret: Secret,
        declared: bool,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
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

    /// Registers a client as `request` says; where one was registered so under the same key, answers as then.
    pub async fn register_once(&self, request: Request<'_>, actor: &Actor) -> Result<Registered, ChangeError> {
        let Request { asked, attempt, answer } = request;
        for _ in 0..MAX_RACES {
            let now = self.clock.now();
            // Asked before the key: an earlier attempt wrote its client together with its key, and must not look like
            // another registration.
            let is_taken = match &asked.client_id {
                Some(chosen) => self.is_registered(chosen).await?,
                None => false,
            };
            let place = match &attempt {
                None => None,
                Some(attempt) => {
                    let idempotency = self.parking.idempotency();
                    match idempotency.place(attempt, CLIENT, &self.as_read(&asked), now).await? {
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
            let source = Source::new(asked.client_secret.clone(), attempt.as_ref())?;
            let client_id = match &asked.client_id {
                Some(chosen) => chosen.clone(),
                None => ClientId::parse(&Uuid::new_v4().to_string()).map_err(|_| ChangeError::NoRandomness)?,
            };
            let secret = Secret::from_plaintext(self.clients.digest_key(), source.secret(), now);
            let client = self.new_client(client_id, asked.registration.clone(), secret, asked.declared);
            let (body, etag) = answer(&client);
            let given = Answer {
                location: format!("/admin/clients/{}", client.client_id),
                etag,
                body: body.to_string(),
                salt: source.salt(),
            };
            let remembered = place.as_ref().map_or(Ok(Txn::new()), |place| place.remember(&given, now))?;
            if self.try_register(&client, remembered, actor).await? {
                let Answer { location, etag, .. } = given;
                return Ok(Registered { location, etag, body, secret: source.made(), replayed: false });
            }
        }
        Err(ChangeError::Contended)
    }

    /// All that the request says, in one form for one meaning.
    fn as_read(&self, asked: &RegistrationRequest) -> Value {
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
            // An identifier that was another client's once does not bring that one's tokens back.
            token_epoch: TokenEpoch::random(),
            created_at: now,
            updated_at: now,
        }
    }

    async fn is_registered(&self, client_id: &ClientId) -> Result<bool, ChangeError> {
        Ok(Clients::stored(&*self.store, client_id).await?.is_some())
    }

    /// The answer that was given, while what it says is still true; `None` if that changed meanwhile.
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
        // A transaction without writes: once the clients in memory have come so far, the secret is accepted.
        let unchanged = remembered.and(Clients::unchanged(&client_id, stored));
        let Outcome::Committed(revision) = self.store.commit(unchanged).await? else { return Ok(None) };
        self.clients.wait_for(revision).await;
        Ok(Some(replay))
    }

    /// Whether the client is registered, and `beside` is written with it; else something else was, meanwhile.
    async fn try_register(&self, client: &Client, beside: Txn, actor: &Actor) -> Result<bool, ChangeError> {
        let client_id = &client.client_id;
        // What the last client of this identifier left is not this one's.
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

/// The answer that was given, with the secret that it showed.
fn again(given: Answer, attempt: &Attempt<'_>) -> Result<Registered, ChangeError> {
    let Answer { location, etag, body, salt } = given;
    let secret = salt.map(|salt| ClientSecret::derive(salt.as_bytes(), attempt.key().as_bytes()));
    let secret = secret.transpose().map_err(|_| ChangeError::NoRandomness)?;
    let body = serde_json::from_str(&body).unwrap_or_default();
    Ok(Registered { location, etag, body, secret, replayed: true })
}

impl Source {
    fn new(chosen: Option<ClientSecret>, attempt: Option<&Attempt<'_>>) -> Result<Self, ChangeError> {
        if let Some(chosen) = chosen {
            return Ok(Self::Chosen(chosen));
        }
        let random = SystemRandom::new();
        let no_randomness = |_| ChangeError::NoRandomness;
        let Some(attempt) = attempt else {
            return ClientSecret::generate(&random).map(Self::Random).map_err(no_randomness);
        };
        if !attempt.key().may_make_a_secret() {
            return Err(ChangeError::KeyTooShort);
        }
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(no_randomness)?;
        let salt = Salt::new(&bytes);
        let secret = ClientSecret::derive(salt.as_bytes(), attempt.key().as_bytes()).map_err(no_randomness)?;
        Ok(Self::Derived(secret, salt))
    }

    fn secret(&self) -> &ClientSecret {
        match self {
            Self::Chosen(secret) | Self::Random(secret) | Self::Derived(secret, _) => secret,
        }
    }

    fn salt(&self) -> Option<Salt> {
        match self {
            Self::Derived(_, salt) => Some(salt.clone()),
            Self::Chosen(_) | Self::Random(_) => None,
        }
    }

    /// The secret for the answer.
    fn made(self) -> Option<ClientSecret> {
        match self {
            Self::Random(secret) | Self::Derived(secret, _) => Some(secret),
            Self::Chosen(_) => None,
        }
    }
}
