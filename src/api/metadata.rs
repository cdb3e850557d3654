//! What clients and resource servers discover: RFC 8414, OpenID Connect Discovery 1.0 and RFC 9728.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::key::Algorithm;

/// The metadata of the authorization server: RFC 8414 section 2 and, at its own address, OpenID Connect Discovery 1.0
/// section 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorizationServer {
    /// An address that answers that there is no sign-in: some clients read no document without it.
    pub authorization_endpoint: String,
    /// The grants: `client_credentials`.
    pub grant_types_supported: Vec<String>,
    /// The algorithms of the signing keys. In the document of OpenID Connect alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<Algorithm>,
    /// The introspection endpoint (RFC 7662).
    pub introspection_endpoint: String,
    /// How a client authenticates itself there.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// The server's own address, and `iss` of every token.
    pub issuer: String,
    /// The address of the JWK Set.
    pub jwks_uri: String,
    /// The protected resources that take tokens of this server (RFC 9728 section 4).
    pub protected_resources: Vec<String>,
    /// `false`. In the document of OpenID Connect alone, where leaving it out means true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_uri_parameter_supported: Option<bool>,
    /// `none`: no authorization response carries a code or a token. RFC 8414 requires the member and section 3.2 forbids
    /// an empty list.
    pub response_types_supported: Vec<String>,
    /// The revocation endpoint (RFC 7009).
    pub revocation_endpoint: String,
    /// How a client authenticates itself there.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Every scope token. Not in the document of OpenID Connect, where `openid` must be among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes_supported: Option<BTreeSet<String>>,
    /// `public`: `sub` is the same for every audience. In the document of OpenID Connect alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// The token endpoint.
    pub token_endpoint: String,
    /// How a client authenticates itself there.
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

/// The metadata of a protected resource (RFC 9728 section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectedResource {
    /// The servers whose tokens the resource takes.
    pub authorization_servers: Vec<String>,
    /// Where a token is sent: in the `header`.
    pub bearer_methods_supported: Vec<String>,
    /// The resource's own address.
    pub resource: String,
    /// What people call it.
    pub resource_name: String,
    /// Every scope token that some request to it needs.
    pub scopes_supported: Vec<String>,
}
