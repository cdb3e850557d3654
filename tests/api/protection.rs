//! Every route is public by name, or answers 401 to a request without a token.

use reqwest::Method;

use crate::harness::{TestServer, answer};

/// What anybody may call; the OAuth endpoints authenticate their caller themselves.
pub(crate) const PUBLIC: [(&str, &str, u16); 13] = [
    ("GET", "/.well-known/oauth-authorization-server", 200),
    ("GET", "/.well-known/openid-configuration", 200),
    ("GET", "/.well-known/oauth-protected-resource", 200),
    ("GET", "/.well-known/jwks.json", 200),
    ("GET", "/problems/token-missing", 200),
    ("GET", "/oauth2/authorize", 400),
    ("GET", "/static/style.css", 200),
    ("GET", "/livez", 200),
    ("GET", "/readyz", 200),
    ("POST", "/shared/access-tokens", 400),
    ("POST", "/oauth2/token", 400),
    ("POST", "/oauth2/revoke", 400),
    ("POST", "/oauth2/introspect", 400),
];

pub(crate) const PROTECTED: [(&str, &str); 40] = [
    ("GET", "/parking/zones"),
    ("POST", "/parking/zones"),
    ("GET", "/parking/zones/00000000-0000-4000-8000-000000000000"),
    ("PUT", "/parking/zones/00000000-0000-4000-8000-000000000000"),
    ("PATCH", "/parking/zones/00000000-0000-4000-8000-000000000000"),
    ("DELETE", "/parking/zones/00000000-0000-4000-8000-000000000000"),
    ("GET", "/shared/zones"),
    ("POST", "/shared/zones"),
    ("GET", "/v3/parking/zones"),
    ("POST", "/v3/shared/zones"),
    ("GET", "/oauth2/usage"),
    ("GET", "/v3/oauth2/usage"),
    ("GET", "/admin/clients"),
    ("POST", "/admin/clients"),
    ("GET", "/admin/clients/demo-reader"),
    ("PATCH", "/admin/clients/demo-reader"),
    ("DELETE", "/admin/clients/demo-reader"),
    ("POST", "/admin/clients/demo-reader/secrets"),
    ("DELETE", "/admin/clients/demo-reader/secrets/00000000-0000-4000-8000-000000000000"),
    ("POST", "/admin/secrets/check"),
    ("POST", "/admin/clients/demo-reader/revoke-tokens"),
    ("GET", "/admin/clients/demo-reader/usage"),
    ("POST", "/admin/revocations"),
    ("GET", "/admin/audit"),
    ("GET", "/admin/terms"),
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys/rotate"),
    ("POST", "/admin/keys/import"),
    ("GET", "/admin/keys/any-kid"),
    ("DELETE", "/admin/keys/any-kid"),
    ("GET", "/metrics"),
    ("HEAD", "/metrics"),
    ("HEAD", "/parking/zones"),
    // Methods that nothing answers are behind the gate too.
    ("PATCH", "/parking/zones"),
    ("POST", "/parking/zones/00000000-0000-4000-8000-000000000000"),
    ("DELETE", "/shared/zones/00000000-0000-4000-8000-000000000000"),
    ("GET", "/v3/shared/zones/00000000-0000-4000-8000-000000000000"),
    ("HEAD", "/admin/clients"),
    ("TRACE", "/admin/clients/demo-reader"),
    ("POST", "/metrics"),
];

/// The files that name routes, and the scope that theirs stand in.
const ROUTED: [(&str, &str); 9] = [
    ("server/routes.rs", ""),
    ("http/token.rs", ""),
    ("http/parking.rs", ""),
    ("http/admin/audit.rs", "/admin"),
    ("http/admin/clients.rs", "/admin"),
    ("http/admin/keys.rs", "/admin"),
    ("http/admin/secrets.rs", "/admin"),
    ("http/admin/usage.rs", "/admin"),
    ("http/admin/revocations.rs", "/admin"),
];

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_protected_route_asks_for_a_token_before_it_reads_anything() {
    let server = TestServer::start().await;
    for (name, path) in PROTECTED {
        let answer = answer(server.request(method(name), path).body("{ not JSON")).await;
        assert_eq!(answer.status, 401, "{name} {path}");
        // RFC 6750 section 3.1: no error code when no token was presented. RFC 9728 section 5.1.
        let realm =
            format!("Bearer realm=\"{0}\", resource_metadata=\"{0}/.well-known/oauth-protected-resource", server.base);
        let resource = answer.header("www-authenticate").strip_prefix(&realm).and_then(|rest| rest.split('"').next());
        // RFC 9728 section 3.3: the metadata are of what was asked for.
        let resource = resource.unwrap_or_else(|| panic!("{name} {path}: {answer:?}"));
        assert!(path.starts_with(resource) && !resource.is_empty(), "{name} {path}: {resource}");
        assert_eq!(answer.header("ratelimit"), "", "{name} {path}");
        if name != "HEAD" {
            assert_eq!(answer.problem(), "token-missing", "{name} {path}");
        }
    }
}

#[tokio::test]
async fn a_public_route_does_not() {
    let server = TestServer::start().await;
    for (name, path, status) in PUBLIC {
        assert_eq!(answer(server.request(method(name), path)).await.status, status, "{name} {path}");
    }
}

#[tokio::test]
async fn there_is_no_route_that_neither_list_names() {
    let mut unnamed = Vec::new();
    let mut count = 0;
    for (file, prefix) in ROUTED {
        let source = std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        // Every literal that is a path, however it becomes a route.
        let literals = source.split('"').skip(1).step_by(2).filter(|literal| literal.starts_with('/'));
        // A format of a Location, and the two scopes that routes stand in, are no routes.
        for literal in literals.filter(|literal| !literal.contains("{}") && !["/v3", "/admin"].contains(literal)) {
            let path = format!("{prefix}{literal}")
                .replace("{kind}", "token-missing")
                .replace("{client_id}", "demo-reader")
                .replace("{secret_id}", "00000000-0000-4000-8000-000000000000")
                .replace("{kid}", "any-kid");
            count += 1;
            let public = PUBLIC.iter().any(|(_, public, _)| *public == path);
            if !public && !PROTECTED.iter().any(|(_, guarded)| *guarded == path) {
                unnamed.push(path);
            }
        }
    }
    assert!(count >= 12, "{count}");
    assert_eq!(unnamed, Vec::<String>::new(), "neither public by name nor known as protected");
}
