//! An error of the OAuth endpoints (RFC 6749 section 5.2).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an OAuth endpoint refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OauthError<'a> {
    /// The code of the error, as OAuth registers it.
    pub error: Cow<'a, str>,
    /// What is wrong and what to do, in words.
    pub error_description: Cow<'a, str>,
    /// A page that explains the error.
    pub error_uri: Cow<'a, str>,
    /// A page that explains this very answer: only a sandbox has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub explanation: Option<Cow<'a, str>>,
}
