//! The route table: every path that this server answers, and what answers it.
//!
//! A route is public by name here, or its handler's first argument is the gate.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error, FromRequest, Handler, HttpResponse, Resource, Responder, guard};

use super::Parts;
use crate::http::answer::{Complete, Site};
use crate::http::error::Problem;
use crate::http::token::SourceLimit;
use crate::http::{admin, clear, introspect, metadata, parking as zones, problems, revoke, token, usage};

/// What is reached over TLS.
pub(super) fn secure_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    let limit = parts.source_limit.clone();
    App::new()
        .app_data(site.clone())
        .app_data(parts.admission.clone())
        .app_data(parts.grants.clone())
        .app_data(parts.changes.clone())
        .app_data(parts.audit.clone())
        .app_data(parts.clients.clone())
        .app_data(parts.keys.clone())
        .app_data(parts.key_schedule.clone())
        .app_data(parts.parking.clone())
        .app_data(parts.terms.clone())
        .app_data(parts.clock.clone())
        .service(web::scope("/v3").configure(|config| partner_routes(config, &limit)))
        .service(
            web::scope("/admin")
                .configure(admin::clients::routes)
                .configure(admin::keys::routes)
                .configure(admin::audit::routes),
        )
        .configure(|config| partner_routes(config, &limit))
        .configure(public_pages)
        .default_service(web::to(nothing_here))
        .wrap(Complete)
}

/// What partners call; at `/` and under `/v3`.
fn partner_routes(config: &mut ServiceConfig, limit: &SourceLimit) {
    token::routes(config, limit);
    config
        .service(oauth_endpoint("/oauth2/revoke", revoke::revoke))
        .service(oauth_endpoint("/oauth2/introspect", introspect::introspect))
        .service(read_only("/oauth2/usage", usage::usage))
        .configure(zones::routes);
}

/// What anybody may read.
fn public_pages(config: &mut ServiceConfig) {
    config
        .service(read_only("/.well-known/oauth-authorization-server", metadata::authorization_server))
        .service(read_only("/.well-known/openid-configuration", metadata::authorization_server))
        .service(read_only("/.well-known/oauth-protected-resource", metadata::protected_resource))
        .service(read_only("/.well-known/jwks.json", metadata::jwk_set))
        .service(read_only("/problems/{kind}", problems::page))
        .service(read_only("/static/style.css", problems::style));
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
        .app_data(parts.grants.clone())
        .app_data(parts.changes.clone())
        .default_service(web::to(clear::refuse))
        .wrap(Complete)
}

fn oauth_endpoint<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::post().to(handler)).default_service(web::to(token::wrong_method))
}

fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::method_not_allowed("GET, HEAD")) }))
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}
