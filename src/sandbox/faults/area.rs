//! Which requests a fault may disturb at all, by their path.
//!
//! Documents, probes, metrics, pages and the control of the sandbox are no area, so no rule can make the sandbox
//! unusable.

use crate::api::sandbox::fault::Phase;

/// A part of the server that faults may disturb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// The token endpoint, revocation and introspection.
    Credentials,
    /// The token endpoint, for a token of the administration. A rule disturbs it only if it names the client: a rule for
    /// the endpoint must not lock out the operator either.
    AdminToken,
    /// What partners call with an access token.
    Partner,
    /// The administration. A rule disturbs it only if its path says so: an outage for partners must not lock out the
    /// operator who ends it.
    Administration,
}

impl Area {
    /// The area of a path; `None` where nothing is ever disturbed.
    #[must_use]
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Self::of(&segments(path))
    }

    /// The same of the segments of a path.
    pub(super) fn of(segments: &[&str]) -> Option<Self> {
        match segments {
            ["", "shared", "access-tokens"] | ["", "oauth2", "token" | "revoke" | "introspect"] => {
                Some(Self::Credentials)
            }
            ["", "parking", ..] | ["", "oauth2", "usage"] => Some(Self::Partner),
            ["", "admin", ..] => Some(Self::Administration),
            _ => None,
        }
    }

    /// When in a client's life its requests come here.
    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Credentials | Self::AdminToken => Phase::Token,
            Self::Partner | Self::Administration => Phase::Resource,
        }
    }
}

/// The segments of a path in its main form: without the prefix of the version, and with the main name of a resource that
/// has two. What partners call `/v3/shared/zones` is `/parking/zones`.
pub(super) fn segments(path: &str) -> Vec<&str> {
    let mut segments: Vec<&str> = path.split('/').collect();
    if segments.len() > 2 && segments.get(1) == Some(&"v3") {
        segments.remove(1);
    }
    if let ["", api @ "shared", "zones", ..] = segments.as_mut_slice() {
        *api = "parking";
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_clients_call_can_be_disturbed() {
        for (path, area) in [
            ("/shared/access-tokens", Some(Area::Credentials)),
            ("/v3/shared/access-tokens", Some(Area::Credentials)),
            ("/oauth2/token", Some(Area::Credentials)),
            ("/oauth2/introspect", Some(Area::Credentials)),
            ("/parking/zones", Some(Area::Partner)),
            ("/shared/zones/1", Some(Area::Partner)),
            ("/v3/parking/zones/1", Some(Area::Partner)),
            ("/oauth2/usage", Some(Area::Partner)),
            ("/admin/clients", Some(Area::Administration)),
            ("/sandbox/faults", None),
            ("/v3/sandbox/faults", None),
            ("/oauth2/authorize", None),
            ("/oauth2/refusals/1", None),
            ("/.well-known/jwks.json", None),
            ("/livez", None),
            ("/metrics", None),
            ("/v3", None),
            ("/", None),
            ("", None),
            ("parking/zones", None),
        ] {
            assert_eq!(Area::of_path(path), area, "{path}");
        }
    }
}
