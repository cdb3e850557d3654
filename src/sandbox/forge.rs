//! Wrong access tokens on purpose: each is refused by the gate for one reason and no other.
//!
//! Everything else about such a token is right: it has the claims of a token that the client would get now, and this
//! server's own key signs it, wherever that is not what is wrong. So a resource server that checks all but one thing accepts
//! exactly one kind. Only a sandbox has a forge.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::administration::{Actor, Administration, ChangeError};
use crate::admission::Denial;
use crate::api::policy::RegistrationPolicy;
pub(crate) use crate::api::sandbox::token::ForgedKind;
use crate::clients::registration::{ClientPatch, Registration};
use crate::clients::{Client, Clients, Status};
use crate::keys::{KeyError, Keys, SigningKey};
use crate::oauth::claims::{ACCESS_TOKEN_TYPE, Claims};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::scope::{READ_ZONES, Scope};
use crate::precondition::Condition;
use crate::time::{SECONDS_PER_HOUR, SharedClock, UnixSeconds};
use crate::tokens::TokenFault;

/// How long ago an expired token expired, in seconds: longer than resource servers allow for clocks that differ.
const EXPIRED_FOR_S: u64 = 300;
/// How long until a token is valid that is not valid yet, in seconds.
const VALID_IN_S: u64 = SECONDS_PER_HOUR;
/// An API that is not here.
const ANOTHER_AUDIENCE: &str = "another.api.example";
/// A server that is not here.
const ANOTHER_ISSUER: &str = "https://another-issuer.example";
/// A scope token that no operation needs.
pub(super) const OPENS_NOTHING: &str = "sandbox:nothing";
/// The client of tokens whose client is suspended.
const SUSPENDED_HELPER: &str = "sandbox-suspended";
/// The client of tokens whose client was deleted.
const DELETED_HELPER: &str = "sandbox-deleted";
/// The name of both, by which an operator's own client of the same identifier is distinguished.
const HELPER_NAME: &str = "Sandbox: for forged tokens alone";

/// Makes wrong tokens, with what right ones are made with.
pub(crate) struct Forge<'r> {
    pub(crate) keys: &'r Keys,
    pub(crate) clients: &'r Clients,
    pub(crate) administration: &'r Administration,
    pub(crate) policy: &'r RegistrationPolicy,
    pub(crate) clock: &'r SharedClock,
    pub(crate) issuer: &'r str,
    /// Held while a helper client is made, suspended or deleted.
    pub(crate) helpers: &'r Mutex<()>,
}

/// A wrong token.
pub(crate) struct Forged {
    /// The token itself. Never logged.
    pub(crate) access_token: String,
    /// The client that it names.
    pub(crate) client_id: ClientId,
    /// How the gate refuses it.
    pub(crate) denial: Denial,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForgeError {
    /// The gate would refuse every token of the client: the kind would not be the reason.
    #[error("is suspended, or was not granted the audience of the partner API: then every token of it is refused")]
    ClientRefused,
    /// The helper client could not be changed, or the token not be revoked.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The token could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The header of a token (RFC 7515 section 4.1), which may be wrong.
#[derive(Serialize)]
struct Header<'h> {
    alg: &'h str,
    kid: &'h str,
    typ: &'h str,
}

impl Forge<'_> {
    /// A token of this kind. It names `client`, or a helper client where the kind needs one in a state of its own.
    pub(crate) async fn forge(&self, kind: ForgedKind, client: &Client, actor: &Actor) -> Result<Forged, ForgeError> {
        if kind == ForgedKind::MissingScope && !self.accepts_tokens_of(client) {
            return Err(ForgeError::ClientRefused);
        }
        let client = if kind == ForgedKind::SuspendedClient {
            Cow::Owned(self.suspended_helper(actor).await?)
        } else if kind == ForgedKind::DeletedClient {
            Cow::Owned(self.deleted_helper(actor).await?)
        } else {
            Cow::Borrowed(client)
        };
        let now = self.clock.now();
        let claims = claims(kind, self.genuine(&client, now));
        let key = self.keys.signing(now).ok_or(KeyError::Crypto)?;
        // Texts and numbers always serialize.
        let payload = claims.to_json().map_err(|_| KeyError::Crypto)?;
        let access_token = seal(kind, &payload, &key, now)?;
        if kind == ForgedKind::Revoked {
            self.administration.revoke_jti(&claims.jti, UnixSeconds::new(claims.exp), actor).await?;
        }
        Ok(Forged { access_token, client_id: client.client_id.clone(), denial: denial(kind) })
    }

