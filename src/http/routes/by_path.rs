//! What the route table says of a path, where no handler is at hand to ask.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use actix_web::http::Method;

use super::{Access, Place, Route, VERSION, table};
use crate::oauth::scope::ScopeToken;

/// The partners' operations that need a scope, such as `GET /parking/zones/{id}`, with the scope token.
#[must_use]
pub fn scoped_operations() -> Vec<(String, String)> {
    let mut operations = Vec::new();
    for route in table().iter().filter(|route| route.place == Place::Partner) {
        let Some(path) = route.paths.first() else { continue };
        for operation in &route.operations {
            let Access::Token(right) = &operation.access else { continue };
            let Some(scope_token) = &right.scope_token else { continue };
            operations.push((format!("{} {path}", operation.method), scope_token.to_string()));
        }
    }
    operations
}

/// The scope token that the route of a request needs.
pub(crate) fn needed_scope(method: &Method, path: &str) -> Option<ScopeToken> {
    let path = path.strip_prefix(VERSION).unwrap_or(path);
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let table = table();
    let route = table.iter().find(|route| route.paths().iter().any(|pattern| fits(pattern, path)))?;
    let operation = route.operations().iter().find(|operation| operation.method == *method)?;
    match &operation.access {
        Access::Token(right) => right.scope_token.clone(),
        Access::Public | Access::Client | Access::Sandbox => None,
    }
}

/// Whether a path is that of a page, or of a file that pages load. Pages about problems are among them, although partners'
/// programs may read those.
pub(crate) fn is_page(path: &str) -> bool {
    static SEGMENTS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let first = |path: &str| path.split('/').nth(1).map(str::to_owned).filter(|segment| !segment.is_empty());
    let of_pages = || {
        let table = table();
        let pages = table.iter().filter(|route| matches!(route.place, Place::Page | Place::Console));
        pages.flat_map(Route::paths).filter_map(|path| first(path)).collect()
    };
    path == "/" || first(path).is_some_and(|segment| SEGMENTS.get_or_init(of_pages).contains(&segment))
}

/// Whether a path is one of a route, whose pattern has `{…}` for any segment.
fn fits(pattern: &str, path: &str) -> bool {
    let is_same = |(pattern, segment): (&str, &str)| pattern.starts_with('{') || pattern == segment;
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::scope::{READ_ADMIN, READ_ZONES, WRITE_ZONES};

    #[test]
    fn pages_and_what_they_load_are_told_apart_from_the_api() {
        for page in
            ["/", "/console", "/console/clients/curbside", "/docs", "/guide/cli", "/why/1", "/problems/throttled"]
        {
            assert!(is_page(page), "{page}");
        }
        for other in [
            "/parking/zones",
            "/v3/parking/zones",
            "/admin/clients",
            "/oauth2/token",
            "/consoles",
            "/livez",
            "//",
            "/index.html",
        ] {
            assert!(!is_page(other), "{other}");
        }
        assert!(is_page("/static/0123456789ab/js/start.js") && is_page("/favicon.ico"));
    }

    #[test]
    fn a_request_needs_the_scope_of_its_route() {
        for (method, path, expected) in [
            (Method::GET, "/parking/zones", Some(READ_ZONES)),
            (Method::HEAD, "/v3/shared/zones/1", Some(READ_ZONES)),
            (Method::DELETE, "/parking/zones/1", Some(WRITE_ZONES)),
            (Method::GET, "/admin/clients", Some(READ_ADMIN)),
            (Method::GET, "/oauth2/usage", None),
            (Method::POST, "/oauth2/token", None),
            (Method::GET, "/parking/zones/1/2", None),
        ] {
            assert_eq!(needed_scope(&method, path), expected, "{method} {path}");
        }
    }
}
