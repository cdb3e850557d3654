//! Why a request was let through or refused: each check of its walk, and what would have changed the outcome.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The walk of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Every check, in the order in which the server makes them.
    pub checks: Vec<CheckResult>,
    /// The nearest changes that would have let the request through, the nearest first; empty if it passed.
    pub nearest: Vec<NearestChange>,
    /// Whether the request passed every check.
    pub passed: bool,
}

impl Explanation {
    /// Of a request that took no walk: it passed no check, and none refused it.
    pub(crate) fn without_checks() -> Self {
        Self { checks: Vec::new(), nearest: Vec::new(), passed: false }
    }

    /// The check that refused the request.
    #[must_use]
    pub fn failed(&self) -> Option<&CheckResult> {
        self.checks.iter().find(|result| result.outcome == CheckOutcome::Failed)
    }
}

/// One check of a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckResult {
    /// Its name.
    pub check: Check,
    /// What the check asks for.
    pub expected: String,
    /// What the request had; `null` if the check was not reached.
    pub got: Option<String>,
    /// What came of it.
    pub outcome: CheckOutcome,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The request passed it.
    Passed,
    /// It refused the request.
    Failed,
    /// An earlier check refused the request.
    NotReached,
}

/// A check. A protected request and a token request have some in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CheckName)]
pub enum Check {
    /// One bearer token, in the right place.
    BearerToken,
    /// This server signed the token.
    Signature,
    /// The token has not expired.
    Expiry,
    /// The token is for this API; of a token request: the client may call the API that it names.
    Audience,
    /// The token is valid already.
    NotBefore,
    /// The token was not revoked.
    Revocation,
    /// The client is registered.
    Client,
    /// The token is not older than the last revocation of all the client's tokens.
    ClientTokens,
    /// The client may still call this API.
    GrantedAudience,
    /// The request names a client and how it authenticates.
    Credentials,
    /// The secret is one of the client's.
    Secret,
    /// The client is not suspended.
    Status,
    /// The limit on requests per second.
    Throttle,
    /// The limit on requests per day.
    Quota,
    /// The parameters of a token request.
    Parameters,
    /// The token has the scope that the request needs; of a token request: the client has the scope that it names.
    Scope,
    /// The server signs the token.
    Signing,
}

impl Check {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BearerToken => "bearer_token",
            Self::Signature => "signature",
            Self::Expiry => "expiry",
            Self::Audience => "audience",
            Self::NotBefore => "not_before",
            Self::Revocation => "revocation",
            Self::Client => "client",
            Self::ClientTokens => "client_tokens",
            Self::GrantedAudience => "granted_audience",
            Self::Credentials => "credentials",
            Self::Secret => "secret",
            Self::Status => "status",
            Self::Throttle => "throttle",
            Self::Quota => "quota",
            Self::Parameters => "parameters",
            Self::Scope => "scope",
            Self::Signing => "signing",
        }
    }
}

/// A change of a request, of its client or of its time, and what would have come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NearestChange {
    /// The change, in words that continue "would have passed".
    pub change: String,
    /// The check that would have refused the changed request; `null` if it would have passed.
    pub fails_next: Option<Check>,
    /// What the change consists of.
    pub kinds: Vec<ChangeKind>,
    /// How much later the request would have to come, in milliseconds; `null` if time is no part of the change.
    pub wait_ms: Option<u64>,
}

/// What a change consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The same request, later.
    Later,
    /// The same token, issued later.
    YoungerToken,
    /// The same token, in its place.
    TokenInHeader,
    /// A new token of the same client.
    NewToken,
    /// A token of this server.
    OwnToken,
    /// A token for the audience of this API.
    Audience,
    /// A token with the scope, or a token request for less scope.
    Scope,
    /// The operator assigns the scope to the client.
    ScopeAssigned,
    /// The operator lets the client call the API.
    AudienceGranted,
    /// The operator resumes the client.
    ClientResumed,
    /// The operator registers the client.
    ClientRegistered,
    /// The store of the server answers.
    StoreAnswers,
    /// The request has credentials that can be read.
    Credentials,
    /// The request has a secret of the client.
    RightSecret,
    /// The parameters are well-formed.
    Parameters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_one_name() {
        for check in [
            Check::BearerToken,
            Check::Signature,
            Check::Expiry,
            Check::Audience,
            Check::NotBefore,
            Check::Revocation,
            Check::Client,
            Check::ClientTokens,
            Check::GrantedAudience,
            Check::Credentials,
            Check::Secret,
            Check::Status,
            Check::Throttle,
            Check::Quota,
            Check::Parameters,
            Check::Scope,
            Check::Signing,
        ] {
            assert_eq!(serde_json::json!(check), check.name());
        }
    }
}
