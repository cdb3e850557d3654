//! The protected resources of this server, as clients name them (RFC 9728 section 1.2, RFC 8707 section 2).
//!
//! A resource is a path below the issuer's address, with all paths beneath it. Each has its own metadata, because a client
//! accepts only metadata with the `resource` that it asked for (RFC 9728 section 3.3).

use crate::oauth::scope::{INTROSPECT, READ_ADMIN, WRITE_ADMIN};

/// The path of the metadata of the whole server. The metadata of a resource is beneath it, at the path of the resource
/// (RFC 9728 section 3.1).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// One protected resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its path below the issuer's address, without a slash at its end; empty for the server as a whole.
    pub path: &'static str,
    /// The API that it belongs to, which determines the audience of its tokens.
    pub api: Api,
}

/// An API set of this server. Each has an audience of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// What partners call.
    Partner,
    /// What operators call.
    Admin,
}

impl Resource {
    /// All resources. The first contains the others.
    pub const ALL: [Self; 14] = [
        Self { path: "", api: Api::Partner },
        Self { path: "/v3", api: Api::Partner },
        Self { path: "/parking/zones", api: Api::Partner },
        Self { path: "/shared/zones", api: Api::Partner },
        Self { path: "/v3/parking/zones", api: Api::Partner },
        Self { path: "/v3/shared/zones", api: Api::Partner },
        Self { path: "/oauth2/usage", api: Api::Partner },
        Self { path: "/v3/oauth2/usage", api: Api::Partner },
        Self { path: "/oauth2/report", api: Api::Partner },
        Self { path: "/v3/oauth2/report", api: Api::Partner },
        Self { path: "/oauth2/refusals", api: Api::Partner },
        Self { path: "/v3/oauth2/refusals", api: Api::Partner },
        Self { path: "/admin", api: Api::Admin },
        Self { path: "/metrics", api: Api::Admin },
    ];

    /// The smallest resource that contains `path`.
    #[must_use]
    pub(crate) fn of_path(path: &str) -> Self {
        let contains = |resource: &Self| {
            path.strip_prefix(resource.path).is_some_and(|beneath| beneath.is_empty() || beneath.starts_with('/'))
        };
        let [whole, parts @ ..] = Self::ALL;
        parts.into_iter().filter(contains).max_by_key(|resource| resource.path.len()).unwrap_or(whole)
    }

    /// The resource whose identifier is `identifier` at this issuer. A URL without a path may have a slash at its end,
    /// which URL libraries add.
    #[must_use]
    pub fn named(identifier: &str, issuer: &str) -> Option<Self> {
        let path = identifier.strip_prefix(issuer)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        Self::ALL.into_iter().find(|resource| resource.path == path)
    }

    /// Whether a scope token has a meaning for this resource.
    #[must_use]
    pub(crate) fn has_scope(self, scope_token: &str) -> bool {
        match self.api {
            // `introspect` is a right at the authorization server, not at a resource.
            Api::Partner => ![READ_ADMIN, WRITE_ADMIN, INTROSPECT].iter().any(|other| **other == *scope_token),
            Api::Admin => [READ_ADMIN, WRITE_ADMIN].iter().any(|own| **own == *scope_token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_smallest_resource_that_contains_it() {
        for (path, resource) in [
            ("/parking/zones", "/parking/zones"),
            ("/parking/zones/1", "/parking/zones"),
            ("/parking/zonesx", ""),
            ("/v3/shared/zones/1", "/v3/shared/zones"),
            ("/v3/nowhere", "/v3"),
            ("/admin", "/admin"),
            ("/admin/clients/a", "/admin"),
            ("/administration", ""),
            ("/metrics", "/metrics"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(Resource::of_path(path).path, resource, "{path}");
        }
    }

    #[test]
    fn an_identifier_names_a_resource_of_this_issuer_alone() {
        let issuer = "https://gate.example";
        for (identifier, api) in [
            ("https://gate.example", Some(Api::Partner)),
            ("https://gate.example/", Some(Api::Partner)),
            ("https://gate.example/v3/parking/zones", Some(Api::Partner)),
            ("https://gate.example/admin", Some(Api::Admin)),
            ("https://gate.example/admin/", Some(Api::Admin)),
            ("https://gate.example//", None),
            ("https://gate.example/admin/clients", None),
            ("https://gate.example.evil/admin", None),
            ("https://other.example/admin", None),
            ("https://gate.exampl", None),
        ] {
            assert_eq!(Resource::named(identifier, issuer).map(|resource| resource.api), api, "{identifier}");
        }
    }
}
