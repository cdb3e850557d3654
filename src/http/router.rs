//! The rows of the [route table](super::routes) as actix serves them, with the routes of most requests first.
//!
//! actix tries the services of an application one after the other, and matches a pattern such as `{id}` with a regular
//! expression: some 60 ns for each byte of a path, whether it matches or not, which is several times what all steps of the
//! gate take. So here alone:
//!
//! - A zone by its id, the route of most requests, is tried first, and without a pattern ([`Beneath`]).
//! - Paths without a pattern come before those with one, and partners' routes before all others.
//! - No pattern is tried on a path longer than [`MAX_PATH_BYTES`].
//! - A route's name is its whole path. actix has it at one address as long as the application lives, so the metrics tell
//!   routes apart by that address, without a search.

use std::collections::BTreeSet;
use std::future::{Ready, ready};

use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef};
use actix_web::guard::{self, Guard, GuardContext};
use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Scope};

use crate::admission::{Api, Right};
use crate::http::authorized::{AnyAdmin, AnyPartner, Authorized};
use crate::http::error::Problem;
use crate::http::routes::{self, ADMIN, Access, Place, Route, VERSION};
use crate::http::sandbox::SANDBOX;
use crate::http::sandbox::control::Control;
use crate::http::source_limit::SourceLimit;
use crate::http::{oauth_endpoint, pages, parking as zones};
use crate::parking::Parking;

/// The longest path that patterns are tried on, in bytes as sent. The longest that any route takes, every byte of its two
/// identifiers percent-encoded, has some 325.
const MAX_PATH_BYTES: usize = 512;

/// The segment of a path that is an id.
const ID: &str = "/{id}";

/// What a server has of the places that not every server has.
#[derive(Clone, Copy)]
pub(crate) struct Optional {
    pub(crate) sandbox: bool,
    pub(crate) console: bool,
}

/// Serves every route over TLS.
pub(crate) fn over_tls(config: &mut ServiceConfig, parking: &Data<Parking>, limit: &SourceLimit, has: Optional) {
    let table = routes::table();
    let at = |place: Place| table.iter().filter(move |route| route.place() == place);
    let plain = |config: &mut ServiceConfig, prefix| {
        for path in table.iter().filter(|route| route.is_most_requested()).flat_map(Route::paths) {
            config.service(Beneath::new(prefix, path, parking.clone()));
        }
        at(Place::Partner)
            .filter(|route| !has_pattern(route))
            .for_each(|route| serve(config, route, prefix, "", limit));
    };
    let patterns = |config: &mut ServiceConfig, prefix| {
        at(Place::Partner).filter(|route| has_pattern(route)).for_each(|route| serve(config, route, prefix, "", limit));
    };
    let versioned = web::scope(VERSION).configure(|config| plain(config, VERSION));
    let admin = |config: &mut ServiceConfig| at(Place::Admin).for_each(|route| serve(config, route, "", ADMIN, limit));

    plain(config, "");
    config.service(endless_paths());
    config.service(versioned.configure(|config| patterns(config, VERSION)));
    patterns(config, "");
    config.service(web::scope(ADMIN).configure(admin));
    if has.sandbox {
        let control =
            |config: &mut ServiceConfig| at(Place::Sandbox).for_each(|route| serve(config, route, "", SANDBOX, limit));
        config.service(web::scope(SANDBOX).configure(control));
    }
    at(Place::Root).for_each(|route| serve(config, route, "", "", limit));
    at(Place::Page).for_each(|route| serve(config, route, "", "", limit));
    if has.console {
        at(Place::Console).for_each(|route| serve(config, route, "", "", limit));
    }
    config.default_service(web::to(pages::not_found));
}

/// What the paths of the partner API start with, such as `/parking/`; with and without the version.
pub(crate) fn partner_prefixes() -> Vec<String> {
    let table = routes::table();
    let paths = table.iter().filter(|route| route.place() == Place::Partner).flat_map(Route::paths);
    let first: BTreeSet<&str> = paths.filter_map(|path| path.split('/').nth(1)).collect();
    first.iter().flat_map(|first| [format!("/{first}/"), format!("{VERSION}/{first}/")]).collect()
}

/// Serves what the port for operators has, over plain HTTP.
pub(crate) fn for_operators(config: &mut ServiceConfig) {
    for route in routes::table().iter().filter(|route| route.is_for_operators()) {
        for path in route.paths() {
            config.service(resource(route, path, path).default_service(web::to(method_not_allowed(route))));
        }
    }
    config.default_service(web::to(not_found));
}

