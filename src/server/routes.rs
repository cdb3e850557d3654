//! The route table: every path that this server answers, and what answers it.
//!
//! A route is public by name here, or its handler's first argument is the gate. A resource has a name so that
//! `http::durations` finds its route without a search.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error, FromRequest, Handler, HttpResponse, Responder, Scope, guard};

use super::parts::Parts;
use crate::http::authorized::{AnyAdmin, Authorized};
use crate::http::error::Problem;
use crate::http::response::{ResponseHeaders, Site};
use crate::http::{
    admin, health, introspect, metadata, metrics, oauth_endpoint, parking as zones, plain_http, problems, revoke,
    token, usage,
};
use crate::oauth::resource::{METADATA_PATH, Resource};

/// The longest path that is looked at, in bytes as sent. The longest that means anything, every byte of its two
/// identifiers percent-encoded, has some 325.
const MAX_PATH_BYTES: usize = 512;

/// What is reached over TLS.
pub(super) fn secure_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.admission.clone())
        .app_data(parts.client_credentials.clone())
        .app_data(parts.administration.clone())
        .app_data(Data::new(parts.source_limit.clone()))
        .app_data(parts.audit.clone())
        .app_data(parts.clients.clone())
        .app_data(parts.keys.clone())
        .app_data(parts.key_schedule.clone())
        .app_data(parts.parking.clone())
        .app_data(parts.policy.clone())
        .app_data(parts.clock.clone())
        .app_data(parts.metrics.clone())
        .app_data(parts.readiness.clone())
        // In the order of their use, for they are tried one after the other; and patterns, which are costly to try in
        // vain, after all that has none.
        .configure(|config| plain_routes(config, parts))
        .service(endless_paths())
        .service(web::scope("/v3").configure(|config| plain_routes(config, parts)).configure(zones::routes))
        .configure(zones::routes)
        .service(
            web::scope("/admin")
                .configure(admin::clients::routes)
                .configure(admin::secrets::routes)
                .configure(admin::usage::routes)
                .configure(admin::revocations::routes)
                .configure(admin::keys::routes)
                .configure(admin::audit::routes),
        )
        .configure(public_pages)
        .configure(probes)
        .service(
            web::resource("/metrics")
                .name("/metrics")
                .route(web::get().to(metrics::guarded))
                .route(web::head().to(metrics::guarded))
                .default_service(web::to(|_: Authorized<AnyAdmin>| async { not_allowed() })),
        )
        .default_service(web::to(nothing_here))
        .wrap(ResponseHeaders::new(site, &parts.durations, "https"))
}

/// What partners call, at `/` and under `/v3`, by paths without a pattern.
fn plain_routes(config: &mut ServiceConfig, parts: &Parts) {
    zones::most_asked_for(config, &parts.parking);
    token::routes(config, &parts.source_limit);
    config
        .service(oauth_endpoint("/oauth2/revoke", revoke::revoke).wrap(parts.source_limit.before_reading()))
        .service(oauth_endpoint("/oauth2/introspect", introspect::introspect).wrap(parts.source_limit.before_reading()))
        .service(read_only("/oauth2/usage", usage::usage));
}

/// Paths that no pattern is tried on: each that is takes some 60 ns for each byte, whoever asks.
fn endless_paths() -> Scope {
    let is_endless = guard::fn_guard(|asked| asked.head().uri.path().len() > MAX_PATH_BYTES);
    web::scope("").guard(is_endless).default_service(web::to(nothing_here))
}

/// What anybody may read.
fn public_pages(config: &mut ServiceConfig) {
    config
        .service(document("/.well-known/oauth-authorization-server", metadata::authorization_server))
        .service(document("/.well-known/openid-configuration", metadata::openid_provider))
        .service(document("/.well-known/jwks.json", metadata::jwk_set));
    for resource in Resource::ALL {
        config.service(document(&format!("{METADATA_PATH}{}", resource.path), metadata::protected_resource));
    }
    config
        .service(read_only("/oauth2/authorize", metadata::no_sign_in))
        .service(read_only("/problems/{kind}", problems::page))
        .service(read_only("/static/style.css", problems::style));
}

/// What tells whether the server is well; for anybody.
fn probes(config: &mut ServiceConfig) {
    config.service(read_only("/livez", health::livez)).service(read_only("/readyz", health::readyz));
}

/// What operators' own tools reach over plain HTTP, on a port of their own: how the server is, and nothing
/// of what it serves.
pub(super) fn ops_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.metrics.clone())
        .app_data(parts.readiness.clone())
        .configure(probes)
        .service(read_only("/metrics", metrics::open))
        .default_service(web::to(nothing_here))
        .wrap(ResponseHeaders::new(site, &parts.durations, "http"))
}

/// What plain HTTP is answered: nothing but no.
pub(super) fn clear_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.admission.clone())
        .app_data(parts.client_credentials.clone())
        .app_data(parts.administration.clone())
        .default_service(web::to(plain_http::refuse))
        // What came in the clear is burned whatever its host is.
        .wrap(ResponseHeaders::new(site, &parts.durations, "http").with_any_host())
}

fn oauth_endpoint<F, Args>(path: &str, handler: F) -> actix_web::Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).name(path).route(web::post().to(handler)).default_service(web::to(oauth_endpoint::wrong_method))
}

fn read_only<F, Args>(path: &str, handler: F) -> actix_web::Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .name(path)
        .route(web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler))
        .default_service(web::to(|| async { not_allowed() }))
}

/// What pages of any origin may read.
fn document<F, Args>(path: &str, handler: F) -> actix_web::Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    read_only(path, handler)
        .route(web::method(Method::OPTIONS).to(metadata::preflight))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::method_not_allowed(metadata::METHODS)) }))
}

fn not_allowed() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}