    /// The claims of a token that the client gets now for the partner API.
    fn genuine<'c>(&'c self, client: &'c Client, now: UnixSeconds) -> Claims<'c> {
        Claims {
            iss: self.issuer.into(),
            sub: client.client_id.as_str().into(),
            client_id: client.client_id.as_str().into(),
            aud: self.audience().into(),
            scope: client.scope.as_str().into(),
            iat: now.get(),
            nbf: 0,
            exp: now.plus(client.token_ttl).get(),
            jti: client.token_epoch.new_jti(),
        }
    }

    /// The audience of the partner API.
    fn audience(&self) -> &str {
        self.policy.audiences.first().map_or("", String::as_str)
    }

    fn accepts_tokens_of(&self, client: &Client) -> bool {
        client.status == Status::Active && client.audience.iter().any(|granted| granted == self.audience())
    }

    async fn suspended_helper(&self, actor: &Actor) -> Result<Client, ChangeError> {
        let _one_at_a_time = self.helpers.lock().await;
        let helper = self.helper(SUSPENDED_HELPER, actor).await?;
        let patch = ClientPatch::of_status(Status::Suspended);
        self.administration.change(&helper.client_id, &patch, &Condition::default(), actor).await
    }

    /// The helper as it was before it was deleted.
    async fn deleted_helper(&self, actor: &Actor) -> Result<Client, ChangeError> {
        let _one_at_a_time = self.helpers.lock().await;
        let helper = self.helper(DELETED_HELPER, actor).await?;
        self.administration.delete(&helper.client_id, &Condition::default(), actor).await?;
        Ok(helper)
    }

    /// The helper client of this identifier. Its secret is dropped: no request can authenticate as it.
    async fn helper(&self, client_id: &str, actor: &Actor) -> Result<Client, ChangeError> {
        let defaults = &self.policy.client_defaults;
        let registration = Registration {
            client_name: HELPER_NAME.to_owned(),
            scope: Scope::parse(&READ_ZONES).unwrap_or_default(),
            audience: vec![self.audience().to_owned()].into(),
            token_ttl: defaults.token_ttl,
            report_required: false,
            limits: defaults.limits,
        };
        let secret = ClientSecret::generate(&SystemRandom::new()).map_err(|_| ChangeError::NoRandomness)?;
        // Both identifiers are well-formed.
        let client_id = ClientId::parse(client_id).map_err(|_| ChangeError::ClientUnknown)?;
        match self.administration.register(client_id.clone(), registration, &secret, actor).await {
            Err(ChangeError::AlreadyRegistered) => {
                let registered = self.clients.get(client_id.as_str());
                let helper = registered.filter(|client| client.client_name == HELPER_NAME);
                helper.map(Arc::unwrap_or_clone).ok_or(ChangeError::AlreadyRegistered)
            }
            registered => registered,
        }
    }
}