/// Serves a route at each of its paths: `prefix` is in front of them, and `scope` the part that actix has matched already.
fn serve(config: &mut ServiceConfig, route: &Route, prefix: &str, scope: &str, limit: &SourceLimit) {
    for path in route.paths() {
        let resource = resource(route, path.strip_prefix(scope).unwrap_or(path), &format!("{prefix}{path}"));
        let refuse = method_not_allowed(route);
        match route.access() {
            Access::Client => config
                .service(resource.default_service(web::to(oauth_endpoint::wrong_method)).wrap(limit.before_reading())),
            // Behind the gate as the methods that it has are.
            Access::Token(Right { api: Api::Partner, scope_token: Some(_) }) => {
                config.service(resource.default_service(web::to(move |_: Authorized<AnyPartner>| refuse())))
            }
            Access::Token(Right { api: Api::Admin, .. }) => {
                config.service(resource.default_service(web::to(move |_: Authorized<AnyAdmin>| refuse())))
            }
            Access::Sandbox => config.service(resource.default_service(web::to(move |_: Control| refuse()))),
            // Nothing is spent of any limit, so there is nothing to ask the gate for.
            Access::Token(_) | Access::Public => config.service(resource.default_service(web::to(refuse))),
        };
    }
}

fn resource(route: &Route, path: &str, name: &str) -> actix_web::Resource {
    let resource = web::resource(path).name(name);
    route.operations().iter().fold(resource, |resource, operation| resource.route(operation.to_actix()))
}

fn has_pattern(route: &Route) -> bool {
    route.paths().iter().any(|path| path.contains('{'))
}

/// Answers the methods that a route does not have.
fn method_not_allowed(route: &Route) -> impl Fn() -> Ready<Result<HttpResponse, Problem>> + Clone + 'static {
    let allow = route.allow();
    move || ready(Err(Problem::method_not_allowed(&allow)))
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

fn endless_paths() -> Scope {
    let is_endless = guard::fn_guard(|context| context.head().uri.path().len() > MAX_PATH_BYTES);
    web::scope("").guard(is_endless).default_service(web::to(not_found))
}

/// A zone by its id, for those who read: matched by the path above the id, and by its length. The zones are at hand, and not
/// looked for among what the application holds.
struct Beneath {
    prefix: &'static str,
    zones: String,
    parking: Data<Parking>,
}

impl Beneath {
    /// `path` ends with the id.
    fn new(prefix: &'static str, path: &str, parking: Data<Parking>) -> Self {
        Self { prefix, zones: path.strip_suffix(ID).unwrap_or(path).to_owned(), parking }
    }
}

impl HttpServiceFactory for Beneath {
    fn register(self, config: &mut AppService) {
        let Self { prefix, zones, parking } = self;
        let mut address = ResourceDef::prefix(zones.as_str());
        address.set_name(format!("{prefix}{zones}{ID}"));
        let reads = move |context: &GuardContext<'_>| {
            let head = context.head();
            matches!(head.method, Method::GET | Method::HEAD) && is_plain(head.uri.path(), &zones)
        };
        let reads: Box<dyn Guard> = Box::new(guard::fn_guard(reads));
        let show = move |caller, request| zones::show(caller, request, parking.clone());
        config.register_service(address, Some(vec![reads]), web::route().to(show), None);
    }
}

/// Whether a path ends with that of the zones, a slash, and as many bytes as an id has. The prefix alone is
/// the list's path too, and that of whatever else is beneath it.
fn is_plain(path: &str, zones: &str) -> bool {
    let id = path.len().checked_sub(uuid::fmt::Hyphenated::LENGTH).and_then(|at| path.split_at_checked(at));
    id.and_then(|(before, _)| before.strip_suffix('/')).is_some_and(|before| before.ends_with(zones))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_are_of_the_partner_api_and_of_nothing_else() {
        let prefixes = partner_prefixes();
        let covers = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()));
        for path in
            ["/parking/zones", "/v3/parking/zones/1", "/shared/access-tokens", "/v3/oauth2/token", "/oauth2/usage"]
        {
            assert!(covers(path), "{path}");
        }
        for path in
            ["/", "/admin/clients", "/sandbox/clock", "/metrics", "/v3", "/v3/admin/clients", "/v33/parking/zones"]
        {
            assert!(!covers(path), "{path}");
        }
    }
}
