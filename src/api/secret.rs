//! Client secrets: shown, rotated and compared. Types that hold a secret have no `Debug`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::oauth::credentials::Fingerprint;
use crate::time::UnixSeconds;

/// A secret of a client. The secret itself is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClientSecret)]
pub struct Secret {
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it stops working; `null` is never.
    pub expires_at: Option<UnixSeconds>,
    /// The same for two secrets of this server only if they are the same secret. It says nothing else about the secret.
    pub fingerprint: Fingerprint,
    /// When a token was last requested with it; `null` is never. A crash loses the uses of the last minute.
    pub last_used_at: Option<UnixSeconds>,
    /// Its identifier, to delete it by.
    pub secret_id: Uuid,
}

/// Gives a client another secret. The body may be empty.
#[derive(Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotation {
    /// How long the secrets before it still work, in seconds; a day by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 2_592_000, nullable = false)]
    pub previous_expires_in: Option<u64>,
    /// The new secret; without it the server makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_secret: Option<String>,
}

/// Asks what secrets are to clients, up to 100.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretsToCheck {
    /// The secrets.
    #[schema(max_items = 100)]
    pub secrets: Vec<SecretToCheck>,
}

/// A secret, and the client that it may be of.
#[derive(Serialize, ToSchema)]
pub struct SecretToCheck {
    /// The client.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
}

/// What the secrets are, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedSecrets {
    /// One for each secret of the request.
    pub data: Vec<CheckedSecret>,
}

/// What a secret is to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedSecret {
    /// The client, as the request names it.
    pub client_id: String,
    /// What the secret is to it.
    pub standing: SecretStanding,
}

/// What a secret is to a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretStanding {
    /// It is the client's, and has no end.
    Current,
    /// It was the client's, or it has an end: another one took its place.
    Former,
    /// It is not the client's, as far as the server remembers.
    #[default]
    Unknown,
}
