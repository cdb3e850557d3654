//! The applications of the three listeners: what their handlers use, their routes, and what every answer carries.

use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data};
use actix_web::{App, Error};

use super::parts::Parts;
use super::upkeep::JumpUpkeep;
use crate::http::response::{ResponseHeaders, Site};
use crate::http::router::Optional;
use crate::http::sandbox::{InnerLayer, OuterLayer, RecordedBody, ScopedOperations};
use crate::http::{plain_http, router, routes};
use crate::sandbox::{Sandbox, Upkeep};

/// Serves the API and its administration over TLS.
pub(super) fn secure_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    api(parts, site).wrap(response_headers(parts, site))
}

/// The same in a sandbox, with its control, and a layer on each side of what every answer has.
pub(super) fn sandbox_app(
    parts: &Parts,
    site: &Data<Site>,
    sandbox: &Data<Sandbox>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<RecordedBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    api(parts, site)
        .app_data(sandbox.clone())
        .app_data(parts.own_addresses.clone())
        .app_data(Data::new(ScopedOperations(routes::scoped_operations())))
        .app_data(Data::from(Arc::new(JumpUpkeep(parts.clone())) as Arc<dyn Upkeep>))
        .configure(|config| {
            if let Some(gate_state) = &parts.gate_state {
                config.app_data(gate_state.clone());
            }
        })
        .wrap(InnerLayer(sandbox.clone(), routes::needed_scope, routes::is_page))
        .wrap(response_headers(parts, site))
        .wrap(OuterLayer(sandbox.clone(), routes::is_page))
}

/// What every answer of the API has. The requests that a walk refuses are recorded.
fn response_headers(parts: &Parts, site: &Data<Site>) -> ResponseHeaders {
    let headers = ResponseHeaders::new(site, &parts.durations, "https");
    headers.recording(&parts.refusals).with_cors(parts.cors.clone())
}

/// The handlers with what they use, and no layer around them.
fn api(
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
        .app_data(parts.passports.clone())
        .app_data(parts.policy.clone())
        .app_data(parts.refusals.clone())
        .app_data(parts.activity.clone())
        .app_data(parts.clock.clone())
        .app_data(parts.metrics.clone())
        .app_data(parts.readiness.clone())
        .app_data(parts.api_document.clone())
        .app_data(parts.pages.clone())
        .configure(|config| {
            if let Some(installation) = &parts.installation {
                config.app_data(installation.clone());
            }
            let has = Optional { sandbox: parts.sandbox.is_some(), console: parts.pages.frame.has_console };
            router::over_tls(config, &parts.parking, &parts.source_limit, has);
        })
}

/// Serves probes and metrics over plain HTTP, on the port for operators. It has nothing of the API.
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
        .configure(router::for_operators)
        .wrap(ResponseHeaders::new(site, &parts.durations, "http"))
}

/// Refuses every request over plain HTTP.
pub(super) fn plain_http_app(
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
        // An exposed token is revoked whatever the host is.
        .wrap(ResponseHeaders::new(site, &parts.durations, "http").with_any_host())
}
