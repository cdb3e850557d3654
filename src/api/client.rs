//! `/admin/clients`: a client as it is shown, registered and changed (RFC 7591 section 2 has the names it has). Types
//! that hold a secret have no `Debug`.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use uuid::Uuid;

use super::passport::PresentedReport;
use super::secret::Secret;
use crate::limits::{Limits, Rate};
use crate::oauth::audience::Audience;
use crate::oauth::credentials::{ClientId, Fingerprint};
use crate::oauth::scope::Scope;
use crate::time::UnixSeconds;

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Client {
    /// The API sets that it may call.
    pub audience: Audience,
    /// The most requests at once after a rest.
    pub burst: u32,
    /// Its identifier.
    pub client_id: ClientId,
    /// What people call it.
    pub client_name: String,
    /// When it was registered.
    pub created_at: UnixSeconds,
    /// How many requests it may send in a UTC day; `null` is unlimited.
    pub daily_quota: Option<u64>,
    /// Whether a file of declared clients has it, or had.
    pub declared: bool,
    /// Whether a request over a limit is refused, or only counted.
    pub enforce: bool,
    /// How much it may call now, if that is less than the other members say: the report that is required of it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limits_in_effect: Option<Limits>,
    /// The report that it has shown, if its passport is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report: Option<PresentedReport>,
    /// Whether it has its limits only while it has a valid report of an exam.
    #[serde(default)]
    pub report_required: bool,
    /// How many requests come back in a second.
    pub requests_per_second: Rate,
    /// The fingerprints of its last secrets that no longer work.
    pub retired_secrets: Vec<Fingerprint>,
    /// The scope tokens that it may ask for, with spaces between them.
    pub scope: Scope,
    /// Its secrets, one or two.
    pub secrets: Vec<Secret>,
    /// Whether it may call.
    pub status: Status,
    /// How long its access tokens live, in seconds.
    pub token_ttl: u64,
    /// When all its tokens were last revoked, or when it was registered.
    pub tokens_valid_from: UnixSeconds,
    /// When it was last changed.
    pub updated_at: UnixSeconds,
}

/// Whether a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClientStatus)]
pub enum Status {
    /// It may.
    Active,
    /// It may not: it gets no token, and the tokens that it has are refused.
    Suspended,
}

impl Status {
    /// As JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// The answer to a registration. It shows the client's secret this once (RFC 7591 section 3.2.1).
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RegisteredClient {
    /// The client.
    #[serde(flatten)]
    pub client: Client,
    /// When it was registered, in seconds since 1970.
    pub client_id_issued_at: u64,
    /// Its secret, if the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_secret: Option<String>,
    /// 0: the secret has no end.
    pub client_secret_expires_at: u64,
    /// What the operator should know about the secret that the request chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The answer to a rotation. It shows the client's new secret this once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RotatedClient {
    /// The client.
    #[serde(flatten)]
    pub client: Client,
    /// The new secret, if the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_secret: Option<String>,
    /// The identifier of the new secret.
    pub secret_id: Uuid,
    /// What the operator should know about the secret that the request chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Registers a client. What is left out gets the server's default.
#[derive(Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// The identifier that it is to have; without it the server makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_id: Option<ClientId>,
    /// The secret that it is to have; without it the server makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, nullable = false)]
    pub client_secret: Option<String>,
    /// What people call it, in 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub client_name: String,
    /// The scope tokens that it may ask for, with spaces between them.
    pub scope: String,
    /// The API sets that it may call: an array or, for one, a string; the server's own by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = one_or_more_api_sets, required = false)]
    pub audience: Vec<String>,
    /// How long its access tokens live, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_ttl: Option<u64>,
    /// Whether it has its limits only while it has a valid report of an exam.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report_required: Option<bool>,
    /// How many requests come back in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub requests_per_second: Option<Rate>,
    /// The most requests at once after a rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000, nullable = false)]
    pub burst: Option<u64>,
    /// How many requests it may send in a UTC day; `null` or `"unlimited"` is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub daily_quota: Option<DailyQuota>,
    /// Whether a request over a limit is refused, or only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enforce: Option<bool>,
    /// Whether a file of declared clients has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub declared: Option<bool>,
}

/// Changes a client by merge patch (RFC 7396): a member that is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPatch {
    /// What people call it, in 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    pub client_name: Option<String>,
    /// The scope tokens that it may ask for and use from now on, with spaces between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<String>,
    /// The API sets that it may call from now on: an array or, for one, a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = one_or_more_api_sets, required = false)]
    pub audience: Option<Vec<String>>,
    /// How long its next access tokens live, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_ttl: Option<u64>,
    /// Whether it has its limits only while it has a valid report of an exam.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report_required: Option<bool>,
    /// How many requests come back in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub requests_per_second: Option<Rate>,
    /// The most requests at once after a rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000, nullable = false)]
    pub burst: Option<u64>,
    /// How many requests it may send in a UTC day; `null` or `"unlimited"` is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub daily_quota: Option<DailyQuota>,
    /// Whether a request over a limit is refused, or only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enforce: Option<bool>,
    /// Whether it may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<Status>,
    /// Whether a file of declared clients has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub declared: Option<bool>,
}

/// Names of API sets in a request: an array or, for one, a string.
fn one_or_more_api_sets() -> Schema {
    let name = || ObjectBuilder::new().schema_type(Type::String);
    OneOfBuilder::new()
        .description(Some("The API sets that it may call: an array or, for one, a string."))
        .item(name())
        .item(ArrayBuilder::new().items(name()))
        .into()
}

/// What stands for no daily quota where a text is written, and in a request beside `null`.
pub(crate) const UNLIMITED: &str = "unlimited";

/// Requests in a UTC day, in a request: a number, or `null` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DailyQuota {
    /// No limit.
    Unlimited,
    /// So many.
    Requests(u64),
}

impl From<Option<u64>> for DailyQuota {
    fn from(requests: Option<u64>) -> Self {
        requests.map_or(Self::Unlimited, Self::Requests)
    }
}

impl Serialize for DailyQuota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unlimited => serializer.serialize_none(),
            Self::Requests(requests) => serializer.serialize_u64(*requests),
        }
    }
}