/// The claims of a token of this kind, made from right ones.
fn claims(kind: ForgedKind, genuine: Claims<'_>) -> Claims<'_> {
    match kind {
        ForgedKind::Expired => {
            let lifetime = genuine.exp.saturating_sub(genuine.iat);
            let exp = genuine.iat.saturating_sub(EXPIRED_FOR_S);
            Claims { iat: exp.saturating_sub(lifetime), exp, ..genuine }
        }
        ForgedKind::NotYetValid => Claims { nbf: genuine.iat + VALID_IN_S, exp: genuine.exp + VALID_IN_S, ..genuine },
        ForgedKind::WrongAudience => Claims { aud: ANOTHER_AUDIENCE.into(), ..genuine },
        ForgedKind::WrongIssuer => Claims { iss: ANOTHER_ISSUER.into(), ..genuine },
        ForgedKind::MissingScope => Claims { scope: OPENS_NOTHING.into(), ..genuine },
        ForgedKind::UnknownKey
        | ForgedKind::BadSignature
        | ForgedKind::AlgNone
        | ForgedKind::Hs256WithPublicKey
        | ForgedKind::Revoked
        | ForgedKind::SuspendedClient
        | ForgedKind::DeletedClient => genuine,
    }
}

/// The token with this payload, signed by `key` or as the kind says.
fn seal(kind: ForgedKind, payload: &[u8], key: &SigningKey, now: UnixSeconds) -> Result<String, KeyError> {
    match kind {
        ForgedKind::UnknownKey => SigningKey::foreign(now)?.sign(payload),
        ForgedKind::BadSignature => {
            let token = key.sign(payload)?;
            let (signed, signature) = token.rsplit_once('.').ok_or(KeyError::Crypto)?;
            let mut signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| KeyError::Crypto)?;
            if let Some(byte) = signature.last_mut() {
                *byte ^= 1;
            }
            Ok(compact(signed, &signature))
        }
        ForgedKind::AlgNone => Ok(compact(&unsigned("none", key, payload)?, b"")),
        ForgedKind::Hs256WithPublicKey => {
            let signed = unsigned("HS256", key, payload)?;
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_key_pem().as_bytes());
            Ok(compact(&signed, hmac::sign(&secret, signed.as_bytes()).as_ref()))
        }
        ForgedKind::Expired
        | ForgedKind::NotYetValid
        | ForgedKind::WrongAudience
        | ForgedKind::WrongIssuer
        | ForgedKind::MissingScope
        | ForgedKind::Revoked
        | ForgedKind::SuspendedClient
        | ForgedKind::DeletedClient => key.sign(payload),
    }
}

/// What a signature is over (RFC 7515 section 5.1), under a header with another algorithm than the key's.
fn unsigned(alg: &str, key: &SigningKey, payload: &[u8]) -> Result<String, KeyError> {
    let header = serde_json::to_vec(&Header { alg, kid: key.kid(), typ: ACCESS_TOKEN_TYPE });
    let header = URL_SAFE_NO_PAD.encode(header.map_err(|_| KeyError::Crypto)?);
    Ok(format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload)))
}

fn compact(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// How the gate refuses a token of this kind.
fn denial(kind: ForgedKind) -> Denial {
    match kind {
        ForgedKind::Expired => Denial::Token(TokenFault::Expired),
        ForgedKind::NotYetValid => Denial::Token(TokenFault::NotYetValid),
        ForgedKind::WrongAudience => Denial::WrongAudience,
        ForgedKind::WrongIssuer => Denial::Token(TokenFault::WrongIssuer),
        ForgedKind::UnknownKey => Denial::Token(TokenFault::UnknownKey),
        // The key's algorithm counts, and HS256 is not it.
        ForgedKind::BadSignature | ForgedKind::Hs256WithPublicKey => Denial::Token(TokenFault::BadSignature),
        // This server does not know such an algorithm at all.
        ForgedKind::AlgNone => Denial::Token(TokenFault::Malformed),
        ForgedKind::MissingScope => Denial::InsufficientScope(READ_ZONES),
        ForgedKind::Revoked => Denial::Revoked,
        ForgedKind::SuspendedClient => Denial::ClientSuspended,
        ForgedKind::DeletedClient => Denial::ClientUnknown,
    }
}
